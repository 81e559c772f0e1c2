/** The node at a glance: charts of the last five minutes, its health, its services. */

import { make } from '../../shared/elements.js';
import { Chart } from '../chart.js';
import { History } from '../figures.js';
import { follow } from '../follow.js';
import { figure, parse, quantile } from '../metrics.js';
import { write } from '../routes.js';
import { bytes, count, duration } from '../text.js';
import { again, facts, fault, pill } from './panels.js';

/** @typedef {import('../main.js').Console} Console */
/** @typedef {import('../metrics.js').Metric} Metric */

const SPAN_MS = 300_000;
const EVERY_MS = 1_000;
/** `/metrics` is large, and what is taken from it moves slowly. */
const METRICS_MS = 5_000;
const STACK = 'strowger_stack_batch_seconds';
/** The counts of what was refused, as `/figures` names them. */
const REFUSED = ['not_found', 'unavailable', 'unreachable', 'no_room', 'too_many_hops'];

/** @param {number} seconds */
const time = (seconds) => duration(seconds * 1000);
/** @param {number} value */
const perSecond = (value) => (value < 10 && value > 0 ? value.toFixed(1) : count(Math.round(value)));

export class OverviewPage {
  title = 'Overview';
  element;
  #app;
  #history = new History(SPAN_MS);
  #times = new History(SPAN_MS);
  /** @type {Metric[] | undefined} */
  #before;
  #charts = {
    messages: new Chart('Messages per second', SPAN_MS, perSecond),
    dialogs: new Chart('Dialogs', SPAN_MS, count),
    channels: new Chart('Channels', SPAN_MS, count),
    instances: new Chart('Instances', SPAN_MS, count),
    refused: new Chart('Refused per second', SPAN_MS, perSecond),
    stack: new Chart('Time in the stack', SPAN_MS, time),
  };
  #standing = make('span', { class: 'pill', role: 'status' });
  #process = make('div', {});
  #services = make('div', {});
  #ended = new AbortController();
  /** @type {(() => void)[]} */
  #ends = [];

  /** @param {Console} app */
  constructor(app) {
    this.#app = app;
    this.element = make(
      'div',
      { class: 'page overview' },
      make(
        'div',
        { class: 'page-head' },
        make('h2', {}, 'Overview'),
        make('span', { class: 'spring' }),
        this.#standing,
      ),
      make('div', { class: 'charts' }, ...Object.values(this.#charts).map(({ element }) => element)),
      make(
        'div',
        { class: 'pair' },
        make('section', { class: 'panel' }, make('h3', {}, 'The node'), this.#process),
        make('section', { class: 'panel' }, make('h3', {}, 'Services'), this.#services),
      ),
    );
    this.#follow();
    this.#ends.push(
      again(METRICS_MS, (signal) => this.#measure(signal)),
      again(METRICS_MS, (signal) => this.#list(signal)),
    );
  }

  close() {
    this.#ended.abort();
    for (const end of this.#ends) end();
  }

  #follow() {
    const { api } = this.#app;
    void follow(
      {
        open: api.open,
        path: `/v1/figures/stream?every_ms=${EVERY_MS}`,
        take: ({ event, data }) => {
          if (event === 'figures') this.#add(JSON.parse(data));
        },
        tell: ({ state, why }) => {
          if (state === 'refused') return this.#poll();
          this.#say(state === 'live' ? 'good' : 'warn', state === 'live' ? 'live' : state, why);
        },
      },
      this.#ended.signal,
    );
  }

  /** The same by asking, from a server that has no such stream. */
  #poll() {
    this.#say('warn', 'asking every second');
    const ask = async (/** @type {AbortSignal} */ signal) => {
      try {
        const figures = await this.#app.api.get('/figures', {}, signal);
        this.#add({ at_ms: Date.now(), .../** @type {Record<string, number>} */ (figures) });
        this.#say('good', 'live');
      } catch (error) {
        if (!signal.aborted) this.#say('bad', 'no answer', error instanceof Error ? error.message : '');
      }
    };
    this.#ends.push(again(EVERY_MS, ask));
  }

  /** @param {string} tone @param {string} text @param {string} [why] */
  #say(tone, text, why = '') {
    this.#standing.className = `pill ${tone}`;
    this.#standing.title = why;
    if (this.#standing.textContent !== text) this.#standing.textContent = text;
  }

  /** @param {Record<string, number>} figures */
  #add(figures) {
    const history = this.#history;
    history.add(figures);
    const now = figures.at_ms ?? 0;
    const line = (
      /** @type {string} */ name,
      /** @type {string} */ tone,
      /** @type {import('../figures.js').Point[]} */ points,
    ) => ({
      name,
      tone,
      points,
    });
    const { messages, dialogs, channels, instances, refused, stack } = this.#charts;
    messages.show(
      [
        line('received', 'one', history.rate('messages_received')),
        line('sent', 'two', history.rate('messages_sent')),
      ],
      now,
    );
    dialogs.show([line('alive', 'one', history.level('dialogs'))], now);
    channels.show(
      [line('channels', 'one', history.level('channels')), line('sockets', 'two', history.level('sockets'))],
      now,
    );
    instances.show([line('running', 'one', history.level('instances'))], now);
    refused.show(
      [
        line('requests', 'bad', history.rate(...REFUSED)),
        line('commands', 'two', history.rate('commands_refused')),
      ],
      now,
    );
    const times = this.#times;
    stack.show(
      [line('mean', 'one', times.ratio('sum', 'count')), line('99 % below', 'two', times.level('most'))],
      now,
    );
  }

  /** @param {AbortSignal} signal */
  async #measure(signal) {
    try {
      const metrics = parse(await this.#app.api.text('/metrics', signal));
      const value = (/** @type {string} */ name) => figure(metrics, name);
      this.#times.add({
        at_ms: this.#history.last?.at_ms ?? Date.now(),
        sum: value(`${STACK}_sum`) ?? Number.NaN,
        count: value(`${STACK}_count`) ?? Number.NaN,
        most: /** @type {number} */ (quantile(this.#before, metrics, STACK, 0.99)),
      });
      this.#before = metrics;
      this.#tellProcess(value);
    } catch (error) {
      if (!signal.aborted) this.#process.replaceChildren(fault(error));
    }
  }

  /** @param {(name: string) => number | undefined} value */
  #tellProcess(value) {
    const start = value('process_start_time_seconds');
    const [files, most] = [value('process_open_fds'), value('process_max_fds')];
    const processor = this.#history.last && value('process_cpu_seconds_total');
    const last = this.#history.last;
    this.#process.replaceChildren(
      facts([
        ['Up for', start === undefined ? null : duration(Date.now() - start * 1000)],
        [
          'New users',
          value('strowger_draining') ? pill('warn', 'refused: the node drains') : pill('good', 'admitted'),
        ],
        ['Memory', bytes(value('process_resident_memory_bytes'))],
        ['Processor time', processor === undefined ? null : duration(processor * 1000)],
        [
          'Open files',
          files === undefined ? null : `${count(files)} of ${most === undefined ? '?' : count(most)}`,
        ],
        ['Dialogs with their rests', last ? count(last.dialog_records ?? 0) : null],
        [
          'Links',
          last
            ? `${last.links_up} up, ${last.links_connecting} connecting, ${last.links_waiting} waiting, ${last.links_failed} failed`
            : null,
        ],
        [
          'Instances started',
          last
            ? `${count(last.instances_started ?? 0)}, of which ${count(last.instances_failed ?? 0)} failed`
            : null,
        ],
      ]),
    );
  }

  /** @param {AbortSignal} signal */
  async #list(signal) {
    try {
      /** @type {import('./services.js').Service[]} */
      const services = await this.#app.api.get('/v1/services', {}, signal);
      // Those that do something first.
      services.sort(
        (a, b) => b.instances - a.instances || Number(b.is_default_service) - Number(a.is_default_service),
      );
      const rows = services.map(({ name, is_default_service, default: version, instances, versions }) =>
        make(
          'tr',
          {},
          make(
            'td',
            {},
            make('a', { href: write('services', name) }, name),
            is_default_service ? pill('plain', 'default') : '',
          ),
          make('td', {}, version ?? '–', versions.some(({ fault }) => fault) ? pill('bad', 'fault') : ''),
          make('td', { class: 'number' }, count(instances)),
        ),
      );
      this.#services.replaceChildren(
        make(
          'table',
          {},
          make(
            'thead',
            {},
            make(
              'tr',
              {},
              make('th', { scope: 'col' }, 'Service'),
              make('th', { scope: 'col' }, 'New instances get'),
              make('th', { scope: 'col', class: 'number' }, 'Running'),
            ),
          ),
          make('tbody', {}, ...rows),
        ),
      );
    } catch (error) {
      if (!signal.aborted) this.#services.replaceChildren(fault(error));
    }
  }
}
