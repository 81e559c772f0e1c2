/** What was written to whom: kept over a reload, sent in order, sent again until it has arrived. */

import { StrowgerError } from '../../sdk/js/src/index.js';
import { isRoom } from './names.js';
import { Watched } from './watched.js';

/** @typedef {import('../../sdk/js/src/index.js').Client} Client */
/** @typedef {import('../../sdk/js/src/index.js').Incoming} Incoming */

/** @typedef {'sending' | 'waiting' | 'delivered' | 'failed' | 'note'} State */
/** @typedef {{ id: string, from: string, text: string, at: number, state: State, reason?: string }} Line */
/** @typedef {{ lines: Line[], unread: number, timer?: ReturnType<typeof setTimeout>, isBusy?: boolean, tries?: number }} Thread */

/** Lines that are kept of each thread, and threads. */
const MOST_LINES = 200;
const MOST_THREADS = 50;
/** Lines of one thread that may wait for their reader. */
const MOST_WAITING = 50;
/** A line that has not arrived after so long is given up. */
const GIVE_UP_MS = 10 * 60_000;
const PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;
/** The reader is away, or the server has too much to do: later it may be different. */
const LATER = [408, 480, 503];
/** Names a line, so that one which is sent twice is shown once. */
const ID = 'Message-ID';

export class Chats extends Watched {
  /** By user or room. @type {Map<string, Thread>} */
  threads = new Map();
  #client;
  #store;
  /** Writes to a room; set by whoever is in one. @type {(room: string, text: string) => Promise<void>} */
  toRoom = () => Promise.reject(new StrowgerError(480, 'not in the room'));
  /** Called with the thread in which somebody else has written. @type {(peer: string) => void} */
  onLine = () => {};

  /** @param {Client} client */
  constructor(client) {
    super();
    this.#client = client;
    this.#store = `strowger.chats.${client.userid}`;
    this.#load();
    client.on('message', (message) => this.#receive(message));
    client.on('online', () => this.hurry());
  }

  /** Whether the user of this page is meant. @param {string} user */
  isMine(user) {
    return user === this.#client.userid;
  }

  /** @param {string} peer */
  thread(peer) {
    const known = this.threads.get(peer);
    if (known) return known;
    const thread = /** @type {Thread} */ ({ lines: [], unread: 0 });
    this.threads.set(peer, thread);
    for (const [oldest, { unread }] of this.threads) {
      if (this.threads.size <= MOST_THREADS) break;
      if (!unread && oldest !== peer) this.threads.delete(oldest);
    }
    return thread;
  }

  /** The user has seen it. @param {string} peer */
  read(peer) {
    const thread = this.threads.get(peer);
    if (!thread?.unread) return;
    thread.unread = 0;
    this.#changed();
  }

  /** Writes to a user or a room. @param {string} peer @param {string} text */
  write(peer, text) {
    const { lines } = this.thread(peer);
    const waiting = lines.filter(({ state }) => state === 'waiting' || state === 'sending').length;
    const isTooMuch = waiting >= MOST_WAITING;
    this.#add(peer, {
      id: crypto.randomUUID(),
      from: this.#client.userid,
      text,
      at: Date.now(),
      state: isTooMuch ? 'failed' : 'sending',
      ...(isTooMuch && { reason: 'too many wait already' }),
    });
    void this.#send(peer);
  }

  /** Tries a line again that was given up. @param {string} peer @param {Line} line */
  again(peer, line) {
    line.state = 'sending';
    line.at = Date.now();
    this.#changed();
    void this.#send(peer);
  }

  /** Says what happened between two lines. @param {string} peer @param {string} text */
  note(peer, text) {
    this.#add(peer, { id: crypto.randomUUID(), from: peer, text, at: Date.now(), state: 'note' });
  }

  /** Something has changed for the better: whatever waits is tried now. @param {(peer: string) => boolean} [isMeant] */
  hurry(isMeant = () => true) {
    for (const [peer, thread] of this.threads) {
      if (!isMeant(peer) || !thread.timer) continue;
      clearTimeout(thread.timer);
      delete thread.timer;
      void this.#send(peer);
    }
  }

  /** A line of somebody else. @param {string} peer @param {string} from @param {string} text @param {string} [id] */
  add(peer, from, text, id = crypto.randomUUID()) {
    if (this.thread(peer).lines.some((line) => line.id === id)) return;
    this.thread(peer).unread += 1;
    this.#add(peer, { id, from, text, at: Date.now(), state: 'delivered' });
    this.onLine(peer);
  }

  /** @param {Incoming} message */
  #receive({ from, body, request }) {
    // What is written in a room comes by way of the room.
    if (isRoom(request.To)) return;
    const id = request[ID];
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    this.add(from, from, text ?? '', typeof id === 'string' ? `${from} ${id}` : undefined);
  }

  /** Sends one line after another, each until it has arrived. @param {string} peer */
  async #send(peer) {
    const thread = this.thread(peer);
    if (thread.isBusy || thread.timer) return;
    thread.isBusy = true;
    for (let line = next(thread); line; line = next(thread)) {
      line.state = 'sending';
      this.#changed();
      if (await this.#sendOne(peer, line)) continue;
      thread.tries = (thread.tries ?? 0) + 1;
      const pause = Math.min(PAUSE_MS * 2 ** (thread.tries - 1), LONGEST_PAUSE_MS);
      thread.timer = setTimeout(() => {
        delete thread.timer;
        void this.#send(peer);
      }, pause);
      break;
    }
    thread.isBusy = false;
    this.#changed();
  }

  /** Whether a line is done with. @param {string} peer @param {Line} line */
  async #sendOne(peer, line) {
    try {
      if (isRoom(peer)) await this.toRoom(peer, line.text);
      else await this.#client.message(peer, line.text, { headers: { [ID]: line.id } });
      line.state = 'delivered';
      delete line.reason;
      this.thread(peer).tries = 0;
      return true;
    } catch (error) {
      const { code, reason } = error instanceof StrowgerError ? error : { code: 0, reason: String(error) };
      const isLater = LATER.includes(code) && Date.now() - line.at < GIVE_UP_MS;
      line.state = isLater ? 'waiting' : 'failed';
      line.reason = `${code} ${reason}`.trim();
      return !isLater;
    }
  }

  /** @param {string} peer @param {Line} line */
  #add(peer, line) {
    const { lines } = this.thread(peer);
    lines.push(line);
    lines.splice(0, Math.max(0, lines.length - MOST_LINES));
    this.#changed();
  }

  #changed() {
    this.#save();
    this.changed();
  }

  #save() {
    const kept = [...this.threads].map(([peer, { lines, unread }]) => [peer, { lines, unread }]);
    try {
      sessionStorage.setItem(this.#store, JSON.stringify(kept));
    } catch {
      // No room left: then it is not kept over a reload.
    }
  }

  #load() {
    try {
      this.threads = new Map(JSON.parse(sessionStorage.getItem(this.#store) ?? '[]'));
    } catch {
      this.threads = new Map();
    }
  }

  /** What a reload has interrupted. */
  resume() {
    for (const peer of this.threads.keys()) void this.#send(peer);
  }
}

/** The oldest line that has not arrived. @param {Thread} thread */
const next = ({ lines }) => lines.find(({ state }) => state === 'sending' || state === 'waiting');
