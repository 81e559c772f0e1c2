import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { BUNDLE, DOCS } from './places.js';

interface Declared {
  name: string;
  comment: string;
  members: Declared[];
}

const skip = !existsSync(new URL('index.d.ts', BUNDLE));
const script = (name: string) => import(new URL(`../scripts/${name}`, BUNDLE).href);

test('every public name, and whatever belongs to it, says what it is', { skip }, async () => {
  const { exportsOf } = (await script('declarations.mjs')) as { exportsOf: (entry: string) => Declared[] };
  const { ENTRIES } = (await script('reference.mjs')) as { ENTRIES: Record<string, string> };
  const entries = Object.values(ENTRIES).flatMap(exportsOf);
  const missing = entries.flatMap(({ name, comment, members }) => [
    ...(comment ? [] : [name]),
    ...members.filter((member) => !member.comment).map((member) => `${name}.${member.name}`),
  ]);
  assert.deepEqual(missing, []);
  const names = entries.map(({ name }) => name);
  for (const name of ['Client', 'Call', 'Room', 'Chat', 'StrowgerError', 'fixedMedia'])
    assert.ok(names.includes(name), name);
  const call = entries.find(({ name }) => name === 'Call')?.members.map(({ name }) => name) ?? [];
  for (const name of ['answer', 'sendDtmf', 'transfer', 'shareScreen', 'statistics'])
    assert.ok(call.includes(name), name);
  assert.ok(!call.includes('onRequest'), 'what only the client calls is left out');
});

test('docs/sdk-reference.md is what npm run reference prints', { skip }, async () => {
  const { reference } = (await script('reference.mjs')) as { reference: () => string };
  const printed = readFileSync(new URL('sdk-reference.md', DOCS), 'utf8');
  assert.ok(printed === reference(), 'print it anew: npm run reference');
});
