/** ICE candidates in INFO (RFC 8840): writing and reading `application/trickle-ice-sdpfrag`. */

/** The type of a body that carries candidates. */
export const SDPFRAG = 'application/trickle-ice-sdpfrag';
/** The INFO package; `Recv-Info` names it where it is understood (RFC 6086). */
export const PACKAGE = 'trickle-ice';

/** Only a separator: the mid says which section is meant. */
const PSEUDO = 'm=audio 9 RTP/AVP 0';

/** Candidates as lines of SDP, `end` for the end of them. `sdp` is the description that they belong to. */
export function writeFragment(candidates: RTCIceCandidateInit[], isEnd: boolean, sdp: string): string {
  const lines = [/^a=ice-ufrag:.*$/m, /^a=ice-pwd:.*$/m].flatMap((line) => line.exec(sdp)?.[0].trim() ?? []);
  const byMid = new Map<string, RTCIceCandidateInit[]>();
  for (const candidate of candidates) {
    const mid = candidate.sdpMid ?? String(candidate.sdpMLineIndex ?? 0);
    byMid.set(mid, [...(byMid.get(mid) ?? []), candidate]);
  }
  for (const [mid, own] of byMid) {
    lines.push(PSEUDO, `a=mid:${mid}`, ...own.map(({ candidate }) => `a=${candidate}`));
  }
  if (isEnd) lines.push('a=end-of-candidates');
  return `${lines.join('\r\n')}\r\n`;
}

/** The candidates of a fragment. */
export function readFragment(fragment: string): RTCIceCandidateInit[] {
  const ufrag = /^a=ice-ufrag:(.*)$/m.exec(fragment)?.[1]?.trim();
  const found: RTCIceCandidateInit[] = [];
  let mid = '0';
  for (const line of fragment.split(/\r?\n/)) {
    if (line.startsWith('a=mid:')) mid = line.slice(6);
    else if (line.startsWith('a=candidate:')) {
      found.push({ candidate: line.slice(2), sdpMid: mid, ...(ufrag && { usernameFragment: ufrag }) });
    }
  }
  return found;
}

/** Whether the sender of this description has put the call on hold: it wants to receive nothing. */
export function holds(sdp: string): boolean {
  const sections = sdp.split(/^m=/m);
  const session = sections.shift() ?? '';
  const way = (text: string) => /^a=(sendrecv|sendonly|recvonly|inactive)\s*$/m.exec(text)?.[1];
  const live = sections.filter((section) => !/^\w+ 0 /.test(section) && !section.startsWith('application'));
  const fallback = way(session) ?? 'sendrecv';
  return (
    live.length > 0 && live.every((section) => ['sendonly', 'inactive'].includes(way(section) ?? fallback))
  );
}
