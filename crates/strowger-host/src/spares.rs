//! What is kept for the next instances, and for how long.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many are kept however long nobody needs them.
const ALWAYS: usize = 64;

/// Guests whose instance has ended, for the next ones of their version: making one costs some twenty times as much as an
/// event, and the threads of a process wait for one another while they map and unmap.
///
/// Instances come and go in waves. So what is given back is kept, which is never more than ran at a time, and whoever
/// looks now and then takes out what was not needed since he looked the last time but one.
#[derive(Debug)]
pub(crate) struct Spares<T> {
    waiting: Mutex<Vec<T>>,
    /// The most that ran at a time since the last look.
    peak: AtomicUsize,
    /// The same of the span before it.
    before: AtomicUsize,
}

impl<T> Default for Spares<T> {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            peak: AtomicUsize::new(0),
            before: AtomicUsize::new(0),
        }
    }
}

impl<T> Spares<T> {
    /// So many run now.
    pub(crate) fn note(&self, running: usize) {
        self.peak.fetch_max(running, Relaxed);
    }

    /// The one that was given back last: its memory is the likeliest to be near.
    pub(crate) fn take(&self) -> Option<T> {
        self.waiting().pop()
    }

    pub(crate) fn give(&self, one: T) {
        self.waiting().push(one);
    }

    /// Ends a span in which some run still, and gives what is more than was needed in it and in the one before it.
    pub(crate) fn tidy(&self, running: usize) -> Vec<T> {
        let peak = self.peak.swap(running, Relaxed);
        let needed = peak.max(self.before.swap(peak, Relaxed));
        let kept = needed.saturating_sub(running).max(ALWAYS);
        let mut waiting = self.waiting();
        let unused = waiting.len().saturating_sub(kept);
        // The oldest.
        waiting.drain(..unused).collect()
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_wave_needed_is_there_for_the_next_one() {
        let spares = Spares::default();
        spares.note(1600);
        (0..1600).for_each(|guest| spares.give(guest));
        assert!(spares.tidy(0).is_empty());
        assert_eq!(spares.take(), Some(1599));
        spares.give(1599);
        spares.note(1000);
        assert!(spares.tidy(0).is_empty(), "the span before needed them all");
    }

    #[test]
    fn what_nobody_needs_for_a_span_goes_from_the_oldest_on() {
        let spares = Spares::default();
        spares.note(1600);
        (0..1600).for_each(|guest| spares.give(guest));
        assert!(spares.tidy(0).is_empty());
        spares.note(100);
        assert!(spares.tidy(0).is_empty());
        let unused = spares.tidy(0);
        assert_eq!((unused.len(), unused[0]), (1500, 0));
        assert_eq!(spares.tidy(0).len(), 100 - ALWAYS);
        assert!(spares.tidy(0).is_empty(), "a few stay");
    }

    #[test]
    fn those_that_run_are_none_of_what_is_kept() {
        let spares = Spares::default();
        spares.note(1000);
        (0..600).for_each(|guest| spares.give(guest));
        assert!(spares.tidy(400).is_empty());
        assert!(spares.tidy(400).is_empty());
        assert_eq!(spares.tidy(400).len(), 600 - ALWAYS);
    }
}
