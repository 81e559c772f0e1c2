import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Request, Response, script, service } from '@strowger/service';
import { TestKit } from '@strowger/service/testkit';
import probe from './services/probe.js';

const to = (method: string, user: string, body?: unknown) =>
  Request.make(method, `${user}@example.com`, 'alice@example.com', `${user}@example.com`, body);

/** Asks the probe something; gives the Body of its answer. */
function ask(kit: TestKit, what: string): unknown {
  const leg = kit.incoming(to('MESSAGE', what));
  return kit.expectResponse(leg, 200).body;
}

test('a bridge passes a call and its end', () => {
  const kit = new TestKit(probe);
  const alice = kit.incoming(to('INVITE', 'bob', 'offer'));
  const bob = kit.expectOpen();
  assert.equal(bob.request.body, 'offer');
  kit.answer(bob, 180);
  kit.expectResponse(alice, 180);
  kit.answer(bob, 200, 'answer');
  assert.equal(kit.expectResponse(alice, 200).body, 'answer');
  kit.request(alice, to('ACK', 'bob'));
  kit.expectSend(bob.leg, 'ACK');
  kit.hangUp(bob.leg);
  kit.expectSend(alice, 'BYE');
  kit.assertFinished();
});

test('what is forwarded goes on without the instance', () => {
  const kit = new TestKit(probe);
  const alice = kit.incoming(to('INVITE', 'forward', 'offer'));
  const bob = kit.expectOpen();
  assert.deepEqual([bob.request.requestUri, bob.request.body], ['bob@example.com', 'offer']);
  kit.answer(bob, 200, 'answer');
  assert.equal(kit.expectResponse(alice, 200).body, 'answer');
  kit.advance(2000);
  kit.request(alice, to('ACK', 'forward'));
  kit.expectSend(bob.leg, 'ACK');
  kit.hangUp(alice);
  kit.expectSend(bob.leg, 'BYE');
  kit.assertFinished();
  assert.equal(kit.failure, undefined);
});

test('a bridge passes a CANCEL, a refusal, and that nobody is there', () => {
  let kit = new TestKit(probe);
  const alice = kit.incoming(to('INVITE', 'bob'));
  const bob = kit.expectOpen();
  kit.hangUp(alice);
  kit.expectSend(bob.leg, 'CANCEL');
  kit.answer(bob, 200);
  kit.assertFinished();

  kit = new TestKit(probe);
  const caller = kit.incoming(to('INVITE', 'bob'));
  kit.answer(kit.expectOpen(), 486);
  kit.expectResponse(caller, 486);
  kit.assertFinished();

  kit = new TestKit(probe);
  kit.offline('bob@example.com');
  const third = kit.incoming(to('MESSAGE', 'bob'));
  kit.expectOpen();
  kit.expectResponse(third, 480);
  kit.assertFinished();
});

test('a bridge ends the side that is left', () => {
  const kit = new TestKit(probe);
  const alice = kit.incoming(to('INVITE', 'bob'));
  const bob = kit.expectOpen();
  kit.lose(alice);
  kit.expectSend(bob.leg, 'CANCEL');
  kit.answer(bob, 487);
  kit.assertFinished();
});

test('a bridge ends a call whose answer crosses the CANCEL', () => {
  const kit = new TestKit(probe);
  const alice = kit.incoming(to('INVITE', 'bob'));
  const bob = kit.expectOpen();
  kit.atOnce(() => {
    kit.answer(bob, 200);
    kit.hangUp(alice);
  });
  kit.expectSend(bob.leg, 'ACK');
  kit.expectSend(bob.leg, 'BYE');
  kit.assertFinished();
});

test('a bridge takes the Router that led here off', () => {
  const kit = new TestKit(probe, { name: 'guard' });
  const request = to('MESSAGE', 'bob');
  request.route = 'guard.example.com, far.example.com';
  kit.incoming(request);
  assert.equal(kit.expectOpen().request.route, 'far.example.com');
});

test('a script lets agents ring in turn', () => {
  const kit = new TestKit(probe);
  const caller = kit.incoming(to('INVITE', 'hunt'));
  const ann = kit.expectOpen();
  kit.answer(ann, 180);
  kit.expectResponse(caller, 180);
  kit.advance(10_000);
  kit.expectSend(ann.leg, 'CANCEL');
  const ben = kit.expectOpen();
  kit.answer(ben, 486);
  kit.expectResponse(caller, 480);
  kit.assertFinished();
});

test('a script whose caller hangs up gives the call up', () => {
  const kit = new TestKit(probe);
  const caller = kit.incoming(to('INVITE', 'hunt'));
  const ann = kit.expectOpen();
  kit.hangUp(caller);
  kit.expectSend(ann.leg, 'CANCEL');
  kit.assertFinished();
});

test('a script sleeps, and waits for so long', () => {
  const waiting = service({
    start: () =>
      script(function* (call) {
        const first = yield* call.next();
        if (first.type !== 'incoming') return;
        yield* call.sleep(500);
        const next = yield* call.nextWithin(1000);
        call.cx.respond(first.leg, Response.to(first.request, next ? 200 : 480));
      }),
  });
  const kit = new TestKit(waiting);
  const leg = kit.incoming(to('MESSAGE', 'a'));
  kit.advance(1499);
  kit.expectNothing();
  kit.advance(1);
  kit.expectResponse(leg, 480);
  kit.assertFinished();
});

test('a script that takes no events is failed before one is lost', () => {
  const deaf = service({
    start: () =>
      script(function* (call) {
        yield* call.sleep(1e9);
      }),
  });
  const kit = new TestKit(deaf);
  kit.incoming(to('MESSAGE', 'a'));
  for (let n = 0; n < 256; n += 1) kit.deliver({ tag: 'config-changed' });
  assert.match(kit.failure ?? '', /256 events wait/);
});

test('the store is shared, and its values go by themselves', () => {
  const kit = new TestKit(probe);
  ask(kit, 'relation');
  assert.equal(ask(kit, 'count'), '1');
  assert.equal(ask(kit, 'count'), '2');
  assert.deepEqual(ask(kit, 'store'), [['a/1', 'a/2'], 'short', null, null]);
  kit.advance(1000);
  assert.deepEqual(kit.store.keys('a/', 10), ['a/2']);
});

test('what is thrown fails the instance, which is told with its place', () => {
  const kit = new TestKit(probe);
  const leg = kit.incoming(to('MESSAGE', 'throw'));
  kit.expectResponse(leg, 500);
  assert.equal(kit.failure, 'TypeError: this is wrong');
  assert.match(kit.logs[0]?.text ?? '', /this is wrong\n {4}at /);
  assert.throws(() => kit.assertFinished(), /failed: TypeError/);
});

test('an instance that would answer later is told that there is no later', () => {
  const late = service({ start: () => ({ handle: async () => undefined }) as never });
  const kit = new TestKit(late);
  kit.incoming(to('MESSAGE', 'a'));
  assert.match(kit.failure ?? '', /must not be async/);
});

test('HTTP goes both ways', () => {
  const kit = new TestKit(probe);
  ask(kit, 'relation');
  ask(kit, 'fetch');
  const { id, request } = kit.expectFetch();
  assert.deepEqual([request.method, request.text], ['POST', 'ü']);
  kit.fetched(id, { status: 200, body: 'schön' });
  ask(kit, 'fetch');
  kit.fetched(kit.expectFetch().id, { tag: 'not-granted' });
  assert.deepEqual(
    kit.logs.map(({ text }) => text),
    ['fetched schön', 'not fetched: not-granted'],
  );
  const asked = kit.http({ method: 'PUT', url: '/x', body: '{}' });
  assert.equal(kit.expectHttp(asked, 202).text, 'PUT /x {}');
});

test('settings are checked, read, and read again', () => {
  assert.throws(() => new TestKit(probe, { config: { wrong: 1 } }), /it is wrong/);
  const kit = new TestKit(probe, { config: { a: 1 } });
  assert.deepEqual(ask(kit, 'facts'), ['service', ['node.example'], 0, { a: 1 }]);
});

test('new settings, publications and the store are told', () => {
  const kit = new TestKit(probe);
  ask(kit, 'relation');
  ask(kit, 'listen');
  kit.publish('news', 'hi');
  kit.publish('other', 'hi');
  ask(kit, 'watch');
  ask(kit, 'sync');
  kit.synced();
  kit.configure({ b: 2 });
  assert.deepEqual(
    kit.logs.map(({ text }) => text),
    [
      '{"type":"published","topic":"news","text":"hi"}',
      '{"type":"store-changed","key":"a/"}',
      '{"type":"synced","id":1}',
      'settings: {"b":2}',
    ],
  );
});

test('an instance goes over to the next version, or says why not', () => {
  const kit = new TestKit(probe);
  ask(kit, 'relation');
  assert.equal(ask(kit, 'times'), 2);
  kit.upgrade(probe);
  assert.equal(ask(kit, 'times'), 3);
  assert.throws(() => kit.upgrade(service({ start: probe.start })), /takes over no instances/);
  assert.equal(ask(kit, 'times'), 4);
});

test('a command that cannot be carried out comes back', () => {
  const kit = new TestKit(probe);
  ask(kit, 'relation');
  ask(kit, 'stray');
  assert.deepEqual(kit.refusals, [{ leg: 99, request: null, error: { tag: 'unknown-leg' } }]);
  assert.match(kit.logs[0]?.text ?? '', /"type":"refused"/);
});

test('who is not answered in time gets 408, and the service hears of it', () => {
  const silent = service({ start: () => ({ handle: (event, cx) => cx.log('info', event.type) }) });
  const kit = new TestKit(silent);
  kit.incoming(to('MESSAGE', 'a'));
  kit.advance(5000);
  assert.deepEqual(
    kit.logs.map(({ text }) => text),
    ['incoming', 'expired', 'ended'],
  );
  kit.assertFinished();
});

test('who needs not hear of legs that are over in the usual course hears of the others', () => {
  const heard: string[] = [];
  const hears = (hearsCompleted: boolean) =>
    service({
      start: () => ({
        handle(event, cx) {
          heard.push(event.type === 'ended' ? `${event.type} ${event.cause}` : event.type);
          if (event.type === 'incoming') cx.respond(event.leg, Response.to(event.request, 200));
        },
      }),
      hearsCompleted,
    });
  for (const hearsCompleted of [true, false]) {
    const kit = new TestKit(hears(hearsCompleted));
    kit.expectResponse(kit.incoming(to('MESSAGE', 'echo')), 200);
    kit.assertFinished();
  }
  assert.deepEqual(heard.splice(0), ['incoming', 'ended completed', 'incoming']);
  const kit = new TestKit(hears(false));
  const leg = kit.incoming(to('INVITE', 'echo'));
  kit.expectResponse(leg, 200);
  kit.lose(leg);
  assert.deepEqual(heard, ['incoming', 'request', 'ended channel-lost']);
});
