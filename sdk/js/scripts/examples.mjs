// Runs the examples, and the twenty lines of docs/sdk.md: pages in headless Chromium, the bot in Node. Needs what
// browser.mjs needs.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { next, Server } from '../build/test/server.js';
import { Client, fixedMedia } from '../dist/index.js';
import { launch } from './chromium.mjs';
import { serve } from './pages.mjs';

const MAP = '<script type="importmap">{ "imports": { "@strowger/client": "/client/index.js" } }</script>';
const DOCUMENT = readFileSync(new URL('../../../docs/sdk.md', import.meta.url), 'utf8');
const PATIENCE = 30_000;

/** The first piece of code of a language below a heading. */
const snippet = (heading, language) =>
  new RegExp(`^## ${heading}$[^]*?\`\`\`${language}\\n([^]*?)\`\`\``, 'm').exec(DOCUMENT)?.[1] ??
  assert.fail(heading);

const server = await Server.start();
const port = String(server.port);
const here = (text) => text.replaceAll('localhost:8080', `127.0.0.1:${port}`);
const twenty = snippet('Twenty lines to a call', 'html');
assert.ok(twenty.split('\n').length <= 25, 'twenty lines, more or less');
const pages = await serve(0, { '/twenty': `<!doctype html>${MAP}${here(twenty)}` });
const browser = await launch();
const faults = [];

async function open(path, name) {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.on('pageerror', (error) => faults.push(`${path} ${name}: ${error}`));
  const address = `http://127.0.0.1:${pages.address().port}${path}?server=ws://127.0.0.1:${port}/rtc`;
  return { page, go: () => page.goto(address) };
}

/** Waits until the page has decoded pictures of somebody else. */
const watches = (page) =>
  page.waitForFunction(() => document.querySelector('video')?.getVideoPlaybackQuality().totalVideoFrames > 5);

const step = async (what, act) => {
  const begin = Date.now();
  await act();
  console.log(`ok ${what} (${Date.now() - begin} ms)`);
};

/** Both pages of an example, signed in by their first field. */
async function pair(path) {
  const people = [];
  for (const name of ['alice', 'bob']) {
    const { page, go } = await open(path, name);
    await go();
    await page.getByLabel('Your name').fill(name);
    await page.getByText('Sign in').click();
    await page.getByLabel('Whom to call').waitFor({ state: 'visible' });
    people.push(page);
  }
  return people;
}

async function dial(page, peer) {
  await page.getByLabel('Whom to call').fill(peer);
  await page.getByRole('button', { name: 'Call' }).click();
}

async function talk(path) {
  const [alice, bob] = await pair(path);
  await dial(alice, 'bob');
  await bob.getByRole('button', { name: 'Answer' }).click();
  await Promise.all([watches(alice), watches(bob)]);
  await alice.getByRole('button', { name: 'Hang up' }).click();
  await bob.getByLabel('Whom to call').waitFor({ state: 'visible' });
  await Promise.all([alice.close(), bob.close()]);
}

/** The bot as its users start it. */
async function startBot() {
  const bot = spawn(
    process.execPath,
    [fileURLToPath(new URL('../examples/node/bot.mjs', import.meta.url)), `ws://127.0.0.1:${port}/rtc`],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await new Promise((resolve, reject) => {
    createInterface(bot.stdout).on('line', (line) => / answers$/.test(line) && resolve());
    bot.once('exit', (code) => reject(new Error(`the bot ended with ${code}`)));
  });
  return bot;
}

async function asksBot() {
  const client = new Client({ url: `ws://127.0.0.1:${port}/rtc`, userid: 'asks@example.com', WebSocket });
  await client.connect();
  const echo = next((listener) => client.on('message', listener), 'the echo');
  await client.message('echo@example.com', 'hello');
  assert.equal((await echo).body, 'hello');
  client.close();
}

try {
  await step('the twenty lines of docs/sdk.md', async () => {
    const answers = { alice: ['alice', 'bob'], bob: ['bob', ''] };
    const people = [];
    for (const name of ['bob', 'alice']) {
      const { page, go } = await open('/twenty', name);
      page.on('dialog', (dialog) =>
        dialog.accept(dialog.type() === 'prompt' ? answers[name].shift() : undefined),
      );
      await go();
      people.push(page);
    }
    await Promise.all(people.map(watches));
    await Promise.all(people.map((page) => page.close()));
  });
  await step('the bot of docs/sdk.md', async () => {
    const code = here(snippet('A bot in Node', 'js'))
      .replace("from '@strowger/client'", `from '${new URL('../dist/index.js', import.meta.url)}'`)
      .replace("from 'ws'", `from '${import.meta.resolve('ws')}'`);
    const { bot } = await import(`data:text/javascript,${encodeURIComponent(`${code}export { bot };`)}`);
    const client = new Client({ url: `ws://127.0.0.1:${port}/rtc`, userid: 'reads@example.com', WebSocket });
    await client.connect();
    const answer = next((listener) => client.on('message', listener), 'the answer');
    await client.message('bot@example.com', 'hi');
    assert.equal((await answer).body, 'you said: hi');
    const call = client.call('bot@example.com', { media: fixedMedia('v=0...') });
    await call.established;
    await call.hangUp();
    for (const one of [bot, client]) one.close();
  });
  await step('the page without a bundler', () => talk('/html/'));
  await step('the page with React', () => talk('/react/'));
  const bot = await startBot();
  await step('the bot sends back what is written to it', asksBot);
  await step('the bot sends back what it sees', async () => {
    const [alice, bob] = await pair('/html/');
    await dial(alice, 'echo');
    await watches(alice);
    await Promise.all([alice.close(), bob.close()]);
  });
  const ended = new Promise((resolve) => bot.once('exit', resolve));
  bot.kill('SIGTERM');
  assert.equal(await ended, 0, 'the bot ends in order');
  assert.deepEqual(faults, []);
} finally {
  await browser.close();
  await server.stop();
  pages.close();
}
