/** Calls that run and that have ended, the newest first. */

import { make } from '../../shared/elements.js';
import { List } from '../list.js';
import { write } from '../routes.js';
import { clock, count, duration, plain } from '../text.js';
import { choice, pill, search, userName } from './panels.js';

/** @typedef {import('../main.js').Console} Console */
/** @typedef {import('../routes.js').Route} Route */
/** @typedef {import('../ladder/events.js').Call} Call */

/** How a call stands, in a word and its tone. @param {Call} call @returns {[string, string]} */
export function standing({ ended_ms, outcome, parties }) {
  if (ended_ms !== null)
    return outcome ? [/^[1-3]/.test(outcome) ? 'plain' : 'bad', outcome] : ['plain', 'ended'];
  if (parties.some(({ state }) => state === 'Established')) return ['good', 'talking'];
  const last = parties.findLast(({ state }) => state)?.state;
  return ['warn', last ?? 'running'];
}

/** Where there is little room a name goes without its host. */
const NARROW = matchMedia('(max-width: 760px)');

/** Who is in a call: who began it, an arrow, whom it reached. @param {Call} call @param {number} [most] Characters of a name. */
export function parties({ parties }, most = 28) {
  const [first, ...others] = parties;
  const box = make('span', { class: 'parties' }, userName(first?.party, most));
  for (const { party } of others.slice(0, 2))
    box.append(make('span', { class: 'to', 'aria-label': 'to' }, '→'), userName(party, most));
  if (others.length > 2) box.append(make('small', {}, `and ${others.length - 2} more`));
  return box;
}

export class CallsPage {
  title = 'Calls';
  element;
  #query;
  /** @type {List<Call>} */
  #list;

  /** @param {Console} app @param {Route} route */
  constructor(app, route) {
    this.#query = { user: '', service: '', live: '', ...route.query };
    this.#list = new List({
      label: 'Calls, the newest first',
      look: 'of-calls',
      heads: ['Who', 'State', 'Service', 'Began', 'Lasted', 'Events'],
      ask: (after) => app.api.get('/v1/calls', { ...this.#query, after, limit: 250 }),
      key: ({ call }) => call,
      href: ({ call }) => write('calls', call),
      cells: (call) => [
        parties(call, NARROW.matches ? 11 : 28),
        pill(...standing(call)),
        plain(call.service) || '–',
        clock(call.began_ms),
        duration((call.ended_ms ?? Date.now()) - call.began_ms),
        `${count(call.events)}${call.cut ? '+' : ''}`,
      ],
      isNewestFirst: true,
      none: 'No call fits. A node keeps the latest ones, from when somebody looks.',
    });
    const set = (/** @type {'user' | 'service' | 'live'} */ key) => (/** @type {string} */ value) => {
      if (this.#query[key] === value) return;
      this.#query[key] = value;
      history.replaceState(null, '', write('calls', undefined, this.#query));
      this.#list.restart();
    };
    this.element = make(
      'div',
      { class: 'page' },
      make(
        'section',
        { class: 'main-part' },
        make('div', { class: 'page-head' }, make('h2', {}, 'Calls')),
        make(
          'form',
          {
            class: 'filters',
            role: 'search',
            submit: (/** @type {Event} */ event) => event.preventDefault(),
          },
          search('User', this.#query.user, 'alice, or alice@example.com', set('user')),
          search('Service', this.#query.service, 'relay', set('service')),
          choice(
            'Which',
            this.#query.live,
            [
              ['', 'all'],
              ['true', 'running'],
              ['false', 'ended'],
            ],
            set('live'),
          ),
        ),
        this.#list.element,
      ),
    );
  }

  close() {
    this.#list.close();
  }
}
