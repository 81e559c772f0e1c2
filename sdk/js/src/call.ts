import { CallMessages, type MessageOwner } from './call-messages.js';
import type { CallOptions, CallState } from './call-options.js';
import type { Listed } from './core/adopting.js';
import type { Headers, Request, Response } from './core/message.js';
import type { Ending } from './core/records.js';
import { StrowgerError } from './errors.js';
import type { Line } from './line.js';
import type { Description, Media } from './media/media.js';
import { holds, PACKAGE, SDPFRAG } from './media/trickle.js';
import { descriptionOf, HEARS, headersOf, Negotiation } from './negotiation.js';

/** What a call needs of its client. */
export interface CallOwner extends MessageOwner<Call> {
  readonly userid: string;
  forget(call: Call): void;
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
/** A path that is silent may come back by itself, and the callee leaves it to the caller to restart ICE: each so long. */
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
export class Call extends CallMessages<Call> {
  /** The dialog's id. */
  readonly id: string;
  /** The other side's name. */
  readonly peer: string;
  /** Who called: `outgoing` is this side. */
  readonly direction: 'outgoing' | 'incoming';
  /** The INVITE of an incoming call. */
  readonly invite: Request | undefined;
  /** Resolves once the call stands, rejects if it never will. Ignoring it is fine. */
  readonly established: Promise<void>;
  /** Resolves when the call has ended, however it did. */
  readonly ended: Promise<Ending>;
  /** The call whose place this incoming one takes, as after an attended transfer: it is hung up once this one stands. */
  readonly replaces: Call | undefined;
  /** Whether this side has put the call on hold. */
  isHeld = false;
  /** Whether the other side has. */
  isHeldByPeer = false;
  #state: CallState;
  #negotiation: Negotiation | undefined;
  #early: Description | undefined;
  #timer: unknown;
  #isAnswering = false;
  readonly #owner: CallOwner;
  readonly #line: Line;
  #establishes = () => {};
  #fails: (error: StrowgerError) => void = () => {};
  #ends: (ending: Ending) => void = () => {};

  /** @internal */
  constructor(owner: CallOwner, { id, peer, options = {}, invite, found, replaces }: Beginning) {
    super(owner, options);
    this.id = id;
    this.peer = peer;
    this.invite = invite;
    this.replaces = replaces;
    this.direction = invite || found?.direction === 'recipient' ? 'incoming' : 'outgoing';
    this.#state = found ? 'connecting' : invite ? 'ringing' : 'calling';
    this.#owner = owner;
    this.#line = owner.line;
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

  /** Where it is. */
  get state(): CallState {
    return this.#state;
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
    this.wire?.open();
  }

  /**
   * Takes an incoming call. Resolves once it stands; rejects if it ended before, or the media could not be set up.
   * Ignoring it is fine: `ended` says the same.
   */
  answer(options: CallOptions = {}): Promise<void> {
    const answered = this.#answer(options);
    answered.catch(() => {});
    return answered;
  }

  async #answer(options: CallOptions): Promise<void> {
    const invite = this.#takeable();
    this.#isAnswering = true;
    this.#line.clock.clear(this.#timer);
    try {
      const local = this.#early ?? (await this.#accept(invite, options));
      if (this.#line.respond(invite, 200, { ...HEARS, ...headersOf(local) })) this.#set('connecting');
      this.wire?.open();
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
    if (this.#state !== 'connecting' || this.invite || this.media) throw this.illegal('rejoin');
    try {
      await this.#open(options);
      await this.#negotiation?.fetch();
      this.wire?.open();
      this.#establish();
    } catch (error) {
      void this.hangUp(reasonOf(error).reason);
      throw error;
    }
    return this.established;
  }

  #takeable(): Request {
    if (!this.invite || this.#state !== 'ringing' || this.#isAnswering) throw this.illegal('answer');
    return this.invite;
  }

  /** Declines an incoming call: 300 to 699. */
  reject(code = 486, reason = ''): void {
    if (!this.invite || this.#state !== 'ringing' || code < 300) throw this.illegal(`reject ${code}`);
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
    this.wire?.hold(isHeld);
    try {
      await this.renegotiate();
    } catch (error) {
      this.isHeld = !isHeld;
      this.wire?.hold(!isHeld);
      throw error;
    }
  }

  override renegotiate(options: { iceRestart?: boolean } = {}): Promise<void> {
    if (this.#state !== 'active' || !this.#negotiation) return Promise.reject(this.illegal('offer'));
    return this.#negotiation.offer({ iceRestart: options.iceRestart ?? false });
  }

  /**
   * Looks for a new path for the media: when the network has changed. Done by itself where the connection fails, or is
   * silent for a while.
   */
  restartIce(): Promise<void> {
    return this.renegotiate({ iceRestart: true });
  }

  // Setting up.

  async #begin(): Promise<void> {
    try {
      // The listeners of `client.call(...)` are not there yet.
      await undefined;
      const media = await this.#open(this.options);
      const local = await media.offer({ iceRestart: false });
      if (this.#state === 'ended') return;
      const { expire, headers } = this.options;
      const response = await this.#line.open(
        {
          method: 'INVITE',
          dialog: this.id,
          from: this.#owner.userid,
          to: this.peer,
          headers: { ...HEARS, Expire: expire, ...headers, ...headersOf(local) },
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
    this.wire?.open();
    this.emit('ringing', { code: response.Code, isEarly: !!remote });
    if (!remote || this.#early) return;
    this.#early = remote;
    this.media?.accept(remote, true).catch((error: unknown) => void this.hangUp(String(error)));
  }

  async #onFinal(response: Response): Promise<void> {
    if (response.Code >= 300) return;
    this.hear(response);
    this.wire?.open();
    this.#line.ack(this.id);
    this.#set('connecting');
    // Given up when the answer had come already: too late for a CANCEL.
    if (this.#state === 'ended') return void this.#line.request(this.id, 'BYE', {}).catch(() => {});
    const remote = descriptionOf(response) ?? this.#early;
    if (remote) await this.media?.accept(remote, false);
    // Media of another make may need none: a room that only says who is in it has nothing to answer with.
    else if (this.wire) throw new StrowgerError(488, 'the answer is missing');
    this.#establish();
  }

  /**
   * Called by the negotiation, too: whether the other side takes candidates in INFO.
   *
   * @internal
   */
  hear(message: Headers): void {
    const peer = this.wire;
    if (peer) peer.remoteTrickles = String(message['Recv-Info']).includes(PACKAGE);
    this.partner = message['Peer-DialogueID'] ?? this.partner;
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
    const media = await this.openMedia(options);
    this.#negotiation ??= new Negotiation(this, this.#line, media, (remote) => this.#onNegotiated(remote));
    return media;
  }

  protected override onCandidates(fragment: string): void {
    this.info(fragment, SDPFRAG, { 'Info-Package': PACKAGE }).catch(() => {
      // Taken for one that does not take them: it gets them all at once when the call stands.
      if (this.wire) this.wire.remoteTrickles = false;
      this.#complete();
    });
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
    if (this.wire?.isLacking) this.renegotiate().catch(() => {});
  }

  // What comes from the client.

  /**
   * Called by the client: a request within the call.
   *
   * @internal
   */
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
      case 'REFER':
      case 'NOTIFY':
      case 'MESSAGE':
        return this.onTold(request, respond);
      default:
        // BYE and CANCEL are answered already.
        respond(200);
    }
  }

  /**
   * Called by the client: the session is over.
   *
   * @internal
   */
  onEnded({ code, reason, remote }: Ending): void {
    if (this.#state === 'ended') return;
    const ending = { code, reason, remote };
    this.#set('ended');
    this.#line.clock.clear(this.#timer);
    this.closeMedia();
    this.#owner.forget(this);
    this.#fails(new StrowgerError(code === 200 ? 487 : code, reason));
    this.#ends(ending);
    this.emit('ended', ending);
  }

  /**
   * Called by the client: it is connected again, or the network is back. It may be another one.
   *
   * @internal
   */
  onResumed(): void {
    if (this.#isBroken) this.onConnection('failed');
  }

  get #isBroken(): boolean {
    return /^(dis|fail)/.test(this.connection?.connectionState ?? '');
  }

  #onNegotiated({ body }: Description): void {
    const isHeld = typeof body === 'string' && holds(body) && !this.isHeld;
    if (isHeld === this.isHeldByPeer) return;
    this.isHeldByPeer = isHeld;
    this.emit('hold', isHeld);
  }

  protected override onConnection(state: RTCPeerConnectionState): void {
    this.emit('connection', state);
    if (!this.#isBroken || this.#state !== 'active') return;
    const { clock } = this.#line;
    const isSure = state === 'failed';
    const waits = PATIENCE_MS * (Number(this.direction === 'incoming') + Number(!isSure));
    clock.clear(this.#timer);
    this.#timer = clock.set(waits, () => {
      if (this.#isBroken) this.restartIce().catch(() => {});
    });
  }

  #set(state: CallState): void {
    if (this.#state === state || this.#state === 'ended') return;
    this.#state = state;
    this.emit('state', state);
  }
}

const reasonOf = (error: unknown) =>
  error instanceof StrowgerError ? error : new StrowgerError(488, String(error), { cause: error });
