import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Call, Client } from '../src/index.js';
import { Chat, Room, type RoomEvents } from '../src/rooms.js';
import { FakePeer, FakeStream, FakeTrack, fakeMedia } from './fake-peer.js';
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

test('eight get a stream from each of the others', async () => {
  const names = [...'abcdefgh'].map((letter) => `ann.${letter}`);
  const all = await connected('eight', ...names);
  const rooms = all.map((one) => enter(one, 'room:eight@example.com'));
  const streams = rooms.flatMap((room, at) =>
    all.filter((_, other) => other !== at).map((other) => streamOf(room, other)),
  );
  assert.equal((await Promise.all(streams)).length, 56);
  for (const room of rooms) assert.equal(room.streams.size, 7);
  await Promise.all(rooms.map((room) => room.leave()));
});

test('a screen reaches those who are in and those who come later, also from who has no camera', async () => {
  const [ann, ben, cid] = (await connected('screen', 'ann', 'ben', 'cid')) as [Client, Client, Client];
  const name = 'room:screen@example.com';
  const first = FakePeer.all.length;
  const hers = enter(ann, name);
  await hers.joined;
  const his = enter(ben, name);
  await Promise.all([streamOf(hers, ben), streamOf(his, ann)]);
  const sends = (peer: FakePeer | undefined, track: FakeTrack | null) =>
    !!peer?.transceivers.some(({ sender }) => sender.track === track);
  const screens = [new FakeTrack('video'), new FakeTrack('video')] as const;
  // Both at once: one of the two offers has to wait.
  await Promise.all([
    hers.replaceTrack('video', screens[0] as unknown as MediaStreamTrack),
    his.replaceTrack('video', screens[1] as unknown as MediaStreamTrack),
  ]);
  // Either may have been made first. Where both called, the call of one of them is over, and so are its connections.
  const peers = FakePeer.all.slice(first).filter((peer) => !peer.isClosed);
  const screenOf = (peer: FakePeer) => screens.findIndex((screen) => sends(peer, screen));
  assert.deepEqual(peers.map(screenOf).sort(), [0, 1]);
  for (const peer of peers) {
    assert.equal(peer.signalingState, 'stable');
    assert.match(String(peer.remoteDescription?.sdp), /a=msid:\S+ video/);
  }
  const before = FakePeer.all.length;
  const third = enter(cid, name);
  await Promise.all([streamOf(third, ann), streamOf(third, ben)]);
  const late = FakePeer.all.slice(before);
  assert.ok(screens.every((screen) => late.some((peer) => sends(peer, screen))));
  assert.ok(await third.statistics(ann.userid));
  assert.equal(await third.statistics('nobody@example.com'), undefined);
});

test('who enters again takes his own place and gets the streams anew', async () => {
  const [ann, ben] = (await connected('again', 'ann', 'ben')) as [Client, Client];
  const name = 'room:again@example.com';
  const first = enter(ann, name);
  await first.joined;
  const second = enter(ben, name);
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

test('who chats goes on where the server was restarted meanwhile', async () => {
  const other = await Server.start();
  const all = ['ann', 'ben'].map((user) => client(other.port, `${user}.restart`, fakeMedia));
  const [ann, ben] = all as [Client, Client];
  open.push(...all);
  await Promise.all(all.map((one) => one.connect()));
  const [hers, his] = all.map((one) => new Chat(one, 'room:restart@example.com')) as [Chat, Chat];
  await Promise.all([hers.joined, his.joined]);
  const down = all.map((one) => next((listener) => one.on('reconnecting', listener), 'reconnecting'));
  await other.stop('SIGKILL');
  await Promise.all(down);
  // Who is in again first sees the other come.
  const both = new Promise<void>((resolve) => {
    for (const [chat, who] of [
      [hers, ben],
      [his, ann],
    ] as const)
      chat.on('member', ({ state, user }) => state === 'joined' && user === who.userid && resolve());
  });
  await other.start();
  await both;
  const heard = next<{ body: unknown }>((listener) => hers.on('message', listener), 'the message');
  await his.send('still there?');
  assert.equal((await heard).body, 'still there?');
  for (const one of all) one.close();
  await other.stop();
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
