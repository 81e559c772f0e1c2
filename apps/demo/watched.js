/** Something that changes, and those who look at it. */
export class Watched {
  /** @type {Set<() => void>} */
  #watchers = new Set();

  /** Calls `look` now and after each change. @param {() => void} look */
  watch(look) {
    this.#watchers.add(look);
    look();
  }

  /** Tells all who look. */
  changed() {
    for (const look of this.#watchers) look();
  }
}
