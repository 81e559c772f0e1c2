/** Responses and ACKs on their way out, and what dialogs and transactions begin with. */

import type { Deadline } from './deadlines.js';
import { type Headers, type Method, type Request, type Response, respond } from './message.js';
import type { ClientRecord, Core, Dialog, ServerRecord, Session } from './records.js';
import { inviteServer, server } from './transactions.js';

/** Sets a deadline for a record, instead of the one it has. */
export function arm(
  core: Core,
  record: { deadline?: Deadline | undefined },
  ms: number,
  due: () => void,
): void {
  core.deadlines.clear(record.deadline);
  record.deadline = core.deadlines.set(core.now + ms, due);
}

/** Stops waiting. */
export function disarm(core: Core, record: { deadline?: Deadline | undefined }): void {
  core.deadlines.clear(record.deadline);
  record.deadline = undefined;
}

/** Whether a transaction, of either side, has no final response. */
export const isOpen = ({ state }: ClientRecord | ServerRecord) =>
  state === 'Trying' || state === 'Calling' || state === 'Proceeding';

/** The peer's INVITE that has no final response. */
export const openInvite = (dialog: Dialog): ServerRecord | undefined =>
  [...dialog.servers.values()].find((record) => record.request.Type === 'INVITE' && isOpen(record));

/** A new dialog; `towards` is how its peer is addressed. */
export function begin(core: Core, id: string, towards: Dialog['towards']): Dialog {
  const dialog: Dialog = { id, cseq: 0, towards, clients: new Map(), servers: new Map() };
  core.dialogs.set(id, dialog);
  return dialog;
}

/** Begins the INVITE session of a dialog. `expire` is what its INVITE says, in seconds. */
export function beginSession(
  core: Core,
  dialog: Dialog,
  invite: number,
  isCaller: boolean,
  expire = 0,
): Session {
  dialog.session = {
    isCaller,
    state: 'Inviting',
    invite,
    inviteReceived: !isCaller,
    giveUp: core.now + core.timers.inviteMax,
    isTold: false,
    refresh: { state: 'Idle', interval: expire * 1000, ours: isCaller },
  };
  return dialog.session;
}

/** Answers a request that no transaction is kept for. */
export function refuseStateless(core: Core, request: Request, code: number, reason: string): void {
  core.outbox.again(JSON.stringify(respond(request, code, { Reason: reason })));
}

/** The most dialogs that absorb repetitions after their end; where the oldest is forgotten, exactly-once ends. */
const FINISHED = 256;
/** The same for the transactions of one dialog. */
const ABSORBING = 64;

/**
 * After a step: a dialog that is over is kept for absorption until too many others are. The server forgets after
 * `timers.linger`; here the number alone is the bound, since a frame that proves nothing may be repeated much later.
 */
export function settle(core: Core, dialog: Dialog): void {
  const { session, clients, servers } = dialog;
  const { finished, dialogs } = core;
  const isOver = !session || session.state === 'Terminated';
  if (!isOver || [...clients.values(), ...servers.values()].some(isOpen)) {
    finished.delete(dialog);
    return;
  }
  finished.add(dialog);
  for (const oldest of finished) {
    if (finished.size <= FINISHED) return;
    finished.delete(oldest);
    dialogs.delete(oldest.id);
  }
}

/** Makes room for one more transaction. */
export function thin(records: Map<number, ClientRecord | ServerRecord>, invite: number | undefined): void {
  for (const [cseq, record] of records) {
    if (records.size < ABSORBING) return;
    if (cseq !== invite && !isOpen(record)) records.delete(cseq);
  }
}

/** A request of this dialog, with its own number. */
export function compose(dialog: Dialog, method: Method, headers: Headers = {}): Request {
  dialog.cseq += 1;
  return { Type: method, ...dialog.towards, DialogueID: dialog.id, CSeq: dialog.cseq, ...headers };
}

/** Gives the application a response to what it sent, the final one once. */
export function deliver(core: Core, record: ClientRecord, response: Response): void {
  const { token } = record;
  if (token === undefined) return;
  if (response.Code >= 200) record.token = undefined;
  core.outputs.push({ kind: 'response', token, response });
}

/** Sends the ACK of an INVITE's final response. It is repeated as it is. */
export function sendAck(core: Core, dialog: Dialog, invite: number, ack?: Request): void {
  const record = dialog.clients.get(invite);
  const text = JSON.stringify(ack ?? compose(dialog, 'ACK', { RelatedID: invite }));
  if (record) record.ack = text;
  core.outbox.push(text, false);
}

/** Sends a response and moves its transaction, if that takes it. */
export function sendResponse(core: Core, dialog: Dialog, response: Response): void {
  const record = dialog.servers.get(response.CSeq);
  if (!record) return;
  const { Code } = response;
  const next =
    record.request.Type === 'INVITE'
      ? inviteServer[record.state as 'Proceeding'][
          Code < 200 ? 'Provisional' : Code < 300 ? 'Success' : 'Failure'
        ]
      : server[record.state as 'Trying'][Code < 200 ? 'Provisional' : 'Final'];
  if (!next) return;
  record.state = next;
  if (Code >= 200) disarm(core, record);
  record.last = core.outbox.push(JSON.stringify(response), false);
}

/** Answers for the application. */
export function answer(core: Core, dialog: Dialog, request: Request, code: number, reason?: string): void {
  sendResponse(core, dialog, respond(request, code, { Reason: reason }));
}
