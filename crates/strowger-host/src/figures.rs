//! What a loaded service did, for the operator.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

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

/// The counters behind [`Figures`].
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) instances: AtomicU64,
    pub(crate) started: AtomicU64,
    pub(crate) calls: AtomicU64,
    pub(crate) nanos: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) memory: AtomicU64,
}

impl Counts {
    pub(crate) fn read(&self) -> Figures {
        Figures {
            instances: self.instances.load(Relaxed),
            started: self.started.load(Relaxed),
            calls: self.calls.load(Relaxed),
            time: Duration::from_nanos(self.nanos.load(Relaxed)),
            failed: self.failed.load(Relaxed),
            memory: self.memory.load(Relaxed),
        }
    }
}
