/** Whether there is a connection, and what that means for the user. */

import { byId, make } from './elements.js';

/** @typedef {import('../../sdk/js/src/index.js').Client} Client */

const GOOD_MS = 4_000;

export class ConnectionView {
  #chip = byId('connection');
  #banner = byId('banner');
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {Client} client */
  constructor(client) {
    client.on('online', ({ isResumed }) => {
      this.#say('online', 'Online');
      if (!isResumed) return;
      this.#tell('Back again. Nothing was lost.', 'good');
      this.#timer = setTimeout(() => this.#tell('', ''), GOOD_MS);
    });
    client.on('reconnecting', () => {
      this.#say('reconnecting', 'Reconnecting');
      this.#tell('Reconnecting: nothing is lost, what you do now is sent when the connection is back.', '');
    });
    client.on('replaced', () => {
      this.#say('offline', 'Signed in elsewhere');
      const here = make('button', { click: () => location.reload() }, 'Use this tab');
      this.#tell('You have signed in under this name in another tab or on another device.', 'bad', here);
    });
    client.on('offline', ({ code }) => {
      // `replaced` has said it already.
      if (code === 4001) return;
      this.#say('offline', 'Offline');
      if (code === 1000) return;
      this.#tell(
        'The connection is gone.',
        'bad',
        make('button', { click: () => location.reload() }, 'Connect again'),
      );
    });
    this.#say(client.state, 'Online');
  }

  /** @param {string} state @param {string} text */
  #say(state, text) {
    this.#chip.dataset.state = state;
    this.#chip.textContent = text;
  }

  /** @param {string} text @param {string} kind @param {...HTMLElement} more */
  #tell(text, kind, ...more) {
    clearTimeout(this.#timer);
    this.#banner.className = `banner ${kind}`;
    this.#banner.replaceChildren(...(text ? [text] : []), ...more);
  }
}
