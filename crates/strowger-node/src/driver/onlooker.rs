//! Who looks on what happens: the way from the shards to him, which never holds a shard up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use strowger_time::Instant;
use tokio::sync::mpsc;

use crate::{Happening, Watch};

/// With more happenings than this on the way, dialogs that begin are not observed.
const MANY: usize = 32_768;
/// With more than this, messages, transactions and calls of observed dialogs are left out.
const MORE: usize = 65_536;
/// With more than this, everything is; whoever looks on begins anew then.
const MOST: usize = 262_144;

/// What happened on one shard, in order.
#[derive(Debug)]
pub struct Batch {
    /// The shard.
    pub shard: u16,
    /// Whether something was left out before, without which ends of dialogs are missing: of this shard, what was seen to begin is to
    /// be forgotten.
    pub broken: bool,
    /// What the time was at `now` of the shard, and at `clock` of what it measures with.
    pub wall: SystemTime,
    /// The same on the shard's time line.
    pub now: Instant,
    /// The same on the clock with which services are measured.
    pub clock: Duration,
    /// What happened.
    pub happenings: Vec<Happening>,
}

impl Batch {
    /// The time of day of a happening.
    pub fn time_of(&self, at: Instant) -> SystemTime {
        self.wall - self.now.since(at)
    }

    /// The time of day of a point that the clock showed.
    pub fn time_on_clock(&self, clock: Duration) -> SystemTime {
        self.wall - self.clock.saturating_sub(clock)
    }
}

/// What became of what happened; whoever looks on counts in it, too.
#[derive(Debug, Default)]
pub struct LookCounters {
    /// Happenings that were left out on the way.
    pub left_out: Arc<AtomicU64>,
    /// Records that were written to the file.
    pub records_filed: Arc<AtomicU64>,
    /// Those that could not be.
    pub records_not_filed: Arc<AtomicU64>,
    /// Records that the endpoint has taken.
    pub records_posted: Arc<AtomicU64>,
    /// Those that it did not take, or that had no room in the queue.
    pub records_not_posted: Arc<AtomicU64>,
    /// Spans that the collector has taken.
    pub spans_posted: Arc<AtomicU64>,
    /// Those that it did not take, or that had no room.
    pub spans_not_posted: Arc<AtomicU64>,
}

/// The same at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LookCounts {
    /// See [`LookCounters::left_out`].
    pub left_out: u64,
    /// See [`LookCounters::records_filed`].
    pub records_filed: u64,
    /// See [`LookCounters::records_not_filed`].
    pub records_not_filed: u64,
    /// See [`LookCounters::records_posted`].
    pub records_posted: u64,
    /// See [`LookCounters::records_not_posted`].
    pub records_not_posted: u64,
    /// See [`LookCounters::spans_posted`].
    pub spans_posted: u64,
    /// See [`LookCounters::spans_not_posted`].
    pub spans_not_posted: u64,
}

impl LookCounters {
    /// What was counted so far.
    pub fn counts(&self) -> LookCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LookCounts {
            left_out: read(&self.left_out),
            records_filed: read(&self.records_filed),
            records_not_filed: read(&self.records_not_filed),
            records_posted: read(&self.records_posted),
            records_not_posted: read(&self.records_not_posted),
            spans_posted: read(&self.spans_posted),
            spans_not_posted: read(&self.spans_not_posted),
        }
    }
}

/// The node's end of the way; see [`onlooker`].
#[derive(Clone, Debug)]
pub struct Onlooker {
    batches: mpsc::UnboundedSender<Batch>,
    waiting: Arc<AtomicUsize>,
    counters: Arc<LookCounters>,
    bodies: bool,
}

/// The other end.
#[derive(Debug)]
pub struct Happenings {
    batches: mpsc::UnboundedReceiver<Batch>,
    waiting: Arc<AtomicUsize>,
}

/// Makes a way for [`DriverSettings::onlooker`](super::DriverSettings::onlooker); with `bodies`, those of messages go with them.
pub fn onlooker(bodies: bool) -> (Onlooker, Happenings) {
    let (sender, batches) = mpsc::unbounded_channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let onlooker = Onlooker {
        batches: sender,
        waiting: Arc::clone(&waiting),
        counters: Arc::default(),
        bodies,
    };
    (onlooker, Happenings { batches, waiting })
}

impl Happenings {
    /// What happened next; `None` when the node has stopped and all was taken.
    pub async fn next(&mut self) -> Option<Batch> {
        let batch = self.batches.recv().await?;
        self.waiting.fetch_sub(batch.happenings.len(), Ordering::Relaxed);
        Some(batch)
    }

    /// The same, if it is there already.
    pub fn try_next(&mut self) -> Option<Batch> {
        let batch = self.batches.try_recv().ok()?;
        self.waiting.fetch_sub(batch.happenings.len(), Ordering::Relaxed);
        Some(batch)
    }
}

impl Onlooker {
    /// What became of what happened.
    pub fn counters(&self) -> Arc<LookCounters> {
        Arc::clone(&self.counters)
    }

    /// How closely the shards are looked at.
    pub(super) fn watch(&self) -> Watch {
        if self.batches.is_closed() {
            Watch::Off
        } else if self.waiting.load(Ordering::Relaxed) > MANY {
            Watch::Behind
        } else if self.bodies {
            Watch::WithBodies
        } else {
            Watch::On
        }
    }

    /// Sends a batch on its way. Says whether the next one must say that it is broken.
    pub(super) fn tell(&self, mut batch: Batch) -> bool {
        let waiting = self.waiting.load(Ordering::Relaxed);
        let all = batch.happenings.len();
        if waiting + all > MOST {
            self.leave_out(all);
            return true;
        }
        if waiting + all > MORE {
            batch.happenings.retain(|happening| happening.what.is_essential());
            self.leave_out(all - batch.happenings.len());
        }
        self.waiting.fetch_add(batch.happenings.len(), Ordering::Relaxed);
        // Whoever is gone wants nothing.
        let _ = self.batches.send(batch);
        false
    }

    fn leave_out(&self, happenings: usize) {
        self.counters
            .left_out
            .fetch_add(happenings as u64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use jsip_stack::{Channel, EndCause};

    use super::*;
    use crate::{ChannelWhat, DialogWhat, What};

    fn batch(whats: Vec<What>) -> Batch {
        let happening = |what| Happening {
            at: Instant::ZERO,
            what,
        };
        Batch {
            shard: 0,
            broken: false,
            wall: SystemTime::UNIX_EPOCH,
            now: Instant::ZERO,
            clock: Duration::ZERO,
            happenings: whats.into_iter().map(happening).collect(),
        }
    }

    fn channel() -> What {
        What::Channel(Channel::new(1), ChannelWhat::Resumed)
    }

    fn call() -> What {
        What::Called {
            dialog: "000100-0-1".parse().unwrap(),
            event: "request",
            begun: Duration::ZERO,
            took: Duration::ZERO,
        }
    }

    #[test]
    fn who_is_behind_sees_no_more_dialogs_begin_but_all_ends() {
        let (onlooker, mut happenings) = onlooker(false);
        assert_eq!(onlooker.watch(), Watch::On);
        onlooker.tell(batch(vec![call(); MANY + 1]));
        assert_eq!(onlooker.watch(), Watch::Behind);
        onlooker.tell(batch(vec![call(); MORE - MANY - 1]));
        let ended = What::Dialog("000100-0-1".parse().unwrap(), DialogWhat::Ended(EndCause::Bye));
        assert!(!onlooker.tell(batch(vec![call(), ended.clone(), call()])));
        assert_eq!(onlooker.counters().counts().left_out, 2);
        happenings.try_next();
        happenings.try_next();
        let last = happenings.try_next().unwrap();
        assert_eq!((last.happenings.len(), &last.happenings[0].what), (1, &ended));
        assert_eq!(onlooker.watch(), Watch::On);
    }

    #[test]
    fn nothing_grows_without_a_bound_where_nobody_takes_it() {
        let (onlooker, _happenings) = onlooker(false);
        for _ in 0..2 {
            onlooker.tell(batch(vec![channel(); MOST / 2]));
        }
        assert!(onlooker.tell(batch(vec![channel()])), "the next one is broken");
        assert_eq!(onlooker.counters().counts().left_out, 1);
    }

    #[test]
    fn nobody_is_told_who_is_gone() {
        let (onlooker, happenings) = onlooker(true);
        assert_eq!(onlooker.watch(), Watch::WithBodies);
        drop(happenings);
        assert_eq!(onlooker.watch(), Watch::Off);
    }
}
