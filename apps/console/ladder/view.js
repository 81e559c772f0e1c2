/** The ladder in the page: rows in sight only, appended while the call runs, scrolled along until the user looks elsewhere. */

import { draw, icon, make } from '../../shared/elements.js';
import { withNextPicture } from '../picture.js';
import { Heights } from '../virtual.js';
import { sentence } from './events.js';
import { filtered } from './rows.js';
import { drawn, geometry, HEAD, heads } from './shapes.js';

/** @typedef {import('./events.js').CallEvent} CallEvent */
/** @typedef {import('./events.js').Group} Group */
/** @typedef {import('./rows.js').Row} Row */
/** @typedef {import('./rows.js').Rows} Rows */
/** @typedef {import('./shapes.js').Shape} Shape */

/** @param {Shape} shape */
const element = ({ tag, attributes, text }) => draw(tag, attributes, ...(text === undefined ? [] : [text]));

export class LadderView {
  element;
  #rows;
  #picked;
  #window = make('div', { class: 'ladder-window' });
  #heads = make('div', { class: 'ladder-heads', 'aria-hidden': 'true' });
  #list = make('ol', { class: 'ladder-rows', 'aria-label': 'What happened, in order' });
  #follow = make(
    'button',
    { class: 'to-end', hidden: true, click: () => this.toEnd() },
    icon('down'),
    'To the end',
  );
  /** Those that the filters leave. @type {Row[]} */
  #shown = [];
  #heights = new Heights();
  /** @type {Map<number, HTMLElement>} */
  #drawn = new Map();
  /** @type {(group: Group) => boolean} */
  #isShown = () => true;
  /** How many of the rows were looked at. */
  #known = 0;
  #edition = -1;
  #geometry = geometry([], 800);
  #isAtEnd = true;
  #isDue = false;
  /** The place of the event that the time axis is at. */
  #at = -1;
  /** When the call began. */
  startMs = 0;
  #resized = new ResizeObserver(() => this.#again());

  /** @param {Rows} rows @param {(place: number) => void} picked An event was chosen. */
  constructor(rows, picked) {
    this.#rows = rows;
    this.#picked = picked;
    this.#window.append(this.#heads, this.#list);
    this.element = make('div', { class: 'ladder' }, this.#window, this.#follow);
    this.#window.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    this.#list.addEventListener('keydown', (event) => this.#key(event));
    this.#list.addEventListener('click', ({ target }) => {
      const row = target instanceof Element ? target.closest('li') : null;
      if (row) this.#pick(Number(row.dataset.index));
    });
    this.#resized.observe(this.#window);
  }

  get isFollowing() {
    return this.#isAtEnd;
  }

  close() {
    this.#resized.disconnect();
  }

  /** Draws what came since, with the next picture of the screen. */
  update() {
    if (this.#isDue) return;
    this.#isDue = true;
    withNextPicture(() => {
      this.#isDue = false;
      this.#grow();
    });
  }

  /** @param {(group: Group) => boolean} isShown */
  filter(isShown) {
    this.#isShown = isShown;
    const top = this.#shown[this.#heights.at(this.#window.scrollTop)]?.place;
    this.#known = 0;
    this.#shown = [];
    this.#heights.clear();
    this.#clear();
    this.#grow();
    if (!this.#isAtEnd && top !== undefined) this.#window.scrollTop = this.#heights.top(this.#indexOf(top));
  }

  /** Goes to the end and stays there as more comes. */
  toEnd() {
    this.#isAtEnd = true;
    this.#window.scrollTop = this.#window.scrollHeight;
    this.#draw();
  }

  /** Marks an event, and brings it into sight. @param {number} place @param {boolean} isBrought */
  mark(place, isBrought) {
    this.#at = place;
    const index = this.#indexOf(place);
    if (isBrought) {
      this.#isAtEnd = false;
      const { scrollTop, clientHeight } = this.#window;
      const [top, height] = [this.#heights.top(index), 38];
      const visible = clientHeight - HEAD;
      if (top < scrollTop + 30 || top + height > scrollTop + visible - 30)
        this.#window.scrollTop = Math.max(0, top - visible / 2);
    }
    for (const [other, row] of this.#drawn) this.#dress(row, other);
    this.#draw();
  }

  /** The last row that is shown up to an event. @param {number} place */
  #indexOf(place) {
    let [low, high] = [0, Math.max(0, this.#shown.length - 1)];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#shown[middle]?.place ?? 0) <= place) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #grow() {
    const { rows } = this.#rows;
    const fresh = filtered(rows.slice(this.#known), this.#isShown);
    this.#known = rows.length;
    for (const row of fresh) {
      this.#shown.push(row);
      this.#heights.add(row.height);
    }
    if (this.#edition !== this.#rows.edition) this.#again();
    this.#list.style.height = `${this.#heights.total + 12}px`;
    if (this.#isAtEnd) this.#window.scrollTop = this.#window.scrollHeight;
    this.#draw();
  }

  /** Lays the columns out anew. */
  #again() {
    const { columns, edition } = this.#rows;
    this.#edition = edition;
    this.#geometry = geometry(columns, this.#window.clientWidth);
    const { width } = this.#geometry;
    this.#heads.replaceChildren(
      draw('svg', { class: 'rung', width, height: HEAD }, ...heads(columns, this.#geometry).map(element)),
    );
    this.#heads.style.width = `${width}px`;
    this.#list.style.width = `${width}px`;
    this.#clear();
    if (this.#isAtEnd) this.#window.scrollTop = this.#window.scrollHeight;
    this.#draw();
  }

  #clear() {
    for (const row of this.#drawn.values()) row.remove();
    this.#drawn.clear();
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#window;
    this.#isAtEnd = scrollHeight - scrollTop - clientHeight < 24;
    this.#draw();
  }

  #draw() {
    const { first, end } = this.#heights.slice(this.#window.scrollTop, this.#window.clientHeight);
    this.#follow.hidden = this.#isAtEnd;
    for (const [index, row] of this.#drawn) {
      if (index >= first && index < end) continue;
      row.remove();
      this.#drawn.delete(index);
    }
    for (let index = first; index < end; index += 1) if (!this.#drawn.has(index)) this.#place(index);
  }

  /** @param {number} index */
  #place(index) {
    const row = this.#shown[index];
    if (!row) return;
    const { width } = this.#geometry;
    const label = sentence(row.event, this.#rows.service);
    const picture = draw(
      'svg',
      { class: 'rung', width, height: row.height, 'aria-hidden': 'true' },
      ...drawn(row, this.#rows.columns, this.#geometry, this.startMs).map(element),
    );
    const item = make(
      'li',
      { 'data-index': index, 'data-kind': row.event.kind, 'aria-posinset': index + 1, 'aria-setsize': -1 },
      make('button', { 'aria-label': label, title: label }, picture),
    );
    item.style.transform = `translateY(${this.#heights.top(index)}px)`;
    item.style.height = `${row.height}px`;
    this.#dress(item, index);
    const next = [...this.#drawn.keys()].filter((other) => other > index).sort((a, b) => a - b)[0];
    this.#list.insertBefore(item, next === undefined ? null : (this.#drawn.get(next) ?? null));
    this.#drawn.set(index, item);
  }

  /** @param {HTMLElement} item @param {number} index */
  #dress(item, index) {
    const isAt = this.#indexOf(this.#at) === index && this.#at >= 0;
    const isLater = (this.#shown[index]?.place ?? 0) > this.#at;
    item.classList.toggle('at', isAt);
    item.classList.toggle('later', isLater && this.#at >= 0);
    const button = /** @type {HTMLButtonElement} */ (item.firstChild);
    button.tabIndex = isAt || (this.#at < 0 && index === 0) ? 0 : -1;
    if (isAt) button.setAttribute('aria-current', 'true');
    else button.removeAttribute('aria-current');
  }

  /** @param {number} index */
  #pick(index) {
    const row = this.#shown[index];
    if (row) this.#picked(row.place);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const last = this.#shown.length - 1;
    const way = { ArrowDown: 1, ArrowUp: -1, PageDown: 12, PageUp: -12, Home: -last, End: last }[event.key];
    if (way === undefined) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(last, this.#indexOf(this.#at) + way));
    this.#pick(next);
    /** @type {HTMLButtonElement | null | undefined} */ (
      this.#drawn.get(next)?.querySelector('button')
    )?.focus();
  }
}
