// A store in memory, as the node has one for each service.
import type * as wit from '../wit.js';

/** How an error of the node's store arrives. */
class Refused extends Error {
  readonly payload: wit.StoreError;

  constructor(payload: wit.StoreError) {
    super(payload.tag);
    this.payload = payload;
  }
}

interface Kept extends wit.Entry {
  readonly until: number;
}

/** The store of one service. Its bounds are the node's; here it has none. */
export class MemoryStore implements wit.Store {
  readonly #entries = new Map<string, Kept>();
  readonly #now: () => number;
  #version = 0;

  /** `now` tells the time in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  get(key: string): wit.Entry | null {
    const entry = this.#entries.get(key);
    if (!entry || entry.until <= this.#now()) return null;
    return { value: entry.value.slice(), version: entry.version };
  }

  set(key: string, expected: wit.Expected, value: Uint8Array, keep: number | null): number {
    this.#check(key, expected);
    this.#version += 1;
    const until = keep === null ? Number.POSITIVE_INFINITY : this.#now() + keep / 1000;
    this.#entries.set(key, { value: value.slice(), version: this.#version, until });
    return this.#version;
  }

  delete(key: string, expected: wit.Expected): void {
    this.#check(key, expected);
    this.#entries.delete(key);
  }

  keys(prefix: string, limit: number): string[] {
    const found = [...this.#entries.keys()].filter((key) => key.startsWith(prefix) && this.get(key));
    return found.sort().slice(0, limit);
  }

  #check(key: string, expected: wit.Expected): void {
    const version = this.get(key)?.version;
    const isThere =
      expected.tag === 'anything' ||
      (expected.tag === 'nothing' && version === undefined) ||
      (expected.tag === 'version' && version === expected.val);
    if (!isThere) throw new Refused({ tag: 'changed', val: version ?? null });
  }
}
