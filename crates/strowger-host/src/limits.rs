//! What one loaded service may use.

use std::time::Duration;

/// Limits of one loaded service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory of one instance (`memory`, default 32 MiB), all its linear memories together.
    pub memory: usize,
    /// Processor time for one event (`budget`, default 20 ms). An instance that takes more ends as failed, after twice
    /// that time and two ticks of 5 ms at the latest.
    pub budget: Duration,
    /// How many instances may run on the node (`instances`, default 10,000); the next request gets 503. Each takes four
    /// memory maps, of which Linux gives a process 65,530 (`vm.max_map_count`).
    pub instances: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 32 << 20,
            budget: Duration::from_millis(20),
            instances: 10_000,
        }
    }
}
