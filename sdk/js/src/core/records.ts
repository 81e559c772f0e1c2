/** What the stack remembers: dialogs, their transactions and their session. Plain data, no behaviour. */

import type { Deadline, Deadlines } from './deadlines.js';
import type { Request, Response } from './message.js';
import type { Entry, Outbox } from './outbox.js';
import type { RefreshState, SessionState } from './session.js';
import type { ClientState, InviteClientState, InviteServerState, ServerState } from './transactions.js';

/** How long things wait, in milliseconds (protocol section 9). */
export interface Timers {
  /** A request other than INVITE waits so long for its final response. Default 5,000. */
  transaction: number;
  /** An INVITE waits so long for its next response. Default 60,000. */
  provisional: number;
  /** An INVITE waits so long in all. Default 180,000. */
  inviteMax: number;
  /** Without a socket for so long, everything open has failed. The server's `channel.retention`; default 120,000. */
  retention: number;
  /** How much longer than the server the client waits, so that the server's own verdict comes first. Default 2,000. */
  margin: number;
}

/** The defaults of protocol section 9. */
export const TIMERS: Timers = {
  transaction: 5_000,
  provisional: 60_000,
  inviteMax: 180_000,
  retention: 120_000,
  margin: 2_000,
};

/** A request of ours. */
export interface ClientRecord {
  readonly request: Request;
  readonly entry: Entry;
  state: ClientState | InviteClientState;
  /** The application's name for it, until it has the final response. */
  token: number | undefined;
  deadline?: Deadline | undefined;
  /** The ACK of its final response, to be sent again. */
  ack?: string;
  /** A timeout without any frame in between has already cost the socket. */
  suspected?: boolean;
}

/** A request of the peer. */
export interface ServerRecord {
  readonly request: Request;
  state: ServerState | InviteServerState;
  /** The latest response, and its place in the outbox. */
  last?: Entry;
  deadline?: Deadline | undefined;
}

/** Who ended a session, and why. */
export interface Ending {
  /** The code that fits: 200 for a BYE, 487 for a CANCEL, else the response's. */
  code: number;
  /** In words. */
  reason: string;
  /** Whether the peer, rather than this side or the network, ended it. */
  remote: boolean;
}

/** One INVITE session. */
export interface Session {
  readonly isCaller: boolean;
  state: SessionState;
  /** The CSeq of the latest INVITE, and whose it is. */
  invite: number;
  inviteReceived: boolean;
  giveUp: number;
  deadline?: Deadline | undefined;
  ending?: Ending;
  /** Whether the application knows that it is over. */
  isTold: boolean;
  refresh: { state: RefreshState; interval: number; ours: boolean; deadline?: Deadline | undefined };
}

/** One dialog: its id, our numbering, who is who, and what is open. */
export interface Dialog {
  readonly id: string;
  cseq: number;
  /** Request-URI, From and To of a request to the peer. */
  readonly towards: Pick<Request, 'Request-URI' | 'From' | 'To'>;
  readonly clients: Map<number, ClientRecord>;
  readonly servers: Map<number, ServerRecord>;
  session?: Session;
}

/** What comes out of the stack. */
export type Output =
  | { readonly kind: 'send'; readonly text: string }
  /** A request that begins something: INVITE, MESSAGE, ... It wants a response, unless it is answered already. */
  | { readonly kind: 'incoming'; readonly request: Request }
  /** A request inside a session. BYE and CANCEL are answered already. */
  | { readonly kind: 'request'; readonly request: Request }
  | { readonly kind: 'response'; readonly token: number; readonly response: Response }
  | ({ readonly kind: 'ended'; readonly dialog: string } & Ending)
  /** The socket seems dead: nothing came while a response was due. */
  | { readonly kind: 'suspect' };

/** Everything a stack owns; its functions take it as their first argument. */
export interface Core {
  readonly timers: Timers;
  readonly dialogs: Map<string, Dialog>;
  readonly deadlines: Deadlines;
  readonly outbox: Outbox;
  readonly outputs: Output[];
  /** Dialogs that are over, the oldest first: they absorb repetitions until there are too many. */
  readonly finished: Set<Dialog>;
  now: number;
  isUp: boolean;
  /** When the last frame came. */
  heard: number;
  tokens: number;
}
