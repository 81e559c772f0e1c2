// What all instances of a service share.
import { bytes } from './event.js';
import { decode } from './utf8.js';
import type * as wit from './wit.js';

/** A value of the store. */
export interface Entry {
  readonly value: Uint8Array;
  /** The value as text. */
  readonly text: string;
  /** Counts up with each change of the store. */
  readonly version: number;
}

/** The store was not changed. */
export class StoreError extends Error {
  /** Why. */
  readonly fault: wit.StoreError;

  constructor(fault: wit.StoreError) {
    super(`the store was not changed: ${fault.tag}`);
    this.name = 'StoreError';
    this.fault = fault;
  }
}

/** Attempts of `update` before it gives up: more siblings than that do not change one key at one moment. */
const ATTEMPTS = 100;

/** The store of the service; each call is carried out at once. Texts are kept as UTF-8. */
export class Store {
  readonly #store: wit.Store;

  constructor(store: wit.Store) {
    this.#store = store;
  }

  /** The value of a key. */
  get(key: string): Entry | undefined {
    const entry = this.#store.get(key);
    if (!entry) return undefined;
    const { value } = entry;
    return {
      value,
      get text() {
        return decode(value);
      },
      version: Number(entry.version),
    };
  }

  /** Sets a key, whatever is there; gives its version. Throws a `StoreError`. */
  put(key: string, value: Uint8Array | string): number {
    return this.#set(key, { tag: 'anything' }, value, null);
  }

  /** The same for so many milliseconds; then it goes by itself. */
  putFor(key: string, value: Uint8Array | string, keep: number): number {
    return this.#set(key, { tag: 'anything' }, value, Math.round(keep * 1000));
  }

  /**
   * Sets a key if it still has this version, `undefined`: if it is not there. Gives the new version, `undefined` where
   * somebody else was first. Throws a `StoreError` where it cannot be set at all.
   */
  compareAndSwap(key: string, version: number | undefined, value: Uint8Array | string): number | undefined {
    const expected: wit.Expected =
      version === undefined ? { tag: 'nothing' } : { tag: 'version', val: version };
    try {
      return this.#set(key, expected, value, null);
    } catch (error) {
      if (error instanceof StoreError && error.fault.tag === 'changed') return undefined;
      throw error;
    }
  }

  /** Changes a key to what `change` makes of it, again where somebody else was first. Throws a `StoreError`. */
  update(key: string, change: (old: string | undefined) => string): string {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const old = this.get(key);
      const text = change(old?.text);
      if (this.compareAndSwap(key, old?.version, text) !== undefined) return text;
    }
    throw new StoreError({ tag: 'changed', val: null });
  }

  /** Removes a key. */
  delete(key: string): void {
    this.#store.delete(key, { tag: 'anything' });
  }

  /** The first keys with this prefix, in their order. */
  keys(prefix: string, limit: number): string[] {
    return this.#store.keys(prefix, limit);
  }

  #set(key: string, expected: wit.Expected, value: Uint8Array | string, keep: number | null): number {
    try {
      return Number(this.#store.set(key, expected, bytes(value), keep));
    } catch (error) {
      throw isPayload(error) ? new StoreError(error.payload) : error;
    }
  }
}

/** How an error of the host arrives. */
function isPayload(error: unknown): error is { payload: wit.StoreError } {
  return typeof error === 'object' && error !== null && 'payload' in error;
}
