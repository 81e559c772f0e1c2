/** Follows a stream of the server: over breaks, from where it was, and never faster than what it tells can be shown. */

import { Problem } from './problem.js';
import { Parser } from './sse.js';

/** @typedef {import('./sse.js').Sent} Sent */
/**
 * What can be seen of it. `gap`: so many events were left out since it began.
 * @typedef {{ state: 'connecting' | 'live' | 'reconnecting' | 'ended' | 'refused', gap: number, why?: string }} Standing
 */
/**
 * @typedef {object} Following
 * @property {(path: string, headers: Record<string, string>, signal: AbortSignal) => Promise<Response>} open
 * @property {string} path
 * @property {string} [from] The id to go on from at the first time.
 * @property {(sent: Sent) => void | Promise<void>} take What is awaited holds the stream back.
 * @property {(standing: Standing) => void} tell
 * @property {(ms: number, signal: AbortSignal) => Promise<void>} [sleep]
 * @property {number} [silenceMs] After how long without a word the connection is taken for dead.
 */

const [FIRST_MS, MOST_MS] = [500, 15_000];
/** The server says every 15 s that it is still there. */
const SILENCE_MS = 50_000;

/** How long to wait before another try; not all at the same time. @param {number} tries @param {number} chance From 0 to 1. */
export const pause = (tries, chance) => Math.min(MOST_MS, FIRST_MS * 2 ** tries) * (0.75 + chance / 2);

/** @param {number} ms @param {AbortSignal} signal @returns {Promise<void>} */
const sleeping = (ms, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });

/** What no further try can change. @param {unknown} error */
const isFinal = (error) =>
  error instanceof Problem && error.status >= 400 && error.status < 500 && ![408, 429].includes(error.status);

/**
 * Follows until `signal` is aborted, the server says `end`, or it refuses for good.
 * @param {Following} following
 * @param {AbortSignal} signal
 */
export async function follow(following, signal) {
  const { open, path, from = '', take, tell, sleep = sleeping, silenceMs = SILENCE_MS } = following;
  let [lastId, tries, gap] = [from, 0, 0];
  /** @type {(state: Standing['state'], why?: string) => void} */
  const say = (state, why) => {
    if (!signal.aborted) tell({ state, gap, ...(why !== undefined && { why }) });
  };
  say('connecting');
  while (!signal.aborted) {
    let why = 'the connection ended';
    // Whatever ends this attempt ends its connection: a browser has few of them for one server.
    const attempt = new AbortController();
    const stop = () => attempt.abort();
    signal.addEventListener('abort', stop);
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let silence;
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(() => attempt.abort(new Error('the server fell silent')), silenceMs);
    };
    try {
      /** @type {Record<string, string>} */
      const headers = { Accept: 'text/event-stream', ...(lastId && { 'Last-Event-ID': lastId }) };
      const response = await open(path, headers, attempt.signal);
      say('live');
      const parser = new Parser();
      parser.lastId = lastId;
      const texts = new TextDecoder();
      const reader = response.body?.getReader();
      while (reader) {
        heard();
        const { done, value } = await reader.read();
        clearTimeout(silence);
        if (done) break;
        for (const sent of parser.push(texts.decode(value, { stream: true }))) {
          if (signal.aborted) return;
          tries = 0;
          lastId = sent.id || lastId;
          if (sent.event === 'gap') {
            gap += Number(JSON.parse(sent.data).left_out) || 0;
            say('live');
          }
          await take(sent);
          if (sent.event === 'end') return say('ended');
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      why = error instanceof Error ? error.message : String(error);
      if (isFinal(error)) return say('refused', why);
    } finally {
      clearTimeout(silence);
      signal.removeEventListener('abort', stop);
      attempt.abort();
    }
    say('reconnecting', why);
    await sleep(pause(tries, Math.random()), signal);
    tries += 1;
  }
}
