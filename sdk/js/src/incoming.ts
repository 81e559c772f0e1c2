import type { Request } from './core/message.js';

/** Sends the answer to a request; false if it has one already. */
export type Answer = (code: number, reason?: string) => boolean;

/**
 * A message of another user. It is answered 200 when all listeners have returned, unless one of them has rejected or
 * held it.
 *
 * ```ts
 * client.on('message', (message) => {
 *   console.log(`${message.from}: ${message.body}`);
 * });
 * ```
 */
export class IncomingMessage {
  /** Who says to have sent it. */
  readonly from: string;
  readonly to: string;
  /** Any JSON value. */
  readonly body: unknown;
  /** `Content-Type`, if the sender gave one. */
  readonly contentType: string | undefined;
  /** Who sent it as far as the server knows: `P-Asserted-Identity`. */
  readonly identity: string | undefined;
  /** The request as it came. */
  readonly request: Request;
  /** Whether a listener will answer it later. */
  isHeld = false;
  readonly #answer: Answer;

  constructor(request: Request, answer: Answer) {
    this.request = request;
    this.from = request.From;
    this.to = request.To;
    this.body = request.Body;
    this.contentType = request['Content-Type'];
    this.identity = request['P-Asserted-Identity'];
    this.#answer = answer;
  }

  /** Keeps it open after the listeners have returned: somebody accepts or rejects it within 5 seconds. */
  hold(): void {
    this.isHeld = true;
  }

  /** Tells the sender that it was taken. False if it has been answered. */
  accept(): boolean {
    return this.#answer(200);
  }

  /** Tells the sender that it was not: 300 to 699. False if it has been answered. */
  reject(code = 480, reason?: string): boolean {
    return this.#answer(code, reason);
  }
}

/** Any other request from outside a call. Unless a listener answers it, the sender gets 501. */
export class IncomingRequest {
  /** The request as it came. */
  readonly request: Request;
  readonly #answer: Answer;

  constructor(request: Request, answer: Answer) {
    this.request = request;
    this.#answer = answer;
  }

  /** Answers it: 200 to 699. False if it has been answered. */
  respond(code: number, reason?: string): boolean {
    return this.#answer(code, reason);
  }
}
