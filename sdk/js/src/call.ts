import type { CallEvents, CallOptions, CallState } from './call-options.js';
import type { Listed } from './core/adopting.js';
import type { Headers, Method, Request, Response } from './core/message.js';
import type { Ending } from './core/records.js';
import { accepted, StrowgerError } from './errors.js';
import { Emitter } from './events.js';
import type { Line } from './line.js';
import type { Description, Media } from './media/media.js';
import { PeerMedia } from './media/peer.js';
import type { MediaStatistics } from './media/statistics.js';
import { holds, PACKAGE, SDPFRAG } from './media/trickle.js';
import { descriptionOf, HEARS, headersOf, Negotiation } from './negotiation.js';
import { type Outcome, Transfer, transferring } from './transfer.js';

/** What a call needs of its client. */
export interface CallOwner {
  readonly line: Line;
  readonly userid: string;
  readonly iceServers: RTCIceServer[];
  readonly mediaDevices: () => Pick<MediaDevices, 'getUserMedia' | 'getDisplayMedia'>;
  readonly peerConnection: (configuration: RTCConfiguration) => RTCPeerConnection;
  forget(call: Call): void;
  call(to: string, options: CallOptions): Call;
}

/** What is known of a call at its beginning. */
export interface Beginning {
  id: string;
  peer: string;
  options?: CallOptions;
  invite?: Request;
  /** What the server tells of a call that another client began. */
  found?: Listed;
  replaces?: Call | undefined;
}

/** An INVITE that rings has to say so again before the server loses patience. */
const RING_MS = 30_000;
/** The callee leaves it to the caller to restart ICE, for so long. */
const PATIENCE_MS = 3_000;

/**
 * One call, from the first ring to the end. Made by {@link Client.call}, or by the client's `call` event.
 *
 * ```ts
 * client.on('call', async (call) => {
 *   call.on('streams', ({ remote }) => (video.srcObject = remote ?? null));
 *   await call.answer({ audio: true, video: true });
 *   await call.hold();
 *   await call.resume();
 *   await call.hangUp();
 * });
 * ```
 */
export class Call extends Emitter<CallEvents> {
  /** The dialog's id. */
  readonly id: string;
  /** The other side's name. */
  readonly peer: string;
  readonly direction: 'outgoing' | 'incoming';
  /** The INVITE of an incoming call. */
  readonly invite: Request | undefined;
  /** Resolves once the call stands, rejects if it never will. Ignoring it is fine. */
  readonly established: Promise<void>;
  /** Resolves when the call has ended, however it did. */
  readonly ended: Promise<Ending>;
  /** The call whose place this incoming one takes, as after an attended transfer: it is hung up once this one stands. */
  readonly replaces: Call | undefined;
  /** Asked first about each INFO: true if it answers by itself. Set by whoever uses the call as a signalling path. */
  takes: ((request: Request, respond: (code: number, headers?: Headers) => void) => boolean) | undefined;
  /** What this side sends, once it is known. */
  local: MediaStream | undefined;
  /** What the other side sends. */
  remote: MediaStream | undefined;
  /** Whether this side, and whether the other, has put the call on hold. */
  isHeld = false;
  isHeldByPeer = false;
  #state: CallState;
  #media: Media | undefined;
  #negotiation: Negotiation | undefined;
  #options: CallOptions;
  #owned: MediaStreamTrack[] = [];
  #camera: MediaStreamTrack | null | undefined;
  #early: Description | undefined;
  /** What the other side calls this dialog. */
  #partner: unknown;
  #timer: unknown;
  #isAnswering = false;
  readonly #owner: CallOwner;
  readonly #line: Line;
  #establishes = () => {};
  #fails: (error: StrowgerError) => void = () => {};
  #ends: (ending: Ending) => void = () => {};
  readonly #referred = new Set<(notify: Request) => void>();

  constructor(owner: CallOwner, { id, peer, options = {}, invite, found, replaces }: Beginning) {
    super();
    this.id = id;
    this.peer = peer;
    this.invite = invite;
    this.replaces = replaces;
    this.direction = invite || found?.direction === 'recipient' ? 'incoming' : 'outgoing';
    this.#state = found ? 'connecting' : invite ? 'ringing' : 'calling';
    this.#owner = owner;
    this.#line = owner.line;
    this.#options = options;
    this.established = new Promise((resolve, reject) => {
      this.#establishes = resolve;
      this.#fails = reject;
    });
    this.established.catch(() => {});
    this.ended = new Promise((resolve) => {
      this.#ends = resolve;
    });
    if (!invite && !found) void this.#begin();
  }

  get state(): CallState {
    return this.#state;
  }

  /** The peer connection, unless the media is of another make. */
  get connection(): RTCPeerConnection | undefined {
    return this.#peer?.connection;
  }

  get #peer(): PeerMedia | undefined {
    return this.#media instanceof PeerMedia ? this.#media : undefined;
  }

  /** Tells the caller that it rings here. Done by the client when the call comes. */
  ring(): void {
    if (this.invite && this.#state === 'ringing' && !this.#isAnswering) this.#ring(this.invite, 180, {});
  }

  #ring(invite: Request, code: number, headers: Headers): void {
    const { clock } = this.#line;
    clock.clear(this.#timer);
    if (!this.#line.respond(invite, code, { ...HEARS, ...headers })) return;
    this.#timer = clock.set(RING_MS, () => this.#ring(invite, code, headers));
  }

  /**
   * Sends media before the call is answered, such as an announcement. Resolves when the caller is told; `answer`
   * comes later.
   */
  async progress(options: CallOptions = {}): Promise<void> {
    const invite = this.#takeable();
    const local = await this.#accept(invite, options);
    this.#early = local;
    this.#ring(invite, 183, headersOf(local));
    this.#peer?.open();
  }

  /** Takes an incoming call. Resolves once it stands; rejects if it ended before, or the media could not be set up. */
  async answer(options: CallOptions = {}): Promise<void> {
    const invite = this.#takeable();
    this.#isAnswering = true;
    this.#line.clock.clear(this.#timer);
    try {
      const local = this.#early ?? (await this.#accept(invite, options));
      if (this.#line.respond(invite, 200, { ...HEARS, ...headersOf(local) })) this.#set('connecting');
      this.#peer?.open();
    } catch (error) {
      const { code, reason } = reasonOf(error);
      this.#line.answer(invite, 488, reason);
      this.onEnded({ code, reason, remote: false });
    }
    return this.established;
  }

  /**
   * Takes up a call that {@link Client} has found: the other side offers anew, from where its media is, and this side
   * answers. Resolves once the call stands; a call for which that fails is hung up.
   */
  async rejoin(options: CallOptions = {}): Promise<void> {
    if (this.#state !== 'connecting' || this.invite || this.#media) throw this.#illegal('rejoin');
    try {
      await this.#open(options);
      await this.#negotiation?.fetch();
      this.#peer?.open();
      this.#establish();
    } catch (error) {
      void this.hangUp(reasonOf(error).reason);
      throw error;
    }
    return this.established;
  }

  #takeable(): Request {
    if (!this.invite || this.#state !== 'ringing' || this.#isAnswering) throw this.#illegal('answer');
    return this.invite;
  }

  /** Declines an incoming call: 300 to 699. */
  reject(code = 486, reason = ''): void {
    if (!this.invite || this.#state !== 'ringing') throw this.#illegal('reject');
    this.#line.answer(this.invite, code, reason);
    this.onEnded({ code, reason, remote: false });
  }

  /**
   * Ends the call, whatever it is doing: gives up calling, declines, or hangs up. Resolves when the other side knows,
   * or when there is nobody left to tell; `ended` comes at once.
   */
  async hangUp(reason = 'hung up'): Promise<void> {
    const before = this.#state;
    if (before === 'ended') return;
    if (before === 'ringing' && this.invite) return this.reject(603, reason);
    const isSetUp = before === 'active' || before === 'connecting';
    const told = this.#line.request(this.id, isSetUp ? 'BYE' : 'CANCEL', { Reason: reason });
    this.onEnded({ code: isSetUp ? 200 : 487, reason, remote: false });
    await told.catch(() => {});
  }

  #illegal(what: string): StrowgerError {
    return new StrowgerError(400, `${what} in state ${this.#state}`);
  }

  /** Stops the other side from hearing and seeing, and from being heard and seen. */
  hold(): Promise<void> {
    return this.#hold(true);
  }

  /** Takes the call off hold. */
  resume(): Promise<void> {
    return this.#hold(false);
  }

  async #hold(isHeld: boolean): Promise<void> {
    if (this.isHeld === isHeld) return;
    this.isHeld = isHeld;
    this.#peer?.hold(isHeld);
    try {
      await this.renegotiate();
    } catch (error) {
      this.isHeld = !isHeld;
      this.#peer?.hold(!isHeld);
      throw error;
    }
  }

  /** Offers anew: after tracks were added or taken away. Waits its turn and settles collisions by itself. */
  renegotiate(options: { iceRestart?: boolean } = {}): Promise<void> {
    if (this.#state !== 'active' || !this.#negotiation) return Promise.reject(this.#illegal('offer'));
    return this.#negotiation.offer({ iceRestart: options.iceRestart ?? false });
  }

  /** Looks for a new path for the media: when the network has changed. Done by itself where the connection fails. */
  restartIce(): Promise<void> {
    return this.renegotiate({ iceRestart: true });
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
    return !this.#peer?.sender(kind)?.track?.enabled;
  }

  #enable(kind: 'audio' | 'video', enabled: boolean): void {
    const track = this.#peer?.sender(kind)?.track;
    if (track) track.enabled = enabled;
  }

  /** Sends another track of this kind instead, such as another camera; adds it if there was none. */
  async replaceTrack(track: MediaStreamTrack): Promise<void> {
    const peer = this.#peer;
    if (!peer) throw this.#illegal('replaceTrack');
    const sender = peer.sender(track.kind as 'audio' | 'video');
    if (sender) return sender.replaceTrack(track);
    peer.connection.addTrack(track, ...(this.local ? [this.local] : []));
    return this.renegotiate();
  }

  /** Sends the screen instead of the camera, until the user or {@link Call.stopSharing} ends it. */
  async shareScreen(options: DisplayMediaStreamOptions = { video: true }): Promise<void> {
    const stream = await this.#owner.mediaDevices().getDisplayMedia(options);
    const [screen] = stream.getVideoTracks();
    if (!screen) return;
    this.#owned.push(...stream.getTracks());
    const before = this.#peer?.sender('video')?.track ?? null;
    await this.replaceTrack(screen);
    if (this.#camera === undefined) this.#camera = before;
    screen.onended = () => void this.stopSharing();
  }

  /** Sends the camera again, or no picture if there was none. */
  async stopSharing(): Promise<void> {
    const camera = this.#camera;
    if (camera === undefined) return;
    this.#camera = undefined;
    const sender = this.#peer?.sender('video');
    sender?.track?.stop();
    await sender?.replaceTrack(camera);
  }

  /** Presses keys, one after another: `0`-`9`, `*`, `#`, `A`-`D`. Resolves when the other side has taken the last. */
  async sendDtmf(tones: string, duration = 160): Promise<void> {
    if (!/^[0-9*#A-D]+$/i.test(tones)) throw new StrowgerError(400, 'not a tone');
    for (const tone of tones.toUpperCase()) {
      await this.info(`Signal=${tone}\r\nDuration=${duration}\r\n`, 'application/dtmf-relay');
    }
  }

  /** Sends anything to the other side within the call. Resolves with its answer. */
  info(body: unknown, contentType: string, headers: Headers = {}): Promise<Response> {
    return this.#ask('INFO', { 'Content-Type': contentType, ...headers, Body: body });
  }

  /** Sends a message within the call. */
  async message(body: unknown, contentType = 'text/plain'): Promise<void> {
    await this.#ask('MESSAGE', { 'Content-Type': contentType, Body: body });
  }

  /**
   * Asks the other side to call `target` instead. Resolves when it has reached it, and hangs up; rejects with the code
   * that it was refused with, and the call goes on.
   *
   * `target` may be a call that stands: whoever is at its other end gets this call in its place.
   */
  async transfer(target: string | Call): Promise<void> {
    const outcome = transferring(this.#referred, this.ended);
    try {
      const to =
        target instanceof Call
          ? { 'Refer-To': target.peer, Replaces: target.#partner }
          : { 'Refer-To': target };
      await this.#ask('REFER', to);
      await outcome.done;
    } finally {
      outcome.close();
    }
    await this.hangUp('transferred');
  }

  /** What the media does; undefined where the media is of another make. */
  async statistics(): Promise<MediaStatistics | undefined> {
    return this.#peer?.statistics();
  }

  async #ask(method: Method, headers: Headers): Promise<Response> {
    return accepted(await this.#line.request(this.id, method, headers));
  }

  // Setting up.

  async #begin(): Promise<void> {
    try {
      // The listeners of `client.call(...)` are not there yet.
      await undefined;
      const media = await this.#open(this.#options);
      const local = await media.offer({ iceRestart: false });
      if (this.#state === 'ended') return;
      const { expire, headers } = this.#options;
      const response = await this.#line.open(
        {
          method: 'INVITE',
          dialog: this.id,
          from: this.#owner.userid,
          to: this.peer,
          headers: { ...HEARS, ...(expire && { Expire: expire }), ...headers, ...headersOf(local) },
        },
        (progress) => this.#onProgress(progress),
      );
      await this.#onFinal(response);
    } catch (error) {
      const { code, reason } = reasonOf(error);
      if (this.#line.stack.state(this.id)) void this.hangUp(reason);
      else this.onEnded({ code, reason, remote: false });
    }
  }

  #onProgress(response: Response): void {
    if (this.#state === 'ended' || response.Code === 100) return;
    const remote = descriptionOf(response);
    this.#set('ringing');
    this.hear(response);
    this.#peer?.open();
    this.emit('ringing', { code: response.Code, isEarly: !!remote });
    if (!remote || this.#early) return;
    this.#early = remote;
    this.#media?.accept(remote, true).catch((error: unknown) => void this.hangUp(String(error)));
  }

  async #onFinal(response: Response): Promise<void> {
    if (response.Code >= 300) return;
    this.hear(response);
    this.#peer?.open();
    this.#line.ack(this.id);
    this.#set('connecting');
    // Given up when the answer had come already: too late for a CANCEL.
    if (this.#state === 'ended') return void this.#line.request(this.id, 'BYE', {}).catch(() => {});
    const remote = descriptionOf(response) ?? this.#early;
    if (remote) await this.#media?.accept(remote, false);
    // Media of another make may need none: a room that only says who is in it has nothing to answer with.
    else if (this.#peer) throw new StrowgerError(488, 'the answer is missing');
    this.#establish();
  }

  /** Called by the negotiation, too: whether the other side takes candidates in INFO. */
  hear(message: Headers): void {
    const peer = this.#peer;
    if (peer) peer.remoteTrickles = String(message['Recv-Info']).includes(PACKAGE);
    this.#partner = message['Peer-DialogueID'] ?? this.#partner;
  }

  async #accept(invite: Request, options: CallOptions): Promise<Description> {
    const media = await this.#open(options);
    this.hear(invite);
    const remote = descriptionOf(invite);
    if (remote) return media.answer(remote);
    this.#negotiation?.expectAnswer();
    return media.offer({ iceRestart: false });
  }

  async #open(options: CallOptions): Promise<Media> {
    if (this.#media) return this.#media;
    this.#options = { ...this.#options, ...options };
    const media = this.#options.media ?? (await this.#openPeer(this.#options));
    if (this.#state === 'ended') {
      media.close();
      throw new StrowgerError(487, 'the call ended');
    }
    this.#media = media;
    this.#negotiation = new Negotiation(this, this.#line, media, (remote) => this.#onNegotiated(remote));
    return media;
  }

  async #openPeer({ stream, audio, video, configuration, trickle = true, gatherMs = 3_000 }: CallOptions) {
    const { iceServers } = this.#owner;
    let local = stream;
    if (!local && (audio || video)) {
      local = await this.#owner.mediaDevices().getUserMedia({ audio: audio ?? false, video: video ?? false });
      this.#owned.push(...local.getTracks());
      if (this.#state === 'ended') this.#release();
    }
    const connection = this.#owner.peerConnection({ iceServers, ...configuration });
    const peer = new PeerMedia({ connection, clock: this.#line.clock, trickle, gatherMs });
    peer.on('track', (event) => this.#onTrack(event));
    peer.on('connection', (state) => this.#onConnection(state));
    peer.on('candidates', (fragment) => {
      this.info(fragment, SDPFRAG, { 'Info-Package': PACKAGE }).catch(() => {
        // Taken for one that does not take them: it gets them all at once when the call stands.
        peer.remoteTrickles = false;
        this.#complete();
      });
    });
    if (local) peer.add(local);
    // A call that sends nothing may still receive.
    else if (this.#state === 'calling')
      for (const kind of ['audio', 'video']) connection.addTransceiver(kind, { direction: 'recvonly' });
    if (local) {
      this.local = local;
      this.emit('streams', { local, remote: this.remote });
    }
    return peer;
  }

  #establish(): void {
    if (this.#state === 'ended' || this.#state === 'active') return;
    this.#set('active');
    this.#establishes();
    void this.replaces?.hangUp('replaced');
    this.emit('established', undefined);
    this.#complete();
  }

  /** A side that takes no candidates later needs a description with all of them. */
  #complete(): void {
    if (this.#peer?.isLacking) this.renegotiate().catch(() => {});
  }

  // What comes from the client.

  /** Called by the client: a request within the call. */
  onRequest(request: Request): void {
    const respond = (code: number, headers: Headers = {}) => this.#line.respond(request, code, headers);
    switch (request.Type) {
      case 'ACK':
        this.#negotiation?.acknowledged(request).catch((error: unknown) => void this.hangUp(String(error)));
        if (this.#state === 'connecting') this.#establish();
        return;
      case 'INVITE':
      case 'UPDATE':
        if (this.#negotiation && this.#state !== 'ringing') void this.#negotiation.offered(request);
        else respond(request.Body === undefined ? 200 : 491);
        return;
      case 'INFO':
        if (this.takes?.(request, respond)) return;
        respond(200);
        return this.#onInfo(request);
      case 'REFER':
        return this.#onRefer(request);
      case 'NOTIFY':
      case 'MESSAGE':
        respond(200);
        for (const hear of this.#referred) hear(request);
        return this.emit('message', request);
      default:
        // BYE and CANCEL are answered already.
        respond(200);
    }
  }

  /** Called by the client: the session is over. */
  onEnded({ code, reason, remote }: Ending): void {
    if (this.#state === 'ended') return;
    const ending = { code, reason, remote };
    this.#set('ended');
    this.#line.clock.clear(this.#timer);
    this.#media?.close();
    this.#release();
    this.#owner.forget(this);
    this.#fails(new StrowgerError(code === 200 ? 487 : code, reason));
    this.#ends(ending);
    this.emit('ended', ending);
  }

  /** Called by the client: it is connected again. The network may be another one. */
  onResumed(): void {
    if (this.#isBroken) this.#onConnection('failed');
  }

  get #isBroken(): boolean {
    return /^(dis|fail)/.test(this.connection?.connectionState ?? '');
  }

  #onInfo(request: Request): void {
    const { Body } = request;
    const type = request['Content-Type'];
    if (type === SDPFRAG && typeof Body === 'string') {
      void this.#peer?.candidates(Body).catch(() => {});
    } else if (type === 'application/dtmf-relay' && typeof Body === 'string') {
      const tone = /Signal\s*=\s*(\S+)/i.exec(Body)?.[1];
      const duration = Number(/Duration\s*=\s*(\d+)/i.exec(Body)?.[1] ?? 160);
      if (tone) this.emit('dtmf', { tone, duration });
    } else {
      this.emit('info', request);
    }
  }

  #onRefer(request: Request): void {
    const target = request['Refer-To'];
    const respond = (code: number, reason?: string) => this.#line.answer(request, code, reason);
    if (typeof target !== 'string' || !target) return void respond(400, 'Refer-To');
    if (!this.hears('transfer')) return void respond(603);
    const notify = (outcome: Outcome) =>
      this.#ask('NOTIFY', { Event: 'refer', 'Content-Type': 'application/json', Body: outcome }).catch(
        () => {},
      );
    this.emit(
      'transfer',
      new Transfer(target, respond, notify, (options) =>
        this.#owner.call(target, { ...this.#options, ...options }),
      ),
    );
  }

  #onNegotiated({ body }: Description): void {
    const isHeld = typeof body === 'string' && holds(body) && !this.isHeld;
    if (isHeld === this.isHeldByPeer) return;
    this.isHeldByPeer = isHeld;
    this.emit('hold', isHeld);
  }

  #onTrack(event: CallEvents['track']): void {
    this.emit('track', event);
    const [remote] = event.streams;
    if (!remote || remote === this.remote) return;
    this.remote = remote;
    this.emit('streams', { local: this.local, remote });
  }

  #onConnection(state: RTCPeerConnectionState): void {
    this.emit('connection', state);
    if (state !== 'failed' || this.#state !== 'active') return;
    const restart = () => {
      if (this.#isBroken) this.restartIce().catch(() => {});
    };
    const { clock } = this.#line;
    clock.clear(this.#timer);
    if (this.direction === 'incoming') this.#timer = clock.set(PATIENCE_MS, restart);
    else restart();
  }

  #set(state: CallState): void {
    if (this.#state === state || this.#state === 'ended') return;
    this.#state = state;
    this.emit('state', state);
  }

  #release(): void {
    for (const track of this.#owned.splice(0)) track.stop();
  }
}

const reasonOf = (error: unknown) =>
  error instanceof StrowgerError ? error : new StrowgerError(488, String(error), { cause: error });
