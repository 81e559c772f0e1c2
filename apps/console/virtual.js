/** Which rows of a long list are drawn: those in sight and a few around them. */

/** @typedef {{ first: number, end: number }} Slice `end` is behind the last. */

/**
 * Rows of one height.
 * @param {number} top How far it is scrolled.
 * @param {number} height Of the window.
 * @param {number} rowHeight
 * @param {number} count
 * @param {number} [around]
 * @returns {Slice}
 */
export function slice(top, height, rowHeight, count, around = 6) {
  const first = Math.max(0, Math.floor(top / rowHeight) - around);
  const end = Math.min(count, Math.ceil((top + height) / rowHeight) + around);
  return { first: Math.min(first, count), end: Math.max(end, Math.min(first, count)) };
}

/** Rows of different heights, one below the other. */
export class Heights {
  /** Where each row ends. @type {number[]} */
  #ends = [];

  get count() {
    return this.#ends.length;
  }

  get total() {
    return this.#ends.at(-1) ?? 0;
  }

  /** @param {number} height */
  add(height) {
    this.#ends.push(this.total + height);
  }

  clear() {
    this.#ends = [];
  }

  /** Where a row begins. @param {number} index */
  top(index) {
    return index > 0 ? (this.#ends[Math.min(index, this.count) - 1] ?? 0) : 0;
  }

  /** The row at a place; the last one for what is below it. @param {number} y */
  at(y) {
    let [low, high] = [0, Math.max(0, this.count - 1)];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ends[middle] ?? 0) > y) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** @param {number} top @param {number} height @param {number} [around] @returns {Slice} */
  slice(top, height, around = 6) {
    if (!this.count) return { first: 0, end: 0 };
    return {
      first: Math.max(0, this.at(top) - around),
      end: Math.min(this.count, this.at(top + height) + 1 + around),
    };
  }
}
