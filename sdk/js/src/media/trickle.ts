/** ICE candidates in INFO (RFC 8840): writing and reading `application/trickle-ice-sdpfrag`. */

/** The type of a body that carries candidates. */
export const SDPFRAG = 'application/trickle-ice-sdpfrag';
/** The INFO package; `Recv-Info` names it where it is understood (RFC 6086). */
export const PACKAGE = 'trickle-ice';

/** Only a separator: the mid says which section is meant. */
const PSEUDO = 'm=audio 9 RTP/AVP 0';

/** Candidates as lines of SDP. `sdp` is the description that they belong to; `isEnd`: there will be no more. */
export function writeFragment(candidates: RTCIceCandidateInit[], isEnd: boolean, sdp: string): string {
  const lines = sdp.match(/^a=ice-(ufrag|pwd):\S+/gm)?.slice(0, 2) ?? [];
  for (const { candidate, sdpMid } of candidates) lines.push(PSEUDO, `a=mid:${sdpMid}`, `a=${candidate}`);
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
  const live = sdp.split(/^m=/m).filter((section) => /^(audio|video) [1-9]/.test(section));
  return live.length > 0 && live.every((section) => /^a=(sendonly|inactive)\s/m.test(section));
}
