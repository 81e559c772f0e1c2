/** The time axis below the ladder, with a handle: mouse, touch, keys. */

import { draw, make } from '../../shared/elements.js';
import { within } from '../text.js';
import { Axis } from './axis.js';

export class Slider {
  element;
  axis = new Axis();
  #moved;
  #tell;
  #track = make('div', { class: 'track' });
  #ticks = draw('svg', {
    class: 'ticks',
    'aria-hidden': 'true',
    preserveAspectRatio: 'none',
    viewBox: '0 0 1000 20',
  });
  #marks = make('div', { class: 'marks', 'aria-hidden': 'true' });
  #past = make('div', { class: 'past' });
  #handle = make('div', {
    class: 'handle',
    role: 'slider',
    tabindex: 0,
    'aria-label': 'Point in time',
    'aria-valuemin': 0,
    'aria-orientation': 'horizontal',
  });
  #at = -1;
  #count = -1;
  #resized = new ResizeObserver(() => {
    this.#count = -1;
    this.show(this.#at);
  });

  /**
   * @param {(place: number) => void} moved The user went to an event.
   * @param {(place: number) => string} tell An event in words.
   */
  constructor(moved, tell) {
    this.#moved = moved;
    this.#tell = tell;
    this.#track.append(this.#ticks, this.#past, this.#handle);
    this.element = make('div', { class: 'time-axis' }, this.#track, this.#marks);
    this.#track.addEventListener('pointerdown', (event) => {
      if (event.button) return;
      event.preventDefault();
      this.#track.setPointerCapture(event.pointerId);
      this.#handle.focus({ preventScroll: true });
      this.#drag(event);
    });
    this.#track.addEventListener('pointermove', (event) => {
      if (this.#track.hasPointerCapture(event.pointerId)) this.#drag(event);
    });
    this.#handle.addEventListener('keydown', (event) => this.#key(event));
    this.#resized.observe(this.#track);
  }

  close() {
    this.#resized.disconnect();
  }

  /** @param {PointerEvent} event */
  #drag({ clientX }) {
    const { left, width } = this.#track.getBoundingClientRect();
    this.#go(this.axis.at(Math.max(0, Math.min(1, (clientX - left) / width))));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const last = this.axis.count - 1;
    const way = {
      ArrowRight: 1,
      ArrowUp: 1,
      ArrowLeft: -1,
      ArrowDown: -1,
      PageUp: 10,
      PageDown: -10,
      Home: -last,
      End: last,
    }[event.key];
    if (way === undefined) return;
    event.preventDefault();
    this.#go(this.#at + way);
  }

  /** @param {number} place */
  #go(place) {
    if (this.axis.count) this.#moved(Math.max(0, Math.min(this.axis.count - 1, place)));
  }

  /** Shows where one is, and what came since. @param {number} place */
  show(place) {
    this.#at = place;
    const { axis } = this;
    if (this.#count !== axis.count) this.#scale();
    const part = `${axis.place(place) * 100}%`;
    this.#handle.style.left = part;
    this.#past.style.width = part;
    this.#handle.setAttribute('aria-valuemax', String(Math.max(0, axis.count - 1)));
    this.#handle.setAttribute('aria-valuenow', String(Math.max(0, place)));
    this.#handle.setAttribute('aria-valuetext', place < 0 ? 'before everything' : this.#tell(place));
  }

  /** Ticks and times; so many ticks as can be told apart. */
  #scale() {
    const { axis } = this;
    this.#count = axis.count;
    let path = '';
    let last = -9;
    for (let index = 0; index < axis.count; index += 1) {
      const x = Math.round(axis.place(index) * 1000);
      if (x - last < 2) continue;
      path += `M${x} 4v12`;
      last = x;
    }
    this.#ticks.replaceChildren(draw('path', { d: path }));
    const width = this.#track.clientWidth || 600;
    const marks = axis.marks(88 / width).map(({ place, ms }) => {
      const mark = make('span', {}, `${within(ms)}`);
      mark.style.left = `${place * 100}%`;
      return mark;
    });
    this.#marks.replaceChildren(...marks);
  }
}
