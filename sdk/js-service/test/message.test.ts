import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Request, Response } from '@strowger/service';

const TEXT = `{"Type":"MESSAGE", "Request-URI" : "bob@x.org","From":"ann@x.org","To":"bob@x.org","DialogueID":"d","CSeq":7,
  "X-Ticket":12345678901234567890,"Body":{"a" : [1e2, "}\\"\\\\"], "b":{}}, "Router":"a.org;type=x, b.org"}`;

test('a message that nobody changes stays as it came, byte for byte', () => {
  const request = Request.parse(TEXT);
  assert.equal(request.requestUri, 'bob@x.org');
  assert.equal(request.cseq, 7);
  assert.equal(request.toString(), TEXT);
});

test('what is changed is changed alone', () => {
  const request = Request.parse(TEXT);
  request.requestUri = 'ben@x.org';
  request.remove('CSeq').set('X-New', [1]);
  const text = request.toString();
  assert.ok(text.includes('"X-Ticket":12345678901234567890,"Body":{"a" : [1e2, "}\\"\\\\"], "b":{}}'), text);
  const { CSeq: _, ...kept } = JSON.parse(TEXT);
  assert.deepEqual(JSON.parse(text), { ...kept, 'Request-URI': 'ben@x.org', 'X-New': [1] });
  assert.deepEqual(request.get('X-New'), [1]);
  assert.equal(request.get('CSeq'), undefined);
});

test('a copy is changed for itself', () => {
  const request = Request.parse(TEXT);
  const copy = request.clone();
  copy.body = 'other';
  assert.equal(request.toString(), TEXT);
  assert.equal(copy.body, 'other');
});

test('a member is taken over as it stands there', () => {
  const response = Response.to(Request.parse(TEXT), 200).copy(Request.parse(TEXT), 'Body');
  assert.ok(response.toString().includes('"Body":{"a" : [1e2,'), response.toString());
  assert.deepEqual(response.body, { a: [100, '}"\\'], b: {} });
});

test('a response has what its request has', () => {
  const response = Response.to(Request.parse(TEXT), 486, 'busy');
  assert.deepEqual(response.toJSON(), {
    Type: 'RESPONSE',
    Code: 486,
    From: 'ann@x.org',
    To: 'bob@x.org',
    DialogueID: 'd',
    CSeq: 7,
    Body: 'busy',
  });
  assert.equal(response.isSuccess || response.isProvisional, false);
});

test('a route loses its first URI, and with the last one goes', () => {
  const request = Request.parse(TEXT);
  assert.equal(request.popRoute(), 'a.org;type=x');
  assert.equal(request.route, 'b.org');
  assert.equal(request.popRoute(), 'b.org');
  assert.equal(request.route, undefined);
  assert.equal(request.popRoute(), undefined);
});

test('a member called as something that every object has is one like any other', () => {
  const request = Request.parse('{"Type":"INFO","toString":1,"__proto__":2}');
  assert.equal(request.get('__proto__'), 2);
  assert.equal(request.get('constructor'), undefined);
  request.set('__proto__', 3);
  assert.equal(request.toString(), '{"Type":"INFO","toString":1,"__proto__":3}');
});
