import { type Beginning, Call, type CallOwner } from './call.js';
import type { CallOptions } from './call-options.js';
import { type Clock, systemClock } from './clock.js';
import { Connection, type ConnectionState, type Offline, type SocketClass } from './connection.js';
import type { Listed } from './core/adopting.js';
import {
  decode,
  type Headers,
  type Message,
  type Method,
  type Request,
  type Response,
} from './core/message.js';
import type { Timers } from './core/records.js';
import { accepted, StrowgerError } from './errors.js';
import { Emitter } from './events.js';
import { Incoming } from './incoming.js';
import { Lease } from './lease.js';
import { Line, type LineOwner } from './line.js';
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
  /** A message. Without a listener its sender gets 480. */
  message: Incoming;
  /** Somebody calls: answer or reject. Without a listener the caller gets 480. */
  call: Call;
  /**
   * A call that another client of this name began and that still lives, such as that of this page before it was
   * reloaded: take it up by {@link Call.rejoin}, or hang up. The server is asked only if somebody listens when the
   * client connects first.
   */
  found: Call;
  /** Any other request. */
  request: Incoming;
  /** Every frame, for those who want to watch the protocol. */
  frame: { direction: 'in' | 'out'; message: Message };
}

/** Headers and body of a request. */
export interface RequestOptions {
  /** Any JSON value. */
  body?: unknown;
  /** What the body is. Default for a message: `text/plain`. */
  contentType?: string | undefined;
  /** More headers. */
  headers?: Headers | undefined;
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
  readonly #connection: Connection;
  readonly #line: Line;
  readonly #calls = new Map<string, Call>();
  readonly #leases = new Map<string, Lease>();
  #connecting: { resolve(): void; reject(error: StrowgerError): void } | undefined;
  #isResumed = false;
  #unwatch: (() => void) | undefined;
  /** Requests that came while the server was asked which calls live. */
  #held: string[] | undefined;

  /**
   * Does not connect yet.
   *
   * @throws StrowgerError 400 without a name, 480 where there is no WebSocket class.
   */
  constructor(options: ClientOptions) {
    super();
    const { url, userid, token, timers, maxBytes, clock = systemClock, random = secureRandom } = options;
    const socket = options.WebSocket ?? (globalThis.WebSocket as SocketClass | undefined);
    if (!socket) throw new StrowgerError(480, 'no WebSocket');
    if (!userid) throw new StrowgerError(400, 'no userid');
    this.userid = userid;
    this.#options = options;
    this.#line = new Line(this.#lineOwner(), clock, random, {
      timers,
      maxBytes,
    });
    this.#connection = new Connection(
      { url, userid, token, socket, clock, random },
      {
        up: () => this.#up(),
        frame: (text) => {
          this.#show('in', text);
          const isRequest = this.#held && decode(text)?.Type !== 'RESPONSE';
          if (isRequest) this.#held?.push(text);
          else this.#receive(text);
        },
        down: (isLost, { reason }) => this.#down(isLost ? 503 : undefined, reason),
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
  message(
    to: string,
    body: unknown,
    { contentType = 'text/plain', headers }: RequestOptions = {},
  ): Promise<Response> {
    return this.request('MESSAGE', to, { body, contentType, headers });
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
    return this.#call({ id: this.#line.id(), peer: to, options });
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
    return accepted(await this.#open(method, this.#line.id(), to, plain(options)));
  }

  #open(method: Method, dialog: string, to: string, headers: Headers, after = 0): Promise<Response> {
    return this.#line.open({ method, dialog, from: this.userid, to, headers, after });
  }

  async #lease(method: Method, to: string, expire: number, options: RequestOptions): Promise<Lease> {
    const id = this.#line.id();
    const headers = plain(options);
    let after = 0;
    const send = async (more: Headers) =>
      accepted(await this.#open(method, id, to, { ...headers, ...more }, after++));
    const lease = new Lease(await send({ Expire: expire }), expire, this.#line.clock, send);
    // Each NOTIFY begins a dialog of its own.
    const key = `${to} ${headers.Event}`;
    this.#leases.set(key, lease);
    lease.on('ended', () => this.#leases.delete(key));
    return lease;
  }

  #call(beginning: Beginning): Call {
    const call = new Call(this.#callOwner(), beginning);
    this.#calls.set(call.id, call);
    return call;
  }

  /**
   * A peer connection as the options want it; for calls, and for rooms.
   *
   * @internal
   */
  newPeer(configuration?: RTCConfiguration): RTCPeerConnection {
    const { peerConnection, iceServers = [] } = this.#options;
    const all = { iceServers, ...configuration };
    return peerConnection ? peerConnection(all) : new RTCPeerConnection(all);
  }

  #callOwner(): CallOwner {
    const { mediaDevices } = this.#options;
    return {
      line: this.#line,
      userid: this.userid,
      clock: this.#line.clock,
      mediaDevices: () => mediaDevices ?? navigator.mediaDevices,
      newPeer: (configuration) => this.newPeer(configuration),
      forget: (call) => this.#calls.delete(call.id),
      call: (to, options) => this.call(to, options),
    };
  }

  #lineOwner(): LineOwner {
    const client = this;
    return {
      get state() {
        return client.state;
      },
      send: (text) => {
        this.#connection.send(text);
        this.#show('out', text);
      },
      told: (output) => {
        if (output.kind === 'incoming') this.#incoming(output.request);
        else if (output.kind === 'request')
          this.#calls.get(output.request.DialogueID)?.onRequest(output.request);
        else if (output.kind === 'ended') this.#calls.get(output.dialog)?.onEnded(output);
        else if (this.state === 'online') this.#connection.abandon('no answer in time');
      },
    };
  }

  #receive(text: string): void {
    this.#line.tell((stack, now) => stack.receive(now, text));
  }

  /**
   * Asks which calls of this name live. What comes meanwhile has to wait: a call that is not known yet would be
   * taken for none, and that ends it.
   */
  async #find(): Promise<void> {
    this.#held = [];
    const about = { Event: 'dialog', Expire: 0 };
    const { Body } = await this.#open('SUBSCRIBE', this.#line.id(), this.userid, about);
    const held = this.#held;
    this.#held = undefined;
    const found: Call[] = [];
    for (const listed of (Body as { dialogs?: Listed[] } | undefined)?.dialogs ?? []) {
      const { id, state, remote } = listed;
      // An INVITE that nobody has answered comes again, as a call like any other.
      if (state !== 'confirmed' && held.join().includes(id)) continue;
      this.#line.tell((stack, now) => {
        if (stack.adopt(now, listed))
          found.push(this.#call({ id, peer: String(remote.identity), found: listed }));
      });
    }
    for (const call of found) this.emit('found', call);
    for (const text of held) this.#receive(text);
  }

  #watch(): void {
    const { page = browserPage } = this.#options;
    if (!page || this.#unwatch) return;
    const look = () => {
      this.#connection.hurry();
      this.#check();
    };
    this.#unwatch = page({
      online: () => {
        look();
        for (const call of this.#calls.values()) call.onResumed();
      },
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
    this.#line.tell((stack, now) => stack.connected(now));
    this.#connecting?.resolve();
    this.#connecting = undefined;
    this.emit('online', { isResumed });
    if (!isResumed && this.hears('found')) this.#find().catch(() => {});
    if (!isResumed) return;
    for (const call of this.#calls.values()) call.onResumed();
    for (const lease of [...this.#leases.values()]) lease.refresh();
  }

  #down(lost: number | undefined, reason: string): void {
    this.#line.tell((stack, now) => {
      stack.disconnected(now);
      if (!lost) return;
      if (this.#held) this.#held = [];
      stack.lost(now, lost, reason || 'channel lost');
    });
  }

  #over(closed: Offline): void {
    const isReplaced = closed.code === 4001;
    const reason = isReplaced ? 'replaced' : closed.reason;
    const error = new StrowgerError(480, `${closed.code} ${reason}`);
    this.#unwatch?.();
    this.#unwatch = undefined;
    this.#down(480, reason);
    this.#connecting?.reject(error);
    this.#connecting = undefined;
    for (const lease of [...this.#leases.values()]) lease.over(error);
    if (isReplaced) this.emit('replaced', closed);
    this.emit('offline', closed);
  }

  #show(direction: 'in' | 'out', text: string): void {
    if (!this.hears('frame')) return;
    try {
      this.emit('frame', { direction, message: JSON.parse(text) as Message });
    } catch {
      // Whatever is not JSON is for the stack to refuse.
    }
  }

  #incoming(request: Request): void {
    const { Type, From, Event } = request;
    const incoming = new Incoming(request, (code, reason) => this.#line.answer(request, code, reason));
    if (Type === 'INVITE') {
      this.#invited(request);
    } else if (Type === 'OPTIONS') {
      incoming.respond(200);
    } else if (Type === 'NOTIFY' && this.#leases.get(`${From} ${Event}`)?.notify(request)) {
      incoming.respond(200);
    } else {
      const isMessage = Type === 'MESSAGE';
      const name = isMessage ? 'message' : 'request';
      const isHeard = this.hears(name);
      this.emit(name, incoming);
      if (!incoming.isHeld) incoming.respond(isMessage ? (isHeard ? 200 : 480) : 501);
    }
  }

  #invited(request: Request): void {
    const { DialogueID, From, Replaces } = request;
    const call = this.#call({
      id: DialogueID,
      peer: From,
      invite: request,
      replaces: this.#calls.get(String(Replaces)),
    });
    if (!this.hears('call')) return call.reject(480);
    call.ring();
    this.emit('call', call);
  }
}

/** Ids made of it cannot be guessed. */
const secureRandom = () => (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32;

const plain = ({ body, contentType, headers }: RequestOptions): Headers => ({
  'Content-Type': contentType,
  ...headers,
  ...(body !== undefined && { Body: body }),
});
