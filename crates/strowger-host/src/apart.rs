//! What threads have apart, so that none waits for another's cache.

use std::cell::Cell;
use std::ops::Deref;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

/// How many places there are; threads beyond that share.
const PLACES: usize = 16;

/// A value in cache lines of its own. Processors fetch lines in pairs of 64 bytes.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Apart<T>(T);

impl<T> Deref for Apart<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// A value for each thread, as long as there are not too many of them.
#[derive(Debug, Default)]
pub(crate) struct PerThread<T>([Apart<T>; PLACES]);

impl<T> PerThread<T> {
    /// The value of this thread.
    pub(crate) fn own(&self) -> &T {
        &self.0[place()]
    }

    /// All values, that of this thread first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let (before, from) = self.0.split_at(place());
        from.iter().chain(before).map(Deref::deref)
    }
}

/// The place of this thread. They are given out in turn, so that threads which are started one after another have
/// different ones.
fn place() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static PLACE: Cell<Option<usize>> = const { Cell::new(None) };
    }
    PLACE.get().unwrap_or_else(|| {
        let place = NEXT.fetch_add(1, Relaxed) % PLACES;
        PLACE.set(Some(place));
        place
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_has_one_place_and_another_thread_another_one() {
        let first = place();
        assert_eq!(place(), first);
        let others = [(); 3].map(|()| std::thread::spawn(place).join().unwrap());
        assert!(others.iter().any(|other| *other != first));
    }

    #[test]
    fn its_own_value_comes_first_and_no_other_is_left_out() {
        let values = PerThread::<AtomicUsize>::default();
        values.own().store(7, Relaxed);
        let all: Vec<_> = values.iter().map(|value| value.load(Relaxed)).collect();
        assert_eq!((all[0], all.len()), (7, PLACES));
        assert_eq!(all.iter().sum::<usize>(), 7);
    }
}
