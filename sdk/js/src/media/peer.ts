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
  /** Makes a peer connection: at the beginning, and where the other side has become another one. */
  connect: () => RTCPeerConnection;
  clock: Clock;
  /** Send candidates as they are found, or wait for all of them. */
  trickle: boolean;
  /** The longest wait for all candidates, in milliseconds. */
  gatherMs: number;
}

/** Candidates that are found together go together. */
const BATCH_MS = 20;

/** Who is at the other end, as far as a description tells: the fingerprint of his certificate. */
const peerIn = (sdp = '') => /^a=fingerprint:.*/m.exec(sdp)?.[0];

/**
 * The media of a call over one `RTCPeerConnection` at a time. Whoever takes the other side's place, as after a transfer,
 * gets a new one: the old one would say hello to the new peer by the path to the old one, again and again with growing
 * pauses, and pictures would come after six seconds.
 */
export class PeerMedia extends Emitter<PeerEvents> implements Media {
  connection: RTCPeerConnection;
  /** Whether the other side takes candidates in INFO: it says so with `Recv-Info`. Unknown at first. */
  remoteTrickles: boolean | undefined;
  readonly #options: PeerOptions;
  /** Ours that were not sent yet, and theirs that came before their description. */
  #own: RTCIceCandidateInit[] = [];
  #theirs: RTCIceCandidateInit[] = [];
  #isOpen = false;
  readonly #directions = new Map<RTCRtpTransceiver, RTCRtpTransceiverDirection>();
  /** The connection to the former peer, until the new one is agreed on. */
  #former: RTCPeerConnection | undefined;
  #stream: MediaStream | undefined;
  #timer: unknown;
  /** Whether the description that was sent has all candidates in it. */
  #isWhole = false;

  constructor(options: PeerOptions) {
    super();
    this.#options = options;
    this.connection = this.#connect();
  }

  #connect(): RTCPeerConnection {
    const connection = this.#options.connect();
    const isPresent = () => this.connection === connection;
    connection.onicecandidate = ({ candidate }) => {
      if (!isPresent()) return;
      if (candidate) this.#own.push(candidate.toJSON());
      this.#send();
    };
    connection.ontrack = ({ track, streams }) => this.emit('track', { track, streams });
    connection.onconnectionstatechange = () =>
      isPresent() && this.emit('connection', connection.connectionState);
    return connection;
  }

  /** Sends what the local stream has. */
  add(stream: MediaStream): void {
    this.#stream = stream;
    for (const track of stream.getTracks()) this.addTrack(track);
  }

  /** Sends one track more, in a stream: the other side looks for streams. */
  addTrack(track: MediaStreamTrack): void {
    this.#stream ??= globalThis.MediaStream && new MediaStream();
    this.connection.addTrack(track, ...(this.#stream ? [this.#stream] : []));
  }

  /** Another connection that sends what this one does, and receives what an offer of this side asks for. */
  #renew(isOffering: boolean): void {
    const before = this.connection;
    this.#former ??= before;
    this.connection = this.#connect();
    this.#own = [];
    for (const old of before.getTransceivers()) {
      const { direction, sender, receiver } = old;
      if (direction === 'stopped') continue;
      if (sender.track) this.addTrack(sender.track);
      else if (isOffering) this.connection.addTransceiver(receiver.track.kind, { direction });
      else continue;
      const transceiver = this.connection.getTransceivers().at(-1) ?? old;
      transceiver.direction = direction;
      this.#directions.set(transceiver, this.#directions.get(old) ?? direction);
    }
  }

  #settle(): void {
    this.#former?.close();
    this.#former = undefined;
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

  async offer({ iceRestart, isAnew }: { iceRestart: boolean; isAnew?: boolean }): Promise<Description> {
    if (isAnew) this.#renew(true);
    await this.connection.setLocalDescription(await this.connection.createOffer({ iceRestart }));
    return this.#local();
  }

  async answer({ body }: Description): Promise<Description> {
    const known = this.connection.remoteDescription?.sdp;
    if (known && peerIn(known) !== peerIn(String(body))) this.#renew(false);
    await this.#remote('offer', body);
    await this.connection.setLocalDescription(await this.connection.createAnswer());
    this.#settle();
    return this.#local();
  }

  async accept({ body }: Description, isEarly: boolean): Promise<void> {
    await this.#remote(isEarly ? 'pranswer' : 'answer', body);
    this.#settle();
  }

  async rollback(): Promise<void> {
    if (this.#former) {
      this.connection.close();
      this.connection = this.#former;
      this.#former = undefined;
    }
    if (this.connection.signalingState !== 'stable')
      await this.connection.setLocalDescription({ type: 'rollback' });
  }

  /** Candidates of the other side. */
  async candidates(fragment: string): Promise<void> {
    this.#theirs.push(...readFragment(fragment));
    if (this.connection.remoteDescription) await this.#addTheirs();
  }

  /** Lets nothing in and nothing out, and lets the other side know; `false`: as it was before. */
  hold(isHeld: boolean): void {
    for (const transceiver of this.connection.getTransceivers()) {
      const { direction } = transceiver;
      if (direction === 'stopped') continue;
      if (isHeld) this.#directions.set(transceiver, direction);
      transceiver.direction = isHeld ? 'inactive' : (this.#directions.get(transceiver) ?? direction);
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
    this.#settle();
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
