//! What the stack keeps of a session beside its state.

use jsip::CSeq;
use strowger_time::{DeadlineId, Instant};

use super::refresh::Refresh;
use super::table::State;
use crate::stub::Stub;

/// Which side of the first INVITE this node is on, for the life of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Our instance sent the first INVITE: it is the caller.
    Uac,
    /// The peer sent the first INVITE: our instance is the callee.
    Uas,
}

/// An INVITE session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) role: Role,
    pub(crate) state: State,
    /// For requests that the stack sends by itself: towards the peer.
    pub(crate) towards_peer: Stub,
    /// For requests that the stack makes up for the instance: as if from the peer.
    pub(crate) from_peer: Stub,
    /// The deadline of the state.
    pub(crate) timer: Option<DeadlineId>,
    /// The INVITE in progress or last answered: its CSeq and whether the peer sent it.
    pub(crate) invite: CSeq,
    pub(crate) invite_received: bool,
    /// When that INVITE is given up whatever comes (`timers.invite_max`).
    pub(crate) give_up: Instant,
    /// The CSeq of the latest ACK that came, to absorb it when it comes again.
    pub(crate) last_ack: Option<CSeq>,
    pub(crate) refresh: Refresh,
}
