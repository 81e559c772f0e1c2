//! What the failures of a version may cost those beside it.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crate::clock::TICK;

/// Calls that fail may take one part in so many of the time: who shares a shard with them does not see them in the 99th
/// percentile of what he waits.
const SHARE: u32 = 200;
/// The longest pause.
const LONGEST: Duration = Duration::from_mins(1);

/// Time that failed calls took, paid back at a fixed rate; while too much of it is not, nothing new begins.
#[derive(Debug)]
pub(crate) struct Costs {
    start: Instant,
    /// When all is paid back, in nanoseconds from the start.
    paid: AtomicU64,
    /// As late as a call can fail. Who was not run by the machine meanwhile took no more from others.
    longest: Duration,
    /// How far ahead `paid` may be.
    allowed: Duration,
}

impl Costs {
    pub(crate) fn new(start: Instant, budget: Duration) -> Self {
        let longest = budget.saturating_add(TICK * 3);
        Self {
            start,
            paid: AtomicU64::new(0),
            longest,
            // One is let off.
            allowed: longest.saturating_mul(SHARE),
        }
    }

    /// A call has failed after so long. Gives the pause, if there is one now.
    pub(crate) fn charge(&self, now: Instant, took: Duration) -> Option<Duration> {
        let now = nanos(now.saturating_duration_since(self.start));
        let cost = nanos(took.min(self.longest).saturating_mul(SHARE));
        let most = now.saturating_add(nanos(self.allowed.saturating_add(LONGEST)));
        let add = |paid: u64| paid.max(now).saturating_add(cost).min(most);
        let before = self.paid.fetch_update(Relaxed, Relaxed, |paid| Some(add(paid)));
        self.pause(now, add(before.unwrap_or_else(|paid| paid)))
    }

    /// How long nothing begins from now on.
    pub(crate) fn left(&self, now: Instant) -> Option<Duration> {
        let now = nanos(now.saturating_duration_since(self.start));
        self.pause(now, self.paid.load(Relaxed))
    }

    fn pause(&self, now: u64, paid: u64) -> Option<Duration> {
        let over = paid.saturating_sub(now).checked_sub(nanos(self.allowed))?;
        (over > 0).then(|| Duration::from_nanos(over))
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Duration = Duration::from_millis(20);
    /// As late as a call can fail.
    const LATE: Duration = Duration::from_millis(35);
    const SECOND: Duration = Duration::from_secs(1);

    fn costs() -> (Costs, Instant) {
        let start = Instant::now();
        (Costs::new(start, BUDGET), start)
    }

    #[test]
    fn a_runaway_now_and_then_is_let_off() {
        let (costs, start) = costs();
        for run in 0..100 {
            let now = start + SECOND * 7 * run;
            assert_eq!(costs.charge(now, LATE), None);
            assert_eq!(costs.left(now), None);
        }
    }

    #[test]
    fn runaways_in_a_row_bring_a_pause_that_ends() {
        let (costs, start) = costs();
        assert_eq!(costs.charge(start, LATE), None);
        assert_eq!(costs.charge(start, LATE), Some(SECOND * 7));
        assert_eq!(costs.left(start + SECOND * 4), Some(SECOND * 3));
        assert_eq!(costs.left(start + SECOND * 7), None);
        // One more at once, and the same pause again.
        assert_eq!(costs.charge(start + SECOND * 7, LATE), Some(SECOND * 7));
    }

    #[test]
    fn failures_that_take_no_time_cost_nothing_that_anybody_sees() {
        let (costs, start) = costs();
        let trap = Duration::from_micros(20);
        for call in 0..10_000 {
            let now = start + Duration::from_millis(5) * call;
            assert_eq!(costs.charge(now, trap), None);
        }
    }

    #[test]
    fn no_pause_is_longer_than_a_minute() {
        let (costs, start) = costs();
        for _ in 0..1000 {
            costs.charge(start, LATE);
        }
        assert_eq!(costs.left(start), Some(LONGEST));
        assert_eq!(costs.left(start + LONGEST), None);
        assert_eq!(costs.charge(start, Duration::MAX), Some(LONGEST));
    }
}
