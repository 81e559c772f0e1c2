//! Callers who wait until an agent is free.

use std::collections::VecDeque;

use strowger_service::LegId;

/// Callers in the order in which they are served, each with the place that he was told.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<(LegId, usize)>,
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Puts a caller at the end.
    pub(crate) fn join(&mut self, caller: LegId) {
        self.waiting.push_back((caller, 0));
    }

    /// Puts a caller who was nearly served back to the front.
    pub(crate) fn rejoin(&mut self, caller: LegId) {
        self.waiting.push_front((caller, 0));
    }

    pub(crate) fn leave(&mut self, caller: LegId) {
        self.waiting.retain(|(waiting, _)| *waiting != caller);
    }

    /// The caller who is served next.
    pub(crate) fn take(&mut self) -> Option<LegId> {
        self.waiting.pop_front().map(|(caller, _)| caller)
    }

    /// The callers whose place, counted from 1, has changed since they were told.
    pub(crate) fn moved(&mut self) -> Vec<(LegId, usize)> {
        let mut moved = Vec::new();
        for (at, (caller, told)) in self.waiting.iter_mut().enumerate() {
            if *told != at + 1 {
                *told = at + 1;
                moved.push((*caller, at + 1));
            }
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_has_moved_is_told_his_place() {
        let leg = LegId::new;
        let mut queue = Queue::default();
        queue.join(leg(1));
        queue.join(leg(2));
        assert_eq!(queue.moved(), [(leg(1), 1), (leg(2), 2)]);
        queue.join(leg(3));
        assert_eq!(queue.moved(), [(leg(3), 3)]);
        queue.leave(leg(2));
        assert_eq!(queue.moved(), [(leg(3), 2)]);
        let first = queue.take();
        queue.rejoin(leg(1));
        assert_eq!(
            (first, queue.moved(), queue.len()),
            (Some(leg(1)), vec![(leg(1), 1)], 2)
        );
    }
}
