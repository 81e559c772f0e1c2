import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { connect, createServer, type Server as NetServer, type Socket as NetSocket } from 'node:net';
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';
import { Client, type ClientOptions } from '../src/index.js';
import { SERVERS } from './places.js';

/** A real server on a free port of the loopback. */
export class Server {
  port = 0;
  #process: ChildProcess | undefined;
  #config: string[] = [];

  /** `config`: the file with its configuration, if it has one. */
  static async start(config?: string): Promise<Server> {
    const server = new Server();
    if (config) server.#config = ['--config', config];
    await server.start(0);
    return server;
  }

  /** Starts it, again on the port it had. */
  async start(port = this.port): Promise<void> {
    const program = SERVERS.find((path) => existsSync(path));
    assert.ok(program, `no server: build one, or set STROWGER_SERVER (looked at ${SERVERS.join(', ')})`);
    const child = spawn(program, ['serve', '--listen', `127.0.0.1:${port}`, ...this.#config], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    const lines = [createInterface(child.stdout), createInterface(child.stderr)];
    this.port = await new Promise((resolve, reject) => {
      const said: string[] = [];
      for (const line of lines) {
        line.on('line', (text) => {
          said.push(text);
          const found = /ws:\/\/127\.0\.0\.1:(\d+)\//.exec(text)?.[1];
          if (found) resolve(Number(found));
        });
      }
      child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${said.join('\n')}`)));
    });
  }

  /** Ends it: `SIGTERM` drains, `SIGKILL` does not. */
  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }
}

/** Stands between a client and the server, and cuts. */
export class Path {
  port = 0;
  readonly #listener: NetServer;
  readonly #pairs = new Set<[NetSocket, NetSocket]>();
  /** Whether it lets nobody in. */
  isClosed = false;
  /** Whether it takes bytes and passes none on, as a dead network does. */
  isDeaf = false;

  private constructor(target: () => number) {
    this.#listener = createServer((near) => {
      if (this.isClosed) {
        near.destroy();
        return;
      }
      const far = connect(target(), '127.0.0.1');
      const pair: [NetSocket, NetSocket] = [near, far];
      this.#pairs.add(pair);
      for (const [from, to] of [pair, [far, near] as const]) {
        from.on('data', (bytes) => this.isDeaf || to.write(bytes));
        from.on('error', () => to.destroy());
        from.on('close', () => {
          to.destroy();
          this.#pairs.delete(pair);
        });
      }
    });
  }

  static start(server: Server): Promise<Path> {
    const proxy = new Path(() => server.port);
    return new Promise((resolve) => {
      proxy.#listener.listen(0, '127.0.0.1', () => {
        proxy.port = (proxy.#listener.address() as { port: number }).port;
        resolve(proxy);
      });
    });
  }

  /** Cuts every connection; what is on its way is lost. */
  cut(): void {
    for (const [near, far] of this.#pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  stop(): Promise<void> {
    this.cut();
    return new Promise((resolve) => this.#listener.close(() => resolve()));
  }
}

/** A client of this name that is not connected yet. */
export function client(port: number, user: string, options: Partial<ClientOptions> = {}): Client {
  return new Client({
    url: `ws://127.0.0.1:${port}/rtc`,
    userid: `${user}@example.com`,
    WebSocket,
    ...options,
  });
}

/** The next event of a name; the safety net says which one did not come. */
export function next<Event>(
  on: (listener: (event: Event) => void) => () => void,
  what: string,
  test: (event: Event) => boolean = () => true,
): Promise<Event> {
  return new Promise((resolve, reject) => {
    const net = setTimeout(() => reject(new Error(`${what} did not come`)), 30_000);
    const off = on((event) => {
      if (!test(event)) return;
      clearTimeout(net);
      off();
      resolve(event);
    });
  });
}
