/** What a call's media does, in numbers a person can use. */
export interface MediaStatistics {
  /** Seconds there and back, as far as known. */
  roundTrip: number | undefined;
  /** `host`, `srflx` or `relay`: how this side reaches the other. */
  candidate: string | undefined;
  /** What is heard. */
  audio: FlowStatistics;
  /** What is seen. */
  video: FlowStatistics;
}

/**
 * One kind of media, both directions, under the names of the W3C's statistics. Counted from the beginning of the call, or
 * from when somebody else took the other side's place.
 */
export interface FlowStatistics {
  /** Without the headers of RTP. */
  bytesSent: number;
  /** Without the headers of RTP. */
  bytesReceived: number;
  /** Of RTP. */
  packetsReceived: number;
  /** Of those that should have come. */
  packetsLost: number;
  /** Pictures. */
  framesDecoded: number;
  /** Seconds; the worst of the streams received. */
  jitter: number;
  /** Of the picture received, in pixels. */
  frameWidth: number;
  /** In pixels. */
  frameHeight: number;
}

const flow = (): FlowStatistics => ({
  bytesSent: 0,
  bytesReceived: 0,
  packetsReceived: 0,
  packetsLost: 0,
  framesDecoded: 0,
  jitter: 0,
  frameWidth: 0,
  frameHeight: 0,
});

/** Sums up a report of a peer connection. */
export function summarise(report: Iterable<[string, Record<string, unknown>]>): MediaStatistics {
  const entries = new Map(report);
  const result: MediaStatistics = {
    roundTrip: undefined,
    candidate: undefined,
    audio: flow(),
    video: flow(),
  };
  for (const entry of entries.values()) {
    if (/^(in|out)bound-rtp/.test(String(entry['type']))) {
      const own = result[entry['kind'] === 'video' ? 'video' : 'audio'];
      for (const name of Object.keys(own) as (keyof FlowStatistics)[]) {
        const value = Number(entry[name] ?? 0);
        // A size is no sum, nor is a jitter.
        own[name] = /^jitter|Width|Height/.test(name) ? Math.max(own[name], value) : own[name] + value;
      }
    }
    const pair = entries.get(String(entry['selectedCandidatePairId']));
    if (!pair) continue;
    result.roundTrip = pair['currentRoundTripTime'] as number | undefined;
    result.candidate = entries.get(String(pair['localCandidateId']))?.['candidateType'] as string | undefined;
  }
  return result;
}
