//! What is kept for the next instances, and for how long.

use std::collections::VecDeque;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::apart::{Apart, PerThread};

/// How many are kept however long nobody needs them.
const ALWAYS: usize = 64;

/// Guests whose instance has ended, for the next ones of their version: making one costs some twenty times as much as an
/// event, and the threads of a process wait for one another while they map and unmap.
///
/// Instances come and go in waves. So what is given back is kept, which is never more than ran at a time, and whoever
/// looks now and then takes out what was not needed since he looked the last time but one.
///
/// Each thread gets back what it gave, as long as that lasts: what has just run on another core is farther away than what
/// has not run for a while.
#[derive(Debug)]
pub(crate) struct Spares<T> {
    waiting: PerThread<Mutex<VecDeque<T>>>,
    /// The most that ran at a time since the last look.
    peak: Apart<AtomicUsize>,
    /// The same of the span before it.
    before: AtomicUsize,
}

impl<T> Default for Spares<T> {
    fn default() -> Self {
        Self {
            waiting: PerThread::default(),
            peak: Apart::default(),
            before: AtomicUsize::new(0),
        }
    }
}

impl<T> Spares<T> {
    /// So many run now.
    pub(crate) fn note(&self, running: usize) {
        // Almost always it is not the most, and what is only read stays near to all.
        if running > self.peak.load(Relaxed) {
            self.peak.fetch_max(running, Relaxed);
        }
    }

    /// The one that this thread gave back last, as its memory is the likeliest to be near; else the one that is the
    /// least so for another.
    pub(crate) fn take(&self) -> Option<T> {
        let own = lock(self.waiting.own()).pop_back();
        own.or_else(|| self.waiting.iter().find_map(|waiting| lock(waiting).pop_front()))
    }

    pub(crate) fn give(&self, one: T) {
        lock(self.waiting.own()).push_back(one);
    }

    /// Ends a span in which some run still, and gives what is more than was needed in it and in the one before it.
    pub(crate) fn tidy(&self, running: usize) -> Vec<T> {
        let peak = self.peak.swap(running, Relaxed);
        let needed = peak.max(self.before.swap(peak, Relaxed));
        let kept = needed.saturating_sub(running).max(ALWAYS);
        let waiting: Vec<_> = self.waiting.iter().map(|waiting| lock(waiting).len()).collect();
        let all: usize = waiting.iter().sum();
        let mut unused = all.saturating_sub(kept);
        let share = |len: usize| (len * unused).div_ceil(all.max(1));
        let shares: Vec<_> = waiting.into_iter().map(share).collect();
        let mut taken = Vec::with_capacity(unused);
        // The oldest of each, from all alike.
        for (waiting, share) in self.waiting.iter().zip(shares) {
            let mut waiting = lock(waiting);
            let count = share.min(unused).min(waiting.len());
            taken.extend(waiting.drain(..count));
            unused -= count;
        }
        taken
    }
}

fn lock<T>(waiting: &Mutex<VecDeque<T>>) -> MutexGuard<'_, VecDeque<T>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[test]
    fn a_thread_gets_its_own_back_before_those_of_others() {
        let spares = Spares::default();
        spares.give(1);
        spares.give(2);
        let other = || {
            let first = spares.take();
            spares.give(3);
            [first, spares.take(), spares.take()]
        };
        let taken = std::thread::scope(|scope| scope.spawn(other).join().unwrap());
        // Where both have one place, it is the last that was given each time.
        assert!([[Some(1), Some(3), Some(2)], [Some(2), Some(3), Some(1)]].contains(&taken));
        assert_eq!(spares.take(), None);
    }

    #[test]
    fn what_others_gave_is_tidied_up_too() {
        let spares = Spares::default();
        (0..300).for_each(|guest| spares.give(guest));
        std::thread::scope(|scope| {
            scope.spawn(|| (300..400).for_each(|guest| spares.give(guest)));
        });
        assert_eq!(spares.tidy(0).len(), 400 - ALWAYS);
        assert_eq!(std::iter::from_fn(|| spares.take()).count(), ALWAYS);
    }
}
