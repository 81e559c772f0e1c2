// A bot: sends back what is written to it, the keys that are pressed, and what it hears and sees.
//
//     node examples/node/bot.mjs [ws://localhost:8080/rtc] [echo@example.com]
import { Client } from '@strowger/client';
import { RTCPeerConnection } from 'werift';
import { WebSocket } from 'ws';

const [url = 'ws://localhost:8080/rtc', userid = 'echo@example.com'] = process.argv.slice(2);
const bot = new Client({
  url,
  userid,
  WebSocket,
  peerConnection: ({ iceServers }) => new RTCPeerConnection({ iceServers }),
});

/** Sends a track of the other side back to it. */
function echo(connection, track) {
  const transceiver = connection.getTransceivers().find(({ receiver }) => receiver.track === track);
  transceiver.setDirection('sendrecv');
  void transceiver.sender.replaceTrack(track);
  // Whoever misses a picture gets a whole one from the camera that made it.
  transceiver.sender.onPictureLossIndication.subscribe(() => transceiver.receiver.sendRtcpPLI(track.ssrc));
}

const failed = (what) => (error) => console.log(`${what}: ${error.message}`);

bot.on('message', ({ from, body }) => {
  bot.message(from, body).catch(failed(from));
});
bot.on('call', (call) => {
  console.log(`${call.peer} calls`);
  call.on('track', ({ track }) => echo(call.connection, track));
  call.on('dtmf', ({ tone }) => call.sendDtmf(tone).catch(failed(tone)));
  call.on('ended', ({ reason }) => console.log(`${call.peer}: ${reason}`));
  call.answer().catch(failed(call.peer));
});
bot.on('offline', ({ code, reason }) => {
  console.log(`offline: ${code} ${reason}`);
  if (code !== 1000) process.exitCode = 1;
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => bot.close());

await bot.connect();
console.log(`${userid} answers`);
