/**
 * Offers and answers of a call that stands: one exchange at a time, ours and theirs in turn, and what RFC 3261 §14.1
 * says about those that collide.
 */

import type { CallState } from './call-options.js';
import type { Headers, Request, Response } from './core/message.js';
import { accepted, StrowgerError } from './errors.js';
import type { Line } from './line.js';
import type { Description, Media } from './media/media.js';
import { PACKAGE } from './media/trickle.js';

/** How often a change that collides is tried again before it fails. */
const TRIES = 10;

/** Says that candidates may come in INFO, and that a call may take another's place. */
export const HEARS: Headers = { 'Recv-Info': PACKAGE, Supported: 'replaces' };

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
  Math.round(isCaller ? 210 + random * 190 : random * 200) * 10;

/** The call that is changed. */
interface Changed {
  readonly id: string;
  readonly state: CallState;
  readonly direction: 'outgoing' | 'incoming';
  /** Takes note of what a message of the other side says of him. */
  hear(message: Headers): void;
}

/** The changes of one call. */
export class Negotiation {
  readonly #call: Changed;
  readonly #line: Line;
  readonly #media: Media;
  readonly #negotiated: (remote: Description) => void;
  /** Ends when the exchange under way has; never rejects. */
  #turn: Promise<unknown> = Promise.resolve();
  /** What an offer of ours in a 200 waits for: the answer in the ACK. */
  #awaitsAnswer = false;

  /** `negotiated` hears of each new description of the other side. */
  constructor(call: Changed, line: Line, media: Media, negotiated: (remote: Description) => void) {
    this.#call = call;
    this.#line = line;
    this.#media = media;
    this.#negotiated = negotiated;
  }

  /** Offers anew. Resolves when both sides agree; rejects with the other side's refusal. */
  offer(options: { iceRestart: boolean }): Promise<void> {
    return this.#settle(() => this.#offer(options));
  }

  /**
   * Asks the other side for an offer and answers it. An offer of ours would have to have the sections of all before
   * it, in their order, and this side may have forgotten them: the other has not.
   */
  fetch(): Promise<void> {
    return this.#settle(() => this.#fetch());
  }

  async #settle(exchange: () => Promise<void>): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#exclusively(exchange);
      } catch (error) {
        const isCollision = error instanceof StrowgerError && error.code === 491;
        if (!isCollision || tries === TRIES || this.#call.state === 'ended') throw error;
      }
      await this.#pause();
    }
  }

  /** The other side offers, by re-INVITE or UPDATE. */
  offered(request: Request): Promise<void> {
    return this.#exclusively(async () => {
      const media = this.#media;
      try {
        const remote = descriptionOf(request);
        this.#awaitsAnswer = !remote;
        const local = remote
          ? await media.answer(remote)
          : await media.offer({ iceRestart: true, isAnew: true });
        this.#line.respond(request, 200, { ...HEARS, ...headersOf(local) });
        if (remote) this.#negotiated(remote);
      } catch (error) {
        await media.rollback().catch(() => {});
        this.#line.answer(request, 488, String(error));
      }
    });
  }

  /** The ACK of an INVITE without a body carries the answer. */
  acknowledged(ack: Request): Promise<void> {
    const remote = descriptionOf(ack);
    if (!this.#awaitsAnswer || !remote) return Promise.resolve();
    this.#awaitsAnswer = false;
    return this.#exclusively(async () => {
      await this.#media.accept(remote, false);
      this.#negotiated(remote);
    });
  }

  /** Our offer went out in a 200: the ACK will answer it. */
  expectAnswer(): void {
    this.#awaitsAnswer = true;
  }

  async #offer(options: { iceRestart: boolean }): Promise<void> {
    const media = this.#media;
    const local = await media.offer(options);
    let response: Response;
    try {
      response = accepted(
        await this.#line.request(this.#call.id, 'INVITE', { ...HEARS, ...headersOf(local) }),
      );
    } catch (error) {
      await media.rollback();
      throw error;
    }
    this.#line.ack(this.#call.id);
    const remote = descriptionOf(response);
    if (!remote) throw new StrowgerError(488, 'the answer is missing');
    await media.accept(remote, false);
    this.#negotiated(remote);
  }

  async #fetch(): Promise<void> {
    const { id } = this.#call;
    const response = accepted(await this.#line.request(id, 'INVITE', HEARS));
    let answer: Headers | undefined;
    try {
      this.#call.hear(response);
      const remote = descriptionOf(response);
      if (!remote) throw new StrowgerError(488);
      answer = headersOf(await this.#media.answer(remote));
      this.#negotiated(remote);
    } finally {
      this.#line.ack(id, answer);
    }
  }

  #exclusively<T>(exchange: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(exchange);
    this.#turn = result.catch(() => {});
    return result;
  }

  #pause(): Promise<void> {
    const { clock, random } = this.#line;
    const ms = glareDelay(this.#call.direction === 'outgoing', random());
    return new Promise((resolve) => void clock.set(ms, resolve));
  }
}
