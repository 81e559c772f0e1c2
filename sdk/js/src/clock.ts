/** Time, as everything here takes it: given in, so that tests can make it up. */
export interface Clock {
  /** Milliseconds from any beginning; never goes back. */
  now(): number;
  /** Calls back once, after `ms` milliseconds. */
  set(ms: number, due: () => void): unknown;
  /** Takes a call back. */
  clear(timer: unknown): void;
}

/** The clock of the browser or of Node. */
export const systemClock: Clock = {
  now: () => performance.now(),
  set: (ms, due) => setTimeout(due, Math.min(ms, 2 ** 31 - 1)),
  clear: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
};
