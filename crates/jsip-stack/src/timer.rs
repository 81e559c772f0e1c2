//! What the stack's deadlines guard.

use jsip::CSeq;

use crate::Channel;

/// What to do when a deadline passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The final response to a request of ours (RFC 3261 timer F), by dialog and CSeq.
    Client(At, CSeq),
    /// The instance's final response to a request of the peer.
    Server(At, CSeq),
    /// Whatever the state of the session waits for.
    Session(At),
    /// The next refresh of the session, or the end of the wait for one.
    Refresh(At),
    /// The oldest lingering transaction of a channel.
    Linger(Channel),
}

/// A dialog record, whoever owns it: its place and the number that tells it from earlier users of the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) index: u32,
    pub(crate) uid: u32,
}
