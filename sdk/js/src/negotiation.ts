/**
 * Offers and answers of a call that stands: one exchange at a time, ours and theirs in turn, and what RFC 3261 §14.1
 * says about those that collide.
 */

import type { Clock } from './clock.js';
import type { Headers, Request, Response } from './core/message.js';
import { StrowgerError } from './errors.js';
import type { Description, Media } from './media/media.js';

/** What a negotiation needs of its call. */
export interface NegotiationOwner {
  readonly media: Media;
  readonly clock: Clock;
  readonly random: () => number;
  /** Whether this side made the Call-ID of RFC 3261: it sent the first INVITE of the dialog. */
  readonly isCaller: boolean;
  readonly isOver: boolean;
  reinvite(headers: Headers): Promise<Response>;
  ack(headers: Headers): void;
  respond(request: Request, code: number, headers: Headers): void;
  /** The description of the other side has changed. */
  negotiated(remote: Description): void;
}

/** How often a change that collides is tried again before it fails. */
const TRIES = 10;

/** The headers of a description. */
export const headersOf = ({ body, contentType }: Description): Headers => ({
  'Content-Type': contentType,
  Body: body,
});

/** The description in a message, if it carries one. */
export const descriptionOf = (message: Headers): Description | undefined =>
  message.Body === undefined
    ? undefined
    : { body: message.Body, contentType: message['Content-Type'] ?? 'application/sdp' };

/**
 * How long to wait before a change that collided is tried again, in milliseconds: the caller 2.1 to 4 s, the callee
 * up to 2 s, in steps of 10 ms.
 */
export const glareDelay = (isCaller: boolean, random: number) =>
  isCaller ? 2_100 + Math.floor(random * 191) * 10 : Math.floor(random * 201) * 10;

/** The changes of one call. */
export class Negotiation {
  readonly #owner: NegotiationOwner;
  /** Ends when the exchange under way has; never rejects. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Called if the call ends while a retry is waited for. */
  #abort: (() => void) | undefined;
  /** What an offer of ours in a 200 waits for: the answer in the ACK. */
  #awaitsAnswer = false;

  constructor(owner: NegotiationOwner) {
    this.#owner = owner;
  }

  /** Offers anew. Resolves when both sides agree; rejects with the other side's refusal. */
  async offer(options: { iceRestart: boolean }): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#exclusively(() => this.#offer(options));
      } catch (error) {
        const isCollision = error instanceof StrowgerError && error.code === 491;
        if (!isCollision || tries === TRIES || this.#owner.isOver) throw error;
      }
      await this.#pause();
    }
  }

  /** The other side offers, by re-INVITE or UPDATE. */
  offered(request: Request): Promise<void> {
    return this.#exclusively(async () => {
      const { media } = this.#owner;
      try {
        const remote = descriptionOf(request);
        this.#awaitsAnswer = !remote;
        const local = remote ? await media.answer(remote) : await media.offer({ iceRestart: false });
        this.#owner.respond(request, 200, headersOf(local));
        if (remote) this.#owner.negotiated(remote);
      } catch (error) {
        await media.rollback().catch(() => {});
        this.#owner.respond(request, 488, { Reason: String(error) });
      }
    });
  }

  /** The ACK of an INVITE without a body carries the answer. */
  acknowledged(ack: Request): Promise<void> {
    const remote = descriptionOf(ack);
    if (!this.#awaitsAnswer || !remote) return Promise.resolve();
    this.#awaitsAnswer = false;
    return this.#exclusively(async () => {
      await this.#owner.media.accept(remote, false);
      this.#owner.negotiated(remote);
    });
  }

  /** Our offer went out in a 200: the ACK will answer it. */
  expectAnswer(): void {
    this.#awaitsAnswer = true;
  }

  close(): void {
    this.#abort?.();
  }

  async #offer(options: { iceRestart: boolean }): Promise<void> {
    const { media } = this.#owner;
    const local = await media.offer(options);
    let response: Response;
    try {
      response = await this.#owner.reinvite(headersOf(local));
    } catch (error) {
      await media.rollback();
      // The stack says 400 where an answer still waits for its ACK.
      throw error instanceof StrowgerError && error.code === 400 ? new StrowgerError(491) : error;
    }
    if (response.Code >= 300) {
      await media.rollback();
      throw new StrowgerError(response.Code, response.Reason);
    }
    this.#owner.ack({});
    const remote = descriptionOf(response);
    if (!remote) throw new StrowgerError(488, 'the answer is missing');
    await media.accept(remote, false);
    this.#owner.negotiated(remote);
  }

  #exclusively<T>(exchange: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(exchange);
    this.#turn = result.catch(() => {});
    return result;
  }

  #pause(): Promise<void> {
    const { clock, random, isCaller } = this.#owner;
    return new Promise((resolve, reject) => {
      const timer = clock.set(glareDelay(isCaller, random()), () => {
        this.#abort = undefined;
        resolve();
      });
      this.#abort = () => {
        clock.clear(timer);
        reject(new StrowgerError(487, 'the call ended'));
      };
    });
  }
}
