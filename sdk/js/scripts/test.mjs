// Runs the built tests. Server tests need a server: STROWGER_SERVER, or what cargo built last.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = new URL('../build/test/', import.meta.url);
const named = process.argv.slice(2);
const files = readdirSync(folder)
  .filter((name) => name.endsWith('.test.js') && (!named.length || named.some((part) => name.includes(part))))
  .map((name) => fileURLToPath(new URL(name, folder)));
const { status } = spawnSync(
  process.execPath,
  ['--test', '--test-timeout=60000', '--test-reporter=spec', ...files],
  {
    stdio: 'inherit',
  },
);
process.exit(status ?? 1);
