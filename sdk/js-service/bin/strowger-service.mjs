#!/usr/bin/env node
// Makes a WebAssembly component of a service in JavaScript or TypeScript.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from '../scripts/component.mjs';

const USAGE = `usage: strowger-service build SOURCE -o COMPONENT [--small]

SOURCE is the module whose default export is the service. With --small the component takes two thirds of the space, and
an event about twice the time.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string', short: 'o' },
    small: { type: 'boolean', default: false },
  },
});
const [action, source, ...rest] = positionals;
if (action !== 'build' || !source || !values.out || rest.length > 0) {
  console.error(USAGE);
  process.exit(64);
}
try {
  const component = await build(resolve(source), { small: values.small });
  const out = resolve(values.out);
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, component);
  console.log(`${values.out}: ${Math.round(component.length / 1024)} KiB`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
