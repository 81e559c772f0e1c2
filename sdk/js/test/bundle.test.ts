import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import type * as Package from '../src/index.js';
import type * as Rooms from '../src/rooms.js';
import { FakeStream, FakeTrack, fakeMedia } from './fake-peer.js';
import { BUNDLE } from './places.js';
import { next, Server } from './server.js';

// What is shipped has shorter names inside; a name too many there would show here.
const built = existsSync(new URL('index.js', BUNDLE));

test('what is shipped calls, finds a call again and meets in rooms', { skip: !built }, async () => {
  const { Client } = (await import(new URL('index.js', BUNDLE).href)) as typeof Package;
  const { Chat, Room } = (await import(new URL('rooms.js', BUNDLE).href)) as typeof Rooms;
  const server = await Server.start();
  const clients: Package.Client[] = [];
  const create = (user: string) => {
    const one = new Client({
      url: `ws://127.0.0.1:${server.port}/rtc`,
      userid: `${user}@example.com`,
      WebSocket,
      ...fakeMedia,
    });
    clients.push(one);
    return one;
  };
  const [alice, bob] = [create('alice'), create('bob')];
  await Promise.all([alice.connect(), bob.connect()]);
  bob.on('call', (call) => void call.answer({ audio: true }));
  const ours = alice.call(bob.userid, { audio: true });
  await ours.established;
  await ours.hold();
  await ours.sendDtmf('1');
  assert.ok(await ours.statistics());
  const again = create('bob');
  const found = next<Package.Call>((listener) => again.on('found', listener), 'the call');
  await again.connect();
  const taken = await found;
  await taken.rejoin({ audio: true });
  await taken.hangUp();
  assert.equal((await ours.ended).code, 200);
  const rooms = [alice, again].map(
    (one) =>
      new Room(one, 'room:shipped@example.com', {
        stream: new FakeStream([new FakeTrack('audio')]) as unknown as MediaStream,
      }),
  ) as [Rooms.Room, Rooms.Room];
  await Promise.all(rooms.map((room) => next((listener) => room.on('stream', listener), 'the stream')));
  await Promise.all(rooms.map((room) => room.leave()));
  const chat = new Chat(alice, 'room:shipped@example.com');
  await chat.joined;
  await chat.leave();
  for (const one of clients) one.close();
  await server.stop();
});
