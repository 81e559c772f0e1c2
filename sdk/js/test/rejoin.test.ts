import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Call, Client, ClientOptions } from '../src/index.js';
import { FakePeer, fakeMedia } from './fake-peer.js';
import { client, next, Path, Server } from './server.js';

let server: Server;
let path: Path;
const open: Client[] = [];

before(async () => {
  server = await Server.start();
  path = await Path.start(server);
});

after(async () => {
  for (const one of open) one.close();
  await path.stop();
  await server.stop();
});

const MEDIA = { audio: true, video: true };

function create(user: string, port = server.port, options: Partial<ClientOptions> = {}): Client {
  const one = client(port, user, { ...fakeMedia, ...options });
  open.push(one);
  return one;
}

/** A page of this user that was reloaded: it takes the name over, and knows nothing of what was before. */
async function reload(user: string): Promise<{ again: Client; found: Promise<Call> }> {
  const again = create(user);
  const found = next<Call>((listener) => again.on('found', listener), 'the call');
  await again.connect();
  return { again, found };
}

async function connected(...users: string[]): Promise<Client[]> {
  const clients = users.map((user) => create(user));
  await Promise.all(clients.map((one) => one.connect()));
  return clients;
}

async function call(alice: Client, bob: Client): Promise<[Call, Call]> {
  const came = next<Call>((listener) => bob.on('call', listener), 'the call');
  const ours = alice.call(bob.userid, MEDIA);
  const theirs = await came;
  await theirs.answer(MEDIA);
  await ours.established;
  return [ours, theirs];
}

for (const who of ['caller', 'callee'] as const) {
  test(`a ${who} who reloads takes the call up again`, async () => {
    const names = [`alice.${who}`, `bob.${who}`];
    const [alice, bob] = (await connected(...names)) as [Client, Client];
    const [ours, theirs] = await call(alice, bob);
    const [stays, goes] = who === 'caller' ? [theirs, ours] : [ours, theirs];
    const before = stays.connection?.localDescription?.sdp;
    const { again, found } = await reload(names[who === 'caller' ? 0 : 1] ?? '');
    const taken = await found;
    assert.deepEqual(
      [taken.id, taken.peer, taken.direction, taken.state],
      [goes.id, goes.peer, goes.direction, 'connecting'],
    );
    await taken.rejoin(MEDIA);
    assert.equal(taken.state, 'active');
    assert.deepEqual(again.calls, [taken]);
    const ufrag = /a=ice-ufrag:\S+/;
    const after = stays.connection?.localDescription?.sdp;
    assert.notEqual(ufrag.exec(after ?? '')?.[0], ufrag.exec(before ?? '')?.[0]);
    const heard = next<{ tone: string }>((listener) => stays.on('dtmf', listener), 'the key');
    await taken.sendDtmf('1');
    assert.equal((await heard).tone, '1');
    const held = next<boolean>((listener) => taken.on('hold', listener), 'hold');
    await stays.hold();
    assert.equal(await held, true);
    await taken.hangUp();
    assert.equal((await stays.ended).code, 200);
  });
}

test('what was sent to a page while it reloaded reaches the call that it takes up', async () => {
  const alice = create('alice.meanwhile');
  const bob = create('bob.meanwhile', path.port);
  await Promise.all([alice.connect(), bob.connect()]);
  const [ours] = await call(alice, bob);
  path.isClosed = true;
  path.cut();
  const told = ours.sendDtmf('7');
  const offered = ours.renegotiate();
  const again = create('bob.meanwhile');
  const tones: string[] = [];
  let taken: Call | undefined;
  again.on('found', (one) => {
    taken = one;
    one.on('dtmf', ({ tone }) => tones.push(tone));
    void one.rejoin(MEDIA);
  });
  await again.connect();
  await told;
  assert.deepEqual(tones, ['7']);
  await offered;
  await taken?.established;
  await ours.hangUp();
  assert.equal((await taken?.ended)?.code, 200);
  path.isClosed = false;
});

test('a call that was found may be hung up', async () => {
  const [alice, bob] = (await connected('alice.hanging', 'bob.hanging')) as [Client, Client];
  const [ours] = await call(alice, bob);
  const { found } = await reload('bob.hanging');
  await (await found).hangUp();
  assert.equal((await ours.ended).code, 200);
});

test('a call that rings cannot be taken up: its caller is refused, its callee set free', async () => {
  const [alice, bob] = (await connected('alice.ringing', 'bob.ringing')) as [Client, Client];
  bob.on('call', () => {});
  const ours = alice.call(bob.userid, MEDIA);
  await next((listener) => ours.on('ringing', listener), 'ringing');
  const again = create('bob.ringing');
  again.on('found', () => assert.fail('it was not answered'));
  await again.connect();
  await assert.rejects(ours.established, { code: 480 });
  const came = next<Call>((listener) => again.on('call', listener), 'the call');
  const second = alice.call(again.userid, MEDIA);
  const theirs = await came;
  await next((listener) => second.on('ringing', listener), 'ringing');
  const other = create('alice.ringing');
  other.on('found', () => assert.fail('it was not answered'));
  await other.connect();
  assert.equal((await theirs.ended).code, 487);
});

test('a call that came while the page reloaded rings', async () => {
  const alice = create('alice.coming');
  const bob = create('bob.coming', path.port);
  bob.on('call', () => {});
  await Promise.all([alice.connect(), bob.connect()]);
  path.isClosed = true;
  path.cut();
  const ours = alice.call(bob.userid, MEDIA);
  const again = create('bob.coming');
  again.on('found', () => assert.fail('it is new'));
  const came = next<Call>((listener) => again.on('call', listener), 'the call');
  await again.connect();
  await (await came).answer(MEDIA);
  await ours.established;
  await ours.hangUp();
  path.isClosed = false;
});

test('a client that nobody asks for found calls asks for none', async () => {
  const sent: string[] = [];
  const alone = create('alone');
  alone.on('frame', ({ message }) => sent.push(message.Type));
  await alone.connect();
  await assert.rejects(alone.message('nobody@example.com', ''), { code: 480 });
  assert.deepEqual(sent, ['MESSAGE', 'RESPONSE']);
  FakePeer.all.length = 0;
});
