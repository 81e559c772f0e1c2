//! Client transaction of an INVITE (RFC 3261 §17.1.1, RFC 6026).
//!
//! The transaction says whether a response is news; what it means is the session's business.

use super::{Cell, listed, outcome, print};

listed! {
    /// Where the transaction is.
    pub enum State {
        /// Sent, no response yet.
        Calling,
        /// A provisional response came.
        Proceeding,
        /// A 2xx came: it may come again for as long as the session lives.
        Accepted,
        /// A final response of 300 or above came and was acknowledged.
        Completed,
        /// The instance was told that it failed; a late final response is still acknowledged.
        Abandoned,
    }
}

listed! {
    /// What happens to it.
    pub enum Trigger {
        /// A 1xx came.
        Provisional,
        /// A 2xx came.
        Success,
        /// A response of 300 or above came.
        Failure,
        /// The instance was told 408 or 487 before the final response came.
        GiveUp,
    }
}

listed! {
    /// What the stack must do.
    pub enum Action {
        /// Tell the outbox that a response came.
        Done,
        /// Let the session decide.
        ToSession,
        /// Send the ACK again that was sent for this 2xx, if it was sent.
        AckAgain,
        /// Acknowledge without telling the instance.
        Ack,
    }
}

/// What one trigger does in one state.
pub const fn cell(state: State, trigger: Trigger) -> Cell<State, Action> {
    use Action::{Ack, AckAgain, Done, ToSession};
    use Cell::{Discard, Go};
    use State::{Abandoned, Accepted, Calling, Completed, Proceeding};
    match state {
        Calling | Proceeding => match trigger {
            Trigger::Provisional => Go(Proceeding, &[Done, ToSession]),
            Trigger::Success => Go(Accepted, &[Done, ToSession]),
            Trigger::Failure => Go(Completed, &[Done, ToSession]),
            Trigger::GiveUp => Go(Abandoned, &[]),
        },
        Accepted => match trigger {
            Trigger::Success => Go(Accepted, &[AckAgain]),
            Trigger::Provisional | Trigger::Failure | Trigger::GiveUp => Discard,
        },
        Completed => match trigger {
            Trigger::Provisional | Trigger::Success | Trigger::Failure | Trigger::GiveUp => Discard,
        },
        Abandoned => match trigger {
            Trigger::Provisional => Go(Abandoned, &[Done]),
            Trigger::Success => Go(Accepted, &[Done, Ack, ToSession]),
            Trigger::Failure => Go(Completed, &[Done, Ack, ToSession]),
            Trigger::GiveUp => Discard,
        },
    }
}

/// The machine as a table.
pub fn table() -> String {
    let states: Vec<_> = State::ALL.iter().map(|s| (*s, s.name())).collect();
    let triggers: Vec<_> = Trigger::ALL.iter().map(|t| (*t, t.name())).collect();
    print(
        "Client transaction of an INVITE. What is not listed is counted and dropped.",
        &states,
        &triggers,
        |state, trigger| outcome(&cell(state, trigger)),
    )
}
