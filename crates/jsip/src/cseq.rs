//! The sequence number of a request within its dialog.

use std::fmt;
use std::num::NonZeroU64;

/// A sequence number, from 1 to 2^53-1. Wire: `CSeq`, and `RelatedID` where it points at another request.
///
/// The bound is the largest integer that every JSON reader keeps exactly.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CSeq(NonZeroU64);

impl CSeq {
    /// The number of a dialog's first request.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// The largest number.
    pub const MAX: Self = match NonZeroU64::new((1 << 53) - 1) {
        Some(max) => Self(max),
        None => Self::FIRST,
    };

    /// Makes a sequence number; `None` outside 1 to 2^53-1.
    #[must_use]
    pub const fn new(number: u64) -> Option<Self> {
        match NonZeroU64::new(number) {
            Some(number) if number.get() <= Self::MAX.0.get() => Some(Self(number)),
            Some(_) | None => None,
        }
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// Returns the number after this one; [`CSeq::MAX`] stays where it is.
    #[must_use]
    pub const fn next(self) -> Self {
        match Self::new(self.get() + 1) {
            Some(next) => next,
            None => Self::MAX,
        }
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CSeq({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_one_and_two_to_the_53_minus_one() {
        assert_eq!(CSeq::new(0), None);
        assert_eq!(CSeq::new(1), Some(CSeq::FIRST));
        assert_eq!(CSeq::new(9_007_199_254_740_991), Some(CSeq::MAX));
        assert_eq!(CSeq::new(9_007_199_254_740_992), None);
        assert_eq!(CSeq::new(u64::MAX), None);
    }

    #[test]
    fn next_counts_up_and_stops_at_the_end() {
        assert_eq!(CSeq::FIRST.next().get(), 2);
        assert_eq!(CSeq::MAX.next(), CSeq::MAX);
    }
}
