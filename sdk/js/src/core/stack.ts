/**
 * The client half of JSIP's transaction and session layers, without I/O: time is an argument, what is to be sent and
 * told comes out of {@link Stack.poll}. Inputs: {@link Stack.receive}, {@link Stack.request}, {@link Stack.respond},
 * {@link Stack.connected}, {@link Stack.disconnected}, {@link Stack.tick}. After each input, poll until nothing is
 * left, then ask for the next {@link Stack.deadline}.
 */

import { StrowgerError } from '../errors.js';
import { adopt, type Listed } from './adopting.js';
import { Deadlines } from './deadlines.js';
import { decode, faultIn, type Headers, type Method, respond } from './message.js';
import { Outbox } from './outbox.js';
import {
  armServer,
  CODES,
  hasOpen,
  receiveRequest,
  receiveResponse,
  requestTrigger,
  responseTrigger,
  STANDING,
} from './receiving.js';
import { type Core, type Dialog, type Output, TIMERS, type Timers } from './records.js';
import { begin, beginSession, compose, deliver, isOpen, sendResponse, settle } from './sending.js';
import { type SessionState, session as table } from './session.js';
import { answered, armSession, awaitFinal, fire, sendRequest, tellEnd } from './session-actions.js';

/** What a stack needs to know. */
export interface StackOptions {
  timers?: Partial<Timers> | undefined;
  /** The largest message, in bytes. The server's `limits.message_bytes`; default 65,536. */
  maxBytes?: number | undefined;
}

/** The first request of a dialog. */
export interface Opening {
  method: Method;
  /** The id of the new dialog: not to be guessed. */
  dialog: string;
  from: string;
  to: string;
  headers?: Headers;
  /** The last CSeq used in a dialog of this id, where there was one. */
  after?: number;
}

const utf8 = new TextEncoder();

/** The most requests that may be open at once. */
const OPEN = 1_024;

/** One user's transactions and sessions. */
export class Stack {
  /** What is remembered; for tests to look at. */
  readonly core: Core;
  readonly #maxBytes: number;

  constructor({ timers, maxBytes = 65_536 }: StackOptions = {}) {
    const outputs: Output[] = [];
    this.#maxBytes = maxBytes;
    this.core = {
      timers: { ...TIMERS, ...timers },
      dialogs: new Map(),
      deadlines: new Deadlines(),
      outbox: new Outbox((text) => outputs.push({ kind: 'send', text })),
      outputs,
      finished: new Set(),
      now: 0,
      isUp: false,
      heard: 0,
      tokens: 0,
    };
  }

  /** The next thing to do or to tell. */
  poll(): Output | undefined {
    return this.core.outputs.shift();
  }

  /** When {@link Stack.tick} wants to be called next. */
  get deadline(): number | undefined {
    return this.core.deadlines.next()?.at;
  }

  /** Where the session of a dialog is. */
  state(dialog: string): SessionState | undefined {
    return this.core.dialogs.get(dialog)?.session?.state;
  }

  /** Does what is due. */
  tick(now: number): void {
    this.core.now = now;
    this.core.deadlines.run(now);
  }

  /** A frame came. */
  receive(now: number, text: string): void {
    const core = this.core;
    this.tick(now);
    core.heard = now;
    const message = decode(text);
    if (message?.Type === 'RESPONSE') receiveResponse(core, message);
    else if (message) receiveRequest(core, message);
  }

  /** There is a socket: everything that the server may not have is sent again, then what is new. */
  connected(now: number): void {
    const core = this.core;
    this.tick(now);
    core.isUp = true;
    core.heard = now;
    core.deadlines.clear(this.#retention);
    core.outbox.resume();
    for (const dialog of [...core.dialogs.values()]) {
      for (const record of dialog.clients.values()) {
        if (record.request.Type !== 'INVITE' && isOpen(record)) awaitFinal(core, dialog, record);
      }
      const { session } = dialog;
      if (!session) continue;
      if (!session.deadline) armSession(core, dialog, session);
      this.#probe(dialog);
    }
  }

  /** Asks whether the server still knows a session: it may have been restarted, or have given us up. */
  #probe(dialog: Dialog): void {
    const { session } = dialog;
    const isStanding = session && STANDING.includes(session.state) && session.state !== 'Answered';
    const isRinging = session && !session.isCaller && session.state === 'Early';
    if ((!isStanding && !isRinging) || hasOpen(dialog, 'UPDATE') || hasOpen(dialog, 'BYE')) return;
    fire(this.core, dialog, isRinging ? 'Update' : 'RefreshSent', { sent: compose(dialog, 'UPDATE') });
  }

  #retention: ReturnType<Deadlines['set']> | undefined;

  /** The socket is gone. What is open waits for the next one, for `timers.retention`. */
  disconnected(now: number): void {
    const core = this.core;
    this.tick(now);
    if (!core.isUp) return;
    core.isUp = false;
    core.outbox.suspend();
    for (const dialog of core.dialogs.values()) {
      for (const record of dialog.clients.values()) core.deadlines.clear(record.deadline);
      const { session } = dialog;
      // What we owe the peer does not wait for a socket; armSession knows.
      if (session?.deadline) armSession(core, dialog, session);
    }
    this.#retention = core.deadlines.set(now + core.timers.retention, () =>
      this.lost(core.now, 480, 'channel lost'),
    );
  }

  /** Takes up a call that the server tells of; false if it cannot be, or is known. */
  adopt(now: number, listed: Listed): boolean {
    this.tick(now);
    return adopt(this.core, listed);
  }

  /** The channel is lost: every open request fails with `code`, every session ends, nothing is kept. */
  lost(now: number, code: number, reason: string): void {
    const core = this.core;
    core.now = now;
    const dialogs = [...core.dialogs.values()];
    core.dialogs.clear();
    core.outbox.clear();
    core.finished.clear();
    for (let first = core.deadlines.next(); first; first = core.deadlines.next()) core.deadlines.clear(first);
    for (const dialog of dialogs) {
      const { clients, session } = dialog;
      for (const record of clients.values())
        deliver(core, record, respond(record.request, code, { Reason: reason }));
      if (!session) continue;
      session.ending ??= { code, reason, remote: false };
      tellEnd(core, dialog, session);
    }
  }

  /**
   * Begins a dialog; the response comes as an output with the token that is returned.
   *
   * @throws StrowgerError 400 if a header or the body is illegal, 503 if too many requests are open, 513 if the message
   * is too large.
   */
  open(now: number, { method, dialog: id, from, to, headers = {}, after = 0 }: Opening): number {
    const core = this.core;
    this.tick(now);
    if (core.outbox.requests >= OPEN) throw new StrowgerError(503, 'too many requests');
    const towards = { 'Request-URI': to, From: from, To: to };
    this.#check({ ...towards, ...headers });
    const dialog = core.dialogs.get(id) ?? begin(core, id, towards);
    dialog.cseq = Math.max(dialog.cseq, after);
    if (method === 'INVITE') beginSession(core, dialog, 0, true, headers.Expire);
    core.tokens += 1;
    sendRequest(core, dialog, compose(dialog, method, headers), core.tokens);
    if (dialog.session) armSession(core, dialog, dialog.session);
    return core.tokens;
  }

  /**
   * Sends a request inside a session, an ACK or CANCEL among them; an ACK has no response.
   *
   * @throws StrowgerError 481 if there is no such session, 491 or 400 if its state does not allow the method, 400 and 513
   * as {@link Stack.open}.
   */
  request(now: number, id: string, method: Method, headers: Headers = {}): number {
    const core = this.core;
    this.tick(now);
    const dialog = core.dialogs.get(id);
    const session = dialog?.session;
    if (!session) throw new StrowgerError(481);
    this.#check({ ...dialog.towards, ...headers });
    const related = method === 'ACK' || method === 'CANCEL' ? { RelatedID: session.invite } : {};
    const request = { ...compose(dialog, method, headers), ...related };
    const trigger = requestTrigger(request, session, false);
    const cell = table[session.state][trigger];
    const pending = trigger === 'Update' && hasOpen(dialog, 'UPDATE');
    const isForeign = session.inviteReceived && (method === 'CANCEL' || method === 'ACK');
    if (!cell || typeof cell === 'string' || pending || isForeign) {
      const refusal = pending ? 'Pending' : typeof cell === 'string' ? cell : 'Illegal';
      throw new StrowgerError(CODES[refusal], `${method} in state ${session.state}`);
    }
    core.tokens += 1;
    fire(core, dialog, trigger, { sent: request, token: core.tokens });
    settle(core, dialog);
    return core.tokens;
  }

  /**
   * Answers a request of the peer.
   *
   * @throws StrowgerError 481 if the request is not open (any more), 400 if the code is not 100 to 699, 400 and 513 as
   * {@link Stack.open}.
   */
  respond(now: number, id: string, cseq: number, code: number, headers: Headers = {}): void {
    const core = this.core;
    this.tick(now);
    const dialog = core.dialogs.get(id);
    const record = dialog?.servers.get(cseq);
    if (!dialog || !record || !isOpen(record)) throw new StrowgerError(481);
    const { request } = record;
    if (!/^[1-6]\d\d$/.test(String(code))) throw new StrowgerError(400, `illegal code ${code}`);
    this.#check({ ...dialog.towards, ...headers });
    const response = respond(request, code, headers);
    if (request.Type === 'INVITE') {
      fire(core, dialog, responseTrigger(code, false), { reply: response });
    } else {
      sendResponse(core, dialog, response);
      if (code < 200) armServer(core, dialog, record);
      else answered(core, dialog, request, code);
    }
    settle(core, dialog);
  }

  /** What the server would refuse, or close the socket for, never reaches it. */
  #check(headers: Headers): void {
    let text: string;
    let fault: string | undefined;
    try {
      fault = faultIn(headers);
      text = JSON.stringify(headers);
    } catch (cause) {
      throw new StrowgerError(400, 'not JSON', { cause });
    }
    if (fault) throw new StrowgerError(400, `illegal ${fault}`);
    // What every message has beside these: Type, DialogueID, CSeq, Code and Desc.
    if (utf8.encode(text).length + 512 > this.#maxBytes) throw new StrowgerError(513, 'too large');
  }
}
