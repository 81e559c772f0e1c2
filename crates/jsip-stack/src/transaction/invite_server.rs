//! Server transaction of an INVITE (RFC 3261 §17.2.1, RFC 6026).
//!
//! The transaction says whether a response may be sent; what it means is the session's business.

use super::{Cell, listed, outcome, print};

listed! {
    /// Where the transaction is.
    pub enum State {
        /// No final response yet.
        Proceeding,
        /// A 2xx was sent, its ACK is awaited.
        Accepted,
        /// A final response of 300 or above was sent, its ACK is awaited.
        Completed,
        /// Acknowledged; lingers as long as the session.
        Confirmed,
    }
}

listed! {
    /// What happens to it.
    pub enum Trigger {
        /// The same INVITE came again.
        Again,
        /// A 1xx is to be sent.
        Provisional,
        /// A 2xx is to be sent.
        Success,
        /// A final response of 300 or above is to be sent.
        Failure,
        /// Its ACK came.
        Ack,
    }
}

listed! {
    /// What the stack must do.
    pub enum Action {
        /// Let the session decide.
        ToSession,
        /// Send the latest response once more, if there is one.
        Resend,
    }
}

/// What one trigger does in one state.
pub const fn cell(state: State, trigger: Trigger) -> Cell<State, Action> {
    use Action::{Resend, ToSession};
    use Cell::{Discard, Go, Refuse};
    use State::{Accepted, Completed, Confirmed, Proceeding};
    match state {
        Proceeding => match trigger {
            Trigger::Again => Go(Proceeding, &[Resend]),
            Trigger::Provisional => Go(Proceeding, &[ToSession]),
            Trigger::Success => Go(Accepted, &[ToSession]),
            Trigger::Failure => Go(Completed, &[ToSession]),
            Trigger::Ack => Discard,
        },
        Accepted | Completed => match trigger {
            Trigger::Again => Go(state, &[Resend]),
            Trigger::Provisional | Trigger::Success | Trigger::Failure => Refuse,
            Trigger::Ack => Go(Confirmed, &[ToSession]),
        },
        Confirmed => match trigger {
            Trigger::Again => Go(Confirmed, &[Resend]),
            Trigger::Provisional | Trigger::Success | Trigger::Failure => Refuse,
            Trigger::Ack => Discard,
        },
    }
}

/// The machine as a table.
pub fn table() -> String {
    let states: Vec<_> = State::ALL.iter().map(|s| (*s, s.name())).collect();
    let triggers: Vec<_> = Trigger::ALL.iter().map(|t| (*t, t.name())).collect();
    print(
        "Server transaction of an INVITE. What is not listed is counted and dropped.",
        &states,
        &triggers,
        |state, trigger| outcome(&cell(state, trigger)),
    )
}
