//! Choices for tests in which peers do what comes to their minds.

/// Chance from a seed (SplitMix64): the same choices for one seed, on every machine and for ever, so that a run that fails can
/// be had again.
///
/// ```
/// use strowger_service::testkit::Chance;
///
/// let mut chance = Chance::new(7);
/// let first = chance.below(6);
/// assert!(first < 6);
/// assert_eq!(Chance::new(7).below(6), first);
/// ```
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// Chance from a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `limit`.
    ///
    /// # Panics
    ///
    /// If `limit` is 0.
    pub const fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }

    /// One of these.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}
