/** The state of each machine after some events: all that went before, folded into one. Nothing is guessed. */

/** @typedef {import('./events.js').CallEvent} CallEvent */
/** @typedef {import('./events.js').Party} Party */
/**
 * @typedef {object} Leg
 * @property {string} dialog
 * @property {string | null} party
 * @property {boolean | undefined} byPeer
 * @property {string | undefined} session
 * @property {string | undefined} channel
 * @property {string[]} open Transactions that are not done.
 * @property {string[]} waiting Messages sent of which nothing shows yet that they arrived.
 * @property {string | undefined} last The last message that passed.
 * @property {string | undefined} ended
 */
/**
 * @typedef {object} Machines
 * @property {number} seq Of the last event; -1 before the first.
 * @property {Map<string, Leg>} legs
 * @property {{ name: string | undefined, version: string | undefined, handled: string | undefined, decided: string[], said: string | undefined, refused: string | undefined }} service
 * @property {string | undefined} ended
 */

/** Decisions of the service that are told. */
const DECISIONS = 4;
/** More than this waits in no outbox that one looks at. */
const WAITING = 100;

/** Before anything happened. @returns {Machines} */
export const fresh = () => ({
  seq: -1,
  legs: new Map(),
  service: {
    name: undefined,
    version: undefined,
    handled: undefined,
    decided: [],
    said: undefined,
    refused: undefined,
  },
  ended: undefined,
});

/** @param {Machines} machines @param {CallEvent} event @param {string} dialog @returns {Leg} */
function legOf(machines, event, dialog) {
  const known = machines.legs.get(dialog);
  if (known) {
    known.party ??= event.party ?? null;
    return known;
  }
  const leg = {
    dialog,
    party: event.party ?? null,
    byPeer: undefined,
    session: undefined,
    channel: undefined,
    open: [],
    waiting: [],
    last: undefined,
    ended: undefined,
  };
  machines.legs.set(dialog, leg);
  return leg;
}

/** @param {string[]} list @param {string} item */
const without = (list, item) => {
  const place = list.indexOf(item);
  return place < 0 ? list : [...list.slice(0, place), ...list.slice(place + 1)];
};

/** What was sent behind one message: messages arrive in order, so all before it have arrived as well. @param {string[]} list @param {string} item */
const behind = (list, item) => list.slice(list.lastIndexOf(item) + 1);

/** The state in which a dialog begins, as the stack has it. @param {string | undefined} method */
export const firstState = (method) => (method === 'INVITE' ? 'Inviting' : 'Transaction');

/** @type {Record<string, (leg: Leg, event: CallEvent) => void>} */
const ON_LEG = {
  began: (leg, { by_peer, method }) => {
    leg.byPeer = by_peer;
    leg.session = firstState(method);
  },
  received: (leg, { label = '', code }) => {
    leg.last = label;
    // Who answers a request has it, though his Pong may come later.
    if (code) leg.waiting = behind(leg.waiting, label.slice(label.indexOf(' ') + 1));
  },
  sent: (leg, { label = '' }) => {
    leg.last = label;
    leg.waiting = [...leg.waiting, label].slice(-WAITING);
  },
  acknowledged: (leg, { label = '' }) => {
    leg.waiting = behind(leg.waiting, label);
  },
  withdrawn: (leg, { label = '' }) => {
    leg.waiting = without(leg.waiting, label);
  },
  state: (leg, { to }) => {
    leg.session = to;
  },
  transaction: (leg, { method, cseq, by_peer, state }) => {
    const name = `${method} ${cseq}${by_peer ? '' : ' (ours)'}`;
    leg.open = without(leg.open, name);
    if (state === 'open') leg.open = [...leg.open, name];
  },
  channel: (leg, { state }) => {
    leg.channel = state;
    if (state === 'lost') leg.waiting = [];
  },
  ended: (leg, { cause }) => {
    leg.ended = cause ?? 'yes';
    leg.open = [];
  },
};

/** @type {Record<string, (service: Machines['service'], event: CallEvent) => void>} */
const ON_SERVICE = {
  served: (service, { service: name, version }) => {
    service.name = name;
    service.version = version;
  },
  handled: (service, { event }) => {
    service.handled = event;
  },
  decided: (service, { command, text, on }) => {
    const what = [command, text].filter(Boolean).join(': ');
    service.decided = [...service.decided, on ? `${what} (on ${on})` : what].slice(-DECISIONS);
  },
  logged: (service, { text }) => {
    service.said = text;
  },
  refused: (service, { command, text, why }) => {
    const what = [command, text].filter(Boolean).join(' ');
    service.refused = [what, why].filter(Boolean).join(': ');
  },
};

/** Takes one event in. @param {Machines} machines @param {CallEvent} event */
export function step(machines, event) {
  machines.seq = event.seq;
  if (event.dialog) {
    const leg = legOf(machines, event, event.dialog);
    if (Object.hasOwn(ON_LEG, event.kind)) ON_LEG[event.kind]?.(leg, event);
  } else if (event.kind === 'ended') machines.ended = event.cause ?? 'yes';
  if (Object.hasOwn(ON_SERVICE, event.kind)) ON_SERVICE[event.kind]?.(machines.service, event);
  return machines;
}

/** Folds at any place; going on from where it was costs only what is in between. */
export class Folding {
  #events;
  #machines = fresh();
  #next = 0;

  /** @param {CallEvent[]} events May grow at its end. */
  constructor(events) {
    this.#events = events;
  }

  /** The machines after the event at a place; -1 is before all. @param {number} place @returns {Machines} */
  at(place) {
    if (place + 1 < this.#next) [this.#machines, this.#next] = [fresh(), 0];
    for (; this.#next <= place && this.#next < this.#events.length; this.#next += 1)
      step(this.#machines, /** @type {CallEvent} */ (this.#events[this.#next]));
    return this.#machines;
  }
}
