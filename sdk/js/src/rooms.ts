/**
 * Rooms: the services `conference`, in which each member talks to each, and `chatroom`, in which everybody reads what
 * one writes.
 *
 * @packageDocumentation
 */

import type { Call } from './call.js';
import type { Client } from './client.js';
import { systemClock } from './clock.js';
import type { Headers, Request } from './core/message.js';
import { Emitter } from './events.js';
import type { Incoming } from './incoming.js';
import type { Lease } from './lease.js';
import { fixedMedia } from './media/media.js';
import { PeerMedia } from './media/peer.js';
import type { MediaStatistics } from './media/statistics.js';
import { SDPFRAG } from './media/trickle.js';

/** How a {@link Room} is entered. */
export interface RoomOptions {
  /** What this side sends to each member; nothing if left out. It stays the caller's. */
  stream?: MediaStream;
  /** Where the service is. Default: `type=conference` at the host of the room's name. */
  router?: string;
  /** Makes a peer connection for each member. Default: as the client's calls have it, with its `iceServers`. */
  peerConnection?: () => RTCPeerConnection;
}

/** What a {@link Room} tells. */
export interface RoomEvents {
  /** Who is in, in the order in which they came; the first is the host. */
  roster: { members: string[]; host: string | undefined; isLocked: boolean };
  /** The stream of a member, whenever it is new; `undefined` when he has left. */
  stream: { user: string; stream: MediaStream | undefined };
  /** How the media's connection to a member is. */
  connection: { user: string; state: RTCPeerConnectionState };
  /** A member sent something to this side alone. */
  message: { user: string; body: unknown; contentType: string | undefined };
  /** This side is out: it left, was sent out, or lost the server. */
  left: { code: number; reason: string; remote: boolean };
}

interface Member {
  /** Names this connection to him: who enters again has another. */
  session: string;
  peer: PeerMedia;
  stream?: MediaStream | undefined;
}

/** What belongs to one connection of two members says so. */
const SESSION = 'Room-Session';
/** An offer that was refused for now is made again so often, after so many milliseconds each. */
const TRIES = 8;
const AGAIN_MS = 700;

const hostOf = (name: string) => name.slice(name.lastIndexOf('@') + 1);
const pause = (ms: number) => new Promise<void>((resolve) => void systemClock.set(ms, resolve));

/**
 * A room in which each talks to each: a stream from and to every member.
 *
 * ```ts
 * const room = new Room(client, 'room:tea@example.com', { stream });
 * room.on('roster', ({ members }) => show(members));
 * room.on('stream', ({ user, stream }) => place(user, stream));
 * await room.joined;
 * await room.leave();
 * ```
 */
export class Room extends Emitter<RoomEvents> {
  /** Such as `room:tea@example.com`. */
  readonly name: string;
  /** Who is in, in the order in which they came. */
  members: string[] = [];
  /** Whether nobody else is let in. */
  isLocked = false;
  /** Resolves once inside; rejects with what the service said: 403 locked, 486 full. */
  readonly joined: Promise<void>;
  readonly #client: Client;
  readonly #options: RoomOptions;
  readonly #seat: Call;
  readonly #peers = new Map<string, Member>();
  /** What is sent in place of the stream's tracks. */
  readonly #tracks = new Map<'audio' | 'video', MediaStreamTrack | null>();
  #version = 0;

  /** Enters; the client has to be connected. */
  constructor(client: Client, name: string, options: RoomOptions = {}) {
    super();
    this.name = name;
    this.#client = client;
    this.#options = options;
    const Router = options.router ?? `${hostOf(name)};type=conference`;
    const seat = client.call(name, { media: fixedMedia({}, 'application/json'), headers: { Router } });
    this.#seat = seat;
    this.joined = seat.established;
    seat.takes = (request, respond) => this.#onInfo(request, respond);
    seat.on('message', ({ Event, Body }) => Event === 'conference' && this.#onRoster(Body));
    seat.on('info', ({ Member, Body, 'Content-Type': contentType }) =>
      this.emit('message', { user: String(Member), body: Body, contentType }),
    );
    seat.on('ended', (ending) => {
      for (const user of [...this.#peers.keys()]) this.#drop(user);
      this.members = [];
      this.emit('left', ending);
    });
  }

  /** The member who is there longest: he may lock the room and send others out. */
  get host(): string | undefined {
    return this.members[0];
  }

  /** The streams that come from the other members. */
  get streams(): Map<string, MediaStream> {
    const known = [...this.#peers].map(([user, { stream }]) => [user, stream] as const);
    return new Map(known.filter((entry): entry is [string, MediaStream] => !!entry[1]));
  }

  /** Leaves. Resolves when the service knows. */
  leave(): Promise<void> {
    return this.#seat.hangUp('left');
  }

  /** Lets nobody else in. Rejects with 403 where this side is not the host. */
  async lock(): Promise<void> {
    await this.#order('lock');
  }

  /** Lets others in again. */
  async unlock(): Promise<void> {
    await this.#order('unlock');
  }

  /** Sends a member out. Rejects with 403 where this side is not the host, 404 where nobody of that name is in. */
  async kick(user: string): Promise<void> {
    await this.#order('kick', { User: user });
  }

  /** Sends anything to one member. Resolves when he has it. */
  async send(user: string, body: unknown, contentType = 'text/plain'): Promise<void> {
    await this.#seat.info(body, contentType, { 'Request-URI': user });
  }

  /** Sends another track of this kind to everybody, now and later, such as the screen; `null` for nothing. */
  async replaceTrack(kind: 'audio' | 'video', track: MediaStreamTrack | null): Promise<void> {
    this.#tracks.set(kind, track);
    const put = async ([user, member]: [string, Member]) =>
      (await this.#put(member, kind, track)) && this.#offer(user, member);
    await Promise.all([...this.#peers].map(put));
  }

  /** What the media from and to a member does; undefined where there is none. */
  async statistics(user: string): Promise<MediaStatistics | undefined> {
    return this.#peers.get(user)?.peer.statistics();
  }

  /** Sends a track in place of what was sent; true if that has to be offered. */
  async #put({ peer }: Member, kind: 'audio' | 'video', track: MediaStreamTrack | null): Promise<boolean> {
    const sender = peer.sender(kind);
    if (sender) await sender.replaceTrack(track);
    else if (track) peer.addTrack(track);
    return !sender && !!track;
  }

  #order(action: string, headers: Headers = {}) {
    return this.#seat.info(null, 'application/json', { Action: action, ...headers });
  }

  /** Whoever enters offers to those who are there, so that no two offers cross. */
  #onRoster(body: unknown): void {
    const { version = 0, locked, members } = (body ?? {}) as Record<string, unknown>;
    if (!Array.isArray(members) || !((version as number) > this.#version)) return;
    const isFirst = !this.#version;
    this.#version = version as number;
    this.members = members.map(String);
    this.isLocked = !!locked;
    for (const user of [...this.#peers.keys()]) if (!this.members.includes(user)) this.#drop(user);
    this.emit('roster', { members: this.members, host: this.host, isLocked: this.isLocked });
    if (!isFirst) return;
    for (const user of this.members) {
      if (user !== this.#client.userid && !this.#peers.has(user)) void this.#meet(user);
    }
  }

  async #meet(user: string): Promise<void> {
    const member = this.#open(user, crypto.randomUUID());
    if (!(await this.#offer(user, member)) && this.#peers.get(user) === member) this.#drop(user);
  }

  /** Offers, again and again for a while; false if nothing came of it. */
  async #offer(user: string, member: Member, iceRestart = false): Promise<boolean> {
    for (let tries = 0; tries < TRIES && this.#peers.get(user) === member; tries += 1) {
      try {
        await this.#exchange(user, member, iceRestart);
        return true;
      } catch {
        // He is just entering, or offers as well; his offer takes the place of this one.
        await pause(AGAIN_MS);
      }
    }
    return false;
  }

  async #exchange(user: string, { peer, session }: Member, iceRestart: boolean): Promise<void> {
    await peer.rollback();
    const { body, contentType } = await peer.offer({ iceRestart });
    const { Body } = await this.#seat.info(body, contentType, { 'Request-URI': user, [SESSION]: session });
    await peer.accept({ body: Body, contentType }, false);
    peer.open();
  }

  #open(user: string, session: string, isOffered = true): Member {
    this.#peers.get(user)?.peer.close();
    const connect = this.#options.peerConnection ?? (() => this.#client.newPeer());
    const peer = new PeerMedia({ connect, clock: systemClock, trickle: true, gatherMs: 0 });
    const member: Member = { session, peer };
    this.#peers.set(user, member);
    peer.remoteTrickles = true;
    peer.on('track', ({ streams: [stream] }) => {
      if (!stream || stream === member.stream) return;
      member.stream = stream;
      this.emit('stream', { user, stream });
    });
    peer.on('candidates', (fragment) => {
      this.#seat.info(fragment, SDPFRAG, { 'Request-URI': user, [SESSION]: session }).catch(() => {});
    });
    peer.on('connection', (state) => {
      this.emit('connection', { user, state });
      if (state === 'failed' && isOffered) void this.#offer(user, member, true);
    });
    const { stream } = this.#options;
    if (stream) peer.add(stream);
    else if (isOffered)
      for (const kind of ['audio', 'video']) peer.connection.addTransceiver(kind, { direction: 'recvonly' });
    for (const [kind, track] of this.#tracks) this.#put(member, kind, track).catch(() => {});
    return member;
  }

  #drop(user: string): void {
    this.#peers.get(user)?.peer.close();
    this.#peers.delete(user);
    this.emit('stream', { user, stream: undefined });
  }

  /** What another member sends by way of the room: an offer, or candidates. */
  #onInfo(request: Request, respond: (code: number, headers?: Headers) => void): boolean {
    const { Member: user, [SESSION]: session, Body } = request;
    if (typeof user !== 'string' || typeof session !== 'string') return false;
    const known = this.#peers.get(user);
    if (request['Content-Type'] === SDPFRAG) {
      respond(200);
      if (known?.session === session) void known.peer.candidates(String(Body)).catch(() => {});
      return true;
    }
    const isOurs = known?.session === session;
    const isCrossing = known?.peer.connection.signalingState === 'have-local-offer';
    // Of two offers that cross, that of whoever stands later in the roster is taken.
    const isLater = this.members.indexOf(user) < this.members.indexOf(this.#client.userid);
    if (isCrossing && isLater) respond(491);
    else void this.#answer(isOurs && known ? known : this.#open(user, session, false), Body, respond);
    return true;
  }

  async #answer(
    { peer }: Member,
    body: unknown,
    respond: (code: number, headers?: Headers) => void,
  ): Promise<void> {
    try {
      await peer.rollback();
      const answer = await peer.answer({ body, contentType: '' });
      respond(200, { 'Content-Type': answer.contentType, Body: answer.body });
      peer.open();
    } catch (error) {
      respond(488, { Reason: String(error) });
    }
  }
}

/** What a {@link Chat} tells. */
export interface ChatEvents {
  /** Somebody wrote; `isHistory`: before this side came. */
  message: { from: string; body: unknown; contentType: string | undefined; isHistory: boolean };
  /** Somebody came, or went: `joined`, `left` or `expired`. */
  member: { user: string; state: string; members: number };
  /** So many messages and notices did not reach this side, which was too slow for them. */
  lost: number;
}

/**
 * A room in which everybody reads what one writes.
 *
 * ```ts
 * const chat = new Chat(client, 'room:tea@example.com');
 * chat.on('message', ({ from, body }) => console.log(`${from}: ${body}`));
 * await chat.joined;
 * await chat.send('hello');
 * await chat.leave();
 * ```
 */
export class Chat extends Emitter<ChatEvents> {
  /** Such as `room:tea@example.com`. */
  readonly name: string;
  /** Resolves once inside; rejects with what the service said, such as 503 full. */
  readonly joined: Promise<void>;
  readonly #client: Client;
  readonly #headers: Headers;
  readonly #lease: Promise<Lease>;
  readonly #off: (() => void)[];

  /**
   * Enters; the client has to be connected. `router` says where the service is, default `type=chatroom` at the host of
   * the room's name; `expire` is in seconds, default 3,600.
   */
  constructor(client: Client, name: string, { router, expire }: { router?: string; expire?: number } = {}) {
    super();
    this.name = name;
    this.#client = client;
    this.#headers = {
      Router: router ?? `${hostOf(name)};type=chatroom`,
      // The server replaces it by what was proven, where it asks for proof.
      'P-Asserted-Identity': client.userid,
    };
    this.#off = [
      client.on('request', (incoming) => this.#onNotice(incoming)),
      client.on('message', (incoming) => this.#onMessage(incoming)),
    ];
    this.#lease = client.subscribe(name, 'chat', { headers: this.#headers, ...(expire && { expire }) });
    this.joined = this.#lease.then(
      () => {},
      (error: unknown) => {
        this.#close();
        throw error;
      },
    );
    this.joined.catch(() => {});
  }

  /** Writes to all other members. Resolves when the room has it. */
  async send(body: unknown, contentType = 'text/plain'): Promise<void> {
    await this.#client.message(this.name, body, { contentType, headers: this.#headers });
  }

  /** Leaves. Resolves when the service knows. */
  async leave(): Promise<void> {
    this.#close();
    await (await this.#lease).end();
  }

  #close(): void {
    for (const off of this.#off) off();
  }

  #onMessage({ request, from, body }: Incoming): void {
    if (request.To !== this.name) return;
    this.emit('message', { from, body, contentType: request['Content-Type'], isHistory: false });
  }

  #onNotice(incoming: Incoming): void {
    const { Event, From, Body } = incoming.request;
    if (Event !== 'chat' || From !== this.name) return;
    incoming.respond(200);
    const notice = (Body ?? {}) as Record<string, unknown>;
    const { state, user, from, body, content_type, members, count } = notice;
    if (state === 'lost') return this.emit('lost', Number(count));
    if (state !== 'history')
      return this.emit('member', { user: String(user), state: String(state), members: Number(members) });
    const contentType = typeof content_type === 'string' ? content_type : undefined;
    this.emit('message', { from: String(from), body, contentType, isHistory: true });
  }
}
