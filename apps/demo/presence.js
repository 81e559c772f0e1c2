/** Who is online: whoever is in the lobby, a room of the conference service that carries no media. */

import { fixedMedia } from '../../sdk/js/src/index.js';
import { DOMAIN, LOBBY } from './names.js';
import { Watched } from './watched.js';

/** @typedef {import('../../sdk/js/src/index.js').Client} Client */
/** @typedef {import('../../sdk/js/src/index.js').Call} Call */

/** The pauses before the lobby is tried again, in milliseconds; the last one repeats. */
const PAUSES = [500, 1_000, 2_000, 5_000, 10_000];

export class Presence extends Watched {
  /** The others, in the order in which they came. @type {string[]} */
  people = [];
  /** What keeps us out, in words. */
  fault = '';
  /** @type {Client | undefined} */
  #client;
  #attempt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {Call | undefined} */
  #lobby;

  /** @param {Client} client */
  constructor(client) {
    super();
    this.#client = client;
  }

  /** Whether a call is the lobby and none that is to be shown. @param {string} id */
  isLobby(id) {
    return this.#lobby?.id === id;
  }

  /** Whether somebody is online. @param {string} user */
  has(user) {
    return this.people.includes(user);
  }

  /** Goes into the lobby, and again whenever it has been left. */
  enter() {
    clearTimeout(this.#timer);
    const lobby = this.#client?.call(LOBBY, {
      media: fixedMedia({}, 'application/json'),
      headers: { Router: `${DOMAIN};type=conference` },
    });
    if (!lobby) return;
    this.#lobby = lobby;
    lobby.on('message', ({ Event, Body }) => {
      if (Event === 'conference') this.#roster(/** @type {{ members?: unknown }} */ (Body));
    });
    lobby.on('established', () => {
      this.#attempt = 0;
      this.fault = '';
      this.changed();
    });
    lobby.on('ended', ({ code, reason }) => this.#left(code, reason));
  }

  /** Stays out from now on. */
  leave() {
    clearTimeout(this.#timer);
    this.#client = undefined;
  }

  /** @param {{ members?: unknown }} body */
  #roster({ members }) {
    const me = this.#client?.userid;
    if (!Array.isArray(members)) return;
    this.people = members.filter((user) => typeof user === 'string' && user !== me);
    this.changed();
  }

  /** @param {number} code @param {string} reason */
  #left(code, reason) {
    if (!this.#client || this.#client.state === 'offline') return;
    this.fault =
      code === 486 ? 'The lobby is full: you can call by name only.' : `The lobby: ${code} ${reason}`;
    const pause = PAUSES[Math.min(this.#attempt, PAUSES.length - 1)];
    this.#attempt += 1;
    this.#timer = setTimeout(() => this.enter(), pause);
    this.changed();
  }
}
