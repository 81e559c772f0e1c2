import type { Response } from './core/message.js';

/**
 * What every promise of this package is rejected with: a JSIP code and the reason in words.
 *
 * ```ts
 * try {
 *   await client.message('bob@example.com', 'hello');
 * } catch (error) {
 *   if (error instanceof StrowgerError && error.code === 480) console.log('bob is not there');
 * }
 * ```
 *
 * Codes that this side gives by itself: 400 the request is not legal here, 408 no answer in time, 480 there is no
 * connection or it was lost, 487 given up or ended, 488 the media cannot be set up, 503 too much at once or the
 * server stops, 513 the message is too large.
 */
export class StrowgerError extends Error {
  /** Always the same. */
  override readonly name = 'StrowgerError';
  /** The code of the response, or the one that fits. */
  readonly code: number;
  /** Why, in words. */
  readonly reason: string;

  /** Made by the client; for applications that answer with a code of their own. */
  constructor(code: number, reason = '', options?: ErrorOptions) {
    super(`${code} ${reason}`.trim(), options);
    this.code = code;
    this.reason = reason;
  }
}

/** A response that is a success; anything else is thrown. */
export function accepted(response: Response): Response {
  const { Code, Reason, Desc } = response;
  if (Code >= 300) throw new StrowgerError(Code, Reason || Desc);
  return response;
}
