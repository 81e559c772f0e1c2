//! What a loaded service did, for the operator.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::apart::{Apart, PerThread};

/// Figures of one version of a loaded service, over the whole node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Instances that run now.
    pub instances: u64,
    /// Instances that were started.
    pub started: u64,
    /// Calls into the guest.
    pub calls: u64,
    /// Wall-clock time in the guest.
    pub time: Duration,
    /// Instances that failed: a trap, a limit, bad commands.
    pub failed: u64,
    /// Bytes of linear memory, as large as the guests made them; what they never touched takes no room.
    pub memory: u64,
}

/// Tells the figures of one version, also when the version itself is not held any more.
#[derive(Clone, Debug, Default)]
pub struct Meter(pub(crate) Arc<Counts>);

impl Meter {
    /// What the version did so far.
    pub fn read(&self) -> Figures {
        self.0.read()
    }
}

/// The counters behind [`Figures`]. What is counted with each event each thread counts apart: a counter that two cores
/// change costs either of them more than what it counts.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Asked before each new instance, so all threads have one.
    pub(crate) instances: Apart<AtomicU64>,
    tallies: PerThread<Tally>,
}

/// What one thread counted.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) started: AtomicU64,
    pub(crate) calls: AtomicU64,
    pub(crate) nanos: AtomicU64,
    pub(crate) failed: AtomicU64,
    /// Bytes that were taken less those that were given back, which another thread may have done.
    pub(crate) memory: AtomicU64,
}

impl Counts {
    /// The counters of this thread.
    pub(crate) fn own(&self) -> &Tally {
        self.tallies.own()
    }

    pub(crate) fn read(&self) -> Figures {
        let sum = |of: fn(&Tally) -> &AtomicU64| {
            self.tallies
                .iter()
                .fold(0_u64, |sum, tally| sum.wrapping_add(of(tally).load(Relaxed)))
        };
        // What is given back while this is read may be seen before it is seen taken.
        let memory = sum(|tally| &tally.memory).cast_signed();
        Figures {
            instances: self.instances.load(Relaxed),
            started: sum(|tally| &tally.started),
            calls: sum(|tally| &tally.calls),
            time: Duration::from_nanos(sum(|tally| &tally.nanos)),
            failed: sum(|tally| &tally.failed),
            memory: u64::try_from(memory).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_threads_count_adds_up() {
        let counts = Counts::default();
        counts.own().memory.fetch_add(70, Relaxed);
        counts.own().calls.fetch_add(1, Relaxed);
        std::thread::scope(|scope| {
            for _ in 0..30 {
                scope.spawn(|| {
                    counts.own().calls.fetch_add(2, Relaxed);
                    counts.own().memory.fetch_sub(1, Relaxed);
                });
            }
        });
        let figures = counts.read();
        assert_eq!((figures.calls, figures.memory), (61, 40));
    }

    #[test]
    fn memory_is_never_less_than_nothing() {
        let counts = Counts::default();
        counts.own().memory.fetch_sub(1, Relaxed);
        assert_eq!(counts.read().memory, 0);
    }
}
