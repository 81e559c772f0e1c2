import type { CallEvents } from './call-events.js';
import type { CallOptions, CallState } from './call-options.js';
import type { Clock } from './clock.js';
import { StrowgerError } from './errors.js';
import { Emitter } from './events.js';
import type { Media } from './media/media.js';
import { PeerMedia } from './media/peer.js';
import type { MediaStatistics } from './media/statistics.js';

/** Where the media of calls comes from. */
export interface MediaSource {
  readonly clock: Clock;
  readonly mediaDevices: () => Pick<MediaDevices, 'getUserMedia' | 'getDisplayMedia'>;
  readonly newPeer: (configuration?: RTCConfiguration) => RTCPeerConnection;
}

/** What a call sends and receives: devices, tracks, and the connection that carries them. */
export abstract class CallMedia<Self> extends Emitter<CallEvents<Self>> {
  abstract readonly state: CallState;
  /** What this side sends, once it is known. */
  local: MediaStream | undefined;
  /** What the other side sends. */
  remote: MediaStream | undefined;
  protected media: Media | undefined;
  protected options: CallOptions;
  readonly #source: MediaSource;
  #owned: MediaStreamTrack[] = [];
  #camera: MediaStreamTrack | null | undefined;

  constructor(source: MediaSource, options: CallOptions) {
    super();
    this.#source = source;
    this.options = options;
  }

  /** Offers anew: after tracks were added or taken away. Waits its turn and settles collisions by itself. */
  abstract renegotiate(options?: { iceRestart?: boolean }): Promise<void>;

  /** Candidates are to be sent to the other side. */
  protected abstract onCandidates(fragment: string): void;

  /** The connection of the media has changed. */
  protected abstract onConnection(state: RTCPeerConnectionState): void;

  /**
   * The peer connection, unless the media is of another make. It is another one when somebody else takes the other
   * side's place, as after a transfer.
   */
  get connection(): RTCPeerConnection | undefined {
    return this.wire?.connection;
  }

  protected get wire(): PeerMedia | undefined {
    return this.media instanceof PeerMedia ? this.media : undefined;
  }

  /** What the media does; undefined where the media is of another make. */
  async statistics(): Promise<MediaStatistics | undefined> {
    return this.wire?.statistics();
  }

  /** Sends silence, or a black picture. */
  mute(kind: 'audio' | 'video'): void {
    this.#enable(kind, false);
  }

  /** Sends sound, or the picture, again. */
  unmute(kind: 'audio' | 'video'): void {
    this.#enable(kind, true);
  }

  /** Whether nothing of a kind is sent. */
  isMuted(kind: 'audio' | 'video'): boolean {
    return !this.wire?.sender(kind)?.track?.enabled;
  }

  #enable(kind: 'audio' | 'video', enabled: boolean): void {
    const track = this.wire?.sender(kind)?.track;
    if (track) track.enabled = enabled;
  }

  /** Sends another track of this kind instead, such as another camera; adds it if there was none. */
  async replaceTrack(track: MediaStreamTrack): Promise<void> {
    const { wire } = this;
    if (!wire) throw this.illegal('replaceTrack');
    const sender = wire.sender(track.kind as 'audio' | 'video');
    if (sender) return sender.replaceTrack(track);
    wire.addTrack(track);
    return this.renegotiate();
  }

  /**
   * Takes another camera or microphone, or both: opens what the constraints name, sends it in place of what was sent, muted
   * if that was, and lets go of the one before unless it came with `stream`. While the screen is shared, a camera waits
   * until that ends.
   *
   * ```ts
   * await call.switchDevice({ video: { deviceId: { exact: id } } });
   * ```
   */
  async switchDevice(constraints: MediaStreamConstraints): Promise<void> {
    if (!this.wire) throw this.illegal('switchDevice');
    const fresh = await this.#source.mediaDevices().getUserMedia(constraints);
    const tracks = fresh.getTracks();
    this.#owned.push(...tracks);
    if (this.state === 'ended') return this.#release();
    this.local ??= fresh;
    for (const track of tracks) {
      const isWaiting = track.kind === 'video' && this.#camera !== undefined;
      const before = isWaiting ? this.#camera : this.wire?.sender(track.kind as 'audio' | 'video')?.track;
      track.enabled = before?.enabled ?? true;
      if (isWaiting) this.#camera = track;
      else await this.replaceTrack(track);
      this.local.addTrack(track);
      if (!before) continue;
      this.local.removeTrack(before);
      if (this.#owned.includes(before)) before.stop();
    }
    this.#tellStreams();
  }

  /** Sends the screen instead of the camera, until the user or {@link Call.stopSharing} ends it. */
  async shareScreen(options: DisplayMediaStreamOptions = { video: true }): Promise<void> {
    const stream = await this.#source.mediaDevices().getDisplayMedia(options);
    const [screen] = stream.getVideoTracks();
    if (!screen) return;
    this.#owned.push(...stream.getTracks());
    const before = this.wire?.sender('video')?.track ?? null;
    await this.replaceTrack(screen);
    if (this.#camera === undefined) this.#camera = before;
    screen.onended = () => void this.stopSharing();
  }

  /** Sends the camera again, or no picture if there was none. */
  async stopSharing(): Promise<void> {
    const camera = this.#camera;
    if (camera === undefined) return;
    this.#camera = undefined;
    const sender = this.wire?.sender('video');
    sender?.track?.stop();
    await sender?.replaceTrack(camera);
  }

  protected illegal(what: string): StrowgerError {
    return new StrowgerError(400, `${what} in state ${this.state}`);
  }

  /** What the options name, opened once; rejects if the call has ended meanwhile. */
  protected async openMedia(options: CallOptions): Promise<Media> {
    if (this.media) return this.media;
    this.options = { ...this.options, ...options };
    const media = this.options.media ?? (await this.#openWire(this.options));
    if (this.state === 'ended') {
      media.close();
      throw new StrowgerError(487, 'the call ended');
    }
    this.media = media;
    return media;
  }

  async #openWire({ stream, audio, video, configuration, trickle = true, gatherMs = 3_000 }: CallOptions) {
    const { clock, mediaDevices, newPeer } = this.#source;
    let local = stream;
    if (!local && (audio || video)) {
      local = await mediaDevices().getUserMedia({ audio: audio ?? false, video: video ?? false });
      this.#owned.push(...local.getTracks());
      if (this.state === 'ended') this.#release();
    }
    const connect = () => newPeer(configuration);
    const wire = new PeerMedia({ connect, clock, trickle, gatherMs });
    wire.on('track', (event) => this.#onTrack(event));
    wire.on('connection', (state) => this.onConnection(state));
    wire.on('candidates', (fragment) => this.onCandidates(fragment));
    if (local) {
      wire.add(local);
      this.local = local;
      this.#tellStreams();
    } else if (this.state === 'calling') {
      // A call that sends nothing may still receive.
      for (const kind of ['audio', 'video']) wire.connection.addTransceiver(kind, { direction: 'recvonly' });
    }
    return wire;
  }

  protected closeMedia(): void {
    this.media?.close();
    this.#release();
  }

  #onTrack(event: CallEvents<Self>['track']): void {
    this.emit('track', event);
    const [remote] = event.streams;
    if (!remote || remote === this.remote) return;
    this.remote = remote;
    this.#tellStreams();
  }

  #tellStreams(): void {
    this.emit('streams', { local: this.local, remote: this.remote });
  }

  #release(): void {
    for (const track of this.#owned.splice(0)) track.stop();
  }
}
