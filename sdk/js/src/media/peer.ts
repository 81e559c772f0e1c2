import type { Clock } from '../clock.js';
import { Emitter } from '../events.js';
import type { Description, Media } from './media.js';
import { type MediaStatistics, summarise } from './statistics.js';
import { readFragment, writeFragment } from './trickle.js';

/** What the media of a call tells. */
export interface PeerEvents {
  track: { track: MediaStreamTrack; streams: readonly MediaStream[] };
  connection: RTCPeerConnectionState;
  /** Candidates to be sent to the other side. */
  candidates: string;
}

export interface PeerOptions {
  connection: RTCPeerConnection;
  clock: Clock;
  /** Send candidates as they are found, or wait for all of them. */
  trickle: boolean;
  /** The longest wait for all candidates, in milliseconds. */
  gatherMs: number;
}

/** Candidates that are found together go together. */
const BATCH_MS = 20;

/** The media of a call over one `RTCPeerConnection`. */
export class PeerMedia extends Emitter<PeerEvents> implements Media {
  readonly connection: RTCPeerConnection;
  /** Whether the other side takes candidates in INFO: it says so with `Recv-Info`. Unknown at first. */
  remoteTrickles: boolean | undefined;
  readonly #options: PeerOptions;
  /** Ours that were not sent yet, and theirs that came before their description. */
  #own: RTCIceCandidateInit[] = [];
  #theirs: RTCIceCandidateInit[] = [];
  #isOpen = false;
  readonly #directions = new Map<RTCRtpTransceiver, RTCRtpTransceiverDirection>();
  #timer: unknown;
  /** Whether the description that was sent has all candidates in it. */
  #isWhole = false;

  constructor(options: PeerOptions) {
    super();
    const { connection } = options;
    this.#options = options;
    this.connection = connection;
    connection.onicecandidate = ({ candidate }) => {
      if (candidate) this.#own.push(candidate.toJSON());
      this.#send();
    };
    connection.ontrack = ({ track, streams }) => this.emit('track', { track, streams });
    connection.onconnectionstatechange = () => this.emit('connection', connection.connectionState);
  }

  /** Sends what the local stream has. */
  add(stream: MediaStream): void {
    for (const track of stream.getTracks()) this.connection.addTrack(track, stream);
  }

  /** The other side is ready for candidates. */
  open(): void {
    this.#isOpen = true;
    this.#send();
  }

  /** Whether candidates found since the description was sent have not reached the other side. */
  get isLacking(): boolean {
    return !this.#isWhole && this.remoteTrickles !== true;
  }

  async offer({ iceRestart }: { iceRestart: boolean }): Promise<Description> {
    await this.connection.setLocalDescription(await this.connection.createOffer({ iceRestart }));
    return this.#local();
  }

  async answer({ body }: Description): Promise<Description> {
    await this.#remote('offer', body);
    await this.connection.setLocalDescription(await this.connection.createAnswer());
    return this.#local();
  }

  async accept({ body }: Description, isEarly: boolean): Promise<void> {
    await this.#remote(isEarly ? 'pranswer' : 'answer', body);
  }

  async rollback(): Promise<void> {
    if (this.connection.signalingState !== 'stable')
      await this.connection.setLocalDescription({ type: 'rollback' });
  }

  /** Candidates of the other side. */
  async candidates(fragment: string): Promise<void> {
    this.#theirs.push(...readFragment(fragment));
    if (this.connection.remoteDescription) await this.#addTheirs();
  }

  /** Lets nothing in, and lets the other side know; `false`: as it was before. */
  hold(isHeld: boolean): void {
    for (const transceiver of this.connection.getTransceivers()) {
      const { direction } = transceiver;
      if (direction === 'stopped') continue;
      if (isHeld) this.#directions.set(transceiver, direction);
      const held = direction.startsWith('send') ? 'sendonly' : 'inactive';
      transceiver.direction = isHeld ? held : (this.#directions.get(transceiver) ?? direction);
    }
  }

  /** The sender of a kind, if there is one. */
  sender(kind: 'audio' | 'video'): RTCRtpSender | undefined {
    return this.connection
      .getTransceivers()
      .find(
        ({ sender, receiver, currentDirection, direction }) =>
          (sender.track ?? receiver.track).kind === kind &&
          (sender.track || currentDirection?.startsWith('send') || direction.startsWith('send')),
      )?.sender;
  }

  async statistics(): Promise<MediaStatistics> {
    const report = await this.connection.getStats();
    return summarise(report as unknown as Iterable<[string, Record<string, unknown>]>);
  }

  close(): void {
    this.#options.clock.clear(this.#timer);
    this.connection.close();
  }

  async #local(): Promise<Description> {
    const { trickle } = this.#options;
    if (!trickle || this.remoteTrickles === false) await this.#gathered();
    this.#isWhole = this.connection.iceGatheringState === 'complete';
    // What is in the description need not be sent again.
    if (this.#isWhole) this.#own = [];
    return { body: this.connection.localDescription?.sdp, contentType: 'application/sdp' };
  }

  #gathered(): Promise<void> {
    const { connection } = this;
    if (connection.iceGatheringState === 'complete') return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        this.#options.clock.clear(timer);
        connection.removeEventListener('icegatheringstatechange', look);
        resolve();
      };
      const look = () => connection.iceGatheringState === 'complete' && done();
      const timer = this.#options.clock.set(this.#options.gatherMs, done);
      connection.addEventListener('icegatheringstatechange', look);
    });
  }

  async #remote(type: RTCSdpType, body: unknown): Promise<void> {
    await this.connection.setRemoteDescription({ type, sdp: String(body) });
    await this.#addTheirs();
  }

  async #addTheirs(): Promise<void> {
    for (const candidate of this.#theirs.splice(0)) {
      // A candidate of an earlier generation, or one of a kind that is not known here, is no loss.
      await this.connection.addIceCandidate(candidate).catch(() => {});
    }
  }

  #send(): void {
    const { clock, trickle } = this.#options;
    if (!this.#isOpen || !trickle || !this.remoteTrickles || this.#timer !== undefined) return;
    this.#timer = clock.set(BATCH_MS, () => {
      this.#timer = undefined;
      const sdp = this.connection.localDescription?.sdp;
      const isEnd = this.connection.iceGatheringState === 'complete';
      if (!sdp || !this.#own.length) return;
      this.emit('candidates', writeFragment(this.#own.splice(0), isEnd, sdp));
    });
  }
}
