//! What is to happen when.

use std::collections::BTreeMap;

use crate::Instant;

/// Names one entry of a [`Deadlines`], for cancelling it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeadlineId {
    at: Instant,
    order: u64,
}

impl DeadlineId {
    /// When the entry is due.
    pub const fn at(self) -> Instant {
        self.at
    }
}

/// A queue of values, each due at an instant; values due at the same instant come out in the order they were set.
///
/// Setting, cancelling and taking cost O(log n). The owner bounds the number of entries by bounding what they
/// belong to.
#[derive(Clone, Debug)]
pub struct Deadlines<T> {
    entries: BTreeMap<DeadlineId, T>,
    order: u64,
}

impl<T> Default for Deadlines<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Deadlines<T> {
    /// An empty queue.
    pub const fn new() -> Self {
        Self {
            entries: BTreeMap::new(),
            order: 0,
        }
    }

    /// Adds `value`, due at `at`.
    pub fn set(&mut self, at: Instant, value: T) -> DeadlineId {
        self.order += 1;
        let id = DeadlineId {
            at,
            order: self.order,
        };
        self.entries.insert(id, value);
        id
    }

    /// Takes an entry out before it is due; `None` if it was taken already.
    pub fn cancel(&mut self, id: DeadlineId) -> Option<T> {
        self.entries.remove(&id)
    }

    /// The earliest instant at which an entry is due.
    pub fn earliest(&self) -> Option<Instant> {
        self.entries.first_key_value().map(|(id, _)| id.at)
    }

    /// Takes the earliest entry that is due at `now`.
    pub fn pop_due(&mut self, now: Instant) -> Option<T> {
        let first = self.entries.first_entry()?;
        (first.key().at <= now).then(|| first.remove())
    }

    /// How many entries wait.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(micros: u64) -> Instant {
        Instant::from_micros(micros)
    }

    #[test]
    fn entries_come_out_by_time_then_by_order_of_setting() {
        let mut deadlines = Deadlines::new();
        deadlines.set(at(2), "b");
        deadlines.set(at(1), "a");
        deadlines.set(at(2), "c");
        assert_eq!(deadlines.pop_due(at(2)), Some("a"));
        assert_eq!(deadlines.pop_due(at(2)), Some("b"));
        assert_eq!(deadlines.pop_due(at(2)), Some("c"));
        assert!(deadlines.is_empty());
    }

    #[test]
    fn nothing_comes_out_before_it_is_due() {
        let mut deadlines = Deadlines::new();
        deadlines.set(at(5), ());
        assert_eq!(deadlines.pop_due(at(4)), None);
        assert_eq!(deadlines.len(), 1);
    }

    #[test]
    fn a_cancelled_entry_never_comes_out() {
        let mut deadlines = Deadlines::new();
        let id = deadlines.set(at(1), ());
        assert_eq!(deadlines.cancel(id), Some(()));
        assert_eq!(deadlines.cancel(id), None);
        assert_eq!(deadlines.pop_due(at(9)), None);
    }
}
