/** A server, a path to it that can be cut, and browsers with made-up cameras. */

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = new URL('../../../', import.meta.url);
const { chromium } = createRequire(new URL('sdk/js/package.json', root))('playwright-core');

const target = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL('target', root));
/** Where the pictures of each state go. */
export const PICTURES = `${target}/browser`;

const BROWSER = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = [
  '--no-sandbox',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--auto-select-desktop-capture-source=Entire screen',
  '--autoplay-policy=no-user-gesture-required',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--mute-audio',
  '--allow-loopback-in-peer-connection',
  '--disable-background-networking',
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

/** Longer than anything here takes: a test that waits in vain fails instead of hanging. */
export const PATIENCE = 60_000;

/** Starts the browser of all tests. */
export async function launch() {
  if (!existsSync(BROWSER)) throw new Error(`no browser at ${BROWSER}: scripts/bootstrap, or set CHROMIUM`);
  mkdirSync(PICTURES, { recursive: true });
  return chromium.launch({ executablePath: BROWSER, args: FLAGS });
}

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
  #listener;
  #sockets = new Set();

  /** @param {Server} server */
  static async start(server) {
    const path = new Path();
    path.#listener = createServer((near) => {
      if (path.isClosed) return near.resetAndDestroy();
      const far = connect(server.port, '127.0.0.1');
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
