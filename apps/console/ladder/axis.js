/**
 * The time axis. Calls last minutes and their events come in bursts of milliseconds: a pause is drawn by the logarithm of its length,
 * so that every event has a place of its own.
 */

/** @param {number} ms */
const weight = (ms) => 1 + 5 * Math.log10(1 + Math.max(0, ms));

export class Axis {
  /** @type {number[]} */
  #ends = [];
  /** @type {number[]} */
  #times = [];

  get count() {
    return this.#ends.length;
  }

  /** @param {number} atMs */
  add(atMs) {
    const last = this.#ends.at(-1);
    this.#ends.push(last === undefined ? 0 : last + weight(atMs - (this.#times.at(-1) ?? atMs)));
    this.#times.push(atMs);
  }

  /** Where an event is, from 0 to 1. @param {number} index */
  place(index) {
    const all = this.#ends.at(-1) ?? 0;
    return all ? (this.#ends[Math.max(0, Math.min(index, this.count - 1))] ?? 0) / all : 0;
  }

  /** The last event up to a place from 0 to 1. @param {number} place */
  at(place) {
    const wanted = place * (this.#ends.at(-1) ?? 0) + 1e-9;
    let [low, high] = [0, Math.max(0, this.count - 1)];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#ends[middle] ?? 0) <= wanted) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Events with room between them to write their times: at least `apart` of the whole. @param {number} apart */
  marks(apart) {
    const marks = [];
    let from = Number.NEGATIVE_INFINITY;
    for (let index = 0; index < this.count; index += 1) {
      const place = this.place(index);
      // The end is always told, so nothing may be too near to it.
      const isLast = index === this.count - 1;
      if (!isLast && (place - from < apart || 1 - place < apart)) continue;
      marks.push({ index, place, ms: (this.#times[index] ?? 0) - (this.#times[0] ?? 0) });
      from = place;
    }
    return marks;
  }
}
