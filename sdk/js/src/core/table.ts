/** How state tables are written: each machine lists its rows, and what is not listed changes nothing. */

/** The next state and what to do on the way, in this order. */
export type Go<State extends string, Action extends string> = readonly [State, ...Action[]];

/** What the triggers do in one state. */
export type Row<
  State extends string,
  Trigger extends string,
  Action extends string,
  Refusal extends string = never,
> = Partial<Record<Trigger, Go<State, Action> | Refusal>>;

/** A machine: a row for every state. */
export type Table<
  State extends string,
  Trigger extends string,
  Action extends string,
  Refusal extends string = never,
> = Record<State, Row<State, Trigger, Action, Refusal>>;
