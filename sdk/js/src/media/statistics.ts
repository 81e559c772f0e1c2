/** What a call's media does, in numbers a person can use. */
export interface MediaStatistics {
  /** Seconds there and back, as far as known. */
  roundTrip: number | undefined;
  /** `host`, `srflx` or `relay`: how this side reaches the other. */
  candidate: string | undefined;
  audio: FlowStatistics;
  video: FlowStatistics;
}

/** One kind of media, both directions. Bytes and packets are since the beginning of the call. */
export interface FlowStatistics {
  bytesSent: number;
  bytesReceived: number;
  packetsReceived: number;
  packetsLost: number;
  /** Seconds; the worst of the streams received. */
  jitter: number;
  framesDecoded: number;
  /** Of the picture received, in pixels. */
  width: number;
  height: number;
}

const flow = (): FlowStatistics => ({
  bytesSent: 0,
  bytesReceived: 0,
  packetsReceived: 0,
  packetsLost: 0,
  jitter: 0,
  framesDecoded: 0,
  width: 0,
  height: 0,
});

/** Sums up a report of a peer connection. */
export function summarise(report: Iterable<[string, Record<string, unknown>]>): MediaStatistics {
  const result: MediaStatistics = {
    roundTrip: undefined,
    candidate: undefined,
    audio: flow(),
    video: flow(),
  };
  const entries = new Map(report);
  const number = (value: unknown) => (typeof value === 'number' ? value : 0);
  for (const entry of entries.values()) {
    const own = entry['kind'] === 'video' ? result.video : result.audio;
    if (entry['type'] === 'outbound-rtp') own.bytesSent += number(entry['bytesSent']);
    if (entry['type'] === 'inbound-rtp') {
      own.bytesReceived += number(entry['bytesReceived']);
      own.packetsReceived += number(entry['packetsReceived']);
      own.packetsLost += number(entry['packetsLost']);
      own.framesDecoded += number(entry['framesDecoded']);
      own.jitter = Math.max(own.jitter, number(entry['jitter']));
      own.width = Math.max(own.width, number(entry['frameWidth']));
      own.height = Math.max(own.height, number(entry['frameHeight']));
    }
    if (entry['type'] === 'transport') {
      const pair = entries.get(String(entry['selectedCandidatePairId']));
      const local = entries.get(String(pair?.['localCandidateId']));
      if (typeof pair?.['currentRoundTripTime'] === 'number') result.roundTrip = pair['currentRoundTripTime'];
      if (typeof local?.['candidateType'] === 'string') result.candidate = local['candidateType'];
    }
  }
  return result;
}
