// What is due when, in a time that the test moves.

/** What becomes due. */
export type Due =
  | { readonly kind: 'timer'; readonly timer: number }
  /** The service has answered a request too late. */
  | { readonly kind: 'received'; readonly leg: number; readonly cseq: number }
  /** The peer has answered a request too late. */
  | { readonly kind: 'sent'; readonly leg: number; readonly id: number };

interface Deadline {
  readonly at: number;
  readonly name: string;
  readonly due: Due;
}

/** Deadlines; of those that are due at once the first set comes first. */
export class Deadlines {
  #all: Deadline[] = [];

  /** Sets a deadline, or moves it. */
  set(at: number, due: Due): void {
    this.forget(due);
    this.#all.push({ at, name: JSON.stringify(due), due });
  }

  /** Forgets a deadline. */
  forget(due: Due): void {
    const name = JSON.stringify(due);
    this.#all = this.#all.filter((other) => other.name !== name);
  }

  /** Forgets all, but those of one leg if one is given. */
  clear(but?: number): void {
    this.#all = this.#all.filter(({ due }) => but !== undefined && due.kind !== 'timer' && due.leg === but);
  }

  /** Takes the first that is due until then. */
  take(until: number): { readonly at: number; readonly due: Due } | undefined {
    let first: Deadline | undefined;
    for (const next of this.#all) {
      if (!first || next.at < first.at) first = next;
    }
    if (!first || first.at > until) return undefined;
    this.#all = this.#all.filter((other) => other !== first);
    return first;
  }

  /** How many timers of the service run. */
  get timers(): number {
    return this.#all.filter(({ due }) => due.kind === 'timer').length;
  }
}
