/** Pages of others, in a real browser: what they reach of a server, and what not. */

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { launch, Server } from './support.js';

let browser;
let pages;
let port;

before(async () => {
  browser = await launch(['--host-resolver-rules=MAP *.test 127.0.0.1']);
  pages = createServer((_, response) => response.end('<!doctype html><title>A page</title>'));
  await new Promise((resolve) => pages.listen(0, '127.0.0.1', resolve));
  port = pages.address().port;
});

after(async () => {
  await browser?.close();
  await new Promise((resolve) => pages.close(resolve));
});

/** Whether a page of this origin gets a WebSocket at a URL. */
async function gets(origin, url) {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(`${origin}/`);
    return await page.evaluate(
      (url) =>
        new Promise((resolve) => {
          const socket = new WebSocket(url);
          socket.onopen = () => resolve(true);
          socket.onclose = () => resolve(false);
        }),
      url,
    );
  } finally {
    await context.close();
  }
}

const rtc = (host, server) => `ws://${host}:${server.port}/rtc?userid=eve@example.com`;

test('a foreign page gets no WebSocket of a server that nobody has configured', async () => {
  const server = await Server.start();
  try {
    for (const host of ['127.0.0.1', 'localhost'])
      assert.equal(await gets(`http://evil.test:${port}`, rtc(host, server)), false, host);
    // The server's own page, and one of the developer's own machine.
    assert.equal(await gets(`http://127.0.0.1:${server.port}`, rtc('127.0.0.1', server)), true);
    assert.equal(await gets(`http://localhost:${port}`, rtc('127.0.0.1', server)), true);
    // Under a name a page must come from there.
    assert.equal(await gets(`http://calls.test:${server.port}`, rtc('calls.test', server)), true);
    assert.equal(await gets(`http://calls.test:${port}`, rtc('calls.test', server)), false);
    assert.equal(await gets(`http://localhost:${port}`, rtc('calls.test', server)), false);
  } finally {
    await server.stop();
  }
});

test('where origins are named no other page gets a WebSocket, and with a star any does', async () => {
  const server = await Server.start(`origins = ["http://app.test:${port}"]`);
  try {
    assert.equal(await gets(`http://app.test:${port}`, rtc('127.0.0.1', server)), true);
    for (const other of [`http://evil.test:${port}`, `http://127.0.0.1:${server.port}`])
      assert.equal(await gets(other, rtc('127.0.0.1', server)), false, other);
  } finally {
    await server.stop();
  }
  const open = await Server.start('origins = "*"');
  try {
    assert.equal(await gets(`http://evil.test:${port}`, rtc('127.0.0.1', open)), true);
  } finally {
    await open.stop();
  }
});
