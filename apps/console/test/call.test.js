/** The ladder of one call: drawn while it runs, looked back at, filtered, cut off, taken home. */

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { Mock } from './mock.js';
import { long, relayed, Story, summary } from './story.js';
import { launch, Onlooker } from './support.js';

let browser;
let mock;
let one;

before(async () => {
  browser = await launch();
});

after(() => browser?.close());

beforeEach(async () => {
  mock = await Mock.start();
});

afterEach(async () => {
  await one?.leave();
  const faults = one?.faults;
  one = undefined;
  await mock.stop();
  assert.deepEqual(faults, []);
});

async function look(hash, context = {}) {
  one = await Onlooker.come(browser, mock.url, { hash, context });
  return one;
}

/** A call of which so many events are known, and the rest of it. */
function running(count, list = relayed(), call = '1.2f') {
  mock.events.set(call, list.slice(0, count));
  mock.calls = [{ ...summary(call, list.slice(0, count)), ended_ms: null, outcome: null }];
  return list.slice(count);
}

const rows = () => one.count('.ladder-rows li');
const scroll = () =>
  one.page.evaluate(() => {
    const { scrollTop, scrollHeight, clientHeight } = document.querySelector('.ladder-window');
    return { top: scrollTop, below: scrollHeight - scrollTop - clientHeight };
  });

test('a ladder draws itself while the call runs, and ends with it', async () => {
  const rest = running(6);
  await look('#/calls/1.2f');
  await one.sees('.chip', { hasText: 'live' });
  await one.sees('.ladder-rows li[data-kind="received"]');
  assert.equal(await rows(), 5, 'transactions are left out at first');
  await mock.followed('1.2f');
  for (const event of rest.slice(0, 15)) mock.happen('1.2f', event);
  await one.sees('.ladder-rows button[aria-label="relay to alice@example.com: 180 INVITE 1"]');
  await one.sees('.machine', { hasText: 'bob@example.com' });
  assert.equal(await one.count('.ladder-heads .head'), 3);
  for (const event of rest.slice(15)) mock.happen('1.2f', event);
  const whole = mock.events.get('1.2f');
  mock.send('1.2f', 'call', summary('1.2f', whole));
  mock.send('1.2f', 'end', {});
  await one.sees('.chip', { hasText: 'ended' });
  await one.sees('.call-facts', { hasText: '200' });
  await one.sees('.ladder-rows li[data-kind="ended"]');
  assert.equal((await scroll()).below, 0, 'it goes along to the end');
  await one.page.waitForTimeout(300);
  assert.equal(mock.followers('1.2f').length, 0, 'and is not asked for any more');
  await one.picture('ladder');
});

test('it goes along with what comes until somebody looks elsewhere, and again when asked to', async () => {
  const rest = running(30, long(400), '9.1');
  await look('#/calls/9.1');
  await mock.followed('9.1');
  for (const event of rest.slice(0, 100)) mock.happen('9.1', event);
  await one.page.waitForFunction(() => document.querySelector('.ladder-rows').offsetHeight > 3000);
  assert.equal((await scroll()).below, 0);
  await one.page.evaluate(() => {
    document.querySelector('.ladder-window').scrollTop = 500;
  });
  await one.sees('.to-end');
  for (const event of rest.slice(100)) mock.happen('9.1', event);
  await one.page.waitForFunction(() => document.querySelector('.ladder-rows').offsetHeight > 9000);
  assert.equal((await scroll()).top, 500);
  await one.click('.to-end');
  await one.misses('.to-end');
  assert.equal((await scroll()).below, 0);
});

test('five thousand events at once are taken, and few of them are in the page', async () => {
  const rest = running(2, long(5000), '9.1');
  await look('#/calls/9.1');
  await mock.followed('9.1');
  for (const event of rest) mock.happen('9.1', event);
  await one.sees('.ladder-rows button[aria-label*="INFO 833"]');
  await one.page.waitForFunction(
    () => document.querySelector('.handle').getAttribute('aria-valuemax') === '4999',
  );
  assert.ok((await rows()) < 60);
  assert.ok((await one.count('*')) < 1500);
  await one.page.locator('.handle').focus();
  await one.page.keyboard.press('Home');
  await one.sees('.ladder-rows li.at[data-kind="began"]');
  assert.ok((await rows()) < 60);
});

test('the time axis shows the state of every machine, by mouse, by keys and by touch', async () => {
  const list = relayed();
  mock.events.set('1.2f', list);
  mock.calls = [summary('1.2f', list)];
  await look('#/calls/1.2f');
  await one.sees('.machine', { hasText: 'Terminated' });
  const handle = one.page.locator('.handle');
  const track = await one.page.locator('.track').boundingBox();
  await one.page.mouse.move(track.x + track.width - 3, track.y + 10);
  await one.page.mouse.down();
  await one.page.mouse.move(track.x + track.width * 0.55, track.y + 12, { steps: 8 });
  await one.page.mouse.up();
  const value = Number(await handle.getAttribute('aria-valuenow'));
  assert.ok(value > 5 && value < list.length - 5, `${value}`);
  await one.sees('.event', { hasText: `event ${value + 1}` });
  await one.sees('.ladder-rows li.at');
  await handle.press('ArrowLeft');
  assert.equal(await handle.getAttribute('aria-valuenow'), String(value - 1));
  const ringing = list.findIndex(({ label, kind }) => kind === 'sent' && label === '180 INVITE 1');
  await handle.press('Home');
  for (let step = 0; step < ringing; step += 1) await handle.press('ArrowRight');
  const alice = one.page.locator('.machine', { hasText: 'alice@example.com' }).last();
  await alice.locator('.pill', { hasText: 'Inviting' }).waitFor();
  await alice.getByText('180 INVITE 1').first().waitFor();
  await one.sees('.machine.own', { hasText: 'respond: 180 to the caller (on provisional)' });
  assert.match(await handle.getAttribute('aria-valuetext'), /s, relay to alice@example\.com: 180 INVITE 1/);
  await one.picture('ladder-at-a-point');
  // The point is an address.
  assert.match(one.page.url(), new RegExp(`event=${ringing + 1}$`));
  await one.page.reload();
  await one.sees('.event', { hasText: `event ${ringing + 1}` });
  await one.click('.to-now');
  await one.sees('.machine', { hasText: 'Terminated' });
  await one.misses('.event');
});

test('the time axis is dragged with a finger', async () => {
  const list = relayed();
  mock.events.set('1.2f', list);
  mock.calls = [summary('1.2f', list)];
  await look('#/calls/1.2f', { viewport: { width: 390, height: 800 }, isMobile: true, hasTouch: true });
  await one.page.locator('.track').scrollIntoViewIfNeeded();
  const track = await one.page.locator('.track').boundingBox();
  await one.page.touchscreen.tap(track.x + track.width / 2, track.y + track.height / 2);
  await one.sees('.ladder-rows li.at');
  const value = Number(await one.page.locator('.handle').getAttribute('aria-valuenow'));
  assert.ok(value > 5 && value < list.length - 5);
});

test('a call that runs is ended once that is confirmed', async () => {
  running(20);
  await look('#/calls/1.2f');
  await one.click('.page-head button', { hasText: 'End it' });
  await one.click('#confirm-no');
  await one.click('.page-head button', { hasText: 'End it' });
  await one.click('#confirm-yes');
  await one.sees('#toasts', { hasText: 'The call has ended' });
  assert.deepEqual(
    mock.asked.filter((asked) => asked.startsWith('DELETE')),
    ['DELETE /v1/instances/1.2f'],
  );
});

test('a click on an arrow shows what the event holds, as text', async () => {
  const list = relayed();
  list.find(({ label }) => label === '200 INVITE 1').body = JSON.stringify(
    '<img src=x onerror="globalThis.harmed=1">\r\nv=0',
  );
  mock.events.set('1.2f', list);
  mock.calls = [summary('1.2f', list)];
  await look('#/calls/1.2f');
  await one.click('.ladder-rows button[aria-label^="bob@example.com to relay: BYE 3"]');
  await one.sees('.event', { hasText: 'BYE 3' });
  await one.page.locator('.handle').press('Home');
  await one.click('.ladder-rows button[aria-label="alice@example.com to relay: INVITE 1"]');
  await one.sees('.event pre', { hasText: 'redacted' });
  const answered = list.findIndex(({ label }) => label === '200 INVITE 1');
  await one.page.goto(`${mock.url}#/calls/1.2f?event=${answered + 1}`);
  await one.page.reload();
  await one.sees('.event pre', { hasText: '<img src=x onerror=' });
  await one.page.keyboard.press('Tab');
  assert.equal(await one.page.evaluate(() => globalThis.harmed), undefined);
});

test('filters leave out what is not wanted, and are kept', async () => {
  const list = relayed();
  mock.events.set('1.2f', list);
  mock.calls = [summary('1.2f', list)];
  await look('#/calls/1.2f');
  await one.sees('.ladder-rows li');
  const height = () => one.page.evaluate(() => document.querySelector('.ladder-rows').offsetHeight);
  const before = await height();
  await one.page.getByLabel('decisions').uncheck();
  await one.page.getByLabel('acknowledgements').uncheck();
  const less = list.filter(({ kind }) =>
    ['handled', 'decided', 'logged', 'acknowledged'].includes(kind),
  ).length;
  assert.equal(before - (await height()), less * 24);
  await one.page.reload();
  await one.sees('.ladder-rows li');
  assert.equal(await one.page.getByLabel('decisions').isChecked(), false);
  await one.page.getByLabel('transactions').check();
  await one.page.locator('.handle').press('Home');
  await one.sees('.ladder-rows li[data-kind="transaction"]');
});

test('after a break it goes on from where it was, and says what was left out', async () => {
  const rest = running(8);
  await look('#/calls/1.2f');
  await mock.followed('1.2f');
  mock.happen('1.2f', rest[0]);
  await one.sees('.chip', { hasText: 'live' });
  mock.isAway = true;
  mock.cut('1.2f');
  await one.sees('.chip', { hasText: 'reconnecting' });
  for (const event of rest.slice(1, 4)) mock.happen('1.2f', event, false);
  mock.isAway = false;
  await one.sees('.chip', { hasText: 'live' });
  await one.page.waitForFunction(
    () => document.querySelector('.handle').getAttribute('aria-valuenow') === '11',
  );
  mock.send('1.2f', 'gap', { left_out: 12 });
  mock.happen('1.2f', rest[16]);
  await one.sees('.banner', { hasText: 'Gap: 12 events were left out' });
  await one.page.waitForFunction(
    () => document.querySelector('.handle').getAttribute('aria-valuenow') === '13',
  );
  await one.sees('.ladder-rows li[data-kind="gap"] [aria-label$="12 events are not known"]');
});

test('a call is taken home as Mermaid and as SVG, and told where there is no journal', async () => {
  const list = relayed({ alice: '<img src=x>"; end\u202e' });
  mock.events.set('1.2f', list);
  mock.calls = [summary('1.2f', list)];
  await look('#/calls/1.2f');
  await one.sees('.ladder-rows li');
  const choose = (name) => async () => {
    await one.click('.menu summary');
    await one.click('.menu button', { hasText: name });
  };
  const diagram = await one.takes(choose('Mermaid'));
  assert.equal(diagram.name, 'call-1.2f.mmd');
  assert.match(
    diagram.text,
    /^sequenceDiagram\n {2}participant c0 as #60;img src=x#62;#34;#59; #101;nd⟨202E⟩\n/,
  );
  const picture = await one.takes(choose('SVG'));
  assert.equal(picture.name, 'call-1.2f.svg');
  const drawn = await one.page.evaluate((text) => {
    const file = new DOMParser();
    // Trusted types let no page of ours parse text as a document; as a file a browser does it all the same.
    try {
      return { rows: file.parseFromString(text, 'image/svg+xml').querySelectorAll('g[transform]').length };
    } catch (error) {
      return { refused: String(error) };
    }
  }, picture.text);
  assert.ok(drawn.refused, 'the policy holds');
  one.faults.length = 0;
  await one.page.evaluate(() => {
    globalThis.violations = [];
  });
  const other = await (await browser.newContext()).newPage();
  await other.goto(`data:image/svg+xml;base64,${Buffer.from(picture.text).toString('base64')}`);
  assert.equal(
    await other.locator('g[transform]').count(),
    list.length - 4,
    'transactions are left out of it as well',
  );
  assert.match(await other.locator('text.name').first().textContent(), /^<img src=x>/);
  await other.context().close();
  await choose('Journal')();
  await one.sees('#toasts', { hasText: 'nothing of this call was recorded' });
  await choose('Scenario')();
  await one.sees('#toasts p:nth-child(2)', { hasText: '`journal.ring` turns that on' });
});

test('a call without service, with kinds that nobody knows, is drawn all the same', async () => {
  const story = new Story('d:0.5.9')
    .tell('began', ['0.5.9', 'zoë@example.com'], {
      method: 'MESSAGE',
      from: 'zoë@example.com',
      to: 'nobody@example.com',
      by_peer: true,
    })
    .message('received', ['0.5.9', 'zoë@example.com'], 'MESSAGE 1')
    .tell('hop', ['0.5.9', 'zoë@example.com'], { by: 'the moon', times: 3 })
    .tell('refused', null, { why: 'no service takes it' })
    .message('sent', ['0.5.9', 'zoë@example.com'], '404 MESSAGE 1')
    .tell('ended', ['0.5.9', 'zoë@example.com'], { cause: null });
  mock.events.set('d:0.5.9', story.list);
  mock.calls = [summary('d:0.5.9', story.list, { outcome: '404', cut: true })];
  await look(`#/calls/${encodeURIComponent('d:0.5.9')}`);
  await one.sees('.ladder-rows li[data-kind="hop"]');
  await one.sees('.pill.bad', { hasText: '404' });
  await one.sees('.banner', { hasText: 'The beginning is not kept any more' });
  assert.deepEqual(await one.page.locator('.ladder-heads .name').allTextContents(), [
    'zoë@example.com',
    'node',
  ]);
});
