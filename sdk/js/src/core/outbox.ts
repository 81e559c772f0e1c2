/**
 * What the server may not have: the client's half of "delivered, or the sender knows" (protocol section 1).
 *
 * A page sees no Pong, so a frame that was written proves nothing. A response does: frames keep their order, so a
 * response to a request proves that the server has everything that was written before it. Until then a frame stays
 * here, and after a reconnect all that stayed is written again, unchanged, in the original order. The server's
 * transactions absorb what they already have.
 */

/** The most responses and ACKs kept without proof; the oldest go first. */
const UNPROVEN = 64;

/** One frame. */
export interface Entry {
  readonly text: string;
  /** A request stays until it is done; anything else until it is proven. */
  readonly isRequest: boolean;
  /** Whether any socket ever took it. */
  written: boolean;
}

/** Frames in their order; `write` hands one to the socket. */
export class Outbox {
  #entries: Entry[] = [];
  #isUp = false;
  readonly #write: (text: string) => void;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** How many requests wait for their response. */
  get requests(): number {
    return this.#entries.filter((entry) => entry.isRequest).length;
  }

  push(text: string, isRequest: boolean): Entry {
    const entry: Entry = { text, isRequest, written: this.#isUp };
    this.#entries.push(entry);
    const others = this.#entries.filter((other) => !other.isRequest);
    if (others.length > UNPROVEN) this.done(others[0]);
    this.again(text);
    return entry;
  }

  /** Writes it, if there is a socket, and keeps nothing. */
  again(text: string): void {
    if (this.#isUp) this.#write(text);
  }

  /** The server has this entry, so it has all before it. */
  prove(entry: Entry): void {
    const index = this.#entries.indexOf(entry);
    this.#entries = this.#entries.filter((other, at) => at > index || other.isRequest);
  }

  /** It need not be written again. */
  done(entry: Entry | undefined): void {
    this.#entries = this.#entries.filter((other) => other !== entry);
  }

  /** There is a socket: writes everything that is kept, then what is new. */
  resume(): void {
    this.#isUp = true;
    for (const entry of this.#entries) {
      entry.written = true;
      this.#write(entry.text);
    }
  }

  suspend(): void {
    this.#isUp = false;
  }

  clear(): void {
    this.#entries = [];
  }
}
