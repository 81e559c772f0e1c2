/** The one call that this page may have, and what can be done with it. */

import { StrowgerError } from '../../sdk/js/src/index.js';
import * as devices from './devices.js';
import { toast } from './elements.js';
import { forget, keep, keptOf } from './kept.js';
import { isRoom, LOBBY, shown } from './names.js';
import { judge, QUALITY_MS } from './quality.js';
import * as signs from './signs.js';
import { Watched } from './watched.js';
import { explain, explainMedia } from './words.js';

/** @typedef {import('../../sdk/js/src/index.js').Client} Client */
/** @typedef {import('../../sdk/js/src/index.js').Call} Call */
/** @typedef {import('../../sdk/js/src/index.js').Ending} Ending */
/** @typedef {import('./quality.js').Quality} Quality */
/** @typedef {import('./stage.js').Tile} Tile */

export class Phone extends Watched {
  /** @type {Call | undefined} */
  call;
  /** Whom we talk to; another one after a transfer. */
  peer = '';
  isVideo = false;
  isSharing = false;
  /** When the call was answered. */
  since = 0;
  /** @type {Quality | undefined} */
  quality;
  /** What this side sends. @type {MediaStream | undefined} */
  local;
  /** Whether the user has answered and the media is on its way. */
  isAnswering = false;
  /** Whether the call was begun by another page of this name, and the user has not said what is to become of it. */
  isFound = false;
  /** What the other side says of itself. */
  theirs = signs.NONE;
  /** The screen, while it is shared. @type {MediaStream | undefined} */
  #screen;
  /** Whether the user talks in a room. */
  isElsewhere = () => false;
  /** Called with the peer and what became of a call. @type {(peer: string, text: string) => void} */
  onOver = () => {};
  /** Called when a call begins that is to be seen. @type {(peer: string) => void} */
  onBegin = () => {};
  #client;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;

  /** @param {Client} client */
  constructor(client) {
    super();
    this.#client = client;
    client.on('call', (call) => this.#incoming(call));
    client.on('found', (call) => this.#found(call));
    client.on('frame', ({ direction, message }) => {
      const isOurs = direction === 'in' && message.Type === 'INVITE' && message.DialogueID === this.call?.id;
      // After a transfer the server offers in the name of the new side.
      if (isOurs && this.call?.state === 'active' && message.From !== this.peer) this.#handedOn(message.From);
    });
  }

  /** Whether somebody waits for the user to answer. */
  get isRinging() {
    const isIncoming = this.call?.direction === 'incoming' && this.call.state === 'ringing';
    return (isIncoming || this.isFound) && !this.isAnswering;
  }

  /** Whether there is something to be seen. */
  get isShown() {
    return !!this.call && !this.isRinging;
  }

  get title() {
    return shown(this.peer);
  }

  get isActive() {
    return this.call?.state === 'active';
  }

  /** Whether nothing has come from the other side for a while. */
  get isBroken() {
    return this.isActive && /^(dis|fail)/.test(this.call?.connection?.connectionState ?? '');
  }

  /** What goes on, in a word or two; nothing while two simply talk. */
  get doing() {
    const { call } = this;
    if (call?.isHeld || call?.isHeldByPeer) return 'on hold';
    if (this.isBroken) return 'looking for the other side…';
    return { calling: 'calling…', ringing: 'ringing…', connecting: 'connecting…', active: '', ended: '' }[
      call?.state ?? 'ended'
    ];
  }

  /** @param {'audio' | 'video'} kind */
  isMuted(kind) {
    return this.isActive && !!this.call?.isMuted(kind);
  }

  /** @returns {Tile[]} */
  get tiles() {
    const { call, peer, local, isSharing, theirs } = this;
    if (!call) return [];
    const veil = call.isHeldByPeer
      ? `${shown(peer)} has put the call on hold`
      : call.isHeld
        ? 'On hold'
        : this.isBroken
          ? `Looking for ${shown(peer)}…`
          : '';
    const there = { id: 'there', user: peer, stream: call.remote, veil };
    const here = { id: 'here', user: this.#client.userid, isSelf: true, isScreen: isSharing };
    return [
      {
        ...there,
        isDark: !this.isActive || theirs.isDark,
        isMuted: theirs.isMuted,
        isScreen: theirs.isSharing,
      },
      {
        ...here,
        stream: isSharing ? this.#screen : local,
        isDark: this.isMuted('video'),
        isMuted: this.isMuted('audio'),
      },
    ];
  }

  /** @param {string} peer @param {boolean} isVideo */
  async dial(peer, isVideo) {
    if (this.call) return;
    try {
      const stream = await devices.open(isVideo);
      if (this.call) return devices.close(stream);
      this.#send(stream);
    } catch (error) {
      return toast(explainMedia(error));
    }
    this.#take(this.#client.call(peer, { stream: /** @type {MediaStream} */ (this.local) }), peer);
    this.onBegin(peer);
  }

  /** Takes the call that rings, or that goes on elsewhere. @param {boolean} isVideo */
  async answer(isVideo) {
    const { call, isFound } = this;
    if (!call || !this.isRinging) return;
    this.isAnswering = true;
    this.changed();
    this.onBegin(this.peer);
    try {
      const stream = await devices.open(isVideo);
      if (this.call !== call) return devices.close(stream);
      this.#send(stream);
    } catch (error) {
      toast(explainMedia(error));
      if (this.call !== call) return;
      if (isFound) void call.hangUp('no camera or microphone');
      else call.reject(488, 'no camera or microphone');
      return;
    }
    const media = { stream: /** @type {MediaStream} */ (this.local) };
    // What becomes of it is told by `ended`.
    await (isFound ? call.rejoin(media) : call.answer(media)).catch(() => {});
  }

  decline() {
    if (!this.call || !this.isRinging) return;
    if (this.isFound) this.hangUp();
    else this.call.reject(603, 'declined');
  }

  hangUp() {
    void this.call?.hangUp();
  }

  /** @param {'audio' | 'video'} kind */
  toggle(kind) {
    const { call } = this;
    if (!call) return;
    if (call.isMuted(kind)) call.unmute(kind);
    else call.mute(kind);
    this.#tell();
  }

  /** Tells the other side what it cannot see. */
  #tell() {
    const [isMuted, isDark] = [this.isMuted('audio'), this.isMuted('video')];
    if (this.call) signs.tell(this.call, { isMuted, isDark, isSharing: this.isSharing });
    this.changed();
  }

  async toggleHold() {
    const { call } = this;
    if (call) await this.#try(call.isHeld ? call.resume() : call.hold(), 'Hold');
  }

  async toggleShare() {
    const { call } = this;
    if (!call) return;
    if (this.isSharing) {
      await this.#try(call.stopSharing(), 'Sharing');
      this.isSharing = false;
    } else {
      const isShared = await this.#try(call.shareScreen(), 'Sharing');
      const track = call.connection?.getSenders().find(({ track }) => track?.kind === 'video')?.track;
      if (!isShared || !track || this.call !== call) return;
      this.isSharing = true;
      this.#screen = new MediaStream([track]);
      track.addEventListener('ended', () => {
        this.isSharing = false;
        this.#tell();
      });
    }
    this.#tell();
  }

  /** @param {string} target */
  async transfer(target) {
    const { call, peer } = this;
    if (!call) return;
    try {
      await call.transfer(target);
      toast(`${shown(peer)} now talks to ${shown(target)}.`);
    } catch (error) {
      if (call.state !== 'ended') toast(`${explain(shown(target), error)}: the call goes on.`);
    }
  }

  /** Uses another device from now on. @param {devices.Name} name */
  async changeDevice(name) {
    const { call, local } = this;
    if (name === 'loudspeaker') return this.changed();
    if (!call || !local || call.state !== 'active') return;
    const before = local.getTracks().filter(({ kind }) => kind === devices.kindOf(name));
    try {
      await call.switchDevice(devices.wanted(name));
      for (const track of before) track.stop();
    } catch (error) {
      toast(explainMedia(error));
    }
    this.changed();
  }

  /** @param {Call} call */
  #incoming(call) {
    const other = this.call;
    if (!other && !this.isElsewhere()) {
      this.#take(call, call.peer);
      return;
    }
    // Somebody has handed the other side on, having asked us first.
    if (other && other === call.replaces) return this.#goOn(call, other);
    const isCrossing =
      other?.direction === 'outgoing' && other.peer === call.peer && /^(call|ring)ing$/.test(other.state);
    if (!isCrossing || this.#client.userid < call.peer) {
      if (!isCrossing) this.onOver(call.peer, `${shown(call.peer)} called while you were talking`);
      call.reject(486, 'busy');
      return;
    }
    // Both call each other: on either side the call of the one who comes first in the alphabet goes on.
    this.#goOn(call, other);
  }

  /** Takes a call in place of another one with the same person, with what is sent already. @param {Call} call @param {Call | undefined} other */
  #goOn(call, other) {
    const { local } = this;
    this.#take(call, call.peer);
    this.isAnswering = true;
    void other?.hangUp('goes on in another call');
    call.answer(local ? { stream: local } : { audio: true, video: this.isVideo }).catch(() => {});
  }

  /** A call that lives and that this page did not begin: it was loaded again, or the user talks in another one. @param {Call} call */
  #found(call) {
    // Rooms are entered again.
    if (call.peer === LOBBY || isRoom(call.peer)) return;
    if (this.call) return void call.hangUp('one call at a time');
    const kept = keptOf(call.id);
    this.#take(call, kept?.peer ?? call.peer);
    this.isFound = true;
    if (kept) void this.answer(kept.isVideo);
    else this.changed();
  }

  /** @param {MediaStream} stream */
  #send(stream) {
    this.local = stream;
    this.isVideo = stream.getVideoTracks().length > 0;
  }

  /** @param {Call} call @param {string} peer */
  #take(call, peer) {
    this.call = call;
    this.peer = peer;
    this.isSharing = false;
    this.isAnswering = false;
    this.isFound = false;
    this.quality = undefined;
    this.since = 0;
    this.theirs = signs.NONE;
    signs.hear(call, (theirs) => {
      this.theirs = theirs;
      if (this.call === call) this.changed();
    });
    for (const name of /** @type {const} */ ([
      'state',
      'streams',
      'hold',
      'ringing',
      'track',
      'connection',
    ])) {
      call.on(name, () => this.call === call && this.changed());
    }
    // Whoever is new at the other end does not know what was told before.
    call.on('streams', () => this.call === call && this.#tell());
    call.on('established', () => this.#established(call));
    call.on('ended', (ending) => this.#over(call, ending));
    this.changed();
  }

  /** @param {Call} call */
  #established(call) {
    this.since = keptOf(call.id)?.since ?? Date.now();
    this.isFound = false;
    this.#keep();
    this.#tell();
    let before = {
      at: performance.now(),
      figures: /** @type {Awaited<ReturnType<Call['statistics']>>} */ (undefined),
    };
    clearInterval(this.#timer);
    this.#timer = setInterval(async () => {
      const figures = await call.statistics().catch(() => undefined);
      if (this.call !== call || !figures) return;
      const at = performance.now();
      if (before.figures) this.quality = judge(before.figures, figures, (at - before.at) / 1000);
      before = { at, figures };
      this.changed();
    }, QUALITY_MS);
    this.changed();
  }

  #keep() {
    const { call, peer, isVideo, since } = this;
    if (call) keep({ id: call.id, peer, isVideo, since });
  }

  /** @param {string} peer */
  #handedOn(peer) {
    toast(`${shown(this.peer)} has handed you on to ${shown(peer)}.`);
    this.peer = peer;
    this.#keep();
    this.onBegin(peer);
    this.changed();
  }

  /** @param {Call} call @param {Ending} ending */
  #over(call, ending) {
    if (this.call !== call) return;
    clearInterval(this.#timer);
    forget();
    const text = this.#story(call, ending);
    devices.close(this.local);
    this.call = undefined;
    this.local = undefined;
    this.since = 0;
    const { peer } = this;
    this.changed();
    this.onOver(peer, text);
  }

  /** @param {Call} call @param {Ending} ending */
  #story(call, { code, reason, remote }) {
    const who = shown(this.peer);
    if (this.since) {
      const lost = code !== 200 ? `: ${code} ${reason}` : '';
      return `${remote ? `${who} hung up` : 'You hung up'}${lost}`;
    }
    if (call.direction === 'incoming')
      return remote ? `Missed call of ${who}` : `You declined the call of ${who}`;
    if (!remote && code === 487) return `You gave up calling ${who}`;
    return explain(who, new StrowgerError(code, reason));
  }

  /** @param {Promise<void>} work @param {string} what */
  async #try(work, what) {
    try {
      await work;
      return true;
    } catch (error) {
      const isUsersChoice = error instanceof Error && error.name === 'NotAllowedError';
      if (!isUsersChoice) toast(`${what} did not work: ${error instanceof Error ? error.message : error}`);
      return false;
    } finally {
      this.changed();
    }
  }
}
