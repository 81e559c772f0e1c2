// What a page downloads: the package in one minified file, compressed. Fails above the limit.
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const LIMIT = 15 * 1024;

const { outputFiles } = await build({
  entryPoints: [new URL('../src/index.ts', import.meta.url).pathname],
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  write: false,
});
const [{ contents }] = outputFiles;
const compressed = gzipSync(contents, { level: 9 }).length;
console.log(`${contents.length} bytes minified, ${compressed} compressed; the limit is ${LIMIT}`);
if (compressed > LIMIT) process.exit(1);
