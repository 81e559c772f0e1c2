// Runs an instance with no server and a clock that the test moves: the test plays the peers.
import { Bridge } from './bridge.js';
import { component, type Exports } from './component.js';
import type { HttpAnswer, HttpAsked, HttpRequest, HttpResponse } from './event.js';
import { answering, asked, asking } from './event.js';
import { Request, Response } from './message.js';
import type { Service } from './service.js';
import { Store } from './store.js';
import { type Seen, type Sent, Stack } from './testkit/stack.js';
import { MemoryStore } from './testkit/store.js';
import { decode } from './utf8.js';
import type * as wit from './wit.js';

export type { Sent } from './testkit/stack.js';

/** What a test may say of the node. */
export interface Options {
  /** The name under which the service runs. Default `service`. */
  readonly name?: string;
  /** Its settings. Default none. */
  readonly config?: unknown;
  /** Where chance comes from. Default [1, 2]. */
  readonly seed?: readonly [number, number];
}

/** A log line. */
export interface LogLine {
  readonly level: wit.Level;
  readonly text: string;
}

/** One instance of a service, and everything around it. What differs from what a test expects is thrown. */
export class TestKit {
  /** The store of the service. */
  readonly store: Store;
  /** What it has logged. */
  readonly logs: LogLine[] = [];
  readonly #stack = new Stack();
  readonly #imports: { readonly host: wit.Host; readonly store: wit.Store };
  readonly #setup: wit.Setup;
  readonly #last: wit.Last = { leg: 0, request: 0, timer: 0, relation: 0, fetch: 0, sync: 0 };
  readonly #others: wit.Command[] = [];
  readonly #relations: string[] = [];
  readonly #waitingHttp = new Set<number>();
  readonly #fetches = new Set<number>();
  readonly #syncs: number[] = [];
  readonly #topics = new Set<string>();
  #exports: Exports;
  #instance: wit.Instance | undefined;
  #config: string;
  #keyed = false;
  #http = 0;
  #held = false;
  #over: string | undefined;
  #forwarded = false;

  constructor(service: Service, options: Options = {}) {
    this.#config = JSON.stringify(options.config ?? {});
    const [a, b] = options.seed ?? [1, 2];
    this.#setup = { seed: [a, b], surroundings: 1 };
    const host: wit.Host = {
      facts: () => ({ service: options.name ?? 'service', ownHosts: ['node.example'] }),
      relationPrefix: () => 'rel',
      log: (level, text) => void this.logs.push({ level, text }),
      config: () => this.#config,
    };
    this.#imports = { host, store: new MemoryStore(() => this.#stack.now) };
    this.store = new Store(this.#imports.store);
    this.#exports = component(service, this.#imports);
    this.#exports.checkConfig(this.#config);
  }

  /** Why the instance failed; `undefined` while it has not. */
  get failure(): string | undefined {
    return this.#over || undefined;
  }

  /** The relation ids that it has made. */
  get relations(): readonly string[] {
    return this.#relations;
  }

  /** What was refused to it. */
  get refusals(): readonly wit.Refusal[] {
    return this.#stack.refusals;
  }

  /** A request begins a dialog with the service; gives the new leg. */
  incoming(request: Request): number {
    this.#alive();
    const copy = request.clone();
    this.#keyed ||= this.#exports.key(copy.toString()) !== null;
    this.#last.leg += 1;
    this.#stack.incoming(this.#last.leg, copy);
    const leg = this.#last.leg;
    this.#run();
    return leg;
  }

  /** The peer sends a request on a leg. */
  request(leg: number, request: Request): void {
    this.#stack.request(leg, request.clone());
    this.#run();
  }

  /** The peer hangs up: a CANCEL where he called and waits, a BYE once the call is answered. */
  hangUp(leg: number): void {
    const record = this.#stack.live(leg);
    this.request(leg, record.make(record.state === 'answered' ? 'BYE' : 'CANCEL', true));
  }

  /** The peer answers a request of the service. */
  answer(sent: Sent, code: number, body?: unknown): void {
    this.respond(sent, Response.to(sent.request, code, body));
  }

  /** The peer answers a request of the service with this response. */
  respond(sent: Sent, response: Response): void {
    this.#alive();
    this.#stack.respond(sent.id, Response.parse(response.toString()));
    this.#run();
  }

  /** The channel of a peer is lost. */
  lose(leg: number): void {
    this.#stack.lose(leg);
    this.#run();
  }

  /** Whoever calls this user from now on gets 480. */
  offline(user: string): void {
    this.#stack.offline.add(user);
  }

  /** So many milliseconds pass; what is due happens in order. */
  advance(span: number): void {
    const until = this.#stack.now + span;
    for (let next = this.#stack.deadlines.take(until); next; next = this.#stack.deadlines.take(until)) {
      this.#stack.now = next.at;
      const { due } = next;
      if (due.kind === 'timer') this.#stack.pending.push({ tag: 'timer', val: due.timer });
      else this.#stack.expire(due.leg, due);
      this.#run();
    }
    this.#stack.now = until;
  }

  /** Everything in `happen` comes to pass before the service hears of any of it: messages that cross. */
  atOnce(happen: () => void): void {
    this.#held = true;
    try {
      happen();
    } finally {
      this.#held = false;
    }
    this.#run();
  }

  /** The operator changes the settings. */
  configure(config: unknown): void {
    const text = JSON.stringify(config);
    this.#exports.checkConfig(text);
    this.#config = text;
    this.deliver({ tag: 'config-changed' });
  }

  /** A sibling publishes something. */
  publish(topic: string, text: string): void {
    if (this.#topics.has(topic)) this.deliver({ tag: 'published', val: { topic, text } });
  }

  /** An HTTP request comes; gives its number. */
  http(request: HttpRequest): number {
    this.#alive();
    if (!this.#exports.takesHttp()) throw new Error('the service takes no HTTP requests: they get 404');
    const asking_ = asking(request);
    this.#keyed ||= this.#exports.httpKey(asking_) !== null;
    this.#http += 1;
    const id = this.#http;
    this.#waitingHttp.add(id);
    this.deliver({ tag: 'http', val: { id, request: asking_ } });
    return id;
  }

  /** An HTTP request of the service has its response, or none. */
  fetched(id: number, outcome: HttpAnswer | wit.FetchError): void {
    if (!this.#fetches.delete(id)) throw new Error(`there is no HTTP request ${id}`);
    const told: wit.Fetched['outcome'] =
      'tag' in outcome ? { tag: 'err', val: outcome } : { tag: 'ok', val: answering(outcome) };
    this.deliver({ tag: 'fetched', val: { id, outcome: told } });
  }

  /** The store is on disk: tells the service of each `sync`. */
  synced(): void {
    for (const id of this.#syncs.splice(0)) this.deliver({ tag: 'synced', val: { id, fault: null } });
  }

  /** Something else happens, in the words of the interface. */
  deliver(event: wit.Event): void {
    this.#alive();
    this.#stack.pending.push(event);
    this.#run();
  }

  /** A new version is loaded; the instance goes on in it. Throws why it does not. */
  upgrade(service: Service): void {
    this.#alive();
    const next = component(service, this.#imports);
    if (this.#forwarded) {
      // Nothing of the version is left.
      this.#exports = next;
      return;
    }
    const state = this.#instance?.save();
    if (!state) throw new Error('the instance stays with its version');
    this.#instance = next.Instance.restore(this.#setup, this.#moment(), state);
    this.#exports = next;
  }

  /** The next thing that the service sent must be the first request of a new leg. */
  expectOpen(): Sent {
    const seen = this.#stack.seen.shift();
    return seen?.type === 'open' ? seen.sent : this.#differs('a new leg', seen);
  }

  /** The next thing that the service sent must be a request with this method on this leg. */
  expectSend(leg: number, method: string): Sent {
    const seen = this.#stack.seen.shift();
    const fits = seen?.type === 'send' && seen.sent.leg === leg && seen.sent.request.method === method;
    return fits ? seen.sent : this.#differs(`${method} on leg ${leg}`, seen);
  }

  /** The next thing that the service sent must be a response with this code on this leg. */
  expectResponse(leg: number, code: number): Response {
    const seen = this.#stack.seen.shift();
    const fits = seen?.type === 'response' && seen.leg === leg && seen.response.code === code;
    return fits ? seen.response : this.#differs(`response ${code} on leg ${leg}`, seen);
  }

  /** The next of its other commands must be an HTTP request. */
  expectFetch(): { readonly id: number; readonly request: HttpAsked } {
    const { id, request } = this.#expectOther('fetch').val;
    return { id, request: asked(request) };
  }

  /** The next of its other commands must be the answer to an HTTP request, with this status. */
  expectHttp(id: number, status: number): HttpResponse {
    const { id: answered, response } = this.#expectOther('http-respond').val;
    if (answered !== id || response.status !== status) {
      throw new Error(`expected ${status} to HTTP request ${id}, found ${response.status} to ${answered}`);
    }
    return { ...response, text: decode(response.body) };
  }

  /** The next of its other commands must be something that is published. */
  expectPublished(): wit.Publication {
    return this.#expectOther('publish').val;
  }

  /** The service must have sent nothing more. */
  expectNothing(): void {
    const seen = this.#stack.seen.shift();
    if (seen) this.#differs('nothing', seen);
  }

  /** The instance must have ended without failing, and everything that it sent must have been expected. */
  assertFinished(): void {
    this.expectNothing();
    if (this.#over) throw new Error(`the instance failed: ${this.#over}`);
    if (this.#over === undefined) {
      const legs = [...this.#stack.legs].filter(([, leg]) => !leg.ended);
      const shown = legs.map(([number, leg]) => `leg ${number} ${leg.state}`);
      const { timers } = this.#stack.deadlines;
      throw new Error(
        `the instance runs on: ${[...shown, `${timers} timers`, `${this.#relations.length} relations`].join(', ')}`,
      );
    }
  }

  #alive(): void {
    if (this.#over !== undefined) throw new Error(`the instance has ended${this.#over && `: ${this.#over}`}`);
  }

  #moment(): wit.Moment {
    return { now: this.#now, last: { ...this.#last } };
  }

  get #now(): wit.Duration {
    return Math.round(this.#stack.now * 1000);
  }

  #run(): void {
    while (!this.#held && this.#over === undefined) {
      const event = this.#stack.pending.shift();
      if (!event) {
        if (!this.#isReachable()) this.#end('');
        return;
      }
      if (event.tag === 'ended' && event.val.cause === 'completed' && !this.#exports.hearsCompleted())
        continue;
      this.#instance ??= new this.#exports.Instance(this.#setup);
      const instance = this.#instance;
      for (const command of instance.handle(this.#now, this.#last.leg, event)) {
        // Nothing is carried out behind what ends the instance.
        if (this.#over === undefined && this.#instance === instance) this.#execute(command, event);
      }
    }
  }

  #isReachable(): boolean {
    return (
      this.#keyed ||
      this.#relations.length > 0 ||
      this.#waitingHttp.size + this.#fetches.size > 0 ||
      this.#stack.deadlines.timers > 0 ||
      [...this.#stack.legs.values()].some((leg) => !leg.ended)
    );
  }

  #end(failure: string): void {
    this.#over = failure;
    this.#stack.release(failure !== '');
  }

  /** A bridge goes on where the instance was. */
  #forward({ leg, to, id, message }: wit.Forwarding, event: wit.Event): void {
    Object.assign(this.#last, { leg: to, request: id });
    const record = this.#stack.legs.get(leg);
    const came = event.tag === 'incoming' && event.val.leg === leg ? event.val.message : undefined;
    const text = message ?? came;
    if (text === undefined) throw new Error('forwards what this event has not brought');
    const request = Request.parse(text);
    if (!record || record.ended || !record.received.has(request.cseq)) {
      const tag = !record ? 'unknown-leg' : record.ended ? 'leg-ended' : 'answered';
      this.#stack.refuse(leg, id, { tag });
      return;
    }
    this.#stack.release(false, leg);
    this.#keyed = false;
    this.#relations.splice(0);
    this.#syncs.splice(0);
    for (const all of [this.#waitingHttp, this.#fetches, this.#topics]) all.clear();
    const bridge = Bridge.joined(leg, request, to, id);
    const bridged = component({ start: () => bridge, restore: () => bridge }, this.#imports);
    this.#instance = bridged.Instance.restore(this.#setup, this.#moment(), new Uint8Array());
    this.#forwarded = true;
    this.#stack.open({ leg: to, id, message: text });
  }

  #execute(command: wit.Command, event: wit.Event): void {
    switch (command.tag) {
      case 'forward':
        this.#forward(command.val, event);
        break;
      case 'open':
        this.#last.leg = command.val.leg;
        this.#last.request = command.val.id;
        this.#stack.open(command.val);
        break;
      case 'send':
        this.#last.request = command.val.id;
        this.#stack.send(command.val);
        break;
      case 'respond':
        this.#stack.reply(command.val.leg, Response.parse(command.val.message));
        break;
      case 'answer':
        this.#stack.answer(command.val);
        break;
      case 'set-timer': {
        const { timer, after } = command.val;
        this.#last.timer = timer;
        this.#stack.deadlines.set(this.#stack.now + Math.max(1, after / 1000), { kind: 'timer', timer });
        break;
      }
      case 'cancel-timer':
        this.#stack.deadlines.forget({ kind: 'timer', timer: command.val });
        break;
      case 'relate':
        this.#last.relation = command.val;
        this.#relations.push(`rel.${command.val}`);
        break;
      case 'listen':
        this.#topics.add(command.val);
        break;
      case 'watch':
        this.#stack.pending.push({
          tag: 'store-changed',
          val: { key: command.val, version: this.#imports.store.get(command.val)?.version ?? null },
        });
        break;
      case 'sync':
        this.#last.sync = command.val;
        this.#syncs.push(command.val);
        break;
      case 'fetch':
        this.#last.fetch = command.val.id;
        this.#fetches.add(command.val.id);
        this.#others.push(command);
        break;
      case 'http-respond':
        if (this.#waitingHttp.delete(command.val.id)) this.#others.push(command);
        break;
      case 'publish':
        this.#others.push(command);
        break;
      case 'finish':
        this.#end('');
        break;
      case 'fail':
        this.#end(command.val || 'without a reason');
        break;
    }
  }

  #expectOther<T extends wit.Command['tag']>(tag: T): Extract<wit.Command, { tag: T }> {
    const command = this.#others.shift();
    if (command?.tag !== tag) throw new Error(`expected ${tag}, found ${command?.tag ?? 'nothing'}`);
    return command as Extract<wit.Command, { tag: T }>;
  }

  #differs(expected: string, found: Seen | undefined): never {
    const then = this.#stack.seen.map(shown);
    const refused = this.#stack.refusals.map(({ leg, error }) => `${error.tag} on leg ${leg}`);
    const over = this.#over === undefined ? 'no' : this.#over || 'yes';
    throw new Error(
      `expected ${expected}, found ${found ? shown(found) : 'nothing'}; then: [${then.join(', ')}]; ` +
        `refused so far: [${refused.join(', ')}]; instance over: ${over}`,
    );
  }
}

function shown(seen: Seen): string {
  switch (seen.type) {
    case 'open':
      return `${seen.sent.request.method} to ${seen.sent.request.requestUri} opened leg ${seen.sent.leg}`;
    case 'send':
      return `${seen.sent.request.method} on leg ${seen.sent.leg}`;
    case 'response':
      return `response ${seen.response.code} on leg ${seen.leg}`;
  }
}
