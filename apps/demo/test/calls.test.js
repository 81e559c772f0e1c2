/** Calls between pages: real media, made-up cameras. */

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { launch, Person, Server } from './support.js';

let server;
let browser;
let people = [];

before(async () => {
  server = await Server.start();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

afterEach(async () => {
  const faults = people.flatMap(({ name, faults }) => faults.map((fault) => `${name}: ${fault}`));
  await Promise.all(people.map((person) => person.leave()));
  people = [];
  assert.deepEqual(faults, []);
});

/** People who are signed in and see each other. */
async function come(...names) {
  people = await Promise.all(names.map(async (name) => (await Person.come(browser, server, name)).signIn()));
  for (const one of people) {
    for (const name of names) {
      if (name !== one.name) await one.sees(`#people-list [data-id="${name}@example.com"]`);
    }
  }
  return people;
}

/** Two who talk. */
async function talk(...names) {
  const all = await come(...names);
  const [alice, bob] = all;
  await alice.calls(bob.name);
  await bob.answers();
  await alice.talks();
  await Promise.all([alice.watches(), bob.watches()]);
  return all;
}

test('two tabs call each other, and pictures grow on both sides', async () => {
  const [alice, bob] = await come('alice.call', 'bob.call');
  await alice.calls('bob.call');
  await bob.sees('#incoming[open]');
  await alice.sees('#call-state', { hasText: 'ringing' });
  await Promise.all([alice.picture('calling'), bob.picture('incoming')]);
  await bob.answers();
  await alice.talks();
  await Promise.all([alice.watches(), bob.watches()]);
  await alice.sees('#quality[data-level="3"]');
  await alice.picture('call');
  // The panel has drawn the call, in its order, and not what every page does.
  const first = await alice.page.locator('#ladder-rows li:not([hidden])').first().getAttribute('data-what');
  assert.equal(first, 'out INVITE (sdp)');
  const drawn = await alice.page
    .locator('#ladder-rows li[data-background="false"]')
    .evaluateAll((rows) => rows.map((row) => row.dataset.what));
  const wanted = ['out INVITE (sdp)', 'in 180 Ringing', 'in 200 OK (sdp)', 'out ACK'];
  assert.deepEqual(
    drawn.filter((what) => wanted.includes(what)),
    wanted,
  );
  await alice.click('#ladder-rows li[data-what="out INVITE (sdp)"]:not([hidden]) summary');
  await alice.sees('#ladder-rows pre', { hasText: '"Type": "INVITE"' });
  await alice.picture('ladder');

  await alice.click('#c-mute');
  await bob.sees('.tile.muted:not(.self) .label svg');
  await alice.click('#c-camera');
  await bob.page.waitForFunction(
    () => document.querySelector('.tile:not(.self) video').style.opacity === '0',
  );
  await bob.picture('muted');
  await alice.click('#c-camera');
  await alice.click('#c-mute');
  await bob.misses('.tile.muted:not(.self) .label svg');
  await bob.watches();

  await bob.click('#c-hangup');
  await Promise.all([alice.isIdle(), bob.isIdle()]);
  await alice.sees('.messages .note', { hasText: 'bob.call hung up' });
  await alice.picture('over');
});

test('a call that is held shows it on both sides and goes on', async () => {
  const [alice, bob] = await talk('alice.hold', 'bob.hold');
  await alice.click('#c-hold');
  await bob.sees('.veil', { hasText: 'on hold' });
  await alice.sees('#c-hold[aria-pressed="true"]');
  await Promise.all([alice.picture('hold'), bob.picture('held')]);
  await bob.stalls();
  await alice.click('#c-hold');
  await bob.misses('.tile:not(.self) .veil');
  await Promise.all([alice.watches(), bob.watches()]);
});

test('a caller who gives up stops the ringing', async () => {
  const [alice, bob] = await come('alice.cancel', 'bob.cancel');
  await alice.calls('bob.cancel');
  await bob.sees('#incoming[open]');
  await alice.click('#c-hangup');
  await bob.misses('#incoming');
  await alice.isIdle();
  await alice.sees('.messages .note', { hasText: 'You gave up calling' });
  await bob.turnTo('alice.cancel');
  await bob.sees('.messages .note', { hasText: 'Missed call of alice.cancel' });
});

test('who declines is said to have declined, also by Escape', async () => {
  const [alice, bob] = await come('alice.decline', 'bob.decline');
  await alice.calls('bob.decline');
  await bob.sees('#incoming[open]');
  await bob.page.keyboard.press('Escape');
  await alice.sees('.messages .note', { hasText: 'bob.decline declined' });
  await Promise.all([alice.isIdle(), bob.misses('#incoming')]);
});

test('who talks is busy for a third', async () => {
  const [alice, bob, carol] = await talk('alice.busy', 'bob.busy', 'carol.busy');
  await carol.calls('bob.busy');
  await carol.sees('.messages .note', { hasText: 'bob.busy is busy' });
  await carol.picture('busy');
  await Promise.all([alice.watches(), bob.watches()]);
  await bob.misses('#incoming');
});

test('two who call each other at once get one call', async () => {
  const [alice, bob] = await come('alice.cross', 'bob.cross');
  await Promise.all([alice.turnTo('bob.cross'), bob.turnTo('alice.cross')]);
  await Promise.all([alice.click('#call-video'), bob.click('#call-video')]);
  // Where one came first, it rings.
  await Promise.race([bob.talks(), bob.answers(), alice.answers()]);
  await Promise.all([alice.talks(), bob.talks()]);
  await Promise.all([alice.watches(), bob.watches()]);
});

test('a call is handed on to a third', async () => {
  const [alice, bob, carol] = await talk('alice.hand', 'bob.hand', 'carol.hand');
  await alice.click('#c-transfer');
  await alice.picture('transfer');
  await alice.click('#transfer-list [data-id="carol.hand@example.com"]');
  await carol.sees('#incoming-what', { hasText: 'handed on to you by alice.hand' });
  await carol.picture('handed-on');
  await carol.answers();
  await alice.isIdle();
  await bob.sees('#call-peer', { hasText: 'carol.hand' });
  await Promise.all([bob.watches(), carol.watches()]);
  await carol.click('#c-hangup');
  await bob.isIdle();
});

test('who vanishes is looked for, and the other may hang up', async () => {
  const [alice, bob] = await talk('alice.vanish', 'bob.vanish');
  await bob.page.close({ runBeforeUnload: false });
  await alice.sees('.tile:not(.self) .veil', { hasText: 'Looking for bob.vanish' });
  await alice.picture('looking');
  await alice.click('#c-hangup');
  await alice.isIdle();
});

test('a screen is shared and the camera comes back', async () => {
  const [alice, bob] = await talk('alice.share', 'bob.share');
  await alice.click('#c-share');
  await alice.sees('#c-share[aria-pressed="true"]');
  await bob.sees('.tile.screen:not(.self)');
  await alice.picture('sharing');
  await alice.click('#c-share');
  await bob.page.waitForFunction(() => !document.querySelector('.tile.screen'));
  await Promise.all([alice.watches(), bob.watches()]);
});

for (const [who, index] of [
  ['caller', 0],
  ['callee', 1],
]) {
  test(`a call goes on while the socket of its ${who} is cut for five seconds`, async () => {
    const pair = await talk(`alice.cut.${who}`, `bob.cut.${who}`);
    const [cut, other] = [pair[index], pair[1 - index]];
    cut.path.cut();
    await cut.sees('#banner', { hasText: 'nothing is lost' });
    await cut.picture(`reconnecting-${who}`);
    // Pictures need no signalling.
    await Promise.all([cut.watches(), other.watches()]);
    await other.click('#c-chat');
    await other.writes('are you there?');
    await cut.page.waitForTimeout(5_000);
    cut.path.mend();
    await cut.sees('#banner', { hasText: 'Nothing was lost' });
    await Promise.all([cut.watches(), other.watches()]);
    // And signalling goes on where it was.
    await other.click('#c-hold');
    await cut.sees('.tile:not(.self) .veil', { hasText: 'on hold' });
    await other.click('#c-hold');
    await Promise.all([cut.watches(), other.watches()]);
    await cut.click('#c-chat');
    await cut.sees('.messages .theirs', { hasText: 'are you there?' });
    await cut.click('#c-hangup');
    await other.isIdle();
  });

  test(`a call is answered though the socket of its ${who} is cut for five seconds while it rings`, async () => {
    const pair = await come(`alice.ring.${who}`, `bob.ring.${who}`);
    const [alice, bob] = pair;
    await alice.calls(bob.name);
    await bob.sees('#incoming[open]');
    await alice.sees('#call-state', { hasText: 'ringing' });
    const cut = pair[index];
    cut.path.cut();
    await cut.sees('#banner', { hasText: 'nothing is lost' });
    if (who === 'caller') await bob.click('#answer');
    await cut.page.waitForTimeout(5_000);
    await cut.picture(`ringing-cut-${who}`);
    cut.path.mend();
    await cut.sees('#banner', { hasText: 'Nothing was lost' });
    if (who === 'callee') await bob.click('#answer');
    await Promise.all([alice.talks(), bob.talks()]);
    await Promise.all([alice.watches(), bob.watches()]);
  });
}

for (const index of [0, 1]) {
  test(`a page that is loaded again is back in its call (${['caller', 'callee'][index]})`, async () => {
    const pair = await talk(`alice.reload.${index}`, `bob.reload.${index}`);
    const [again, other] = [pair[index], pair[1 - index]];
    await again.click('#c-mute');
    await other.sees('.tile.muted:not(.self) .label svg');
    await other.click('#c-camera');
    const begin = Date.now();
    await again.page.reload();
    await again.talks();
    await other.click('#c-camera');
    await Promise.all([again.watches(), other.watches()]);
    const ms = Date.now() - begin;
    console.log(`media again after ${ms} ms`);
    // What users are promised.
    assert.ok(ms < 10_000, `${ms} ms`);
    await again.picture(`reloaded-${index}`);
    // In the same dialog: this side asks for an offer, and answers it in its ACK.
    const drawn = await again.page
      .locator('#ladder-rows li[data-background="false"]')
      .evaluateAll((rows) => rows.map((row) => row.dataset.what));
    const wanted = ['out SUBSCRIBE', 'out INVITE', 'in 200 OK (sdp)', 'out ACK (sdp)'];
    assert.deepEqual(
      drawn.filter((what) => wanted.includes(what)).slice(-3),
      wanted.slice(1),
      drawn.join(', '),
    );
    await other.misses('#incoming');
    // What was told before the reload is told again, and what holds no more is not shown any more.
    await other.misses('.tile.muted:not(.self) .label svg');
    await other.click('#c-hold');
    await again.sees('.tile:not(.self) .veil', { hasText: 'on hold' });
    await other.click('#c-hold');
    await again.click('#c-hangup');
    await Promise.all([again.isIdle(), other.isIdle()]);
  });
}

test('who signs in elsewhere may go on with his call there, or hang up', async () => {
  const [alice, bob] = await talk('alice.moves', 'bob.moves');
  const second = await (await Person.come(browser, server, 'alice.moves')).signIn();
  people.push(second);
  await second.sees('#incoming-what', { hasText: 'in another window' });
  await second.picture('elsewhere');
  await alice.isIdle();
  await second.click('#answer');
  await second.talks();
  await Promise.all([second.watches(), bob.watches()]);
  const third = await (await Person.come(browser, server, 'bob.moves')).signIn();
  people.push(third);
  await third.sees('#incoming-what', { hasText: 'in another window' });
  await third.click('#decline');
  await Promise.all([third.misses('#incoming'), second.isIdle()]);
});
