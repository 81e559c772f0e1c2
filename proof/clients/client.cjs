// The client in Node: what any user agent does so that nothing is lost, with `ws` and JSON alone.
//
// It keeps what nobody has confirmed and sends it again, unchanged and in its order, on each new socket: requests without
// a final response, a 2xx to an INVITE until its ACK, an ACK until a later request of its call is answered. What it has
// seen before, by DialogueID and CSeq, it answers as before and does not apply again.
//
// Standard input and output are described in `src/plan.rs`.
'use strict';
const readline = require('readline');
const WebSocket = require('ws');

const [SILENCE, LONGEST_PAUSE, LAST, QUIET] = [2500, 800, 20_000, 500];
const NOTE = 'päivää 👋';

const response = (request, Code) => JSON.stringify({
  Type: 'RESPONSE', Code, From: request.From, To: request.To, DialogueID: request.DialogueID, CSeq: request.CSeq,
});
const body = (id, size, more = {}) => ({ id, size, note: NOTE, fill: 'x'.repeat(size), ...more });
const keyOf = (...parts) => parts.join('\n');

/** How long a body is: mostly short, some of them tens of kilobytes. */
function fill(number) {
  const spread = Math.floor((number * 2_654_435_761) / 128);
  return number % 50 === 0 ? spread % 30_000 : number % 8 === 0 ? spread % 4_000 : spread % 300;
}

/** JSON in, JSON out: no socket and no clock. */
class Agent {
  constructor(name, plan) {
    const own = plan.everybody.indexOf(name);
    Object.assign(this, { name, plan, started: 0, open: 0 });
    this.peers = [...plan.everybody.slice(own), ...plan.everybody.slice(0, own)].filter((user) => user !== name);
    this.total = plan.messages + plan.calls;
    // What is sent again on each new socket, in order: key -> { text, method of a request, id }.
    this.unconfirmed = new Map();
    // By DialogueID and CSeq: our answers, our final responses, the ACKs we sent.
    this.heard = new Map();
    this.finals = new Map();
    this.acks = new Map();
    // Calls that are not over, by dialog.
    this.calls = new Map();
    this.report = {
      name, sent: [], answers: [], applied: [], calls: {}, rung: {}, taken: [],
      damaged: 0, reconnects: 0, resent: 0, absorbed: 0, replaced: 0,
    };
  }

  isDone() {
    return this.started === this.total && this.unconfirmed.size === 0 && this.calls.size === 0;
  }

  connected(again) {
    if (again && !this.plan.resend) {
      this.unconfirmed.clear();
      this.open = 0;
    }
    if (again) this.report.resent += this.unconfirmed.size;
    return [...this.unconfirmed.values()].map(({ text }) => text);
  }

  startMore() {
    const out = [];
    const { calls, window } = this.plan;
    const every = Math.floor(this.total / Math.max(calls, 1));
    while (this.started < this.total && this.open < window) {
      const number = ++this.started;
      this.open += 1;
      const peer = this.peers[number % this.peers.length];
      if (calls > 0 && number % every === 0 && number / every <= calls) {
        const [id, dialog, calleeHangsUp] = [`${this.name}/c${number}`, `c${number}`, number % 2 === 0];
        this.report.calls[id] = 'calling';
        this.calls.set(dialog, { id, peer, caller: true, calleeHangsUp });
        out.push(this.request('INVITE', peer, dialog, 1, id, body(id, 1500, { callee_hangs_up: calleeHangsUp })));
      } else {
        const id = `${this.name}/m${number}`;
        this.report.sent.push([id, peer]);
        out.push(this.request('MESSAGE', peer, `m${number}`, 1, id, body(id, fill(number))));
      }
    }
    return out;
  }

  request(method, to, DialogueID, CSeq, id, Body) {
    const text = JSON.stringify({ Type: method, 'Request-URI': to, From: this.name, To: to, DialogueID, CSeq, Body });
    this.unconfirmed.set(keyOf('response', DialogueID, CSeq), { text, method, id });
    return text;
  }

  /** A frame came: what to send for it. */
  receive(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      this.report.damaged += 1;
      return [];
    }
    const key = keyOf(message.DialogueID, message.CSeq);
    if (message.Type === 'RESPONSE') return this.onResponse(key, message);
    if (this.heard.has(key) && (this.plan.absorb || message.Type !== 'MESSAGE')) {
      this.report.absorbed += 1;
      return this.heard.get(key);
    }
    const out = this.onRequest(message);
    this.heard.set(key, out.filter((answer) => answer.includes('"RESPONSE"')));
    return out;
  }

  onRequest(message) {
    const { Type, DialogueID, Body } = message;
    switch (Type) {
      case 'MESSAGE':
      case 'INFO':
        if (Body?.size !== Body?.fill?.length || Body?.note !== NOTE) this.report.damaged += 1;
        this.report.applied.push(Body.id);
        return [response(message, 200)];
      case 'INVITE': {
        this.report.taken.push(Body.id);
        this.report.rung[Body.id] = 'answered';
        const call = { id: Body.id, peer: message.From, caller: false, calleeHangsUp: Body.callee_hangs_up };
        this.calls.set(DialogueID, call);
        const ok = response(message, 200);
        this.unconfirmed.set(keyOf('ack', DialogueID), { text: ok, id: Body.id });
        return [response(message, 180), ok];
      }
      case 'ACK':
        this.unconfirmed.delete(keyOf('ack', DialogueID));
        return this.calls.get(DialogueID)?.calleeHangsUp ? [this.bye(DialogueID, 1)] : [];
      case 'BYE':
        this.endCall(DialogueID);
        return [response(message, 200)];
      default:
        return [response(message, 501)];
    }
  }

  onResponse(key, message) {
    const { Code, DialogueID } = message;
    if (Code < 200) return [];
    const done = this.unconfirmed.get(keyOf('response', key));
    if (done === undefined) {
      // Once more: the ACK of a 2xx goes out again.
      const first = this.finals.get(key);
      if (first !== undefined && first.Code !== Code) this.report.answers.push([first.id, Code]);
      return this.acks.has(key) ? [this.acks.get(key)] : [];
    }
    this.unconfirmed.delete(keyOf('response', key));
    this.finals.set(key, { id: done.id, Code });
    this.report.answers.push([done.id, Code]);
    switch (done.method) {
      case 'MESSAGE':
        this.open -= 1;
        return [];
      case 'INVITE':
        this.open -= 1;
        return this.onAnswer(key, message, done.id);
      case 'INFO':
        this.unconfirmed.delete(keyOf('later', DialogueID));
        return this.calls.has(DialogueID) ? [this.bye(DialogueID, 4)] : [];
      default:
        this.endCall(DialogueID);
        return [];
    }
  }

  /** The INVITE's final response: ACK, and an INFO in the call unless the callee is about to hang up. */
  onAnswer(key, { Code, DialogueID, CSeq }, id) {
    const call = this.calls.get(DialogueID);
    if (call === undefined) return [];
    const { peer } = call;
    const ack = JSON.stringify({
      Type: 'ACK', 'Request-URI': peer, From: this.name, To: peer, DialogueID, CSeq: 2, RelatedID: CSeq,
    });
    if (Code >= 300) {
      this.calls.delete(DialogueID);
      this.report.calls[id] = String(Code);
      return [ack];
    }
    this.acks.set(key, ack);
    this.unconfirmed.set(keyOf('later', DialogueID), { text: ack, id });
    if (call.calleeHangsUp) return [ack];
    const info = `${id}/i`;
    this.report.sent.push([info, peer]);
    return [ack, this.request('INFO', peer, DialogueID, 3, info, body(info, 20))];
  }

  bye(dialog, cseq) {
    const { id, peer } = this.calls.get(dialog);
    return this.request('BYE', peer, dialog, cseq, `${id}/b`, null);
  }

  endCall(dialog) {
    const call = this.calls.get(dialog);
    if (call === undefined) return;
    this.calls.delete(dialog);
    this.unconfirmed.delete(keyOf('ack', dialog));
    this.unconfirmed.delete(keyOf('later', dialog));
    this.report[call.caller ? 'calls' : 'rung'][call.id] = 'ended';
  }

  finalReport() {
    for (const call of this.calls.values()) this.report[call.caller ? 'calls' : 'rung'][call.id] = 'up';
    return this.report;
  }
}

/** The same numbers for the same seed and name. */
function chance(seed, name) {
  let state = [...name].reduce((hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 0x01000193), seed | 0) >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** An agent and its sockets, of which the latest carries what it sends. */
class User {
  constructor(name, plan) {
    this.agent = new Agent(name, plan);
    this.url = `${plan.url}?userid=${name}`;
    this.random = chance(plan.seed, name);
    Object.assign(this, { moveEvery: plan.move_every, moves: 0, opens: 0, playing: false, leaving: false, failures: 0, latest: null, reconnectAt: null });
    this.heard = Date.now();
  }

  get isOpen() {
    return this.latest !== null && this.latest.readyState === WebSocket.OPEN;
  }

  connect() {
    const socket = new WebSocket(this.url, { handshakeTimeout: 3000 });
    this.latest = socket;
    this.reconnectAt = null;
    this.heard = Date.now();
    socket.on('open', () => {
      if (socket !== this.latest) return;
      this.failures = 0;
      this.heard = Date.now();
      this.opens += 1;
      this.agent.report.reconnects += this.opens > 1;
      this.send(this.agent.connected(this.opens > 1));
      this.more();
    });
    socket.on('message', (data) => {
      // Whatever comes counts, on an older socket as well.
      this.heard = Date.now();
      this.send(this.agent.receive(data.toString()));
      this.more();
    });
    // The close that follows says all there is to say.
    socket.on('error', () => {});
    socket.on('close', (code) => {
      this.agent.report.replaced += code === 4001;
      if (socket !== this.latest) return;
      this.latest = null;
      this.failures += 1;
      const longest = Math.min(LONGEST_PAUSE, 25 * 2 ** Math.min(this.failures, 6));
      if (!this.leaving) this.reconnectAt = Date.now() + longest * this.random();
    });
  }

  more() {
    if (this.isOpen && this.playing) this.send(this.agent.startMore());
  }

  send(texts) {
    // Before the socket is open nothing is sent: it begins with everything that is unconfirmed.
    if (this.isOpen) for (const text of texts) this.latest.send(text);
  }

  tick() {
    if (this.reconnectAt !== null && this.reconnectAt <= Date.now()) this.connect();
    const silent = this.isOpen && this.agent.unconfirmed.size > 0 && Date.now() - this.heard > SILENCE;
    const due = this.moveEvery > 0 && this.agent.report.answers.length > (this.moves + 1) * this.moveEvery;
    const moves = due && this.isOpen;
    if (silent || moves) {
      this.moves += moves;
      this.connect();
    }
  }

  /** Waits until all is quiet, and closes with 1000. */
  async finish() {
    const end = Date.now() + LAST;
    const nap = () => new Promise((resolve) => { setTimeout(resolve, 50); });
    while (Date.now() < end && (!this.isOpen || Date.now() - this.heard < QUIET)) await nap();
    [this.playing, this.leaving] = [false, true];
    if (this.latest !== null) this.latest.close(1000);
    while (Date.now() < end && this.latest !== null) await nap();
    return this.agent.finalReport();
  }
}

const say = (line) => new Promise((resolve) => { process.stdout.write(`${JSON.stringify(line)}\n`, resolve); });

let users = null;
let [ready, done] = [false, false];
let timers = [];

async function stop() {
  clearInterval(timers[1]);
  const reports = await Promise.all(users.map((user) => user.finish()));
  await say({ report: reports });
  process.exit(0);
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'stop') {
    stop();
    return;
  }
  if (line === 'go') {
    for (const user of users) {
      user.playing = true;
      user.more();
    }
    return;
  }
  const plan = JSON.parse(line);
  users = plan.users.map((name) => new User(name, plan));
  for (const user of users) user.connect();
  timers = [
    setInterval(() => { for (const user of users) user.tick(); }, 50),
    setInterval(() => {
      if (!ready && users.every((user) => user.opens > 0)) {
        ready = true;
        say({ ready });
      }
      say({ answered: users.reduce((sum, user) => sum + user.agent.report.answers.length, 0) });
      if (!done && users.every((user) => user.agent.isDone())) {
        done = true;
        say({ done });
      }
    }, 250),
  ];
}).on('close', () => process.exit(1));
