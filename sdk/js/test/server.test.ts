import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Call, type Client, fixedMedia, type Incoming, type Request } from '../src/index.js';
import { FakePeer, fakeMedia } from './fake-peer.js';
import { client, next, Path, Server } from './server.js';

let server: Server;
let alicePath: Path;
let bobPath: Path;
const open: Client[] = [];

before(async () => {
  server = await Server.start();
  alicePath = await Path.start(server);
  bobPath = await Path.start(server);
});

after(async () => {
  for (const one of open) one.close();
  await Promise.all([alicePath.stop(), bobPath.stop()]);
  await server.stop();
});

/** Alice and Bob of one test, each behind a path of their own that can be cut. */
async function pair(name: string): Promise<[Client, Client]> {
  const both: [Client, Client] = [
    client(alicePath.port, `alice.${name}`, fakeMedia),
    client(bobPath.port, `bob.${name}`, fakeMedia),
  ];
  open.push(...both);
  await Promise.all(both.map((one) => one.connect()));
  return both;
}

const MEDIA = { audio: true, video: true };

/** A call that stands, as both sides have it. */
async function call(alice: Client, bob: Client): Promise<[Call, Call]> {
  const came = next<Call>((listener) => bob.on('call', listener), 'the call');
  const ours = alice.call(bob.userid, MEDIA);
  const theirs = await came;
  await theirs.answer(MEDIA);
  await ours.established;
  return [ours, theirs];
}

const reconnected = (one: Client) =>
  next<{ isResumed: boolean }>((listener) => one.on('online', listener), 'the connection');

test('messages arrive in order and are answered', async () => {
  const [alice, bob] = await pair('messages');
  const bodies: unknown[] = [];
  bob.on('message', ({ body, from }) => bodies.push([from, body]));
  const sent = [1, 2, 3, 4, 5].map((body) => alice.message(bob.userid, body));
  for (const response of await Promise.all(sent)) assert.equal(response.Code, 200);
  assert.deepEqual(
    bodies,
    [1, 2, 3, 4, 5].map((body) => [alice.userid, body]),
  );
});

test('a message to somebody who is not there is refused with 480', async () => {
  const [alice] = await pair('nobody');
  await assert.rejects(alice.message('nobody@example.com', 'hello'), { code: 480 });
});

test('a message may be rejected, and a user agent without a listener says so', async () => {
  const [alice, bob] = await pair('rejecting');
  await assert.rejects(alice.message(bob.userid, 'hello'), { code: 480 });
  bob.on('message', (message) => message.respond(606, 'not now'));
  await assert.rejects(alice.message(bob.userid, 'hello'), { code: 606, reason: 'not now' });
  bob.on('message', (message: Incoming) => message.hold());
});

test('messages sent while either side is away arrive once', async () => {
  const [alice, bob] = await pair('away');
  const bodies: unknown[] = [];
  bob.on('message', ({ body }) => bodies.push(body));
  for (let round = 0; round < 3; round += 1) {
    const sent = [alice.message(bob.userid, `${round} before`)];
    bobPath.cut();
    sent.push(alice.message(bob.userid, `${round} while bob is away`));
    alicePath.cut();
    sent.push(alice.message(bob.userid, `${round} while alice is away`));
    await Promise.all(sent);
  }
  assert.equal(bodies.length, 9);
  assert.equal(new Set(bodies).size, 9);
});

test('a call is answered, put on hold, resumed and hung up', async () => {
  const [alice, bob] = await pair('call');
  const [ours, theirs] = await call(alice, bob);
  assert.equal(ours.state, 'active');
  assert.equal(theirs.state, 'active');
  const held = next<boolean>((listener) => theirs.on('hold', listener), 'hold');
  await ours.hold();
  assert.equal(await held, true);
  const resumed = next<boolean>((listener) => theirs.on('hold', listener), 'resume');
  await ours.resume();
  assert.equal(await resumed, false);
  await ours.hangUp();
  assert.deepEqual(await theirs.ended, { code: 200, reason: 'hung up', remote: true });
  assert.equal(alice.calls.length + bob.calls.length, 0);
});

test('the caller gives up while it rings', async () => {
  const [alice, bob] = await pair('cancel');
  bob.on('call', () => {});
  const ours = alice.call(bob.userid, MEDIA);
  await next((listener) => ours.on('ringing', listener), 'ringing');
  const [theirs] = bob.calls;
  assert.ok(theirs);
  await ours.hangUp();
  assert.equal((await theirs.ended).code, 487);
  await assert.rejects(ours.established, { code: 487 });
});

test('a callee who is busy declines', async () => {
  const [alice, bob] = await pair('busy');
  bob.on('call', (theirs) => theirs.reject());
  const ours = alice.call(bob.userid, MEDIA);
  await assert.rejects(ours.established, { code: 486 });
  assert.equal((await ours.ended).remote, true);
});

test('candidates trickle both ways', async () => {
  const [alice, bob] = await pair('trickle');
  FakePeer.all.length = 0;
  const [ours, theirs] = await call(alice, bob);
  const [first, second] = FakePeer.all;
  assert.ok(first && second);
  while (!first.candidates.length || !second.candidates.length)
    await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(first.candidates[0]?.sdpMid, '0');
  await ours.hangUp();
  await theirs.ended;
});

test('changes that collide are settled and both are made', async () => {
  const [alice, bob] = await pair('glare');
  const [ours, theirs] = await call(alice, bob);
  await Promise.all([ours.hold(), theirs.renegotiate({ iceRestart: true })]);
  assert.equal(theirs.isHeldByPeer, true);
  await ours.hangUp();
});

test('keys and messages pass within a call', async () => {
  const [alice, bob] = await pair('dtmf');
  const [ours, theirs] = await call(alice, bob);
  const tones: string[] = [];
  theirs.on('dtmf', ({ tone }) => tones.push(tone));
  const message = next<{ Body?: unknown }>((listener) => theirs.on('message', listener), 'the message');
  await ours.sendDtmf('12#a');
  await ours.message('hello');
  assert.deepEqual(tones, ['1', '2', '#', 'A']);
  assert.equal((await message).Body, 'hello');
  await assert.rejects(ours.sendDtmf('x'), { code: 400 });
  await ours.hangUp();
});

test('early media comes before the answer', async () => {
  const [alice, bob] = await pair('early');
  const came = next<Call>((listener) => bob.on('call', listener), 'the call');
  const ours = alice.call(bob.userid, MEDIA);
  const early = next<{ isEarly: boolean }>(
    (listener) => ours.on('ringing', listener),
    'early media',
    ({ isEarly }) => isEarly,
  );
  const theirs = await came;
  await theirs.progress(MEDIA);
  await early;
  await theirs.answer();
  await ours.established;
  await theirs.hangUp();
  assert.equal((await ours.ended).code, 200);
});

test('a call is transferred', async () => {
  const [alice, bob] = await pair('transfer');
  const carol = client(server.port, 'carol.transfer', fakeMedia);
  open.push(carol);
  await carol.connect();
  carol.on('call', (incoming) => void incoming.answer(MEDIA));
  const [ours, theirs] = await call(alice, bob);
  await ours.transfer(carol.userid);
  assert.equal(ours.state, 'ended');
  assert.equal(carol.calls.length, 1);
  assert.equal(theirs.state, 'active');
  const [again] = await call(alice, bob);
  await assert.rejects(again.transfer('nobody@example.com'), { code: 480 });
  assert.equal(again.state, 'active');
});

for (const who of ['the caller', 'the callee', 'both'] as const) {
  const cut = () => {
    if (who !== 'the callee') alicePath.cut();
    if (who !== 'the caller') bobPath.cut();
  };

  test(`a call goes on when ${who} lost the socket`, async () => {
    const [alice, bob] = await pair(`mid-call.${who.replace(' ', '.')}`);
    const [ours, theirs] = await call(alice, bob);
    const back = [...(who === 'the callee' ? [] : [alice]), ...(who === 'the caller' ? [] : [bob])].map(
      reconnected,
    );
    cut();
    const tones: string[] = [];
    theirs.on('dtmf', ({ tone }) => tones.push(tone));
    await Promise.all([ours.sendDtmf('123'), ...back]);
    assert.deepEqual(tones, ['1', '2', '3']);
    await ours.hold();
    await theirs.hangUp();
    assert.equal((await ours.ended).code, 200);
  });

  test(`a call that rings is answered although ${who} lost the socket`, async () => {
    const [alice, bob] = await pair(`ringing.${who.replace(' ', '.')}`);
    const calls: Call[] = [];
    bob.on('call', (incoming) => calls.push(incoming));
    const ours = alice.call(bob.userid, MEDIA);
    await next((listener) => ours.on('ringing', listener), 'ringing');
    cut();
    await calls[0]?.answer(MEDIA);
    await ours.established;
    assert.equal(calls.length, 1);
    cut();
    await ours.hangUp();
    assert.equal((await calls[0]?.ended)?.code, 200);
  });
}

test('a call that rings is given up although the caller lost the socket', async () => {
  const [alice, bob] = await pair('giving-up');
  bob.on('call', () => {});
  const ours = alice.call(bob.userid, MEDIA);
  await next((listener) => ours.on('ringing', listener), 'ringing');
  const [theirs] = bob.calls;
  alicePath.cut();
  await ours.hangUp();
  assert.equal((await theirs?.ended)?.code, 487);
});

test('another connection of the same name takes over, and the first does not come back', async () => {
  const [alice, bob] = await pair('takeover');
  const [ours] = await call(alice, bob);
  const replaced = next<{ code: number }>((listener) => alice.on('replaced', listener), 'replaced');
  const second = client(alicePath.port, 'alice.takeover', fakeMedia);
  open.push(second);
  await second.connect();
  assert.equal((await replaced).code, 4001);
  assert.equal(alice.state, 'offline');
  assert.equal((await ours.ended).reason, 'replaced');
  bob.on('message', () => {});
  assert.equal((await second.message(bob.userid, 'from the second')).Code, 200);
  await assert.rejects(alice.message(bob.userid, 'from the first'), { code: 480 });
});

test('a wrong address rejects, and so does a second connect', async () => {
  const lost = client(1, 'lost');
  await assert.rejects(lost.connect(), { code: 480 });
  assert.equal(lost.state, 'offline');
  const [alice] = await pair('twice');
  await assert.rejects(alice.connect(), { code: 400 });
});

test('a server that stops ends the calls, and its clients come back to the next one', async () => {
  const other = await Server.start();
  const both = [client(other.port, 'alice', fakeMedia), client(other.port, 'bob', fakeMedia)] as [
    Client,
    Client,
  ];
  open.push(...both);
  await Promise.all(both.map((one) => one.connect()));
  const [alice, bob] = both;
  const [ours, theirs] = await call(alice, bob);
  const waiting = next((listener) => alice.on('reconnecting', listener), 'reconnecting');
  await other.stop('SIGKILL');
  await waiting;
  const back = both.map(reconnected);
  await other.start();
  await Promise.all(back);
  assert.equal((await ours.ended).code, 481);
  assert.equal((await theirs.ended).code, 481);
  bob.on('message', () => {});
  assert.equal((await alice.message(bob.userid, 'again')).Code, 200);
  for (const one of both) one.close();
  await other.stop();
});

test('a room that answers without a body is entered with media that needs none', async () => {
  const [alice] = await pair('room');
  const seat = alice.call('room:tea@example.com', {
    media: fixedMedia({}, 'application/json'),
    headers: { Router: 'example.com;type=conference' },
  });
  const told = next<Request>(
    (listener) => seat.on('message', listener),
    'the roster',
    ({ Event }) => Event === 'conference',
  );
  await seat.established;
  assert.deepEqual((await told).Body, {
    version: 1,
    host: alice.userid,
    locked: false,
    members: [alice.userid],
  });
});
