// dist/: each entry point as one minified module. Types are tsc's.
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { minify } from 'terser';

/**
 * Names that no application and no message uses: properties of what the modules hand each other. Each is two letters
 * in what a page downloads. A test runs calls on the result.
 */
const INTERNAL = [
  'abandon',
  'acknowledged',
  'adopt',
  'after',
  'again',
  'answered',
  'candidates',
  'clients',
  'closeMedia',
  'connected',
  'core',
  'deadline',
  'deadlines',
  'disconnected',
  'done',
  'down',
  'ending',
  'entry',
  'expectAnswer',
  'finished',
  'forget',
  'found',
  'frame',
  'giveUp',
  'hear',
  'heard',
  'hurry',
  'illegal',
  'interval',
  'inviteReceived',
  'isCaller',
  'isLacking',
  'isRequest',
  'isTold',
  'isUp',
  'last',
  'line',
  'lost',
  'newPeer',
  'notify',
  'offered',
  'onCandidates',
  'onConnection',
  'onEnded',
  'onRequest',
  'onResumed',
  'onTold',
  'openMedia',
  'ours',
  'outbox',
  'outputs',
  'over',
  'partner',
  'poll',
  'prove',
  'receive',
  'received',
  'refresh',
  'remoteTrickles',
  'reply',
  'requests',
  'sent',
  'servers',
  'session',
  'sleep',
  'stack',
  'suspected',
  'suspend',
  'takes',
  'tell',
  'text',
  'tick',
  'tokens',
  'told',
  'towards',
  'waiting',
  'wake',
  'wire',
  'written',
];

/**
 * The words of the state tables that nothing else says, and that no error names: actions, states of transactions, and
 * triggers that are not put together of parts. Each is two letters in what a page downloads.
 */
const WORDS = [
  'Accepted',
  'AnswerOk',
  'AnswerTerminated',
  'AnswerTimeout',
  'ArmAbandoned',
  'ArmAck',
  'ArmAnswer',
  'ArmCancel',
  'ArmInvite',
  'ArmThird',
  'ArmWhole',
  'BeginRefreshing',
  'BeginWatching',
  'Calling',
  'Completed',
  'Confirmed',
  'DeliverBye',
  'DeliverCancel',
  'DeliverTerminated',
  'DeliverTimeout',
  'Disarm',
  'Foreign',
  'GiveUp',
  'Inside',
  'LateFailure',
  'LateSuccess',
  'LocalTimeout',
  'MissedOne',
  'MissedThree',
  'MissedTwo',
  'NotRefreshed',
  'Pass',
  'PeerTimeout',
  'PrackDone',
  'Proceeding',
  'Provisional',
  'Renegotiated',
  'SendAck',
  'SendBye',
  'SendCancel',
  'SendUpdate',
  'StartRefresh',
  'UpdateDone',
  'Watching',
];
const word = new RegExp(`\\b(${WORDS.join('|')})\\b`, 'g');
const abridged = (code) => code.replace(word, (found) => `w${WORDS.indexOf(found).toString(36)}`);

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const settings = {
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  mangleProps: new RegExp(`^(${INTERNAL.join('|')})$`),
  write: false,
};

/** esbuild knows what belongs together, terser says it shorter: 2 % of what a page downloads. */
async function write(name, [{ text }]) {
  const { code } = await minify(text, {
    module: true,
    ecma: 2020,
    compress: { passes: 3, unsafe_arrows: true, pure_getters: true },
  });
  mkdirSync(path('../dist'), { recursive: true });
  writeFileSync(path(`../dist/${name}`), abridged(code));
}

// The client has a few things more for the rooms, which no type names. In one module it is 100 bytes less than in two.
const client = await build({
  ...settings,
  stdin: {
    contents: `export * from './index.js';
export { PeerMedia } from './media/peer.js';
export { SDPFRAG } from './media/trickle.js';`,
    resolveDir: path('../src'),
  },
  mangleCache: {},
});
await write('index.js', client.outputFiles);

const fromClient = {
  name: 'from-client',
  setup: ({ onResolve }) => onResolve({ filter: /^\.\// }, () => ({ path: './index.js', external: true })),
};
const rooms = await build({
  ...settings,
  entryPoints: [path('../src/rooms.ts')],
  plugins: [fromClient],
  mangleCache: client.mangleCache,
});
await write('rooms.js', rooms.outputFiles);
