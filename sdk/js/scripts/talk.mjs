// Two users who call each other with fixed bodies, for tests of pages that watch calls.
import { WebSocket } from 'ws';
import { Client, fixedMedia } from '../dist/index.js';

const media = () => fixedMedia({ made: 'up' }, 'application/json');

/** Connects one who answers every call; close the client that it resolves with to leave. */
export async function answerer(port, user) {
  const client = new Client({ url: `ws://127.0.0.1:${port}/rtc`, userid: user, WebSocket });
  client.on('call', (call) => void call.answer({ media: media() }));
  await client.connect();
  return client;
}

/** Connects one who calls; resolves once the call stands. */
export async function caller(port, user, other) {
  const client = new Client({ url: `ws://127.0.0.1:${port}/rtc`, userid: user, WebSocket });
  await client.connect();
  const call = client.call(other, { media: media() });
  await call.established;
  return { client, call };
}
