/** What happened in a call, in words. Every event has a sentence; one of a kind that is not known is told as it came. */

import { duration, plain } from '../text.js';

/**
 * @typedef {object} CallEvent
 * @property {number} seq
 * @property {number} at_ms
 * @property {string} kind
 * @property {string | null} [call]
 * @property {string | null} [dialog]
 * @property {string | null} [party]
 * @property {string} [method]
 * @property {string} [from]
 * @property {string} [to]
 * @property {boolean} [by_peer]
 * @property {string} [service]
 * @property {string} [version]
 * @property {string} [label]
 * @property {number} [code]
 * @property {number} [cseq]
 * @property {string} [reason]
 * @property {unknown} [body]
 * @property {boolean} [answered_again]
 * @property {string} [why]
 * @property {number} [count]
 * @property {string} [name]
 * @property {string} [text]
 * @property {string} [state]
 * @property {string | null} [cause]
 * @property {string} [event]
 * @property {number} [took_us]
 * @property {string} [command]
 * @property {string} [on]
 * @property {string} [level]
 */
/**
 * @typedef {object} Party
 * @property {string} dialog
 * @property {string | null} party
 * @property {boolean} by_peer
 * @property {string} [method]
 * @property {string} [state]
 * @property {string | null} [cause]
 */
/**
 * @typedef {object} Call
 * @property {string} call
 * @property {string | null} service
 * @property {string | null} version
 * @property {number} began_ms
 * @property {number | null} ended_ms
 * @property {Party[]} parties
 * @property {string | null} outcome
 * @property {number} events
 * @property {boolean} cut
 * @property {CallEvent[]} [list]
 */

/** What can be left out of a ladder. */
export const GROUPS = /** @type {const} */ (['acknowledgements', 'timers', 'transactions', 'decisions']);
/** @typedef {typeof GROUPS[number]} Group */

/** @type {Record<string, Group>} */
const GROUP_OF = {
  acknowledged: 'acknowledgements',
  timer: 'timers',
  transaction: 'transactions',
  handled: 'decisions',
  decided: 'decisions',
  logged: 'decisions',
};

/** The group of an event; none where it is always shown. @param {CallEvent} event @returns {Group | undefined} */
export const groupOf = (event) => GROUP_OF[event.kind];

/** Whether an event is the service's own, not that of one of the parties. @param {CallEvent} event */
export const isOfService = (event) =>
  ['served', 'handled', 'decided', 'logged', 'refused'].includes(event.kind) ||
  (event.kind === 'timer' && event.name === 'service');

/** What every event has beside its own. */
const USUAL = new Set(['seq', 'at_ms', 'call', 'dialog', 'party', 'kind']);

/** What an event has of its own. @param {CallEvent} event @returns {[string, unknown][]} */
export const membersOf = (event) =>
  Object.entries(event).filter(([name, value]) => !USUAL.has(name) && value !== null && value !== undefined);

/** @param {unknown} value */
export const written = (value) => (typeof value === 'string' ? value : JSON.stringify(value));

/** The kind of a message by what it says: for its colour. @param {CallEvent} event */
export function tone({ code, label = '', method }) {
  const known = code ?? Number(/^(\d{3}) /.exec(label)?.[1]);
  if (known) return known < 200 ? 'provisional' : known < 300 ? 'success' : 'failure';
  return (method ?? label.split(' ')[0]) === 'ACK' ? 'ack' : 'request';
}

/** @type {Record<string, (event: CallEvent) => string>} */
const WORDS = {
  // Who is at the other end stands on top.
  began: ({ method, from, to, by_peer }) =>
    `${method} ${by_peer ? `for ${to ?? '?'}` : `from ${from ?? '?'}`}`,
  served: ({ service, version }) => `served by ${service} (${version})`,
  received: ({ label }) => `${label}`,
  sent: ({ label }) => `${label}`,
  absorbed: ({ label, answered_again }) =>
    `${label} again: absorbed${answered_again ? ', answered again' : ''}`,
  dropped_message: ({ label, why }) => `${label} dropped: ${why}`,
  acknowledged: ({ label }) => `${label} acknowledged`,
  withdrawn: ({ label }) => `${label} withdrawn`,
  replayed: ({ label, count }) => (label ? `${label} written again` : `${count ?? 'some'} written again`),
  timer: ({ name, text }) => [name === 'service' ? 'timer' : name, text].filter(Boolean).join(': '),
  state: ({ from, to }) => `${from} → ${to}`,
  transaction: ({ method, cseq, state, code }) => `${method} ${cseq} ${state}${code ? ` with ${code}` : ''}`,
  channel: ({ state, cause }) => `channel ${state}${cause ? `: ${cause}` : ''}`,
  handled: ({ event, took_us }) =>
    `handled ${event}${took_us === undefined ? '' : ` in ${duration(took_us / 1000)}`}`,
  decided: ({ command, text }) => [command, text].filter(Boolean).join(': '),
  logged: ({ level, text }) => `${level && level !== 'info' ? `${level}: ` : ''}“${text}”`,
  refused: ({ command, text, why }) => `${[command, text, 'refused'].filter(Boolean).join(' ')}: ${why}`,
  ended: ({ cause }) => `ended${cause ? `: ${cause}` : ''}`,
  // None of the server's: what it numbered and did not tell.
  gap: ({ count }) => `${count} events are not known`,
};

/** Whether a kind is one of those that this page knows. @param {string} kind */
export const isKnown = (kind) => Object.hasOwn(WORDS, kind);

/** An event in a few words, without who. @param {CallEvent} event */
export function words(event) {
  const known = isKnown(event.kind) ? WORDS[event.kind]?.(event) : undefined;
  if (known !== undefined) return plain(known);
  const members = membersOf(event).map(([name, value]) => `${name} ${written(value)}`);
  return plain([event.kind, ...members].join(', '));
}

/** An event in a sentence, for who does not see the drawing. @param {CallEvent} event @param {string} service */
export function sentence(event, service) {
  const who = plain(event.party ?? event.dialog ?? service);
  if (event.kind === 'received') return `${who} to ${service}: ${words(event)}`;
  if (event.kind === 'sent') return `${service} to ${who}: ${words(event)}`;
  return `${isOfService(event) ? service : who}: ${words(event)}`;
}
