/**
 * An `RTCPeerConnection` without any media: signalling states as JSEP has them, descriptions with the lines that this
 * package reads, candidates that come when the test says so.
 */

export class FakeTrack {
  enabled = true;
  isStopped = false;
  onended: (() => void) | null = null;
  constructor(readonly kind: string) {}
  stop(): void {
    this.isStopped = true;
  }
}

export class FakeStream {
  constructor(readonly tracks: FakeTrack[]) {}
  addTrack(track: FakeTrack): void {
    if (!this.tracks.includes(track)) this.tracks.push(track);
  }
  removeTrack(track: FakeTrack): void {
    if (this.tracks.includes(track)) this.tracks.splice(this.tracks.indexOf(track), 1);
  }
  getTracks(): FakeTrack[] {
    return [...this.tracks];
  }
  getVideoTracks(): FakeTrack[] {
    return this.tracks.filter(({ kind }) => kind === 'video');
  }
}

class FakeSender {
  constructor(public track: FakeTrack | null) {}
  async replaceTrack(track: FakeTrack | null): Promise<void> {
    this.track = track;
  }
}

class FakeTransceiver {
  currentDirection: string | null = null;
  readonly sender: FakeSender;
  readonly receiver: { track: FakeTrack };
  constructor(
    readonly kind: string,
    track: FakeTrack | null,
    public direction: string,
  ) {
    this.sender = new FakeSender(track);
    this.receiver = { track: new FakeTrack(kind) };
  }
}

interface Description {
  type: string;
  sdp: string;
}

let generations = 0;

export class FakePeer extends EventTarget {
  static readonly all: FakePeer[] = [];
  /** When candidates are found. */
  static later: (due: () => void) => void = (due) => setTimeout(due, 5);
  signalingState = 'stable';
  connectionState = 'new';
  iceGatheringState = 'new';
  localDescription: Description | null = null;
  remoteDescription: Description | null = null;
  onicecandidate: ((event: { candidate: unknown }) => void) | null = null;
  ontrack: ((event: unknown) => void) | null = null;
  onconnectionstatechange: (() => void) | null = null;
  readonly transceivers: FakeTransceiver[] = [];
  readonly candidates: RTCIceCandidateInit[] = [];
  /** Gathers as soon as there is a local description. */
  gathers = true;
  isClosed = false;
  #ufrag = 'none';
  #found = '';
  /** Of the certificate: another one for each connection. */
  readonly #fingerprint = `sha-256 ${FakePeer.all.length}:${Math.random()}`;
  #streams = new Set<unknown>();

  constructor(readonly configuration: RTCConfiguration = {}) {
    super();
    FakePeer.all.push(this);
  }

  addTrack(track: FakeTrack): FakeSender {
    const transceiver = new FakeTransceiver(track.kind, track, 'sendrecv');
    this.transceivers.push(transceiver);
    return transceiver.sender;
  }

  addTransceiver(kind: string, { direction }: { direction: string }): void {
    this.transceivers.push(new FakeTransceiver(kind, null, direction));
  }

  getTransceivers(): FakeTransceiver[] {
    return this.transceivers;
  }

  async createOffer({ iceRestart = false } = {}): Promise<Description> {
    if (this.#ufrag === 'none' || iceRestart) this.#renew();
    return { type: 'offer', sdp: this.#describe(({ direction }) => direction) };
  }

  async createAnswer(): Promise<Description> {
    if (this.#ufrag === 'none') this.#renew();
    const theirs = [
      ...(this.remoteDescription?.sdp ?? '').matchAll(/^a=(sendrecv|sendonly|recvonly|inactive)/gm),
    ];
    return {
      type: 'answer',
      sdp: this.#describe(({ direction }, index) => {
        const asked = theirs[index]?.[1] ?? 'sendrecv';
        const sends = direction.startsWith('send') && (asked === 'sendrecv' || asked === 'recvonly');
        const receives = direction.endsWith('recv') && asked.startsWith('send');
        return sends ? (receives ? 'sendrecv' : 'sendonly') : receives ? 'recvonly' : 'inactive';
      }),
    };
  }

  async setLocalDescription(description: { type: string; sdp?: string }): Promise<void> {
    await undefined;
    this.#move('local', description.type);
    if (description.type === 'rollback') return;
    this.localDescription = description as Description;
    if (this.gathers) FakePeer.later(() => this.gather());
  }

  async setRemoteDescription(description: Description): Promise<void> {
    await undefined;
    if (!description.sdp.startsWith('v=0')) throw new Error('no session description');
    this.#move('remote', description.type);
    this.remoteDescription = description;
    for (const [line] of description.sdp.matchAll(/^m=(audio|video)/gm)) {
      const kind = line.slice(2);
      if (!this.transceivers.some((known) => known.kind === kind)) {
        this.transceivers.push(new FakeTransceiver(kind, null, 'recvonly'));
      }
    }
    const stream = /^a=msid:(\S+)/m.exec(description.sdp)?.[1];
    if (!stream || this.#streams.has(stream)) return;
    this.#streams.add(stream);
    const streams = [{ id: stream }];
    for (const { receiver } of this.transceivers) this.ontrack?.({ track: receiver.track, streams });
  }

  async addIceCandidate(candidate: RTCIceCandidateInit): Promise<void> {
    const known = this.remoteDescription?.sdp.includes(`a=ice-ufrag:${candidate.usernameFragment}`);
    if (!known) throw new Error('a candidate of another generation');
    this.candidates.push(candidate);
  }

  /** One candidate, then the end of them. */
  gather(): void {
    if (this.isClosed || this.iceGatheringState === 'complete') return;
    const candidate = `candidate:1 1 udp 1 127.0.0.1 ${9_000 + generations} typ host ufrag ${this.#ufrag}`;
    const init = { candidate, sdpMid: '0', sdpMLineIndex: 0, usernameFragment: this.#ufrag };
    this.onicecandidate?.({ candidate: { ...init, toJSON: () => init } });
    this.iceGatheringState = 'complete';
    this.#found = `a=${candidate}\r\na=end-of-candidates\r\n`;
    if (this.localDescription) this.localDescription.sdp += this.#found;
    this.dispatchEvent(new Event('icegatheringstatechange'));
    this.onicecandidate?.({ candidate: null });
  }

  become(state: string): void {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }

  async getStats(): Promise<Map<string, unknown>> {
    return new Map<string, unknown>([
      ['T', { type: 'transport', selectedCandidatePairId: 'P' }],
      ['P', { type: 'candidate-pair', currentRoundTripTime: 0.05, localCandidateId: 'L' }],
      ['L', { type: 'local-candidate', candidateType: 'relay' }],
      ['O', { type: 'outbound-rtp', kind: 'audio', bytesSent: 100 }],
      ['I', { type: 'inbound-rtp', kind: 'video', bytesReceived: 900, framesDecoded: 30, frameWidth: 640 }],
    ]);
  }

  close(): void {
    this.isClosed = true;
  }

  #renew(): void {
    generations += 1;
    this.#ufrag = `u${generations}`;
    this.iceGatheringState = 'new';
    this.#found = '';
  }

  #describe(direction: (transceiver: FakeTransceiver, index: number) => string): string {
    const lines = ['v=0', 'a=ice-options:trickle', `a=ice-ufrag:${this.#ufrag}`, 'a=ice-pwd:secret'];
    lines.push(`a=fingerprint:${this.#fingerprint}`);
    for (const [index, transceiver] of this.transceivers.entries()) {
      const way = direction(transceiver, index);
      transceiver.currentDirection = way;
      lines.push(`m=${transceiver.kind} 9 UDP/TLS/RTP/SAVPF 0`, `a=mid:${index}`, `a=${way}`);
      if (transceiver.sender.track) lines.push(`a=msid:stream-${this.#ufrag} ${transceiver.kind}`);
    }
    return `${lines.join('\r\n')}\r\n${this.#found}`;
  }

  /** RFC 8829 §3.2. */
  #move(side: 'local' | 'remote', type: string): void {
    const other = side === 'local' ? 'remote' : 'local';
    const moves: Record<string, string> = {
      'stable offer': `have-${side}-offer`,
      [`have-${side}-offer offer`]: `have-${side}-offer`,
      [`have-${other}-offer answer`]: 'stable',
      [`have-${other}-offer pranswer`]: `have-${side}-pranswer`,
      [`have-${side}-pranswer answer`]: 'stable',
      [`have-${side}-offer rollback`]: 'stable',
      [`have-${other}-offer rollback`]: 'stable',
    };
    const next = moves[`${this.signalingState} ${type}`];
    if (!next) throw new Error(`${side} ${type} in state ${this.signalingState}`);
    this.signalingState = next;
  }
}

/** Options for a client with fake media. */
export const fakeMedia = {
  peerConnection: (configuration: RTCConfiguration) =>
    new FakePeer(configuration) as unknown as RTCPeerConnection,
  mediaDevices: {
    getUserMedia: async ({ audio, video }: MediaStreamConstraints = {}) =>
      new FakeStream([
        ...(audio ? [new FakeTrack('audio')] : []),
        ...(video ? [new FakeTrack('video')] : []),
      ]) as unknown as MediaStream,
    getDisplayMedia: async () => new FakeStream([new FakeTrack('video')]) as unknown as MediaStream,
  },
};
