/** Dialogs that the server still holds for a name whose client began anew (`docs/protocol/dialog-event.md`). */

import type { Method } from './message.js';
import type { Core } from './records.js';
import { begin, beginSession, compose, sendAck } from './sending.js';
import { startRefresh } from './session-actions.js';

/** One live call, as the server tells it. */
export interface Listed {
  id: string;
  direction: 'initiator' | 'recipient';
  state: 'trying' | 'early' | 'confirmed';
  local: { identity?: string; cseq?: number };
  remote: { identity?: string; target?: string; cseq?: number };
  /** Seconds that the session lives unless the `refresher` refreshes it. */
  expire: number;
  refresher: 'local' | 'remote';
  /** Requests that are not done. */
  open: { method: Method; cseq: number; from: 'local' | 'remote'; awaits: 'response' | 'ack' }[];
}

/**
 * Takes a call up; false if it is known, or cannot be taken up. One that was not answered cannot: its offer is gone
 * with its INVITE, so the other side is told that it has failed.
 */
export function adopt(core: Core, { id, direction, state, local, remote, ...listed }: Listed): boolean {
  const { identity: From, cseq = 0 } = local;
  const { identity: To, target } = remote;
  if (core.dialogs.has(id) || !From || !To || !target) return false;
  const isCaller = direction === 'initiator';
  const dialog = begin(core, id, { 'Request-URI': target, From, To });
  dialog.cseq = cseq;
  const invite = listed.open.find(({ method }) => method === 'INVITE');
  if (state !== 'confirmed') {
    const CSeq = invite?.cseq;
    const failure = isCaller
      ? compose(dialog, 'CANCEL')
      : { Type: 'RESPONSE', Code: 480, From: To, To: From, DialogueID: id, CSeq };
    core.outbox.push(JSON.stringify(failure), false);
    core.dialogs.delete(id);
    return false;
  }
  if (invite?.from === 'local' && invite.awaits === 'ack') sendAck(core, dialog, invite.cseq);
  const session = beginSession(core, dialog, 0, isCaller, listed.expire);
  session.state = 'Established';
  session.refresh.ours = listed.refresher === 'local';
  startRefresh(core, dialog, session);
  return true;
}
