import type { Headers } from './core/message.js';
import type { Media } from './media/media.js';

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
