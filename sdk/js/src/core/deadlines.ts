/** What is to happen at which time; the clock is somebody else's. */

/** One thing that waits for its time. */
export interface Deadline {
  readonly at: number;
  readonly due: () => void;
}

/** The deadlines of a stack, in milliseconds of the clock that its owner reads. */
export class Deadlines {
  readonly #waiting = new Set<Deadline>();

  /** Calls `due` once at `at`, unless it is cleared before. */
  set(at: number, due: () => void): Deadline {
    const deadline = { at, due };
    this.#waiting.add(deadline);
    return deadline;
  }

  clear(deadline: Deadline | undefined): void {
    if (deadline) this.#waiting.delete(deadline);
  }

  /** The earliest, or `undefined` if nothing waits. */
  next(): Deadline | undefined {
    let first: Deadline | undefined;
    for (const deadline of this.#waiting) if (!first || deadline.at < first.at) first = deadline;
    return first;
  }

  /** Does what is due, the earliest first; what that sets for the same time too. */
  run(now: number): void {
    for (let first = this.next(); first && first.at <= now; first = this.next()) {
      this.#waiting.delete(first);
      first.due();
    }
  }
}
