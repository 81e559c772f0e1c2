/** Who is connected or may come back, and what waits for him. */

import { icon, make } from '../../shared/elements.js';
import { inPath } from '../api.js';
import { List } from '../list.js';
import { write } from '../routes.js';
import { bytes, count, duration, plain } from '../text.js';
import { again, button, choice, facts, fault, pill, search, userName } from './panels.js';

/** @typedef {import('../main.js').Console} Console */
/** @typedef {import('../routes.js').Route} Route */
/**
 * @typedef {object} Channel
 * @property {string} channel
 * @property {string} kind
 * @property {string} state
 * @property {number} state_ms
 * @property {number} outbox_messages
 * @property {number} outbox_bytes
 * @property {number | null} outbox_age_ms
 * @property {number} dialogs
 * @property {string | null} peer
 */
/** @typedef {{ dialog: string, state: string, begun_by_peer: boolean, from: string | null, to: string | null, service: string | null, instance: string | null }} Dialog */

/** @type {Record<string, string>} */
export const TONES = {
  open: 'good',
  retained: 'warn',
  connecting: 'warn',
  waiting: 'warn',
  up: 'good',
  failed: 'bad',
};
const DETAIL_MS = 2_000;

export class ChannelsPage {
  title = 'Channels';
  element;
  #app;
  #query;
  /** @type {List<Channel>} */
  #list;
  #detail = make('aside', { class: 'detail', 'aria-label': 'One channel' });
  /** @type {string | undefined} */
  #name;
  #end = () => {};

  /** @param {Console} app @param {Route} route */
  constructor(app, route) {
    this.#app = app;
    this.#query = { name: '', kind: '', state: '', ...route.query };
    this.#list = new List({
      label: 'Channels',
      look: 'of-channels',
      heads: ['Name', 'State', 'For', 'Dialogs', 'Outbox'],
      ask: (after) => app.api.get('/v1/channels', { ...this.#query, after, limit: 250 }),
      key: ({ channel, kind }) => (kind === 'link' ? `link ${channel}` : channel),
      // Links have a page of their own.
      href: ({ channel, kind }) =>
        kind === 'link' ? write('links') : write('channels', channel, this.#query),
      cells: (channel) => [
        userName(channel.channel),
        pill(TONES[channel.state] ?? 'plain', channel.state),
        duration(channel.state_ms),
        count(channel.dialogs),
        channel.outbox_messages ? `${count(channel.outbox_messages)} · ${bytes(channel.outbox_bytes)}` : '–',
      ],
      isNewestFirst: false,
      none: 'No channel fits.',
    });
    const all = (/** @type {string[]} */ values) =>
      /** @type {[string, string][]} */ ([['', 'all'], ...values.map((value) => [value, value])]);
    const set = (/** @type {'name' | 'kind' | 'state'} */ key) => (/** @type {string} */ value) => {
      if (this.#query[key] === value) return;
      this.#query[key] = value;
      history.replaceState(null, '', write('channels', this.#name, this.#query));
      this.#list.restart();
    };
    this.element = make(
      'div',
      { class: 'page split' },
      make(
        'section',
        { class: 'main-part' },
        make('div', { class: 'page-head' }, make('h2', {}, 'Channels')),
        make(
          'form',
          {
            class: 'filters',
            role: 'search',
            submit: (/** @type {Event} */ event) => event.preventDefault(),
          },
          search('Name begins with', this.#query.name, 'alice', set('name')),
          choice('Kind', this.#query.kind, all(['user', 'node', 'link']), set('kind')),
          choice(
            'State',
            this.#query.state,
            all(['open', 'retained', 'connecting', 'waiting']),
            set('state'),
          ),
        ),
        this.#list.element,
      ),
      this.#detail,
    );
    this.show(route);
  }

  /** @param {Route} route */
  show({ name, query }) {
    const isSame = Object.entries(this.#query).every(([key, value]) => value === (query[key] ?? ''));
    if (!isSame) return false;
    this.#name = name;
    this.#end();
    this.#end = () => {};
    this.element.classList.toggle('with-detail', name !== undefined);
    this.#detail.replaceChildren(
      make('p', { class: 'hint empty-detail' }, 'Choose a channel to see its outbox, dialogs and address.'),
    );
    this.#list.select(name ?? '');
    if (name !== undefined) {
      this.#detail.replaceChildren(make('p', { class: 'hint' }, 'Asking…'));
      this.#end = again(DETAIL_MS, (signal) => this.#tell(name, signal));
    }
    return true;
  }

  close() {
    this.#end();
    this.#list.close();
  }

  /** @param {string} name @param {AbortSignal} signal */
  async #tell(name, signal) {
    const { api } = this.#app;
    const back = make(
      'a',
      { class: 'button back', href: write('channels', undefined, this.#query) },
      icon('back'),
      'All channels',
    );
    const title = make('h3', { class: 'long' }, make('bdi', {}, plain(name)));
    try {
      /** @type {[Channel, { items: Dialog[], next: string | null }]} */
      const [channel, dialogs] = await Promise.all([
        api.get(`/v1/channels/${inPath(name)}`, {}, signal),
        api.get('/v1/dialogs', { user: name, limit: 100 }, signal),
      ]);
      if (signal.aborted || this.#detail.contains(document.activeElement)) return this.#figures(channel);
      this.#detail.replaceChildren(
        back,
        title,
        make('div', { class: 'figures' }, this.#facts(channel)),
        make('p', {}, make('a', { href: write('calls', undefined, { user: name }) }, 'Calls of this user')),
        make('h4', {}, `Dialogs (${count(dialogs.items.length)}${dialogs.next ? ' and more' : ''})`),
        make('ul', { class: 'plain-list' }, ...dialogs.items.map((dialog) => this.#dialog(dialog))),
        button(
          this.#app,
          'operate',
          { class: 'danger', click: () => void this.#endChannel(name) },
          'End this channel',
        ),
      );
    } catch (error) {
      if (!signal.aborted) this.#detail.replaceChildren(back, title, fault(error));
    }
  }

  /** What changes while something of it has the focus. @param {Channel} channel */
  #figures(channel) {
    this.#detail.querySelector('.figures')?.replaceChildren(this.#facts(channel));
  }

  /** @param {Channel} channel */
  #facts(channel) {
    return facts([
      ['Kind', channel.kind],
      ['State', pill(TONES[channel.state] ?? 'plain', `${channel.state} for ${duration(channel.state_ms)}`)],
      ['Address', channel.peer ?? 'no socket'],
      ['Outbox', `${count(channel.outbox_messages)} messages, ${bytes(channel.outbox_bytes)}`],
      ['Oldest of them', channel.outbox_age_ms === null ? null : duration(channel.outbox_age_ms)],
      ['Live dialogs', count(channel.dialogs)],
    ]);
  }

  /** @param {Dialog} dialog */
  #dialog({ dialog, state, begun_by_peer, from, to, service, instance }) {
    const other = begun_by_peer ? to : from;
    return make(
      'li',
      {},
      make(
        'a',
        { href: write('calls', instance ?? `d:${dialog}`) },
        begun_by_peer ? '→ ' : '← ',
        userName(other, 30),
      ),
      ' ',
      pill('plain', state),
      make('small', {}, service ? ` ${service}` : ''),
    );
  }

  /** @param {string} name */
  async #endChannel(name) {
    const { api, confirm, act } = this.#app;
    const isSure = await confirm({
      title: 'End this channel?',
      text: `All dialogs of ${plain(name)} end, what waits is lost, and the socket is closed. The user may come back.`,
      yes: 'End it',
    });
    if (!isSure) return;
    if (await act('The channel has ended.', () => api.change('DELETE', `/v1/channels/${inPath(name)}`))) {
      this.#list.restart();
      location.hash = write('channels', undefined, this.#query);
    }
  }
}
