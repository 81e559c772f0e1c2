import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Headers } from '../src/core/message.js';
import { StrowgerError } from '../src/errors.js';
import { Pair, sizesOf } from './pair.js';

const types = (texts: string[]) =>
  texts.map((text) => {
    const { Type, Code } = JSON.parse(text) as { Type: string; Code?: number };
    return Code ? `${Code}` : Type;
  });

test('a message is answered and nothing stays open', () => {
  const pair = new Pair();
  pair.open('MESSAGE', { Body: 'hello' });
  pair.pass(100);
  assert.equal(pair.bob.last('incoming').Body, 'hello');
  pair.respond(pair.bob, 200);
  pair.pass(100);
  assert.deepEqual(pair.alice.story, ['response 200']);
  for (const { stack } of [pair.alice, pair.bob]) {
    assert.deepEqual(sizesOf(stack), { live: 0, finished: 1, requests: 0 });
    assert.equal(stack.deadline, undefined);
  }
});

test('no more than so many finished dialogs are remembered', () => {
  const pair = new Pair();
  for (let count = 0; count < 300; count += 1) {
    pair.open('MESSAGE');
    pair.pass(20);
    pair.respond(pair.bob, 200);
  }
  pair.pass(100);
  assert.equal(sizesOf(pair.alice.stack).finished, 256);
  assert.equal(sizesOf(pair.bob.stack).finished, 256);
  assert.equal(sizesOf(pair.bob.stack).live, 0);
});

test('a call may change a thousand times', () => {
  const pair = new Pair();
  const dialog = pair.call();
  for (let count = 0; count < 1_000; count += 1) {
    pair.send(pair.alice, dialog, 'INVITE');
    pair.pass(20);
    pair.respond(pair.bob, 200);
    pair.pass(20);
    pair.send(pair.alice, dialog, 'ACK');
    pair.pass(20);
  }
  assert.equal(pair.bob.stack.state(dialog), 'Established');
  assert.deepEqual(sizesOf(pair.bob.stack), { live: 1, finished: 0, requests: 0 });
});

test('a request that nobody answers gets 408', () => {
  const pair = new Pair();
  pair.open('MESSAGE');
  pair.open('MESSAGE');
  pair.pass(100);
  pair.respond(pair.bob, 200);
  pair.pass(10_000);
  assert.deepEqual(pair.alice.story, ['response 200', 'response 408']);
});

test('a 1xx gives a request more time', () => {
  const pair = new Pair();
  pair.open('SUBSCRIBE');
  pair.pass(100);
  pair.respond(pair.bob, 183);
  pair.pass(40_000);
  pair.respond(pair.bob, 200);
  pair.pass(100);
  assert.deepEqual(pair.alice.story, ['response 183', 'response 200']);
});

test('a request without a response is sent again after a reconnect, unchanged and once', () => {
  const pair = new Pair();
  pair.open('MESSAGE', { Body: 1 });
  pair.open('MESSAGE', { Body: 2 });
  pair.cut();
  pair.open('MESSAGE', { Body: 3 });
  pair.pass(1_000);
  const before = [...pair.alice.written];
  pair.join();
  pair.pass(100);
  assert.deepEqual(pair.alice.written.slice(2, 4), before);
  const bodies = pair.bob.told.map((output) => output.kind === 'incoming' && output.request.Body);
  assert.deepEqual(bodies, [1, 2, 3]);
});

test('a request that was delivered before the socket broke is absorbed and answered again', () => {
  const pair = new Pair();
  pair.open('MESSAGE');
  pair.pass(100);
  pair.respond(pair.bob, 200);
  pair.cut();
  pair.pass(1_000);
  pair.join();
  pair.pass(100);
  assert.deepEqual(pair.bob.story, ['incoming MESSAGE']);
  assert.deepEqual(pair.alice.story, ['response 200']);
});

test('what came long before the socket broke is still absorbed', () => {
  const pair = new Pair();
  pair.open('MESSAGE');
  pair.pass(15);
  pair.respond(pair.bob, 200);
  pair.swallow();
  pair.pass(5_000);
  pair.cut();
  pair.pass(60_000);
  pair.join();
  pair.pass(100);
  assert.deepEqual(pair.bob.story, ['incoming MESSAGE']);
  assert.deepEqual(pair.alice.story, ['response 200']);
});

test('time without a socket does not count against a request', () => {
  const pair = new Pair();
  pair.open('MESSAGE');
  pair.cut();
  pair.pass(60_000);
  pair.join();
  pair.pass(4_000);
  pair.respond(pair.bob, 200);
  pair.pass(100);
  assert.deepEqual(pair.alice.story, ['response 200']);
});

test('where nothing comes at all the socket is suspected before the request fails', () => {
  const pair = new Pair();
  pair.open('MESSAGE');
  pair.swallow();
  pair.pass(7_001);
  assert.deepEqual(pair.alice.story, ['suspect']);
  pair.cut();
  pair.join();
  pair.pass(100);
  pair.respond(pair.bob, 200);
  pair.pass(100);
  assert.deepEqual(pair.alice.story, ['suspect', 'response 200']);
});

test('a suspected request fails when it is not answered on the next socket either', () => {
  const pair = new Pair();
  pair.open('MESSAGE');
  pair.swallow();
  pair.pass(7_001);
  pair.cut();
  pair.join();
  pair.swallow();
  pair.pass(20_000);
  assert.deepEqual(pair.alice.story, ['suspect', 'response 408']);
});

test('without a socket for too long everything has failed', () => {
  const pair = new Pair();
  const dialog = pair.call();
  pair.cut();
  pair.open('MESSAGE');
  pair.pass(120_001);
  assert.deepEqual(pair.alice.story.slice(-2), ['ended 480 channel lost', 'response 480']);
  assert.equal(pair.bob.story.at(-1), 'ended 480 channel lost');
  assert.equal(pair.alice.stack.state(dialog), undefined);
});

test('a call is set up and hung up', () => {
  const pair = new Pair();
  const dialog = pair.call();
  assert.equal(pair.alice.stack.state(dialog), 'Established');
  assert.equal(pair.bob.stack.state(dialog), 'Established');
  pair.send(pair.bob, dialog, 'BYE', { Reason: 'lunch' });
  pair.pass(100);
  assert.deepEqual(pair.alice.story.slice(-2), ['request BYE', 'ended 200 lunch']);
  assert.deepEqual(pair.bob.story.slice(-2), ['ended 200 lunch', 'response 200']);
  assert.equal(sizesOf(pair.alice.stack).live + sizesOf(pair.bob.stack).live, 0);
  assert.equal(pair.alice.stack.deadline, undefined);
});

test('a refusal gets its ACK from the stack', () => {
  const pair = new Pair();
  pair.open('INVITE');
  pair.pass(100);
  pair.respond(pair.bob, 486);
  pair.pass(100);
  assert.deepEqual(pair.alice.story, ['response 486', 'ended 486 refused']);
  assert.deepEqual(types(pair.alice.written), ['INVITE', 'ACK']);
  assert.equal(pair.bob.story.at(-1), 'ended 486 refused');
});

test('a CANCEL ends the ringing', () => {
  const pair = new Pair();
  const dialog = pair.open('INVITE');
  pair.pass(100);
  pair.respond(pair.bob, 180);
  pair.pass(100);
  pair.send(pair.alice, dialog, 'CANCEL');
  pair.pass(100);
  assert.deepEqual(pair.bob.story, ['incoming INVITE', 'ended 487 cancelled']);
  assert.deepEqual(pair.alice.story.slice(1).sort(), ['ended 487 cancelled', 'response 200', 'response 487']);
});

test('an answer that crosses the CANCEL gets ACK and BYE', () => {
  const pair = new Pair();
  const dialog = pair.open('INVITE');
  pair.pass(100);
  pair.respond(pair.bob, 200);
  pair.send(pair.alice, dialog, 'CANCEL');
  pair.pass(100);
  assert.equal(pair.alice.story.includes('response 487'), true);
  assert.deepEqual(types(pair.alice.written), ['INVITE', 'CANCEL', 'ACK', 'BYE']);
  assert.equal(pair.bob.story.at(-1)?.startsWith('ended 200'), true);
});

test('an INVITE that is cancelled before any socket took it vanishes with its CANCEL', () => {
  const pair = new Pair();
  pair.cut();
  const dialog = pair.open('INVITE');
  pair.send(pair.alice, dialog, 'CANCEL');
  pair.join();
  pair.pass(100);
  assert.deepEqual(pair.bob.story, []);
  assert.equal(pair.alice.story.includes('response 487'), true);
});

test('an INVITE that nobody answers is cancelled and gets 408', () => {
  const pair = new Pair({ timers: { provisional: 5_000 } });
  pair.open('INVITE');
  pair.pass(100);
  pair.respond(pair.bob, 180);
  pair.pass(20_000);
  assert.deepEqual(pair.alice.story, ['response 180', 'response 408', 'ended 408 no answer in time']);
  assert.match(pair.bob.story.at(-1) ?? '', /^ended/);
});

test('an INVITE rings through a reconnect and its answer arrives', () => {
  const pair = new Pair();
  const dialog = pair.open('INVITE');
  pair.pass(100);
  pair.respond(pair.bob, 180);
  pair.pass(100);
  pair.cut();
  pair.pass(5_000);
  pair.respond(pair.bob, 200);
  pair.join();
  pair.pass(100);
  pair.send(pair.alice, dialog, 'ACK');
  pair.pass(100);
  assert.equal(pair.bob.stack.state(dialog), 'Established');
  assert.equal(pair.bob.story.filter((line) => line === 'incoming INVITE').length, 1);
});

test('an answer that was lost with the socket is sent again', () => {
  const pair = new Pair();
  const dialog = pair.open('INVITE');
  pair.pass(100);
  pair.respond(pair.bob, 180);
  pair.pass(100);
  pair.respond(pair.bob, 200);
  pair.cut();
  pair.join();
  pair.pass(100);
  assert.deepEqual(
    pair.alice.story.filter((line) => line !== 'response 180'),
    ['response 200'],
  );
  pair.send(pair.alice, dialog, 'ACK');
  pair.pass(100);
  assert.equal(pair.bob.stack.state(dialog), 'Established');
});

test('an ACK that was lost with the socket is sent again', () => {
  const pair = new Pair();
  const dialog = pair.open('INVITE');
  pair.pass(100);
  pair.respond(pair.bob, 200);
  pair.pass(100);
  pair.send(pair.alice, dialog, 'ACK');
  pair.cut();
  pair.join();
  pair.pass(100);
  assert.equal(pair.bob.stack.state(dialog), 'Established');
  assert.equal(pair.bob.story.filter((line) => line === 'request ACK').length, 1);
});

test('re-INVITEs that cross both get 491 and the call stands', () => {
  const pair = new Pair();
  const dialog = pair.call();
  pair.send(pair.alice, dialog, 'INVITE');
  pair.send(pair.bob, dialog, 'INVITE');
  pair.pass(100);
  assert.equal(pair.alice.lastResponse().Code, 491);
  assert.equal(pair.bob.lastResponse().Code, 491);
  assert.equal(pair.alice.stack.state(dialog), 'Established');
  assert.equal(pair.bob.stack.state(dialog), 'Established');
  pair.send(pair.alice, dialog, 'INVITE');
  pair.pass(100);
  pair.respond(pair.bob, 200);
  pair.pass(100);
  pair.send(pair.alice, dialog, 'ACK');
  pair.pass(10_000);
  assert.equal(pair.bob.stack.state(dialog), 'Established');
});

test('a session with Expire is refreshed by its caller', () => {
  const pair = new Pair();
  const dialog = pair.call({ Expire: 30 });
  pair.pass(300_000);
  assert.equal(pair.alice.stack.state(dialog), 'Established');
  assert.equal(pair.bob.stack.state(dialog), 'Established');
  assert.ok(types(pair.alice.written).filter((type) => type === 'UPDATE').length >= 29);
});

test('a session that nobody refreshes ends', () => {
  const pair = new Pair();
  const dialog = pair.call({ Expire: 30 });
  pair.alice.stack.lost(pair.now, 480, 'closed');
  pair.pass(31_000);
  assert.equal(pair.bob.story.at(-1), 'ended 408 no answer in time');
  assert.notEqual(pair.bob.stack.state(dialog), 'Established');
});

test('a call that the other side does not know any more ends after a reconnect', () => {
  const pair = new Pair();
  pair.call();
  pair.bob.stack.lost(pair.now, 480, 'restarted');
  pair.cut();
  pair.join();
  pair.pass(100);
  assert.equal(pair.alice.story.at(-1), 'ended 481 no such dialog');
});

test('a ringing call that the other side does not know any more ends after a reconnect', () => {
  const pair = new Pair();
  pair.open('INVITE');
  pair.pass(100);
  pair.respond(pair.bob, 180);
  pair.pass(100);
  pair.alice.stack.lost(pair.now, 480, 'restarted');
  pair.cut();
  pair.join();
  pair.pass(100);
  assert.equal(pair.bob.story.at(-1), 'ended 481 no such dialog');
});

test('an illegal request is an error and never reaches the wire', () => {
  const pair = new Pair();
  const dialog = pair.open('INVITE');
  assert.throws(() => pair.send(pair.alice, dialog, 'REFER'), { code: 400 });
  assert.throws(() => pair.send(pair.alice, 'nowhere', 'BYE'), { code: 481 });
  pair.pass(50);
  assert.deepEqual(types(pair.alice.written), ['INVITE']);
});

test('what an application gets wrong is an error that names it, and never reaches the wire', () => {
  const pair = new Pair();
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  for (const [headers, reason] of [
    [{ CSeq: 7 }, 'illegal CSeq'],
    [{ Type: 'BYE' }, 'illegal Type'],
    [{ 'Request-URI': '' }, 'illegal Request-URI'],
    [{ To: 7 }, 'illegal To'],
    [{ 'Content-Type': null }, 'illegal Content-Type'],
    [{ Router: ['a'] }, 'illegal Router'],
    [{ Expire: '60' }, 'illegal Expire'],
    [{ Expire: 1.5 }, 'illegal Expire'],
    [{ Expire: -1 }, 'illegal Expire'],
    [{ Body: cycle }, 'not JSON'],
    [{ Body: 1n }, 'not JSON'],
  ] as unknown as [Headers, string][]) {
    const wrong = () => pair.open('MESSAGE', headers);
    assert.throws(wrong, { name: 'StrowgerError', code: 400, reason });
  }
  assert.deepEqual(pair.alice.written, []);
  const sound = { Expire: 0, Reason: '', Event: undefined as unknown as string, Body: { CSeq: 'x' } };
  pair.open('MESSAGE', sound);
  pair.pass(50);
  assert.deepEqual(types(pair.alice.written), ['MESSAGE']);
  for (const code of [0, 99, 700, 200.5, Number.NaN]) {
    const { DialogueID, CSeq } = pair.bob.last('incoming');
    assert.throws(() => pair.bob.stack.respond(pair.now, DialogueID, CSeq, code), { code: 400 });
  }
});

test('a message that is too large never reaches the wire', () => {
  const pair = new Pair();
  const large = () => pair.open('MESSAGE', { Body: 'x'.repeat(70_000) });
  assert.throws(large, (error) => error instanceof StrowgerError && error.code === 513);
  assert.deepEqual(pair.alice.written, []);
});

test('what is no message is dropped, and a method that nobody knows refused', () => {
  const { alice } = new Pair();
  const base = { Type: 'MESSAGE', 'Request-URI': 'a', From: 'b', To: 'a', DialogueID: 'x', CSeq: 1 };
  const check = (message: unknown, expected: string | undefined) => {
    alice.stack.receive(2_000, typeof message === 'string' ? message : JSON.stringify(message));
    const output = alice.stack.poll();
    const said =
      output?.kind === 'send' ? (JSON.parse(output.text) as { Code: number; Reason: string }) : undefined;
    assert.equal(said && `${said.Code} ${said.Reason}`, expected);
  };
  for (const text of ['{', 'null', '7', '[1]', '{}']) check(text, undefined);
  check({ ...base, Type: 7 }, undefined);
  check({ ...base, CSeq: 0 }, undefined);
  check({ ...base, CSeq: 'one' }, undefined);
  check({ ...base, DialogueID: 7 }, undefined);
  check({ ...base, Type: 'RESPONSE' }, undefined);
  check({ ...base, Type: 'PUBLISH' }, '481 no such dialog');
  check({ ...base, Type: 'INFO' }, '481 no such dialog');
});
