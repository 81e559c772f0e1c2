//! Server transaction of any method but INVITE and ACK (RFC 3261 §17.2.2).

use super::{Cell, listed, outcome, print};

listed! {
    /// Where the transaction is.
    pub enum State {
        /// Received, no response yet.
        Trying,
        /// A provisional response was sent.
        Proceeding,
        /// The final response was sent; the transaction lingers to absorb retransmissions.
        Completed,
    }
}

listed! {
    /// What happens to it.
    pub enum Trigger {
        /// The same request came again.
        Again,
        /// The instance sends a 1xx.
        Provisional,
        /// The instance (or the stack for it) sends a final response.
        Final,
        /// The deadline passed.
        Timeout,
    }
}

listed! {
    /// What the stack must do.
    pub enum Action {
        /// Send the response.
        Transmit,
        /// Send the latest response once more.
        Resend,
        /// Wait `timers.provisional` from here.
        ArmProvisional,
        /// Stop waiting.
        Disarm,
        /// Send a 408.
        AnswerTimeout,
        /// Tell the instance that it was too late.
        TellInstance,
    }
}

/// What one trigger does in one state.
pub const fn cell(state: State, trigger: Trigger) -> Cell<State, Action> {
    use Action::{AnswerTimeout, ArmProvisional, Disarm, Resend, TellInstance, Transmit};
    use Cell::{Discard, Go, Refuse};
    use State::{Completed, Proceeding, Trying};
    match state {
        Trying => match trigger {
            Trigger::Again => Go(Trying, &[]),
            Trigger::Provisional => Go(Proceeding, &[Transmit, ArmProvisional]),
            Trigger::Final => Go(Completed, &[Disarm, Transmit]),
            Trigger::Timeout => Go(Completed, &[AnswerTimeout, TellInstance]),
        },
        Proceeding => match trigger {
            Trigger::Again => Go(Proceeding, &[Resend]),
            Trigger::Provisional => Go(Proceeding, &[Transmit, ArmProvisional]),
            Trigger::Final => Go(Completed, &[Disarm, Transmit]),
            Trigger::Timeout => Go(Completed, &[AnswerTimeout, TellInstance]),
        },
        Completed => match trigger {
            Trigger::Again => Go(Completed, &[Resend]),
            Trigger::Provisional | Trigger::Final => Refuse,
            Trigger::Timeout => Discard,
        },
    }
}

/// The machine as a table.
pub fn table() -> String {
    let states: Vec<_> = State::ALL.iter().map(|s| (*s, s.name())).collect();
    let triggers: Vec<_> = Trigger::ALL.iter().map(|t| (*t, t.name())).collect();
    print(
        "Server transaction, any method but INVITE and ACK. What is not listed is counted and dropped.",
        &states,
        &triggers,
        |state, trigger| outcome(&cell(state, trigger)),
    )
}
