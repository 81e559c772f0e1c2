/** A server, a path to it that can be cut, and browsers with made-up cameras. */

import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export { launch } from '../../../sdk/js/scripts/chromium.mjs';
export { sit } from '../../../sdk/js/scripts/seat.mjs';

const root = new URL('../../../', import.meta.url);

const target = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL('target', root));
/** Where the pictures of each state go. */
export const PICTURES = `${target}/browser`;

/** Longer than anything here takes: a test that waits in vain fails instead of hanging. */
export const PATIENCE = 30_000;

/** A real server on a free port of the loopback. */
export class Server {
  port = 0;
  #process;

  /** @param {string} [config] The text of its configuration. */
  static async start(config = '', port = 0) {
    const server = new Server();
    const file = `${PICTURES}/server-${process.pid}-${Math.random().toString(36).slice(2)}.toml`;
    mkdirSync(PICTURES, { recursive: true });
    writeFileSync(file, config);
    const program = process.env.STROWGER_SERVER ?? `${target}/debug/strowger`;
    const child = spawn(program, ['serve', '--listen', `127.0.0.1:${port}`, '--config', file], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    server.#process = child;
    server.port = await new Promise((resolve, reject) => {
      createInterface(child.stdout).on('line', (line) => {
        const found = /ws:\/\/127\.0\.0\.1:(\d+)\//.exec(line);
        if (found) resolve(Number(found[1]));
      });
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
    });
    return server;
  }

  async stop() {
    const child = this.#process;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }
}

/** Stands between one page and the server. */
export class Path {
  port = 0;
  /** Whether it lets nobody in. */
  isClosed = false;
  /** The port of the server. */
  to = 0;
  #listener;
  #sockets = new Set();

  /** @param {Server} server */
  static async start(server) {
    const path = new Path();
    path.to = server.port;
    path.#listener = createServer((near) => {
      if (path.isClosed) return near.resetAndDestroy();
      const far = connect(path.to, '127.0.0.1');
      for (const [from, to] of [
        [near, far],
        [far, near],
      ]) {
        path.#sockets.add(from);
        from.on('data', (bytes) => to.write(bytes));
        from.on('error', () => to.destroy());
        from.on('close', () => {
          path.#sockets.delete(from);
          to.destroy();
        });
      }
    });
    await new Promise((resolve) => path.#listener.listen(0, '127.0.0.1', resolve));
    path.port = path.#listener.address().port;
    return path;
  }

  /** Breaks what there is and lets nobody in until `mend`. */
  cut() {
    this.isClosed = true;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  mend() {
    this.isClosed = false;
  }

  stop() {
    this.cut();
    return new Promise((resolve) => this.#listener.close(resolve));
  }
}

/** Somebody with a page of his own, behind a path that can be cut. */
export class Person {
  name;
  page;
  path;
  /** What went wrong in the page. @type {string[]} */
  faults = [];

  /** Opens the page, and signs in. @param {import('playwright-core').Browser} browser */
  static async come(browser, server, name, { context = {}, path } = {}) {
    const person = new Person();
    person.name = name;
    person.path = path ?? (await Path.start(server));
    const own = await browser.newContext({
      viewport: { width: 1360, height: 820 },
      permissions: ['camera', 'microphone'],
      ...context,
    });
    own.setDefaultTimeout(PATIENCE);
    person.page = await own.newPage();
    person.page.on('pageerror', (error) => person.faults.push(String(error)));
    person.page.on('console', (message) => {
      // A connection that is refused is what some tests are about.
      if (message.type() === 'error' && !/ERR_|WebSocket/.test(message.text()))
        person.faults.push(message.text());
    });
    await person.page.goto(`http://127.0.0.1:${person.path.port}/`);
    return person;
  }

  async signIn() {
    await this.page.fill('#name', this.name);
    await this.page.press('#name', 'Enter');
    await this.sees('#app');
    return this;
  }

  async leave() {
    await this.page.context().close();
    await this.path.stop();
  }

  /** Waits until something is shown. */
  sees(selector, options = {}) {
    return this.page.locator(selector, options).first().waitFor({ state: 'visible' });
  }

  /** Waits until something is gone. */
  misses(selector, options = {}) {
    return this.page.locator(selector, options).first().waitFor({ state: 'hidden' });
  }

  click(selector) {
    return this.page.locator(selector).click();
  }

  /** Turns to somebody in the list. */
  async turnTo(name) {
    await this.click(`#people-list [data-id="${name}@example.com"]`);
  }

  async calls(name) {
    await this.turnTo(name);
    await this.click('#call-video');
  }

  async answers() {
    await this.sees('#incoming[open]');
    await this.click('#answer');
    await this.talks();
  }

  /** Waits until the call stands. */
  talks() {
    return this.sees('#call-state[data-state="active"]');
  }

  isIdle() {
    return this.misses('#stage');
  }

  /** Pictures decoded of each of the others. */
  #frames() {
    return this.page.evaluate(() =>
      [...document.querySelectorAll('.tile:not(.self) video')].map(
        (video) => video.getVideoPlaybackQuality().totalVideoFrames,
      ),
    );
  }

  /** Waits until more pictures of so many others were decoded. */
  async watches(count = 1) {
    await this.page.waitForFunction(
      (count) => document.querySelectorAll('.tile:not(.self) video').length === count,
      count,
    );
    const before = await this.#frames();
    await this.page.waitForFunction(
      (before) =>
        [...document.querySelectorAll('.tile:not(.self) video')].every(
          // Another element counts from the beginning.
          (video, index) => {
            const { totalVideoFrames } = video.getVideoPlaybackQuality();
            return totalVideoFrames < before[index] || totalVideoFrames > before[index] + 5;
          },
        ),
      before,
    );
  }

  /** Waits until no more pictures of the others come. */
  async stalls() {
    let before = '';
    for (;;) {
      const now = String(await this.#frames());
      if (now === before) return;
      before = now;
      await this.page.waitForTimeout(1_000);
    }
  }

  async choosesCamera(index) {
    await this.click('#open-devices');
    await this.page.waitForFunction(() => document.querySelectorAll('#camera option').length > 1);
    await this.page.selectOption('#camera', { index });
    await this.click('#devices-close');
  }

  async writes(text) {
    await this.page.fill('#message', text);
    await this.page.press('#message', 'Enter');
  }

  /** A picture of the page as it is. */
  picture(name) {
    return this.page.screenshot({ path: `${PICTURES}/${name}.png` });
  }
}
