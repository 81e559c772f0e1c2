import { Call, type CallOptions, type Signalling } from './call.js';
import { type Clock, systemClock } from './clock.js';
import { Connection, type ConnectionState, type Offline, type SocketClass } from './connection.js';
import type { Headers, Message, Method, Request, Response } from './core/message.js';
import type { Output, Timers } from './core/records.js';
import { Stack } from './core/stack.js';
import { StrowgerError } from './errors.js';
import { Emitter } from './events.js';
import { type Answer, IncomingMessage, IncomingRequest } from './incoming.js';
import { Lease } from './lease.js';
import { browserPage, type Page } from './page.js';

/** How a {@link Client} is set up; only `url` and `userid` are needed in a browser. */
export interface ClientOptions {
  /** Where the server listens, such as `wss://example.com/rtc`; in a page also `/rtc`. */
  url: string;
  /** The name to be known by: `user@host`. */
  userid: string;
  /**
   * What proves the name, or a function that is asked for it at each connection. Sent as the WebSocket subprotocols
   * `jsip` and `bearer.TOKEN`, since a page can set no header: the server has to authenticate so and to choose `jsip`.
   */
  token?: string | (() => string | Promise<string>);
  /** The WebSocket class; needed where there is no global one, such as `ws` in Node 20. */
  WebSocket?: SocketClass;
  /** Makes peer connections. Default: the global `RTCPeerConnection`. */
  peerConnection?: (configuration: RTCConfiguration) => RTCPeerConnection;
  /** Where cameras, microphones and screens come from. Default: `navigator.mediaDevices`. */
  mediaDevices?: Pick<MediaDevices, 'getUserMedia' | 'getDisplayMedia'>;
  /** STUN and TURN servers for all calls. */
  iceServers?: RTCIceServer[];
  /** How long requests wait, in milliseconds: only where the server's `timers` differ from its defaults. */
  timers?: Partial<Timers>;
  /** The server's `limits.message_bytes`. Default 65,536. */
  maxBytes?: number;
  /** How the page's life is watched; `false` for not at all. Default: the page's own events, if there is a page. */
  page?: Page | false;
  /** The time, for tests. */
  clock?: Clock;
  /** Random numbers from 0 to below 1, for tests. */
  random?: () => number;
}

/** What a {@link Client} tells. */
export interface ClientEvents {
  /** Connected. `isResumed`: it was before; what was sent meanwhile arrives now. */
  online: { isResumed: boolean };
  /** The connection is gone; the next attempt begins in `delay` milliseconds. Nothing is lost so far. */
  reconnecting: { attempt: number; delay: number };
  /** Not connected, and not trying to be. */
  offline: Offline;
  /** Another connection took the name over. `offline` follows. */
  replaced: Offline;
  message: IncomingMessage;
  /** Somebody calls: answer or reject. Without a listener the caller gets 480. */
  call: Call;
  /** Any other request. */
  request: IncomingRequest;
  /** Every frame, for those who want to watch the protocol. */
  frame: { direction: 'in' | 'out'; message: Message };
}

/** Headers and body of a request. */
export interface RequestOptions {
  body?: unknown;
  contentType?: string;
  headers?: Headers;
}

interface Waiting {
  resolve(response: Response): void;
  onProgress?: ((response: Response) => void) | undefined;
}

/**
 * One user's connection to a Strowger server: sends and receives messages and calls, and comes back by itself when
 * the connection breaks, with nothing lost and nothing done twice.
 *
 * ```ts
 * const client = new Client({ url: 'wss://example.com/rtc', userid: 'alice@example.com' });
 * client.on('message', ({ from, body }) => console.log(`${from}: ${body}`));
 * client.on('call', (call) => call.answer({ audio: true, video: true }));
 * await client.connect();
 * await client.message('bob@example.com', 'hello');
 * ```
 */
export class Client extends Emitter<ClientEvents> {
  /** The name given at construction. */
  readonly userid: string;
  readonly #options: ClientOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #connection: Connection;
  readonly #stack: Stack;
  readonly #waiting = new Map<number, Waiting>();
  readonly #calls = new Map<string, Call>();
  readonly #leases = new Map<string, Lease>();
  #connecting: { resolve(): void; reject(error: StrowgerError): void } | undefined;
  #isResumed = false;
  #isDraining = false;
  #timer: unknown;
  #unwatch: (() => void) | undefined;

  constructor(options: ClientOptions) {
    super();
    const { url, userid, token, timers, maxBytes } = options;
    const socket = options.WebSocket ?? (globalThis.WebSocket as unknown as SocketClass | undefined);
    if (!socket) throw new StrowgerError(480, 'there is no WebSocket here: give one as the option WebSocket');
    this.userid = userid;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? secureRandom;
    this.#stack = new Stack({ ...(timers && { timers }), ...(maxBytes && { maxBytes }) });
    this.#connection = new Connection(
      { url, userid, token, socket, clock: this.#clock, random: this.#random },
      {
        up: () => this.#up(),
        frame: (text) => this.#frame(text),
        down: (isLost, { reason }) => this.#down(isLost, reason),
        waiting: (attempt, delay) => this.emit('reconnecting', { attempt, delay }),
        over: (closed) => this.#over(closed),
      },
    );
  }

  /** Whether there is a connection, or will be one. */
  get state(): ConnectionState {
    return this.#connection.state;
  }

  /** The calls that have not ended. */
  get calls(): Call[] {
    return [...this.#calls.values()];
  }

  /**
   * Connects. Resolves once connected; from then on the client reconnects by itself until {@link Client.close}, or
   * until another connection takes the name over.
   *
   * Rejects if the first attempt fails: browsers do not say why, but a wrong address, name or token is likely.
   */
  connect(): Promise<void> {
    if (this.state !== 'offline')
      return Promise.reject(new StrowgerError(400, `connect while ${this.state}`));
    return new Promise((resolve, reject) => {
      this.#connecting = { resolve, reject };
      this.#isResumed = false;
      this.#watch();
      this.#connection.open();
    });
  }

  /** Ends everything: calls are hung up, open requests fail with 480, the server keeps nothing for this name. */
  close(): void {
    for (const call of this.#calls.values()) if (this.state === 'online') void call.hangUp().catch(() => {});
    this.#connection.close('closed');
  }

  /**
   * Sends a message. Resolves with the response once the other side has taken it; rejects with the code it gave, 480
   * if nobody of that name is there, 408 if nobody answered.
   */
  message(to: string, body: unknown, { contentType, headers }: RequestOptions = {}): Promise<Response> {
    return this.request('MESSAGE', to, {
      body,
      contentType: contentType ?? 'text/plain',
      ...(headers && { headers }),
    });
  }

  /**
   * Calls somebody. The call exists at once; wait for its `established`.
   *
   * ```ts
   * const call = client.call('bob@example.com', { audio: true, video: true });
   * call.on('streams', ({ remote }) => (video.srcObject = remote));
   * await call.established;
   * ```
   */
  call(to: string, options: CallOptions = {}): Call {
    const call = new Call(this.#signalling(), { id: this.#id(), peer: to, options });
    this.#calls.set(call.id, call);
    return call;
  }

  /**
   * Subscribes to an event of somebody and renews the subscription until it is ended.
   * Resolves when it is granted; `expire` is in seconds, default 3,600.
   */
  subscribe(
    to: string,
    event: string,
    { expire = 3_600, ...options }: RequestOptions & { expire?: number } = {},
  ) {
    return this.#lease('SUBSCRIBE', to, expire, {
      ...options,
      headers: { Event: event, ...options.headers },
    });
  }

  /**
   * Registers with a service and renews the registration until it is ended. The connection alone makes the name
   * reachable; this is for services that want to know more. `expire` is in seconds, default 3,600.
   */
  register(
    to: string,
    { expire = 3_600, ...options }: RequestOptions & { expire?: number } = {},
  ): Promise<Lease> {
    return this.#lease('REGISTER', to, expire, options);
  }

  /** Sends any request that stands alone. Resolves with the 2xx response, rejects with what else came. */
  async request(method: Method, to: string, options: RequestOptions = {}): Promise<Response> {
    return accepted(await this.#open(method, this.#id(), to, plain(options)));
  }

  async #lease(method: Method, to: string, expire: number, options: RequestOptions): Promise<Lease> {
    const id = this.#id();
    const headers = plain(options);
    let after = 0;
    const send = async (more: Headers) => {
      const opening = { method, dialog: id, from: this.userid, to, headers: { ...headers, ...more }, after };
      after += 1;
      return accepted(await this.#wait(() => this.#stack.open(this.#clock.now(), opening)));
    };
    const lease = new Lease(await send({ Expire: expire }), expire, this.#clock, send);
    this.#leases.set(id, lease);
    lease.on('ended', () => this.#leases.delete(id));
    return lease;
  }

  #id(): string {
    let id = '';
    for (let part = 0; part < 4; part += 1) {
      id += Math.floor(this.#random() * 2 ** 32)
        .toString(16)
        .padStart(8, '0');
    }
    return id;
  }

  #open(method: Method, dialog: string, to: string, headers: Headers, onProgress?: Waiting['onProgress']) {
    return this.#wait(
      () => this.#stack.open(this.#clock.now(), { method, dialog, from: this.userid, to, headers }),
      onProgress,
    );
  }

  /** A promise of the final response, whatever its code; rejects if the request cannot be sent. */
  #wait(send: () => number, onProgress?: Waiting['onProgress']): Promise<Response> {
    return new Promise((resolve) => {
      if (this.state === 'offline') throw new StrowgerError(480, 'not connected');
      this.#waiting.set(send(), { resolve, onProgress });
      this.#drain();
    });
  }

  #signalling(): Signalling {
    const { mediaDevices, peerConnection, iceServers } = this.#options;
    const now = () => this.#clock.now();
    return {
      clock: this.#clock,
      random: this.#random,
      iceServers: iceServers ?? [],
      mediaDevices: () => mediaDevices ?? navigator.mediaDevices,
      peerConnection: peerConnection ?? ((configuration) => new RTCPeerConnection(configuration)),
      invite: (call, headers, onProgress) => this.#open('INVITE', call.id, call.peer, headers, onProgress),
      request: (call, method, headers, onProgress) =>
        this.#wait(() => this.#stack.request(now(), call.id, method, headers), onProgress),
      ack: (call, headers) => {
        try {
          this.#stack.request(now(), call.id, 'ACK', headers);
        } catch {
          // The call ended meanwhile: nobody waits for it.
        }
        this.#drain();
      },
      respond: (request, code, headers) => this.#respond(request, code, headers),
      state: (call) => this.#stack.state(call.id),
      forget: (call) => this.#calls.delete(call.id),
      call: (to, options) => this.call(to, options),
    };
  }

  #respond(request: Request, code: number, headers: Headers = {}): boolean {
    try {
      this.#stack.respond(this.#clock.now(), request.DialogueID, request.CSeq, code, headers);
    } catch (error) {
      if (error instanceof StrowgerError && error.code === 481) return false;
      throw error;
    }
    this.#drain();
    return true;
  }

  #watch(): void {
    const { page = browserPage } = this.#options;
    if (!page || this.#unwatch) return;
    const look = () => {
      this.#connection.hurry();
      this.#check();
    };
    this.#unwatch = page({
      online: look,
      visible: look,
      hide: () => this.#connection.sleep(),
      show: () => this.#connection.wake(),
    });
  }

  /** Finds out whether the socket lives: an answer of any kind says so, and silence makes the stack suspect it. */
  #check(): void {
    if (this.state === 'online') this.request('OPTIONS', this.userid).catch(() => {});
  }

  #up(): void {
    const isResumed = this.#isResumed;
    this.#isResumed = true;
    this.#stack.connected(this.#clock.now());
    this.#drain();
    this.#connecting?.resolve();
    this.#connecting = undefined;
    this.emit('online', { isResumed });
    for (const call of this.#calls.values()) if (isResumed) call.onResumed();
  }

  #down(isLost: boolean, reason: string): void {
    this.#stack.disconnected(this.#clock.now());
    if (isLost) this.#stack.lost(this.#clock.now(), 503, reason || 'the server ended the channel');
    this.#drain();
  }

  #over(closed: Offline): void {
    const reason = closed.code === 4001 ? 'replaced by another connection' : closed.reason || 'offline';
    this.#unwatch?.();
    this.#unwatch = undefined;
    this.#stack.disconnected(this.#clock.now());
    this.#stack.lost(this.#clock.now(), 480, reason);
    this.#drain();
    this.#connecting?.reject(
      new StrowgerError(480, `cannot connect: ${closed.code} ${closed.reason}`.trim()),
    );
    this.#connecting = undefined;
    for (const lease of [...this.#leases.values()]) lease.over(new StrowgerError(480, reason));
    if (closed.code === 4001) this.emit('replaced', closed);
    this.emit('offline', closed);
  }

  #frame(text: string): void {
    if (this.hears('frame')) this.#show('in', text);
    this.#stack.receive(this.#clock.now(), text);
    this.#drain();
  }

  #show(direction: 'in' | 'out', text: string): void {
    try {
      this.emit('frame', { direction, message: JSON.parse(text) as Message });
    } catch {
      // Whatever is not JSON is for the stack to refuse.
    }
  }

  /** Does what the stack wants done, in its order, and sets the clock for its next deadline. */
  #drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    for (let output = this.#stack.poll(); output; output = this.#stack.poll()) this.#perform(output);
    this.#isDraining = false;
    this.#clock.clear(this.#timer);
    const { deadline } = this.#stack;
    if (deadline === undefined) return;
    this.#timer = this.#clock.set(Math.max(0, deadline - this.#clock.now()), () => {
      this.#stack.tick(this.#clock.now());
      this.#drain();
    });
  }

  #perform(output: Output): void {
    switch (output.kind) {
      case 'send':
        this.#connection.send(output.text);
        if (this.hears('frame')) this.#show('out', output.text);
        return;
      case 'incoming':
        return this.#incoming(output.request);
      case 'request':
        return this.#calls.get(output.request.DialogueID)?.onRequest(output.request);
      case 'response': {
        const waiting = this.#waiting.get(output.token);
        const { response } = output;
        if (response.Code < 200) return waiting?.onProgress?.(response);
        this.#waiting.delete(output.token);
        return waiting?.resolve(response);
      }
      case 'cancelled':
        return;
      case 'ended':
        return this.#calls.get(output.dialog)?.onEnded(output);
      case 'suspect':
        return this.#connection.abandon('nothing came in time');
    }
  }

  #incoming(request: Request): void {
    const answer: Answer = (code, reason) => this.#respond(request, code, reason ? { Reason: reason } : {});
    switch (request.Type) {
      case 'INVITE':
        return this.#invited(request);
      case 'MESSAGE': {
        const message = new IncomingMessage(request, answer);
        if (!this.hears('message')) message.reject(480, 'nobody reads messages here');
        this.emit('message', message);
        if (!message.isHeld) message.accept();
        return;
      }
      case 'OPTIONS':
        answer(200);
        return;
      case 'NOTIFY': {
        const lease = this.#leases.get(request.DialogueID);
        if (!lease) break;
        answer(200);
        return lease.notify(request);
      }
    }
    this.emit('request', new IncomingRequest(request, answer));
    if (!this.hears('request')) answer(501);
  }

  #invited(request: Request): void {
    const call = new Call(this.#signalling(), {
      id: request.DialogueID,
      peer: request.From,
      invite: request,
    });
    this.#calls.set(call.id, call);
    if (!this.hears('call')) return void call.reject(480, 'nobody takes calls here');
    call.ring();
    this.emit('call', call);
  }
}

/** Ids made of it cannot be guessed. */
const secureRandom = () => (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32;

const plain = ({ body, contentType, headers }: RequestOptions): Headers => ({
  ...(contentType !== undefined && { 'Content-Type': contentType }),
  ...headers,
  ...(body !== undefined && { Body: body }),
});

/** A response that is a success; anything else is an error. */
function accepted(response: Response): Response {
  if (response.Code >= 300) throw failure(response);
  return response;
}

/** What a response says, as an error. */
export const failure = ({ Code, Reason, Desc }: Response) =>
  new StrowgerError(Code, Reason || Desc || undefined);
