// From a module to a component: one file of it and of everything it imports, and an engine that has read it.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { componentize } from 'componentize-qjs';
import * as esbuild from 'esbuild';

const inPackage = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** What joins the author's module with the interface. */
const entry = (source) => `
import * as host from 'strowger:service/host@0.1.0';
import * as store from 'strowger:service/store@0.1.0';
import { surround } from ${JSON.stringify(inPackage('dist/ambient.js'))};
import { component } from ${JSON.stringify(inPackage('dist/component.js'))};
import author from ${JSON.stringify(source)};

surround(host);
export const service = component(author, { host, store });
`;

/** Makes the component of the module at this path. */
export async function build(source, { small = false } = {}) {
  const bundled = await esbuild.build({
    stdin: { contents: entry(source), resolveDir: dirname(source), sourcefile: 'entry.js' },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'es2022',
    external: ['strowger:service/*'],
    // The author's `@strowger/service` and ours are one, wherever it is installed.
    alias: { '@strowger/service': inPackage('dist/index.js') },
    logLevel: 'silent',
  });
  const { component } = await componentize({
    witPath: inPackage('dist/wit'),
    jsSource: bundled.outputFiles[0].text,
    world: 'loadable',
    // Nothing ambient: what the engine would ask of a system traps, and `dist/ambient.js` says so before.
    stubWasi: true,
    sync: true,
    optSize: small,
  });
  return component;
}
