/** A list of the server that comes in parts: what is known of it, in order, and what to ask for next. */

/**
 * @template T
 * @typedef {(after: string | undefined) => Promise<{ items: T[], next: string | null }>} Ask
 */

/** More than this is not kept: a filter finds it better. */
const MOST = 100_000;

/** @template T */
export class Paged {
  /** @type {T[]} */
  items = [];
  /** Whether there is no more. */
  isWhole = false;
  /** @type {unknown} */
  fault;
  #ask;
  #key;
  /** @type {string | undefined} */
  #next;
  /** With which `after` each part was asked for, and where it begins. @type {{ after: string | undefined, first: number }[]} */
  #parts = [];
  /** @type {Map<string, number>} */
  #places = new Map();
  /** @type {Promise<void> | undefined} */
  #asking;

  /** @param {Ask<T>} ask @param {(item: T) => string} key */
  constructor(ask, key) {
    this.#ask = ask;
    this.#key = key;
  }

  /** Asks for the next part, or waits for the one that was asked for. */
  more() {
    if (this.isWhole) return Promise.resolve();
    this.#asking ??= this.#more().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #more() {
    const after = this.#next;
    try {
      const { items, next } = await this.#ask(after);
      this.fault = undefined;
      this.#parts.push({ after, first: this.items.length });
      for (const item of items) this.#add(item);
      this.#next = next ?? undefined;
      this.isWhole = !next || this.items.length >= MOST;
    } catch (error) {
      this.fault = error;
      throw error;
    }
  }

  /** @param {T} item */
  #add(item) {
    const key = this.#key(item);
    const known = this.#places.get(key);
    if (known !== undefined) {
      this.items[known] = item;
      return;
    }
    this.#places.set(key, this.items.length);
    this.items.push(item);
  }

  /**
   * Asks again for the part in which a row is; what is known is replaced, what is new there comes at the end of the list or, if
   * `isNewestFirst`, at its beginning. Resolves with how many rows came before all others.
   * @param {number} row
   * @param {boolean} isNewestFirst
   */
  async refresh(row, isNewestFirst) {
    const part = this.#parts.findLast(({ first }) => first <= row) ?? this.#parts[0];
    if (!part || this.#asking) return 0;
    const { items } = await this.#ask(part.after);
    if (!isNewestFirst || part !== this.#parts[0]) {
      for (const item of items) if (this.#places.has(this.#key(item)) || this.isWhole) this.#add(item);
      return 0;
    }
    const fresh = [];
    for (const item of items) {
      const place = this.#places.get(this.#key(item));
      if (place === undefined) fresh.push(item);
      else this.items[place] = item;
    }
    if (!fresh.length) return 0;
    // Where nothing of what was there is left in the part, the list has run on: what came in between is not known.
    if (fresh.length === items.length && this.items.length) {
      this.items = [];
      this.#parts = [];
      this.#next = undefined;
      this.isWhole = false;
      this.#places.clear();
      await this.more();
      return 0;
    }
    this.items = [...fresh, ...this.items];
    for (const part of this.#parts.slice(1)) part.first += fresh.length;
    this.#places = new Map(this.items.map((item, place) => [this.#key(item), place]));
    return fresh.length;
  }
}
