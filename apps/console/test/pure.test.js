/** What decides without a page: text, streams, lists, figures, ladders and what is made of them. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { History, latest } from '../figures.js';
import { follow, pause } from '../follow.js';
import { figure, parse, quantile } from '../metrics.js';
import { Paged } from '../paging.js';
import { Problem } from '../problem.js';
import { read, write } from '../routes.js';
import { Parser } from '../sse.js';
import { bytes, clock, count, duration, plain, plainLines, short, within } from '../text.js';
import { Heights, slice } from '../virtual.js';

test('nothing in a text hides or turns round', () => {
  assert.equal(plain('a\u202eb\u0000c\u200bd'), 'a⟨202E⟩b⟨0000⟩c⟨200B⟩d');
  assert.equal(plain('tab\tand\nline'), 'tab⟨0009⟩and⟨000A⟩line');
  assert.equal(plain('\ud800x'), '⟨D800⟩x');
  assert.equal(plain('\u{e0041}tag'), '⟨E0041⟩tag');
  assert.equal(plain('Zoë 日本 😀 <b>'), 'Zoë 日本 😀 <b>');
  assert.equal(plain(null), '');
  assert.equal(plainLines('v=0\r\na\tb\u202e'), 'v=0\na  b⟨202E⟩');
  assert.equal(short('😀😀😀😀', 3), '😀😀…');
});

test('numbers, sizes and times are told as people read them', () => {
  assert.deepEqual([0, 7, 0.5, 12.34, 1234, 1_234_567, Number.NaN].map(count), [
    '0',
    '7',
    '0.50',
    '12.3',
    '1\u202f234',
    '1.2 M',
    '–',
  ]);
  assert.deepEqual([0, 1023, 1024, 5 << 20, null].map(bytes), ['0 B', '1023 B', '1.0 KiB', '5.0 MiB', '–']);
  assert.deepEqual([0.012, 3.21, 250, 2500, 65_000, 7_260_000, 200_000_000].map(duration), [
    '12 µs',
    '3.2 ms',
    '250 ms',
    '2.5 s',
    '1 min 5 s',
    '2 h 1 min',
    '2 d 7 h',
  ]);
  assert.deepEqual([0, 12.4, 61_002, 3_600_000, -5].map(within), [
    '0.000',
    '0.012',
    '1:01.002',
    '1:00:00.000',
    '−0.005',
  ]);
  const noon = new Date(2026, 10, 30, 12, 5, 6).getTime();
  assert.equal(clock(noon, noon), '12:05:06');
  assert.equal(clock(noon, noon + 86_400_000), '2026-11-30 12:05:06');
});

test('events come whole however their text is cut', () => {
  const text =
    '\ufeffretry: 50\n\n: a comment\nid: 7\nevent: call\r\ndata: {"a":\r\ndata: 1}\r\n\r\ndata\n\nid: 8\rdata: last\r\r';
  for (const size of [1, 2, 3, 7, text.length]) {
    const parser = new Parser();
    const sent = [];
    for (let at = 0; at < text.length; at += size) sent.push(...parser.push(text.slice(at, at + size)));
    sent.push(...parser.push('\n'));
    assert.deepEqual(
      sent,
      [
        { event: 'call', data: '{"a":\n1}', id: '7' },
        { event: 'message', data: '', id: '7' },
        { event: 'message', data: 'last', id: '8' },
      ],
      `in pieces of ${size}`,
    );
    assert.equal(parser.retry, 50);
  }
});

test('an event without end is not gathered for ever', () => {
  const parser = new Parser();
  const piece = `data: ${'x'.repeat(1 << 20)}\n`;
  assert.throws(() => {
    for (let times = 0; times < 6; times += 1) parser.push(piece);
    parser.push('y');
  });
});

/** A server of streams: what each connection answers, one after another. */
function streams(...answers) {
  const asked = [];
  const open = async (path, headers) => {
    asked.push({ path, after: headers['Last-Event-ID'] });
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return new Response(answer);
  };
  return { asked, open };
}

test('a stream goes on from where it was, tells what was left out, and ends', async () => {
  const { asked, open } = streams(
    'id: 1\nevent: event\ndata: {}\n\nid: 2\nevent: event\ndata: {}\n\n',
    new Error('no network'),
    'event: gap\ndata: {"left_out":12}\n\nid: 15\nevent: event\ndata: {}\n\nevent: end\ndata: {}\n\n',
  );
  const [states, taken] = [[], []];
  const slept = [];
  await follow(
    {
      open,
      path: '/v1/x',
      take: ({ event, id }) => void taken.push(`${event} ${id}`),
      tell: ({ state, gap }) => states.push(`${state} ${gap}`),
      sleep: async (ms) => void slept.push(ms),
    },
    new AbortController().signal,
  );
  assert.deepEqual(
    asked.map(({ after }) => after),
    [undefined, '2', '2'],
  );
  assert.deepEqual(taken, ['event 1', 'event 2', 'gap 2', 'event 15', 'end 15']);
  assert.deepEqual(states, [
    'connecting 0',
    'live 0',
    'reconnecting 0',
    'reconnecting 0',
    'live 0',
    'live 12',
    'ended 12',
  ]);
  assert.ok(slept.length === 2 && slept[1] > slept[0]);
});

test('what the server refuses for good is not asked again, and each wait is longer up to a bound', async () => {
  const { asked, open } = streams(new Problem(404, 'no such call'));
  const told = [];
  await follow(
    { open, path: '/', take: () => {}, tell: (standing) => told.push(standing), sleep: async () => {} },
    new AbortController().signal,
  );
  assert.equal(asked.length, 1);
  assert.deepEqual(told.at(-1), { state: 'refused', gap: 0, why: 'no such call' });
  assert.ok(pause(0, 0.5) === 500 && pause(3, 0.5) === 4000 && pause(50, 1) <= 18_750);
});

test('whatever ends an attempt ends its connection, and silence does', async () => {
  const connections = [];
  const ended = new AbortController();
  const reasons = [];
  const open = async (_, __, signal) => {
    connections.push(signal);
    const body = new ReadableStream({
      start(controller) {
        signal.addEventListener('abort', () => controller.error(signal.reason));
        if (connections.length === 1) controller.enqueue(new TextEncoder().encode('data: {}\n\n'));
      },
    });
    return new Response(body);
  };
  await follow(
    {
      open,
      path: '/',
      silenceMs: 5,
      take: () => {
        throw new Error('it cannot be shown');
      },
      tell: ({ state, why }) => {
        if (state !== 'reconnecting') return;
        reasons.push(why);
        if (reasons.length === 2) ended.abort();
      },
      sleep: async () => {},
    },
    ended.signal,
  );
  assert.deepEqual(reasons, ['it cannot be shown', 'the server fell silent']);
  assert.deepEqual(
    connections.map(({ aborted }) => aborted),
    [true, true],
  );
});

test('a reader that is slow holds the stream back', async () => {
  let pulled = 0;
  const body = new ReadableStream(
    {
      pull(controller) {
        pulled += 1;
        if (pulled <= 20) controller.enqueue(new TextEncoder().encode(`id: ${pulled}\ndata: {}\n\n`));
        else controller.close();
      },
    },
    { highWaterMark: 1 },
  );
  const ended = new AbortController();
  let release;
  const waits = new Promise((resolve) => {
    release = resolve;
  });
  const done = follow(
    {
      open: async () => new Response(body),
      path: '/',
      take: () => waits,
      tell: ({ state }) => state === 'reconnecting' && ended.abort(),
      sleep: async () => {},
    },
    ended.signal,
  );
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(pulled <= 3, `${pulled} pieces were taken`);
  release();
  await done;
  assert.equal(pulled, 21);
});

test('only rows in sight are drawn', () => {
  assert.deepEqual(slice(0, 400, 40, 10_000, 5), { first: 0, end: 15 });
  assert.deepEqual(slice(200_000, 400, 40, 10_000, 5), { first: 4995, end: 5015 });
  assert.deepEqual(slice(500_000, 400, 40, 10_000, 5), { first: 10_000, end: 10_000 });
  const heights = new Heights();
  for (let index = 0; index < 5000; index += 1) heights.add(index % 2 ? 24 : 38);
  assert.equal(heights.total, 2500 * 62);
  assert.deepEqual([heights.top(0), heights.top(1), heights.top(2)], [0, 38, 62]);
  assert.deepEqual(
    [0, 37, 38, 61, 62, 1e9].map((y) => heights.at(y)),
    [0, 0, 1, 1, 2, 4999],
  );
  assert.deepEqual(heights.slice(620, 62, 0), { first: 20, end: 23 });
});

/** A list of the server with so many items. */
function served(count, size) {
  let newest = count;
  const ask = async (after) => {
    const from = after === undefined ? newest : Number(after);
    const items = [];
    for (let id = from; id > Math.max(0, from - size); id -= 1) items.push({ id: String(id) });
    return { items, next: from > size ? String(from - size) : null };
  };
  return {
    ask,
    grow: (more) => {
      newest += more;
    },
  };
}

test('a list is asked for in parts, and what is new comes before', async () => {
  const server = served(250, 100);
  const list = new Paged(server.ask, ({ id }) => id);
  await Promise.all([list.more(), list.more()]);
  assert.equal(list.items.length, 100);
  await list.more();
  await list.more();
  assert.ok(list.isWhole && list.items.length === 250);
  server.grow(3);
  assert.equal(await list.refresh(0, true), 3);
  assert.equal(list.items[0].id, '253');
  assert.equal(list.items.length, 253);
  assert.equal(await list.refresh(120, true), 0);
  assert.equal(new Set(list.items.map(({ id }) => id)).size, 253);
});

test('a list that has run on by more than a part begins anew', async () => {
  const server = served(250, 100);
  const list = new Paged(server.ask, ({ id }) => id);
  await list.more();
  server.grow(500);
  await list.refresh(0, true);
  assert.deepEqual([list.items.length, list.items[0].id], [100, '750']);
});

test('counts become rates, and a restart of the server a gap', () => {
  const history = new History(5000);
  for (const [at, messages] of [
    [0, 100],
    [1000, 150],
    [2000, 150],
    [3000, 10],
    [4000, 30],
    [9000, 80],
  ])
    history.add({ at_ms: at, messages, other: 1 });
  assert.deepEqual(
    history.rate('messages').map(({ value }) => value),
    [20, 10],
  );
  history.add({ at_ms: 9500, messages: 85, other: 1 });
  assert.equal(latest(history.rate('messages')), 10);
  history.add({ at_ms: 10_500, messages: 5, other: 3 });
  assert.equal(history.rate('messages').at(-1).value, null);
  assert.deepEqual(history.rate('missing').at(-1).value, null);
  assert.equal(history.level('other').at(-1).value, 3);
  history.add({ at_ms: 5, messages: 0 });
  assert.equal(history.samples.length, 1);
});

test('OpenMetrics are read, and a histogram between two looks', () => {
  const text = (few, all) =>
    parse(
      `# HELP x y\n# TYPE x histogram\nx_bucket{le="0.001"} ${few}\nx_bucket{le="0.01"} ${all}\nx_bucket{le="+Inf"} ${all}\nx_sum 1.5\nx_count ${all}\ny{a="b\\"}c",d="e"} 2 123\n# EOF\n`,
    );
  const [before, after] = [text(10, 10), text(10, 110)];
  assert.equal(figure(after, 'x_count'), 110);
  assert.deepEqual(after.find(({ name }) => name === 'y').labels, { a: 'b"}c', d: 'e' });
  assert.equal(quantile(before, after, 'x', 0.99), 0.01);
  assert.equal(quantile(undefined, before, 'x', 0.99), 0.001);
  assert.equal(quantile(after, after, 'x', 0.5), null);
});

test('a place in the console is a link and back', () => {
  assert.deepEqual(read(''), { page: 'overview', name: undefined, query: {} });
  const hash = write('channels', 'a/b?#%@example.com', { kind: 'user', name: '', state: undefined });
  assert.equal(hash, '#/channels/a%2Fb%3F%23%25%40example.com?kind=user');
  assert.deepEqual(read(hash), {
    page: 'channels',
    name: 'a/b?#%@example.com',
    query: { kind: 'user' },
  });
  assert.equal(read('#/calls/%E0%A4%A').name, '%E0%A4%A');
});
