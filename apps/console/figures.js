/** What the node counted in the last minutes, and what that is per second. */

/** @typedef {Record<string, number>} Sample With `at_ms`. */
/** @typedef {{ at: number, value: number | null }} Point `null`: not known. */

export class History {
  #span;
  /** The oldest first. @type {Sample[]} */
  samples = [];

  /** @param {number} spanMs */
  constructor(spanMs) {
    this.#span = spanMs;
  }

  /** @param {Sample} sample */
  add(sample) {
    const at = sample.at_ms ?? 0;
    const last = this.samples.at(-1)?.at_ms ?? Number.NEGATIVE_INFINITY;
    if (at <= last) {
      // The clock of the server was set back: what was before has no place any more.
      if (at < last) this.samples = [];
      else this.samples.pop();
    }
    this.samples.push(sample);
    // One older than the span gives the first rate in it.
    while ((this.samples[1]?.at_ms ?? at) < at - this.#span) this.samples.shift();
  }

  get last() {
    return this.samples.at(-1);
  }

  /** A figure as it was. @param {string} name @returns {Point[]} */
  level(name) {
    return this.samples.map((sample) => ({ at: sample.at_ms ?? 0, value: sample[name] ?? null }));
  }

  /** How much the sum of some counts grew per second; nothing where the server began anew. @param {...string} names @returns {Point[]} */
  rate(...names) {
    const sum = (/** @type {Sample} */ sample) =>
      names.reduce((all, name) => all + (sample[name] ?? Number.NaN), 0);
    return this.#between((before, after, seconds) => (sum(after) - sum(before)) / seconds);
  }

  /** How much one count grew for each that another did; nothing where that stood still. @param {string} of @param {string} per @returns {Point[]} */
  ratio(of, per) {
    const grown = (/** @type {Sample} */ a, /** @type {Sample} */ b, /** @type {string} */ name) =>
      (b[name] ?? Number.NaN) - (a[name] ?? Number.NaN);
    return this.#between((before, after) => {
      const times = grown(before, after, per);
      return times > 0 ? grown(before, after, of) / times : null;
    });
  }

  /** @param {(before: Sample, after: Sample, seconds: number) => number | null} of @returns {Point[]} */
  #between(of) {
    return this.samples.slice(1).map((after, index) => {
      const before = this.samples[index] ?? after;
      const value = of(before, after, ((after.at_ms ?? 0) - (before.at_ms ?? 0)) / 1000);
      return { at: after.at_ms ?? 0, value: value === null || !(value >= 0) ? null : value };
    });
  }
}

/** The last value that is known. @param {Point[]} points */
export const latest = (points) => points.findLast(({ value }) => value !== null)?.value ?? null;
