// What an instance can do while it handles an event.
import { passedOn } from './bridge.js';
import { Chance } from './chance.js';
import { answering, asking, bytes, type HttpAnswer, type HttpRequest } from './event.js';
import type { Request, Response } from './message.js';
import { Store } from './store.js';
import type * as wit from './wit.js';

/** What a component imports. */
export interface Imports {
  readonly host: wit.Host;
  readonly store: wit.Store;
}

/**
 * What an instance can do. It is the same object for as long as the instance lives; commands are carried out in their
 * order once the event is handled, and one that cannot be carried out comes back as `refused`.
 */
export class Context {
  /** What all instances of the service share. */
  readonly store: Store;
  readonly #host: wit.Host;
  readonly #chance: Chance;
  #whereabouts: wit.Whereabouts | undefined;
  #relationPrefix: string | undefined;
  #last: wit.Last = { leg: 0, request: 0, timer: 0, relation: 0, fetch: 0, sync: 0 };
  #now = 0;
  #came: wit.OnLeg | undefined;
  #config: unknown;
  #commands: wit.Command[] = [];

  /** For the component: authors are given one. */
  constructor(setup: wit.Setup, imports: Imports) {
    this.store = new Store(imports.store);
    this.#host = imports.host;
    this.#chance = new Chance(setup.seed);
  }

  /** For the component: an event is handled, which has brought this request on a new leg. */
  begin(now: wit.Duration, lastLeg: wit.Leg, came?: wit.OnLeg): void {
    this.#now = Number(now) / 1000;
    this.#last.leg = lastLeg;
    this.#came = came;
  }

  /** For the component: where an instance that was saved goes on. */
  goOn(at: wit.Moment): void {
    this.#now = Number(at.now) / 1000;
    this.#last = { ...at.last };
  }

  /** For the component: the commands so far. */
  take(): wit.Command[] {
    return this.#commands.splice(0);
  }

  /** For the component: the settings may be others now. */
  forgetConfig(): void {
    this.#config = undefined;
  }

  /** The name under which the service runs. */
  get service(): string {
    return this.#facts.service;
  }

  /** The node's own host names. */
  get ownHosts(): readonly string[] {
    return this.#facts.ownHosts;
  }

  get #facts(): wit.Whereabouts {
    this.#whereabouts ??= this.#host.facts();
    return this.#whereabouts;
  }

  /** The time since the node started, in milliseconds. It stands still while an event is handled. */
  get now(): number {
    return this.#now;
  }

  /** The settings of the service; an empty object where there are none. */
  get config(): unknown {
    this.#config ??= JSON.parse(this.#host.config());
    return this.#config;
  }

  /** Opens a leg to whoever the first Router URI, else the Request-URI, names. */
  open(request: Request): { readonly leg: number; readonly id: number } {
    const [leg, id] = [++this.#last.leg, ++this.#last.request];
    this.#commands.push({ tag: 'open', val: { leg, id, message: request.toString() } });
    return { leg, id };
  }

  /**
   * Forwards the first request of a leg to whoever its first Router URI, else its Request-URI, names, and leaves the call to
   * the node: what comes on either leg goes out on the other, until both have ended, and a REFER is carried out. The instance
   * gets no more events, what else it has ends as with `finish`, and later commands are not carried out.
   *
   * The request is the one that came, with another Request-URI, say; it must keep its CSeq. Refused, and the instance goes
   * on, if the leg has ended or nobody waits for an answer to the request.
   */
  forward(leg: number, request: Request): void {
    const [to, id] = [++this.#last.leg, ++this.#last.request];
    const text = passedOn(request, this).toString();
    const asItCame = leg === this.#came?.leg && text === this.#came.message;
    // The node has it, once.
    if (asItCame) this.#came = undefined;
    this.#commands.push({ tag: 'forward', val: { leg, to, id, message: asItCame ? null : text } });
  }

  /** Sends a request on a leg; gives the number that comes back with its responses. */
  send(leg: number, request: Request): number {
    const id = ++this.#last.request;
    this.#commands.push({ tag: 'send', val: { leg, id, message: request.toString() } });
    return id;
  }

  /** Answers a request; make the response with `Response.to`. */
  respond(leg: number, response: Response): void {
    this.#commands.push({ tag: 'respond', val: { leg, message: response.toString() } });
  }

  /** Answers a request of which only the CSeq was kept. */
  answer(leg: number, cseq: number, code: number, reason: string): void {
    this.#commands.push({ tag: 'answer', val: { leg, cseq, code, reason } });
  }

  /** Fires a timer once after so many milliseconds. */
  setTimer(after: number): number {
    const timer = ++this.#last.timer;
    this.#commands.push({ tag: 'set-timer', val: { timer, after: Math.max(0, Math.round(after * 1000)) } });
    return timer;
  }

  /** Forgets a timer. */
  cancelTimer(timer: number): void {
    this.#commands.push({ tag: 'cancel-timer', val: timer });
  }

  /** Makes a relation id: a request whose first Router URI carries it as `relid` reaches this instance. */
  relation(): string {
    const number = ++this.#last.relation;
    this.#commands.push({ tag: 'relate', val: number });
    this.#relationPrefix ??= this.#host.relationPrefix();
    return `${this.#relationPrefix}.${number}`;
  }

  /** Makes an HTTP request; exactly one `fetched` follows. */
  fetch(request: HttpRequest): number {
    const id = ++this.#last.fetch;
    this.#commands.push({ tag: 'fetch', val: { id, request: asking(request) } });
    return id;
  }

  /** Answers an HTTP request. */
  httpRespond(id: number, answer: HttpAnswer): void {
    this.#commands.push({ tag: 'http-respond', val: { id, response: answering(answer) } });
  }

  /** Hears from now on what siblings publish on a topic. */
  listen(topic: string): void {
    this.#commands.push({ tag: 'listen', val: topic });
  }

  /** Tells all siblings that listen to a topic, on whichever shard; not itself. */
  publish(topic: string, text: string): void {
    this.#commands.push({ tag: 'publish', val: { topic, text } });
  }

  /** Is told from now on of each change of a key with this prefix that somebody else makes. */
  watch(prefix: string): void {
    this.#commands.push({ tag: 'watch', val: prefix });
  }

  /** Asks to be told when the store as it is now is on disk: `synced`. */
  sync(): number {
    const id = ++this.#last.sync;
    this.#commands.push({ tag: 'sync', val: id });
    return id;
  }

  /** Writes a log line, at once. */
  log(level: wit.Level, text: string): void {
    this.#host.log(level, text);
  }

  /** Ends the instance after this event. */
  finish(): void {
    this.#commands.push({ tag: 'finish' });
  }

  /** Ends the instance after this event, as failed. */
  fail(reason: string): void {
    this.#commands.push({ tag: 'fail', val: reason });
  }

  /** A number from 0 to just below 1 that nobody outside can guess. */
  random(): number {
    return (this.#chance.word() * 0x200000 + (this.#chance.word() >>> 11)) / 2 ** 53;
  }

  /** 32 hexadecimal digits that nobody outside can guess. */
  token(): string {
    const words = Array.from({ length: 4 }, () => this.#chance.word());
    return words.map((word) => word.toString(16).padStart(8, '0')).join('');
  }
}

/** What is kept for the next version, as bytes. */
export function saved(value: Uint8Array | string | undefined): Uint8Array | null {
  return value === undefined ? null : bytes(value);
}
