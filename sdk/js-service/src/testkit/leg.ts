// What the kit keeps of a leg: as much of a session as a service can notice.
import { Request } from '../message.js';
import type { EndCause } from '../wit.js';

/** Where a leg is; `single` is one outside a call, where each transaction stands alone. */
export type State = 'single' | 'inviting' | 'early' | 'cancelling' | 'answered' | 'over';

/** One leg, seen from the node. */
export class Leg {
  state: State;
  cause: EndCause = 'completed';
  ended = false;
  /** Requests of the peer without a final response of the service, by their CSeq. */
  readonly received = new Map<number, Request>();
  /** Requests of the service without a final response, by their number. */
  readonly sent = new Map<number, Request>();
  /** An INVITE of the service has its 2xx and wants an ACK. */
  wantsAck = false;
  /** The latest INVITE of the service was cancelled. */
  cancelled = false;
  /** The CSeq of the latest INVITE of the service. */
  invite = 1;
  /** The CSeq of the peer's next request. */
  peerNext = 1;
  readonly opened: boolean;
  readonly dialogueId: string;
  readonly #first: Request;
  #next = 1;

  constructor(opened: boolean, number: number, first: Request) {
    this.opened = opened;
    this.dialogueId = `leg-${number}`;
    this.#first = first.clone();
    this.state = first.method === 'INVITE' ? 'inviting' : 'single';
  }

  get isUnanswered(): boolean {
    return this.state === 'inviting' || this.state === 'early' || this.state === 'cancelling';
  }

  /** Whether nothing more comes on it. */
  get isDone(): boolean {
    return (
      (this.state === 'over' || this.state === 'single') && this.received.size === 0 && this.sent.size === 0
    );
  }

  /** Gives a request of the service its ids. */
  stamp(request: Request): void {
    request.set('DialogueID', this.dialogueId).set('CSeq', this.#next);
    this.#next += 1;
  }

  /** Gives a request of the peer its ids. */
  stampReceived(request: Request): void {
    request.set('DialogueID', this.dialogueId).set('CSeq', this.peerNext);
    this.peerNext += 1;
  }

  /** A request that the peer sends, or the service, as the node makes it up. */
  make(method: string, byPeer: boolean): Request {
    const { requestUri, from, to } = this.#first;
    const request =
      byPeer === this.opened
        ? Request.make(method, from, to, from)
        : Request.make(method, requestUri, from, to);
    request.set('DialogueID', this.dialogueId);
    return request;
  }

  /** Ends the session; what the peer still waits for, the node answers. */
  close(cause: EndCause): void {
    this.state = 'over';
    this.cause = cause;
    this.received.clear();
  }

  /** Whether the session allows the service this request. */
  allows(method: string): boolean {
    const isInviting = hasInvite(this.sent) || hasInvite(this.received);
    if (this.state === 'over') return false;
    if (this.state === 'single') return begins(method) && method !== 'INVITE';
    switch (method) {
      case 'ACK':
        return this.wantsAck;
      case 'CANCEL':
        return hasInvite(this.sent) && !this.cancelled;
      case 'BYE':
        return this.state === 'answered' || (this.opened && this.state !== 'cancelling');
      case 'INVITE':
        return this.state === 'answered' && !isInviting;
      case 'PRACK':
        return this.state === 'early' && this.opened;
      case 'UPDATE':
      case 'INFO':
        return this.state === 'early' || this.state === 'answered';
      case 'MESSAGE':
      case 'NOTIFY':
      case 'REFER':
        return this.state === 'answered';
      default:
        return false;
    }
  }
}

const BEGIN = ['INVITE', 'REGISTER', 'OPTIONS', 'MESSAGE', 'SUBSCRIBE', 'NOTIFY', 'REFER'];

/** Whether a request can begin a dialog. */
export function begins(method: string): boolean {
  return BEGIN.includes(method);
}

function hasInvite(requests: ReadonlyMap<number, Request>): boolean {
  return [...requests.values()].some(({ method }) => method === 'INVITE');
}
