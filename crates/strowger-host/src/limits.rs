//! What one loaded service may use.

use std::time::Duration;

/// What the instances of a service have of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// Each has a component instance, and so a memory, of its own: what goes wrong in one ends it alone.
    #[default]
    Own,
    /// Those of one shard live in one component instance: each takes as little as the guest makes of it, and what goes
    /// wrong in one ends them all.
    Shared,
}

/// Limits of one loaded service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Whether instances live apart (`isolation`, default `own`).
    pub isolation: Isolation,
    /// Bytes of memory of one instance (`memory`, default 32 MiB), all its linear memories together; shared, of all
    /// instances of one shard.
    pub memory: usize,
    /// Processor time for one event (`budget`, default 20 ms). An instance that takes more ends as failed, 15 ms
    /// later at the latest. Where instances fail so often that it takes more than one part in 200
    /// of the time, none begins for a while.
    pub budget: Duration,
    /// How many instances may run on the node (`instances`, default 10,000); the next request gets 503. Each that lives
    /// apart takes four memory maps, of which Linux gives a process 65,530 (`vm.max_map_count`).
    pub instances: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            isolation: Isolation::Own,
            memory: 32 << 20,
            budget: Duration::from_millis(20),
            instances: 10_000,
        }
    }
}
