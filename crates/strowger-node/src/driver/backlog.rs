//! How much mail waits between shards.

use std::sync::atomic::{AtomicUsize, Ordering};

/// More pieces than this for one shard, a tenth of a second's work or so, are more than it gets through.
const MOST: usize = 16_384;

/// How many pieces of mail wait for each shard.
#[derive(Debug)]
pub(super) struct Backlog(Box<[AtomicUsize]>);

impl Backlog {
    pub(super) fn new(shards: u16) -> Self {
        Self((0..shards).map(|_| AtomicUsize::new(0)).collect())
    }

    pub(super) fn sent(&self, to: usize, pieces: usize) {
        self.0[to].fetch_add(pieces, Ordering::Relaxed);
    }

    pub(super) fn taken(&self, by: usize, pieces: usize) {
        self.0[by].fetch_sub(pieces, Ordering::Relaxed);
    }

    /// Whether some shard has more than it gets through.
    pub(super) fn is_too_much(&self) -> bool {
        self.0.iter().any(|pieces| pieces.load(Ordering::Relaxed) > MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_shard_that_does_not_keep_up_is_too_much() {
        let backlog = Backlog::new(3);
        backlog.sent(0, MOST);
        backlog.sent(2, MOST);
        assert!(!backlog.is_too_much());
        backlog.sent(2, 1);
        assert!(backlog.is_too_much());
        backlog.taken(2, 1);
        assert!(!backlog.is_too_much());
    }
}
