// One INVITE to several users, of whom the first who answers has the call.
import type { Context } from './context.js';
import { type Event, legOf } from './event.js';
import { Request, Response } from './message.js';

/** The `Reason` by which who rings, or answered a moment too late, is told that somebody else has the call. */
const ANSWERED_ELSEWHERE = 'answered-elsewhere';

interface Branch {
  readonly leg: number;
  readonly id: number;
  readonly user: string;
  /** Whether he was told to stop, which he may not have known when he answered. */
  lost: boolean;
}

/** What an event was for a `Fork`. */
export type Forked =
  /** Nothing to act upon. */
  | { readonly type: 'nothing' }
  /** Somebody rings: his provisional response. */
  | { readonly type: 'ringing'; readonly response: Response }
  /** Somebody has answered; whoever else rings is told to stop. The leg is not the fork's any more. */
  | {
      readonly type: 'answered';
      /** Who it is, as `ring` named him. */
      readonly user: string;
      /** His leg. */
      readonly leg: number;
      /** The number of the INVITE. */
      readonly id: number;
      /** His 2xx, which wants an ACK. */
      readonly response: Response;
    }
  /** Somebody has refused, or is not there; others still ring. */
  | { readonly type: 'refused'; readonly response: Response }
  /**
   * Nobody rings any more. Of all refusals this is the one that says most: that of a user who declines everywhere, else the
   * last one of a user who is there, else the last one.
   */
  | { readonly type: 'failed'; readonly response: Response };

const NOTHING: Forked = { type: 'nothing' };

/**
 * One call to several users at once: whoever answers first has it, the others get CANCEL with `Reason: answered-elsewhere`,
 * or BYE where they answered a moment later.
 *
 * Give it every event of the legs that it owns, also after it was answered: those who were told to stop have yet to say so.
 * The answered leg is the service's from then on, to be given to `Bridge.joined` for instance. A fork sets no timer: how
 * long it rings is the service's affair.
 *
 * ```js
 * const fork = new Fork(invite);
 * fork.ring('ann@example.com', cx);
 * fork.ring('ben@example.com', cx);
 * // For each event that comes then:
 * const forked = fork.handle(event, cx);
 * if (forked.type === 'answered') {
 *   const { leg, id, response } = forked;
 *   bridge = Bridge.joined(caller, invite, leg, id);
 *   bridge.handle({ type: 'response', leg, to: id, response }, cx);
 * } else if (forked.type === 'failed') {
 *   cx.respond(caller, Response.to(invite, forked.response.code));
 * }
 * ```
 */
export class Fork {
  readonly #invite: Request;
  readonly #branches = new Map<number, Branch>();
  /** The refusal that says most. */
  #refusal: Response | undefined;

  /** A call to nobody yet. The Router of the INVITE is taken off: it led here. */
  constructor(invite: Request) {
    this.#invite = invite.clone();
    this.#invite.route = undefined;
  }

  /** Calls this user too; gives his leg. Who was called stays called until `stop`. */
  ring(user: string, cx: Context): number {
    const invite = this.#invite.clone();
    invite.requestUri = user;
    const { leg, id } = cx.open(invite);
    this.#branches.set(leg, { leg, id, user, lost: false });
    return leg;
  }

  /** Whether events of this leg are for the fork. */
  owns(leg: number): boolean {
    return this.#branches.has(leg);
  }

  /** Whether anybody rings. */
  get isRinging(): boolean {
    return [...this.#branches.values()].some(({ lost }) => !lost);
  }

  /** Whether no event is for this fork any more. */
  get isOver(): boolean {
    return this.#branches.size === 0;
  }

  /** Tells whoever rings to stop: the caller is gone, or the ring time is over. What they still say is `nothing`. */
  stop(reason: string | undefined, cx: Context): void {
    const { from, to } = this.#invite;
    for (const branch of this.#branches.values()) {
      if (branch.lost) continue;
      branch.lost = true;
      const cancel = Request.make('CANCEL', branch.user, from, to);
      cancel.reason = reason;
      cx.send(branch.leg, cancel);
    }
  }

  /** Handles an event of one of its legs; others are ignored. */
  handle(event: Event, cx: Context): Forked {
    const branch = this.#branches.get(legOf(event) ?? -1);
    if (!branch) return NOTHING;
    return branch.lost ? this.#onLost(branch, event, cx) : this.#onRinging(branch, event, cx);
  }

  #onRinging(branch: Branch, event: Event, cx: Context): Forked {
    switch (event.type) {
      case 'response': {
        const { response } = event;
        if (response.isProvisional) return { type: 'ringing', response };
        if (!response.isSuccess) return this.#refused(branch, response);
        const { user, leg, id } = branch;
        this.#branches.delete(leg);
        this.stop(ANSWERED_ELSEWHERE, cx);
        return { type: 'answered', user, leg, id, response };
      }
      case 'refused': {
        const response = Response.to(this.#invite, 480);
        response.reason = event.error.tag;
        return this.#refused(branch, response);
      }
      case 'ended':
        return this.#refused(branch, Response.to(this.#invite, 480));
      case 'request':
        if (wantsAnswer(event.request)) cx.respond(event.leg, Response.to(event.request, 491));
        return NOTHING;
      default:
        return NOTHING;
    }
  }

  #refused({ leg }: Branch, response: Response): Forked {
    this.#branches.delete(leg);
    if (!this.#refusal || weight(response) >= weight(this.#refusal)) this.#refusal = response;
    if (this.isRinging) return { type: 'refused', response };
    const said = this.#refusal;
    this.#refusal = undefined;
    return { type: 'failed', response: said };
  }

  /** Something of a user who was told to stop. */
  #onLost({ leg, id }: Branch, event: Event, cx: Context): Forked {
    switch (event.type) {
      case 'response':
        if (event.to === id && event.response.isSuccess) {
          const { from, to } = event.response;
          const bye = Request.make('BYE', to, from, to);
          bye.reason = ANSWERED_ELSEWHERE;
          cx.send(leg, Request.make('ACK', to, from, to));
          cx.send(leg, bye);
        }
        break;
      case 'request':
        if (wantsAnswer(event.request)) cx.respond(leg, Response.to(event.request, 481));
        break;
      case 'ended':
        this.#branches.delete(leg);
        break;
    }
    return NOTHING;
  }
}

/** How much a refusal says: that somebody declines everywhere, that he is there, or nothing. */
function weight({ code }: Response): number {
  if (code >= 600) return 2;
  return code === 408 || code === 480 ? 0 : 1;
}

function wantsAnswer({ method }: Request): boolean {
  return !['ACK', 'CANCEL', 'BYE'].includes(method);
}
