//! Spans of time, counted by how long they are.

use std::time::Duration;

/// How many bounds there are; what is longer than the last is counted all the same.
const BOUNDS: usize = 12;

/// The longest spans that each counter of a [`Histogram`] counts, the shortest first.
#[derive(Debug, PartialEq, Eq)]
pub struct Scale([Duration; BOUNDS]);

impl Scale {
    /// From 10 us to 100 ms: what a machine does.
    pub const WORK: Self = Self([
        Duration::from_micros(10),
        Duration::from_micros(25),
        Duration::from_micros(50),
        Duration::from_micros(100),
        Duration::from_micros(250),
        Duration::from_micros(500),
        Duration::from_millis(1),
        Duration::from_micros(2500),
        Duration::from_millis(5),
        Duration::from_millis(10),
        Duration::from_millis(25),
        Duration::from_millis(100),
    ]);
    /// From 100 ms to an hour: how long somebody is away.
    pub const ABSENCE: Self = Self([
        Duration::from_millis(100),
        Duration::from_millis(500),
        Duration::from_secs(1),
        Duration::from_millis(2500),
        Duration::from_secs(5),
        Duration::from_secs(10),
        Duration::from_secs(30),
        Duration::from_secs(60),
        Duration::from_secs(120),
        Duration::from_secs(300),
        Duration::from_secs(900),
        Duration::from_secs(3600),
    ]);
}

/// How many spans of time were how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Histogram {
    scale: &'static Scale,
    counts: [u64; BOUNDS + 1],
    sum: Duration,
}

impl Default for Histogram {
    /// On the scale of work.
    fn default() -> Self {
        Self::new(&Scale::WORK)
    }
}

impl Histogram {
    /// No spans yet.
    pub const fn new(scale: &'static Scale) -> Self {
        Self {
            scale,
            counts: [0; BOUNDS + 1],
            sum: Duration::ZERO,
        }
    }

    /// Counts a span.
    pub fn observe(&mut self, span: Duration) {
        let at = self.scale.0.iter().position(|bound| span <= *bound);
        self.counts[at.unwrap_or(BOUNDS)] += 1;
        self.sum = self.sum.saturating_add(span);
    }

    /// Adds the spans of another one with the same scale.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.sum = self.sum.saturating_add(other.sum);
    }

    /// Each bound and how many spans were no longer than it but longer than the one before; last those that were longer than all,
    /// without a bound.
    pub fn counts(&self) -> impl Iterator<Item = (Option<Duration>, u64)> {
        let bounds = self.scale.0.iter().copied().map(Some).chain([None]);
        bounds.zip(self.counts)
    }

    /// How many spans there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All of them together.
    pub const fn sum(&self) -> Duration {
        self.sum
    }

    /// What was observed since the histogram was `earlier`, which must be an earlier one of the same.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut counts = self.counts;
        for (count, before) in counts.iter_mut().zip(earlier.counts) {
            *count = count.saturating_sub(before);
        }
        let (scale, sum) = (self.scale, self.sum.saturating_sub(earlier.sum));
        Self { scale, counts, sum }
    }

    /// About how long this part of all spans was at most: 0.5 asks for the median. Between two bounds as if spans were spread evenly, and
    /// never more than the last bound. `None` where there were no spans.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let wanted = part.clamp(0.0, 1.0) * count as f64;
        let (mut below, mut from) = (0, Duration::ZERO);
        for (bound, here) in self.counts() {
            let Some(bound) = bound else { break };
            let reached = below + here;
            if here > 0 && reached as f64 >= wanted {
                let within = (wanted - below as f64).max(0.0) / here as f64;
                return Some(from + (bound - from).mul_f64(within.min(1.0)));
            }
            (below, from) = (reached, bound);
        }
        Some(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_lies_between_the_bounds_around_it() {
        let mut histogram = Histogram::new(&Scale::WORK);
        assert_eq!(histogram.quantile(0.5), None);
        for _ in 0..98 {
            histogram.observe(Duration::from_micros(20));
        }
        let before = histogram;
        histogram.observe(Duration::from_millis(4));
        histogram.observe(Duration::from_secs(9));
        let micros = |histogram: &Histogram, part| histogram.quantile(part).unwrap().as_micros();
        assert!((10..=25).contains(&micros(&histogram, 0.5)));
        assert!((2500..=5000).contains(&micros(&histogram, 0.99)));
        assert_eq!(micros(&histogram, 1.0), 100_000);
        let since = histogram.since(&before);
        assert_eq!((since.count(), since.sum().as_millis()), (2, 9004));
        assert!((2500..=5000).contains(&micros(&since, 0.5)));
    }

    #[test]
    fn a_span_is_counted_at_the_first_bound_that_it_does_not_exceed() {
        let mut histogram = Histogram::new(&Scale::WORK);
        for micros in [0, 10, 11, 100_000, 100_001] {
            histogram.observe(Duration::from_micros(micros));
        }
        let counts: Vec<_> = histogram.counts().map(|(_, count)| count).collect();
        assert_eq!(counts, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(
            (histogram.count(), histogram.sum()),
            (5, Duration::from_micros(200_022))
        );
        let mut twice = histogram;
        twice.add(&histogram);
        assert_eq!(twice.count(), 10);
    }

    #[test]
    fn bounds_grow() {
        for scale in [&Scale::WORK, &Scale::ABSENCE] {
            assert!(scale.0.is_sorted());
        }
    }
}
