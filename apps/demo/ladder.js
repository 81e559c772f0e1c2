/** Draws the messages between this page and the server, one rung each, as they pass. */

import { byId, draw, make } from './elements.js';
import { shown } from './names.js';

/** @typedef {import('../../sdk/js/src/index.js').Client} Client */
/** @typedef {import('../../sdk/js/src/index.js').Message} Message */

/** More rungs than this are not kept. */
const MOST = 300;
const WIDTH = 320;
/** Where the two lifelines stand. */
const [LEFT, RIGHT] = [48, 272];

/** @param {string} kind @param {number} height @param {...Node} inside */
const rung = (kind, height, ...inside) =>
  draw(
    'svg',
    { class: `rung ${kind}`, viewBox: `0 0 ${WIDTH} ${height}`, 'aria-hidden': 'true' },
    ...[LEFT, RIGHT].map((x) => draw('line', { class: 'life', x1: x, x2: x, y1: 0, y2: height })),
    ...inside,
  );

/** The two ends. @param {string} name */
function heads(name) {
  const head = (/** @type {number} */ x, /** @type {string} */ text) => [
    draw('rect', { class: 'head', x: x - 46, y: 4, width: 92, height: 26, rx: 8 }),
    draw(
      'text',
      { class: 'end', x, y: 21, 'text-anchor': 'middle' },
      text.length > 11 ? `${text.slice(0, 10)}…` : text,
    ),
  ];
  return rung('ends', 34, ...head(LEFT, name), ...head(RIGHT, 'Strowger'));
}

/** What this page's own responses leave out. @type {Record<number, string>} */
const NAMES = {
  180: 'Ringing',
  183: 'Session Progress',
  200: 'OK',
  481: 'No Session',
  486: 'Busy Here',
  603: 'Decline',
};

/** What a body is about, by a part of its type; the first that fits. */
const ABOUT = /** @type {const} */ ([
  ['sdpfrag', 'candidates'],
  ['sdp', 'sdp'],
  ['signs', 'signs'],
  ['dialog-info', 'live calls'],
]);

/** What a message is, in a few words. @param {Message} message */
function title(message) {
  const about = ABOUT.find(([type]) => message.Body !== undefined && message['Content-Type']?.includes(type));
  const what = about ? ` (${about[1]})` : message.Event ? ` (${message.Event})` : '';
  if (message.Type === 'RESPONSE')
    return `${message.Code} ${message.Desc ?? NAMES[message.Code] ?? ''}${what}`.trim();
  return `${message.Type}${what}`;
}

/** @param {Message} message */
function kindOf(message) {
  if (message.Type !== 'RESPONSE') return 'request';
  return message.Code < 200 ? 'provisional' : message.Code < 300 ? 'success' : 'failure';
}

/** The message as one reads it: line by line where a body has lines. @param {Message} message */
const written = (message) => JSON.stringify(message, null, 2).replaceAll('\\r\\n', '\n    ');

/** What every page does: asking which calls live, and whether the socket does. @param {Message} message */
export function isUsual({ Type, Event, Body }) {
  const { dialogs = [] } = /** @type {{ dialogs?: unknown[] }} */ (Body ?? {});
  return Type === 'OPTIONS' || (Event === 'dialog' && !dialogs.length);
}

export class Ladder {
  #rows = byId('ladder-rows');
  /** What is kept back while "everything" is off. @type {(message: Message) => boolean} */
  isBackground = isUsual;
  #start = 0;

  /** @param {Client} client */
  constructor(client) {
    byId('ladder-lanes').replaceChildren(heads(shown(client.userid)));
    const all = /** @type {HTMLInputElement} */ (byId('ladder-all'));
    all.onchange = () => this.#filter();
    byId('ladder-clear').onclick = () => this.#rows.replaceChildren();
    client.on('frame', ({ direction, message }) => this.#add(direction, message));
    client.on('reconnecting', ({ attempt }) => attempt === 1 && this.#gap('connection lost'));
    client.on('online', ({ isResumed }) => isResumed && this.#gap('connected again: nothing was lost'));
    this.#filter();
  }

  #filter() {
    const { checked } = /** @type {HTMLInputElement} */ (byId('ladder-all'));
    this.#rows.classList.toggle('foreground', !checked);
    for (const row of this.#rows.children) {
      if (row instanceof HTMLElement) row.hidden = !checked && row.dataset.background === 'true';
    }
  }

  /** @param {'in' | 'out'} direction @param {Message} message */
  #add(direction, message) {
    const now = performance.now();
    this.#start ||= now;
    const time = `${((now - this.#start) / 1000).toFixed(2)} s`;
    const isOut = direction === 'out';
    const [from, to] = isOut ? [LEFT, RIGHT] : [RIGHT, LEFT];
    const back = isOut ? -8 : 8;
    const what = title(message);
    const picture = rung(
      kindOf(message),
      40,
      draw(
        'text',
        { x: WIDTH / 2, y: 17, 'text-anchor': 'middle' },
        what.length > 28 ? `${what.slice(0, 27)}…` : what,
      ),
      draw('line', { class: 'arrow', x1: from, x2: to + back, y1: 25, y2: 25 }),
      draw('path', { class: 'tip', d: `M${to} 25l${back} -5v10z` }),
      draw(
        'text',
        { class: 'time', x: WIDTH / 2, y: 37, 'text-anchor': 'middle' },
        `${time} · CSeq ${message.CSeq}`,
      ),
    );
    const label = `${isOut ? 'sent' : 'received'} ${what}, ${time}`;
    const details = make(
      'details',
      {},
      make('summary', {}, picture, make('span', { class: 'unseen' }, label)),
    );
    // Thousands of lines are made only for who wants to see them.
    details.addEventListener('toggle', () => details.append(make('pre', { tabindex: 0 }, written(message))), {
      once: true,
    });
    this.#append(details, this.isBackground(message), `${direction} ${what}`);
  }

  /** @param {string} text */
  #gap(text) {
    const label = draw('text', { x: WIDTH / 2, y: 18, 'text-anchor': 'middle' }, text);
    const note = make('div', {}, make('span', { class: 'unseen' }, text));
    note.prepend(rung('gap', 28, label));
    this.#append(note, false, text);
  }

  /** @param {HTMLElement} content @param {boolean} isBackground @param {string} what */
  #append(content, isBackground, what) {
    const rows = this.#rows;
    const row = make('li', { 'data-background': String(isBackground), 'data-what': what }, content);
    row.hidden = isBackground && !(/** @type {HTMLInputElement} */ (byId('ladder-all')).checked);
    const isAtEnd = rows.scrollHeight - rows.scrollTop - rows.clientHeight < 60;
    rows.append(row);
    while (rows.childElementCount > MOST) rows.firstElementChild?.remove();
    if (isAtEnd) rows.scrollTop = rows.scrollHeight;
  }
}
