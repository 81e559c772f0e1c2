/**
 * A ladder's columns and rows: who stands where, which event is which row, and in which state every lifeline is there. It only grows
 * at its end, so that a call can be drawn while it runs.
 */

import { groupOf, isOfService } from './events.js';
import { firstState } from './fold.js';

/** @typedef {import('./events.js').CallEvent} CallEvent */
/** @typedef {import('./events.js').Group} Group */
/** @typedef {import('./events.js').Party} Party */
/** `key` is the dialog; empty for the service. @typedef {{ key: string, label: string }} Column */
/** What a lifeline looks like; `isAway`: its channel has no socket. @typedef {{ tone: string, isAway: boolean }} Life */
/**
 * @typedef {object} Row
 * @property {CallEvent} event
 * @property {number} place Of the event among all.
 * @property {'arrow' | 'mark'} form
 * @property {string} column
 * @property {number} height
 * @property {Map<string, Life>} lives Where not mentioned: nothing yet.
 */

const ARROWS = new Set(['received', 'sent', 'absorbed', 'dropped_message', 'replayed']);
/** More columns are not drawn apart; what concerns them is told in the last one. */
export const MOST_COLUMNS = 24;
/** The last column of a call with more parties. */
const OTHERS = 'others';

/** @type {Record<string, string>} */
const TONES = {
  Inviting: 'trying',
  Early: 'early',
  EarlyPrack: 'early',
  EarlyUpdate: 'early',
  Answered: 'answered',
  Established: 'up',
  Reinviting: 'changing',
  Reanswered: 'changing',
  Refused: 'over',
  Terminated: 'over',
  Transaction: 'single',
};

/** The look of a lifeline in a state of its session. @param {string | undefined} state */
export const toneOf = (state) => (state && Object.hasOwn(TONES, state) ? TONES[state] : 'other') ?? 'other';

export class Rows {
  /** @type {CallEvent[]} */
  events = [];
  /** All rows, also those that a filter hides. @type {Row[]} */
  rows = [];
  /** @type {Column[]} */
  columns = [];
  /** Changes when the columns do. */
  edition = 0;
  #service;
  /** @type {Map<string, Life>} */
  #lives = new Map();

  /** @param {string} service What to call who decides, until an event tells. */
  constructor(service) {
    this.#service = service;
  }

  get service() {
    return this.#service;
  }

  /** Gives each of the parties a column before the first event of theirs comes. @param {Party[]} parties */
  expect(parties) {
    for (const { dialog, party } of parties) this.#column(dialog, party);
  }

  /** @param {CallEvent} event */
  add(event) {
    if (event.kind === 'served' && event.service && event.service !== this.#service) {
      this.#service = event.service;
      const own = this.columns.find(({ key }) => key === '');
      if (own) own.label = event.service;
      this.edition += 1;
    }
    const column =
      isOfService(event) || !event.dialog ? this.#own() : this.#column(event.dialog, event.party);
    this.#live(event);
    const form = ARROWS.has(event.kind) && column !== '' ? 'arrow' : 'mark';
    const row = {
      event,
      place: this.events.length,
      form: /** @type {Row['form']} */ (form),
      column,
      height: form === 'arrow' ? 38 : 24,
      lives: this.#lives,
    };
    this.events.push(event);
    this.rows.push(row);
    return row;
  }

  #own() {
    if (!this.columns.some(({ key }) => key === '')) this.#insert({ key: '', label: this.#service });
    return '';
  }

  /** @param {string} dialog @param {string | null | undefined} party */
  #column(dialog, party) {
    const known = this.columns.find(({ key }) => key === dialog);
    if (known) {
      if (party && known.label !== party) {
        known.label = party;
        this.edition += 1;
      }
      return dialog;
    }
    const isFull = this.columns.length >= MOST_COLUMNS - 1;
    const key = isFull ? OTHERS : dialog;
    if (!this.columns.some((column) => column.key === key))
      this.#insert({ key, label: isFull ? OTHERS : (party ?? dialog) });
    this.#own();
    return key;
  }

  /** Who began stands on the left, the service beside him, the others to the right as they come. @param {Column} column */
  #insert(column) {
    if (column.key === '') this.columns.splice(1, 0, column);
    else if (this.columns.length === 1 && this.columns[0]?.key === '') this.columns.unshift(column);
    else this.columns.push(column);
    this.edition += 1;
  }

  /** @param {CallEvent} event */
  #live({ kind, dialog, to, state, method }) {
    if (!dialog) return;
    const life = this.#lives.get(dialog) ?? { tone: 'new', isAway: false };
    /** @type {Life | undefined} */
    let next;
    if (!this.#lives.has(dialog)) next = life;
    if (kind === 'began') next = { ...life, tone: toneOf(firstState(method)) };
    else if (kind === 'state') next = { ...life, tone: toneOf(to) };
    else if (kind === 'channel') next = { ...life, isAway: state === 'dropped' || state === 'lost' };
    else if (kind === 'ended') next = { tone: 'over', isAway: life.isAway };
    // A map is shared by all rows up to the next change.
    if (next) this.#lives = new Map(this.#lives).set(dialog, next);
  }
}

/** The columns of a call that is known whole. @param {CallEvent[]} events @param {string} service */
export function columnsOf(events, service) {
  const rows = new Rows(service);
  for (const event of events) rows.add(event);
  return rows.columns;
}

/** The rows that filters leave. @param {Row[]} rows @param {(group: Group) => boolean} isShown */
export const filtered = (rows, isShown) =>
  rows.filter(({ event }) => {
    const group = groupOf(event);
    return !group || isShown(group);
  });
