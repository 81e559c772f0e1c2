import type { Headers, Request } from './core/message.js';
import type { Ending } from './core/records.js';
import type { Media } from './media/media.js';
import type { Transfer } from './transfer.js';

/** What a call sends and how it is set up. */
export interface CallOptions {
  /** Ask for the microphone; constraints for a particular one. */
  audio?: boolean | MediaTrackConstraints;
  /** Ask for the camera; constraints for a particular one. */
  video?: boolean | MediaTrackConstraints;
  /** A stream to be sent instead. It stays the caller's: it is not stopped when the call ends. */
  stream?: MediaStream;
  /** Media of another make, such as `fixedMedia`. Then nothing else here matters. */
  media?: Media;
  /** Send ICE candidates as they are found, in INFO. Default true; `false` waits for all of them first. */
  trickle?: boolean;
  /** The longest wait for all ICE candidates, in milliseconds. Default 3,000. */
  gatherMs?: number;
  /** More for the peer connection; `iceServers` default to the client's. */
  configuration?: RTCConfiguration;
  /** Seconds after which a call that is not refreshed ends; this side refreshes it. Default: the server's. */
  expire?: number;
  /** More headers for the INVITE. */
  headers?: Headers;
}

/**
 * Where a call is: `calling` (no sign of the other side), `ringing` (it rings there, or here), `connecting` (answered,
 * not acknowledged), `active`, `ended`.
 */
export type CallState = 'calling' | 'ringing' | 'connecting' | 'active' | 'ended';

/** What a {@link Call} tells. */
export interface CallEvents {
  /** Any change of `Call.state`. */
  state: CallState;
  /** The other side is told; `isEarly`: there is something to hear or see before the answer. */
  ringing: { code: number; isEarly: boolean };
  established: undefined;
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
  transfer: Transfer;
  /** How the media's connection is. */
  connection: RTCPeerConnectionState;
}
