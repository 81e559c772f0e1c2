import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { SOURCES } from './places.js';

test('no module needs itself by way of others, types included', () => {
  const names = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  const needs = new Map(
    names.map((name) => {
      const file = new URL(name, SOURCES);
      const named = [...readFileSync(file, 'utf8').matchAll(/ from '(\.[^']+)\.js';/g)];
      return [file.href, named.map(([, path]) => new URL(`${path}.ts`, file).href)] as const;
    }),
  );
  const whole = new Set<string>();
  const look = (module: string, path: string[]) => {
    assert.ok(!path.includes(module), [...path, module].map((one) => one.split('/src/')[1]).join(' > '));
    if (whole.has(module)) return;
    for (const next of needs.get(module) ?? assert.fail(module)) look(next, [...path, module]);
    whole.add(module);
  };
  for (const module of needs.keys()) look(module, []);
  assert.ok(whole.size > 20);
});
