//! Who looks on what happens: the way from the shards to him, which never holds a shard up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
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
#[derive(Clone, Debug)]
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

impl LookCounts {
    /// What was counted of the first of those who look on, and what was left out on the ways to all; `None` where nobody does.
    pub(super) fn of(counters: &[Arc<LookCounters>]) -> Option<Self> {
        let all = counters.iter().map(|counters| counters.counts());
        all.reduce(|first, other| Self {
            left_out: first.left_out + other.left_out,
            ..first
        })
    }
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

/// The node's end of the ways to those who look on; see [`onlooker`] and [`onlooker_on_demand`].
#[derive(Clone, Debug)]
pub struct Onlooker {
    /// As few as there are ends made at the start of the process.
    ways: Vec<Way>,
}

/// The way to one of them.
#[derive(Clone, Debug)]
struct Way {
    batches: mpsc::UnboundedSender<Batch>,
    waiting: Arc<AtomicUsize>,
    counters: Arc<LookCounters>,
    gaze: Arc<Gaze>,
}

/// How closely somebody looks on; he may change it while the node runs.
#[derive(Debug)]
pub struct Gaze(AtomicU8);

impl Gaze {
    const LEVELS: [Watch; 5] = [
        Watch::Off,
        Watch::On,
        Watch::WithBodies,
        Watch::Closely,
        Watch::CloselyWithBodies,
    ];

    fn new(watch: Watch) -> Self {
        let gaze = Self(AtomicU8::new(0));
        gaze.set(watch);
        gaze
    }

    /// Looks on like this from now on. Who has looked away has seen nothing meanwhile: the next batch of each shard is broken. What
    /// is behind is for the node to say, so that counts as nothing at all.
    pub fn set(&self, watch: Watch) {
        let level = Self::LEVELS.iter().position(|level| *level == watch);
        self.0.store(level.unwrap_or(0) as u8, Ordering::Relaxed);
    }

    /// How closely he looks on.
    pub fn watch(&self) -> Watch {
        let level = usize::from(self.0.load(Ordering::Relaxed));
        Self::LEVELS.get(level).copied().unwrap_or_default()
    }
}

/// The other end.
#[derive(Debug)]
pub struct Happenings {
    batches: mpsc::UnboundedReceiver<Batch>,
    waiting: Arc<AtomicUsize>,
    counters: Arc<LookCounters>,
}

/// Makes a way for [`DriverSettings::onlooker`](super::DriverSettings::onlooker); with `bodies`, those of messages go with them.
pub fn onlooker(bodies: bool) -> (Onlooker, Happenings) {
    let watch = if bodies { Watch::WithBodies } else { Watch::On };
    let (onlooker, happenings, _) = onlooker_on_demand(watch);
    (onlooker, happenings)
}

/// The same for one who looks more or less closely, or not at all, while the node runs.
pub fn onlooker_on_demand(watch: Watch) -> (Onlooker, Happenings, Arc<Gaze>) {
    let (sender, batches) = mpsc::unbounded_channel();
    let (waiting, counters) = (Arc::new(AtomicUsize::new(0)), Arc::<LookCounters>::default());
    let gaze = Arc::new(Gaze::new(watch));
    let way = Way {
        batches: sender,
        waiting: Arc::clone(&waiting),
        counters: Arc::clone(&counters),
        gaze: Arc::clone(&gaze),
    };
    let happenings = Happenings {
        batches,
        waiting,
        counters,
    };
    (Onlooker { ways: vec![way] }, happenings, gaze)
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

    /// What became of what happened.
    pub fn counters(&self) -> Arc<LookCounters> {
        Arc::clone(&self.counters)
    }
}

impl Onlooker {
    /// Both look on.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.ways.extend(other.ways);
        self
    }

    /// What became of what happened, on the way to the first.
    pub fn counters(&self) -> Arc<LookCounters> {
        self.ways
            .first()
            .map(|way| Arc::clone(&way.counters))
            .unwrap_or_default()
    }

    /// The same for each of those who look on.
    pub(super) fn all_counters(&self) -> Vec<Arc<LookCounters>> {
        self.ways.iter().map(|way| Arc::clone(&way.counters)).collect()
    }

    /// How closely the shards are looked at.
    pub(super) fn watch(&self) -> Watch {
        let watches = self.ways.iter().map(Way::watch);
        watches.fold(Watch::Off, Watch::and)
    }

    /// Sends a batch on its way to each. `broken` says who has missed something of this shard before, a bit for each; the answer who has
    /// now.
    pub(super) fn tell(&self, batch: Batch, broken: u32) -> u32 {
        let mut now_broken = 0;
        let mut batch = Some(batch);
        for (number, way) in self.ways.iter().enumerate() {
            let is_last = number + 1 == self.ways.len();
            let bit = 1 << number;
            if matches!(way.watch(), Watch::Off) {
                now_broken |= bit;
                continue;
            }
            let Some(mut copy) = (if is_last { batch.take() } else { batch.clone() }) else {
                continue;
            };
            copy.broken = broken & bit != 0;
            if self.ways.len() > 1 {
                way.leave_to_others(&mut copy);
            }
            if copy.happenings.is_empty() {
                now_broken |= broken & bit;
            } else if way.tell(copy) {
                now_broken |= bit;
            }
        }
        now_broken
    }

    /// Who does not look on now, a bit for each.
    pub(super) fn blind(&self) -> u32 {
        let off = self.ways.iter().enumerate();
        off.filter(|(_, way)| matches!(way.watch(), Watch::Off))
            .fold(0, |blind, (number, _)| blind | 1 << number)
    }
}

impl Way {
    fn watch(&self) -> Watch {
        let watch = self.gaze.watch();
        if watch == Watch::Off || self.batches.is_closed() {
            Watch::Off
        } else if self.waiting.load(Ordering::Relaxed) > MANY {
            Watch::Behind
        } else {
            watch
        }
    }

    /// Takes out what only another one who looks on wants to know.
    fn leave_to_others(&self, batch: &mut Batch) {
        let (watch, is_behind) = (self.gaze.watch(), self.watch() == Watch::Behind);
        batch
            .happenings
            .retain(|happening| watch.is_close() || !happening.what.is_detail());
        if is_behind {
            // For him alone they would not have been observed.
            let all = batch.happenings.len();
            batch.happenings.retain(|happening| !happening.what.is_begin());
            self.leave_out(all - batch.happenings.len());
        }
        if !watch.is_close() || !watch.tells_bodies() {
            for happening in &mut batch.happenings {
                happening.what.forget(!watch.tells_bodies(), !watch.is_close());
            }
        }
    }

    /// Sends a batch on its way. Says whether the next one must say that it is broken.
    fn tell(&self, mut batch: Batch) -> bool {
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
    use crate::{ChannelWhat, DialogWhat, InstanceWhat, Line, Passed, Version, What};

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
        onlooker.tell(batch(vec![call(); MANY + 1]), 0);
        assert_eq!(onlooker.watch(), Watch::Behind);
        onlooker.tell(batch(vec![call(); MORE - MANY - 1]), 0);
        let ended = What::Dialog("000100-0-1".parse().unwrap(), DialogWhat::Ended(EndCause::Bye));
        assert_eq!(onlooker.tell(batch(vec![call(), ended.clone(), call()]), 0), 0);
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
            onlooker.tell(batch(vec![channel(); MOST / 2]), 0);
        }
        assert_eq!(
            onlooker.tell(batch(vec![channel()]), 0),
            1,
            "the next one is broken"
        );
        assert_eq!(onlooker.counters().counts().left_out, 1);
    }

    fn passed() -> What {
        let passed = Passed {
            line: Line::Request(jsip::Method::Info),
            cseq: jsip::CSeq::FIRST,
            of: None,
            reason: Some("why".into()),
            body: Some("body".into()),
        };
        What::Dialog("000100-0-1".parse().unwrap(), DialogWhat::Received(passed))
    }

    #[test]
    fn each_of_two_gets_what_he_looks_for() {
        let (records, mut far) = onlooker(false);
        let (ladders, mut close, gaze) = onlooker_on_demand(Watch::Off);
        let both = records.and(ladders);
        assert_eq!((both.watch(), both.blind()), (Watch::On, 0b10));
        let detail = || {
            let id = "000100-0-1".parse().unwrap();
            What::Instance(id, InstanceWhat::Timer { timer: 1 })
        };
        // Who looks away has missed something when he looks again.
        assert_eq!(both.tell(batch(vec![passed(), detail()]), 0), 0b10);
        assert!(close.try_next().is_none());
        gaze.set(Watch::CloselyWithBodies);
        assert_eq!((both.watch(), both.blind()), (Watch::CloselyWithBodies, 0));
        assert_eq!(both.tell(batch(vec![passed(), detail()]), 0b10), 0);
        let seen = close.try_next().unwrap();
        assert!(seen.broken);
        let whats: Vec<_> = seen
            .happenings
            .into_iter()
            .map(|happening| happening.what)
            .collect();
        assert_eq!(whats, [passed(), detail()]);
        far.try_next();
        let seen = far.try_next().unwrap();
        assert!(!seen.broken);
        let mut bare = passed();
        bare.forget(true, true);
        let whats: Vec<_> = seen
            .happenings
            .into_iter()
            .map(|happening| happening.what)
            .collect();
        assert_eq!(whats, [bare]);
        // What only one of them wants does not make the other one's next batch whole.
        assert_eq!(both.tell(batch(vec![detail()]), 0b01), 0b01);
        assert!(far.try_next().is_none());
    }

    #[test]
    fn who_is_behind_does_not_get_what_begins_for_the_other_one() {
        let (records, _far) = onlooker(false);
        let (ladders, mut close, _gaze) = onlooker_on_demand(Watch::Closely);
        let both = records.and(ladders);
        both.ways[0].waiting.store(MANY + 1, Ordering::Relaxed);
        assert_eq!(both.watch(), Watch::Closely);
        let started = What::Instance(
            "000100-0-1".parse().unwrap(),
            InstanceWhat::Started {
                service: "relay".into(),
                version: Arc::new(Version {
                    number: 1,
                    label: String::new(),
                }),
            },
        );
        both.tell(batch(vec![started]), 0);
        assert_eq!(close.try_next().unwrap().happenings.len(), 1);
        both.ways[1].waiting.store(MANY + 1, Ordering::Relaxed);
        assert_eq!(both.watch(), Watch::Behind);
    }

    #[test]
    fn nobody_is_told_who_is_gone() {
        let (onlooker, happenings) = onlooker(true);
        assert_eq!(onlooker.watch(), Watch::WithBodies);
        drop(happenings);
        assert_eq!(onlooker.watch(), Watch::Off);
    }
}
