/** Listeners by the name of their event; `Events` maps each name to what its listeners get. */
export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();

  /**
   * Calls `listener` at each event of this name, in the order of the calls to `on`.
   *
   * @returns a function that takes the listener off again.
   */
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void {
    const known = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, known.add(listener));
    return () => this.off(name, listener);
  }

  /** Takes a listener off. */
  off<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): void {
    this.#listeners.get(name)?.delete(listener);
  }

  /** Whether anybody listens. */
  protected hears(name: keyof Events): boolean {
    return !!this.#listeners.get(name)?.size;
  }

  /** A listener that throws is the application's fault: it is reported, and the others are still called. */
  protected emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])] as ((event: Events[Name]) => void)[]) {
      try {
        listener(event);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
