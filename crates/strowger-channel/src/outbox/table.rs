//! What happens to one entry of the outbox, as a table.

macro_rules! listed {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$doc:meta])* $variant:ident,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// Every variant, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
        }
    };
}

listed! {
    /// Where an entry is.
    pub enum State {
        /// No socket ever took it.
        Queued,
        /// The present socket took it; the peer has not acknowledged it.
        Written,
        /// A request that the peer acknowledged, without a response yet.
        Released,
        /// An earlier socket took it and went before the peer acknowledged it.
        Again,
        /// A request that the peer acknowledged on an earlier socket, without a response yet.
        Owed,
        /// Done: no longer in the outbox.
        Gone,
    }
}

listed! {
    /// What happens to it.
    pub enum Trigger {
        /// The socket takes it for writing.
        Take,
        /// A Pong (or the fall-back to release on write) covers it; it is a request that awaits its response.
        RequestAcknowledged,
        /// The same; it is a final response.
        FinalAcknowledged,
        /// The same; it is something else.
        OtherAcknowledged,
        /// A response to it came.
        Answered,
        /// It is a request that timed out.
        Withdraw,
        /// It is a BYE or CANCEL that timed out.
        Expire,
        /// It is an INVITE that is cancelled.
        Cancel,
        /// The socket is gone.
        SocketGone,
    }
}

listed! {
    /// What the outbox does about it.
    pub enum Action {
        /// Hand the text to the socket.
        Write,
        /// Count that it is written once more.
        CountRepeat,
        /// Tell the sender that the peer has it.
        TellReleased,
        /// Tell the sender that nobody will get it.
        TellWithdrawn,
        /// Let the CANCEL follow it.
        QueueCancel,
        /// No response is awaited any more: the acknowledgement is enough.
        StopAwaiting,
    }
}

/// What one trigger does in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Go to the state, performing the actions in order.
    Go(State, &'static [Action]),
    /// Expected noise: nothing happens.
    Discard,
}

/// What one trigger does in one state. Printed as `docs/protocol/outbox.md`.
pub const fn cell(state: State, trigger: Trigger) -> Cell {
    use Action::{CountRepeat, QueueCancel, StopAwaiting, TellReleased, TellWithdrawn, Write};
    use Cell::{Discard, Go};
    use State::{Again, Gone, Owed, Queued, Released, Written};
    match state {
        Queued => match trigger {
            Trigger::Take => Go(Written, &[Write]),
            Trigger::RequestAcknowledged | Trigger::FinalAcknowledged | Trigger::OtherAcknowledged => Discard,
            Trigger::Answered => Go(Gone, &[]),
            Trigger::Withdraw => Go(Gone, &[TellWithdrawn]),
            Trigger::Expire => Go(Queued, &[StopAwaiting]),
            Trigger::Cancel => Go(Gone, &[TellWithdrawn]),
            Trigger::SocketGone => Go(Queued, &[]),
        },
        Written => match trigger {
            Trigger::Take => Discard,
            Trigger::RequestAcknowledged => Go(Released, &[]),
            Trigger::FinalAcknowledged => Go(Gone, &[TellReleased]),
            Trigger::OtherAcknowledged => Go(Gone, &[]),
            Trigger::Answered => Go(Gone, &[]),
            Trigger::Withdraw => Go(Gone, &[]),
            Trigger::Expire => Go(Written, &[StopAwaiting]),
            Trigger::Cancel => Go(Written, &[QueueCancel]),
            Trigger::SocketGone => Go(Again, &[]),
        },
        Released => match trigger {
            Trigger::Take => Discard,
            Trigger::RequestAcknowledged | Trigger::FinalAcknowledged | Trigger::OtherAcknowledged => Discard,
            Trigger::Answered => Go(Gone, &[]),
            Trigger::Withdraw => Go(Gone, &[]),
            Trigger::Expire => Go(Gone, &[]),
            Trigger::Cancel => Go(Released, &[QueueCancel]),
            Trigger::SocketGone => Go(Owed, &[]),
        },
        Again => match trigger {
            Trigger::Take => Go(Written, &[Write, CountRepeat]),
            Trigger::RequestAcknowledged | Trigger::FinalAcknowledged | Trigger::OtherAcknowledged => Discard,
            Trigger::Answered => Go(Gone, &[]),
            Trigger::Withdraw => Go(Gone, &[]),
            Trigger::Expire => Go(Again, &[StopAwaiting]),
            Trigger::Cancel => Go(Again, &[QueueCancel]),
            Trigger::SocketGone => Go(Again, &[]),
        },
        Owed => match trigger {
            Trigger::Take => Go(Written, &[Write, CountRepeat]),
            Trigger::RequestAcknowledged | Trigger::FinalAcknowledged | Trigger::OtherAcknowledged => Discard,
            Trigger::Answered => Go(Gone, &[]),
            Trigger::Withdraw => Go(Gone, &[]),
            Trigger::Expire => Go(Again, &[StopAwaiting]),
            Trigger::Cancel => Go(Owed, &[QueueCancel]),
            Trigger::SocketGone => Go(Owed, &[]),
        },
        Gone => match trigger {
            Trigger::Take
            | Trigger::RequestAcknowledged
            | Trigger::FinalAcknowledged
            | Trigger::OtherAcknowledged
            | Trigger::Answered
            | Trigger::Withdraw
            | Trigger::Expire
            | Trigger::Cancel
            | Trigger::SocketGone => Discard,
        },
    }
}

/// The machine as a Markdown table: a row for each state and trigger that does something.
pub fn table() -> String {
    let mut text = String::from("| state | trigger | next | actions |\n|---|---|---|---|\n");
    for &state in State::ALL {
        for &trigger in Trigger::ALL {
            if let Cell::Go(next, actions) = cell(state, trigger) {
                let actions: Vec<_> = actions.iter().map(|action| format!("{action:?}")).collect();
                text.push_str(&format!(
                    "| {state:?} | {trigger:?} | {next:?} | {} |\n",
                    actions.join(", ")
                ));
            }
        }
    }
    text
}
