/** Carrying out what the session's tables decided, and the requests that this needs. */

import type { Headers, Request, Response } from './message.js';
import { respond } from './message.js';
import type { ClientRecord, Core, Dialog, Ending, Session } from './records.js';
import {
  answer,
  arm,
  compose,
  deliver,
  disarm,
  isOpen,
  openInvite,
  sendAck,
  sendResponse,
  settle,
  thin,
} from './sending.js';
import {
  type RefreshAction,
  type RefreshTrigger,
  refresh,
  type SessionAction,
  type SessionState,
  type SessionTrigger,
  session as table,
} from './session.js';
import { client, inviteClient } from './transactions.js';

/** What a trigger is about; `Pass` takes it. */
export interface Cargo {
  /** A request of the peer. */
  received?: Request;
  /** A request of the application, and its name for it. */
  sent?: Request;
  token?: number | undefined;
  /** A response of the peer. */
  answer?: Response;
  /** A response of the application. */
  reply?: Response;
}

/** What the application learns about the end of a session, by what caused it. */
function ending(trigger: SessionTrigger, cargo: Cargo): Ending {
  const { received, sent, answer: response, reply } = cargo;
  const final = response ?? reply;
  const [code, words] = /Bye/.test(trigger)
    ? [200, 'hung up']
    : /Cancel|Withdrawn/.test(trigger)
      ? [487, 'cancelled']
      : final
        ? [final.Code, final.Desc ?? 'refused']
        : [408, 'no answer in time'];
  return { code, reason: (received ?? final ?? sent)?.Reason || words, remote: !!(received ?? response) };
}

const ENDED: SessionState[] = ['Terminated', 'Refused', 'Cancelling', 'Abandoned'];

/** Whether the session is over or about to be: its first cause stands. */
const isEnding = (session: Session) => ENDED.includes(session.state);

/** Lets the session's table decide and carries it out. */
export function fire(core: Core, dialog: Dialog, trigger: SessionTrigger, cargo: Cargo = {}): void {
  const { session } = dialog;
  const cell = session && table[session.state][trigger];
  if (!session || !cell || typeof cell === 'string') return;
  const wasEnding = isEnding(session);
  const [next, ...actions] = cell;
  session.state = next;
  if (!wasEnding && isEnding(session)) session.ending ??= ending(trigger, cargo);
  if (trigger === 'Invite') {
    session.giveUp = core.now + core.timers.inviteMax;
    session.inviteReceived = !!cargo.received;
    session.invite = (cargo.received ?? cargo.sent)?.CSeq ?? session.invite;
  }
  for (const action of actions as SessionAction[]) perform(core, dialog, session, action, cargo);
}

function perform(core: Core, dialog: Dialog, session: Session, action: SessionAction, cargo: Cargo): void {
  const { received } = cargo;
  switch (action) {
    case 'Pass':
      return pass(core, dialog, cargo);
    case 'AnswerOk':
      return received && answer(core, dialog, received, 200);
    case 'AnswerTerminated':
      return answerInvite(core, dialog, 487);
    case 'AnswerTimeout':
      return answerInvite(core, dialog, 408);
    case 'SendAck':
      return cargo.answer && sendAck(core, dialog, cargo.answer.CSeq);
    case 'SendBye':
      sendRequest(core, dialog, compose(dialog, 'BYE', because(session)));
      return;
    case 'SendCancel':
      return sendCancel(core, dialog, cancelOf(dialog, session, cargo.sent), cargo.token);
    case 'DeliverCancel':
      // The ACK of the refusal is a matter between the stacks.
      return session.state === 'Refused' ? tellEnd(core, dialog, session) : undefined;
    case 'DeliverBye':
      return tellEnd(core, dialog, session);
    case 'DeliverTerminated':
      return giveUp(core, dialog, session, 487);
    case 'DeliverTimeout':
      return giveUp(core, dialog, session, 408);
    case 'ArmInvite':
    case 'ArmAnswer':
    case 'ArmAck':
    case 'ArmCancel':
    case 'ArmAbandoned':
      return armSession(core, dialog, session);
    case 'Disarm':
      return disarm(core, session);
    case 'StartRefresh':
      return startRefresh(core, dialog, session);
    case 'Refreshed':
      return refreshed(core, dialog, session, expireOf(dialog, cargo));
    case 'End':
      return end(core, dialog, session);
  }
}

/** The `Expire` of the request that a response answers, or of the request itself. */
const expireOf = (dialog: Dialog, { received, answer: response, reply }: Cargo): number | undefined =>
  (
    received ??
    dialog.clients.get(response?.CSeq ?? 0)?.request ??
    dialog.servers.get(reply?.CSeq ?? 0)?.request
  )?.Expire;

/** The CANCEL of our open INVITE; the caller's BYE before the answer becomes one. */
const cancelOf = (dialog: Dialog, session: Session, bye?: Request): Request => ({
  ...(bye ?? compose(dialog, 'CANCEL', because(session))),
  Type: 'CANCEL',
  RelatedID: session.invite,
});

const because = ({ ending }: Session): Headers => ({ Reason: ending?.reason });

function pass(core: Core, dialog: Dialog, cargo: Cargo): void {
  const { received, sent, answer: response, reply } = cargo;
  if (received) core.outputs.push({ kind: 'request', request: received });
  if (reply) sendResponse(core, dialog, reply);
  if (response) {
    const record = dialog.clients.get(response.CSeq);
    if (record) deliver(core, record, response);
  }
  if (sent?.Type === 'ACK') sendAck(core, dialog, sent.RelatedID ?? 0, sent);
  else if (sent?.Type === 'CANCEL') sendCancel(core, dialog, sent, cargo.token);
  else if (sent) sendRequest(core, dialog, sent, cargo.token);
}

function answerInvite(core: Core, dialog: Dialog, code: number): void {
  const record = openInvite(dialog);
  if (record) answer(core, dialog, record.request, code);
}

/** Cancels our open INVITE; one that no socket ever took is taken back together with it. */
function sendCancel(core: Core, dialog: Dialog, cancel: Request, token?: number): void {
  const record = dialog.clients.get(cancel.RelatedID ?? 0);
  if (!record) return;
  if (record.entry.written) {
    sendRequest(core, dialog, cancel, token);
    return;
  }
  core.outbox.done(record.entry);
  if (token !== undefined) core.outputs.push({ kind: 'response', token, response: respond(cancel, 200) });
  fire(core, dialog, 'Withdrawn');
  record.state = 'Completed';
}

/** Tells the application that its INVITE failed; a later final response is only acknowledged. */
function giveUp(core: Core, dialog: Dialog, session: Session, code: number): void {
  const record = dialog.clients.get(session.invite);
  if (session.inviteReceived || !record) return;
  record.state = inviteClient[record.state as 'Calling'].GiveUp ?? record.state;
  core.outbox.done(record.entry);
  deliver(core, record, respond(record.request, code, because(session)));
  if (session.state === 'Abandoned') tellEnd(core, dialog, session);
}

/** The states in which an INVITE waits for its final response. */
const INVITING: SessionState[] = ['Inviting', 'Early', 'EarlyPrack', 'EarlyUpdate', 'Reinviting'];

/** How long the present state lasts, if nothing happens; `undefined` for ever. */
function patience({ timers, now }: Core, { state, giveUp, inviteReceived }: Session): number | undefined {
  const { provisional, transaction, inviteMax, margin } = timers;
  if (INVITING.includes(state)) return Math.max(0, Math.min(provisional, giveUp - now)) + margin;
  if (state === 'Answered') return inviteReceived ? provisional : undefined;
  if (state === 'Abandoned') return inviteMax;
  return state === 'Established' || state === 'Reanswered' ? undefined : transaction + margin;
}

const isOurTurn = ({ inviteReceived, state }: Session) => inviteReceived && INVITING.includes(state);

/** Sets the deadline of the present state. Waiting for the peer counts only while there is a socket. */
export function armSession(core: Core, dialog: Dialog, session: Session): void {
  disarm(core, session);
  const ms = patience(core, session);
  if (ms === undefined || (!core.isUp && !isOurTurn(session) && session.state !== 'Abandoned')) return;
  arm(core, session, ms, () => {
    session.deadline = undefined;
    fire(core, dialog, isOurTurn(session) ? 'LocalTimeout' : 'PeerTimeout');
    settle(core, dialog);
  });
}

/** The application hears once that a session is over. */
export function tellEnd(core: Core, dialog: Dialog, session: Session): void {
  if (session.isTold) return;
  session.isTold = true;
  core.outputs.push({ kind: 'ended', dialog: dialog.id, ...(session.ending ?? ending('PeerTimeout', {})) });
}

function end(core: Core, dialog: Dialog, session: Session): void {
  disarm(core, session);
  turn(core, dialog, session, 'End');
  for (const record of dialog.servers.values()) {
    if (isOpen(record)) answer(core, dialog, record.request, 487);
  }
  tellEnd(core, dialog, session);
  const invite = dialog.clients.get(session.invite);
  if (invite && !session.inviteReceived && isOpen(invite)) armSession(core, dialog, session);
}

/** The server knows no such session: it was restarted, or gave us up. */
function gone(core: Core, dialog: Dialog, session: Session): void {
  session.ending ??= { code: 481, reason: 'no such dialog', remote: true };
  fire(core, dialog, session.state === 'Early' ? 'LocalTimeout' : 'NotRefreshed');
}

/** Sends a request and begins its transaction. */
export function sendRequest(core: Core, dialog: Dialog, request: Request, token?: number): ClientRecord {
  const isInvite = request.Type === 'INVITE';
  thin(dialog.clients, dialog.session?.invite);
  const entry = core.outbox.push(JSON.stringify(request), true);
  const record: ClientRecord = { request, entry, token, state: isInvite ? 'Calling' : 'Trying' };
  dialog.clients.set(request.CSeq, record);
  if (isInvite) {
    if (dialog.session) dialog.session.invite = request.CSeq;
  } else {
    awaitFinal(core, dialog, record);
  }
  return record;
}

/** Waits for the response to a request other than INVITE; time without a socket does not count. */
export function awaitFinal(core: Core, dialog: Dialog, record: ClientRecord): void {
  if (!core.isUp) return;
  const { transaction, provisional, margin } = core.timers;
  const since = core.now;
  arm(core, record, (record.state === 'Proceeding' ? provisional : transaction) + margin, () => {
    record.deadline = undefined;
    // Where nothing at all came meanwhile, the socket is dead rather than the peer slow: the request gets a second
    // chance on the next socket.
    if (core.heard <= since && !record.suspected) {
      record.suspected = true;
      core.outputs.push({ kind: 'suspect' });
    } else {
      fail(core, dialog, record, 408, 'no answer in time');
    }
  });
}

/** Ends a request of ours, other than INVITE, without a response of the peer. */
export function fail(core: Core, dialog: Dialog, record: ClientRecord, code: number, reason: string): void {
  record.state = client[record.state as 'Trying'].Timeout ?? 'Completed';
  core.outbox.done(record.entry);
  conclude(core, dialog, record, respond(record.request, code, { Reason: reason }));
  settle(core, dialog);
}

/** The final response to a request of ours other than INVITE, from the peer or made up for it. */
export function conclude(core: Core, dialog: Dialog, record: ClientRecord, response: Response): void {
  const { request } = record;
  const { session } = dialog;
  disarm(core, record);
  dialog.clients.delete(request.CSeq);
  deliver(core, record, response);
  answered(core, dialog, request, response.Code);
  if (!session || request.Type !== 'UPDATE') return;
  if (response.Code >= 300) turn(core, dialog, session, 'Failed');
  if (response.Code === 481 && request.Body === undefined) gone(core, dialog, session);
}

/** A request other than INVITE, of either side, has its final response. */
export function answered(core: Core, dialog: Dialog, { Type, Expire }: Request, code: number): void {
  if (Type === 'PRACK') fire(core, dialog, 'PrackDone');
  if (Type !== 'UPDATE') return;
  fire(core, dialog, 'UpdateDone');
  if (dialog.session && code < 300) refreshed(core, dialog, dialog.session, Expire);
}

/** Begins to keep an answered session alive, if its INVITE named an interval. */
export function startRefresh(core: Core, dialog: Dialog, session: Session): void {
  if (session.refresh.interval)
    turn(core, dialog, session, session.refresh.ours ? 'BeginRefreshing' : 'BeginWatching');
}

/** A re-INVITE or UPDATE was answered 2xx: the session lives on, with the interval that it may have named. */
function refreshed(core: Core, dialog: Dialog, session: Session, expire: number | undefined): void {
  const interval = (expire ?? 0) * 1000;
  const isNew = interval > 0 && interval !== session.refresh.interval;
  if (isNew) session.refresh.interval = interval;
  turn(core, dialog, session, isNew ? 'Renegotiated' : 'Refreshed');
}

/** Lets the refresh machine decide and carries it out. */
function turn(core: Core, dialog: Dialog, session: Session, trigger: RefreshTrigger): void {
  const { refresh: own } = session;
  const cell = refresh[own.state][trigger];
  if (!cell) return;
  const [next, ...actions] = cell;
  own.state = next;
  for (const action of actions as RefreshAction[]) {
    disarm(core, own);
    if (action === 'SendUpdate') {
      sendRequest(core, dialog, compose(dialog, 'UPDATE', { Expire: own.interval / 1000 }));
    } else if (action === 'GiveUp') {
      fire(core, dialog, 'NotRefreshed');
      settle(core, dialog);
    } else if (action !== 'Disarm') {
      const ms = action === 'ArmThird' ? own.interval / 3 : own.interval;
      arm(core, own, ms, () => turn(core, dialog, session, 'Tick'));
    }
  }
}
