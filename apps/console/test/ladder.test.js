/** A ladder without a page: columns and rows, states at any point, the time axis, and what is exported. */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Axis } from '../ladder/axis.js';
import { sentence, words } from '../ladder/events.js';
import { Folding } from '../ladder/fold.js';
import * as text from '../ladder/mermaid.js';
import { columnsOf, filtered, Rows } from '../ladder/rows.js';
import { drawn, geometry, heads } from '../ladder/shapes.js';
import { svg } from '../ladder/svg.js';
import { long, relayed, Story } from './story.js';

const all = () => true;

function rowsOf(list, service = 'service') {
  const rows = new Rows(service);
  for (const event of list) rows.add(event);
  return rows;
}

test('who began stands on the left, the service beside him, the others to the right', () => {
  assert.deepEqual(
    columnsOf(relayed(), 'service').map(({ label }) => label),
    ['alice@example.com', 'relay', 'bob@example.com'],
  );
  const outside = [{ seq: 1, at_ms: 0, kind: 'logged', text: 'before anybody' }, ...relayed()];
  assert.deepEqual(
    columnsOf(outside, 'service').map(({ key }) => key),
    ['0.5.9', '', '0.6.9'],
  );
});

test('more parties than fit share the last column', () => {
  const story = new Story();
  for (let leg = 0; leg < 100; leg += 1)
    story.tell('began', [`0.${leg}`, `u${leg}@example.com`], { method: 'INVITE' });
  const columns = columnsOf(story.list, 'conference');
  assert.equal(columns.length, 24);
  assert.equal(columns.at(-1).label, 'others');
});

test('a lifeline changes its look with the state of its session and its channel', () => {
  const { rows } = rowsOf(relayed());
  const after = (kind, dialog, to) =>
    rows
      .find(({ event }) => event.kind === kind && event.dialog === dialog && (event.to ?? event.state) === to)
      .lives.get(dialog);
  assert.deepEqual(after('state', '0.6.9', 'Early'), { tone: 'early', isAway: false });
  assert.deepEqual(after('state', '0.6.9', 'Established'), { tone: 'up', isAway: false });
  assert.deepEqual(after('channel', '0.6.9', 'dropped'), { tone: 'up', isAway: true });
  assert.deepEqual(after('channel', '0.6.9', 'resumed'), { tone: 'up', isAway: false });
  assert.deepEqual(rows.at(-1).lives.get('0.5.9'), { tone: 'over', isAway: false });
  assert.equal(rows[0].lives.get('0.6.9'), undefined);
});

test('every group can be left out, and messages never', () => {
  const { rows } = rowsOf(relayed());
  const kinds = (isShown) => new Set(filtered(rows, isShown).map(({ event }) => event.kind));
  const few = kinds(() => false);
  for (const kind of ['acknowledged', 'timer', 'transaction', 'decided', 'handled', 'logged'])
    assert.ok(!few.has(kind), kind);
  for (const kind of ['sent', 'received', 'state', 'channel', 'ended', 'absorbed', 'replayed'])
    assert.ok(few.has(kind), kind);
  assert.equal(filtered(rows, all).length, rows.length);
});

test('the state of each machine is what all events before made of it', () => {
  const list = relayed();
  const folding = new Folding(list);
  const at = (kind, label) => list.findIndex((event) => event.kind === kind && event.label === label);
  const ringing = folding.at(at('sent', '180 INVITE 1'));
  assert.deepEqual(ringing.legs.get('0.5.9').waiting, ['180 INVITE 1']);
  assert.equal(ringing.legs.get('0.5.9').session, 'Inviting');
  assert.deepEqual(ringing.legs.get('0.5.9').open, ['INVITE 1']);
  assert.deepEqual(ringing.legs.get('0.6.9').open, ['INVITE 1 (ours)']);
  assert.equal(ringing.service.decided.at(-1), 'respond: 180 to the caller (on provisional)');
  const away = folding.at(list.findIndex(({ kind, state }) => kind === 'channel' && state === 'dropped'));
  assert.equal(away.legs.get('0.6.9').channel, 'dropped');
  assert.equal(away.legs.get('0.6.9').session, 'Established');
  // Backwards as well, and to before everything.
  assert.equal(folding.at(at('received', 'INVITE 1')).legs.get('0.5.9').session, 'Inviting');
  assert.equal(folding.at(-1).legs.size, 0);
  const over = folding.at(list.length - 1);
  assert.deepEqual([over.legs.get('0.5.9').open, over.legs.get('0.6.9').ended], [[], 'hung up']);
});

test('what the peer acknowledged or answered has arrived, and all that was sent before it', () => {
  const bob = ['0.6.9', 'bob@example.com'];
  const story = new Story().message('sent', bob, 'INVITE 1').message('received', bob, '180 INVITE 1');
  story.message('sent', bob, 'INFO 2').message('sent', bob, 'INFO 3').message('sent', bob, 'INFO 4');
  story.tell('acknowledged', bob, { label: 'INFO 3' }).tell('withdrawn', bob, { label: 'INFO 4' });
  const folding = new Folding(story.list);
  const waiting = (place) => folding.at(place).legs.get('0.6.9').waiting;
  assert.deepEqual([0, 1, 4, 5, 6].map(waiting), [
    ['INVITE 1'],
    [],
    ['INFO 2', 'INFO 3', 'INFO 4'],
    ['INFO 4'],
    [],
  ]);
});

test('what is folded at random places is the same as from the beginning', () => {
  const list = long(600);
  const one = new Folding(list);
  let place = 7;
  for (let times = 0; times < 60; times += 1) {
    place = (place * 31 + 17) % list.length;
    assert.deepEqual(one.at(place), new Folding(list).at(place));
  }
});

test('on the time axis every event has a place, and a place its event', () => {
  const axis = new Axis();
  const list = relayed();
  for (const { at_ms } of list) axis.add(at_ms);
  for (let index = 0; index < list.length; index += 1) assert.equal(axis.at(axis.place(index)), index);
  assert.deepEqual([axis.place(0), axis.place(list.length - 1)], [0, 1]);
  assert.deepEqual(
    [axis.at(0), axis.at(1), axis.at(-1), axis.at(2)],
    [0, list.length - 1, 0, list.length - 1],
  );
  const marks = axis.marks(0.1);
  assert.ok(marks.length > 3 && marks.length <= 11);
  assert.deepEqual([marks[0].ms, marks.at(-1).index], [0, list.length - 1]);
  assert.deepEqual([new Axis().at(0.5), new Axis().marks(0.1)], [0, []]);
});

test('a kind that nobody knows is told as it came', () => {
  const event = {
    seq: 1,
    at_ms: 0,
    kind: 'transferred',
    dialog: '0.1',
    party: 'a@b',
    target: 'carol',
    times: 2,
  };
  assert.equal(words(event), 'transferred, target carol, times 2');
  assert.equal(words({ seq: 1, at_ms: 0, kind: 'constructor' }), 'constructor');
  const rows = rowsOf([event]);
  assert.equal(rows.rows[0].form, 'mark');
  assert.ok(drawn(rows.rows[0], rows.columns, geometry(rows.columns, 800), 0).length > 2);
});

test('every kind has a sentence, and none says what is not there', () => {
  for (const event of relayed()) {
    const told = sentence(event, 'relay');
    assert.ok(!/undefined|null|NaN|\[object/.test(told), `${event.kind}: ${told}`);
  }
});

test('a command that was refused is named', () => {
  const refused = { kind: 'refused', command: 'send', text: 'REGISTER', why: 'not legal' };
  assert.equal(words(refused), 'send REGISTER refused: not legal');
  assert.equal(words({ kind: 'refused', why: 'not legal' }), 'refused: not legal');
});

test('columns have room at any width', () => {
  const { columns } = rowsOf(relayed());
  for (const width of [320, 390, 800, 1400]) {
    const { places, width: whole } = geometry(columns, width);
    const [first, second, third] = [...places.values()];
    assert.ok(
      first > 58 && second - first >= 100 && third - second >= 100 && whole >= third + 40,
      `${width}`,
    );
  }
  assert.equal(geometry(columns, 390).width, 390);
  assert.equal(heads(columns, geometry(columns, 390)).filter(({ tag }) => tag === 'text')[0].text, 'alice');
});

const HOSTILE = [
  '<img src=x onerror=alert(1)>',
  '"><script>alert(1)</script>',
  "'; alert(1) //",
  'a\nparticipant evil\nNote over c0: gone',
  '#60;img#62; end',
  '%%{init: {"securityLevel": "loose"}}%%',
  '\u202egnp.exe\u0007',
  'x'.repeat(255),
  '',
];

test('a Mermaid diagram has a line for each event and none that a name wrote', () => {
  const list = relayed();
  const plain = text.mermaid(list, 'service', all);
  assert.match(
    plain,
    /^sequenceDiagram\n {2}participant c0 as alice@example\.com\n {2}participant c1 as relay\n/,
  );
  assert.match(plain, /c0->>c1: INVITE 1\n/);
  assert.match(plain, /c1-->>c0: 180 INVITE 1\n/);
  assert.match(plain, /c0--xc1: INVITE 1 again#58; absorbed\n/);
  assert.match(plain, /Note over c1: open#58; a leg to bob@example\.com\n/);
  for (const name of HOSTILE) {
    const diagram = text.mermaid(relayed({ alice: name, bob: name }), name, all);
    const lines = diagram.trimEnd().split('\n');
    assert.equal(lines.length, 1 + 3 + list.length, name);
    for (const line of lines.slice(1)) {
      const bare = line.replace(/#\d+;/g, '');
      assert.match(
        bare,
        /^ {2}(participant c\d as|Note over c\d:|c\d[->x]+c\d:) [^#<>;"%{}:\p{Cc}\p{Cf}]*$/u,
        name,
      );
      assert.doesNotMatch(line, /\bend\b/i);
    }
  }
});

/** What a file is made of. */
const TAGS = ['circle', 'g', 'line', 'path', 'rect', 'style', 'svg', 'text', 'title'];
const ATTRIBUTES = new Set(
  'class cx cy d height r role rx text-anchor transform viewBox width x x1 x2 xmlns y y1 y2'.split(' '),
);

test('an SVG file stands alone, and what others wrote is text in it', () => {
  for (const name of HOSTILE) {
    const list = relayed({ alice: name, bob: name });
    list.push({ seq: 999, at_ms: 0, kind: name, dialog: '0.5.9', party: name, text: name });
    const { columns, rows } = rowsOf(list, name);
    const file = svg(columns, rows, list[0].at_ms, `call of ${name}`);
    assert.ok(!/[\p{Cc}\p{Cf}]/u.test(file.replaceAll('\n', '')), name);
    // No value holds a bracket, so these are all tags that there are.
    const found = { tags: new Set(), attributes: new Set() };
    for (const [tag] of file.matchAll(/<[^>]*>/g)) {
      found.tags.add(/^<\/?([\w-]+)/.exec(tag)?.[1] ?? tag);
      for (const [, attribute] of tag.matchAll(/([\w:-]+)="[^"]*"/g)) found.attributes.add(attribute);
      assert.ok(!tag.replace(/="[^"]*"/g, '').includes('"'), tag.slice(0, 100));
    }
    assert.deepEqual([...found.tags].sort(), TAGS, name);
    assert.deepEqual(
      [...found.attributes].filter((attribute) => !ATTRIBUTES.has(attribute)),
      [],
      name,
    );
  }
});

test('a file has every colour that its shapes name', () => {
  const list = relayed();
  const { columns, rows } = rowsOf(list);
  const file = svg(columns, rows, list[0].at_ms, 'a call');
  const [, style] = /<style>([\s\S]*)<\/style>/.exec(file);
  for (const name of [
    'life.up',
    'life.early',
    'arrow.success',
    'tip.provisional',
    'sign.ack',
    'note.decided',
    'head.own',
  ])
    assert.ok(style.includes(`.${name}`), name);
  assert.equal(file.match(/<g transform/g).length, list.length);
});

test('the picture in docs/console.md is what the export makes of a call', () => {
  const list = relayed().filter(({ kind }) => !['transaction', 'handled', 'timer'].includes(kind));
  const { columns, rows } = rowsOf(list);
  const file = svg(columns, rows, list[0].at_ms, 'A call through the relay, as the console draws it');
  const place = new URL('../../../docs/console.svg', import.meta.url);
  if (process.env.BLESS) writeFileSync(place, file);
  const isFresh = readFileSync(place, 'utf8') === file;
  assert.ok(isFresh, 'run BLESS=1 node --test apps/console/test/ladder.test.js');
});
