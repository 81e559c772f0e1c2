// The node as far as a service can notice it: sessions, automatic answers, timeouts, refused commands.
import { Request, Response } from '../message.js';
import type * as wit from '../wit.js';
import { Deadlines } from './deadlines.js';
import { begins, Leg } from './leg.js';

/** A request that the service sent. */
export interface Sent {
  readonly leg: number;
  readonly id: number;
  readonly request: Request;
}

/** Something that the service sent. */
export type Seen =
  | { readonly type: 'open'; readonly sent: Sent }
  | { readonly type: 'send'; readonly sent: Sent }
  | { readonly type: 'response'; readonly leg: number; readonly response: Response };

/** How long a transaction outside an INVITE, an INVITE without news, and a ringing INVITE last, in milliseconds. */
const TRANSACTION = 5000;
const PROVISIONAL = 60_000;

/** Legs, deadlines, and what waits to be told to the service. */
export class Stack {
  readonly legs = new Map<number, Leg>();
  readonly deadlines = new Deadlines();
  readonly pending: wit.Event[] = [];
  readonly seen: Seen[] = [];
  readonly refusals: wit.Refusal[] = [];
  readonly offline = new Set<string>();
  now = 0;

  /** A request begins a dialog with the service. */
  incoming(leg: number, request: Request): void {
    if (!begins(request.method)) throw new Error(`${request.method} begins no dialog: the node answers it`);
    const record = new Leg(false, leg, request);
    record.stampReceived(request);
    this.legs.set(leg, record);
    this.#receive(leg, record, request);
    this.pending.push({ tag: 'incoming', val: { leg, message: request.toString() } });
  }

  /** The peer sends a request on a leg. */
  request(leg: number, request: Request): void {
    const record = this.live(leg);
    if (record.state === 'over') throw new Error(`the session on leg ${leg} is over: the node answers 481`);
    record.stampReceived(request);
    const { method } = request;
    const isGivenUp = !record.opened && record.isUnanswered && method === 'BYE';
    if (method === 'CANCEL' || isGivenUp) {
      this.#cancelledByPeer(leg, record, request);
      return;
    }
    if (method === 'BYE') {
      if (record.state !== 'answered') throw new Error(`the node refuses a BYE in state ${record.state}`);
      record.close('bye');
    } else if (method !== 'ACK') {
      this.#receive(leg, record, request);
    }
    this.#tell(leg, request);
    this.#settle(leg, record);
  }

  /** The peer answers a request of the service. */
  respond(id: number, response: Response): void {
    const found = [...this.legs].find(([, record]) => record.sent.has(id));
    if (!found) throw new Error(`request ${id} waits for no response`);
    this.#receiveResponse(found[0], found[1], id, response);
  }

  /** The channel of a peer is lost. */
  lose(leg: number): void {
    const record = this.live(leg);
    const isWaiting = record.isUnanswered && !record.opened;
    const method = isWaiting ? 'CANCEL' : record.state === 'answered' ? 'BYE' : undefined;
    const open = [...record.sent];
    record.sent.clear();
    record.close('channel-lost');
    for (const [to, request] of open) {
      const message = Response.to(request, 480).toString();
      this.pending.push({ tag: 'response', val: { leg, to, message } });
    }
    if (method) {
      const request = record.make(method, true);
      record.stampReceived(request);
      request.reason = 'channel lost';
      this.#tell(leg, request);
    }
    this.#settle(leg, record);
  }

  /** A leg that has not ended. */
  live(leg: number): Leg {
    const record = this.legs.get(leg);
    if (!record || record.ended) throw new Error(`there is no leg ${leg}, or it has ended`);
    return record;
  }

  /** The service opens a leg. */
  open({ leg, id, message }: wit.Outgoing): void {
    const request = Request.parse(message);
    const fault = this.#faultOf(request, true);
    if (fault) {
      this.refuse(leg, id, fault);
      this.pending.push({ tag: 'ended', val: { leg, cause: 'refused' } });
      return;
    }
    const record = new Leg(true, leg, request);
    record.stamp(request);
    this.legs.set(leg, record);
    this.#expectAnswer(leg, record, id, request);
    this.seen.push({ type: 'open', sent: { leg, id, request } });
    const target = (request.route ?? request.requestUri).split(',')[0]?.split(';')[0]?.trim() ?? '';
    if (this.offline.has(target)) this.#receiveResponse(leg, record, id, Response.to(request, 480));
  }

  /** The service sends a request on a leg. */
  send({ leg, id, message }: wit.Outgoing): void {
    const request = Request.parse(message);
    const record = this.legs.get(leg);
    if (!record || record.ended) {
      this.refuse(leg, id, { tag: record ? 'leg-ended' : 'unknown-leg' });
      return;
    }
    const { method } = request;
    const illegal: wit.SendError = { tag: 'illegal', val: { method, state: record.state } };
    const fault = this.#faultOf(request, false) ?? (record.allows(method) ? undefined : illegal);
    if (fault) {
      this.refuse(leg, id, fault);
      return;
    }
    // The caller's BYE before the answer means CANCEL.
    if (method === 'BYE' && record.isUnanswered) request.method = 'CANCEL';
    record.stamp(request);
    this.#carryOut(leg, record, id, request);
    this.seen.push({ type: 'send', sent: { leg, id, request } });
    this.#settle(leg, record);
  }

  /** The service answers a request. */
  reply(leg: number, response: Response): void {
    const record = this.legs.get(leg);
    const request = record?.received.get(response.cseq);
    if (!record || record.ended || !request) {
      const tag = !record ? 'unknown-leg' : record.ended ? 'leg-ended' : 'answered';
      this.refuse(leg, null, { tag });
      return;
    }
    response.set('DialogueID', record.dialogueId);
    const due = { kind: 'received', leg, cseq: response.cseq } as const;
    if (response.isProvisional) {
      if (record.state === 'inviting') record.state = 'early';
      this.deadlines.set(this.now + PROVISIONAL, due);
    } else {
      record.received.delete(response.cseq);
      this.deadlines.forget(due);
      if (request.method === 'INVITE' && record.isUnanswered) {
        if (response.isSuccess) record.state = 'answered';
        else record.close('refused');
      }
    }
    this.seen.push({ type: 'response', leg, response });
    this.#settle(leg, record);
  }

  /** The service answers a request of which it has only the CSeq. */
  answer({ leg, cseq, code, reason }: wit.ShortAnswer): void {
    const request = this.legs.get(leg)?.received.get(cseq);
    const made = request ?? Request.make('OPTIONS', '-', '-', '-').set('CSeq', cseq);
    const response = Response.to(made as Request, code);
    response.reason = reason;
    this.reply(leg, response);
  }

  /** A command is not carried out. */
  refuse(leg: number, request: number | null, error: wit.SendError): void {
    const refusal = { leg, request, error };
    this.refusals.push(refusal);
    this.pending.push({ tag: 'refused', val: refusal });
  }

  /** Somebody has answered too late. */
  expire(leg: number, due: { readonly cseq: number } | { readonly id: number }): void {
    const record = this.legs.get(leg);
    if (!record) return;
    if ('id' in due) this.#expireSent(leg, record, due.id);
    else this.#expireReceived(leg, record, due.cseq);
  }

  /** The instance is over, but for one leg if one is given: what its legs get. */
  release(failed: boolean, but?: number): void {
    for (const [leg, record] of this.legs) {
      if (record.ended || leg === but) continue;
      for (const request of record.received.values()) {
        // Without a failure, what is no INVITE runs on to its 408.
        if (failed || (record.isUnanswered && request.method === 'INVITE')) {
          const response = Response.to(request, failed ? 500 : 480);
          this.seen.push({ type: 'response', leg, response });
        }
      }
      const waits = record.opened && (record.state === 'inviting' || record.state === 'early');
      const ends = record.state === 'answered' ? (record.wantsAck ? ['ACK', 'BYE'] : ['BYE']) : [];
      for (const method of waits ? ['CANCEL'] : ends) {
        const request = record.make(method, false);
        record.stamp(request);
        this.seen.push({ type: 'send', sent: { leg, id: 0, request } });
      }
      record.close('finished');
      record.ended = true;
    }
    const kept = this.pending.filter((event) => but !== undefined && isOf(event, but));
    this.pending.splice(0, this.pending.length, ...kept);
    this.deadlines.clear(but);
  }

  #tell(leg: number, request: Request): void {
    this.pending.push({ tag: 'request', val: { leg, message: request.toString() } });
  }

  #receive(leg: number, record: Leg, request: Request): void {
    const { cseq, method } = request;
    record.received.set(cseq, request);
    const span = method === 'INVITE' ? PROVISIONAL : TRANSACTION;
    this.deadlines.set(this.now + span, { kind: 'received', leg, cseq });
  }

  #cancelledByPeer(leg: number, record: Leg, request: Request): void {
    const invite = [...record.received.values()].find(({ method }) => method === 'INVITE');
    if (!invite) throw new Error(`CANCEL on leg ${leg} finds no open INVITE: the node answers it`);
    request.method = 'CANCEL';
    record.received.delete(invite.cseq);
    this.deadlines.forget({ kind: 'received', leg, cseq: invite.cseq });
    if (record.isUnanswered) record.close('cancelled');
    this.#tell(leg, request);
    this.#settle(leg, record);
  }

  #receiveResponse(leg: number, record: Leg, id: number, response: Response): void {
    const request = record.sent.get(id);
    if (!request) return;
    let told = response;
    const isInvite = request.method === 'INVITE';
    if (response.isProvisional) {
      // The node keeps a 100 for itself, and what rings after a CANCEL.
      if (isInvite && (response.code === 100 || record.state === 'cancelling')) return;
      if (isInvite && record.state === 'inviting') record.state = 'early';
      this.deadlines.set(this.now + PROVISIONAL, { kind: 'sent', leg, id });
    } else {
      record.sent.delete(id);
      this.deadlines.forget({ kind: 'sent', leg, id });
      // The answer crossed the CANCEL: the node sends ACK and BYE.
      if (isInvite && record.state === 'cancelling' && response.isSuccess) told = Response.to(request, 487);
      if (isInvite) settleInvite(record, told);
    }
    told.set('CSeq', request.cseq).set('DialogueID', record.dialogueId);
    this.pending.push({ tag: 'response', val: { leg, to: id, message: told.toString() } });
    this.#settle(leg, record);
  }

  #carryOut(leg: number, record: Leg, id: number, request: Request): void {
    switch (request.method) {
      case 'ACK':
        record.wantsAck = false;
        request.set('RelatedID', record.invite);
        break;
      case 'CANCEL':
        request.set('RelatedID', record.invite);
        record.cancelled = true;
        if (record.isUnanswered) {
          record.state = 'cancelling';
          for (const open of record.sent.keys()) {
            this.deadlines.set(this.now + TRANSACTION, { kind: 'sent', leg, id: open });
          }
        }
        break;
      case 'BYE':
        record.close('bye');
        break;
      default:
        this.#expectAnswer(leg, record, id, request);
    }
  }

  #expectAnswer(leg: number, record: Leg, id: number, request: Request): void {
    const isInvite = request.method === 'INVITE';
    if (isInvite) {
      record.invite = request.cseq;
      record.cancelled = false;
    }
    record.sent.set(id, request);
    this.deadlines.set(this.now + (isInvite ? PROVISIONAL : TRANSACTION), { kind: 'sent', leg, id });
  }

  #faultOf(request: Request, opens: boolean): wit.SendError | undefined {
    if (opens && !begins(request.method)) {
      return { tag: 'illegal', val: { method: request.method, state: 'new dialog' } };
    }
    const fields = { 'Request-URI': request.requestUri, From: request.from, To: request.to };
    const header = Object.entries(fields).find(([, text]) => !text)?.[0];
    return header ? { tag: 'syntax', val: { header, fault: 'must not be empty' } } : undefined;
  }

  #expireReceived(leg: number, record: Leg, cseq: number): void {
    const request = record.received.get(cseq);
    if (!request) return;
    record.received.delete(cseq);
    if (request.method === 'INVITE') {
      const cancel = record.make('CANCEL', true).set('CSeq', cseq) as Request;
      cancel.reason = 'timed out';
      if (record.isUnanswered) record.close('timed-out');
      this.#tell(leg, cancel);
    } else {
      if (record.state === 'single') record.cause = 'timed-out';
      this.pending.push({ tag: 'expired', val: { leg, cseq } });
    }
    this.#settle(leg, record);
  }

  #expireSent(leg: number, record: Leg, id: number): void {
    const request = record.sent.get(id);
    if (!request) return;
    const isCancelling = record.state === 'cancelling';
    if (!isCancelling && record.state === 'single') record.cause = 'timed-out';
    this.#receiveResponse(leg, record, id, Response.to(request, isCancelling ? 487 : 408));
  }

  #settle(leg: number, record: Leg): void {
    if (record.ended || !record.isDone) return;
    record.ended = true;
    this.pending.push({ tag: 'ended', val: { leg, cause: record.cause } });
  }
}

function settleInvite(record: Leg, response: Response): void {
  if (record.state === 'cancelling') {
    record.close('cancelled');
  } else if (response.isSuccess) {
    record.state = 'answered';
    record.wantsAck = true;
  } else if (record.isUnanswered) {
    record.close(response.code === 408 ? 'timed-out' : 'refused');
  }
}

/** Whether something has happened on a leg. */
function isOf(event: wit.Event, leg: number): boolean {
  switch (event.tag) {
    case 'incoming':
    case 'request':
    case 'response':
    case 'expired':
    case 'ended':
      return event.val.leg === leg;
    default:
      return false;
  }
}
