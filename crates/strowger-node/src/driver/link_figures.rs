//! How the links of a node fare, in numbers.

use strowger_channel::{LinkInfo, LinkState};

/// How many links there are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkFigures {
    /// Links that have a socket.
    pub up: usize,
    /// Links that are being dialled.
    pub connecting: usize,
    /// Links that are dialled again in a while.
    pub waiting: usize,
    /// Links that failed for good and were not dialled since; at most 256 of each shard are remembered.
    pub failed: usize,
}

impl LinkFigures {
    /// Counts links.
    pub(super) fn of(links: impl Iterator<Item = LinkInfo>) -> Self {
        let mut figures = Self::default();
        for link in links {
            *match link.state {
                LinkState::Up => &mut figures.up,
                LinkState::Connecting => &mut figures.connecting,
                LinkState::Waiting { .. } => &mut figures.waiting,
                LinkState::Failed => &mut figures.failed,
            } += 1;
        }
        figures
    }

    /// Adds those of another shard.
    pub(super) const fn add(&mut self, other: Self) {
        self.up += other.up;
        self.connecting += other.connecting;
        self.waiting += other.waiting;
        self.failed += other.failed;
    }
}
