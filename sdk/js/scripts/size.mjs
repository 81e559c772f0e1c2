// What a page downloads of dist/, which is built before: the client, or the client and the rooms. Fails above a limit.
import { readFileSync } from 'node:fs';
import { brotliCompressSync, gzipSync } from 'node:zlib';

const LIMITS = { 'index.js': 15 * 1024, 'rooms.js': 18 * 1024 };

/** A module and what it imports, each once. */
function modules(name, seen = new Map()) {
  if (seen.has(name)) return seen;
  const text = readFileSync(new URL(`../dist/${name}`, import.meta.url), 'utf8');
  seen.set(name, text);
  for (const [, other] of text.matchAll(/from"\.\/([^"]+)"/g)) modules(other, seen);
  return seen;
}

const seen = new Map();
for (const [name, limit] of Object.entries(LIMITS)) {
  const text = [...modules(name, seen).values()].join('');
  const gzip = gzipSync(text, { level: 9 }).length;
  const brotli = brotliCompressSync(text).length;
  console.log(
    `up to ${name}: ${text.length} bytes minified, ${gzip} by gzip (limit ${limit}), ${brotli} by Brotli`,
  );
  if (gzip > limit) process.exitCode = 1;
}
