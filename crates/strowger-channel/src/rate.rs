//! How many messages a channel may send (protocol section 6, Limits on what a channel sends us).

use std::time::Duration;

use strowger_time::Instant;

/// How long a channel may stay above its rate before its socket is closed.
const PATIENCE: Duration = Duration::from_secs(10);
/// After so long without a message above the rate, the channel counts as below it.
const LULL: Duration = Duration::from_secs(2);

/// A rate and a burst.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// What one message, or frame, costs.
    cost: Duration,
    /// How far the cost of what came may run ahead of the clock.
    tolerance: Duration,
}

impl Rate {
    pub(crate) fn new(per_second: usize, burst: usize) -> Self {
        let per_second = u64::try_from(per_second).unwrap_or(u64::MAX).max(1);
        let cost = Duration::from_micros((1_000_000 / per_second).max(1));
        let burst = u32::try_from(burst.max(1)).unwrap_or(u32::MAX);
        Self {
            cost,
            tolerance: cost.saturating_mul(burst),
        }
    }
}

/// What to do with one more message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Take it.
    Within,
    /// The channel sends too much.
    Above,
    /// The channel has been sending too much for ten seconds.
    AboveForLong,
}

/// A token bucket in 24 bytes, kept as the instant at which it will be full again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bucket {
    full_at: Instant,
    above_since: Instant,
    above_last: Instant,
}

impl Bucket {
    /// One message came. Above the rate a message takes nothing out, so what is taken is never more than the rate.
    pub(crate) fn take(&mut self, now: Instant, rate: Rate) -> Verdict {
        let full_at = self.full_at.max(now) + rate.cost;
        if full_at.since(now) <= rate.tolerance {
            self.full_at = full_at;
            return Verdict::Within;
        }
        // Above the rate a part of the messages still gets through: one that does is no sign of moderation, only a
        // time in which none was refused is.
        if self.above_last == Instant::ZERO || now.since(self.above_last) > LULL {
            self.above_since = now;
        }
        self.above_last = now;
        if now.since(self.above_since) >= PATIENCE {
            Verdict::AboveForLong
        } else {
            Verdict::Above
        }
    }

    /// Forgets how long the channel has been above its rate: its next socket gets another chance.
    pub(crate) const fn pardon(&mut self) {
        self.above_last = Instant::ZERO;
    }
}

/// A token bucket in 8 bytes that has no patience.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Meter {
    full_at: Instant,
}

impl Meter {
    /// So many frames came; `false` if they are too many.
    pub(crate) fn take(&mut self, now: Instant, rate: Rate, count: usize) -> bool {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.full_at = self.full_at.max(now) + rate.cost.saturating_mul(count);
        self.full_at.since(now) <= rate.tolerance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(1_000_000 + millis * 1000)
    }

    /// Sends one message each `every` milliseconds for `secs` seconds; how many got through, and the last verdict.
    fn run(bucket: &mut Bucket, rate: Rate, secs: u64, every: u64) -> (usize, Verdict) {
        let mut within = 0;
        let mut last = Verdict::Within;
        for millis in (0..=secs * 1000).step_by(usize::try_from(every).unwrap()) {
            last = bucket.take(at(millis), rate);
            within += usize::from(last == Verdict::Within);
            if last == Verdict::AboveForLong {
                break;
            }
        }
        (within, last)
    }

    #[test]
    fn a_burst_passes_and_one_more_does_not() {
        let (mut bucket, rate) = (Bucket::default(), Rate::new(200, 400));
        assert!((0..400).all(|_| bucket.take(at(0), rate) == Verdict::Within));
        assert_eq!(bucket.take(at(0), rate), Verdict::Above);
        assert_eq!(bucket.take(at(5), rate), Verdict::Within);
    }

    #[test]
    fn the_average_rate_passes_for_ever() {
        let (mut bucket, rate) = (Bucket::default(), Rate::new(200, 400));
        assert_eq!(run(&mut bucket, rate, 60, 5), (12_001, Verdict::Within));
    }

    #[test]
    fn twice_the_rate_is_refused_half_the_time_and_ends_after_ten_seconds() {
        let (mut bucket, rate) = (Bucket::default(), Rate::new(100, 100));
        let (within, last) = run(&mut bucket, rate, 60, 5);
        assert_eq!(last, Verdict::AboveForLong);
        assert!((1100..1250).contains(&within), "{within}");
    }

    #[test]
    fn a_lull_starts_the_ten_seconds_anew() {
        let (mut bucket, rate) = (Bucket::default(), Rate::new(1, 1));
        assert_eq!(bucket.take(at(0), rate), Verdict::Within);
        assert_eq!(bucket.take(at(1), rate), Verdict::Above);
        assert_eq!(bucket.take(at(11_000), rate), Verdict::Within);
        assert_eq!(bucket.take(at(11_001), rate), Verdict::Above);
    }

    #[test]
    fn a_meter_takes_a_burst_and_the_rate_and_not_one_more() {
        let (mut meter, rate) = (Meter::default(), Rate::new(1000, 50));
        assert!(meter.take(at(0), rate, 50));
        assert!(meter.take(at(10), rate, 10));
        assert!(!meter.take(at(10), rate, 1));
        assert!(!Meter::default().take(at(0), rate, usize::MAX));
    }

    #[test]
    fn a_rate_of_nothing_still_works() {
        assert_eq!(Bucket::default().take(at(0), Rate::new(0, 0)), Verdict::Within);
    }
}
