// Two legs joined: what comes on one goes out on the other.
import type { Context } from './context.js';
import type { Event } from './event.js';
import { Request, Response } from './message.js';

/** A request that was passed on and has no final response. */
interface Passed {
  readonly from: number;
  readonly cseq: number;
  readonly method: string;
  readonly id: number;
  cancelled: boolean;
}

/**
 * Two legs of an instance joined: requests and responses of one side pass to the other with Body and headers as they came,
 * each leg keeping its own `DialogueID` and CSeqs. Give it every event that the service does not handle itself.
 *
 * Every request passes, a REFER too: it makes no transfer of its own, as the bridge of the Rust kit can.
 */
export class Bridge {
  /** The leg of the caller. */
  readonly caller: number;
  /** The leg of the callee. */
  readonly callee: number;
  readonly #ended = new Set<number>();
  readonly #invite: Request | undefined;
  #open: Passed[];
  #call: 'none' | 'ringing' | 'answered' | 'acknowledged' | 'over';

  private constructor(caller: number, first: Request, callee: number, id: number) {
    const { cseq, method } = first;
    this.caller = caller;
    this.callee = callee;
    this.#open = [{ from: caller, cseq, method, id, cancelled: false }];
    this.#call = method === 'INVITE' ? 'ringing' : 'none';
    this.#invite = method === 'INVITE' ? first : undefined;
  }

  /** Passes a first request on to a new leg and joins both. */
  static open(caller: number, request: Request, cx: Context): Bridge {
    const { leg, id } = cx.open(passedOn(request, cx));
    return new Bridge(caller, request, leg, id);
  }

  /** Joins the leg of a caller, whose request waits for an answer, with a leg that the request `id` opened for it. */
  static joined(caller: number, request: Request, callee: number, id: number): Bridge {
    return new Bridge(caller, request, callee, id);
  }

  /** Whether both legs have ended. */
  get isOver(): boolean {
    return this.#ended.size === 2;
  }

  /** Whether events of this leg are for the bridge. */
  owns(leg: number): boolean {
    return leg === this.caller || leg === this.callee;
  }

  /** Handles an event of one of its legs; others are ignored. */
  handle(event: Event, cx: Context): void {
    if (!('leg' in event) || !this.owns(event.leg)) return;
    switch (event.type) {
      case 'incoming':
      case 'request':
        this.#onRequest(event.leg, event.request, cx);
        break;
      case 'response':
        this.#onResponse(event.to, event.response, cx);
        break;
      case 'refused':
        this.#onRefused(event.leg, event.request, event.error.tag, cx);
        break;
      case 'expired':
        // The node has answered 408: there is nobody to pass a response to.
        this.#open = this.#open.filter(({ from, cseq }) => from !== event.leg || cseq !== event.cseq);
        break;
      case 'ended':
        this.#onEnded(event.leg, cx);
        break;
    }
  }

  #onRequest(leg: number, request: Request, cx: Context): void {
    const other = this.#other(leg);
    const isGone = this.#ended.has(other);
    switch (request.method) {
      case 'ACK':
        if (this.#call === 'answered' && leg === this.caller) this.#call = 'acknowledged';
        if (!isGone) cx.send(other, passedOn(request, cx));
        break;
      case 'CANCEL': {
        const invite = this.#open.find(
          ({ from, method, cancelled }) => from === leg && method === 'INVITE' && !cancelled,
        );
        // Its final response is still awaited: a 2xx that crosses the CANCEL has to be dealt with.
        if (invite) invite.cancelled = true;
        if (invite && !isGone) cx.send(other, passedOn(request, cx));
        break;
      }
      case 'BYE':
        this.#open = this.#open.filter(({ from, method }) => from !== leg || method !== 'INVITE');
        this.#call = 'over';
        if (!isGone) cx.send(other, passedOn(request, cx));
        break;
      default:
        if (isGone) {
          cx.respond(leg, Response.to(request, 481));
        } else {
          const id = cx.send(other, passedOn(request, cx));
          const { cseq, method } = request;
          this.#open.push({ from: leg, cseq, method, id, cancelled: false });
        }
    }
  }

  #onResponse(to: number, response: Response, cx: Context): void {
    const passed = this.#open.find(({ id }) => id === to);
    if (!passed) return;
    if (!response.isProvisional) this.#open = this.#open.filter((other) => other !== passed);
    const isFirst = passed.method === 'INVITE' && this.#call === 'ringing';
    if (isFirst && response.isSuccess) this.#call = 'answered';
    else if (isFirst && !response.isProvisional) this.#call = 'over';
    if (passed.cancelled) {
      if (response.isSuccess) this.#onUnwantedSuccess(passed, isFirst, cx);
      return;
    }
    if (!this.#ended.has(passed.from)) {
      response.set('CSeq', passed.cseq);
      cx.respond(passed.from, response);
    } else if (isFirst) {
      this.#hangUp(this.callee, cx);
    }
  }

  /** A 2xx to an INVITE that was cancelled: the peer must get its ACK, and a call that nobody wants its BYE. */
  #onUnwantedSuccess(passed: Passed, isFirst: boolean, cx: Context): void {
    const other = this.#other(passed.from);
    if (isFirst) {
      this.#hangUp(other, cx);
    } else if (!this.#ended.has(other) && this.#isAnswered) {
      cx.log('debug', 'a changed call was accepted although the change was cancelled');
      this.#sendOwn(other, 'ACK', cx);
    }
  }

  /** A command was not carried out: whoever waits for what it would have led to is told. */
  #onRefused(leg: number, request: number | undefined, error: string, cx: Context): void {
    const passed = this.#open.find(({ id }) => id === request);
    if (passed) {
      this.#open = this.#open.filter((other) => other !== passed);
      if (passed.method === 'INVITE' && this.#call === 'ringing') this.#call = 'over';
      if (!passed.cancelled && !this.#ended.has(passed.from)) {
        cx.answer(passed.from, passed.cseq, codeOf(error), error);
      }
    }
    // A service that waits between its events may learn only now that a side is gone.
    if (error === 'leg-ended' || error === 'unknown-leg') this.#onEnded(leg, cx);
  }

  #onEnded(leg: number, cx: Context): void {
    if (this.#ended.has(leg)) return;
    this.#ended.add(leg);
    const other = this.#other(leg);
    const waiting = this.#open.filter(({ from, cancelled }) => from === other && !cancelled);
    this.#open = this.#open.filter(({ from, method }) => from === leg && method === 'INVITE');
    if (this.#ended.has(other)) return;
    for (const { cseq } of waiting) {
      // The node gives a final response for everything it sent before a leg ends; this is the last resort.
      cx.answer(other, cseq, 480, 'the other side is gone');
    }
    this.#hangUp(other, cx);
  }

  /** Ends one side of a call whose other side is gone and has not said so. */
  #hangUp(leg: number, cx: Context): void {
    if (this.#isAnswered) {
      if (leg === this.callee && this.#call === 'answered') this.#sendOwn(leg, 'ACK', cx);
      this.#sendOwn(leg, 'BYE', cx);
      this.#call = 'over';
    } else if (this.#call === 'ringing') {
      // A caller who waits has been answered; a callee who rings is told that nobody waits, once.
      for (const invite of this.#open.filter(({ from, cancelled }) => from !== leg && !cancelled)) {
        invite.cancelled = true;
        this.#sendOwn(leg, 'CANCEL', cx);
      }
    }
  }

  get #isAnswered(): boolean {
    return this.#call === 'answered' || this.#call === 'acknowledged';
  }

  #sendOwn(leg: number, method: string, cx: Context): void {
    if (!this.#invite) return;
    const { requestUri, from, to } = this.#invite;
    const isToCallee = leg === this.callee;
    cx.send(
      leg,
      isToCallee ? Request.make(method, requestUri, from, to) : Request.make(method, from, to, from),
    );
  }

  #other(leg: number): number {
    return leg === this.caller ? this.callee : this.caller;
  }
}

/** The status code by which who waits is told of a command that was not carried out. */
function codeOf(error: string): number {
  switch (error) {
    case 'illegal':
      return 491;
    case 'syntax':
      return 400;
    case 'unknown-leg':
    case 'leg-ended':
    case 'answered':
      return 481;
    default:
      return 503;
  }
}

/** A request as it goes on: a Router URI that led here is taken off. */
export function passedOn(request: Request, cx: Context): Request {
  const copy = request.clone();
  if (copy.route !== undefined && ledHere(copy.route, cx)) copy.popRoute();
  return copy;
}

/** Whether the first URI of a route names this service rather than the next hop. */
function ledHere(route: string, cx: Context): boolean {
  const [uri = '', ...params] = (route.split(',')[0] ?? '').trim().split(';');
  const host = uri.slice(uri.lastIndexOf('@') + 1).toLowerCase();
  return (
    params.some((param) => /^(type|relid)(=|$)/.test(param.trim())) ||
    host.split('.')[0] === cx.service.toLowerCase() ||
    cx.ownHosts.some((own) => own.toLowerCase() === host)
  );
}
