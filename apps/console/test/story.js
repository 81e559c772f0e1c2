/** Calls as the server tells them, for a server that is none. */

const START = Date.UTC(2026, 10, 30, 8, 0, 0);

/** Events of one call, numbered and timed as they are told. */
export class Story {
  list = [];
  #at;
  #call;

  constructor(call = '1.2f', start = START) {
    this.#call = call;
    this.#at = start;
  }

  /** Lets time pass. */
  wait(ms) {
    this.#at += ms;
    return this;
  }

  /** @param {string} kind @param {[string, string] | null} leg Its dialog and party. */
  tell(kind, leg, members = {}) {
    const [dialog, party] = leg ?? [null, null];
    this.#at += 0.4;
    this.list.push({
      seq: this.list.length + 1,
      at_ms: this.#at,
      call: this.#call,
      dialog,
      party,
      kind,
      ...members,
    });
    return this;
  }

  message(kind, leg, label, more = {}) {
    const [first = '', second = ''] = label.split(' ');
    const code = /^\d{3}$/.test(first) ? Number(first) : undefined;
    const method = code ? second : first;
    return this.tell(kind, leg, {
      label,
      method,
      ...(code && { code }),
      cseq: Number(label.split(' ').at(-1)),
      ...more,
    });
  }
}

/** alice calls bob through the relay; he answers, drops off the network, comes back, and hangs up. */
export function relayed({
  alice = 'alice@example.com',
  bob = 'bob@example.com',
  call = '1.2f',
  start = START,
} = {}) {
  const [a, b] = [
    ['0.5.9', alice],
    ['0.6.9', bob],
  ];
  const story = new Story(call, start);
  story
    .tell('began', a, { method: 'INVITE', from: alice, to: bob, by_peer: true })
    .message('received', a, 'INVITE 1', { body: '{"sdp":"redacted"}' })
    .tell('transaction', a, { method: 'INVITE', cseq: 1, by_peer: true, state: 'open' })
    .tell('served', null, { service: 'relay', version: 'built-in' })
    .tell('handled', null, { event: 'incoming', took_us: 12 })
    .tell('logged', null, { level: 'info', text: `${bob} has one device here` })
    .tell('decided', null, { command: 'open', text: `a leg to ${bob}`, on: 'incoming' })
    .tell('began', b, { method: 'INVITE', from: alice, to: bob, by_peer: false })
    .tell('transaction', b, { method: 'INVITE', cseq: 1, by_peer: false, state: 'open' })
    .message('sent', b, 'INVITE 1')
    .wait(8)
    .tell('acknowledged', b, { label: 'INVITE 1' })
    .wait(420)
    .message('absorbed', a, 'INVITE 1', { answered_again: false })
    .wait(640)
    .message('received', b, '180 INVITE 1', { reason: 'Ringing' })
    .tell('state', b, { from: 'Inviting', to: 'Early' })
    .tell('handled', null, { event: 'provisional', took_us: 4 })
    .tell('decided', null, { command: 'respond', text: '180 to the caller', on: 'provisional' })
    .message('sent', a, '180 INVITE 1')
    .tell('state', a, { from: 'Inviting', to: 'Early' })
    .wait(6)
    .tell('acknowledged', a, { label: '180 INVITE 1' })
    .wait(4200)
    .message('received', b, '200 INVITE 1', {
      body: JSON.stringify('v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-'),
    })
    .tell('state', b, { from: 'Early', to: 'Answered' })
    .tell('handled', null, { event: 'answered', took_us: 9 })
    .tell('decided', null, {
      command: 'answer',
      text: 'the caller with the body of the callee',
      on: 'answered',
    })
    .message('sent', a, '200 INVITE 1')
    .tell('state', a, { from: 'Early', to: 'Answered' })
    .message('sent', b, 'ACK 1')
    .tell('transaction', b, { method: 'INVITE', cseq: 1, by_peer: false, state: 'ended', code: 200 })
    .tell('state', b, { from: 'Answered', to: 'Established' })
    .wait(9)
    .tell('acknowledged', a, { label: '200 INVITE 1' })
    .tell('acknowledged', b, { label: 'ACK 1' })
    .message('received', a, 'ACK 1')
    .tell('transaction', a, { method: 'INVITE', cseq: 1, by_peer: true, state: 'ended', code: 200 })
    .tell('state', a, { from: 'Answered', to: 'Established' })
    .wait(61_000)
    .tell('channel', b, { state: 'dropped', cause: 'the peer closed with 1006' })
    .wait(900)
    .message('received', a, 'INFO 2')
    .tell('decided', null, { command: 'send', text: 'INFO to the other leg', on: 'request' })
    .message('sent', b, 'INFO 2')
    .wait(3000)
    .tell('channel', b, { state: 'resumed' })
    .tell('replayed', b, { label: 'INFO 2' })
    .wait(7)
    .tell('acknowledged', b, { label: 'INFO 2' })
    .message('received', b, '200 INFO 2')
    .message('sent', a, '200 INFO 2')
    .tell('acknowledged', a, { label: '200 INFO 2' })
    .wait(120_000)
    .tell('timer', a, { name: 'refresh', text: 'the session is to be refreshed' })
    .message('sent', a, 'UPDATE 1')
    .message('received', a, '200 UPDATE 1')
    .wait(34_000)
    .message('received', b, 'BYE 3')
    .tell('state', b, { from: 'Established', to: 'Terminated' })
    .message('sent', b, '200 BYE 3')
    .tell('handled', null, { event: 'ended', took_us: 6 })
    .tell('decided', null, { command: 'finish', text: 'one of two has left', on: 'ended' })
    .message('sent', a, 'BYE 4')
    .tell('state', a, { from: 'Established', to: 'Terminated' })
    .tell('ended', b, { cause: 'hung up' })
    .message('received', a, '200 BYE 4')
    .message('dropped_message', a, 'INFO 5', { why: 'the session has ended' })
    .tell('ended', a, { cause: 'hung up by the other side' });
  return story.list;
}

/** The summary of a call that is told by events. */
export function summary(call, list, more = {}) {
  const parties = new Map();
  for (const { kind, dialog, party, by_peer, method, to } of list) {
    if (!dialog) continue;
    const known = parties.get(dialog) ?? {
      dialog,
      party,
      by_peer: !!by_peer,
      method: method ?? 'INVITE',
      state: '',
      cause: null,
    };
    if (kind === 'state') known.state = to;
    parties.set(dialog, known);
  }
  const ends = list.filter(({ kind }) => kind === 'ended').length >= parties.size && parties.size > 0;
  return {
    call,
    service: list.find(({ kind }) => kind === 'served')?.service ?? null,
    version: list.find(({ kind }) => kind === 'served')?.version ?? null,
    began_ms: list[0]?.at_ms ?? START,
    ended_ms: ends ? list.at(-1).at_ms : null,
    parties: [...parties.values()],
    outcome: ends ? '200' : null,
    events: list.length,
    cut: false,
    ...more,
  };
}

/** A conversation of so many events that goes on and on. */
export function long(count, call = '9.1') {
  const [a, b] = [
    ['0.1.1', 'ann@example.com'],
    ['0.1.2', 'ben@example.com'],
  ];
  const story = new Story(call)
    .tell('began', a, { method: 'INVITE', from: a[1], to: b[1], by_peer: true })
    .tell('served', null, { service: 'relay', version: '1.4.0' });
  for (let turn = 1; story.list.length < count; turn += 1)
    story
      .message('received', a, `INFO ${turn}`)
      .tell('decided', null, { command: 'send', text: `INFO ${turn} on`, on: 'request' })
      .message('sent', b, `INFO ${turn}`)
      .tell('acknowledged', b, { label: `INFO ${turn}` })
      .message('received', b, `200 INFO ${turn}`)
      .message('sent', a, `200 INFO ${turn}`)
      .wait(20);
  return story.list.slice(0, count);
}

/** So many calls, the newest first. */
export function manyCalls(count) {
  const states = ['Inviting', 'Early', 'Established', 'Terminated'];
  return Array.from({ length: count }, (_, index) => {
    const state = states[index % 4];
    const began_ms = START - index * 700;
    return {
      call: `1.${(count - index).toString(16)}`,
      service: ['relay', 'hunt', 'conference'][index % 3],
      version: 'built-in',
      began_ms,
      ended_ms: state === 'Terminated' ? began_ms + 65_000 : null,
      parties: ['ann', 'ben'].map((name, leg) => ({
        dialog: `0.${index}.${leg}`,
        party: `${name}${index}@example.com`,
        by_peer: !leg,
        method: 'INVITE',
        state,
        cause: null,
      })),
      outcome: state === 'Terminated' ? (index % 8 === 3 ? '480' : '200') : null,
      events: 12 + (index % 90),
      cut: false,
    };
  });
}

export function manyChannels(count) {
  const states = ['open', 'open', 'open', 'retained'];
  return Array.from({ length: count }, (_, index) => ({
    channel: `user${String(index).padStart(5, '0')}@example.com`,
    kind: index % 50 ? 'user' : 'node',
    state: states[index % 4],
    state_ms: 1000 * (index + 1),
    outbox_messages: index % 4 === 3 ? index % 30 : 0,
    outbox_bytes: index % 4 === 3 ? (index % 30) * 412 : 0,
    outbox_age_ms: index % 4 === 3 ? 5300 : null,
    dialogs: index % 3,
    peer: index % 4 === 3 ? null : `192.0.2.${index % 250}:${40_000 + index}`,
  }));
}

const figures = (started, failed, calls) => ({
  started,
  failed,
  calls,
  time_us: calls * 31,
  memory_bytes: 3 << 20,
});

export const SERVICES = [
  {
    name: 'relay',
    is_default_service: true,
    default: 'built-in',
    instances: 1204,
    versions: [
      {
        version: 'built-in',
        label: 'built-in',
        is_default: true,
        instances: 1204,
        bytes: null,
        loaded_at: null,
        figures: null,
        fault: null,
      },
    ],
    history: [],
  },
  {
    name: 'rooms',
    is_default_service: false,
    default: '1.4.0',
    instances: 87,
    versions: [
      {
        version: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
        label: '1.3.2',
        is_default: false,
        instances: 3,
        bytes: 138_412,
        loaded_at: '2026-11-28T09:12:44.000Z',
        figures: figures(4120, 2, 91_233),
        fault: null,
      },
      {
        version: '60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752',
        label: '1.4.0',
        is_default: true,
        instances: 84,
        bytes: 141_007,
        loaded_at: '2026-11-30T07:30:02.000Z',
        figures: figures(220, 0, 4311),
        fault: null,
      },
    ],
    history: ['1.3.2'],
  },
  {
    name: 'hunt',
    is_default_service: false,
    default: 'built-in',
    instances: 12,
    versions: [
      {
        version: 'built-in',
        label: 'built-in',
        is_default: true,
        instances: 12,
        bytes: null,
        loaded_at: null,
        figures: null,
        fault: null,
      },
    ],
    history: [],
  },
];

export const LINKS = [
  { host: 'node2.example.com', port: 443, state: 'up', retries: null, reason: null },
  {
    host: 'node3.example.com',
    port: 443,
    state: 'waiting',
    retries: 4,
    reason: 'the connection was refused',
  },
  {
    host: 'node4.example.com',
    port: 8443,
    state: 'failed',
    retries: null,
    reason: 'no certificate that is trusted: <b>self-signed</b>',
  },
];
