/** Services: their versions, what these did, what they log; and what new instances get. */

import { icon, make } from '../../shared/elements.js';
import { inPath } from '../api.js';
import { List } from '../list.js';
import { write } from '../routes.js';
import { bytes, count, duration, plain } from '../text.js';
import { Logs } from './logs.js';
import { again, button, facts, fault, pill } from './panels.js';
import { Upload } from './upload.js';

/** @typedef {import('../main.js').Console} Console */
/** @typedef {import('../routes.js').Route} Route */
/** @typedef {{ started: number, failed: number, calls: number, time_us: number, memory_bytes: number }} Figures */
/** @typedef {{ version: string, label: string, is_default: boolean, instances: number, bytes: number | null, loaded_at: string | null, figures: Figures | null, fault: string | null }} Version */
/** @typedef {{ name: string, is_default_service: boolean, default: string | null, instances: number, versions: Version[], history: string[] }} Service */
/** @typedef {{ instance: string, service: string, version: string, age_ms: number, legs: number, timers: number, key: string | null }} Instance */

const EVERY_MS = 3_000;

export class ServicesPage {
  title = 'Services';
  element;
  #app;
  #name;
  #body = make('div', { class: 'services' });
  #actions = make('div', { class: 'actions' });
  #versions = make('div', { class: 'scroll' });
  #facts = make('div', {});
  /** @type {List<Instance> | undefined} */
  #instances;
  /** @type {Logs | undefined} */
  #logs;
  /** @type {Upload | undefined} */
  #upload;
  #end;
  #shown = '';

  /** @param {Console} app @param {Route} route */
  constructor(app, { name }) {
    this.#app = app;
    this.#name = name;
    this.title = name === undefined ? 'Services' : `${plain(name)} · Services`;
    const head = make('div', { class: 'page-head' });
    if (name === undefined) head.append(make('h2', {}, 'Services'));
    else {
      head.append(
        make(
          'a',
          {
            class: 'button icon-only',
            href: write('services'),
            'aria-label': 'All services',
            title: 'All services',
          },
          icon('back'),
        ),
        make('h2', { class: 'long' }, plain(name)),
        make('span', { class: 'spring' }),
        this.#actions,
      );
      this.#one(name);
    }
    this.element = make('div', { class: 'page' }, head, this.#body);
    this.#end = again(EVERY_MS, (signal) => this.#tell(signal));
  }

  close() {
    this.#end();
    this.#instances?.close();
    this.#logs?.close();
  }

  /** @param {string} name */
  #one(name) {
    const { api } = this.#app;
    this.#instances = new List({
      label: `Instances of ${plain(name)}`,
      look: 'of-instances',
      heads: ['Instance', 'Version', 'Age', 'Legs', 'Timers', 'Key'],
      ask: (after) => api.get('/v1/instances', { service: name, after, limit: 250 }),
      key: ({ instance }) => instance,
      href: ({ instance }) => write('calls', instance),
      cells: ({ instance, version, age_ms, legs, timers, key }) => [
        make('code', {}, plain(instance)),
        plain(version.slice(0, 12)),
        duration(age_ms),
        count(legs),
        count(timers),
        make('bdi', { title: plain(key) }, plain(key) || '–'),
      ],
      isNewestFirst: false,
      none: 'No instance runs.',
    });
    this.#logs = new Logs(api, name);
    this.#upload = new Upload(this.#app, name, () => this.#tell(new AbortController().signal));
    const versions = make(
      'section',
      { class: 'panel' },
      make('h3', {}, 'Versions'),
      this.#facts,
      this.#versions,
    );
    this.#upload.accept(versions);
    this.#body.append(
      versions,
      make(
        'div',
        { class: 'pair tall' },
        make('section', { class: 'panel' }, make('h3', {}, 'Instances'), this.#instances.element),
        this.#logs.element,
      ),
    );
  }

  /** @param {AbortSignal} signal */
  async #tell(signal) {
    const { api } = this.#app;
    try {
      if (this.#name === undefined) {
        /** @type {Service[]} */
        const services = await api.get('/v1/services', {}, signal);
        this.#show(JSON.stringify(services), () => this.#body.replaceChildren(...services.map(card)));
      } else {
        /** @type {Service} */
        const service = await api.get(`/v1/services/${inPath(this.#name)}`, {}, signal);
        this.#show(JSON.stringify([service, api.caller]), () => this.#detail(service));
      }
    } catch (error) {
      if (signal.aborted) return;
      this.#shown = '';
      (this.#name === undefined ? this.#body : this.#versions).replaceChildren(fault(error));
    }
  }

  /** Draws what has changed, so that nobody loses the button that he is about to press. @param {string} what @param {() => void} draw */
  #show(what, draw) {
    if (what === this.#shown) return;
    const focused = document.activeElement?.getAttribute('data-key');
    draw();
    this.#shown = what;
    if (focused)
      /** @type {HTMLElement | null} */ (
        this.element.querySelector(`[data-key="${CSS.escape(focused)}"]`)
      )?.focus();
  }

  /** @param {Service} service */
  #detail(service) {
    const { name, history, versions } = service;
    const before = history.at(-1);
    const isLoaded = versions.some(({ bytes }) => bytes !== null);
    const act = (
      /** @type {string} */ key,
      /** @type {string} */ text,
      /** @type {() => Promise<void>} */ click,
    ) => button(this.#app, 'deploy', { 'data-key': key, click: () => void click() }, text);
    this.#actions.replaceChildren(
      this.#upload?.element ?? '',
      ...(before === undefined
        ? []
        : [
            act('rollback', 'Roll back', () =>
              this.#change(
                `Go back to ${plain(before)}?`,
                `New instances of ${name} get version ${plain(before)}. Running ones go on as they are.`,
                'Roll back',
                'POST',
                'rollback',
              ),
            ),
          ]),
      ...(isLoaded
        ? [
            act('drain', 'Drain', () =>
              this.#change(
                `Drain ${name}?`,
                'No new instances of its loaded versions; running ones finish. What is built in under the same name takes its place.',
                'Drain',
                'POST',
                'drain',
              ),
            ),
          ]
        : []),
    );
    this.#facts.replaceChildren(
      facts([
        ['Requests that name no service', service.is_default_service ? 'come here' : null],
        ['New instances get', service.default ?? 'nothing: there are no new ones'],
        ['Running', count(service.instances)],
        ['Before, they got', history.length ? history.slice(-5).map(plain).join(', ') : null],
      ]),
    );
    const numbers = ['Running', 'Started', 'Failed', 'Mean time', 'Memory', 'Size', 'Loaded', ''];
    const heads = [
      make('th', { scope: 'col' }, 'Version'),
      ...numbers.map((head) => make('th', { scope: 'col', class: 'number' }, head)),
    ];
    this.#versions.replaceChildren(
      make(
        'table',
        {},
        make('thead', {}, make('tr', {}, ...heads)),
        make('tbody', {}, ...versions.map((version) => this.#version(service, version))),
      ),
    );
  }

  /** @param {Service} service @param {Version} version */
  #version({ name }, { version, label, is_default, instances, bytes: size, loaded_at, figures, fault }) {
    const choose = button(
      this.#app,
      'deploy',
      {
        'data-key': `default ${version}`,
        click: () =>
          void this.#change(
            `Make ${plain(label)} the default?`,
            `New instances of ${name} get it. Running ones go on as they are.`,
            'Make it the default',
            'PUT',
            'default',
            { version },
          ),
      },
      'Make default',
    );
    const number = (/** @type {string} */ text) => make('td', { class: 'number' }, text);
    return make(
      'tr',
      {},
      make(
        'td',
        {},
        make('strong', {}, plain(label)),
        ' ',
        is_default ? pill('good', 'default') : '',
        make('small', { title: version }, version === label ? '' : version.slice(0, 12)),
        fault ? make('p', { class: 'error' }, plain(fault)) : '',
      ),
      number(count(instances)),
      number(figures ? count(figures.started) : '–'),
      number(figures ? count(figures.failed) : '–'),
      number(figures?.calls ? duration(figures.time_us / figures.calls / 1000) : '–'),
      number(figures ? bytes(figures.memory_bytes) : '–'),
      number(bytes(size)),
      number(loaded_at ? new Date(loaded_at).toLocaleString('sv') : '–'),
      make('td', { class: 'number' }, is_default ? '' : choose),
    );
  }

  /** @param {string} title @param {string} text @param {string} yes @param {string} method @param {string} what @param {unknown} [body] */
  async #change(title, text, yes, method, what, body) {
    const { api, confirm, act } = this.#app;
    if (!(await confirm({ title, text, yes }))) return;
    const path = `/v1/services/${inPath(this.#name ?? '')}/${what}`;
    await act('Done.', () => api.change(method, path, body));
    await this.#tell(new AbortController().signal);
  }
}

/** A service among others. @param {Service} service */
function card({ name, is_default_service, default: version, instances, versions }) {
  const faults = versions.filter(({ fault }) => fault).length;
  return make(
    'a',
    { class: 'panel service', href: write('services', name) },
    make(
      'h3',
      {},
      name,
      is_default_service ? pill('plain', 'default service') : '',
      faults ? pill('bad', `${faults} with a fault`) : '',
    ),
    facts([
      ['New instances get', version ?? 'none'],
      ['Running', count(instances)],
      ['Versions', count(versions.length)],
    ]),
  );
}
