import type { Request } from './core/message.js';

/** Sends the answer to a request; false if it has one already. */
export type Answer = (code: number, reason?: string) => boolean;

/**
 * A message of another user, or any other request from outside a call. When all listeners have returned, a message is
 * answered 200 and anything else 501, unless one of them has answered or held it.
 *
 * ```ts
 * client.on('message', (message) => {
 *   console.log(`${message.from}: ${message.body}`);
 * });
 * ```
 */
export class Incoming {
  /** The request as it came. */
  readonly request: Request;
  /** Whether a listener will answer it later. */
  isHeld = false;
  /** Answers it: 200 to 699. False if it has been answered. */
  readonly respond: Answer;

  /** @internal */
  constructor(request: Request, answer: Answer) {
    this.request = request;
    this.respond = answer;
  }

  /** Who says to have sent it. */
  get from(): string {
    return this.request.From;
  }

  /** Any JSON value. */
  get body(): unknown {
    return this.request.Body;
  }

  /** Who sent it as far as the server knows: `P-Asserted-Identity`. */
  get identity(): string | undefined {
    return this.request['P-Asserted-Identity'];
  }

  /** Keeps it open after the listeners have returned: somebody answers it within 5 seconds. */
  hold(): void {
    this.isHeld = true;
  }
}
