/** Tokens: a real server that asks who its users are. */

import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Client } from '../src/index.js';
import { client, next, Path, Server } from './server.js';

const folder = mkdtempSync(join(tmpdir(), 'strowger-tokens-'));
const secret = randomBytes(48).toString('base64');
let server: Server;
let path: Path;
const open: Client[] = [];

before(async () => {
  const [config, key] = [join(folder, 'strowger.toml'), join(folder, 'secret')];
  writeFileSync(key, secret);
  writeFileSync(
    config,
    `[auth.jwt.test]\nissuer = "test"\naudience = "strowger"\nalgorithms = "HS256"\nleeway = "0s"\n` +
      `hosts = "example.com"\nsecret = ${JSON.stringify(key)}\n`,
  );
  server = await Server.start(config);
  path = await Path.start(server);
});

after(async () => {
  for (const one of open) one.close();
  await path.stop();
  await server.stop();
  rmSync(folder, { recursive: true });
});

/** A token of this user that holds for so many seconds. */
function token(user: string, seconds: number, signed = secret): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + seconds;
  const claims = { iss: 'test', aud: 'strowger', sub: `${user}@example.com`, exp };
  const text = `${part({ alg: 'HS256' })}.${part(claims)}`;
  return `${text}.${createHmac('sha256', signed).update(text).digest('base64url')}`;
}

/** A client that shows this. */
function shows(user: string, token: string | (() => string | Promise<string>)): Client {
  const one = client(path.port, user, { token });
  open.push(one);
  return one;
}

test('a token opens the channel of its user and no other', async () => {
  const alice = shows('alice', token('alice', 600));
  const bob = shows('bob', async () => token('bob', 600));
  await Promise.all([alice.connect(), bob.connect()]);
  alice.on('message', () => {});
  const came = next<{ from: string }>((listener) => bob.on('message', listener), 'the message');
  assert.equal((await alice.message(bob.userid, 'hello')).Code, 200);
  assert.equal((await came).from, alice.userid);

  for (const wrong of [
    shows('alice', token('bob', 600)),
    shows('alice', token('alice', 600, 'another secret of enough letters, surely')),
    shows('alice', token('alice', -10)),
    shows('alice', 'nonsense'),
    client(path.port, 'alice'),
  ])
    await assert.rejects(wrong.connect());
  // Whoever failed has taken nothing from the one who is there.
  assert.equal((await bob.message(alice.userid, 'still there?')).Code, 200);
});

test('a function is asked at each connection, and the client goes on where it was', async () => {
  let asked = 0;
  const carol = shows('carol', () => {
    asked += 1;
    return token('carol', 600);
  });
  await carol.connect();
  const back = next<{ isResumed: boolean }>((listener) => carol.on('online', listener), 'the connection');
  path.cut();
  assert.equal((await back).isResumed, true);
  assert.equal(asked, 2);
});

test('a token that is over is renewed by a function, and ends a client that has but the one', async () => {
  let asked = 0;
  const dave = shows('dave', () => {
    asked += 1;
    return token('dave', asked === 1 ? 5 : 600);
  });
  const erin = shows('erin', token('erin', 5));
  await Promise.all([dave.connect(), erin.connect()]);
  const back = next<{ isResumed: boolean }>((listener) => dave.on('online', listener), 'the renewal');
  const gone = next<{ code: number }>((listener) => erin.on('offline', listener), 'the end');
  assert.equal((await gone).code, 4003);
  assert.equal((await back).isResumed, true);
  assert.equal(asked, 2);
  const came = next<{ body: unknown }>((listener) => dave.on('message', listener), 'the message');
  const frank = shows('frank', token('frank', 600));
  await frank.connect();
  assert.equal((await frank.message(dave.userid, 'here')).Code, 200);
  assert.equal((await came).body, 'here');
});
