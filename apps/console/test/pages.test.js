/** The pages beside the ladder: what they show, long lists, roles, names that mean harm, sizes, keyboard. */

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { faultsOfAccess } from '../../shared/test/access.js';
import { Mock } from './mock.js';
import { manyCalls, manyChannels, relayed, summary } from './story.js';
import { launch, Onlooker } from './support.js';

let browser;
let mock;
let onlookers = [];

before(async () => {
  browser = await launch();
});

after(() => browser?.close());

beforeEach(async () => {
  mock = await Mock.start();
});

afterEach(async () => {
  await Promise.all(onlookers.map((one) => one.leave()));
  const faults = onlookers.flatMap(({ faults }) => faults);
  onlookers = [];
  await mock.stop();
  assert.deepEqual(faults, []);
});

/** Somebody who looks at a page. */
async function look(hash, options = {}) {
  const one = await Onlooker.come(browser, mock.url, { hash, ...options });
  onlookers.push(one);
  return one;
}

const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };
const HASHES = ['#/overview', '#/calls', '#/channels', '#/services', '#/services/rooms', '#/links'];

function fill() {
  const list = relayed();
  mock.channels = manyChannels(40);
  mock.events.set('1.2f', list);
  mock.calls = [summary('1.2f', list), ...manyCalls(40)];
  mock.logs = [
    { number: 1, at: '2026-11-30T08:00:00.123Z', level: 'warn', text: 'the room <b>tea</b> is full' },
  ];
}

test('the overview draws what the stream of figures tells, and says how the node is', async () => {
  fill();
  const one = await look('');
  await one.sees('.overview .pill', { hasText: 'live' });
  await one.page.waitForFunction(
    () =>
      document.querySelectorAll('.chart path.line').length >= 6 &&
      [...document.querySelectorAll('.chart')]
        .slice(0, 5)
        .every((chart) => chart.querySelector('path.line').getAttribute('d').includes('L')),
  );
  await one.sees('.chart', { hasText: 'Messages per second' });
  await one.sees('.facts', { hasText: '393 MiB' });
  await one.sees('.overview td', { hasText: 'rooms' });
  await one.sees('#node-state', { hasText: 'Takes users' });
  mock.isDraining = true;
  await one.sees('#node-state', { hasText: 'Draining' });
});

test('a server without the stream of figures is asked for them', async () => {
  mock.hasFigures = false;
  const one = await look('#/overview');
  await one.page.waitForFunction(() =>
    document.querySelector('.chart path.line')?.getAttribute('d')?.includes('L'),
  );
  assert.ok(mock.asked.includes('GET /figures'));
});

test('ten thousand channels are in the list and few of them in the page', async () => {
  mock.channels = manyChannels(10_000);
  const one = await look('#/channels');
  await one.sees('.list .row', { hasText: 'user00000' });
  const rows = '.list .rows .row';
  assert.ok((await one.count(rows)) < 60);
  for (let at = 0; at < 10_000; ) {
    at = await one.page.evaluate(() => {
      const list = document.querySelector('.list .window');
      list.scrollTop = list.scrollHeight;
      return list.scrollHeight / 44;
    });
    assert.ok((await one.count(rows)) < 60);
  }
  await one.sees('.list-note', { hasText: '10\u202f000 in all' });
  await one.sees('.list .row', { hasText: 'user09999' });
  assert.ok((await one.count('*')) < 1200, 'the page stays small');
  await one.page.evaluate(() => {
    document.querySelector('.list .window').scrollTop = 4321 * 44;
  });
  await one.sees('.list .row', { hasText: 'user04321' });
});

test('ten thousand calls are in the list, and the last one is found', async () => {
  mock.calls = manyCalls(10_000);
  const one = await look('#/calls');
  await one.sees('.list .row', { hasText: 'ann0@' });
  for (let at = 0; at < 10_000; )
    at = await one.page.evaluate(() => {
      const list = document.querySelector('.list .window');
      list.scrollTop = list.scrollHeight;
      return list.scrollHeight / 44;
    });
  await one.sees('.list .row', { hasText: 'ann9999@' });
  assert.ok((await one.count('.list .rows .row')) < 60);
  assert.ok((await one.count('*')) < 1500, 'the page stays small');
});

test('the server filters channels, and the address says how', async () => {
  mock.channels = manyChannels(2000);
  const one = await look('#/channels?state=retained');
  await one.sees('.list .row', { hasText: 'user00003' });
  await one.misses('.list .row', { hasText: 'user00000' });
  await one.page.getByLabel('Name begins with').fill('user0019');
  await one.sees('.list-note', { hasText: '3 in all' });
  assert.match(one.page.url(), /name=user0019/);
  assert.ok(mock.asked.some((path) => path.includes('name=user0019') && path.includes('state=retained')));
});

test('a channel shows its outbox and dialogs, and is ended once that is confirmed', async () => {
  fill();
  const one = await look('#/channels');
  await one.click('.list a', { hasText: 'user00003' });
  await one.sees('.detail', { hasText: '3 messages, 1.2 KiB' });
  await one.sees('.detail a', { hasText: 'bob' });
  await one.sees('.list .row[aria-current="true"]', { hasText: 'user00003' });
  await one.click('.detail button', { hasText: 'End this channel' });
  await one.click('#confirm-no');
  assert.equal(mock.channels.length, 40);
  await one.click('.detail button', { hasText: 'End this channel' });
  await one.click('#confirm-yes');
  await one.sees('#toasts', { hasText: 'The channel has ended' });
  assert.equal(mock.channels.length, 39);
  await one.misses('.list .row', { hasText: 'user00003' });
});

test('calls are searched by the server, come as they begin, and open their ladder and back', async () => {
  const one = await look('#/calls');
  await one.sees('.list-note', { hasText: 'No call fits' });
  fill();
  await one.sees('.list .row', { hasText: 'alice@example.com' });
  const fresh = relayed({ alice: 'new.one@example.com', call: '7.7' });
  mock.calls.unshift(summary('7.7', fresh));
  mock.events.set('7.7', fresh);
  await one.sees('.list .row:first-child', { hasText: 'new.one@example.com' });
  await one.page.getByLabel('User').fill('alice@example.com');
  await one.sees('.list-note', { hasText: '1 in all' });
  await one.click('.list a', { hasText: 'alice' });
  await one.sees('.call .ladder-rows li');
  await one.page.goBack();
  await one.sees('.list .row', { hasText: 'alice@example.com' });
  assert.equal(await one.page.getByLabel('User').inputValue(), 'alice@example.com');
});

test('a service is rolled back, and its log followed', async () => {
  fill();
  const one = await look('#/services');
  await one.click('.service', { hasText: 'rooms' });
  await one.sees('tr', { hasText: '1.3.2' });
  await one.sees('.log li.warn', { hasText: 'the room <b>tea</b> is full' });
  mock.logs.push({
    number: 2,
    at: '2026-11-30T08:00:01.000Z',
    level: 'info',
    text: 'a line that came later',
  });
  await one.sees('.log li', { hasText: 'a line that came later' });
  await one.click('.actions button', { hasText: 'Roll back' });
  await one.sees('#confirm-sheet[open]', { hasText: 'Go back to 1.3.2?' });
  await one.click('#confirm-yes');
  await one.sees('tr:has(.pill.good)', { hasText: '1.3.2' });
  assert.ok(mock.asked.includes('POST /v1/services/rooms/rollback'));
});

test('a component is dropped on a service, and its label read from the name of the file', async () => {
  fill();
  const one = await look('#/services/rooms');
  await one.sees('tr', { hasText: '1.4.0' });
  const choosing = one.page.waitForEvent('filechooser');
  await one.click('.actions button', { hasText: 'Load a version' });
  await (await choosing).setFiles({
    name: 'rooms-1.5.0.wasm',
    mimeType: 'application/wasm',
    buffer: Buffer.from('no component'),
  });
  await one.sees('#confirm-text', { hasText: 'It has 12 B and becomes version 1.5.0 of rooms' });
  await one.click('#confirm-yes');
  await one.sees('#toasts', { hasText: 'The version is loaded' });
  assert.ok(mock.asked.includes('POST /v1/services/rooms/versions?label=1.5.0'));
});

test('links say why they are not up', async () => {
  const one = await look('#/links');
  await one.sees('.row', { hasText: 'no certificate that is trusted: <b>self-signed</b>' });
  await one.sees('.pill.warn', { hasText: 'waiting, 4 tries' });
});

test('a token is asked for once it is needed, kept in the tab, and its role is told', async () => {
  fill();
  mock.tokens = { 'reader-0123456789': 'read', 'deployer-0123456789': 'deploy' };
  const one = await look('#/channels/user00003%40example.com');
  await one.sees('#token-sheet[open]');
  await one.page.keyboard.press('Escape');
  await one.page.fill('#token', 'wrong-0123456789');
  await one.page.press('#token', 'Enter');
  await one.sees('#token-fault', { hasText: 'the token is not known' });
  await one.page.fill('#token', 'reader-0123456789');
  await one.page.press('#token', 'Enter');
  await one.sees('#who', { hasText: 'token 1 · read' });
  await one.sees('.detail button:disabled[title="Needs the role operate"]');
  await one.page.goto(`${mock.url}#/services/rooms`);
  await one.sees('.actions button:disabled[title="Needs the role deploy"]');
  await one.page.reload();
  await one.sees('tr', { hasText: '1.4.0' });
  assert.equal(await one.count('#token-sheet[open]'), 0);
  await one.click('#sign-out');
  await one.sees('#token-sheet[open]');
  assert.ok(!mock.asked.some((path) => path.includes('reader-')), 'no address holds a token');
});

test('what a role may not do is told in the words of the server', async () => {
  fill();
  const one = await look('#/channels/user00003%40example.com');
  await one.sees('.detail button:not(:disabled)', { hasText: 'End this channel' });
  // The token was exchanged for a lesser one behind the page's back.
  mock.tokens = { 'reader-0123456789': 'read' };
  await one.page.evaluate(() => sessionStorage.setItem('strowger.console.token', 'reader-0123456789'));
  await one.click('.detail button', { hasText: 'End this channel' });
  await one.click('#confirm-yes');
  await one.sees('#toasts', { hasText: 'the role `operate` is needed, and the token has `read`' });
});

const HOSTILE = [
  '<img src=x onerror="globalThis.harmed=1">@example.com',
  '"><script>globalThis.harmed=1</script>',
  'javascript:globalThis.harmed=1',
  '\u202emoc.elpmaxe@live',
  `${'x'.repeat(243)}@example.com`,
  "%2e%2e/'#?&",
];

test('names that mean harm are shown as they are and do nothing', async () => {
  mock.channels = HOSTILE.map((channel) => ({ ...manyChannels(1)[0], kind: 'user', channel }));
  mock.calls = HOSTILE.map((name, index) => {
    const list = relayed({ alice: name, bob: name, call: `h.${index}` });
    mock.events.set(`h.${index}`, list);
    return summary(`h.${index}`, list);
  });
  mock.services[1].versions[0].fault = HOSTILE[0];
  mock.logs = [{ number: 1, at: '2026-11-30T08:00:00.123Z', level: 'info', text: HOSTILE[1] }];
  const one = await look('#/channels');
  await one.sees('.list .row', { hasText: '⟨202E⟩moc' });
  await one.sees('.list .row', { hasText: HOSTILE[1] });
  assert.ok((await one.overflow()) <= 0);
  for (const [index, name] of HOSTILE.entries()) {
    await one.page.goto(`${mock.url}#/channels/${encodeURIComponent(name)}`);
    await one.sees('.detail dd', { hasText: 'open' });
    await one.page.goto(`${mock.url}#/calls/h.${index}`);
    await one.sees('.call .ladder-rows li');
    assert.ok((await one.overflow()) <= 0, name);
  }
  await one.page.goto(`${mock.url}#/services/rooms`);
  await one.sees('.log li', { hasText: HOSTILE[1] });
  await one.page.goto(`${mock.url}#/calls/${encodeURIComponent('<b>nothing</b>')}`);
  await one.sees('.error', { hasText: 'not known' });
  assert.equal(await one.page.evaluate(() => globalThis.harmed), undefined);
  assert.equal(await one.count('main img, main script, main b:not(.log b)'), 0);
});

test('every page fits a phone, in both schemes, and can be used with it', async () => {
  fill();
  for (const colorScheme of ['light', 'dark']) {
    const one = await look('', { context: { ...PHONE, colorScheme } });
    for (const hash of [...HASHES, '#/channels/user00003%40example.com', '#/calls/1.2f']) {
      await one.page.goto(`${mock.url}${hash}`);
      await one.sees('main .page');
      await one.sees('main :is(.list .rows .row, .detail dd, .service, .chart, .ladder-rows li):visible');
      assert.ok((await one.overflow()) <= 0, `${hash} in ${colorScheme}`);
      await one.picture(`phone-${colorScheme}-${hash.replace(/\W+/g, '-')}`);
    }
    await one.page.tap('#nav a[href="#/calls"]');
    await one.page.locator('.list a', { hasText: 'alice' }).tap();
    await one.sees('.call .ladder-rows li');
  }
});

test('lists are walked with the keyboard, and who cannot see is told what is what', async () => {
  fill();
  const one = await look('#/calls');
  await one.sees('.list .row', { hasText: 'alice' });
  await one.page.keyboard.press('Tab');
  await one.page.locator('.list a').first().focus();
  await one.page.keyboard.press('ArrowDown');
  await one.page.keyboard.press('ArrowDown');
  const focused = () =>
    one.page.evaluate(() => document.activeElement.closest('.row')?.getAttribute('aria-rowindex'));
  assert.equal(await focused(), '4');
  // Being asked for again does not take the focus away.
  const asked = mock.asked.length;
  while (!mock.asked.slice(asked).some((path) => path.startsWith('GET /v1/calls?')))
    await one.page.waitForTimeout(100);
  await one.page.waitForTimeout(100);
  assert.equal(await focused(), '4');
  await one.page.keyboard.press('End');
  assert.equal(await focused(), '42');
  await one.page.keyboard.press('Enter');
  await one.sees('.call h2');
});

for (const colorScheme of ['light', 'dark'])
  test(`everything has a name and can be read, in ${colorScheme}`, async () => {
    fill();
    const one = await look('', { context: { colorScheme } });
    const hashes = [...HASHES, '#/channels/user00003%40example.com', '#/calls/1.2f', '#/calls/1.2f?event=24'];
    for (const hash of hashes) {
      await one.page.goto(`${mock.url}${hash}`);
      await one.sees('main h2');
      await one.sees('main :is(.list .rows .row, .detail dd, .service, .chart, .ladder-rows li):visible');
      assert.deepEqual(await one.page.evaluate(faultsOfAccess), [], hash);
      assert.equal(await one.count('main h2'), 1, hash);
      assert.equal(await one.count('#nav a[aria-current="page"]'), 1, hash);
      await one.picture(`${colorScheme}${hash.replace(/\W+/g, '-')}`);
    }
    await one.click('.menu summary');
    await one.sees('.menu-items button');
    assert.deepEqual(await one.page.evaluate(faultsOfAccess), [], 'the menu');
    mock.tokens = { 'reader-0123456789': 'read' };
    await one.page.goto(`${mock.url}#/links`);
    await one.sees('#token-sheet[open]');
    assert.deepEqual(await one.page.evaluate(faultsOfAccess), [], 'the token');
    await one.picture(`${colorScheme}-token`);
  });
