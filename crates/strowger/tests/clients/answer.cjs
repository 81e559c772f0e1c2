// Bob: answers a call with the offer turned round, checks the message, and sees the BYE.
const WebSocket = require('ws');

const socket = new WebSocket(`${process.argv[2]}?userid=bob@example.com`);
const reply = (request, Code, extra = {}) => socket.send(JSON.stringify({
  Type: 'RESPONSE', Code, From: request.From, To: request.To, DialogueID: request.DialogueID, CSeq: request.CSeq, ...extra,
}));
const seen = [];

socket.on('open', () => console.log('bob is there'));
socket.on('message', (data) => {
  const request = JSON.parse(data.toString());
  seen.push(request.Type);
  if (request.Type === 'INVITE') {
    if (!request.Body.startsWith('v=0\r\n')) throw new Error('the offer is not as it was sent');
    reply(request, 180);
    reply(request, 200, { Body: { type: 'answer', sdp: [...request.Body].reverse().join('') } });
  } else if (request.Type === 'MESSAGE') {
    if (request.Body !== 'päivää 👋') throw new Error(`got ${request.Body}`);
    reply(request, 200);
  } else if (request.Type === 'BYE') {
    reply(request, 200);
    if (seen.join() !== 'INVITE,ACK,MESSAGE,BYE') throw new Error(`got ${seen}`);
    console.log('bob is content');
    socket.close(1000);
  }
});
socket.on('error', (error) => { throw error; });
