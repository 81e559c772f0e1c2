/** What a service logs: the latest lines, and the next ones as they come. */

import { make } from '../../shared/elements.js';
import { inPath } from '../api.js';
import { plain } from '../text.js';
import { fault } from './panels.js';

/** @typedef {{ number: number, at: string, level: string, text: string }} Line */
/** @typedef {{ lines: Line[], lost: number, last: number }} Lines */

/** Lines in the page; the server keeps no more. */
const MOST = 1_000;
/** How long the server may wait for the next line, in seconds. */
const WAIT = 20;
const AFTER_FAULT_MS = 3_000;

export class Logs {
  element;
  #api;
  #name;
  #lines = make('ol', { class: 'log', role: 'log', 'aria-label': 'Log lines', tabindex: 0 });
  #note = make('p', { class: 'list-note' });
  #ended = new AbortController();

  /** @param {import('../api.js').Api} api @param {string} name */
  constructor(api, name) {
    this.#api = api;
    this.#name = name;
    const only = /** @type {HTMLInputElement} */ (make('input', { type: 'checkbox' }));
    only.addEventListener('change', () => this.#lines.classList.toggle('only-faults', only.checked));
    this.element = make(
      'section',
      { class: 'panel' },
      make(
        'div',
        { class: 'panel-head' },
        make('h3', {}, 'Log'),
        make('label', { class: 'switch' }, only, 'warnings and errors only'),
      ),
      this.#lines,
      this.#note,
    );
    void this.#follow();
  }

  close() {
    this.#ended.abort();
  }

  async #follow() {
    const { signal } = this.#ended;
    let after = 0;
    while (!signal.aborted) {
      try {
        /** @type {Lines} */
        const page = await this.#api.get(
          `/v1/services/${inPath(this.#name)}/logs`,
          { after, wait: after ? WAIT : 0 },
          signal,
        );
        // A server that began anew counts from 1.
        if (page.last < after) this.#lines.replaceChildren();
        if (page.lost && page.last >= after)
          this.#add([make('li', { class: 'warn' }, `${page.lost} lines before are not kept any more`)]);
        after = page.last;
        this.#add(page.lines.map(line));
        this.#note.replaceChildren(
          this.#lines.childElementCount ? 'following' : 'No line so far; following.',
        );
        if (!page.lines.length && !after) await pause(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#note.replaceChildren(fault(error));
        await pause(signal);
      }
    }
  }

  /** @param {HTMLElement[]} lines */
  #add(lines) {
    const box = this.#lines;
    const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    box.append(...lines);
    while (box.childElementCount > MOST) box.firstElementChild?.remove();
    if (isAtEnd) box.scrollTop = box.scrollHeight;
  }
}

/** @param {Line} line */
const line = ({ at, level, text }) =>
  make(
    'li',
    { class: level === 'error' || level === 'warn' ? level : 'usual' },
    make('time', { datetime: at }, at.slice(11, 23)),
    ' ',
    make('b', {}, plain(level)),
    ' ',
    make('bdi', {}, plain(text)),
  );

/** @param {AbortSignal} signal @returns {Promise<void>} */
const pause = (signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, AFTER_FAULT_MS);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
