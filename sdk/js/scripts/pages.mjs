// Serves the example pages, and the client as it was built. Run by itself: on port 8081.
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { buildSync } from 'esbuild';

const ROOT = new URL('../', import.meta.url);
const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript' };
const INDEX = `<!doctype html><title>Examples</title>
<ul><li><a href="/html/">html</a><li><a href="/react/">react</a></ul>`;

/** The React example as one module, with the client as its users get it. */
const react = () =>
  buildSync({
    entryPoints: [new URL('examples/react/app.tsx', ROOT).pathname],
    bundle: true,
    write: false,
    format: 'esm',
    jsx: 'automatic',
    minify: true,
    define: { 'process.env.NODE_ENV': '"production"' },
  }).outputFiles[0].text;

function file(path) {
  const found = /^\/(client|html|react)\/([\w-]*\.?\w*)$/.exec(path);
  if (!found) return undefined;
  const [, folder, name] = found;
  const url = new URL(`${folder === 'client' ? 'dist' : `examples/${folder}`}/${name || 'index.html'}`, ROOT);
  return existsSync(url) ? readFileSync(url, 'utf8') : undefined;
}

/** Starts a server; `more` are further pages by their path. */
export async function serve(port = 0, more = {}) {
  const pages = { '/': INDEX, '/react/app.js': react(), ...more };
  const server = createServer(({ url }, response) => {
    const path = new URL(url, 'http://x').pathname;
    const text = pages[path] ?? file(path);
    if (text === undefined) return response.writeHead(404).end();
    response.setHeader('Content-Type', TYPES[path.endsWith('.js') ? 'js' : 'html']).end(text);
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  return server;
}

if (process.argv[2] === '--serve') {
  await serve(8081);
  console.log('http://localhost:8081/');
}
