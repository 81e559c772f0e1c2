/** The console of the real server: what it may do, and a call that draws itself. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { after, afterEach, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { answerer, caller } from '../../../sdk/js/scripts/talk.mjs';
import { POLICY } from './mock.js';
import { launch, Onlooker, PICTURES } from './support.js';

const target = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL('../../../target', import.meta.url));

/** A real server on free ports of the loopback: where it takes users, and where its console is. */
async function start() {
  mkdirSync(PICTURES, { recursive: true });
  const file = `${PICTURES}/server-${process.pid}.toml`;
  writeFileSync(file, '');
  const program = process.env.STROWGER_SERVER ?? `${target}/debug/strowger`;
  const listen = ['--listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0'];
  const child = spawn(program, ['serve', ...listen, '--config', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const found = {};
  await new Promise((resolve, reject) => {
    createInterface(child.stdout).on('line', (line) => {
      found.port ??= /ws:\/\/127\.0\.0\.1:(\d+)\//.exec(line)?.[1];
      found.console ??= /(http:\/\/127\.0\.0\.1:\d+\/console)/.exec(line)?.[1];
      if (found.port && found.console) resolve();
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
  return { ...found, stop: () => child.kill('SIGKILL') };
}

let server;
let browser;
/** Clients that are connected. */
let clients = [];
let one;

before(async () => {
  server = await start();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  server?.stop();
});

test('the server says of the page what the tests against no server take it to say', async () => {
  const page = await fetch(server.console);
  assert.equal(page.headers.get('content-security-policy'), POLICY);
  const root = await fetch(server.console.replace('/console', '/'));
  assert.equal(root.url, server.console);
});

afterEach(async () => {
  await one?.leave();
  const faults = one?.faults ?? [];
  one = undefined;
  for (const client of clients) client.close();
  clients = [];
  assert.deepEqual(faults, []);
});

async function look(hash = '') {
  one = await Onlooker.come(browser, server.console, { hash });
}

async function bobAnswers(user) {
  clients.push(await answerer(server.port, user));
}

test('every page shows what the real server tells', async () => {
  await bobAnswers('bob.pages@example.com');
  await look();
  await one.sees('.overview .facts', { hasText: 'admitted' });
  await one.sees('.overview td', { hasText: 'relay' });
  await one.page.waitForFunction(() =>
    document.querySelector('.chart path.line')?.getAttribute('d')?.includes('L'),
  );
  await one.click('#nav a', { hasText: 'Channels' });
  await one.click('.list a', { hasText: 'bob.pages' });
  await one.sees('.detail', { hasText: '127.0.0.1:' });
  await one.click('#nav a', { hasText: 'Services' });
  await one.click('.service', { hasText: 'relay' });
  await one.sees('tr', { hasText: 'built-in' });
  await one.sees('.list-note', { hasText: 'No instance runs' });
  await one.click('#nav a', { hasText: 'Links' });
  await one.sees('.list-note', { hasText: 'dials no other one' });
  await one.page.goto(`${server.console}#/channels/bob.pages%40example.com`);
  await one.click('.detail button', { hasText: 'End this channel' });
  await one.click('#confirm-yes');
  await one.sees('#toasts', { hasText: 'The channel has ended' });
  await one.sees('.list-note', { hasText: 'No channel fits' });
});

test('a call is in the list as it begins, draws itself, and ends before our eyes', async () => {
  await bobAnswers('bob@example.com');
  await look('#/calls?user=alice%40example.com');
  await one.sees('.list-note', { hasText: 'No call fits' });
  const alice = await caller(server.port, 'alice@example.com', 'bob@example.com');
  clients.push(alice.client);
  await one.click('.list a', { hasText: 'alice' });
  await one.sees('.call .chip', { hasText: 'live' });
  const says = (label) => one.sees(`.ladder-rows button[aria-label*="${label}"]`);
  for (const user of ['alice', 'bob'])
    await one.sees(`.machine:has-text("${user}@example.com") .pill`, { hasText: 'Established' });
  assert.deepEqual(await one.page.locator('.ladder-heads .name').allTextContents(), [
    'alice@example.com',
    'relay',
    'bob@example.com',
  ]);
  await one.page.locator('.handle').press('Home');
  await says('alice@example.com to relay: INVITE 1');
  await says('relay to bob@example.com: INVITE 1');
  await one.sees('.machine:has-text("alice@example.com") .pill', { hasText: 'Inviting' });
  await one.picture('real-call');
  await one.click('.to-now');
  await alice.call.hangUp();
  await says('alice@example.com to relay: BYE');
  await one.sees('.call .chip', { hasText: 'ended' });
  await one.sees('.ladder-rows li[data-kind="ended"]');
  await one.page.locator('.handle').press('Home');
  await one.sees('.ladder-rows li.at[data-kind="began"]');
});
