/**
 * The drawing of a ladder as plain shapes, which the page makes elements of and the export a file: so both look alike. Colours are
 * named by classes.
 */

import { short, shortUser, within } from '../text.js';
import { isKnown, tone, words } from './events.js';

/** @typedef {import('./rows.js').Column} Column */
/** @typedef {import('./rows.js').Row} Row */
/** @typedef {{ tag: string, attributes: Record<string, string | number>, text?: string }} Shape */
/** Where each column stands. @typedef {{ width: number, gutter: number, step: number, places: Map<string, number>, isNarrow: boolean }} Geometry */

export const HEAD = 44;
/** How wide a character of the labels is. */
const CHARACTER = 7.25;
const SMALL = 6.7;
const NAME = 8.9;
/** The room on either side of the outer lifelines. */
const [NARROW, WIDE] = [44, 92];

/** @param {string} tag @param {Record<string, string | number>} attributes @param {string} [text] @returns {Shape} */
const shape = (tag, attributes, text) =>
  text === undefined ? { tag, attributes } : { tag, attributes, text };

/** How many characters have room. @param {number} room @param {number} [character] */
const fits = (room, character = CHARACTER) => Math.max(2, Math.floor(room / character));

/** @param {Column[]} columns @param {number} width What there is; with many columns it is more. @returns {Geometry} */
export function geometry(columns, width) {
  const isNarrow = width < 560;
  const gutter = isNarrow ? 58 : 84;
  const side = isNarrow ? NARROW : WIDE;
  const least = isNarrow ? 108 : 150;
  const gaps = Math.max(1, columns.length - 1);
  const step = Math.max(least, Math.min(360, (width - gutter - 2 * side) / gaps));
  const places = new Map(columns.map(({ key }, index) => [key, gutter + side + index * step]));
  return { width: Math.max(width, gutter + 2 * side + gaps * step), gutter, step, places, isNarrow };
}

/** The names on top. @param {Column[]} columns @param {Geometry} geometry @returns {Shape[]} */
export function heads(columns, { places, step, isNarrow }) {
  const half = Math.min(step / 2 - 5, (isNarrow ? NARROW : WIDE) - 6);
  return columns.flatMap(({ key, label }) => {
    const x = places.get(key) ?? 0;
    return [
      shape('rect', {
        class: key ? 'head' : 'head own',
        x: x - half,
        y: 7,
        width: 2 * half,
        height: HEAD - 14,
        rx: 9,
      }),
      shape(
        'text',
        { class: key ? 'name' : 'name own', x, y: HEAD / 2 + 4.5, 'text-anchor': 'middle' },
        shortUser(label, fits(2 * half - 12, NAME)),
      ),
    ];
  });
}

/** The lifelines beside a row. @param {Column[]} columns @param {Row} row @param {Geometry} geometry @returns {Shape[]} */
function lives(columns, { lives, height }, { places }) {
  return columns.map(({ key }) => {
    const x = places.get(key) ?? 0;
    const life = lives.get(key);
    const look = key ? `life ${life?.tone ?? 'none'}${life?.isAway ? ' away' : ''}` : 'life own';
    return shape('line', { class: look, x1: x, x2: x, y1: 0, y2: height });
  });
}

/** @param {Row} row @param {Geometry} geometry @returns {Shape[]} */
function arrow({ event, column, height }, { places }) {
  const [party, service] = [places.get(column) ?? 0, places.get('') ?? 0];
  const isOut = event.kind === 'sent' || event.kind === 'replayed';
  const [from, to] = isOut ? [service, party] : [party, service];
  const side = to > from ? 1 : -1;
  const isDropped = event.kind === 'dropped_message';
  const y = height - 11;
  const end = isDropped ? from + (to - from) * 0.7 : to - side * 9;
  const kind =
    event.kind === 'received' || event.kind === 'sent' ? tone(event) : `${tone(event)} ${event.kind}`;
  const tip = isDropped
    ? `M${end - 5} ${y - 5}l10 10m0 -10l-10 10`
    : `M${to - side * 1.5} ${y}l${-side * 9} -5v10z`;
  // Beside the service's lifeline, so that the label of a long arrow crosses no other one.
  const sign = party > service ? 1 : -1;
  const room = Math.min(Math.abs(to - from), nearest(places, service, sign));
  const middle = service + (sign * room) / 2;
  const signs = /** @type {Record<string, string>} */ ({
    absorbed: '↺ ',
    replayed: '↻ ',
    dropped_message: '✕ ',
  });
  return [
    shape('line', { class: `arrow ${kind}`, x1: from + side * 2, x2: end, y1: y, y2: y }),
    shape('path', { class: `tip ${kind}`, d: tip }),
    shape(
      'text',
      { class: `label ${kind}`, x: middle, y: y - 7, 'text-anchor': 'middle' },
      short(`${signs[event.kind] ?? ''}${words(event)}`, fits(room - 16)),
    ),
  ];
}

/** How far it is to the next column on one side. @param {Map<string, number>} places @param {number} x @param {number} side */
function nearest(places, x, side) {
  const gaps = [...places.values()].map((place) => (place - x) * side).filter((gap) => gap > 0);
  return gaps.length ? Math.min(...gaps) : Number.POSITIVE_INFINITY;
}

/** The small picture of a mark. @param {Row} row @param {number} x @param {number} y @returns {Shape} */
function sign({ event }, x, y) {
  const { kind } = event;
  const at = (/** @type {string} */ d) => `M${x} ${y}${d}`;
  if (kind === 'acknowledged') return shape('path', { class: 'sign ack', d: at('m-4.500 0l3 3.500l6 -7') });
  if (kind === 'withdrawn') return shape('path', { class: 'sign bad', d: at('m-4 -4l8 8m0 -8l-8 8') });
  if (kind === 'timer')
    return shape('path', {
      class: 'sign timer',
      d: at('m-5.500 0a5.500 5.500 0 1 0 11 0a5.500 5.500 0 1 0 -11 0m5.500 -3.200v3.200l2.600 1.600'),
    });
  if (kind === 'transaction')
    return shape('circle', {
      class: `sign ${event.state === 'open' ? 'hollow' : 'full'}`,
      cx: x,
      cy: y,
      r: 4,
    });
  if (kind === 'channel') {
    const look = event.state === 'dropped' || event.state === 'lost' ? 'bad' : 'channel';
    return shape('path', { class: `sign ${look}`, d: at('m0 -6l6 6l-6 6l-6 -6z') });
  }
  if (kind === 'state')
    return shape('rect', { class: 'sign state', x: x - 4.5, y: y - 4.5, width: 9, height: 9, rx: 2 });
  if (kind === 'refused')
    return shape('path', { class: 'sign bad', d: at('m-4.500 4l4.500 -8.500l4.500 8.500z') });
  if (kind === 'ended') return shape('path', { class: 'sign end', d: at('m-9 0h18') });
  if (kind === 'decided' || kind === 'logged')
    return shape('circle', { class: 'sign own', cx: x, cy: y, r: 4.5 });
  return shape('circle', { class: 'sign hollow', cx: x, cy: y, r: 3.5 });
}

/** @param {Row} row @param {Geometry} geometry @param {Column[]} columns @returns {Shape[]} */
function mark(row, { places, width, gutter, isNarrow }, columns) {
  const { event, column, height } = row;
  const x = places.get(column) ?? 0;
  const y = height / 2;
  // Right of the service it stands on the left of its lifeline, where the arrows are.
  const isLeft = column !== '' && columns[0]?.key !== column;
  const whole = [...words(event)].length * SMALL + 26;
  // Where there is little room, what the service says may begin left of its lifeline.
  const at = isNarrow && column === '' && whole > width - x ? Math.max(gutter + 6, width - whole) : x;
  const text = short(words(event), fits((isLeft ? at - gutter : width - at) - 26, SMALL));
  const long = [...text].length * SMALL + 8;
  const shapes = [];
  // A ground for words that cross another lifeline.
  if (at !== x || long + 12 > nearest(places, x, isLeft ? -1 : 1))
    shapes.push(
      shape('rect', {
        class: 'ground',
        x: isLeft ? x - 11 - long : at + (at === x ? 9 : -8),
        y: 2,
        width: long + (at === x ? 0 : 18),
        height: height - 4,
        rx: 5,
      }),
    );
  const isBad = event.level === 'error' || event.level === 'warn';
  const look =
    event.kind === 'logged' ? (isBad ? 'bad' : 'said') : isKnown(event.kind) ? event.kind : 'other';
  const place = { x: isLeft ? at - 13 : at + 13, y: y + 4, 'text-anchor': isLeft ? 'end' : 'start' };
  shapes.push(sign(row, at, y), shape('text', { class: `note ${look}`, ...place }, text));
  return shapes;
}

/** A row, its top at 0. @param {Row} row @param {Column[]} columns @param {Geometry} geometry @param {number} startMs @returns {Shape[]} */
export function drawn(row, columns, geometry, startMs) {
  const y = row.form === 'arrow' ? row.height - 7 : row.height / 2 + 4;
  return [
    ...lives(columns, row, geometry),
    shape(
      'text',
      { class: 'time', x: geometry.gutter - (geometry.isNarrow ? 4 : 8), y, 'text-anchor': 'end' },
      within(row.event.at_ms - startMs),
    ),
    ...(row.form === 'arrow' ? arrow(row, geometry) : mark(row, geometry, columns)),
  ];
}
