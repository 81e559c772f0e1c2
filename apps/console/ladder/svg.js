/** A ladder as an SVG file that stands alone: its styles are in it, for light and dark. */

import { plain } from '../text.js';
import { drawn, geometry, HEAD, heads } from './shapes.js';

/** @typedef {import('./rows.js').Column} Column */
/** @typedef {import('./rows.js').Row} Row */
/** @typedef {import('./shapes.js').Shape} Shape */

const LIGHT = {
  ground: '#ffffff',
  raised: '#eef2f1',
  line: '#c4cfcc',
  text: '#16211f',
  muted: '#56645f',
  accent: '#0a6d63',
  soft: '#dcefec',
  danger: '#c0302b',
  warn: '#8a5a00',
  ok: '#1f7a3d',
};
const DARK = {
  ground: '#161e1c',
  raised: '#1f2a27',
  line: '#43544f',
  text: '#e6eeeb',
  muted: '#9aaba5',
  accent: '#3cc4b0',
  soft: '#17352f',
  danger: '#ef6a62',
  warn: '#f0bd5a',
  ok: '#6bd28b',
};

/** @param {typeof LIGHT} colours */
const styles = ({ ground, raised, line, text, muted, accent, soft, danger, warn, ok }) => `
.paper,.ground,.sign{fill:${ground}}.head{fill:${raised};stroke:${line}}.head.own{fill:${soft};stroke:${accent}}
.name{fill:${text}}.name.own{fill:${accent}}.label{fill:${text}}.note{fill:${muted}}.time{fill:${muted}}
.note.decided,.note.served{fill:${accent}}.note.bad,.note.refused,.label.dropped_message{fill:${danger}}
.life{stroke:${line}}.life.own{stroke:${accent}}.life.up{stroke:${ok}}.life.early,.life.trying,.life.changing{stroke:${warn}}
.life.answered,.life.single{stroke:${accent}}
.arrow{stroke:${accent}}.tip{fill:${accent};stroke:${accent}}.sign{stroke:${muted}}.sign.full,.sign.state{fill:${muted}}
.arrow.provisional{stroke:${warn}}.tip.provisional{fill:${warn};stroke:${warn}}
.arrow.success{stroke:${ok}}.tip.success{fill:${ok};stroke:${ok}}
.arrow.failure,.arrow.dropped_message{stroke:${danger}}.tip.failure{fill:${danger};stroke:${danger}}.tip.dropped_message{stroke:${danger}}
.arrow.absorbed,.arrow.ack{stroke:${muted}}.tip.absorbed,.tip.ack{fill:${muted};stroke:${muted}}
.label.absorbed,.label.replayed{fill:${muted}}.note.ended{fill:${text}}.sign.end{stroke:${text}}
.sign.ack{stroke:${ok};fill:none}.sign.bad{stroke:${danger}}.sign.own{fill:${accent};stroke:${accent}}.sign.channel,.sign.timer{stroke:${warn}}.note.gap{fill:${warn}}`;

const STYLE = `text{font:600 12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.name{font:650 13px system-ui,sans-serif}.note{font-weight:400;font-size:11px}.time{font-weight:400;font-size:10.5px}
.life{stroke-width:3}.life.none{stroke-width:1;stroke-dasharray:2 5}.life.over{stroke-width:1}.life.away{stroke-dasharray:4 5}
.arrow{stroke-width:1.8}.sign{stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round}
.arrow.absorbed,.arrow.replayed,.arrow.dropped_message{stroke-dasharray:5 4}.tip.dropped_message{stroke-width:2;fill:none}.note.ended{font-weight:600}`;

/** @type {Record<string, string>} */
const NAMED = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };

/** Text within XML: what XML cannot hold at all is gone before, see `plain`. @param {unknown} text */
export const escaped = (text) => String(text).replace(/[&<>"']/g, (found) => NAMED[found] ?? '');

/** @param {Shape} shape */
function written({ tag, attributes, text }) {
  const list = Object.entries(attributes).map(
    ([name, value]) =>
      ` ${name}="${escaped(typeof value === 'number' ? Math.round(value * 100) / 100 : value)}"`,
  );
  return text === undefined
    ? `<${tag}${list.join('')}/>`
    : `<${tag}${list.join('')}>${escaped(text)}</${tag}>`;
}

/**
 * @param {Column[]} columns
 * @param {Row[]} rows
 * @param {number} startMs
 * @param {string} title
 */
export function svg(columns, rows, startMs, title) {
  const place = geometry(columns, 1000);
  let y = HEAD + 8;
  const parts = [];
  for (const row of rows) {
    parts.push(
      `<g transform="translate(0 ${y})">${drawn(row, columns, place, startMs).map(written).join('')}</g>`,
    );
    y += row.height;
  }
  const height = y + 16;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${place.width}" height="${height}" viewBox="0 0 ${place.width} ${height}" role="img">
<title>${escaped(plain(title))}</title>
<style>${STYLE}${styles(LIGHT)}
@media (prefers-color-scheme:dark){${styles(DARK)}}</style>
<rect class="paper" width="100%" height="100%"/>
<g>${heads(columns, place).map(written).join('')}</g>
${parts.join('\n')}
</svg>
`;
}
