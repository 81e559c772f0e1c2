// Somebody who sits in a room and neither speaks nor listens: a room of eight needs no eight cameras. For tests of pages.
import { WebSocket } from 'ws';
import { Client, fixedMedia } from '../dist/index.js';

/** Takes a seat; close the client that it resolves with to leave. */
export async function sit(port, user, room) {
  const url = `ws://127.0.0.1:${port}/rtc`;
  const client = new Client({ url, userid: `${user}@example.com`, WebSocket });
  await client.connect();
  const seat = client.call(`room:${room}@example.com`, {
    media: fixedMedia({}, 'application/json'),
    headers: { Router: 'example.com;type=conference' },
  });
  await seat.established;
  return client;
}
