import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Chance } from '../src/chance.js';
import { decode, encode } from '../src/utf8.js';

test('texts and bytes are those that others make', () => {
  const texts = ['', 'plain', 'äöü', '€ \u{1f600}', '\u0000\u007f\u0080\u07ff\u0800\uffff\u{10ffff}'];
  for (const text of texts) {
    assert.deepEqual([...encode(text)], [...new TextEncoder().encode(text)]);
    assert.equal(decode(encode(text)), text);
  }
  assert.deepEqual([...encode('a\ud800b')], [...new TextEncoder().encode('a\ud800b')]);
});

test('bytes that are no text are read all the same', () => {
  const bad = [
    [0xff],
    [0xc0, 0x80],
    [0xe2, 0x82],
    [0xed, 0xa0, 0x80],
    [0xf5, 0x80, 0x80, 0x80],
    [0x80, 0x41],
  ];
  for (const bytes of bad) {
    const text = decode(Uint8Array.from(bytes));
    assert.ok(text.startsWith('\ufffd'), `${bytes}`);
    assert.equal(text.includes('A'), bytes.includes(0x41));
  }
});

test('chance is the key stream of ChaCha20', () => {
  // Key of 128 bits, nonce and counter all zero; the published test vectors have them as bytes.
  const chance = new Chance([0, 0]);
  const words = [0x52096789, 0xfd648360, 0x09f9b200, 0xc831f036];
  for (const word of words) assert.equal(chance.word(), word);
});

test('chance hangs on the whole seed, and goes on from block to block', () => {
  const first = (seed: [number | bigint, number | bigint]) => new Chance(seed).word();
  const seeds: [number | bigint, number | bigint][] = [
    [0, 0],
    [1, 0],
    [0, 1],
    [2n ** 63n, 0],
    [0, 2n ** 32n],
  ];
  assert.equal(new Set(seeds.map(first)).size, seeds.length);
  const chance = new Chance([0, 0]);
  assert.equal(new Set(Array.from({ length: 100 }, () => chance.word())).size, 100);
});

test('each bit of chance is set about half of the time', () => {
  const chance = new Chance([3, 4]);
  const counts = new Array<number>(32).fill(0);
  for (let n = 0; n < 4000; n += 1) {
    const word = chance.word();
    for (let bit = 0; bit < 32; bit += 1) counts[bit] = (counts[bit] ?? 0) + ((word >>> bit) & 1);
  }
  for (const count of counts) assert.ok(count > 1800 && count < 2200, `${counts}`);
});
