import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Call, Client } from '../src/index.js';
import { Chat, Room, type RoomEvents } from '../src/rooms.js';
import { FakeStream, FakeTrack, fakeMedia } from './fake-peer.js';
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

async function connected(test: string, ...users: string[]): Promise<Client[]> {
  const clients = users.map((user) => client(server.port, `${user}.${test}`, fakeMedia));
  open.push(...clients);
  await Promise.all(clients.map((one) => one.connect()));
  return clients;
}

const enter = (one: Client, name: string) =>
  new Room(one, name, {
    stream: new FakeStream([new FakeTrack('audio')]) as unknown as MediaStream,
  });

const rosterOf = (room: Room, size: number) =>
  next<RoomEvents['roster']>(
    (listener) => room.on('roster', listener),
    `a roster of ${size}`,
    ({ members }) => members.length === size,
  );

const streamOf = (room: Room, from: Client, is = true) =>
  next<RoomEvents['stream']>(
    (listener) => room.on('stream', listener),
    `the stream of ${from.userid}`,
    ({ user, stream }) => user === from.userid && !!stream === is,
  );

test('members of a room are told who is there and get a stream from each', async () => {
  const [ann, ben, cid] = (await connected('mesh', 'ann', 'ben', 'cid')) as [Client, Client, Client];
  const name = 'room:mesh@example.com';
  const rooms = [enter(ann, name)] as Room[];
  await rooms[0]?.joined;
  for (const one of [ben, cid]) {
    const room = enter(one, name);
    const streams = rooms.flatMap((other, at) => [
      streamOf(other, one),
      streamOf(room, [ann, ben][at] as Client),
    ]);
    await room.joined;
    await Promise.all(streams);
    rooms.push(room);
  }
  const [first, second, third] = rooms as [Room, Room, Room];
  assert.deepEqual(first.members, [ann.userid, ben.userid, cid.userid]);
  assert.equal(third.host, ann.userid);
  assert.deepEqual([...third.streams.keys()].sort(), [ann.userid, ben.userid].sort());
  const heard = next<RoomEvents['message']>((listener) => second.on('message', listener), 'the message');
  await first.send(ben.userid, { isMuted: true }, 'application/json');
  assert.deepEqual(await heard, {
    user: ann.userid,
    body: { isMuted: true },
    contentType: 'application/json',
  });
  const gone = streamOf(first, ben, false);
  const fewer = rosterOf(third, 2);
  await second.leave();
  await Promise.all([gone, fewer]);
  assert.deepEqual([...first.streams.keys()], [cid.userid]);
  await Promise.all([first.leave(), third.leave()]);
});

test('members who enter at the same time get each other all the same', async () => {
  const clients = await connected('crowd', 'ann', 'ben', 'cid', 'dan');
  const rooms = clients.map((one) => enter(one, 'room:crowd@example.com'));
  await Promise.all(
    rooms.flatMap((room, at) =>
      clients.filter((_, other) => other !== at).map((other) => streamOf(room, other)),
    ),
  );
  await Promise.all(rooms.map((room) => room.leave()));
});

test('who enters again takes his own place and gets the streams anew', async () => {
  const [ann, ben] = (await connected('again', 'ann', 'ben')) as [Client, Client];
  const name = 'room:again@example.com';
  const [first, second] = [enter(ann, name), enter(ben, name)];
  await Promise.all([streamOf(first, ben), streamOf(second, ann)]);
  const [reloaded] = (await connected('again', 'ann')) as [Client];
  const renewed = enter(reloaded, name);
  await Promise.all([streamOf(second, reloaded), streamOf(renewed, ben)]);
  assert.deepEqual(renewed.members, [ann.userid, ben.userid]);
  await Promise.all([renewed.leave(), second.leave()]);
});

test('the host locks the room and sends others out, and nobody else may', async () => {
  const [ann, ben, cid] = (await connected('rules', 'ann', 'ben', 'cid')) as [Client, Client, Client];
  const name = 'room:rules@example.com';
  const [first, second] = [enter(ann, name), undefined as Room | undefined];
  await first.joined;
  const other = second ?? enter(ben, name);
  await Promise.all([other.joined, rosterOf(first, 2)]);
  await assert.rejects(other.lock(), { code: 403 });
  await first.lock();
  await assert.rejects(enter(cid, name).joined, { code: 403 });
  await first.unlock();
  await assert.rejects(first.kick('nobody@example.com'), { code: 404 });
  const left = next<RoomEvents['left']>((listener) => other.on('left', listener), 'the end');
  await first.kick(ben.userid);
  assert.equal((await left).remote, true);
  await first.leave();
});

test('what is written in a room reaches the others, and those who come later', async () => {
  const [ann, ben] = (await connected('chat', 'ann', 'ben')) as [Client, Client];
  const first = new Chat(ann, 'room:chat@example.com');
  await first.joined;
  await first.send('before');
  const came = next(
    (listener: (event: { user: string; state: string }) => void) => first.on('member', listener),
    'who came',
  );
  const second = new Chat(ben, 'room:chat@example.com');
  const heard: unknown[] = [];
  second.on('message', ({ from, body, isHistory }) => heard.push([from, body, isHistory]));
  const history = next((listener: (event: unknown) => void) => second.on('message', listener), 'history');
  await second.joined;
  assert.deepEqual([(await came).user, (await came).state], [ben.userid, 'joined']);
  await history;
  const now = next((listener: (event: unknown) => void) => second.on('message', listener), 'the message');
  await first.send('now');
  await now;
  assert.deepEqual(heard, [
    [ann.userid, 'before', true],
    [ann.userid, 'now', false],
  ]);
  await Promise.all([first.leave(), second.leave()]);
});

test('a subscription hears its notices, each of which begins a dialog', async () => {
  const [ann, ben] = (await connected('notices', 'ann', 'ben')) as [Client, Client];
  const name = 'room:notices@example.com';
  const lease = await ann.subscribe(name, 'chat', {
    headers: { Router: 'example.com;type=chatroom', 'P-Asserted-Identity': ann.userid },
  });
  const notice = next<{ body: unknown }>((listener) => lease.on('notify', listener), 'the notice');
  const chat = new Chat(ben, name);
  await chat.joined;
  assert.deepEqual((await notice).body, { state: 'joined', user: ben.userid, members: 2 });
  await Promise.all([lease.end(), chat.leave()]);
});

test('an attended transfer hands the call on to whoever was asked first', async () => {
  const [ann, ben, cid] = (await connected('attended', 'ann', 'ben', 'cid')) as [Client, Client, Client];
  const media = { audio: true };
  const answered: Call[] = [];
  for (const one of [ben, cid])
    one.on('call', (call) => {
      answered.push(call);
      void call.answer(media);
    });
  const first = ann.call(ben.userid, media);
  await first.established;
  const asked = ann.call(cid.userid, media);
  await asked.established;
  await first.transfer(asked);
  assert.equal((await asked.ended).reason, 'replaced');
  const [, before, after] = answered;
  assert.equal(after?.replaces, before);
  await after?.established;
  assert.equal(cid.calls.length, 1);
  assert.equal(ben.calls[0]?.state, 'active');
  await after?.hangUp();
  assert.equal((await answered[0]?.ended)?.code, 200);
});
