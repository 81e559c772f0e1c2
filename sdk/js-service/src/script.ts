// Services as one function from the first event to the last: a generator that waits with `yield*`.
import type { Context } from './context.js';
import { type Event, legOf } from './event.js';
import { Request, Response } from './message.js';
import type { Instance } from './service.js';

/** What a script waits with: `yield*` gives its value. */
export type Waiting<T> = Generator<void, T, void>;

/** Events that may wait for a script; one more fails it, because none may be lost. */
const BACKLOG = 256;

/**
 * Makes an instance of a generator function. It ends when the function returns.
 *
 * ```js
 * script(function* (call) {
 *   const { leg, request } = yield* call.next();
 *   yield* call.sleep(1000);
 *   call.cx.respond(leg, Response.to(request, 200));
 * })
 * ```
 */
export function script(author: (call: Script) => Waiting<void>): Instance {
  let call: Script | undefined;
  let running: Waiting<void> | undefined;
  return {
    handle(event, cx) {
      if (!call || !running) {
        call = new Script(cx);
        running = author(call);
      }
      if (!call.push(event)) return;
      if (running.next().done) {
        cx.finish();
      } else if (call.waiting > BACKLOG) {
        cx.fail(`${BACKLOG} events wait and the script takes none of them`);
      }
    },
  };
}

/** The handle of a script: what it can do, and wait for. */
export class Script {
  /** What it can do. */
  readonly cx: Context;
  readonly #events: Event[] = [];
  /** Legs of dials that are over: what still comes on them is nothing to the script. */
  readonly #disowned = new Set<number>();

  constructor(cx: Context) {
    this.cx = cx;
  }

  /** For `script`: how many events wait. */
  get waiting(): number {
    return this.#events.length;
  }

  /** For `script`: keeps an event; tells whether it is for the script. */
  push(event: Event): boolean {
    const leg = legOf(event);
    if (leg === undefined || !this.#disowned.has(leg)) {
      this.#events.push(event);
      return true;
    }
    if (event.type === 'ended') this.#disowned.delete(leg);
    else this.#answerNobody(event);
    return false;
  }

  /** Waits for the next event. */
  *next(): Waiting<Event> {
    return yield* this.wait(() => true);
  }

  /** Waits for the next event, at most so many milliseconds. */
  *nextWithin(limit: number): Waiting<Event | undefined> {
    const timer = this.cx.setTimer(limit);
    const event = yield* this.next();
    if (isTimer(event, timer)) return undefined;
    this.forget(timer);
    return event;
  }

  /** Waits so many milliseconds. Events that come meanwhile wait for `next`. */
  *sleep(span: number): Waiting<void> {
    const timer = this.cx.setTimer(span);
    yield* this.wait((event) => isTimer(event, timer));
  }

  /** Calls somebody on behalf of a caller: opens a leg with an INVITE and lets it ring at most so many milliseconds. */
  dial(caller: number, invite: Request, ring: number): Dial {
    return new Dial(this, caller, invite, ring);
  }

  /** Waits for the oldest event that is wanted; others stay. */
  *wait(wanted: (event: Event) => boolean): Waiting<Event> {
    for (;;) {
      const event = this.takeOne(wanted);
      if (event) return event;
      yield;
    }
  }

  /** Takes the oldest event that is wanted, if there is one. */
  takeOne(wanted: (event: Event) => boolean): Event | undefined {
    const at = this.#events.findIndex(wanted);
    return at < 0 ? undefined : this.#events.splice(at, 1)[0];
  }

  /** Whether such an event waits. */
  has(wanted: (event: Event) => boolean): boolean {
    return this.#events.some(wanted);
  }

  /** Forgets a timer, also where it has fired and waits to be seen. */
  forget(timer: number): void {
    if (!this.takeOne((event) => isTimer(event, timer))) this.cx.cancelTimer(timer);
  }

  /** Drops what waits and what will come on a leg that is nothing to the script any more. */
  disown(leg: number): void {
    const isOn = (event: Event) => legOf(event) === leg;
    let event = this.takeOne(isOn);
    const dropped: Event[] = [];
    for (; event; event = this.takeOne(isOn)) dropped.push(event);
    if (dropped.some((gone) => gone.type === 'ended')) return;
    this.#disowned.add(leg);
    for (const gone of dropped) this.#answerNobody(gone);
  }

  #answerNobody(event: Event): void {
    if (event.type === 'request' && wantsAnswer(event.request)) {
      this.cx.respond(event.leg, Response.to(event.request, 481));
    }
  }
}

/** What became of a dial. */
export type Progress =
  /** It rings. */
  | { readonly type: 'ringing'; readonly response: Response }
  /** A 2xx. Nothing more comes from this dial; its leg is the script's, which owes the callee an ACK. */
  | { readonly type: 'answered'; readonly response: Response }
  /** Declined, busy, offline. Nothing more comes from this dial. */
  | { readonly type: 'failed'; readonly response: Response }
  /** It rang long enough; the callee is told. Nothing more comes from this dial. */
  | { readonly type: 'no-answer' }
  /** The caller hung up; the callee is told. The event that said so is still there for `next`. */
  | { readonly type: 'caller-gone' };

/** A call to one callee, as `Script.dial` began it. */
export class Dial {
  /** The callee's leg. */
  readonly leg: number;
  /** The request that opened it. */
  readonly id: number;
  readonly #script: Script;
  readonly #caller: number;
  readonly #invite: Request;
  readonly #timer: number;
  #settled = false;

  /** See `Script.dial`. */
  constructor(script: Script, caller: number, invite: Request, ring: number) {
    this.#script = script;
    this.#caller = caller;
    this.#invite = invite;
    ({ leg: this.leg, id: this.id } = script.cx.open(invite));
    this.#timer = script.cx.setTimer(ring);
  }

  /** Waits for what happens next. Other requests of caller and callee are answered 491; everything else waits. */
  *next(): Waiting<Progress> {
    for (;;) {
      if (this.#callerIsGone()) {
        this.giveUp();
        return { type: 'caller-gone' };
      }
      const event = this.#script.takeOne((candidate) => this.#concerns(candidate));
      const progress = event && this.#see(event);
      if (progress) return progress;
      if (!event) yield;
    }
  }

  /** Gives the call up: the callee gets CANCEL, or BYE where he has just answered. */
  giveUp(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#script.forget(this.#timer);
    const final = this.#takeFinal();
    const { requestUri, from, to } = this.#invite;
    const send = (method: string) =>
      this.#script.cx.send(this.leg, Request.make(method, requestUri, from, to));
    if (!final) {
      send('CANCEL');
    } else if (final.isSuccess) {
      send('ACK');
      send('BYE');
    }
    this.#script.disown(this.leg);
  }

  #see(event: Event): Progress | undefined {
    switch (event.type) {
      case 'response':
        if (event.response.isProvisional) return { type: 'ringing', response: event.response };
        return this.#settle(event.response);
      case 'refused': {
        const response = Response.to(this.#invite, 480);
        response.reason = event.error.tag;
        return this.#settle(response);
      }
      case 'timer': {
        // The script may have been busy while the callee answered: an answer is an answer.
        const final = this.#takeFinal();
        if (final) return this.#settle(final);
        this.giveUp();
        return { type: 'no-answer' };
      }
      case 'request':
        if (wantsAnswer(event.request)) {
          this.#script.cx.respond(event.leg, Response.to(event.request, 491));
        }
        return undefined;
      default:
        return undefined;
    }
  }

  #concerns(event: Event): boolean {
    switch (event.type) {
      case 'response':
        return event.to === this.id;
      case 'refused':
        return event.request === this.id;
      case 'timer':
        return event.timer === this.#timer;
      case 'request':
        return event.leg === this.#caller || event.leg === this.leg;
      default:
        return false;
    }
  }

  #callerIsGone(): boolean {
    return this.#script.has(
      (event) =>
        (event.type === 'ended' && event.leg === this.#caller) ||
        (event.type === 'request' &&
          event.leg === this.#caller &&
          (event.request.method === 'CANCEL' || event.request.method === 'BYE')),
    );
  }

  #takeFinal(): Response | undefined {
    const event = this.#script.takeOne(
      (candidate) =>
        candidate.type === 'response' && candidate.to === this.id && !candidate.response.isProvisional,
    );
    return event?.type === 'response' ? event.response : undefined;
  }

  #settle(response: Response): Progress {
    this.#settled = true;
    this.#script.forget(this.#timer);
    if (response.isSuccess) return { type: 'answered', response };
    this.#script.disown(this.leg);
    return { type: 'failed', response };
  }
}

/** Whether a request is to be answered by the service. */
export function wantsAnswer(request: Request): boolean {
  return request.method !== 'ACK' && request.method !== 'CANCEL' && request.method !== 'BYE';
}

function isTimer(event: Event, timer: number): boolean {
  return event.type === 'timer' && event.timer === timer;
}
