// Two headless Chromium pages call each other over the built package: pictures must arrive, and go on through hold, ICE
// restart, a screen shared and a socket cut. Needs a server (STROWGER_SERVER) and Chromium (CHROMIUM).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Path, Server } from '../build/test/server.js';
import { launch } from './chromium.mjs';

const PAGE = '<!doctype html><meta charset="utf-8"><title>sdk</title><video autoplay playsinline></video>';

const dist = new URL('../dist/', import.meta.url);
const files = createServer(({ url }, response) => {
  const path = new URL(url, 'http://x').pathname;
  if (path === '/') return response.setHeader('Content-Type', 'text/html').end(PAGE);
  if (!/^\/[\w/.-]+\.js$/.test(path) || path.includes('..')) return response.writeHead(404).end();
  response.setHeader('Content-Type', 'text/javascript').end(readFileSync(new URL(`.${path}`, dist)));
});
await new Promise((resolve) => files.listen(0, '127.0.0.1', resolve));
const server = await Server.start();
const path = await Path.start(server);
const browser = await launch();

/** Runs in the page: a client that answers, and what the test asks of its call. */
async function start([port, name]) {
  const { Client } = await import('/index.js');
  const client = new Client({ url: `ws://127.0.0.1:${port}/rtc`, userid: `${name}@example.com` });
  const media = { audio: true, video: true };
  const take = (call) => {
    globalThis.sdkCall = call;
    call.on('streams', ({ remote }) => {
      document.querySelector('video').srcObject = remote ?? null;
    });
  };
  client.on('call', (call) => {
    take(call);
    call.answer(media);
  });
  globalThis.sdkClient = client;
  globalThis.sdkDial = async (peer) => {
    take(client.call(`${peer}@example.com`, media));
    await globalThis.sdkCall.established;
  };
  await client.connect();
}

const frames = (page) =>
  page.evaluate(async () => (await globalThis.sdkCall.statistics()).video.framesDecoded);

const received = (page) =>
  page.evaluate(async () => {
    const { audio, video } = await globalThis.sdkCall.statistics();
    return [audio.bytesReceived, video.bytesReceived];
  });

/** Waits until more pictures arrived; the time is a safety net. */
async function grows(page, what) {
  const before = await frames(page);
  for (let tries = 0; tries < 150; tries += 1) {
    if ((await frames(page)) > before + 5) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`no more pictures: ${what}`);
}

async function stands(page) {
  for (let tries = 0; tries < 150; tries += 1) {
    if ((await page.evaluate(() => globalThis.sdkCall?.state)) === 'active') return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the call does not stand');
}

try {
  const [alice, bob] = await Promise.all([browser.newPage(), browser.newPage()]);
  for (const [page, name, port] of [
    [alice, 'alice', path.port],
    [bob, 'bob', server.port],
  ]) {
    page.on('pageerror', (error) => console.error(name, error));
    await page.goto(`http://127.0.0.1:${files.address().port}/`);
    await page.evaluate(start, [port, name]);
  }
  const both = (what) => Promise.all([grows(alice, `alice, ${what}`), grows(bob, `bob, ${what}`)]);
  const step = async (what, act) => {
    const begin = Date.now();
    await act();
    console.log(`ok ${what} (${Date.now() - begin} ms)`);
  };
  const call = (page, method, ...values) =>
    page.evaluate(([name, given]) => globalThis.sdkCall[name](...given), [method, values]);

  await step('a video call', async () => {
    await alice.evaluate(() => globalThis.sdkDial('bob'));
    await stands(bob);
    await both('after the answer');
  });
  await step('hold and resume', async () => {
    await call(alice, 'hold');
    assert.equal(await bob.evaluate(() => globalThis.sdkCall.isHeldByPeer), true);
    // What was under way has arrived after half a second; then nothing comes, of either kind, on either side.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const before = await Promise.all([received(alice), received(bob)]);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    assert.deepEqual(await Promise.all([received(alice), received(bob)]), before, 'nothing is heard or seen');
    await call(alice, 'resume');
    await both('after the hold');
  });
  await step('ICE restart', async () => {
    await call(bob, 'restartIce');
    await both('after the restart');
  });
  await step('changes that collide', async () => {
    await Promise.all([call(alice, 'restartIce'), call(bob, 'restartIce')]);
    await both('after the collision');
  });
  await step('a socket cut in the call', async () => {
    path.cut();
    await call(alice, 'sendDtmf', '12');
    await both('after the cut');
  });
  await step('hanging up', async () => {
    await call(alice, 'hangUp');
    const { code } = await bob.evaluate(() => globalThis.sdkCall.ended);
    assert.equal(code, 200);
  });
} finally {
  await browser.close();
  await path.stop();
  await server.stop();
  files.close();
}
