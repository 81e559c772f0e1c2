/** Messages that came in: absorbed, answered, handed to their session, or dropped. */

import { type Method, type Request, type Response, respond } from './message.js';
import type { ClientRecord, Core, Dialog, ServerRecord, Session } from './records.js';
import {
  answer,
  arm,
  begin,
  beginSession,
  deliver,
  isOpen,
  refuseStateless,
  sendAck,
  sendResponse,
  settle,
  thin,
} from './sending.js';
import { type Refusal, type SessionState, type SessionTrigger, session as table } from './session.js';
import { answered, armSession, awaitFinal, conclude, fire } from './session-actions.js';
import { client, inviteClient, inviteServer } from './transactions.js';

const BEGINS: Method[] = ['INVITE', 'REGISTER', 'OPTIONS', 'MESSAGE', 'SUBSCRIBE', 'NOTIFY', 'REFER'];

/** The states behind the answer to the first INVITE. */
export const STANDING: SessionState[] = ['Answered', 'Established', 'Reinviting', 'Rerefused', 'Reanswered'];

const PLAIN: Partial<Record<Method, SessionTrigger>> = {
  INVITE: 'Invite',
  ACK: 'Ack',
  INFO: 'Info',
  REFER: 'Inside',
  NOTIFY: 'Inside',
  MESSAGE: 'Inside',
};

/** What a request of this direction means for a session. */
export function requestTrigger({ Type, Body }: Request, session: Session, received: boolean): SessionTrigger {
  const who = received !== session.isCaller ? 'Caller' : 'Callee';
  const way = received ? 'Received' : 'Sent';
  if (Type === 'CANCEL') return `Cancel${way}`;
  if (Type === 'BYE') return `${who}Bye${way}`;
  if (Type === 'PRACK') return `${who}Prack`;
  if (Type === 'UPDATE')
    return Body === undefined && STANDING.includes(session.state) ? `Refresh${way}` : 'Update';
  return PLAIN[Type] ?? 'Foreign';
}

/** What a response to an INVITE means for its session. */
export function responseTrigger(code: number, received: boolean): SessionTrigger {
  const way = received ? 'Received' : 'Sent';
  if (code === 100) return `Trying${way}` as SessionTrigger;
  if (code < 200) return 'Provisional';
  if (code < 300) return `Success${way}`;
  return code === 481 ? `Gone${way}` : `Failure${way}`;
}

/** Takes a request of the peer. */
export function receiveRequest(core: Core, request: Request): void {
  const dialog = core.dialogs.get(request.DialogueID);
  if (request.Type === 'ACK') {
    if (dialog) receiveAck(core, dialog, request);
    return;
  }
  if (dialog && absorb(core, dialog, request)) return;
  if (dialog?.session) receiveInSession(core, dialog, dialog.session, request);
  else if (BEGINS.includes(request.Type)) receiveFirst(core, dialog, request);
  else refuseStateless(core, request, 481, 'no such dialog');
  if (dialog) settle(core, dialog);
}

function receiveFirst(core: Core, known: Dialog | undefined, request: Request): void {
  const { From, To, DialogueID, CSeq } = request;
  const towards = { 'Request-URI': From, From: To, To: From };
  const dialog = known ?? begin(core, DialogueID, towards);
  const record = addServer(dialog, request);
  if (request.Type === 'INVITE') {
    armSession(core, dialog, beginSession(core, dialog, CSeq, false, request.Expire));
  } else {
    armServer(core, dialog, record);
  }
  core.outputs.push({ kind: 'incoming', request });
}

function addServer(dialog: Dialog, request: Request): ServerRecord {
  const state = request.Type === 'INVITE' ? 'Proceeding' : 'Trying';
  const record: ServerRecord = { request, state };
  thin(dialog.servers, dialog.session?.invite);
  dialog.servers.set(request.CSeq, record);
  return record;
}

/** Waits for the application's answer to a request other than INVITE. */
export function armServer(core: Core, dialog: Dialog, record: ServerRecord): void {
  const { transaction, provisional } = core.timers;
  arm(core, record, record.state === 'Proceeding' ? provisional : transaction, () => {
    sendResponse(core, dialog, respond(record.request, 408, { Reason: 'no answer in time' }));
    answered(core, dialog, record.request, 408);
    settle(core, dialog);
  });
}

/** Absorbs a request that came before; refuses one that takes the number of an open transaction. */
function absorb(core: Core, dialog: Dialog, request: Request): boolean {
  const known = dialog.servers.get(request.CSeq);
  if (!known) return false;
  const { Type, 'Request-URI': uri } = known.request;
  if (Type === request.Type && uri === request['Request-URI']) {
    if (known.last) core.outbox.again(known.last.text);
    return true;
  }
  if (isOpen(known) || (Type === 'INVITE' && known.state !== 'Confirmed')) {
    refuseStateless(core, request, 400, 'CSeq');
    return true;
  }
  dialog.servers.delete(request.CSeq);
  return false;
}

function receiveInSession(core: Core, dialog: Dialog, session: Session, request: Request): void {
  const { state } = session;
  const found =
    request.Type === 'CANCEL' ? cancelTrigger(dialog, request) : requestTrigger(request, session, true);
  let trigger = found;
  if (request.Type === 'BYE' && state === 'Terminated' && hasOpen(dialog, 'BYE')) trigger = 'ByeCrossing';
  const collides = trigger === 'Update' && hasOpen(dialog, 'UPDATE');
  const cell = collides ? 'Pending' : trigger ? table[state][trigger] : 'NoSession';
  const record = addServer(dialog, request);
  if (trigger && cell && typeof cell !== 'string') {
    if (request.Type !== 'INVITE') armServer(core, dialog, record);
    fire(core, dialog, trigger, { received: request });
  } else {
    refuse(core, dialog, request, (cell as Refusal | undefined) ?? 'Illegal', state);
  }
}

export const hasOpen = ({ clients, servers }: Dialog, method: Method) =>
  [...clients.values(), ...servers.values()].some(
    (record) => record.request.Type === method && isOpen(record),
  );

/** What a CANCEL finds: the open INVITE, one that has its final response, or none. */
function cancelTrigger(dialog: Dialog, { RelatedID }: Request): SessionTrigger | undefined {
  const meant = [...dialog.servers.values()].filter(
    ({ request }) => request.Type === 'INVITE' && (RelatedID ?? request.CSeq) === request.CSeq,
  );
  return meant.some(isOpen) ? 'CancelReceived' : meant.length ? 'CancelLate' : undefined;
}

/** What a refusal says. */
export const CODES: Record<Refusal, number> = { Pending: 491, NoSession: 481, Illegal: 400 };

function refuse(core: Core, dialog: Dialog, request: Request, refusal: Refusal, state: SessionState): void {
  answer(core, dialog, request, CODES[refusal], `${request.Type} in state ${state}`);
}

/** An ACK is never answered. */
function receiveAck(core: Core, dialog: Dialog, ack: Request): void {
  const { session } = dialog;
  const invites = [...dialog.servers.values()].filter(({ request, state }) =>
    ack.RelatedID === undefined
      ? request.Type === 'INVITE' && (state === 'Accepted' || state === 'Completed')
      : request.CSeq === ack.RelatedID,
  );
  const invite = invites.at(-1);
  const next = invite?.request.Type === 'INVITE' && inviteServer[invite.state as 'Proceeding'].Ack;
  if (!session || !invite || !next) return;
  invite.state = next;
  if (invite.last) core.outbox.prove(invite.last);
  // The ACK of an INVITE that collided is absorbed with its transaction.
  if (session.inviteReceived && session.invite === invite.request.CSeq)
    fire(core, dialog, 'Ack', { received: ack });
  settle(core, dialog);
}

/** Takes a response of the peer. */
export function receiveResponse(core: Core, response: Response): void {
  const dialog = core.dialogs.get(response.DialogueID);
  const record = dialog?.clients.get(response.CSeq);
  if (!dialog || !record) return;
  core.outbox.prove(record.entry);
  if (record.request.Type === 'INVITE') receiveInviteResponse(core, dialog, record, response);
  else receivePlainResponse(core, dialog, record, response);
  settle(core, dialog);
}

function receivePlainResponse(core: Core, dialog: Dialog, record: ClientRecord, response: Response): void {
  const next = client[record.state as 'Trying'][response.Code < 200 ? 'Provisional' : 'Final'];
  if (!next) return;
  record.state = next;
  core.outbox.done(record.entry);
  if (record.state === 'Completed') return conclude(core, dialog, record, response);
  awaitFinal(core, dialog, record);
  deliver(core, record, response);
}

function receiveInviteResponse(core: Core, dialog: Dialog, record: ClientRecord, response: Response): void {
  const { Code, CSeq } = response;
  const before = record.state;
  const next =
    inviteClient[before as 'Calling'][Code < 200 ? 'Provisional' : Code < 300 ? 'Success' : 'Failure'];
  if (!next) return;
  record.state = next;
  // The INVITE is repeated until its final response: a server that was restarted meanwhile gets it as a new one.
  if (Code >= 200) core.outbox.done(record.entry);
  if (before === 'Accepted') {
    core.outbox.again(record.ack ?? '');
  } else if (before !== 'Abandoned') {
    fire(core, dialog, responseTrigger(Code, true), { answer: response });
  } else if (Code >= 200) {
    sendAck(core, dialog, CSeq);
    fire(core, dialog, Code < 300 ? 'LateSuccess' : 'LateFailure', { answer: response });
  }
}
