/** Links to other nodes. */

import { make } from '../../shared/elements.js';
import { List } from '../list.js';
import { plain } from '../text.js';
import { TONES } from './channels.js';
import { pill } from './panels.js';

/** @typedef {import('../main.js').Console} Console */
/** @typedef {{ host: string, port: number, state: string, retries: number | null, reason: string | null }} Link */

export class LinksPage {
  title = 'Links';
  element;
  /** @type {List<Link>} */
  #list;

  /** @param {Console} app */
  constructor(app) {
    this.#list = new List({
      label: 'Links',
      look: 'of-links',
      heads: ['Node', 'State', 'Why'],
      ask: (after) => app.api.get('/v1/links', { after, limit: 250 }),
      key: ({ host, port }) => `${host}:${port}`,
      cells: ({ host, port, state, retries, reason }) => [
        make('bdi', { class: 'user', title: plain(host) }, `${plain(host)}:${port}`),
        pill(TONES[state] ?? 'plain', retries ? `${state}, ${retries} tries` : state),
        make('span', { title: plain(reason) }, plain(reason) || '–'),
      ],
      isNewestFirst: false,
      none: 'This node dials no other one.',
    });
    this.element = make(
      'div',
      { class: 'page' },
      make(
        'section',
        { class: 'main-part' },
        make('div', { class: 'page-head' }, make('h2', {}, 'Links')),
        make(
          'p',
          { class: 'hint' },
          'Nodes that this one dials. Those that dial us are channels of the kind “node”.',
        ),
        this.#list.element,
      ),
    );
  }

  close() {
    this.#list.close();
  }
}
