/** The state of every machine at one point, and what one event holds. */

import { make } from '../../shared/elements.js';
import { facts, pill } from '../pages/panels.js';
import { plain, plainLines, within } from '../text.js';
import { membersOf, sentence, words } from './events.js';
import { toneOf } from './rows.js';

/** @typedef {import('./events.js').CallEvent} CallEvent */
/** @typedef {import('./fold.js').Leg} Leg */
/** @typedef {import('./fold.js').Machines} Machines */

/** More of what waits is counted only. */
const TOLD = 6;

/** @param {string[]} list */
const some = (list) =>
  list.length > TOLD ? `${list.slice(0, TOLD).join(', ')} and ${list.length - TOLD} more` : list.join(', ');

/** @param {Leg} leg */
function leg({ dialog, party, byPeer, session, channel, open, waiting, last, ended }) {
  return make(
    'section',
    { class: 'machine' },
    make(
      'h4',
      {},
      make('bdi', { title: plain(party) }, plain(party ?? dialog)),
      byPeer === undefined ? '' : make('small', {}, byPeer ? 'began it' : 'was asked'),
    ),
    facts([
      ['Session', session === undefined ? 'none yet' : pill(`life-${toneOf(session)}`, session)],
      ['Open', open.length ? some(open) : 'no transaction'],
      ['Not acknowledged', waiting.length ? some(waiting) : null],
      ['Channel', channel],
      ['Last message', last],
      ['Ended', ended],
    ]),
  );
}

/** @param {Machines} machines @param {string} name Of the service, where no event tells. @returns {HTMLElement[]} */
export function told({ legs, service, ended }, name) {
  const { version, handled, decided, said, refused } = service;
  return [
    make(
      'section',
      { class: 'machine own' },
      make('h4', {}, plain(service.name ?? name), make('small', {}, plain(version))),
      facts([
        ['Decided last', decided.at(-1) ?? 'nothing yet'],
        ['Before that', decided.length > 1 ? decided.slice(0, -1).reverse().join('; ') : null],
        ['Handled', handled],
        ['Said', said && `“${said}”`],
        ['Refused', refused],
        ['Ended', ended],
      ]),
    ),
    ...[...legs.values()].map(leg),
  ];
}

/** A body as one reads it: what is JSON, as text is told, in lines. @param {unknown} body */
function readable(body) {
  let value = body;
  try {
    if (typeof body === 'string') value = JSON.parse(body);
  } catch {
    // It is text that is none.
  }
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
}

/** @param {CallEvent} event @param {string} service @param {number} startMs */
export function details(event, service, startMs) {
  const { body } = event;
  const members = membersOf(event).filter(([name]) => name !== 'body');
  return make(
    'section',
    { class: 'event' },
    make(
      'h4',
      {},
      plain(event.kind),
      make('small', {}, `${within(event.at_ms - startMs)} s · event ${event.seq}`),
    ),
    make('p', { class: 'unseen' }, sentence(event, service)),
    facts([
      ['What', words(event)],
      ['Party', event.party],
      ['Dialog', event.dialog],
      ...members.map(
        ([name, value]) =>
          /** @type {[string, string]} */ ([
            name.replaceAll('_', ' '),
            plain(typeof value === 'string' ? value : JSON.stringify(value)),
          ]),
      ),
    ]),
    ...(body === undefined || body === null
      ? []
      : [make('pre', { tabindex: 0, 'aria-label': 'Body' }, plainLines(readable(body)))]),
  );
}
