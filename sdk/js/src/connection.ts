/**
 * One socket after another under the same name. Knows close codes and back-off, nothing of messages.
 *
 * The heartbeat is the server's: it pings, browsers and `ws` answer by themselves. A page sees no Ping, so a dead
 * socket is noticed by the missing answer to a request instead.
 */

import type { Clock } from './clock.js';

/** What is needed of a WebSocket: browsers have it, Node's `ws` too. */
export interface Socket {
  /** Called when it is open. */
  onopen: ((event: never) => void) | null;
  /** Called with each frame. */
  onmessage: ((event: never) => void) | null;
  /** Called once when it is closed, however it was. */
  onclose: ((event: never) => void) | null;
  /** Called before it is closed for a fault. */
  onerror: ((event: never) => void) | null;
  /** Sends a text frame. */
  send(text: string): void;
  /** Closes it. */
  close(code?: number, reason?: string): void;
}

/** Makes a WebSocket: the class itself. */
export type SocketClass = new (url: string, protocols?: string[]) => Socket;

/** Whether there is a socket, or will be one. */
export type ConnectionState = 'offline' | 'connecting' | 'online' | 'reconnecting';

/** Why a client is offline. */
export interface Offline {
  /** The WebSocket's close code, 1000 for {@link Client.close}; 4001: another connection took the name over. */
  code: number;
  /** In words. */
  reason: string;
}

/** What a connection tells its owner. */
export interface ConnectionOwner {
  /** There is a socket. */
  up(): void;
  frame(text: string): void;
  /** The socket is gone, the next one will come. `isLost`: the server has forgotten the channel. */
  down(isLost: boolean, closed: Offline): void;
  /** The next attempt begins in `delay` milliseconds; `attempt` counts from 1. */
  waiting(attempt: number, delay: number): void;
  /** There will be no other socket. */
  over(closed: Offline): void;
}

export interface ConnectionOptions {
  url: string;
  userid: string;
  token?: string | (() => string | Promise<string>) | undefined;
  socket: SocketClass;
  clock: Clock;
  random: () => number;
}

/** The other end took the name over: reconnecting would take it back, for ever. */
const REPLACED = 4001;
/** The token is no longer valid. */
const EXPIRED = 4003;
/** The server stops: it takes its dialogs with it. */
const RESTART = 1012;
/** The server refused what we sent and ended the channel; to send it again would end the next one. */
const REFUSED = [1002, 1003, 1007, 1008, 1009, 1010];
/** Our own: the page sleeps; the channel is kept. */
const ASLEEP = 4000;

/** An attempt may take so long. */
const CONNECT_MS = 10_000;
/** A connection that lived so long was a good one: the next failure begins the back-off anew. */
const STABLE_MS = 10_000;
const BACKOFF_MS = 500;
const BACKOFF_MAX_MS = 30_000;

/** Keeps one socket, from {@link Connection.open} to {@link Connection.close}. */
export class Connection {
  state: ConnectionState = 'offline';
  readonly #options: ConnectionOptions;
  readonly #owner: ConnectionOwner;
  #socket: Socket | undefined;
  /** Distinguishes what a former socket or attempt says. */
  #epoch = 0;
  #attempt = 0;
  #since = 0;
  #timer: unknown;
  #isAsleep = false;

  constructor(options: ConnectionOptions, owner: ConnectionOwner) {
    this.#options = options;
    this.#owner = owner;
  }

  open(): void {
    if (this.state !== 'offline') return;
    this.state = 'connecting';
    this.#attempt = 0;
    void this.#dial();
  }

  send(text: string): void {
    this.#socket?.send(text);
  }

  /** Ends the channel: the server keeps nothing for us. */
  close(reason: string): void {
    if (this.state === 'offline') return;
    this.#drop(1000, reason);
    this.#end({ code: 1000, reason });
  }

  /** The socket is believed dead: goes on to the next one. */
  abandon(reason: string): void {
    this.#drop(ASLEEP, reason);
    this.#next(false, { code: 1006, reason });
  }

  /** Do not wait any longer for the next attempt: the network is back. */
  hurry(): void {
    if (this.state === 'reconnecting' && !this.#socket && !this.#isAsleep) this.#redial();
  }

  /** The page is put aside: no socket until {@link Connection.wake}. */
  sleep(): void {
    if (this.state === 'offline') return;
    this.#isAsleep = true;
    this.abandon('asleep');
  }

  wake(): void {
    if (!this.#isAsleep) return;
    this.#isAsleep = false;
    this.#redial();
  }

  async #dial(): Promise<void> {
    this.#epoch += 1;
    const epoch = this.#epoch;
    const { clock, url, userid, token, socket: SocketOfChoice } = this.#options;
    let socket: Socket | undefined;
    const isCurrent = () => this.#epoch === epoch;
    const failed = (code: number, reason: string) => {
      if (!isCurrent()) return;
      this.#drop(ASLEEP, reason);
      this.#closed({ code, reason });
    };
    this.#timer = clock.set(CONNECT_MS, () => failed(1006, 'no answer in time'));
    try {
      const bearer = typeof token === 'function' ? await token() : token;
      if (!isCurrent()) return;
      const target = new URL(url, globalThis.location?.href);
      target.protocol = target.protocol.replace('http', 'ws');
      target.searchParams.set('userid', userid);
      socket = bearer
        ? new SocketOfChoice(target.href, ['jsip', `bearer.${bearer}`])
        : new SocketOfChoice(target.href);
    } catch (error) {
      failed(1006, error instanceof Error ? error.message : String(error));
      return;
    }
    this.#socket = socket;
    socket.onopen = () => isCurrent() && this.#opened();
    socket.onmessage = ({ data }: { data: unknown }) =>
      isCurrent() && typeof data === 'string' && this.#owner.frame(data);
    socket.onclose = ({ code, reason }: Offline) => failed(code, reason);
    // A close event follows, and says more.
    socket.onerror = () => {};
  }

  #opened(): void {
    const { clock } = this.#options;
    clock.clear(this.#timer);
    this.#timer = undefined;
    this.#since = clock.now();
    this.state = 'online';
    this.#owner.up();
  }

  /** Lets go of the socket, the attempt or the wait that there is. */
  #drop(code: number, reason: string): void {
    const { clock } = this.#options;
    this.#epoch += 1;
    clock.clear(this.#timer);
    this.#timer = undefined;
    const socket = this.#socket;
    this.#socket = undefined;
    try {
      socket?.close(code, reason);
    } catch {
      // It was closed already, or never opened.
    }
  }

  #closed(closed: Offline): void {
    const { code } = closed;
    const { token } = this.#options;
    const isFinal = code === REPLACED || (code === EXPIRED && typeof token !== 'function');
    // Before the first success a wrong address or token is likelier than bad luck.
    if (isFinal || this.state === 'connecting') this.#end(closed);
    else this.#next(code === RESTART || REFUSED.includes(code), closed);
  }

  #end(closed: Offline): void {
    this.state = 'offline';
    this.#isAsleep = false;
    this.#owner.over(closed);
  }

  #next(isLost: boolean, closed: Offline): void {
    const { clock, random } = this.#options;
    const wasOnline = this.state === 'online';
    if (wasOnline && clock.now() - this.#since >= STABLE_MS) this.#attempt = 0;
    this.state = 'reconnecting';
    if (wasOnline) this.#owner.down(isLost, closed);
    // The owner may have closed us.
    if ((this.state as ConnectionState) !== 'reconnecting' || this.#isAsleep) return;
    const ceiling = Math.min(BACKOFF_MS * 2 ** this.#attempt, BACKOFF_MAX_MS);
    // All clients of a server that restarts come at once, if nobody spreads them.
    const least = closed.code === RESTART ? 1_000 : this.#attempt && ceiling / 2;
    const delay = Math.round(least + random() * Math.max(ceiling / 2, least));
    this.#attempt += 1;
    this.#timer = clock.set(delay, () => this.#redial());
    this.#owner.waiting(this.#attempt, delay);
  }

  #redial(): void {
    this.#drop(ASLEEP, '');
    void this.#dial();
  }
}
