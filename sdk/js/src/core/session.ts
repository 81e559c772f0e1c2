/**
 * The states of an INVITE session and what each event does (protocol section 5). The same table as
 * `docs/protocol/session.md`; a test compares them row by row. Caller is the sender of the first INVITE, callee the
 * other; *Received* is from the peer, *Sent* from the application. `Pass` delivers what came and transmits what is to
 * be sent. What is not listed is dropped; a refusal is answered to a peer and an error to the application.
 */

import type { Row, Table } from './table.js';

/** Where a session is. */
export type SessionState =
  | 'Inviting' // the first INVITE has no response above 100
  | 'Early' // a provisional response above 100 passed
  | 'EarlyPrack' // a PRACK of the caller is open
  | 'EarlyUpdate' // an UPDATE is open before the answer
  | 'Cancelling' // we sent a CANCEL; the INVITE's final response is awaited
  | 'Abandoned' // the application was told that its INVITE failed; a late 2xx still gets its ACK and BYE
  | 'Answered' // a 2xx passed, its ACK did not
  | 'Established' // the ACK passed
  | 'Reinviting' // a re-INVITE is open
  | 'Rerefused' // we refused a re-INVITE; its ACK is awaited
  | 'Reanswered' // a 2xx to a re-INVITE passed, its ACK did not
  | 'Refused' // we refused the first INVITE; its ACK is awaited
  | 'Terminated'; // over; absorbs retransmissions for a while

/** What happens to a session. */
export type SessionTrigger =
  | 'TryingReceived' // 100; dropped in every state
  | 'TryingSent'
  | 'Provisional'
  | 'SuccessReceived'
  | 'SuccessSent'
  | 'FailureReceived'
  | 'FailureSent'
  | 'GoneReceived' // 481
  | 'GoneSent'
  | 'LateSuccess' // a 2xx to an INVITE that was given up; the transaction acknowledged it
  | 'LateFailure'
  | 'Ack'
  | 'CancelReceived'
  | 'CancelSent'
  | 'CancelLate' // its INVITE has a final response
  | 'CallerByeReceived'
  | 'CallerByeSent'
  | 'CalleeByeReceived'
  | 'CalleeByeSent'
  | 'ByeCrossing' // a BYE came while our own is open
  | 'Invite'
  | 'CallerPrack'
  | 'CalleePrack'
  | 'PrackDone'
  | 'Update'
  | 'RefreshReceived' // an UPDATE without Body after the answer
  | 'RefreshSent'
  | 'UpdateDone'
  | 'Info'
  | 'Inside' // REFER, NOTIFY or MESSAGE
  | 'Foreign' // a method that has no place in a session
  | 'PeerTimeout'
  | 'LocalTimeout'
  | 'Withdrawn' // our INVITE was cancelled before any socket took it
  | 'NotRefreshed';

/** What is to be done. */
export type SessionAction =
  | 'Pass'
  | 'AnswerOk'
  | 'AnswerTerminated' // 487 to the INVITE
  | 'AnswerTimeout' // 408 to the INVITE
  | 'SendAck'
  | 'SendBye'
  | 'SendCancel'
  | 'DeliverCancel'
  | 'DeliverBye'
  | 'DeliverTerminated' // 487 to the application
  | 'DeliverTimeout' // 408 to the application
  | 'ArmInvite'
  | 'ArmAnswer'
  | 'ArmAck'
  | 'ArmCancel'
  | 'ArmAbandoned'
  | 'Disarm'
  | 'StartRefresh'
  | 'Refreshed'
  | 'End';

/** Why a request is refused. */
export type Refusal =
  | 'Pending' // 491: it collides with an open INVITE, PRACK or UPDATE
  | 'NoSession' // 481
  | 'Illegal'; // 400

type SessionRow = Row<SessionState, SessionTrigger, SessionAction, Refusal>;

/** The requests that a state may refuse. */
const REQUESTS = [
  'Ack',
  'CancelReceived',
  'CancelSent',
  'CallerByeReceived',
  'CallerByeSent',
  'CalleeByeReceived',
  'CalleeByeSent',
  'Invite',
  'CallerPrack',
  'CalleePrack',
  'Update',
  'Info',
  'Inside',
  'Foreign',
] as const;

/** What is refused, unless the rows below say otherwise. */
const refusing = (refusal: Refusal): SessionRow =>
  Object.fromEntries(REQUESTS.map((trigger) => [trigger, refusal]));

/** Before the final response to the first INVITE. */
const unanswered = (here: SessionState): SessionRow => ({
  ...refusing('Illegal'),
  TryingSent: [here, 'Pass'],
  Provisional: [here === 'Inviting' ? 'Early' : here, 'ArmInvite', 'Pass'],
  SuccessReceived: ['Answered', 'Disarm', 'StartRefresh', 'Pass'],
  SuccessSent: ['Answered', 'ArmAnswer', 'StartRefresh', 'Pass'],
  FailureReceived: ['Terminated', 'SendAck', 'Pass', 'End'],
  FailureSent: ['Refused', 'Pass', 'ArmAck'],
  GoneReceived: ['Terminated', 'SendAck', 'Pass', 'End'],
  GoneSent: ['Refused', 'Pass', 'ArmAck'],
  CancelReceived: ['Refused', 'AnswerOk', 'AnswerTerminated', 'DeliverCancel', 'ArmAck'],
  CancelSent: ['Cancelling', 'Pass', 'ArmCancel'],
  CancelLate: [here, 'AnswerOk'],
  CallerByeReceived: ['Refused', 'AnswerOk', 'AnswerTerminated', 'DeliverCancel', 'ArmAck'],
  CallerByeSent: ['Cancelling', 'SendCancel', 'ArmCancel'],
  Invite: 'Pending',
  CallerPrack: 'Pending',
  Update: 'Pending',
  Info: [here, 'Pass'],
  PeerTimeout: ['Abandoned', 'SendCancel', 'DeliverTimeout', 'ArmAbandoned'],
  LocalTimeout: ['Refused', 'AnswerTimeout', 'DeliverCancel', 'ArmAck'],
});

/** The first INVITE leads to no session, but its final response or ACK is still to come. */
const failing = (here: SessionState): SessionRow => ({
  ...refusing('NoSession'),
  Ack: 'Illegal',
  CancelSent: 'Illegal',
  CancelLate: [here, 'AnswerOk'],
  PeerTimeout: ['Terminated', 'End'],
});

/** The session stands. */
const standing = (here: SessionState): SessionRow => ({
  ...refusing('Illegal'),
  CancelReceived: 'NoSession',
  CancelLate: [here, 'AnswerOk'],
  CallerByeReceived: ['Terminated', 'Disarm', 'AnswerOk', 'Pass', 'End'],
  CallerByeSent: ['Terminated', 'Disarm', 'Pass', 'End'],
  CalleeByeReceived: ['Terminated', 'Disarm', 'AnswerOk', 'Pass', 'End'],
  CalleeByeSent: ['Terminated', 'Disarm', 'Pass', 'End'],
  Invite: ['Reinviting', 'ArmInvite', 'Pass'],
  Update: 'Pending',
  RefreshReceived: [here, 'AnswerOk', 'Refreshed'],
  RefreshSent: [here, 'Pass'],
  Info: [here, 'Pass'],
  Inside: [here, 'Pass'],
  NotRefreshed: ['Terminated', 'Disarm', 'SendBye', 'DeliverBye', 'End'],
});

/** Every state and what each event does in it. */
export const session: Table<SessionState, SessionTrigger, SessionAction, Refusal> = {
  Inviting: { ...unanswered('Inviting'), CallerPrack: 'Illegal', Info: 'Illegal' },
  Early: {
    ...unanswered('Early'),
    CallerPrack: ['EarlyPrack', 'Pass'],
    Update: ['EarlyUpdate', 'Pass'],
  },
  EarlyPrack: { ...unanswered('EarlyPrack'), PrackDone: ['Early'] },
  EarlyUpdate: { ...unanswered('EarlyUpdate'), UpdateDone: ['Early'] },
  Cancelling: {
    ...refusing('Illegal'),
    SuccessReceived: ['Terminated', 'Disarm', 'SendAck', 'SendBye', 'DeliverTerminated', 'End'],
    FailureReceived: ['Terminated', 'Disarm', 'SendAck', 'Pass', 'End'],
    GoneReceived: ['Terminated', 'Disarm', 'SendAck', 'Pass', 'End'],
    CancelReceived: 'NoSession',
    CancelLate: ['Cancelling', 'AnswerOk'],
    Invite: 'Pending',
    CallerPrack: 'Pending',
    Update: 'Pending',
    PeerTimeout: ['Abandoned', 'DeliverTerminated', 'ArmAbandoned'],
    Withdrawn: ['Terminated', 'Disarm', 'DeliverTerminated', 'End'],
  },
  Abandoned: {
    ...failing('Abandoned'),
    LateSuccess: ['Terminated', 'Disarm', 'SendBye', 'End'],
    LateFailure: ['Terminated', 'Disarm', 'End'],
    Withdrawn: ['Terminated', 'Disarm', 'End'],
  },
  Answered: {
    ...standing('Answered'),
    Ack: ['Established', 'Disarm', 'Pass'],
    Update: ['Answered', 'Pass'],
    Inside: 'Illegal',
    PeerTimeout: ['Terminated', 'SendBye', 'DeliverBye', 'End'],
  },
  Established: { ...standing('Established'), Update: ['Established', 'Pass'] },
  Reinviting: {
    ...standing('Reinviting'),
    TryingSent: ['Reinviting', 'Pass'],
    Provisional: ['Reinviting', 'ArmInvite', 'Pass'],
    SuccessReceived: ['Reanswered', 'Disarm', 'Refreshed', 'Pass'],
    SuccessSent: ['Reanswered', 'Disarm', 'Refreshed', 'Pass'],
    FailureReceived: ['Established', 'Disarm', 'SendAck', 'Pass'],
    FailureSent: ['Rerefused', 'Pass', 'ArmAck'],
    GoneReceived: ['Terminated', 'Disarm', 'SendAck', 'Pass', 'DeliverBye', 'End'],
    GoneSent: ['Rerefused', 'Pass', 'ArmAck'],
    CancelReceived: ['Rerefused', 'AnswerOk', 'AnswerTerminated', 'DeliverCancel', 'ArmAck'],
    CancelSent: ['Reinviting', 'Pass'],
    Invite: 'Pending',
    PeerTimeout: ['Established', 'SendCancel', 'DeliverTimeout'],
    LocalTimeout: ['Rerefused', 'AnswerTimeout', 'DeliverCancel', 'ArmAck'],
    Withdrawn: ['Established', 'Disarm', 'DeliverTerminated'],
  },
  Rerefused: {
    ...standing('Rerefused'),
    Ack: ['Established', 'Disarm'],
    Invite: 'Pending',
    PeerTimeout: ['Established'],
  },
  Reanswered: { ...standing('Reanswered'), Ack: ['Established', 'Disarm', 'Pass'] },
  Refused: { ...failing('Refused'), Ack: ['Terminated', 'Disarm', 'End'] },
  Terminated: {
    ...failing('Terminated'),
    Provisional: ['Terminated', 'Pass'],
    SuccessReceived: ['Terminated', 'Disarm', 'SendAck', 'Pass'],
    FailureReceived: ['Terminated', 'Disarm', 'SendAck', 'Pass'],
    GoneReceived: ['Terminated', 'Disarm', 'SendAck', 'Pass'],
    Ack: 'NoSession',
    CancelSent: 'NoSession',
    ByeCrossing: ['Terminated', 'AnswerOk'],
    RefreshReceived: 'NoSession',
    RefreshSent: 'NoSession',
    PeerTimeout: ['Terminated', 'DeliverTimeout'],
    Withdrawn: ['Terminated', 'Disarm', 'DeliverTerminated'],
  },
};

/** Keeping an answered session alive. The same table as `docs/protocol/session-refresh.md`. */
export type RefreshState = 'Idle' | 'Sound' | 'MissedOne' | 'MissedTwo' | 'MissedThree' | 'Watching';
export type RefreshTrigger =
  | 'BeginRefreshing'
  | 'BeginWatching'
  | 'Tick'
  | 'Refreshed'
  | 'Renegotiated'
  | 'Failed'
  | 'End';
export type RefreshAction = 'ArmThird' | 'ArmWhole' | 'Disarm' | 'SendUpdate' | 'GiveUp';

type RefreshRow = Row<RefreshState, RefreshTrigger, RefreshAction>;

const refreshing = (next: RefreshState): RefreshRow => ({
  Tick: [next, 'SendUpdate', 'ArmThird'],
  Refreshed: ['Sound'],
  Renegotiated: ['Sound', 'Disarm', 'ArmThird'],
  End: ['Idle', 'Disarm'],
});

/** Every state of the refresh machine. */
export const refresh: Table<RefreshState, RefreshTrigger, RefreshAction> = {
  Idle: { BeginRefreshing: ['Sound', 'ArmThird'], BeginWatching: ['Watching', 'ArmWhole'] },
  Sound: refreshing('MissedOne'),
  MissedOne: refreshing('MissedTwo'),
  MissedTwo: refreshing('MissedThree'),
  MissedThree: {
    ...refreshing('Idle'),
    Tick: ['Idle', 'GiveUp'],
    Failed: ['Idle', 'Disarm', 'GiveUp'],
  },
  Watching: {
    Tick: ['Idle', 'GiveUp'],
    Refreshed: ['Watching', 'Disarm', 'ArmWhole'],
    Renegotiated: ['Watching', 'Disarm', 'ArmWhole'],
    End: ['Idle', 'Disarm'],
  },
};
