//! Client transaction of any method but INVITE and ACK (RFC 3261 §17.1.2).

use super::{Cell, listed, outcome, print};

listed! {
    /// Where the transaction is.
    pub enum State {
        /// Sent, no response yet.
        Trying,
        /// A provisional response came.
        Proceeding,
        /// The final response came, or the wait for it ended.
        Completed,
    }
}

listed! {
    /// What happens to it.
    pub enum Trigger {
        /// A 1xx came.
        Provisional,
        /// A final response came.
        Final,
        /// The deadline passed.
        Timeout,
    }
}

listed! {
    /// What the stack must do.
    pub enum Action {
        /// Tell the outbox that a response came.
        Done,
        /// Give the response to the instance (200 to BYE and CANCEL is absorbed).
        Deliver,
        /// Wait `timers.provisional` from here.
        ArmProvisional,
        /// Stop waiting.
        Disarm,
        /// Tell the outbox to forget the request if it was never written.
        Withdraw,
        /// Give the instance a 408.
        DeliverTimeout,
    }
}

/// What one trigger does in one state.
pub const fn cell(state: State, trigger: Trigger) -> Cell<State, Action> {
    use Action::{ArmProvisional, Deliver, DeliverTimeout, Disarm, Done, Withdraw};
    use Cell::{Discard, Go};
    use State::{Completed, Proceeding, Trying};
    match state {
        Trying | Proceeding => match trigger {
            Trigger::Provisional => Go(Proceeding, &[Done, ArmProvisional, Deliver]),
            Trigger::Final => Go(Completed, &[Done, Disarm, Deliver]),
            Trigger::Timeout => Go(Completed, &[Withdraw, DeliverTimeout]),
        },
        Completed => match trigger {
            Trigger::Provisional | Trigger::Final | Trigger::Timeout => Discard,
        },
    }
}

/// The machine as a table.
pub fn table() -> String {
    let states: Vec<_> = State::ALL.iter().map(|s| (*s, s.name())).collect();
    let triggers: Vec<_> = Trigger::ALL.iter().map(|t| (*t, t.name())).collect();
    print(
        "Client transaction, any method but INVITE and ACK. What is not listed is counted and dropped.",
        &states,
        &triggers,
        |state, trigger| outcome(&cell(state, trigger)),
    )
}
