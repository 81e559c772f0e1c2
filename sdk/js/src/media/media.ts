/** What a call asks of its media: session descriptions, in the order in which SIP exchanges them. */

/** A body and what it is. */
export interface Description {
  /** Any JSON value; the text of SDP. */
  body: unknown;
  /** Such as `application/sdp`. */
  contentType: string;
}

/** The media of one call. Every promise may reject; the call then refuses with 488 or ends. */
export interface Media {
  /** Describes what this side would like. `isAnew`: to whoever is the other side now, which may be another one. */
  offer(options: { iceRestart: boolean; isAnew?: boolean }): Promise<Description>;
  /** Answers what the other side would like. */
  answer(offer: Description): Promise<Description>;
  /** The other side's answer; `isEarly` if it came before the call was answered. */
  accept(answer: Description, isEarly: boolean): Promise<void>;
  /** The offer was refused: as before. */
  rollback(): Promise<void>;
  /** The call is over. */
  close(): void;
}

/**
 * Media that is not this library's business: every offer and answer is the same body. For bots, gateways and tests.
 *
 * ```ts
 * client.on('call', (call) => call.answer({ media: fixedMedia('v=0...') }));
 * ```
 */
export function fixedMedia(body: unknown, contentType = 'application/sdp'): Media {
  const description = { body, contentType };
  return {
    offer: async () => description,
    answer: async () => description,
    accept: async () => {},
    rollback: async () => {},
    close: () => {},
  };
}
