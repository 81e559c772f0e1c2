/**
 * A room for up to eight: the conference service says who is in it and passes the offers of each pair, the chatroom
 * service what is written.
 */

import { StrowgerError } from '../../sdk/js/src/index.js';
import { Chat, Room } from '../../sdk/js/src/rooms.js';
import * as devices from './devices.js';
import { toast } from './elements.js';
import { isRoom, shown } from './names.js';
import { judge, QUALITY_MS } from './quality.js';
import * as signs from './signs.js';
import { Watched } from './watched.js';
import { explain, explainMedia } from './words.js';

/** @typedef {import('../../sdk/js/src/index.js').Client} Client */
/** @typedef {import('./chats.js').Chats} Chats */
/** @typedef {import('./stage.js').Tile} Tile */
/** @typedef {import('./quality.js').Quality} Quality */
/** @typedef {import('../../sdk/js/src/index.js').MediaStatistics} MediaStatistics */
/** @typedef {{ stream?: MediaStream | undefined, state?: RTCPeerConnectionState, signs: signs.Signs }} Member */

/** Each member sends to each other: with more than these a phone gives up. */
const MOST = 8;
/** Where the room is kept for a page that is loaded again. */
const KEPT = 'strowger.room';

export class Rooms extends Watched {
  /** The room we are in. */
  name = '';
  isSharing = false;
  since = 0;
  /** Of the worst connection to a member. @type {Quality | undefined} */
  quality;
  /** @type {MediaStream | undefined} */
  local;
  #client;
  #chats;
  /** @type {Map<string, Member>} */
  #members = new Map();
  /** @type {Room | undefined} */
  #room;
  /** @type {Chat | undefined} */
  #chat;
  /** @type {MediaStream | undefined} */
  #screen;

  /** @param {Client} client @param {Chats} chats */
  constructor(client, chats) {
    super();
    this.#client = client;
    this.#chats = chats;
    chats.toRoom = async (name, text) => {
      // Whoever writes elsewhere meanwhile waits until he is in again.
      if (!this.#chat || name !== this.name) throw new StrowgerError(480, 'not in the room');
      await this.#chat.send(text);
    };
    client.on('found', (call) => {
      // Whoever enters again takes his own place; whoever does not leaves it.
      if (isRoom(call.peer) && call.peer !== Rooms.kept) void call.hangUp('left');
    });
  }

  /** The room in which the page was before it was loaded anew. */
  static get kept() {
    return sessionStorage.getItem(KEPT) ?? '';
  }

  /** @param {string} room */
  static keep(room) {
    sessionStorage.setItem(KEPT, room);
  }

  /** Who is in, in the order in which they came. @returns {string[]} */
  get roster() {
    return this.#room?.members ?? [];
  }

  get isShown() {
    return !!this.name;
  }

  get title() {
    return `Room ${shown(this.name)}`;
  }

  get isActive() {
    return !!this.since;
  }

  get isVideo() {
    return !!this.local?.getVideoTracks().length;
  }

  get doing() {
    if (!this.isActive) return 'entering…';
    return this.roster.length > 1 ? `${this.roster.length} people` : 'nobody else is here yet';
  }

  /** Enters a room. @param {string} name */
  async enter(name) {
    if (this.name) return;
    this.name = name;
    this.changed();
    try {
      this.local = await devices.open(true);
    } catch (error) {
      this.#clear();
      return toast(explainMedia(error));
    }
    if (this.name !== name) return devices.close(this.local);
    this.#sit(new Room(this.#client, name, { stream: this.local }));
    this.#listen(new Chat(this.#client, name));
  }

  /** @param {Room} room */
  #sit(room) {
    this.#room = room;
    room.on('roster', ({ members }) => this.#onRoster(room, members));
    room.on('stream', ({ user, stream }) => {
      if (stream) this.#member(user).stream = stream;
      else this.#members.delete(user);
      this.changed();
    });
    room.on('connection', ({ user, state }) => {
      this.#member(user).state = state;
      if (state === 'connected') this.#welcome(room, user);
      this.changed();
    });
    room.on('message', ({ user, body, contentType }) => {
      const theirs = signs.read(body, contentType);
      if (theirs) this.#member(user).signs = theirs;
      this.changed();
    });
    room.on('left', ({ code, reason, remote }) => {
      if (this.#room !== room) return;
      this.#clear();
      if (remote || code !== 200)
        toast(code === 200 ? `You have left the room: ${reason}` : explain('The room', { code, reason }));
    });
    room.joined.catch(() => {});
  }

  /** @param {Room} room @param {string[]} members */
  #onRoster(room, members) {
    if (this.#room !== room) return;
    if (!this.since && members.length > MOST) {
      toast(`The room is full: ${MOST} people are in it.`);
      void room.leave();
      return;
    }
    Rooms.keep(this.name);
    if (!this.since) {
      this.since = Date.now();
      this.#judge(room);
    }
    this.changed();
  }

  /** Looks at every connection, again and again. @param {Room} room */
  #judge(room) {
    /** @type {Map<string, MediaStatistics>} */
    let before = new Map();
    const timer = setInterval(async () => {
      if (this.#room !== room) return clearInterval(timer);
      /** @type {Map<string, MediaStatistics>} */
      const now = new Map();
      for (const user of room.streams.keys()) {
        const figures = await room.statistics(user).catch(() => undefined);
        if (figures) now.set(user, figures);
      }
      const found = [...now].flatMap(([user, figures]) => {
        const known = before.get(user);
        const isThere = known && this.#members.get(user)?.state === 'connected';
        return isThere ? { user, ...judge(known, figures, QUALITY_MS / 1000) } : [];
      });
      before = now;
      const [worst] = found.sort((one, other) => one.level - other.level);
      if (this.#room !== room) return;
      this.quality = worst && { level: worst.level, text: `${shown(worst.user)}: ${worst.text}` };
      this.changed();
    }, QUALITY_MS);
  }

  /** Whoever is new does not know what the others have said before. @param {Room} room @param {string} user */
  #welcome(room, user) {
    room.send(user, this.#signs(), signs.TYPE).catch(() => {});
  }

  /** @param {string} user */
  #member(user) {
    const known = this.#members.get(user) ?? { signs: signs.NONE };
    this.#members.set(user, known);
    return known;
  }

  /** Takes part in what is written. @param {Chat} chat */
  #listen(chat) {
    const { name } = chat;
    this.#chat = chat;
    chat.on('message', ({ from, body, isHistory }) => {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const { lines } = this.#chats.thread(name);
      const isKnown = isHistory && lines.some((line) => line.text === text && line.from === from);
      if (!isKnown) this.#chats.add(name, from, text);
    });
    chat.on('lost', () => this.#chats.note(name, 'Some messages did not reach you.'));
    chat.joined.catch((error) =>
      this.#chats.note(name, `What is written here does not reach you: ${error.message}`),
    );
  }

  hangUp() {
    const room = this.#room;
    this.#clear();
    void room?.leave();
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
        const { stream, state, signs: theirs } = this.#members.get(user) ?? { signs: signs.NONE };
        const isThere = state === 'connected';
        return {
          id: user,
          user,
          stream,
          isDark: !isThere || theirs.isDark,
          isMuted: theirs.isMuted,
          isScreen: theirs.isSharing,
          veil: isThere ? '' : 'connecting…',
        };
      }),
      own,
    ];
  }

  async #stopSharing() {
    this.isSharing = false;
    devices.close(this.#screen);
    this.#screen = undefined;
    await this.#show(this.local?.getVideoTracks()[0] ?? null);
  }

  /** Uses another device from now on. @param {devices.Name} name */
  async changeDevice(name) {
    const { local } = this;
    if (name === 'loudspeaker') return this.changed();
    if (!local || !this.isActive) return;
    try {
      const fresh = await navigator.mediaDevices.getUserMedia(devices.wanted(name));
      if (this.local !== local) return devices.close(fresh);
      const kind = devices.kindOf(name);
      for (const track of fresh.getTracks()) {
        for (const old of local.getTracks().filter((old) => old.kind === kind)) {
          track.enabled = old.enabled;
          old.stop();
          local.removeTrack(old);
        }
        local.addTrack(track);
        if (kind === 'audio' || !this.isSharing) await this.#room?.replaceTrack(kind, track);
      }
    } catch (error) {
      toast(explainMedia(error));
    }
    this.changed();
  }

  /** Sends this picture to everybody. @param {MediaStreamTrack | null} track */
  async #show(track) {
    await this.#room?.replaceTrack('video', track).catch(() => {});
    this.#tell();
  }

  #tell() {
    const room = this.#room;
    for (const user of this.#members.keys()) room?.send(user, this.#signs(), signs.TYPE).catch(() => {});
    this.changed();
  }

  #signs() {
    const isDark = this.isMuted('video') && !this.isSharing;
    return { isMuted: this.isMuted('audio'), isDark, isSharing: this.isSharing };
  }

  #clear() {
    sessionStorage.removeItem(KEPT);
    this.#chat?.leave().catch(() => {});
    this.#chat = undefined;
    this.#room = undefined;
    this.#members.clear();
    this.name = '';
    this.since = 0;
    this.quality = undefined;
    this.isSharing = false;
    devices.close(this.#screen);
    devices.close(this.local);
    this.local = undefined;
    this.#screen = undefined;
    this.changed();
  }
}
