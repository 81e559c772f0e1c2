/** The admin interface: who asks, and what is asked. */

import { Problem } from './problem.js';

/** The token of this tab, gone with it. */
const TOKEN = 'strowger.console.token';
/** Each role with those before it. */
const ROLES = ['read', 'operate', 'deploy'];

/** @typedef {'read' | 'operate' | 'deploy'} Role */
/** @typedef {{ role: string, name: string }} Caller */
/** @template T @typedef {{ items: T[], next: string | null }} Part */

/** @param {Record<string, string | number | undefined>} query */
export function queryOf(query) {
  const entries = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const text = new URLSearchParams(entries.map(([name, value]) => [name, String(value)])).toString();
  return text && `?${text}`;
}

/** Nothing that is asked for takes longer, the waiting for log lines included. */
const PATIENCE_MS = 45_000;

export class Api {
  /** Who asks, once that is known. @type {Caller | undefined} */
  caller;
  #ask;
  #told;
  /** @type {Promise<string> | undefined} */
  #asking;

  /**
   * @param {(why: string) => Promise<string>} ask Asks the user for a token.
   * @param {() => void} told The role became known.
   */
  constructor(ask, told) {
    this.#ask = ask;
    this.#told = told;
  }

  get hasToken() {
    return !!sessionStorage.getItem(TOKEN);
  }

  forget() {
    sessionStorage.removeItem(TOKEN);
  }

  /** Whether the role is known and does not go so far. @param {Role} needed */
  mayNot(needed) {
    return !!this.caller && ROLES.indexOf(this.caller.role) < ROLES.indexOf(needed);
  }

  /**
   * One request; asks the user for a token where the server wants one, and tries again with it.
   * @param {string} path
   * @param {RequestInit & { headers?: Record<string, string> }} [init]
   * @param {number} [patienceMs] How long the server may take each time.
   * @returns {Promise<Response>}
   */
  async request(path, { headers = {}, ...init } = {}, patienceMs) {
    for (;;) {
      const token = sessionStorage.getItem(TOKEN);
      const own = token ? { ...headers, Authorization: `Bearer ${token}` } : headers;
      const signals = [
        ...(init.signal ? [init.signal] : []),
        ...(patienceMs ? [AbortSignal.timeout(patienceMs)] : []),
      ];
      const response = await fetch(path, {
        ...init,
        signal: AbortSignal.any(signals),
        headers: own,
        cache: 'no-store',
        redirect: 'error',
      });
      if (response.status !== 401) {
        if (!response.ok) throw await Problem.of(response);
        return response;
      }
      const { message } = await Problem.of(response);
      // Another request may have brought a new one in the meantime.
      if (sessionStorage.getItem(TOKEN) === token) await this.#renew(token ? message : '');
      if (init.signal?.aborted) throw new Problem(401, message);
    }
  }

  /** @param {string} why */
  async #renew(why) {
    this.#asking ??= this.#ask(why).finally(() => {
      this.#asking = undefined;
    });
    sessionStorage.setItem(TOKEN, await this.#asking);
    void this.know();
  }

  /** Asks who we are. A server that does not tell is taken to allow all, and refuses what it does not. */
  async know() {
    try {
      this.caller = await this.get('/v1/caller');
    } catch {
      this.caller = undefined;
    }
    this.#told();
  }

  /**
   * @template T
   * @param {string} path
   * @param {Record<string, string | number | undefined>} [query]
   * @param {AbortSignal} [signal]
   * @returns {Promise<T>}
   */
  async get(path, query = {}, signal) {
    const init = signal ? { signal } : {};
    const response = await this.request(`${path}${queryOf(query)}`, init, PATIENCE_MS);
    return response.json();
  }

  /** @param {string} path @param {AbortSignal} [signal] */
  async text(path, signal) {
    return (await this.request(path, signal ? { signal } : {}, PATIENCE_MS)).text();
  }

  /** A change. @param {string} method @param {string} path @param {unknown} [body] */
  change(method, path, body) {
    if (body === undefined) return this.request(path, { method });
    const headers = { 'Content-Type': 'application/json' };
    return this.request(path, { method, headers, body: JSON.stringify(body) });
  }

  /** @type {import('./follow.js').Following['open']} */
  open = (path, headers, signal) => this.request(path, { headers, signal });
}

/** A name as a part of a path. @param {string} name */
export const inPath = (name) => encodeURIComponent(name);
