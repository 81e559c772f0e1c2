import type { CallState } from './call-options.js';
import type { Request } from './core/message.js';
import type { Ending } from './core/records.js';
import type { Transfer } from './transfer.js';

/** What a {@link Call} tells; `Made` is what accepting a transfer makes: a call. */
export interface CallEvents<Made> {
  /** Any change of `Call.state`. */
  state: CallState;
  /** The other side is told; `isEarly`: there is something to hear or see before the answer. */
  ringing: { code: number; isEarly: boolean };
  /** Both sides have agreed: it stands. */
  established: undefined;
  /** It is over. */
  ended: Ending;
  /** A track of the other side. */
  track: { track: MediaStreamTrack; streams: readonly MediaStream[] };
  /** The streams of both sides, whenever one of them is new. */
  streams: { local: MediaStream | undefined; remote: MediaStream | undefined };
  /** The other side put the call on hold, or took it off. */
  hold: boolean;
  /** The other side pressed a key. */
  dtmf: { tone: string; duration: number };
  /** An INFO of any other kind; it is answered 200. */
  info: Request;
  /** A MESSAGE or NOTIFY within the call; it is answered 200. */
  message: Request;
  /** The other side asks to call somebody else instead. Without a listener it gets 603. */
  transfer: Transfer<Made>;
  /** How the media's connection is. */
  connection: RTCPeerConnectionState;
}
