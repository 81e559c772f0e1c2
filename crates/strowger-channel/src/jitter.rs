//! Random durations from a seed (SplitMix64): enough to keep channels out of step, and the same in every run.

use std::time::Duration;

#[derive(Clone, Debug)]
pub(crate) struct Jitter {
    state: u64,
}

impl Jitter {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// 64 random bits.
    pub(crate) const fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A duration between `percent` per cent of `whole` and `whole`.
    pub(crate) fn shorten(&mut self, whole: Duration, percent: u64) -> Duration {
        let whole = u64::try_from(whole.as_micros()).unwrap_or(u64::MAX);
        let least = whole / 100 * percent.min(100);
        Duration::from_micros(least + self.draw() % (whole - least + 1).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortened_duration_stays_in_its_bounds() {
        let mut jitter = Jitter::new(1);
        for whole in [0, 1, 99, 1000, 25_000_000, u64::MAX] {
            for _ in 0..100 {
                let duration = jitter.shorten(Duration::from_micros(whole), 50);
                assert!(
                    duration >= Duration::from_micros(whole / 100 * 50)
                        && duration <= Duration::from_micros(whole)
                );
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_durations() {
        let (mut a, mut b, mut c) = (Jitter::new(7), Jitter::new(7), Jitter::new(8));
        let second = Duration::from_secs(1);
        assert_eq!(a.shorten(second, 0), b.shorten(second, 0));
        assert_ne!(a.shorten(second, 0), c.shorten(second, 0));
    }
}
