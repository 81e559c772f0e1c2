import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bridge, Fork, Request, Response, service } from '@strowger/service';
import { type Sent, TestKit } from '@strowger/service/testkit';

const request = (method: string, uri = 'office@x.org', from = 'carl@x.org', to = 'office@x.org') =>
  Request.make(method, uri, from, to);

/** Rings Ann and Ben for a caller, tells him what the fork says, and joins him with whoever answers. */
const office = service({
  start: () => {
    let caller = 0;
    let invite = request('INVITE');
    let fork: Fork | undefined;
    let bridge: Bridge | undefined;
    return {
      handle(event, cx) {
        if (event.type === 'incoming') {
          caller = event.leg;
          invite = event.request;
          fork = new Fork(invite);
          fork.ring('ann@x.org', cx);
          fork.ring('ben@x.org', cx);
          return;
        }
        if ('leg' in event && event.leg === caller && !bridge) {
          if (event.type === 'request' && event.request.method === 'CANCEL') fork?.stop(undefined, cx);
          return;
        }
        if (!('leg' in event) || !fork?.owns(event.leg)) {
          bridge?.handle(event, cx);
          return;
        }
        const forked = fork.handle(event, cx);
        switch (forked.type) {
          case 'ringing':
          case 'failed':
            cx.respond(caller, Response.to(invite, forked.response.code));
            break;
          case 'refused':
            cx.respond(caller, Response.to(invite, 183));
            break;
          case 'answered': {
            const { leg, id, response, user } = forked;
            cx.log('info', user);
            bridge = Bridge.joined(caller, invite, leg, id);
            bridge.handle({ type: 'response', leg, to: id, response }, cx);
          }
        }
      },
    };
  },
});

function ringing(): { kit: TestKit; carl: number; ann: Sent; ben: Sent } {
  const kit = new TestKit(office);
  const invite = request('INVITE');
  invite.route = 'as.x.org;type=office';
  const carl = kit.incoming(invite);
  const [ann, ben] = [kit.expectOpen(), kit.expectOpen()];
  assert.deepEqual([ann.request.requestUri, ben.request.requestUri], ['ann@x.org', 'ben@x.org']);
  assert.equal(ann.request.route, undefined);
  return { kit, carl, ann, ben };
}

test('the first answer wins and the others are told why they stop', () => {
  const { kit, carl, ann, ben } = ringing();
  kit.answer(ann, 180);
  kit.expectResponse(carl, 180);
  kit.answer(ben, 200, 'answer');
  const cancel = kit.expectSend(ann.leg, 'CANCEL').request;
  assert.deepEqual([cancel.reason, cancel.requestUri], ['answered-elsewhere', 'ann@x.org']);
  assert.equal(kit.expectResponse(carl, 200).body, 'answer');
  assert.equal(kit.logs[0]?.text, 'ben@x.org');
  kit.answer(ann, 487);
  kit.expectNothing();
  kit.request(carl, request('ACK'));
  kit.expectSend(ben.leg, 'ACK');
  kit.hangUp(carl);
  kit.expectSend(ben.leg, 'BYE');
  kit.assertFinished();
});

test('an answer a moment later gets its ACK and a BYE', () => {
  const { kit, carl, ann, ben } = ringing();
  kit.atOnce(() => {
    kit.answer(ben, 200);
    kit.answer(ann, 200);
  });
  kit.expectResponse(carl, 200);
  kit.expectSend(ann.leg, 'ACK');
  assert.equal(kit.expectSend(ann.leg, 'BYE').request.reason, 'answered-elsewhere');
});

test('it fails with the refusal that says most', () => {
  const cases = [
    [486, 480, 486],
    [408, 480, 480],
    [603, 486, 603],
    [486, 403, 403],
  ] as const;
  for (const [first, last, told] of cases) {
    const { kit, carl, ann, ben } = ringing();
    kit.answer(ann, first);
    kit.expectResponse(carl, 183);
    kit.answer(ben, last);
    kit.expectResponse(carl, told);
    kit.assertFinished();
  }
});

test('who is not there is a refusal that says nothing', () => {
  const kit = new TestKit(office);
  kit.offline('ann@x.org');
  const carl = kit.incoming(request('INVITE'));
  kit.expectOpen();
  const ben = kit.expectOpen();
  kit.expectResponse(carl, 183);
  kit.answer(ben, 486);
  kit.expectResponse(carl, 486);
  kit.assertFinished();
});

test('whoever rings is told to stop when nobody wants him', () => {
  const { kit, carl, ann, ben } = ringing();
  kit.answer(ann, 486);
  kit.expectResponse(carl, 183);
  kit.hangUp(carl);
  assert.equal(kit.expectSend(ben.leg, 'CANCEL').request.reason, undefined);
  kit.answer(ben, 487);
  kit.assertFinished();
});

test('requests of those who ring are answered', () => {
  const { kit, carl, ann } = ringing();
  kit.answer(ann, 180);
  kit.expectResponse(carl, 180);
  kit.request(ann.leg, request('INFO', 'carl@x.org', 'ann@x.org', 'carl@x.org'));
  kit.expectResponse(ann.leg, 491);
});

test('an INVITE that cannot be sent is a refusal', () => {
  const rings = service({
    start: () => {
      let fork: Fork | undefined;
      return {
        handle(event, cx) {
          if (event.type === 'incoming') {
            fork = new Fork(event.request);
            fork.ring('', cx);
          } else {
            const forked = fork?.handle(event, cx);
            if (forked?.type === 'failed')
              cx.log('info', `${forked.response.code} ${forked.response.reason}`);
          }
        },
      };
    },
  });
  const kit = new TestKit(rings);
  kit.incoming(request('INVITE'));
  assert.deepEqual(
    kit.logs.map(({ text }) => text),
    ['480 syntax'],
  );
});
