import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { Client, type ClientOptions, StrowgerError } from '../src/index.js';
import { FakeClock, FakePage, FakeSocket, settle } from './fake-world.js';

let clock: FakeClock;
let seed = 0;

beforeEach(() => {
  clock = new FakeClock();
  FakeSocket.all = [];
  seed = 0;
});

/** Random numbers that differ, so that ids do. */
const random = () => {
  seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
  return seed / 2 ** 31;
};

function create(options: Partial<ClientOptions> = {}): Client {
  return new Client({
    url: 'ws://example.com/rtc',
    userid: 'alice@example.com',
    WebSocket: FakeSocket,
    page: false,
    clock,
    random,
    ...options,
  });
}

async function online(options: Partial<ClientOptions> = {}): Promise<Client> {
  const client = create(options);
  const connected = client.connect();
  await settle();
  FakeSocket.last.open();
  await connected;
  return client;
}

const story = (client: Client): string[] => {
  const told: string[] = [];
  for (const name of ['online', 'reconnecting', 'offline', 'replaced'] as const) {
    client.on(name, () => told.push(name));
  }
  return told;
};

test('the name is in the query, percent-encoded', async () => {
  await online({ userid: 'ann lee@example.com', url: 'https://example.com/rtc?x=1' });
  assert.equal(FakeSocket.last.url, 'wss://example.com/rtc?x=1&userid=ann+lee%40example.com');
  assert.equal(FakeSocket.last.protocols, undefined);
});

test('the token is asked for at each connection and sent as subprotocols', async () => {
  let asked = 0;
  await online({
    token: async () => {
      asked += 1;
      return `t${asked}`;
    },
  });
  assert.deepEqual(FakeSocket.last.protocols, ['jsip', 'bearer.t1']);
  FakeSocket.last.break();
  await clock.pass(1_000);
  assert.deepEqual(FakeSocket.last.protocols, ['jsip', 'bearer.t2']);
});

test('a first attempt that fails rejects, whatever failed', async () => {
  const refused = create();
  const rejected = assert.rejects(refused.connect(), { code: 480 });
  await settle();
  FakeSocket.last.break(1006);
  await rejected;
  assert.equal(refused.state, 'offline');
  const slow = create();
  const timeout = assert.rejects(slow.connect(), { code: 480 });
  await clock.pass(10_001);
  await timeout;
  const noToken = create({ token: () => Promise.reject(new Error('no token')) });
  await assert.rejects(noToken.connect(), /no token/);
  assert.equal(clock.waiting, 0);
});

test('pauses between attempts grow to 30 s, and begin anew after a good connection', async () => {
  const client = await online();
  const delays: number[] = [];
  client.on('reconnecting', ({ delay }) => delays.push(delay));
  await clock.pass(60_000);
  for (let attempt = 0; attempt < 10; attempt += 1) {
    FakeSocket.last.break();
    await clock.pass(30_001);
  }
  for (const [index, delay] of delays.entries()) {
    const ceiling = Math.min(500 * 2 ** index, 30_000);
    assert.ok(delay <= ceiling && (index === 0 || delay >= ceiling / 2), `${index}: ${delay}`);
  }
  FakeSocket.last.open();
  await clock.pass(10_000);
  FakeSocket.last.break();
  assert.ok((delays.at(-1) ?? 0) <= 500);
});

test('4001 ends it: the name has another connection', async () => {
  const client = await online();
  const told = story(client);
  const pending = assert.rejects(client.message('bob', 'hello'), { code: 480 });
  FakeSocket.last.break(4001, 'replaced');
  await pending;
  await clock.pass(600_000);
  assert.deepEqual(told, ['replaced', 'offline']);
  assert.equal(FakeSocket.all.length, 1);
});

test('4003 ends it with a fixed token, and asks for a new one where it can', async () => {
  const fixed = await online({ token: 'old' });
  FakeSocket.last.break(4003, 'expired');
  assert.equal(fixed.state, 'offline');
  const asking = await online({ token: () => 'new' });
  FakeSocket.last.break(4003, 'expired');
  assert.equal(asking.state, 'reconnecting');
});

test('1012 fails what is open and comes back after a spread pause', async () => {
  const client = await online();
  const delays: number[] = [];
  client.on('reconnecting', ({ delay }) => delays.push(delay));
  const pending = assert.rejects(client.message('bob', 'hello'), { code: 503 });
  FakeSocket.last.break(1012, 'restart');
  await pending;
  assert.ok((delays[0] ?? 0) >= 1_000);
  await clock.pass(5_000);
  FakeSocket.last.open();
  assert.deepEqual(FakeSocket.last.types(), []);
});

test('what the server closed the socket for is not sent again', async () => {
  const client = await online();
  const pending = assert.rejects(client.message('bob', 'hello'), { code: 503 });
  FakeSocket.last.break(1009, 'too big');
  await pending;
  await clock.pass(5_000);
  FakeSocket.last.open();
  assert.deepEqual(FakeSocket.last.types(), []);
});

test('a message waits for the connection and is sent again until it is answered', async () => {
  const client = await online();
  const told = story(client);
  const sent = client.message('bob', 'hello');
  FakeSocket.last.break();
  await clock.pass(1_000);
  FakeSocket.last.open();
  assert.deepEqual(FakeSocket.last.sent, FakeSocket.all[0]?.sent);
  FakeSocket.last.answer('MESSAGE', 200);
  assert.equal((await sent).Code, 200);
  assert.deepEqual(told, ['reconnecting', 'online']);
});

test('a socket on which nothing comes back is given up for another', async () => {
  const client = await online();
  const sent = client.message('bob', 'hello');
  await clock.pass(9_000);
  const [first, second] = FakeSocket.all;
  assert.ok(first?.closed && second);
  second.open();
  second.answer('MESSAGE', 200);
  assert.equal((await sent).Code, 200);
});

test('close ends everything and nothing waits any more', async () => {
  const client = await online();
  const pending = assert.rejects(client.message('bob', 'hello'), { code: 480 });
  client.close();
  await pending;
  assert.equal(FakeSocket.last.closed, 1000);
  assert.equal(client.state, 'offline');
  await assert.rejects(client.message('bob', 'hello'), { code: 480 });
  assert.equal(clock.waiting, 0);
  const again = client.connect();
  await settle();
  FakeSocket.last.open();
  await again;
});

test('the network coming back cuts the pause short, and looks after a socket that is there', async () => {
  const page = new FakePage();
  const client = await online({ page: page.page });
  page.listener?.visible();
  assert.deepEqual(FakeSocket.last.types(), ['OPTIONS']);
  FakeSocket.last.answer('OPTIONS', 200);
  FakeSocket.last.break();
  await clock.pass(600);
  FakeSocket.last.break();
  const before = FakeSocket.all.length;
  page.listener?.online();
  await settle();
  assert.equal(FakeSocket.all.length, before + 1);
  page.listener?.online();
  await settle();
  assert.equal(FakeSocket.all.length, before + 1, 'an attempt under way is left alone');
  client.close();
  assert.equal(page.listener, undefined);
});

test('a page in the back-forward cache has no socket, and gets one when it comes out', async () => {
  const page = new FakePage();
  await online({ page: page.page });
  page.listener?.hide();
  assert.equal(FakeSocket.last.closed, 4000);
  await clock.pass(60_000);
  assert.equal(FakeSocket.all.length, 1);
  page.listener?.show();
  await settle();
  assert.equal(FakeSocket.all.length, 2);
});

test('a subscription is renewed in its dialog, hears and ends', async () => {
  const client = await online();
  const granted = client.subscribe('bob', 'presence', { expire: 100 });
  FakeSocket.last.answer('SUBSCRIBE', 200);
  const lease = await granted;
  const heard: unknown[] = [];
  lease.on('notify', ({ body }) => heard.push(body));
  const notify = { 'Request-URI': 'alice', From: 'bob', To: 'alice', DialogueID: 'another' };
  FakeSocket.last.receive({ ...notify, Type: 'NOTIFY', CSeq: 1, Event: 'presence', Body: 'open' });
  assert.deepEqual(heard, ['open']);
  await clock.pass(80_000);
  FakeSocket.last.answer('SUBSCRIBE', 200);
  await settle();
  const ended = lease.end();
  FakeSocket.last.answer('SUBSCRIBE', 200);
  await ended;
  const sent = FakeSocket.last.sent.filter(({ Type }) => Type === 'SUBSCRIBE');
  assert.deepEqual(
    sent.map(({ CSeq, Expire, Event }) => [CSeq, Expire, Event]),
    [
      [1, 100, 'presence'],
      [2, 100, 'presence'],
      [3, 0, 'presence'],
    ],
  );
  assert.equal(new Set(sent.map(({ DialogueID }) => DialogueID)).size, 1);
});

test('a subscription is renewed after a reconnect: the server may have been restarted', async () => {
  const client = await online();
  const granted = client.subscribe('bob', 'presence', { expire: 100 });
  FakeSocket.last.answer('SUBSCRIBE', 200);
  const lease = await granted;
  FakeSocket.last.break();
  await clock.pass(1_000);
  FakeSocket.last.open();
  assert.deepEqual(FakeSocket.last.types(), ['SUBSCRIBE']);
  FakeSocket.last.answer('SUBSCRIBE', 200);
  await clock.pass(80_000);
  assert.deepEqual(FakeSocket.last.types(), ['SUBSCRIBE', 'SUBSCRIBE'], 'and from then on in its time');
  FakeSocket.last.answer('SUBSCRIBE', 200);
  await settle();
  FakeSocket.last.break();
  await clock.pass(1_000);
  FakeSocket.last.open();
  const refused = new Promise<StrowgerError | undefined>((resolve) => lease.on('ended', resolve));
  FakeSocket.last.answer('SUBSCRIBE', 404);
  assert.equal((await refused)?.code, 404);
});

test('a registration that cannot be renewed says so', async () => {
  const client = await online();
  const granted = client.register('registrar', { expire: 60 });
  FakeSocket.last.answer('REGISTER', 200, { Expire: 10 });
  const lease = await granted;
  let error: StrowgerError | undefined;
  lease.on('ended', (reason) => {
    error = reason;
  });
  await clock.pass(8_000);
  FakeSocket.last.answer('REGISTER', 403, { Reason: 'go away' });
  await settle();
  assert.equal(error?.code, 403);
});

test('other requests are for whoever listens, and 501 if nobody does', async () => {
  const client = await online();
  const notify = (id: string) =>
    FakeSocket.last.receive({
      Type: 'NOTIFY',
      'Request-URI': 'alice',
      From: 'bob',
      To: 'alice',
      DialogueID: id,
      CSeq: 1,
    });
  notify('a');
  client.on('request', (incoming) => incoming.respond(202));
  notify('b');
  client.on('request', (incoming) => incoming.hold());
  assert.deepEqual(FakeSocket.last.types(), [501, 202]);
});

test('an error says code and reason', () => {
  const error = new StrowgerError(486, 'busy');
  assert.equal(String(error), 'StrowgerError: 486 busy');
  assert.equal(new StrowgerError(480).message, '480');
});
