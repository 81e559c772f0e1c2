//! The legs of one instance.

use jsip_stack::DialogKey;
use slab::Slab;
use strowger_service::LegId;

/// The place of a leg among those of its instance that have not ended; small, so that it fits into the stack's owner.
/// (Numbers of legs do not: an instance that sends messages for a year opens more than any part of an owner can tell
/// apart.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(pub(crate) usize);

/// More legs than this at a time cannot be told apart.
pub(crate) const MOST_LEGS: usize = (1 << 20) - 1;

/// Stands in the slot of a leg that was given up; legs count from 1.
const NOBODY: LegId = LegId::new(0);

#[derive(Clone, Copy, Debug)]
struct Leg {
    id: LegId,
    dialog: DialogKey,
    slot: Slot,
}

/// Legs that have not ended.
#[derive(Debug, Default)]
pub(crate) struct Legs {
    /// In the order of their numbers.
    legs: Vec<Leg>,
    slots: Slab<LegId>,
}

impl Legs {
    pub(crate) const fn len(&self) -> usize {
        self.legs.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.legs.is_empty()
    }

    /// The slot that the next leg gets.
    pub(crate) fn next_slot(&self) -> Slot {
        Slot(self.slots.vacant_key())
    }

    /// Adds a leg whose number is new.
    pub(crate) fn insert(&mut self, id: LegId, dialog: DialogKey) {
        let Err(at) = self.place(id) else { return };
        let slot = Slot(self.slots.insert(id));
        self.legs.insert(at, Leg { id, dialog, slot });
    }

    pub(crate) fn remove(&mut self, id: LegId) {
        if let Ok(at) = self.place(id) {
            let leg = self.legs.remove(at);
            self.slots.try_remove(leg.slot.0);
        }
    }

    /// Removes all legs but one; their dialogs, in the order of their numbers. Their slots stay taken: what the stack has
    /// said of them already must not be told to a leg that comes after them.
    pub(crate) fn leave_only(&mut self, id: LegId) -> Vec<DialogKey> {
        let others = self.legs.extract_if(.., |leg| leg.id != id);
        let slots = &mut self.slots;
        others
            .map(|leg| {
                if let Some(slot) = slots.get_mut(leg.slot.0) {
                    *slot = NOBODY;
                }
                leg.dialog
            })
            .collect()
    }

    pub(crate) fn dialog(&self, id: LegId) -> Option<DialogKey> {
        self.place(id).ok().map(|at| self.legs[at].dialog)
    }

    /// The leg in a slot.
    pub(crate) fn at(&self, slot: Slot) -> Option<LegId> {
        self.slots.get(slot.0).copied().filter(|leg| *leg != NOBODY)
    }

    /// The dialogs of all legs, in the order of their numbers.
    pub(crate) fn dialogs(&self) -> impl Iterator<Item = DialogKey> {
        self.legs.iter().map(|leg| leg.dialog)
    }

    fn place(&self, id: LegId) -> Result<usize, usize> {
        self.legs.binary_search_by_key(&id, |leg| leg.id)
    }
}

#[cfg(test)]
mod tests {
    use jsip_stack::{Config, Owner, Stack, Token};
    use strowger_time::Instant;

    use super::*;

    fn dialogs(count: usize) -> Vec<DialogKey> {
        let mut stack = Stack::new(Config::default(), 0, 0);
        let open = |number: usize| {
            let id = jsip::DialogId::new(&format!("d{number}")).unwrap();
            let request = jsip::Request::new(jsip::Method::Message, "a@b", "a@b", "a@b");
            stack
                .open(Instant::ZERO, Owner(0), id, request, Token(0))
                .unwrap()
        };
        (0..count).map(open).collect()
    }

    #[test]
    fn legs_are_told_apart_however_many_came_before() {
        let dialogs = dialogs(2);
        let mut legs = Legs::default();
        let (old, new) = (LegId::new(1), LegId::new(1 + (1 << 20)));
        let first = legs.next_slot();
        legs.insert(old, dialogs[0]);
        let second = legs.next_slot();
        legs.insert(new, dialogs[1]);
        assert_eq!((legs.at(first), legs.at(second)), (Some(old), Some(new)));
        legs.remove(new);
        assert_eq!((legs.at(first), legs.at(second)), (Some(old), None));
        assert_eq!((legs.dialog(old), legs.dialog(new)), (Some(dialogs[0]), None));
    }

    #[test]
    fn what_was_said_of_legs_that_were_given_up_reaches_no_other() {
        let dialogs = dialogs(3);
        let mut legs = Legs::default();
        let slots = [1, 2].map(|number| {
            let slot = legs.next_slot();
            legs.insert(LegId::new(number), dialogs[number as usize - 1]);
            slot
        });
        assert_eq!(legs.leave_only(LegId::new(1)), dialogs[1..2]);
        legs.insert(LegId::new(3), dialogs[2]);
        assert_eq!(slots.map(|slot| legs.at(slot)), [Some(LegId::new(1)), None]);
    }

    #[test]
    fn legs_are_listed_by_number_whatever_their_slots() {
        let dialogs = dialogs(4);
        let mut legs = Legs::default();
        for number in 0..3 {
            legs.insert(LegId::new(number), dialogs[number as usize]);
        }
        legs.remove(LegId::new(0));
        legs.insert(LegId::new(3), dialogs[3]);
        assert_eq!(legs.next_slot(), Slot(3));
        assert_eq!(legs.dialogs().collect::<Vec<_>>(), dialogs[1..]);
        assert_eq!(legs.len(), 3);
    }
}
