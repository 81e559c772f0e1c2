/**
 * A room for up to eight: the conference service says who is in it, a call for each pair carries the media, and the
 * chatroom service passes what is written. Whoever enters calls those who are there.
 */

import { fixedMedia } from '../../sdk/js/src/index.js';
import * as devices from './devices.js';
import { toast } from './elements.js';
import { DOMAIN, shown } from './names.js';
import * as signs from './signs.js';
import { Watched } from './watched.js';
import { explain, explainMedia } from './words.js';

/** @typedef {import('../../sdk/js/src/index.js').Client} Client */
/** @typedef {import('../../sdk/js/src/index.js').Call} Call */
/** @typedef {import('../../sdk/js/src/index.js').Lease} Lease */
/** @typedef {import('./chats.js').Chats} Chats */
/** @typedef {import('./stage.js').Tile} Tile */
/** @typedef {{ call: Call, signs: import('./signs.js').Signs }} Member */

/** Each member sends to each other: with more than these a phone gives up. */
const MOST = 8;
/** Names the room in the calls between its members. */
const ROOM = 'Room';
/** Where the room is kept for a page that is loaded again. */
const KEPT = 'strowger.room';
/** Before a call that broke is made again, in milliseconds. */
const AGAIN_MS = 1_500;

export class Rooms extends Watched {
  /** The room we are in. */
  name = '';
  isSharing = false;
  since = 0;
  quality = undefined;
  /** @type {MediaStream | undefined} */
  local;
  /** Who is in, in the order in which they came. @type {string[]} */
  roster = [];
  #client;
  #chats;
  /** @type {Map<string, Member>} */
  #members = new Map();
  /** @type {Call | undefined} */
  #seat;
  /** @type {Lease | undefined} */
  #text;
  #hasCalled = false;
  /** @type {MediaStream | undefined} */
  #screen;

  /** @param {Client} client @param {Chats} chats */
  constructor(client, chats) {
    super();
    this.#client = client;
    this.#chats = chats;
    client.on('request', (request) => {
      const { Event, Body, From } = request.request;
      if (Event !== 'chat' || !From.startsWith('room:')) return;
      request.respond(200);
      this.#history(From, /** @type {Record<string, unknown>} */ (Body));
    });
  }

  get isShown() {
    return !!this.name;
  }

  get title() {
    return `Room ${shown(this.name)}`;
  }

  get isActive() {
    return this.#seat?.state === 'active';
  }

  get isVideo() {
    return !!this.local?.getVideoTracks().length;
  }

  get doing() {
    if (!this.isActive) return 'entering…';
    return this.roster.length > 1 ? `${this.roster.length} people` : 'nobody else is here yet';
  }

  /** Whether a call belongs to the room; it is taken care of then. @param {Call} call */
  takes(call) {
    const room = call.invite?.[ROOM];
    if (typeof room !== 'string') return false;
    if (!this.name || room !== this.name || !this.local) {
      call.reject(480, 'not in this room');
      return true;
    }
    const before = this.#members.get(call.peer)?.call;
    const isCrossing = before?.direction === 'outgoing' && /^(call|ring)ing$/.test(before.state);
    if (isCrossing && this.#client.userid < call.peer) {
      call.reject(486, 'calls crossed');
      return true;
    }
    this.#seatMember(call.peer, call);
    void before?.hangUp('calls again');
    call.answer({ stream: this.local }).catch(() => {});
    return true;
  }

  /** Enters a room. @param {string} name */
  async enter(name) {
    if (this.name) return;
    this.name = name;
    this.changed();
    try {
      this.local = await devices.open(true);
    } catch (error) {
      this.name = '';
      this.changed();
      return toast(explainMedia(error));
    }
    const seat = this.#client.call(name, {
      media: fixedMedia({}, 'application/json'),
      headers: { Router: `${DOMAIN};type=conference` },
    });
    this.#seat = seat;
    this.#hasCalled = false;
    seat.on('message', ({ Event, Body }) => Event === 'conference' && this.#told(seat, Body));
    seat.on('established', () => {
      sessionStorage.setItem(KEPT, name);
      this.since = Date.now();
      this.changed();
    });
    seat.on('ended', ({ code, reason, remote }) => {
      if (this.#seat !== seat) return;
      this.#clear();
      if (remote || code !== 200)
        toast(code === 200 ? `You have left the room: ${reason}` : explain('The room', { code, reason }));
    });
    await this.#listen(name);
  }

  /** The room in which the page was before it was loaded anew. */
  static get kept() {
    return sessionStorage.getItem(KEPT) ?? '';
  }

  hangUp() {
    const seat = this.#seat;
    this.#clear();
    void seat?.hangUp();
  }

  /** @param {'audio' | 'video'} kind */
  isMuted(kind) {
    const track = this.local?.getTracks().find((track) => track.kind === kind);
    return this.isActive && !track?.enabled;
  }

  /** @param {'audio' | 'video'} kind */
  toggle(kind) {
    for (const track of this.local?.getTracks() ?? [])
      if (track.kind === kind) track.enabled = !track.enabled;
    this.#tell();
  }

  async toggleShare() {
    if (this.isSharing) return this.#stopSharing();
    try {
      this.#screen = await navigator.mediaDevices.getDisplayMedia({ video: true });
    } catch (error) {
      if (!(error instanceof Error && error.name === 'NotAllowedError'))
        toast(`Sharing did not work: ${error}`);
      return;
    }
    const [track] = this.#screen.getVideoTracks();
    if (!track || !this.name) return devices.close(this.#screen);
    this.isSharing = true;
    track.onended = () => void this.#stopSharing();
    await this.#show(track);
  }

  /** @returns {Tile[]} */
  get tiles() {
    const own = {
      id: 'here',
      user: this.#client.userid,
      stream: this.isSharing ? this.#screen : this.local,
      isSelf: true,
      isScreen: this.isSharing,
      isDark: this.isMuted('video') && !this.isSharing,
      isMuted: this.isMuted('audio'),
    };
    const others = this.roster.filter((user) => user !== this.#client.userid);
    return [
      ...others.map((user) => {
        const { call, signs } = this.#members.get(user) ?? {};
        const isDark = call?.state !== 'active' || signs?.isDark;
        return {
          id: user,
          user,
          stream: call?.remote,
          isDark: !!isDark,
          isMuted: !!signs?.isMuted,
          isScreen: !!signs?.isSharing,
          veil: call?.state === 'active' ? '' : 'connecting…',
        };
      }),
      own,
    ];
  }

  async #stopSharing() {
    this.isSharing = false;
    devices.close(this.#screen);
    this.#screen = undefined;
    const [camera] = this.local?.getVideoTracks() ?? [];
    if (camera) await this.#show(camera);
    else this.#tell();
  }

  /** Sends this picture to everybody. @param {MediaStreamTrack} track */
  async #show(track) {
    for (const { call } of this.#members.values()) {
      if (call.state === 'active') await call.replaceTrack(track).catch(() => {});
    }
    this.#tell();
  }

  #tell() {
    for (const { call } of this.#members.values()) signs.tell(call, this.#signs());
    this.changed();
  }

  #signs() {
    return { isMuted: this.isMuted('audio'), isDark: this.isMuted('video'), isSharing: this.isSharing };
  }

  /** @param {Call} seat @param {unknown} body */
  #told(seat, body) {
    const { members } = /** @type {{ members?: unknown }} */ (body ?? {});
    if (seat !== this.#seat || !Array.isArray(members)) return;
    this.roster = members.filter((user) => typeof user === 'string');
    if (!this.#hasCalled && this.roster.length > MOST) {
      toast(`The room is full: ${MOST} people are in it.`);
      return this.hangUp();
    }
    for (const [user, { call }] of this.#members) {
      if (this.roster.includes(user)) continue;
      this.#members.delete(user);
      void call.hangUp('left the room');
    }
    if (!this.#hasCalled) for (const user of this.roster) this.#dial(user);
    this.#hasCalled = true;
    this.changed();
  }

  /** @param {string} user */
  #dial(user) {
    if (user === this.#client.userid || this.#members.has(user) || !this.local) return;
    if (!this.roster.includes(user)) return;
    this.#seatMember(user, this.#client.call(user, { stream: this.local, headers: { [ROOM]: this.name } }));
  }

  /** @param {string} user @param {Call} call */
  #seatMember(user, call) {
    /** @type {Member} */
    const member = { call, signs: signs.NONE };
    this.#members.set(user, member);
    signs.hear(call, (theirs) => {
      member.signs = theirs;
      this.changed();
    });
    for (const name of /** @type {const} */ (['state', 'streams'])) call.on(name, () => this.changed());
    call.on('established', () => {
      const [screen] = this.#screen?.getVideoTracks() ?? [];
      if (screen) void call.replaceTrack(screen).catch(() => {});
      signs.tell(call, this.#signs());
    });
    call.on('ended', () => {
      if (this.#members.get(user) !== member) return;
      this.#members.delete(user);
      this.changed();
      // Of two, the one who came later calls again.
      const isLater = this.roster.indexOf(user) < this.roster.indexOf(this.#client.userid);
      setTimeout(() => isLater && this.#dial(user), AGAIN_MS);
    });
  }

  /** Takes part in what is written. @param {string} name */
  async #listen(name) {
    const headers = { Router: `${DOMAIN};type=chatroom`, 'P-Asserted-Identity': this.#client.userid };
    try {
      const lease = await this.#client.subscribe(name, 'chat', { headers });
      if (this.name === name) this.#text = lease;
      else await lease.end();
    } catch (error) {
      this.#chats.note(name, `What is written here does not reach you: ${error}`);
    }
  }

  /** What was written before we came. @param {string} room @param {Record<string, unknown>} body */
  #history(room, { state, from, body }) {
    if (state === 'lost') this.#chats.note(room, 'Some messages did not reach you.');
    if (state !== 'history' || typeof from !== 'string' || typeof body !== 'string') return;
    const { lines } = this.#chats.thread(room);
    if (!lines.some((line) => line.text === body && line.from === from)) this.#chats.add(room, from, body);
  }

  #clear() {
    sessionStorage.removeItem(KEPT);
    const members = [...this.#members.values()];
    this.#members.clear();
    this.#text?.end().catch(() => {});
    this.#text = undefined;
    this.#seat = undefined;
    this.name = '';
    this.roster = [];
    this.since = 0;
    this.isSharing = false;
    devices.close(this.#screen);
    devices.close(this.local);
    this.local = undefined;
    this.#screen = undefined;
    for (const { call } of members) void call.hangUp('left the room');
    this.changed();
  }
}
