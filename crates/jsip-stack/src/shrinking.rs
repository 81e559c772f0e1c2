//! When a slab gives back what its busiest moment has left.

use slab::Slab;

/// Slabs of this size are left as they are.
const KEPT: usize = 64;

/// Shrinks a slab as it empties.
///
/// Keys stay what they are, so only what lies behind the last occupied place can be given back, and one long-lived
/// entry may hold much. Looking costs time in proportion to the slab, so it takes as many removals, less a factor of
/// eight, before it is looked at again.
#[derive(Debug, Default)]
pub(crate) struct Shrinking {
    /// Removals since the slab was looked at.
    removals: usize,
}

impl Shrinking {
    /// To be called after each removal.
    pub(crate) fn after_removal<T>(&mut self, slab: &mut Slab<T>) {
        self.removals += 1;
        let capacity = slab.capacity();
        if capacity <= KEPT || slab.len() >= capacity / 4 {
            return;
        }
        if slab.is_empty() || self.removals >= capacity / 8 {
            self.removals = 0;
            slab.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(count: usize) -> Slab<usize> {
        let mut slab = Slab::new();
        for number in 0..count {
            slab.insert(number);
        }
        slab
    }

    #[test]
    fn a_slab_that_empties_from_its_end_is_never_much_larger_than_what_is_in_it() {
        let (mut slab, mut shrinking) = (full(10_000), Shrinking::default());
        for key in (0..10_000).rev() {
            slab.remove(key);
            shrinking.after_removal(&mut slab);
            assert!(
                slab.capacity() <= KEPT.max(slab.len() * 10),
                "{}",
                slab.capacity()
            );
        }
    }

    #[test]
    fn an_entry_at_the_end_keeps_its_key_and_holds_the_rest_until_it_goes() {
        let (mut slab, mut shrinking) = (full(10_000), Shrinking::default());
        for key in 0..9_999 {
            slab.remove(key);
            shrinking.after_removal(&mut slab);
        }
        assert_eq!(slab.get(9_999), Some(&9_999));
        slab.remove(9_999);
        shrinking.after_removal(&mut slab);
        assert_eq!(slab.capacity(), 0);
    }

    #[test]
    fn a_slab_in_which_entries_come_and_go_is_left_alone() {
        let (mut slab, mut shrinking) = (full(1_000), Shrinking::default());
        let capacity = slab.capacity();
        for key in 0..700 {
            slab.remove(key);
            shrinking.after_removal(&mut slab);
        }
        for _ in 0..10_000 {
            let key = slab.insert(0);
            slab.remove(key);
            shrinking.after_removal(&mut slab);
        }
        assert_eq!(slab.capacity(), capacity);
    }
}
