// dist/: each entry point as one minified module; what several need is in a module of its own. Types are tsc's.
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/**
 * Names that no application and no message uses: properties of what the modules hand each other. Each is two letters
 * in what a page downloads. A test runs calls on the result.
 */
const INTERNAL = [
  'abandon',
  'acknowledged',
  'again',
  'answered',
  'clients',
  'connected',
  'core',
  'deadline',
  'deadlines',
  'disconnected',
  'ending',
  'entry',
  'expectAnswer',
  'finished',
  'forget',
  'giveUp',
  'hear',
  'heard',
  'hurry',
  'interval',
  'inviteReceived',
  'isCaller',
  'isLacking',
  'isRequest',
  'isTold',
  'isUp',
  'offered',
  'onEnded',
  'onRequest',
  'onResumed',
  'ours',
  'outbox',
  'outputs',
  'prove',
  'received',
  'refresh',
  'remoteTrickles',
  'servers',
  'session',
  'suspend',
  'suspected',
  'tell',
  'tick',
  'told',
  'tokens',
  'towards',
  'written',
];

const path = (name) => fileURLToPath(new URL(name, import.meta.url));

await build({
  entryPoints: [path('../src/index.ts'), path('../src/rooms.ts')],
  outdir: path('../dist'),
  bundle: true,
  splitting: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  mangleProps: new RegExp(`^(${INTERNAL.join('|')})$`),
});
