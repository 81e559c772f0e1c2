//! The states of a session and what each event does.
//!
//! Caller is the sender of the first INVITE, callee the other; *received* is from the peer, *sent* from our own
//! instance. `Pass` gives a received message to the instance and transmits a sent one.

use crate::transaction::{listed, names, print};

listed! {
    /// Where a session is.
    pub enum State {
        /// The first INVITE has no response above 100.
        Inviting,
        /// A provisional response above 100 passed.
        Early,
        /// A PRACK of the caller is open.
        EarlyPrack,
        /// An UPDATE is open before the answer.
        EarlyUpdate,
        /// We sent a CANCEL; the INVITE's final response is awaited.
        Cancelling,
        /// The instance was told that its INVITE failed; a late 2xx is still acknowledged and ended.
        Abandoned,
        /// A 2xx passed, its ACK did not.
        Answered,
        /// The ACK passed.
        Established,
        /// A re-INVITE is open.
        Reinviting,
        /// We refused a re-INVITE; its ACK is awaited.
        Rerefused,
        /// A 2xx to a re-INVITE passed, its ACK did not.
        Reanswered,
        /// We refused the first INVITE; its ACK is awaited.
        Refused,
        /// Over; absorbs retransmissions for a while.
        Terminated,
    }
}

listed! {
    /// What happens to a session.
    pub enum Trigger {
        /// A 100 came.
        TryingReceived,
        /// A 100 is to be sent.
        TryingSent,
        /// A 1xx above 100 passes.
        Provisional,
        /// A 2xx to the INVITE came.
        SuccessReceived,
        /// A 2xx to the INVITE is to be sent.
        SuccessSent,
        /// A final response of 300 or above to the INVITE came.
        FailureReceived,
        /// A final response of 300 or above is to be sent.
        FailureSent,
        /// A 481 to the INVITE came.
        GoneReceived,
        /// A 481 to the INVITE is to be sent.
        GoneSent,
        /// A 2xx came to an INVITE that was given up; the transaction acknowledged it.
        LateSuccess,
        /// A failure came to an INVITE that was given up.
        LateFailure,
        /// The sender of the INVITE acknowledges its final response.
        Ack,
        /// A CANCEL of the open INVITE came.
        CancelReceived,
        /// A CANCEL of the open INVITE is to be sent.
        CancelSent,
        /// A CANCEL came whose INVITE has its final response.
        CancelLate,
        /// A BYE of the caller came.
        CallerByeReceived,
        /// A BYE of the caller is to be sent.
        CallerByeSent,
        /// A BYE of the callee came.
        CalleeByeReceived,
        /// A BYE of the callee is to be sent.
        CalleeByeSent,
        /// A BYE came while our own is open.
        ByeCrossing,
        /// Another INVITE, from either side.
        Invite,
        /// A PRACK of the caller.
        CallerPrack,
        /// A PRACK of the callee.
        CalleePrack,
        /// The PRACK has its final response.
        PrackDone,
        /// An UPDATE, from either side.
        Update,
        /// An UPDATE without Body that came after the answer.
        RefreshReceived,
        /// An UPDATE without Body that is to be sent after the answer.
        RefreshSent,
        /// The UPDATE has its final response.
        UpdateDone,
        /// An INFO, from either side.
        Info,
        /// A REFER, NOTIFY or MESSAGE, from either side.
        Inside,
        /// A method that has no place in a session.
        Foreign,
        /// The peer did not respond or acknowledge in time.
        PeerTimeout,
        /// Our instance did not respond in time.
        LocalTimeout,
        /// Our INVITE was cancelled before it was ever written to a socket: the peer knows of neither.
        Withdrawn,
        /// Our INVITE found no room in the outbox: the peer knows of none, so there is nothing to acknowledge.
        NoRoom,
        /// Nobody refreshed the session in time.
        NotRefreshed,
    }
}

listed! {
    /// What the stack must do.
    pub enum Action {
        /// Deliver what came, transmit what is to be sent.
        Pass,
        /// Send 200 to the request that came.
        AnswerOk,
        /// Send 487 to the INVITE.
        AnswerTerminated,
        /// Send 408 to the INVITE.
        AnswerTimeout,
        /// Acknowledge the final response that came.
        SendAck,
        /// Send a BYE.
        SendBye,
        /// Send a CANCEL for the open INVITE (the caller's BYE before the answer becomes one).
        SendCancel,
        /// Give the instance a CANCEL.
        DeliverCancel,
        /// Give the instance a BYE.
        DeliverBye,
        /// Give the instance a 487 for its INVITE, which is given up.
        DeliverTerminated,
        /// Give the instance a 408 for its INVITE, which is given up.
        DeliverTimeout,
        /// Wait for the next response to the INVITE: `timers.provisional`, at most `timers.invite_max` in all.
        ArmInvite,
        /// Wait `timers.provisional` for the ACK, counted with a live socket.
        ArmAnswer,
        /// Wait `timers.transaction` for the ACK.
        ArmAck,
        /// Wait `timers.transaction` for the final response, counted with a live socket.
        ArmCancel,
        /// Keep the record for a late 2xx, `timers.invite_max`.
        ArmAbandoned,
        /// Stop waiting.
        Disarm,
        /// Begin to keep the session alive.
        StartRefresh,
        /// The session was refreshed.
        Refreshed,
        /// The session is over: 487 to what is open, stop refreshing, linger.
        End,
    }
}

/// Why a request is refused when it comes; an instance gets an error instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 491: it collides with an open INVITE, PRACK or UPDATE.
    Pending,
    /// 481: there is no such session, or nothing to cancel.
    NoSession,
    /// 400, with a `Reason` that names method and state. An ACK or a response is dropped.
    Illegal,
}

/// What a trigger does to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Go to the state, performing the actions in order.
    Go(State, &'static [Action]),
    /// Nothing to do.
    Discard,
    /// The sender may not do this now.
    Refuse(Refusal),
}

use Action::{
    AnswerOk, AnswerTerminated, AnswerTimeout, ArmAbandoned, ArmAck, ArmAnswer, ArmCancel, ArmInvite,
    DeliverBye, DeliverCancel, DeliverTerminated, DeliverTimeout, Disarm, End, Pass, Refreshed, SendAck,
    SendBye, SendCancel, StartRefresh,
};
use Cell::{Discard, Go, Refuse};
use Refusal::{Illegal, NoSession, Pending};
use State::{
    Abandoned, Answered, Cancelling, Early, EarlyPrack, EarlyUpdate, Established, Inviting, Reanswered,
    Refused, Reinviting, Rerefused, Terminated,
};

impl State {
    /// Whether what happens still decides why the session ends.
    pub(crate) const fn is_standing(self) -> bool {
        match self {
            Inviting | Early | EarlyPrack | EarlyUpdate | Answered | Established | Reinviting | Rerefused
            | Reanswered => true,
            Cancelling | Abandoned | Refused | Terminated => false,
        }
    }
}

/// What one trigger does in one state.
pub const fn cell(state: State, trigger: Trigger) -> Cell {
    match state {
        Inviting | Early | EarlyPrack | EarlyUpdate => unanswered(state, trigger),
        Cancelling | Abandoned | Refused => failing(state, trigger),
        Answered | Established => answered(state, trigger),
        Reinviting | Rerefused | Reanswered => reinviting(state, trigger),
        Terminated => terminated(trigger),
    }
}

/// Before the final response to the first INVITE.
const fn unanswered(state: State, trigger: Trigger) -> Cell {
    match trigger {
        Trigger::TryingSent => Go(state, &[Pass]),
        Trigger::Provisional => match state {
            EarlyPrack | EarlyUpdate => Go(state, &[ArmInvite, Pass]),
            _ => Go(Early, &[ArmInvite, Pass]),
        },
        Trigger::SuccessReceived => Go(Answered, &[Disarm, StartRefresh, Pass]),
        Trigger::SuccessSent => Go(Answered, &[ArmAnswer, StartRefresh, Pass]),
        Trigger::FailureReceived | Trigger::GoneReceived => Go(Terminated, &[SendAck, Pass, End]),
        Trigger::NoRoom => Go(Terminated, &[Pass, End]),
        Trigger::FailureSent | Trigger::GoneSent => Go(Refused, &[Pass, ArmAck]),
        Trigger::CancelReceived | Trigger::CallerByeReceived => {
            Go(Refused, &[AnswerOk, AnswerTerminated, DeliverCancel, ArmAck])
        }
        Trigger::CancelSent => Go(Cancelling, &[Pass, ArmCancel]),
        Trigger::CallerByeSent => Go(Cancelling, &[SendCancel, ArmCancel]),
        Trigger::PeerTimeout => Go(Abandoned, &[SendCancel, DeliverTimeout, ArmAbandoned]),
        Trigger::LocalTimeout => Go(Refused, &[AnswerTimeout, DeliverCancel, ArmAck]),
        Trigger::Invite => Refuse(Pending),
        Trigger::Update => match state {
            Early => Go(EarlyUpdate, &[Pass]),
            _ => Refuse(Pending),
        },
        Trigger::CallerPrack => match state {
            Early => Go(EarlyPrack, &[Pass]),
            EarlyPrack | EarlyUpdate => Refuse(Pending),
            _ => Refuse(Illegal),
        },
        Trigger::PrackDone => match state {
            EarlyPrack => Go(Early, &[]),
            _ => Discard,
        },
        Trigger::UpdateDone => match state {
            EarlyUpdate => Go(Early, &[]),
            _ => Discard,
        },
        Trigger::Info => match state {
            Inviting => Refuse(Illegal),
            _ => Go(state, &[Pass]),
        },
        Trigger::CancelLate => Go(state, &[AnswerOk]),
        Trigger::CalleeByeReceived
        | Trigger::CalleeByeSent
        | Trigger::CalleePrack
        | Trigger::Inside
        | Trigger::Foreign
        | Trigger::Ack => Refuse(Illegal),
        Trigger::TryingReceived
        | Trigger::LateSuccess
        | Trigger::LateFailure
        | Trigger::ByeCrossing
        | Trigger::RefreshReceived
        | Trigger::RefreshSent
        | Trigger::Withdrawn
        | Trigger::NotRefreshed => Discard,
    }
}

/// The first INVITE will not lead to a session, but its final response or ACK is still to come.
const fn failing(state: State, trigger: Trigger) -> Cell {
    match trigger {
        Trigger::FailureReceived | Trigger::GoneReceived => match state {
            Cancelling => Go(Terminated, &[Disarm, SendAck, Pass, End]),
            _ => Discard,
        },
        Trigger::SuccessReceived => match state {
            Cancelling => Go(Terminated, &[Disarm, SendAck, SendBye, DeliverTerminated, End]),
            _ => Discard,
        },
        Trigger::LateSuccess => match state {
            Abandoned => Go(Terminated, &[Disarm, SendBye, End]),
            _ => Discard,
        },
        Trigger::LateFailure => match state {
            Abandoned => Go(Terminated, &[Disarm, End]),
            _ => Discard,
        },
        Trigger::Ack => match state {
            Refused => Go(Terminated, &[Disarm, End]),
            _ => Refuse(Illegal),
        },
        Trigger::PeerTimeout => match state {
            Cancelling => Go(Abandoned, &[DeliverTerminated, ArmAbandoned]),
            _ => Go(Terminated, &[End]),
        },
        Trigger::CancelLate => Go(state, &[AnswerOk]),
        Trigger::Invite | Trigger::Update | Trigger::CallerPrack => match state {
            Cancelling => Refuse(Pending),
            _ => Refuse(NoSession),
        },
        Trigger::CallerByeReceived
        | Trigger::CallerByeSent
        | Trigger::CalleeByeReceived
        | Trigger::CalleeByeSent
        | Trigger::CalleePrack
        | Trigger::Info
        | Trigger::Inside
        | Trigger::Foreign => match state {
            Cancelling => Refuse(Illegal),
            _ => Refuse(NoSession),
        },
        Trigger::Withdrawn => match state {
            Cancelling => Go(Terminated, &[Disarm, DeliverTerminated, End]),
            Abandoned => Go(Terminated, &[Disarm, End]),
            _ => Discard,
        },
        Trigger::NoRoom => match state {
            Cancelling => Go(Terminated, &[Disarm, Pass, End]),
            Abandoned => Go(Terminated, &[Disarm, End]),
            _ => Discard,
        },
        Trigger::CancelSent => Refuse(Illegal),
        Trigger::CancelReceived => Refuse(NoSession),
        Trigger::TryingReceived
        | Trigger::NotRefreshed
        | Trigger::TryingSent
        | Trigger::Provisional
        | Trigger::SuccessSent
        | Trigger::FailureSent
        | Trigger::GoneSent
        | Trigger::PrackDone
        | Trigger::UpdateDone
        | Trigger::ByeCrossing
        | Trigger::RefreshReceived
        | Trigger::RefreshSent
        | Trigger::LocalTimeout => Discard,
    }
}

/// The session stands, no re-INVITE is open.
const fn answered(state: State, trigger: Trigger) -> Cell {
    match trigger {
        Trigger::Ack => match state {
            Answered => Go(Established, &[Disarm, Pass]),
            _ => Refuse(Illegal),
        },
        Trigger::CallerByeReceived | Trigger::CalleeByeReceived => {
            Go(Terminated, &[Disarm, AnswerOk, Pass, End])
        }
        Trigger::CallerByeSent | Trigger::CalleeByeSent => Go(Terminated, &[Disarm, Pass, End]),
        Trigger::Invite => Go(Reinviting, &[ArmInvite, Pass]),
        Trigger::Update | Trigger::Info => Go(state, &[Pass]),
        Trigger::RefreshReceived => Go(state, &[AnswerOk, Refreshed]),
        Trigger::RefreshSent => Go(state, &[Pass]),
        Trigger::Inside => match state {
            Established => Go(Established, &[Pass]),
            _ => Refuse(Illegal),
        },
        Trigger::CancelLate => Go(state, &[AnswerOk]),
        Trigger::PeerTimeout => match state {
            Answered => Go(Terminated, &[SendBye, DeliverBye, End]),
            _ => Discard,
        },
        Trigger::NotRefreshed => Go(Terminated, &[Disarm, SendBye, DeliverBye, End]),
        Trigger::CallerPrack | Trigger::CalleePrack | Trigger::Foreign | Trigger::CancelSent => {
            Refuse(Illegal)
        }
        Trigger::CancelReceived => Refuse(NoSession),
        Trigger::TryingReceived
        | Trigger::TryingSent
        | Trigger::Provisional
        | Trigger::SuccessReceived
        | Trigger::SuccessSent
        | Trigger::FailureReceived
        | Trigger::FailureSent
        | Trigger::GoneReceived
        | Trigger::GoneSent
        | Trigger::LateSuccess
        | Trigger::LateFailure
        | Trigger::PrackDone
        | Trigger::UpdateDone
        | Trigger::ByeCrossing
        | Trigger::Withdrawn
        | Trigger::NoRoom
        | Trigger::LocalTimeout => Discard,
    }
}

/// The session stands, a re-INVITE is on its way.
const fn reinviting(state: State, trigger: Trigger) -> Cell {
    match trigger {
        Trigger::TryingSent | Trigger::Provisional => match state {
            Reinviting => match trigger {
                Trigger::TryingSent => Go(Reinviting, &[Pass]),
                _ => Go(Reinviting, &[ArmInvite, Pass]),
            },
            _ => Discard,
        },
        Trigger::SuccessReceived | Trigger::SuccessSent => match state {
            Reinviting => Go(Reanswered, &[Disarm, Refreshed, Pass]),
            _ => Discard,
        },
        Trigger::FailureReceived => match state {
            Reinviting => Go(Established, &[Disarm, SendAck, Pass]),
            _ => Discard,
        },
        // A service that answers 481 says BYE as well, so that the plainest peer knows.
        Trigger::FailureSent | Trigger::GoneSent => match state {
            Reinviting => Go(Rerefused, &[Pass, ArmAck]),
            _ => Discard,
        },
        Trigger::GoneReceived => match state {
            Reinviting => Go(Terminated, &[Disarm, SendAck, Pass, DeliverBye, End]),
            _ => Discard,
        },
        Trigger::Ack => match state {
            Rerefused => Go(Established, &[Disarm]),
            Reanswered => Go(Established, &[Disarm, Pass]),
            _ => Refuse(Illegal),
        },
        Trigger::CancelReceived => match state {
            Reinviting => Go(Rerefused, &[AnswerOk, AnswerTerminated, DeliverCancel, ArmAck]),
            _ => Refuse(NoSession),
        },
        Trigger::CancelSent => match state {
            Reinviting => Go(Reinviting, &[Pass]),
            _ => Refuse(Illegal),
        },
        Trigger::CancelLate => Go(state, &[AnswerOk]),
        Trigger::CallerByeReceived | Trigger::CalleeByeReceived => {
            Go(Terminated, &[Disarm, AnswerOk, Pass, End])
        }
        Trigger::CallerByeSent | Trigger::CalleeByeSent => Go(Terminated, &[Disarm, Pass, End]),
        Trigger::Invite => match state {
            Reanswered => Go(Reinviting, &[ArmInvite, Pass]),
            _ => Refuse(Pending),
        },
        Trigger::Update => Refuse(Pending),
        Trigger::RefreshReceived => Go(state, &[AnswerOk, Refreshed]),
        Trigger::RefreshSent | Trigger::Info | Trigger::Inside => Go(state, &[Pass]),
        Trigger::PeerTimeout => match state {
            Reinviting => Go(Established, &[SendCancel, DeliverTimeout]),
            Rerefused => Go(Established, &[]),
            _ => Discard,
        },
        Trigger::LocalTimeout => match state {
            Reinviting => Go(Rerefused, &[AnswerTimeout, DeliverCancel, ArmAck]),
            _ => Discard,
        },
        Trigger::Withdrawn => match state {
            Reinviting => Go(Established, &[Disarm, DeliverTerminated]),
            _ => Discard,
        },
        Trigger::NoRoom => match state {
            Reinviting => Go(Established, &[Disarm, Pass]),
            _ => Discard,
        },
        Trigger::NotRefreshed => Go(Terminated, &[Disarm, SendBye, DeliverBye, End]),
        Trigger::CallerPrack | Trigger::CalleePrack | Trigger::Foreign => Refuse(Illegal),
        Trigger::TryingReceived
        | Trigger::LateSuccess
        | Trigger::LateFailure
        | Trigger::PrackDone
        | Trigger::UpdateDone
        | Trigger::ByeCrossing => Discard,
    }
}

/// Over. A response to a re-INVITE that is still open is delivered, and acknowledged here.
const fn terminated(trigger: Trigger) -> Cell {
    match trigger {
        Trigger::ByeCrossing | Trigger::CancelLate => Go(Terminated, &[AnswerOk]),
        Trigger::Provisional => Go(Terminated, &[Pass]),
        Trigger::SuccessReceived | Trigger::FailureReceived | Trigger::GoneReceived => {
            Go(Terminated, &[Disarm, SendAck, Pass])
        }
        Trigger::PeerTimeout => Go(Terminated, &[DeliverTimeout]),
        Trigger::Withdrawn => Go(Terminated, &[Disarm, DeliverTerminated]),
        Trigger::NoRoom => Go(Terminated, &[Disarm, Pass]),
        Trigger::CancelReceived
        | Trigger::CancelSent
        | Trigger::CallerByeReceived
        | Trigger::CallerByeSent
        | Trigger::CalleeByeReceived
        | Trigger::CalleeByeSent
        | Trigger::Invite
        | Trigger::CallerPrack
        | Trigger::CalleePrack
        | Trigger::Update
        | Trigger::RefreshReceived
        | Trigger::RefreshSent
        | Trigger::Info
        | Trigger::Inside
        | Trigger::Foreign
        | Trigger::Ack => Refuse(NoSession),
        Trigger::TryingReceived
        | Trigger::TryingSent
        | Trigger::SuccessSent
        | Trigger::FailureSent
        | Trigger::GoneSent
        | Trigger::LateSuccess
        | Trigger::LateFailure
        | Trigger::PrackDone
        | Trigger::UpdateDone
        | Trigger::NotRefreshed
        | Trigger::LocalTimeout => Discard,
    }
}

/// The machine as a table.
pub fn table() -> String {
    let states: Vec<_> = State::ALL.iter().map(|s| (*s, s.name())).collect();
    let triggers: Vec<_> = Trigger::ALL.iter().map(|t| (*t, t.name())).collect();
    print(
        "Session (INVITE dialog). What is not listed is dropped. *491*, *481* and *400* are answered to a peer; an \
         instance gets an error.",
        &states,
        &triggers,
        |state, trigger| match cell(state, trigger) {
            Go(next, actions) => Some(format!("{next:?} | {}", names(actions))),
            Discard => None,
            Refuse(Pending) => Some("(refused) | 491".to_owned()),
            Refuse(NoSession) => Some("(refused) | 481".to_owned()),
            Refuse(Illegal) => Some("(refused) | 400".to_owned()),
        },
    )
}
