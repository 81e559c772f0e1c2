/** One call as a ladder that draws itself, with the state of every machine at any point of it. */

import { icon, make } from '../../shared/elements.js';
import { inPath } from '../api.js';
import { follow } from '../follow.js';
import { GROUPS, sentence } from '../ladder/events.js';
import { Folding } from '../ladder/fold.js';
import { details, told } from '../ladder/machines.js';
import { mermaid } from '../ladder/mermaid.js';
import { filtered, Rows } from '../ladder/rows.js';
import { Slider } from '../ladder/slider.js';
import { svg } from '../ladder/svg.js';
import { LadderView } from '../ladder/view.js';
import { withNextPicture } from '../picture.js';
import { write } from '../routes.js';
import { clock, duration, plain, within } from '../text.js';
import { parties, standing } from './calls.js';
import { button, download, fault, pill } from './panels.js';

/** @typedef {import('../main.js').Console} Console */
/** @typedef {import('../routes.js').Route} Route */
/** @typedef {import('../ladder/events.js').Call} Call */
/** @typedef {import('../ladder/events.js').CallEvent} CallEvent */
/** @typedef {import('../ladder/events.js').Group} Group */
/** @typedef {import('../follow.js').Standing} Standing */

/** More events than this are not kept in a page. */
const MOST = 50_000;
/** So many events are taken before the page has drawn them. */
const BATCH = 500;
/** The filters as they were left. */
const KEPT = 'strowger.console.hidden';

export class CallPage {
  title;
  element;
  #app;
  #call;
  /** @type {Call | undefined} */
  #summary;
  #rows;
  #folding;
  #view;
  #slider;
  /** @type {Set<Group>} */
  #hidden;
  /** The event that is looked at; undefined follows the last one. @type {number | undefined} */
  #at;
  /** @type {number | undefined} */
  #wanted;
  #pending = 0;
  #isDue = false;
  #gap = 0;
  #isFull = false;
  #who = make('h2', { class: 'long' });
  #facts = make('p', { class: 'hint call-facts' });
  #standing = make('span', { class: 'chip', role: 'status' });
  #notice = make('p', { class: 'banner', role: 'status' });
  #time = make('h3', {});
  #machines = make('div', { class: 'machines' });
  #event = make('div', { class: 'picked' });
  #end = make('span', {});
  #ended = new AbortController();

  /** @param {Console} app @param {Route} route */
  constructor(app, { name = '', query }) {
    this.#app = app;
    this.#call = name;
    this.title = `Call ${plain(name)}`;
    this.#wanted = query.event ? Number(query.event) : undefined;
    this.#rows = new Rows(name.startsWith('d:') ? 'node' : 'service');
    this.#folding = new Folding(this.#rows.events);
    this.#hidden = new Set(hiddenBefore());
    this.#view = new LadderView(this.#rows, (place) => this.#go(place, false));
    this.#slider = new Slider(
      (place) => this.#go(place, true),
      (place) => this.#tell(place),
    );
    this.element = make(
      'div',
      { class: 'page call' },
      make(
        'div',
        { class: 'page-head' },
        make(
          'a',
          { class: 'button icon-only', href: write('calls'), 'aria-label': 'All calls', title: 'All calls' },
          icon('back'),
        ),
        make('div', { class: 'call-title' }, this.#who, this.#facts),
        make('span', { class: 'spring' }),
        this.#standing,
        this.#end,
        this.#exports(),
      ),
      this.#notice,
      make(
        'div',
        { class: 'call-body' },
        make('div', { class: 'call-ladder' }, this.#filters(), this.#view.element, this.#slider.element),
        make(
          'aside',
          { class: 'call-side', 'aria-label': 'State of the machines' },
          make(
            'div',
            { class: 'panel-head' },
            this.#time,
            make('button', { class: 'small to-now', hidden: true, click: () => this.#toNow() }, 'To now'),
          ),
          this.#event,
          this.#machines,
        ),
      ),
    );
    this.#view.filter((group) => !this.#hidden.has(group));
    void this.#begin();
  }

  close() {
    this.#ended.abort();
    this.#view.close();
    this.#slider.close();
  }

  async #begin() {
    const { api } = this.#app;
    const { signal } = this.#ended;
    const path = `/v1/calls/${inPath(this.#call)}`;
    let from = '';
    try {
      /** @type {Call} */
      const call = await api.get(path, {}, signal);
      this.#summarise(call);
      for (const event of call.list ?? []) this.#add(event);
      const last = call.list?.at(-1)?.seq;
      if (last !== undefined) from = String(last);
      this.#draw();
      if (call.ended_ms !== null) return this.#say({ state: 'ended', gap: 0 });
    } catch (error) {
      if (signal.aborted) return;
      this.#who.textContent = `Call ${plain(this.#call)}`;
      this.#notice.replaceChildren(fault(error));
      return;
    }
    await follow(
      {
        open: api.open,
        path: `${path}/stream`,
        from,
        take: (sent) => this.#take(sent),
        tell: (standing) => this.#say(standing),
      },
      signal,
    );
  }

  /** @param {import('../sse.js').Sent} sent @returns {void | Promise<void>} */
  #take({ event, data }) {
    if (event === 'call') this.#summarise(JSON.parse(data));
    if (event !== 'event') return;
    this.#add(JSON.parse(data));
    this.#pending += 1;
    this.#soon();
    // Events faster than they can be drawn wait at the server, which leaves some out and says how many.
    if (this.#pending >= BATCH) return new Promise((resolve) => setTimeout(resolve, 50));
  }

  /** @param {CallEvent} event */
  #add(event) {
    const { events } = this.#rows;
    // After a break what is known may come once more.
    if (event.seq <= (events.at(-1)?.seq ?? -1)) return;
    if (events.length >= MOST) {
      this.#isFull = true;
      return this.#note();
    }
    if (!events.length) this.#view.startMs = Math.min(event.at_ms, this.#summary?.began_ms ?? event.at_ms);
    const { at_ms, seq } = event;
    const known = events.at(-1)?.seq ?? 0;
    // What is missing has a row, so that nobody takes the ladder for whole.
    if (seq > known + 1) this.#push({ seq: known + 1, at_ms, kind: 'gap', count: seq - known - 1 });
    this.#push(event);
  }

  /** @param {CallEvent} event */
  #push(event) {
    this.#rows.add(event);
    this.#slider.axis.add(event.at_ms);
  }

  #soon() {
    if (this.#isDue) return;
    this.#isDue = true;
    withNextPicture(() => {
      this.#isDue = false;
      this.#pending = 0;
      if (!this.#ended.signal.aborted) this.#draw();
    });
  }

  /** Draws what came. */
  #draw() {
    this.#view.update();
    const { events } = this.#rows;
    if (this.#wanted !== undefined) {
      const place = events.findIndex(({ seq }) => seq === this.#wanted);
      if (place >= 0) {
        this.#wanted = undefined;
        return requestAnimationFrame(() => this.#go(place, true));
      }
    }
    const place = this.#at ?? events.length - 1;
    this.#slider.show(place);
    if (this.#at === undefined) this.#machine(place);
    return undefined;
  }

  /** Looks at an event. @param {number} place @param {boolean} isBrought */
  #go(place, isBrought) {
    this.#at = place;
    const event = this.#rows.events[place];
    if (!event) return;
    this.#slider.show(place);
    this.#view.mark(place, isBrought);
    this.#machine(place);
    this.#event.replaceChildren(details(event, this.#rows.service, this.#view.startMs));
    this.element.classList.add('at-point');
    this.#toNowButton().hidden = false;
    history.replaceState(null, '', write('calls', this.#call, { event: String(event.seq) }));
  }

  #toNowButton() {
    return /** @type {HTMLElement} */ (this.element.querySelector('.to-now'));
  }

  #toNow() {
    this.#at = undefined;
    this.#view.mark(-1, false);
    this.#view.toEnd();
    this.#event.replaceChildren();
    this.element.classList.remove('at-point');
    this.#toNowButton().hidden = true;
    history.replaceState(null, '', write('calls', this.#call));
    this.#draw();
  }

  /** @param {number} place */
  #machine(place) {
    const event = this.#rows.events[place];
    this.#time.textContent = event ? `At ${within(event.at_ms - this.#view.startMs)} s` : 'Nothing yet';
    this.#machines.replaceChildren(...told(this.#folding.at(place), this.#rows.service));
  }

  /** @param {number} place */
  #tell(place) {
    const event = this.#rows.events[place];
    return event
      ? `${within(event.at_ms - this.#view.startMs)} s, ${sentence(event, this.#rows.service)}`
      : '';
  }

  /** @param {Call} call */
  #summarise(call) {
    this.#summary = call;
    this.#rows.expect(call.parties);
    this.title =
      `${call.parties.map(({ party }) => plain(party)).join(', ')}`.slice(0, 100) ||
      `Call ${plain(this.#call)}`;
    document.title = `${this.title} · Strowger`;
    this.#who.replaceChildren(parties(call));
    const lasted = duration((call.ended_ms ?? Date.now()) - call.began_ms);
    this.#facts.replaceChildren(
      pill(...standing(call)),
      ` ${plain(call.service ?? 'no service')} ${plain(call.version)} · ${clock(call.began_ms)}`,
      call.ended_ms === null ? '' : ` · ${lasted}`,
      ` · ${plain(call.call)}`,
    );
    if (call.ended_ms !== null) this.#end.replaceChildren();
    else if (!this.#end.childElementCount)
      this.#end.append(button(this.#app, 'operate', { click: () => void this.#endCall() }, 'End it'));
    this.#note();
  }

  /** Ends the instance, or the dialog that got none. */
  async #endCall() {
    const { api, confirm, act } = this.#app;
    const text =
      'Its legs get BYE or CANCEL, and who waits for an answer is refused. This cannot be taken back.';
    if (!(await confirm({ title: 'End this call?', text, yes: 'End it' }))) return;
    const [kind, id] = this.#call.startsWith('d:')
      ? ['dialogs', this.#call.slice(2)]
      : ['instances', this.#call];
    await act('The call has ended.', () => api.change('DELETE', `/v1/${kind}/${inPath(id)}`));
  }

  /** @param {Standing} standing */
  #say({ state, gap, why }) {
    this.#gap = gap;
    const tone =
      { live: 'online', ended: 'online', refused: 'offline' }[/** @type {string} */ (state)] ??
      'reconnecting';
    const text = state === 'refused' ? (why ?? 'refused') : state;
    this.#standing.dataset.state = tone;
    this.#standing.title = plain(why);
    if (this.#standing.textContent !== text)
      this.#standing.replaceChildren(make('i', { class: 'dot' }), plain(text));
    this.#note();
  }

  #note() {
    const notes = [];
    if (this.#summary?.cut) notes.push('The beginning is not kept any more.');
    if (this.#gap)
      notes.push(
        `Gap: ${this.#gap} events were left out, because this page was too slow. Load it again to ask for them.`,
      );
    if (this.#isFull) notes.push(`More than ${MOST} events: what came later is not in this page.`);
    const text = notes.join(' ');
    if (this.#notice.textContent !== text) this.#notice.textContent = text;
  }

  #filters() {
    return make(
      'div',
      { class: 'toggles', role: 'group', 'aria-label': 'What is shown' },
      ...GROUPS.map((group) => {
        const box = /** @type {HTMLInputElement} */ (make('input', { type: 'checkbox' }));
        box.checked = !this.#hidden.has(group);
        box.addEventListener('change', () => {
          if (box.checked) this.#hidden.delete(group);
          else this.#hidden.add(group);
          localStorage.setItem(KEPT, JSON.stringify([...this.#hidden]));
          this.#view.filter((group) => !this.#hidden.has(group));
        });
        return make('label', { class: 'switch' }, box, group);
      }),
    );
  }

  #exports() {
    const menu = /** @type {HTMLDetailsElement} */ (make('details', { class: 'menu' }));
    const items = make('div', { class: 'menu-items' });
    const inside = (/** @type {string} */ text, /** @type {string} */ hint) => [
      make('span', {}, text),
      make('small', {}, hint),
    ];
    const then = (/** @type {() => unknown} */ act) => () => {
      menu.open = false;
      void act();
    };
    // Made when it is opened: by then it is known who asks.
    menu.addEventListener('toggle', () => {
      if (!menu.open) return;
      items.replaceChildren(
        make(
          'button',
          { click: then(() => this.#mermaid()) },
          ...inside('Mermaid', 'a sequence diagram as text'),
        ),
        make('button', { click: then(() => this.#svg()) }, ...inside('SVG', 'this ladder as a picture')),
        ...[
          ['Scenario', 'a test of conformance', 'json'],
          ['Journal', 'for strowger replay', 'journal'],
        ].map(([name = '', hint = '', ending = '']) =>
          button(
            this.#app,
            'operate',
            { click: then(() => this.#file(name.toLowerCase(), ending)) },
            ...inside(name, hint),
          ),
        ),
      );
    });
    menu.addEventListener('keydown', ({ key }) => {
      if (key !== 'Escape') return;
      menu.open = false;
      menu.querySelector('summary')?.focus();
    });
    menu.append(make('summary', { class: 'button' }, icon('export'), make('span', {}, 'Export')), items);
    return menu;
  }

  get #fileName() {
    return `call-${this.#call}`;
  }

  #mermaid() {
    const { events, service } = this.#rows;
    const text = mermaid(events, service, (group) => !this.#hidden.has(group));
    download(`${this.#fileName}.mmd`, 'text/plain;charset=utf-8', text);
  }

  #svg() {
    const rows = filtered(this.#rows.rows, (group) => !this.#hidden.has(group));
    const text = svg(
      this.#rows.columns,
      rows,
      this.#view.startMs,
      `Call ${plain(this.#call)}: ${this.title}`,
    );
    download(`${this.#fileName}.svg`, 'image/svg+xml;charset=utf-8', text);
  }

  /** @param {string} what @param {string} ending */
  async #file(what, ending) {
    const { act, api } = this.#app;
    await act(`The ${what} is in your downloads.`, async () => {
      const response = await api.request(`/v1/calls/${inPath(this.#call)}/${what}`);
      const type = response.headers.get('content-type') ?? 'application/octet-stream';
      download(`${this.#fileName}.${ending}`, type, await response.blob());
    });
  }
}

/** @returns {Group[]} */
function hiddenBefore() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT) ?? '["transactions"]');
    return GROUPS.filter((group) => kept.includes(group));
  } catch {
    return [];
  }
}
