/** A chart of the last minutes: lines in one small drawing, with what they are now. */

import { draw, make } from '../shared/elements.js';
import { latest } from './figures.js';
import { clock } from './text.js';

/** @typedef {import('./figures.js').Point} Point */
/** @typedef {{ name: string, tone: string, points: Point[] }} Line */

const [WIDTH, HEIGHT, TOP] = [300, 84, 6];

/** A round number that is not less. @param {number} value */
export function ceiling(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 2.5, 5, 10].find((step) => step * power >= value * 0.999) ?? 10;
  return step * power;
}

/**
 * The way of a line through what is known; a gap where nothing is.
 * @param {Point[]} points
 * @param {{ from: number, to: number, most: number }} frame
 */
export function way(points, { from, to, most }) {
  let isOn = false;
  let path = '';
  for (const { at, value } of points) {
    if (value === null || at < from) {
      isOn = false;
      continue;
    }
    const x = ((at - from) / (to - from)) * WIDTH;
    const y = HEIGHT - (Math.min(value, most) / most) * (HEIGHT - TOP);
    path += `${isOn ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
    isOn = true;
  }
  return path;
}

export class Chart {
  element;
  #span;
  #format;
  #now = make('p', { class: 'now' });
  #most = make('span', { class: 'most' });
  #drawing;
  #tip = make('p', { class: 'tip', hidden: true });
  /** @type {Line[]} */
  #lines = [];
  #frame = { from: 0, to: 1, most: 1 };

  /** @param {string} title @param {number} spanMs @param {(value: number) => string} format */
  constructor(title, spanMs, format) {
    this.#span = spanMs;
    this.#format = format;
    this.#drawing = draw('svg', {
      class: 'plot',
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: 'none',
      'aria-hidden': 'true',
    });
    const plot = make('div', { class: 'plotted' }, this.#drawing, this.#most, this.#tip);
    plot.addEventListener('pointermove', (event) => this.#point(event, plot));
    plot.addEventListener('pointerleave', () => {
      this.#tip.hidden = true;
    });
    const minutes = Math.round(spanMs / 60_000);
    this.element = make(
      'section',
      { class: 'panel chart', 'aria-label': title },
      make('h3', {}, title),
      this.#now,
      plot,
      make(
        'p',
        { class: 'axis', 'aria-hidden': 'true' },
        make('span', {}, `−${minutes} min`),
        make('span', {}, 'now'),
      ),
    );
  }

  /** @param {Line[]} lines @param {number} now */
  show(lines, now) {
    this.#lines = lines;
    const values = lines.flatMap(({ points }) => points.map(({ value }) => value ?? 0));
    this.#frame = { from: now - this.#span, to: now, most: ceiling(Math.max(...values, 0)) };
    this.#most.textContent = this.#format(this.#frame.most);
    this.#now.replaceChildren(
      ...lines.map(({ name, tone, points }) => {
        const value = latest(points);
        const text = value === null ? '–' : this.#format(value);
        return make('span', { class: `value ${tone}` }, make('strong', {}, text), make('span', {}, name));
      }),
    );
    this.#drawing.replaceChildren(
      ...[0, 0.5].map((part) => {
        const y = TOP + part * (HEIGHT - TOP);
        return draw('line', { class: 'grid', x1: 0, x2: WIDTH, y1: y, y2: y });
      }),
      ...lines.flatMap(({ tone, points }, index) => {
        const path = way(points, this.#frame);
        const line = draw('path', { class: `line ${tone}`, d: path });
        if (index || !path) return [line];
        const area = path
          .replace(/(^|L[^ML]*)M/g, '$1 M')
          .split('M')
          .filter((part) => part.trim());
        const under = area.map((part) => {
          const xs = part.split('L').map((point) => point.trim().split(' ')[0]);
          return `M${xs[0]} ${HEIGHT}L${part.trim()}L${xs.at(-1)} ${HEIGHT}Z`;
        });
        return [draw('path', { class: `area ${tone}`, d: under.join('') }), line];
      }),
    );
  }

  /** @param {PointerEvent} event @param {HTMLElement} plot */
  #point({ clientX }, plot) {
    const { left, width } = plot.getBoundingClientRect();
    const at = this.#frame.from + ((clientX - left) / width) * this.#span;
    const told = this.#lines.flatMap(({ name, points }) => {
      const near = points.filter(({ value }) => value !== null);
      const point = near.reduce(
        (best, point) => (!best || Math.abs(point.at - at) < Math.abs(best.at - at) ? point : best),
        /** @type {Point | undefined} */ (undefined),
      );
      return point ? [{ at: point.at, text: `${this.#format(point.value ?? 0)} ${name}` }] : [];
    });
    this.#tip.hidden = !told.length;
    if (told[0]) this.#tip.textContent = `${clock(told[0].at)}  ${told.map(({ text }) => text).join(', ')}`;
  }
}
