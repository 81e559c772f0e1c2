import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BUNDLE } from './places.js';

const built = existsSync(new URL('index.js', BUNDLE));
const here = fileURLToPath(new URL('..', BUNDLE));

/** What a product written in TypeScript does with the package: both kinds of WebSocket, calls, rooms. */
const PRODUCT = `
import { type Call, Client, type ClientOptions, fixedMedia, StrowgerError } from '@strowger/client';
import { Chat, Room } from '@strowger/client/rooms';
import { WebSocket as Other } from 'ws';

const options: ClientOptions = { url: 'ws://127.0.0.1:9/rtc', userid: 'alice@example.com', token: async () => 'a' };
export const inPage = () => new Client({ ...options, WebSocket });
const client = new Client({ ...options, WebSocket: Other });
client.on('call', (call: Call) => {
  call.on('dtmf', ({ tone, duration }) => console.log(tone.length + duration));
  void call.answer({ media: fixedMedia('v=0') });
});
export const enter = (): [Room, Chat] => [new Room(client, 'room:a@b'), new Chat(client, 'room:a@b')];
client.connect().catch((error: unknown) => console.log(error instanceof StrowgerError && error.code));
`;

test('the package is installed into a product, whose compiler and Node take it', { skip: !built }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'strowger-'));
  const run = (program: string, ...words: string[]) =>
    execFileSync(program, words, { cwd: folder, encoding: 'utf8' });
  try {
    // Not built anew: what is in dist/ is what the other tests look at.
    run('npm', 'pack', here, '--ignore-scripts', '--silent');
    const [packed = ''] = readdirSync(folder);
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    run('npm', 'install', '--offline', '--silent', '--no-audit', '--no-fund', join(folder, packed));
    const modules = join(folder, 'node_modules');
    assert.deepEqual(readdirSync(join(modules, '@strowger/client')).sort(), [
      'README.md',
      'dist',
      'package.json',
    ]);
    for (const name of ['ws', '@types']) symlinkSync(join(here, 'node_modules', name), join(modules, name));
    writeFileSync(join(folder, 'product.ts'), PRODUCT);
    const settings = ['--strict', '--module', 'nodenext', '--target', 'es2022', '--lib', 'es2022,dom'];
    run(join(here, 'node_modules/.bin/tsc'), ...settings, '--types', 'node', 'product.ts');
    assert.equal(run(process.execPath, 'product.js').trim(), '480', 'nobody listens on port 9');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
