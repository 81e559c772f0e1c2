// What a page downloads of dist/, which is built before. The client has to fit into 15 KB by gzip, and together with the
// rooms by Brotli, which is what servers send today. Fails above.
import { readFileSync } from 'node:fs';
import { brotliCompressSync, gzipSync } from 'node:zlib';

const LIMIT = 15 * 1024;
/** What counts, by the last module that is loaded. */
const COUNTS = { 'index.js': 'gzip', 'rooms.js': 'Brotli' };

/** A module and what it imports, each once. */
function modules(name, seen = new Map()) {
  if (seen.has(name)) return seen;
  const text = readFileSync(new URL(`../dist/${name}`, import.meta.url), 'utf8');
  seen.set(name, text);
  for (const [, other] of text.matchAll(/from"\.\/([^"]+)"/g)) modules(other, seen);
  return seen;
}

const seen = new Map();
for (const [name, counts] of Object.entries(COUNTS)) {
  const text = [...modules(name, seen).values()].join('');
  const sizes = { gzip: gzipSync(text, { level: 9 }).length, Brotli: brotliCompressSync(text).length };
  console.log(
    `up to ${name}: ${text.length} bytes minified, ${sizes.gzip} by gzip, ${sizes.Brotli} by Brotli; ` +
      `at most ${LIMIT} by ${counts}`,
  );
  if (sizes[counts] > LIMIT) process.exitCode = 1;
}
