import type { Clock } from './clock.js';
import type { Headers, Request, Response } from './core/message.js';
import type { StrowgerError } from './errors.js';
import { Emitter } from './events.js';

/** What a {@link Lease} tells. */
export interface LeaseEvents {
  /** A NOTIFY came; it is answered 200. Without a listener it is a `request` of the client. */
  notify: { event: string | undefined; body: unknown; request: Request };
  /** It ended, by {@link Lease.end}, by the server, or because it could not be renewed. */
  ended: StrowgerError | undefined;
}

/** Sends the request of a lease anew; `expire` 0 ends it. */
export type Renew = (headers: Headers) => Promise<Response>;

/**
 * A subscription or registration, made by {@link Client.subscribe} and {@link Client.register}: something that lasts for a time and is renewed by itself until it is ended.
 *
 * ```ts
 * const presence = await client.subscribe('bob@example.com', 'presence');
 * presence.on('notify', ({ body }) => console.log(body));
 * await presence.end();
 * ```
 */
export class Lease extends Emitter<LeaseEvents> {
  /** The final response to the first request. */
  readonly response: Response;
  readonly #renew: Renew;
  readonly #clock: Clock;
  readonly #expire: number;
  #timer: unknown;
  #isOver = false;

  /** @internal */
  constructor(response: Response, expire: number, clock: Clock, renew: Renew) {
    super();
    this.response = response;
    this.#renew = renew;
    this.#clock = clock;
    // The other side may grant less than was asked for.
    this.#expire = Math.min(expire, response.Expire || expire);
    this.#arm();
  }

  /** Ends it. Resolves when the other side knows; rejects if it could not be told. */
  async end(): Promise<void> {
    if (this.#isOver) return;
    this.over(undefined);
    await this.#renew({ Expire: 0 });
  }

  /**
   * Called by the client: a NOTIFY came. False if nobody listens.
   *
   * @internal
   */
  notify(request: Request): boolean {
    const isHeard = this.hears('notify');
    this.emit('notify', { event: request.Event, body: request.Body, request });
    return isHeard;
  }

  /**
   * Called by the client: it is over.
   *
   * @internal
   */
  over(error: StrowgerError | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#clock.clear(this.#timer);
    this.emit('ended', error);
  }

  /**
   * Called by the client, too, when it is connected again: a server that was restarted knows of no lease.
   *
   * @internal
   */
  refresh(): void {
    this.#renew({ Expire: this.#expire }).then(
      () => this.#isOver || this.#arm(),
      (error: StrowgerError) => this.over(error),
    );
  }

  #arm(): void {
    this.#clock.clear(this.#timer);
    this.#timer = this.#clock.set(this.#expire * 800, () => this.refresh());
  }
}
