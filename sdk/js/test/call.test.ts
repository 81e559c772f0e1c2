import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { type Call, type CallOptions, Client, fixedMedia, type Media } from '../src/index.js';
import { FakePeer, FakeStream, FakeTrack, fakeMedia } from './fake-peer.js';
import { FakeClock, FakePage, FakeSocket, settle } from './fake-world.js';

/** Two clients whose sockets are joined: what one sends the other gets, in virtual time. */
class World {
  readonly clock = new FakeClock();
  readonly clients: Client[] = [];
  readonly sockets: FakeSocket[] = [];
  readonly pages: FakePage[] = [];
  camera: (constraints?: MediaStreamConstraints) => Promise<unknown> = fakeMedia.mediaDevices.getUserMedia;
  /** Messages on their way; a test may look at them, or drop one. */
  drop: (message: Record<string, unknown>, from: number) => boolean = () => false;
  #seed = 1;

  static async create(): Promise<World> {
    const world = new World();
    for (const name of ['alice', 'bob']) {
      const page = new FakePage();
      world.pages.push(page);
      const client = new Client({
        url: 'ws://example.com/rtc',
        userid: name,
        WebSocket: FakeSocket,
        page: page.page,
        clock: world.clock,
        random: () => {
          world.#seed = (world.#seed * 1_103_515_245 + 12_345) % 2 ** 31;
          return world.#seed / 2 ** 31;
        },
        ...fakeMedia,
        mediaDevices: {
          ...fakeMedia.mediaDevices,
          getUserMedia: (constraints) => world.camera(constraints) as never,
        },
      });
      const connected = client.connect();
      await settle();
      world.sockets.push(FakeSocket.last);
      FakeSocket.last.open();
      await connected;
      world.clients.push(client);
    }
    return world;
  }

  get alice(): Client {
    return this.clients[0] as Client;
  }

  get bob(): Client {
    return this.clients[1] as Client;
  }

  /** What was sent by either, since the beginning. */
  types(who: number): unknown[] {
    return this.sockets[who]?.types() ?? [];
  }

  #taken = [0, 0];

  /** Carries messages until nobody says anything, in steps of 10 ms; then lets the rest of the time pass. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 10) {
      await new Promise((resolve) => setImmediate(resolve));
      for (const [from, socket] of this.sockets.entries()) {
        for (
          ;
          (this.#taken[from] ?? 0) < socket.sent.length;
          this.#taken[from] = (this.#taken[from] ?? 0) + 1
        ) {
          const message = socket.sent[this.#taken[from] ?? 0] ?? {};
          if (!this.drop(message, from)) this.sockets[1 - from]?.receive(message);
        }
      }
      await this.clock.pass(10);
    }
  }

  async call(ours: CallOptions = MEDIA, theirs: CallOptions = MEDIA): Promise<[Call, Call]> {
    let incoming: Call | undefined;
    const off = this.bob.on('call', (call) => {
      incoming = call;
      void call.answer(theirs).catch(() => {});
    });
    const call = this.alice.call('bob', ours);
    await this.pass(100);
    off();
    assert.ok(incoming);
    return [call, incoming];
  }
}

const MEDIA = { audio: true, video: true };
let world: World;

beforeEach(async () => {
  FakePeer.all.length = 0;
  world = await World.create();
  FakePeer.later = (due) => world.clock.set(5, due);
});

afterEach(() => {
  for (const client of world.clients) client.close();
  assert.equal(world.clock.waiting, 0, 'nothing waits when all is over');
});

const hangUp = (call: Call) => Promise.all([call.hangUp(), world.pass(50)]);

const peers = () => FakePeer.all as [FakePeer, FakePeer];

test('a call has its states, in order, and both sides know the streams', async () => {
  const states: string[] = [];
  world.bob.on('call', (call) => {
    call.on('state', (state) => states.push(`bob ${state}`));
  });
  world.alice.on('frame', () => {});
  const [ours, theirs] = await world.call();
  assert.equal(ours.state, 'active');
  await Promise.all([ours.established, theirs.established]);
  assert.ok(ours.remote && theirs.remote && ours.local);
  await hangUp(ours);
  await world.pass(50);
  assert.deepEqual(states, ['bob connecting', 'bob active', 'bob ended']);
  assert.ok(peers().every(({ isClosed }) => isClosed));
  const sent = peers()[0].transceivers.map(({ sender }) => sender.track);
  assert.ok(
    sent.every((track) => track?.isStopped),
    'the camera is off',
  );
});

test('a callee rings on for as long as the caller waits', async () => {
  world.bob.on('call', () => {});
  const call = world.alice.call('bob', MEDIA);
  await world.pass(100_000);
  assert.equal(call.state, 'ringing');
  await hangUp(call);
  assert.ok(world.types(1).filter((type) => type === 180).length >= 3);
});

test('an answer that nobody waits for fails in silence', async () => {
  // A rejection that nobody has caught ends a Node process, and so this test.
  const broken = { ...fixedMedia('v=0'), answer: () => Promise.reject(new Error('broken')) };
  world.bob.on('call', (call) => void call.answer({ media: broken }));
  const call = world.alice.call('bob', MEDIA);
  await world.pass(100);
  assert.equal((await call.ended).code, 488);
});

test('a call that nobody takes is refused', async () => {
  const call = world.alice.call('bob', MEDIA);
  await world.pass(100);
  await assert.rejects(call.established, { code: 480 });
});

test('a call without a microphone fails where it was made', async () => {
  world.camera = () => Promise.reject(new Error('denied'));
  const call = world.alice.call('bob', MEDIA);
  await world.pass(50);
  await assert.rejects(call.established, { code: 488 });
  assert.deepEqual(world.types(0), []);
});

const broken = (): Media => ({ ...fixedMedia('v=0'), answer: () => Promise.reject(new Error('no codec')) });

test('media that cannot be set up refuses with 488 on both sides', async () => {
  const [ours, theirs] = await world.call(MEDIA, { media: broken() });
  await assert.rejects(ours.established, { code: 488 });
  await assert.rejects(theirs.established, { code: 488 });
  assert.equal(theirs.state, 'ended');
});

test('an answer that the caller cannot use ends the call', async () => {
  const [ours, theirs] = await world.call(MEDIA, { media: fixedMedia('nonsense') });
  await world.pass(50);
  await assert.rejects(ours.established);
  assert.equal(theirs.state, 'ended');
});

test('a call given up while its answer is on its way is hung up', async () => {
  world.bob.on('call', (call) => void call.answer(MEDIA).catch(() => {}));
  const call = world.alice.call('bob', MEDIA);
  world.drop = ({ Type, Code }) => {
    if (Type === 'RESPONSE' && Code === 200) void call.hangUp();
    return false;
  };
  await world.pass(200);
  assert.equal(call.state, 'ended');
  assert.equal(world.bob.calls.length, 0);
  assert.ok(world.types(0).includes('BYE'));
});

test('an invitation without an offer is answered with one', async () => {
  const bob = world.sockets[1] as FakeSocket;
  world.drop = () => true;
  world.bob.on('call', (call) => void call.answer(MEDIA));
  const head = { 'Request-URI': 'bob', From: 'x', To: 'bob', DialogueID: 'd' };
  bob.receive({ Type: 'INVITE', ...head, CSeq: 1 });
  await world.pass(100);
  assert.match(String(bob.sent.at(-1)?.['Body']), /^v=0/);
  const answer = 'v=0\r\na=ice-ufrag:x\r\nm=audio 9 X 0\r\na=sendrecv\r\nm=video 9 X 0\r\na=sendrecv\r\n';
  bob.receive({ Type: 'ACK', ...head, CSeq: 2, RelatedID: 1, Body: answer });
  await world.pass(100);
  assert.equal(world.bob.calls[0]?.state, 'active');
  assert.equal(FakePeer.all[0]?.remoteDescription?.sdp, answer);
});

/** An offer of somebody whom this side has not talked to. */
const STRANGER =
  'v=0\r\na=ice-ufrag:z\r\na=fingerprint:sha-256 new\r\nm=audio 9 X 0\r\na=sendrecv\r\nm=video 9 X 0\r\na=sendrecv\r\n';

/** The server sends this to the caller in the dialog that stands. */
const tellCaller = (call: Call, CSeq: number, message: Record<string, unknown>) =>
  world.sockets[0]?.receive({
    'Request-URI': 'alice',
    From: 'bob',
    To: 'alice',
    DialogueID: call.id,
    CSeq,
    ...message,
  });

test('whoever takes the place of the other side is met by a new connection, with what was sent before', async () => {
  const [ours] = await world.call();
  const before = ours.connection as unknown as FakePeer;
  ours.mute('audio');
  world.drop = () => true;
  tellCaller(ours, 91, { Type: 'INVITE', Body: STRANGER });
  await world.pass(100);
  const after = ours.connection as unknown as FakePeer;
  assert.notEqual(after, before);
  assert.deepEqual([before.isClosed, after.isClosed], [true, false]);
  const tracks = ({ transceivers }: FakePeer) => transceivers.map(({ sender }) => sender.track);
  assert.deepEqual(tracks(after), tracks(before));
  assert.ok(ours.isMuted('audio'));
  assert.equal(after.remoteDescription?.sdp, STRANGER);
  tellCaller(ours, 92, { Type: 'ACK', RelatedID: 91 });
  // From the same one again: he is known.
  tellCaller(ours, 93, { Type: 'INVITE', Body: STRANGER });
  await world.pass(100);
  assert.equal(ours.connection as unknown, after);
});

test('an offer that somebody else may answer is made by a new connection, which a hold survives', async () => {
  const [ours] = await world.call();
  const before = ours.connection as unknown as FakePeer;
  await Promise.all([ours.hold(), world.pass(100)]);
  world.drop = () => true;
  tellCaller(ours, 91, { Type: 'INVITE' });
  await world.pass(100);
  const after = ours.connection as unknown as FakePeer;
  assert.notEqual(after, before);
  assert.equal(before.isClosed, false, 'until the other side has agreed');
  const directions = () => after.transceivers.map(({ direction }) => direction);
  assert.deepEqual(directions(), ['inactive', 'inactive']);
  tellCaller(ours, 92, { Type: 'ACK', RelatedID: 91, Body: STRANGER });
  await world.pass(100);
  assert.equal(before.isClosed, true);
  void ours.resume().catch(() => {});
  await world.pass(100);
  assert.deepEqual(directions(), ['sendrecv', 'sendrecv']);
});

test('where the new side cannot be agreed with, the old connection stays', async () => {
  const [ours] = await world.call();
  const before = ours.connection as unknown as FakePeer;
  world.drop = () => true;
  tellCaller(ours, 91, { Type: 'INVITE', Body: 'nonsense' });
  await world.pass(100);
  assert.equal(ours.connection as unknown, before);
  assert.equal(before.isClosed, false);
});

test('a side that takes no candidates later gets all of them when the call stands', async () => {
  world.drop = (message, from) => {
    if (from === 1) message['Recv-Info'] = '';
    return false;
  };
  const [ours] = await world.call();
  await world.pass(3_000);
  assert.equal(ours.state, 'active');
  const offers = world.sockets[0]?.sent.filter(({ Type }) => Type === 'INVITE') ?? [];
  assert.equal(offers.length, 2);
  assert.match(String(offers[1]?.['Body']), /end-of-candidates/);
  assert.ok(!world.types(0).includes('INFO'));
});

test('candidates of the callee that did not reach a caller who was away come with an offer', async () => {
  world.drop = (message, from) => {
    const isOfInfo = world.sockets[1]?.sent.some(
      ({ Type, CSeq }) => Type === 'INFO' && CSeq === message['CSeq'],
    );
    if (from === 0 && message['Type'] === 'RESPONSE' && isOfInfo) message['Code'] = 408;
    return false;
  };
  const [, theirs] = await world.call();
  await world.pass(3_000);
  assert.equal(theirs.state, 'active');
  const [offer] = world.sockets[1]?.sent.filter(({ Type }) => Type === 'INVITE') ?? [];
  assert.match(String(offer?.['Body']), /end-of-candidates/);
});

test('candidates are waited for where they may not trickle, but not for ever', async () => {
  FakePeer.later = () => {};
  const call = world.alice.call('bob', { ...MEDIA, trickle: false, gatherMs: 500 });
  await world.pass(400);
  assert.deepEqual(world.types(0), []);
  await world.pass(300);
  assert.deepEqual(world.types(0).slice(0, 1), ['INVITE']);
  await hangUp(call);
});

test('hold is undone where the other side refuses it', async () => {
  const [ours, theirs] = await world.call();
  const directions = () => peers()[0].transceivers.map(({ direction }) => direction);
  const held = ours.hold();
  assert.deepEqual(directions(), ['inactive', 'inactive']);
  await world.pass(100);
  await held;
  assert.equal(theirs.isHeldByPeer, true);
  const resumed = ours.resume();
  world.drop = (message, from) => {
    if (from === 1 && message['Type'] === 'RESPONSE' && message['Code'] === 200) message['Code'] = 488;
    return false;
  };
  await Promise.all([assert.rejects(resumed, { code: 488 }), world.pass(100)]);
  assert.equal(ours.isHeld, true);
  assert.deepEqual(directions(), ['inactive', 'inactive']);
});

test('changes of both sides that collide are made after the pauses of RFC 3261', async () => {
  const [ours, theirs] = await world.call();
  const begin = world.clock.time;
  const times: number[] = [];
  const both = [ours.restartIce(), theirs.restartIce()].map((change) =>
    change.then(() => times.push(world.clock.time - begin)),
  );
  await world.pass(5_000);
  await Promise.all(both);
  assert.ok(world.types(0).includes(491) && world.types(1).includes(491));
  assert.ok((times[0] ?? 9_999) <= 2_200, `the callee after at most 2 s: ${times}`);
  assert.ok(
    (times[1] ?? 0) >= 2_100 && (times[1] ?? 9_999) <= 4_200,
    `the caller after 2.1 to 4 s: ${times}`,
  );
});

test('a change that waits for its turn fails when the call ends', async () => {
  const [ours, theirs] = await world.call();
  const change = ours.restartIce();
  const other = theirs.restartIce();
  await world.pass(100);
  const rejected = Promise.all([assert.rejects(change), assert.rejects(other)]);
  await hangUp(ours);
  await world.pass(5_000);
  await rejected;
});

test('the caller restarts ICE where the connection fails, the callee leaves it to him for a while', async () => {
  await world.call();
  const [first, second] = peers();
  second.become('failed');
  first.become('failed');
  await world.pass(200);
  const offers = (who: number) => world.types(who).filter((type) => type === 'INVITE').length;
  assert.deepEqual([offers(0), offers(1)], [2, 0]);
  first.become('connected');
  second.become('connected');
  second.become('failed');
  await world.pass(3_200);
  assert.deepEqual([offers(0), offers(1)], [2, 1]);
});

test('a path that is silent for a while is looked for anew, one that comes back is not', async () => {
  await world.call();
  const [first, second] = peers();
  const offers = (who: number) => world.types(who).filter((type) => type === 'INVITE').length;
  first.become('disconnected');
  await world.pass(2_000);
  first.become('connected');
  await world.pass(5_000);
  assert.deepEqual([offers(0), offers(1)], [1, 0]);
  first.become('disconnected');
  second.become('disconnected');
  await world.pass(3_200);
  assert.deepEqual([offers(0), offers(1)], [2, 0]);
  first.become('connected');
  await world.pass(3_000);
  assert.deepEqual([offers(0), offers(1)], [2, 1], 'the callee waits twice as long');
});

test('a network that is back has ICE restarted at once where the path is broken', async () => {
  await world.call();
  const [first] = peers();
  const offers = () => world.types(0).filter((type) => type === 'INVITE').length;
  world.pages[0]?.listener?.online();
  await world.pass(100);
  assert.equal(offers(), 1);
  first.become('disconnected');
  world.pages[0]?.listener?.online();
  await world.pass(100);
  assert.equal(offers(), 2);
});

test('another camera takes the place of the first, which is let go', async () => {
  const [ours] = await world.call();
  const sent = (kind: string) =>
    peers()[0].transceivers.find(({ sender }) => sender.track?.kind === kind)?.sender.track;
  const [camera, microphone] = [sent('video'), sent('audio')];
  ours.mute('video');
  await ours.switchDevice({ video: { deviceId: 'other' } });
  assert.notEqual(sent('video'), camera);
  assert.equal(camera?.isStopped, true);
  assert.equal(ours.isMuted('video'), true, 'it is as mute as the one before');
  assert.equal(sent('audio'), microphone);
  assert.deepEqual(
    ours.local?.getTracks().map((track) => track as unknown),
    [microphone, sent('video')],
  );
  // While the screen is shared, a camera waits.
  await ours.shareScreen();
  const screen = sent('video');
  await ours.switchDevice({ audio: true, video: true });
  assert.equal(sent('video'), screen);
  assert.equal(microphone?.isStopped, true);
  await ours.stopSharing();
  assert.equal(sent('video'), ours.local?.getTracks().find(({ kind }) => kind === 'video') as unknown);
  assert.equal(world.types(0).filter((type) => type === 'INVITE').length, 1);
});

test('a device that opens when the call is over is let go at once', async () => {
  const [ours] = await world.call();
  const late = new FakeTrack('video');
  world.camera = async () => new FakeStream([late]);
  const opened = ours.switchDevice({ video: true });
  await Promise.all([ours.hangUp(), opened, world.pass(50)]);
  assert.equal(late.isStopped, true);
  assert.ok(peers()[0].transceivers.every(({ sender }) => sender.track !== late));
});

test('muting, the screen and another camera need no new offer', async () => {
  const [ours] = await world.call();
  const video = () => peers()[0].transceivers[1]?.sender.track;
  const camera = video();
  ours.mute('audio');
  assert.equal(ours.isMuted('audio'), true);
  ours.unmute('audio');
  assert.equal(ours.isMuted('audio'), false);
  await ours.shareScreen();
  assert.notEqual(video(), camera);
  const screen = video();
  screen?.onended?.();
  await settle();
  assert.equal(video(), camera);
  assert.equal(screen?.isStopped, true);
  const other = new FakeTrack('video');
  await ours.replaceTrack(other as unknown as MediaStreamTrack);
  assert.equal(video(), other);
  assert.deepEqual(
    world.types(0).filter((type) => type === 'INVITE'),
    ['INVITE'],
  );
});

test('a picture added to a call of voices is offered', async () => {
  const [ours] = await world.call({ audio: true }, { audio: true });
  await Promise.all([ours.shareScreen(), world.pass(100)]);
  assert.equal(world.types(0).filter((type) => type === 'INVITE').length, 2);
  assert.match(String(peers()[1].remoteDescription?.sdp), /m=video/);
});

test('statistics are summed up', async () => {
  const [ours] = await world.call();
  const found = await ours.statistics();
  assert.equal(found?.roundTrip, 0.05);
  assert.equal(found?.candidate, 'relay');
  assert.equal(found?.audio.bytesSent, 100);
  assert.equal(found?.video.framesDecoded, 30);
  assert.equal(found?.video.frameWidth, 640);
  assert.equal(found?.video.jitter, 0);
});

test('what makes no sense in a state is refused at once', async () => {
  const [ours, theirs] = await world.call();
  await assert.rejects(theirs.answer(), { code: 400 });
  assert.throws(() => theirs.reject(), { code: 400 });
  await hangUp(ours);
  await assert.rejects(ours.hold(), { code: 400 });
  await assert.rejects(ours.transfer('carol'), { code: 481 });
  await ours.hangUp();
});

test('a call ends where the server is gone for too long', async () => {
  const [ours] = await world.call();
  for (const socket of world.sockets) socket.break();
  await world.clock.pass(120_001);
  assert.deepEqual(await ours.ended, { code: 480, reason: 'channel lost', remote: false });
});

test('a transfer that reaches the other side is declined unless somebody hears of it', async () => {
  const [ours, theirs] = await world.call();
  await Promise.all([assert.rejects(ours.transfer('carol'), { code: 603 }), world.pass(50)]);
  theirs.on('transfer', (transfer) => transfer.reject(480));
  await Promise.all([assert.rejects(ours.transfer('carol'), { code: 480 }), world.pass(50)]);
  assert.equal(ours.state, 'active');
});

test('who accepts a transfer calls the target and tells the outcome', async () => {
  const [ours, theirs] = await world.call();
  // The other end of the only wire there is plays the target.
  let followed: Call | undefined;
  theirs.on('transfer', (transfer) => {
    assert.equal(transfer.target, 'carol');
    followed = transfer.accept();
  });
  world.alice.on('call', (call) => void call.answer(MEDIA));
  await Promise.all([ours.transfer('carol'), world.pass(300)]);
  assert.equal(ours.state, 'ended');
  assert.equal(followed?.state, 'active');
  const told = world.sockets[1]?.sent.filter(({ Event }) => Event === 'refer').map(({ Body }) => Body);
  assert.deepEqual(told, [{ code: 100 }, { code: 200 }]);
});

test('a target that declines leaves the call as it was', async () => {
  const [ours, theirs] = await world.call();
  theirs.on('transfer', (transfer) => transfer.accept());
  world.alice.on('call', (call) => call.reject(486));
  await Promise.all([assert.rejects(ours.transfer('carol'), { code: 486 }), world.pass(300)]);
  assert.equal(ours.state, 'active');
});
