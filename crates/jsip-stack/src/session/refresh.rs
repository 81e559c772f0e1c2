//! What keeps a session alive, and ends one that nobody keeps alive (RFC 4028 in spirit; protocol section 5).
//!
//! The side that refreshes sends UPDATE every third of the interval and gives up after three in a row without a
//! 200. The other side gives up when nothing refreshed the session for the whole interval.

use std::time::Duration;

use strowger_time::DeadlineId;

use crate::transaction::{Cell, listed, outcome, print};

listed! {
    /// Which part this node plays, and how it stands.
    pub enum State {
        /// Not answered yet, or over.
        Idle,
        /// We refresh; every UPDATE so far was answered.
        Sound,
        /// We refresh; one UPDATE in a row is without a 200.
        MissedOne,
        /// We refresh; two in a row are without a 200.
        MissedTwo,
        /// We refresh; three in a row are without a 200.
        MissedThree,
        /// The peer refreshes.
        Watching,
    }
}

listed! {
    /// What happens.
    pub enum Trigger {
        /// The session was answered and we refresh it.
        BeginRefreshing,
        /// The session was answered and the peer refreshes it.
        BeginWatching,
        /// A third of the interval (refreshing) or the interval (watching) is over.
        Tick,
        /// Any re-INVITE or UPDATE was answered 2xx.
        Refreshed,
        /// The same, and the request named another interval.
        Renegotiated,
        /// An UPDATE of ours failed.
        Failed,
        /// The session is over.
        End,
    }
}

listed! {
    /// What the stack must do.
    pub enum Action {
        /// Send an UPDATE without Body.
        SendUpdate,
        /// Tick after a third of the interval.
        ArmThird,
        /// Tick after the whole interval.
        ArmWhole,
        /// Stop ticking.
        Disarm,
        /// BYE to the peer and to the instance.
        GiveUp,
    }
}

/// What one trigger does in one state.
pub const fn cell(state: State, trigger: Trigger) -> Cell<State, Action> {
    use Action::{ArmThird, ArmWhole, Disarm, GiveUp, SendUpdate};
    use Cell::{Discard, Go};
    use State::{Idle, MissedOne, MissedThree, MissedTwo, Sound, Watching};
    match trigger {
        Trigger::BeginRefreshing => match state {
            Idle => Go(Sound, &[ArmThird]),
            Sound | MissedOne | MissedTwo | MissedThree | Watching => Discard,
        },
        Trigger::BeginWatching => match state {
            Idle => Go(Watching, &[ArmWhole]),
            Sound | MissedOne | MissedTwo | MissedThree | Watching => Discard,
        },
        Trigger::Tick => match state {
            Idle => Discard,
            Sound => Go(MissedOne, &[SendUpdate, ArmThird]),
            MissedOne => Go(MissedTwo, &[SendUpdate, ArmThird]),
            MissedTwo => Go(MissedThree, &[SendUpdate, ArmThird]),
            MissedThree | Watching => Go(Idle, &[GiveUp]),
        },
        Trigger::Refreshed => match state {
            Idle => Discard,
            Sound | MissedOne | MissedTwo | MissedThree => Go(Sound, &[]),
            Watching => Go(Watching, &[Disarm, ArmWhole]),
        },
        Trigger::Renegotiated => match state {
            Idle => Discard,
            Sound | MissedOne | MissedTwo | MissedThree => Go(Sound, &[Disarm, ArmThird]),
            Watching => Go(Watching, &[Disarm, ArmWhole]),
        },
        Trigger::Failed => match state {
            MissedThree => Go(Idle, &[Disarm, GiveUp]),
            Idle | Sound | MissedOne | MissedTwo | Watching => Discard,
        },
        Trigger::End => match state {
            Idle => Discard,
            Sound | MissedOne | MissedTwo | MissedThree | Watching => Go(Idle, &[Disarm]),
        },
    }
}

/// The machine as a table.
pub fn table() -> String {
    let states: Vec<_> = State::ALL.iter().map(|s| (*s, s.name())).collect();
    let triggers: Vec<_> = Trigger::ALL.iter().map(|t| (*t, t.name())).collect();
    print(
        "Session refresh. What is not listed is ignored.",
        &states,
        &triggers,
        |state, trigger| outcome(&cell(state, trigger)),
    )
}

/// The refresh of one session.
#[derive(Debug)]
pub(crate) struct Refresh {
    pub(crate) state: State,
    pub(crate) interval: Duration,
    /// Whether this node sends the UPDATEs once the session is answered.
    pub(crate) ours: bool,
    pub(crate) timer: Option<DeadlineId>,
}

impl Refresh {
    pub(crate) const fn new(interval: Duration, ours: bool) -> Self {
        Self {
            state: State::Idle,
            interval,
            ours,
            timer: None,
        }
    }
}
