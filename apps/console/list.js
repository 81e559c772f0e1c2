/** A long list of the server, of which only what is in sight is in the page. */

import { make } from '../shared/elements.js';
import { Paged } from './paging.js';
import { plain } from './text.js';
import { slice } from './virtual.js';

/**
 * @template T
 * @typedef {object} Listed
 * @property {string} label For who does not see it.
 * @property {string[]} heads
 * @property {string} look The class that says how wide the columns are.
 * @property {import('./paging.js').Ask<T>} ask
 * @property {(item: T) => string} key
 * @property {(item: T) => (Node | string)[]} cells
 * @property {(item: T) => string} [href]
 * @property {boolean} isNewestFirst
 * @property {string} none What to say where there is nothing.
 */

/** How often what is in sight is asked for again, in milliseconds. */
const AGAIN_MS = 2_500;
const ROW = 44;

/** @template T */
export class List {
  element;
  #listed;
  /** @type {Paged<T>} */
  #paged;
  #window = make('div', { class: 'window', tabindex: -1 });
  #rows = make('div', { class: 'rows', role: 'rowgroup' });
  #note = make('p', { class: 'list-note', role: 'status' });
  #selected = '';
  /** Of the row that Tab leads to. */
  #at = 0;
  /** @type {Map<number, { item: T, row: HTMLElement }>} */
  #drawn = new Map();
  #isClosed = false;
  #edition = 0;
  #timer;
  #resized = new ResizeObserver(() => this.#draw());

  /** @param {Listed<T>} listed */
  constructor(listed) {
    this.#listed = listed;
    this.#paged = new Paged(listed.ask, listed.key);
    const heads = make(
      'div',
      { role: 'rowgroup', class: 'row-heads' },
      make(
        'div',
        { class: 'row', role: 'row' },
        ...listed.heads.map((head) => make('span', { role: 'columnheader' }, head)),
      ),
    );
    this.#window.append(this.#rows);
    this.element = make(
      'div',
      { class: `list ${listed.look}` },
      make('div', { class: 'grid', role: 'table', 'aria-label': listed.label }, heads, this.#window),
      this.#note,
    );
    this.#window.addEventListener('scroll', () => this.#draw(), { passive: true });
    this.#rows.addEventListener('keydown', (event) => this.#key(event));
    this.#resized.observe(this.#window);
    this.#timer = setInterval(() => void this.#again(), AGAIN_MS);
    void this.#more();
  }

  /** Begins anew, as after a change of the filter. */
  restart() {
    this.#edition += 1;
    this.#paged = new Paged(this.#listed.ask, this.#listed.key);
    this.#window.scrollTop = 0;
    this.#at = 0;
    this.#clear();
    void this.#more();
  }

  /** Marks what is shown beside the list. @param {string} key */
  select(key) {
    this.#selected = key;
    this.#clear();
    this.#draw();
  }

  /** Asks at once for what is in sight. */
  refresh() {
    return this.#again();
  }

  close() {
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#resized.disconnect();
  }

  #clear() {
    for (const { row } of this.#drawn.values()) row.remove();
    this.#drawn.clear();
  }

  async #more() {
    const edition = this.#edition;
    try {
      await this.#paged.more();
    } catch {
      // `fault` tells it below.
    }
    if (this.#isClosed || edition !== this.#edition) return;
    this.#draw();
  }

  async #again() {
    if (this.#isClosed || document.hidden) return;
    const [edition, paged] = [this.#edition, this.#paged];
    if (!paged.items.length && !paged.isWhole) return this.#more();
    const { first, end } = this.#slice();
    try {
      const before = await paged.refresh(Math.floor((first + end) / 2), this.#listed.isNewestFirst);
      paged.fault = undefined;
      if (this.#isClosed || edition !== this.#edition) return;
      if (before) {
        this.#clear();
        this.#at += before;
        // Who reads further down stays where he is.
        if (this.#window.scrollTop > ROW) this.#window.scrollTop += before * ROW;
      }
    } catch (error) {
      paged.fault = error;
    }
    this.#draw();
  }

  #slice() {
    return slice(this.#window.scrollTop, this.#window.clientHeight, ROW, this.#paged.items.length);
  }

  #draw() {
    const { items, isWhole, fault } = this.#paged;
    const { first, end } = this.#slice();
    this.#rows.style.height = `${items.length * ROW}px`;
    for (const [place, drawn] of this.#drawn) {
      const item = place >= first && place < end ? items[place] : undefined;
      if (item === drawn.item) continue;
      // A row that is only told anew stays, and with it the focus.
      if (item !== undefined && this.#listed.key(item) === this.#listed.key(drawn.item)) {
        drawn.item = item;
        this.#fill(drawn.row, item);
        continue;
      }
      drawn.row.remove();
      this.#drawn.delete(place);
    }
    for (let place = first; place < end; place += 1) {
      const item = items[place];
      if (item !== undefined && !this.#drawn.has(place)) this.#place(place, item);
    }
    this.#at = Math.min(this.#at, Math.max(0, items.length - 1));
    for (const [place, { row }] of this.#drawn) {
      const link = row.querySelector('a');
      if (link) link.tabIndex = place === this.#tab(first, end) ? 0 : -1;
    }
    if (!fault && !isWhole && end > items.length - 20) void this.#more();
    this.#tell(items.length, isWhole, fault);
  }

  /** Which row Tab leads to: the one it led to before, or one in sight. @param {number} first @param {number} end */
  #tab(first, end) {
    return this.#at >= first && this.#at < end ? this.#at : first;
  }

  /** @param {number} count @param {boolean} isWhole @param {unknown} fault */
  #tell(count, isWhole, fault) {
    const number = count.toLocaleString('en').replaceAll(',', '\u202f');
    let text = isWhole
      ? count
        ? `${number} in all`
        : this.#listed.none
      : `${number} so far; scroll for more`;
    if (fault) text = `Not up to date: ${plain(fault instanceof Error ? fault.message : fault)}`;
    if (!fault && !isWhole && !count) text = 'Asking…';
    this.#note.classList.toggle('error', !!fault);
    if (this.#note.textContent !== text) this.#note.textContent = text;
  }

  /** @param {number} place @param {T} item */
  #place(place, item) {
    const { heads, href, key } = this.#listed;
    const row = make('div', {
      class: 'row',
      role: 'row',
      'aria-rowindex': place + 2,
      'aria-current': key(item) === this.#selected && 'true',
    });
    for (let column = 0; column < heads.length; column += 1) row.append(make('span', { role: 'cell' }));
    // The link of the first cell covers the row.
    if (href) row.firstChild?.appendChild(make('a', { href: href(item), focus: () => this.#reach(place) }));
    this.#fill(row, item);
    row.style.transform = `translateY(${place * ROW}px)`;
    const next = [...this.#drawn].filter(([other]) => other > place).sort(([a], [b]) => a - b)[0];
    this.#rows.insertBefore(row, next?.[1].row ?? null);
    this.#drawn.set(place, { item, row });
  }

  /** @param {HTMLElement} row @param {T} item */
  #fill(row, item) {
    this.#listed.cells(item).forEach((cell, column) => {
      const box = row.children[column];
      (box?.querySelector('a') ?? box)?.replaceChildren(cell);
    });
  }

  /** @param {number} place */
  #reach(place) {
    this.#at = place;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const page = Math.max(1, Math.floor(this.#window.clientHeight / ROW) - 1);
    const last = this.#paged.items.length - 1;
    const way = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -last, End: last }[
      event.key
    ];
    if (way === undefined) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(last, this.#at + way));
    const [top, height] = [this.#window.scrollTop, this.#window.clientHeight];
    if (next * ROW < top) this.#window.scrollTop = next * ROW;
    if ((next + 1) * ROW > top + height) this.#window.scrollTop = (next + 1) * ROW - height;
    this.#at = next;
    this.#draw();
    this.#drawn.get(next)?.row.querySelector('a')?.focus();
  }
}
