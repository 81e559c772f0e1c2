/** REFER: one side asks the other to call somebody else (RFC 3515, without subscriptions of its own). */

import type { CallOptions } from './call-options.js';
import type { Request } from './core/message.js';
import { StrowgerError } from './errors.js';

/** How far a transfer has come, as NOTIFY tells it. */
export interface Outcome {
  code: number;
  reason?: string | undefined;
}

/** A call that was begun. */
export interface Dialled {
  readonly established: Promise<void>;
}

/**
 * The other side of a call asks to call somebody else instead.
 *
 * ```ts
 * call.on('transfer', (transfer) => {
 *   if (confirm(`Talk to ${transfer.target}?`)) transfer.accept();
 *   else transfer.reject();
 * });
 * ```
 *
 * `Made` is what accepting it makes: a {@link Call}.
 */
export class Transfer<Made> {
  /** Whom to call. */
  readonly target: string;
  readonly #respond: (code: number, reason?: string) => boolean;
  readonly #notify: (outcome: Outcome) => Promise<unknown>;
  readonly #call: (options: CallOptions) => Made & Dialled;

  /** @internal */
  constructor(
    target: string,
    respond: (code: number, reason?: string) => boolean,
    notify: (outcome: Outcome) => Promise<unknown>,
    call: (options: CallOptions) => Made & Dialled,
  ) {
    this.target = target;
    this.#respond = respond;
    this.#notify = notify;
    this.#call = call;
  }

  /** Calls the target, with the options of this call where no others are given, and reports the outcome. */
  accept(options: CallOptions = {}): Made {
    if (!this.#respond(202)) throw new StrowgerError(481, 'answered already');
    const call = this.#call(options);
    const tell = (code: number, reason?: string) => this.#notify({ code, reason });
    void tell(100);
    call.established.then(
      () => tell(200),
      (error: StrowgerError) => tell(error.code, error.reason),
    );
    return call;
  }

  /** Refuses: 300 to 699. */
  reject(code = 603, reason?: string): void {
    this.#respond(code, reason);
  }
}

/** Waits for the outcome that NOTIFYs report, or for the end of the call. */
export function transferring(listeners: Set<(notify: Request) => void>, ended: Promise<unknown>) {
  let close = () => {};
  const done = new Promise<void>((resolve, reject) => {
    const hear = ({ Event, Body }: Request) => {
      const code = (Body as Outcome | undefined)?.code ?? 0;
      if (Event !== 'refer' || code < 200) return;
      if (code < 300) resolve();
      else reject(new StrowgerError(code));
    };
    listeners.add(hear);
    close = () => listeners.delete(hear);
    // The other side may hang up as soon as it has reached the target.
    ended.then(() => reject(new StrowgerError(487, 'the call ended')));
  });
  done.catch(() => {});
  return { done, close };
}
