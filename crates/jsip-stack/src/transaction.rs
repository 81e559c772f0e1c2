//! The four transaction machines (protocol section 4; RFC 3261 §17 on a reliable transport).
//!
//! | machine | whose request |
//! |---|---|
//! | [`client`] | ours, any method but INVITE and ACK |
//! | [`invite_client`] | ours, INVITE |
//! | [`server`] | the peer's, any method but INVITE and ACK |
//! | [`invite_server`] | the peer's, INVITE |
//!
//! Each is a table: `cell(state, trigger)` says the next state and the actions; the stack carries them out.

pub mod client;
pub mod invite_client;
pub mod invite_server;
mod record;
pub mod server;

pub(crate) use record::{ClientRecord, ClientState, Reply, ServerRecord, ServerState};

/// What a trigger does to a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell<S: 'static, A: 'static> {
    /// Go to the state, performing the actions in order.
    Go(S, &'static [A]),
    /// Expected noise: count it and do nothing.
    Discard,
    /// The instance may not do this now.
    Refuse,
}

/// Declares a fieldless enum of states, triggers or actions whose variants can be listed and printed.
macro_rules! listed {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$doc:meta])* $variant:ident,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// Every variant, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name as the table prints it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)+ }
            }
        }
    };
}
pub(crate) use listed;

/// Prints a machine as a table: a row for each state and trigger that does something.
pub(crate) fn print<S: Copy, T: Copy>(
    about: &str,
    states: &[(S, &str)],
    triggers: &[(T, &str)],
    cell: impl Fn(S, T) -> Option<String>,
) -> String {
    let mut text = format!("{about}\n\n| state | trigger | next | actions |\n|---|---|---|---|\n");
    for &(state, state_name) in states {
        for &(trigger, trigger_name) in triggers {
            if let Some(outcome) = cell(state, trigger) {
                text.push_str(&format!("| {state_name} | {trigger_name} | {outcome} |\n"));
            }
        }
    }
    text
}

/// The last two columns of a row, `None` for a trigger that is dropped.
pub(crate) fn outcome<S: std::fmt::Debug, A: std::fmt::Debug>(cell: &Cell<S, A>) -> Option<String> {
    match cell {
        Cell::Go(next, actions) => Some(format!("{next:?} | {}", names(actions))),
        Cell::Discard => None,
        Cell::Refuse => Some("(refused) | error to the instance".to_owned()),
    }
}

/// The names of actions, in order.
pub(crate) fn names<A: std::fmt::Debug>(actions: &[A]) -> String {
    actions
        .iter()
        .map(|action| format!("{action:?}"))
        .collect::<Vec<_>>()
        .join(", ")
}
