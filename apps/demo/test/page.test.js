/** The page beside its calls: rooms, what is written, names, keyboard, what screen readers are told, sizes. */

import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { after, afterEach, before, test } from 'node:test';
import { faultsOfAccess } from '../../shared/test/access.js';
import { launch, Path, Person, PICTURES, Server, sit } from './support.js';

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

/** People who are signed in. */
async function come(names, options = {}) {
  const come = async (name) => (await Person.come(browser, server, name, options)).signIn();
  people = await Promise.all(names.map(come));
  return people;
}

test('three tabs in a room see each other and read what one writes', async () => {
  const all = await come(['ann.room', 'ben.room', 'cy.room']);
  for (const one of all) {
    await one.page.fill('#room-name', 'Tea');
    await one.page.press('#room-name', 'Enter');
    await one.sees('#call-peer', { hasText: 'Room tea' });
  }
  await Promise.all(all.map((one) => one.watches(2)));
  for (const one of all) {
    const [own, ...others] = await one.page
      .locator('.tile')
      .evaluateAll((tiles) =>
        tiles
          .sort((a, b) => Number(b.matches('.self')) - Number(a.matches('.self')))
          .map((tile) => tile.getBoundingClientRect().top),
      );
    assert.equal(others[0], others[1], 'the others are side by side');
    assert.ok(own > others[0], 'and the own picture below them');
  }
  await all[0].picture('room');
  await all[0].sees('#quality[data-level]');
  for (const one of all) await one.click('#c-chat');
  await all[1].writes('a room of our own');
  for (const one of [all[0], all[2]]) await one.sees('.messages .theirs', { hasText: 'a room of our own' });
  await all[0].click('#c-mute');
  await all[2].sees('.tile.muted[data-user="ann.room@example.com"] .label svg');
  await all[0].picture('room-chat');

  // Another camera, and the screen, reach who is there and who comes later.
  await all[1].choosesCamera(1);
  await all[0].watches(2);
  await all[0].click('#c-share');
  await all[1].sees('.tile.screen[data-user="ann.room@example.com"]');
  await all[2].page.reload();
  await all[2].sees('#app');
  await all[2].page.waitForFunction(() => document.querySelector('#call-peer')?.textContent === 'Room tea');
  await all[2].sees('.tile.screen[data-user="ann.room@example.com"]');
  await Promise.all(all.map((one) => one.watches(2)));
  await all[2].picture('room-sharing');
  await all[0].click('#c-share');
  await all[2].misses('.tile.screen');

  await all[1].click('#c-hangup');
  await Promise.all([all[0].watches(1), all[2].watches(1)]);
  // Who closes the tab has left.
  await all[2].page.close({ runBeforeUnload: false });
  await all[0].sees('#call-state', { hasText: 'nobody else' });
  await all[0].misses('#people-list [data-id="cy.room@example.com"]');
});

test('who joins is the eighth in a room, and the ninth is told that it is full', async () => {
  const seats = await Promise.all([...'abcdefg'].map((letter) => sit(server.port, `${letter}.seat`, 'full')));
  const [eighth] = await come(['ann.eighth']);
  const joins = async (one) => {
    await one.page.fill('#room-name', 'full');
    await one.click('#room-join');
  };
  await joins(eighth);
  await eighth.sees('#call-state', { hasText: '8 people' });
  assert.equal(await eighth.page.locator('.tile').count(), 8);
  const ninth = await (await Person.come(browser, server, 'ben.ninth')).signIn();
  people.push(ninth);
  await joins(ninth);
  await ninth.sees('#toasts', { hasText: 'The room is full' });
  await ninth.isIdle();
  await eighth.sees('#call-state', { hasText: '8 people' });
  for (const seat of seats) seat.close();
  await eighth.sees('#call-state', { hasText: 'nobody else' });
});

test('eight fit into a grid', async () => {
  const [one] = await come(['ann.grid']);
  // Seven calls at once are more than a test machine decodes: the tiles are there without them.
  await one.page.evaluate(async () => {
    const { Tiles } = await import('/apps/demo/stage.js');
    document.getElementById('stage').hidden = false;
    document.getElementById('app').classList.add('in-call');
    document.getElementById('nothing').hidden = true;
    document.getElementById('call-peer').textContent = 'Room tea';
    const tiles = [...'abcdefg'].map((id) => ({ id, user: `${id}nn@example.com`, stream: undefined }));
    new Tiles().show([...tiles, { id: 'here', user: 'ann', stream: undefined, isSelf: true }], false);
  });
  const boxes = await one.page
    .locator('.tile')
    .evaluateAll((tiles) => tiles.map((tile) => tile.getBoundingClientRect().toJSON()));
  assert.equal(boxes.length, 8);
  for (const { width, height } of boxes) assert.ok(width > 120 && height > 120, `${width} x ${height}`);
  await one.picture('grid');
});

test('what is written while the other is away arrives once', async () => {
  const [alice, bob] = await come(['alice.away', 'bob.away']);
  await alice.turnTo('bob.away');
  await alice.writes('first');
  await alice.sees('.messages .mine', { hasText: 'delivered' });
  bob.path.cut();
  await bob.sees('#connection[data-state="reconnecting"]');
  await alice.writes('second');
  await alice.writes('third');
  // The server has given the request up by then: the page does not.
  await alice.sees('.messages .mine[data-state="waiting"]', { hasText: 'second' });
  await alice.picture('waiting');
  bob.path.mend();
  await alice.sees('.messages .mine[data-state="delivered"]', { hasText: 'third' });
  await bob.turnTo('alice.away');
  await bob.sees('.messages .theirs', { hasText: 'third' });
  const read = await bob.page
    .locator('.messages .theirs')
    .evaluateAll((lines) => lines.map((line) => line.firstChild.textContent));
  assert.deepEqual(read, ['first', 'second', 'third']);
});

test('what was written stands over a reload, on both sides', async () => {
  const [alice, bob] = await come(['alice.kept', 'bob.kept']);
  await alice.turnTo('bob.kept');
  await alice.writes('keep this');
  await bob.sees('#people-list .badge', { hasText: '1' });
  await Promise.all([alice.page.reload(), bob.page.reload()]);
  await bob.turnTo('alice.kept');
  await bob.sees('.messages .theirs', { hasText: 'keep this' });
  await alice.turnTo('bob.kept');
  await alice.sees('.messages .mine', { hasText: 'delivered' });
});

test('a second tab of the same name takes over, and the first one says so', async () => {
  const [first] = await come(['ann.twice']);
  const second = await (await Person.come(browser, server, 'ann.twice')).signIn();
  people.push(second);
  await first.sees('#banner', { hasText: 'in another tab' });
  await first.sees('#connection', { hasText: 'Signed in elsewhere' });
  await second.sees('#connection[data-state="online"]');
  await first.picture('replaced');
});

test('who closes the page is gone from the list', async () => {
  const [alice, bob] = await come(['alice.gone', 'bob.gone']);
  await alice.sees('#people-list [data-id="bob.gone@example.com"]');
  people = [alice];
  await bob.page.close({ runBeforeUnload: false });
  await alice.misses('#people-list [data-id="bob.gone@example.com"]');
  await bob.leave();
});

test('a page of an origin that the server does not name is told so, and one that it names signs in', async () => {
  const path = await Path.start({ port: 1 });
  const strict = await Server.start(`origins = ["http://127.0.0.1:${path.port}"]`);
  try {
    path.to = strict.port;
    const welcome = await Person.come(browser, strict, 'ann.origin', { path });
    const stranger = await Person.come(browser, strict, 'ben.origin');
    people = [welcome, stranger];
    await welcome.signIn();
    await stranger.page.fill('#name', 'ben.origin');
    await stranger.page.press('#name', 'Enter');
    await stranger.sees('#name-error', { hasText: 'origins' });
    await stranger.picture('origin');
  } finally {
    await Promise.all(people.map((person) => person.leave()));
    people = [];
    await strict.stop();
  }
});

test('where the server asks for a token, its user signs in with it and nobody else', async () => {
  const users = `${PICTURES}/users-${process.pid}`;
  writeFileSync(users, 'ann@example.com only-for-this-test-1\n');
  const asking = await Server.start(`auth.users = "${users}"`);
  try {
    const ann = await Person.come(browser, asking, 'ann');
    people = [ann];
    await ann.page.fill('#name', 'ann');
    await ann.page.press('#name', 'Enter');
    await ann.sees('#name-error', { hasText: 'no token needed' });
    await ann.click('#token-part summary');
    await ann.page.fill('#token', 'only-for-this-test-2');
    await ann.page.press('#token', 'Enter');
    await ann.sees('#name-error', { hasText: 'the token the one of this name' });
    await ann.picture('token');
    await ann.page.fill('#token', 'only-for-this-test-1');
    await ann.page.press('#token', 'Enter');
    await ann.sees('#app');
    // Over a reload it is kept, and with signing out it is gone.
    await ann.page.reload();
    await ann.sees('#app');
    await ann.click('#sign-out');
    await ann.sees('#sign-in');
    assert.equal(await ann.page.evaluate(() => sessionStorage.length), 0);
  } finally {
    await Promise.all(people.map((person) => person.leave()));
    people = [];
    await asking.stop();
    rmSync(users);
  }
});

test('names that cannot be are refused in words', async () => {
  const person = await Person.come(browser, server, '');
  people = [person];
  for (const [name, fault] of [
    ['', 'type a name'],
    ['a b', 'no blanks'],
    ['a@b@c', 'at most one @'],
  ]) {
    await person.page.fill('#name', name);
    await person.page.press('#name', 'Enter');
    await person.sees('#name-error', { hasText: fault });
    assert.equal(await person.page.locator('#name').getAttribute('aria-invalid'), 'true');
  }
});

test('a call is made and answered with the keyboard alone', async () => {
  const [alice, bob] = await come(['alice.keys', 'bob.keys']);
  await alice.sees('#people-list [data-id="bob.keys@example.com"]');
  const press = (person, key) => person.page.keyboard.press(key);
  const reach = async (person, selector) => {
    for (let steps = 0; steps < 40; steps += 1) {
      if (await person.page.evaluate((selector) => document.activeElement?.matches(selector), selector))
        return;
      await press(person, 'Tab');
    }
    assert.fail(`${selector} is not reached with Tab`);
  };
  await reach(alice, '[data-id="bob.keys@example.com"]');
  await press(alice, 'Enter');
  await press(alice, 'Shift+Tab');
  await reach(alice, '#message');
  await alice.page.keyboard.type('shall we?');
  await press(alice, 'Enter');
  await alice.page.locator('#call-video').focus();
  await press(alice, 'Enter');
  await bob.sees('#incoming[open]');
  // The sheet has the focus, and keeps it.
  assert.equal(await bob.page.evaluate(() => document.activeElement?.id), 'answer');
  await press(bob, 'Enter');
  await Promise.all([alice.talks(), bob.talks()]);
  await reach(alice, '#c-hangup');
  await press(alice, 'Enter');
  await bob.isIdle();
  // The button is gone, and the focus is where one goes on.
  assert.equal(await alice.page.evaluate(() => document.activeElement?.id), 'message');
});

for (const colorScheme of ['light', 'dark']) {
  test(`everything has a name and can be read, in ${colorScheme}`, async () => {
    const context = { colorScheme };
    const check = async (person, where) => {
      assert.deepEqual(await person.page.evaluate(faultsOfAccess), [], where);
      await person.picture(`${where}-${colorScheme}`);
    };
    const fresh = await Person.come(browser, server, 'x', { context });
    await check(fresh, 'sign-in');
    await fresh.leave();
    const [alice, bob] = await come([`alice.${colorScheme}`, `bob.${colorScheme}`], { context });
    await check(alice, 'signed-in');
    await alice.sees('#ladder-empty');
    await alice.turnTo(bob.name);
    await alice.writes('hello');
    await alice.sees('.messages .mine[data-state="delivered"]');
    await check(alice, 'chat');
    await alice.click('#open-devices');
    await alice.page.waitForFunction(() => document.querySelectorAll('#camera option').length > 1);
    await alice.page.waitForFunction(
      () => document.querySelector('#preview').getVideoPlaybackQuality().totalVideoFrames > 1,
    );
    await check(alice, 'devices');
    await alice.click('#devices-close');
    await alice.click('#call-video');
    await bob.sees('#incoming[open]');
    await check(bob, 'ringing');
    await bob.answers();
    await alice.sees('#quality');
    await check(alice, 'talking');
  });
}

test('a phone shows one thing at a time', async () => {
  const context = { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true };
  const [alice, bob] = await come(['alice.phone', 'bob.phone'], { context });
  await alice.sees('#people-list [data-id="bob.phone@example.com"]');
  await alice.picture('phone-people');
  await alice.turnTo('bob.phone');
  await alice.writes('on the way');
  await alice.sees('.messages .mine[data-state="delivered"]');
  await alice.picture('phone-chat');
  // The name of the other has room beside the buttons.
  const isCut = await alice.page
    .locator('#chat-title')
    .evaluate((title) => title.scrollWidth > title.clientWidth);
  assert.equal(isCut, false);
  await alice.click('#call-video');
  await bob.sees('#incoming[open]');
  await bob.picture('phone-incoming');
  await bob.answers();
  await Promise.all([alice.watches(), bob.watches()]);
  await alice.picture('phone-call');
  for (const person of [alice, bob]) {
    const isWide = await person.page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    assert.equal(isWide, false, 'nothing is cut off at the side');
  }
  await alice.click('.tabs [data-view="ladder"]');
  await alice.picture('phone-ladder');
});

test('another camera is chosen in the middle of a call', async () => {
  const [alice, bob] = await come(['alice.device', 'bob.device']);
  await alice.calls('bob.device');
  await bob.answers();
  await bob.watches();
  await alice.choosesCamera(1);
  await Promise.all([alice.watches(), bob.watches()]);
});
