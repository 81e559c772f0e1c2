//! Which calls a user takes part in, so that a list of them costs what is in it, not what lies between.

use std::collections::BTreeSet;
use std::sync::Arc;

/// The places of calls by the names of their parties: for each call as many entries as it has different ones.
#[derive(Debug, Default)]
pub(super) struct Users(BTreeSet<(Arc<str>, u64)>);

impl Users {
    /// Says whether a user takes part in a call.
    pub(super) fn set(&mut self, name: &Arc<str>, place: u64, takes_part: bool) {
        let entry = (Arc::clone(name), place);
        if takes_part {
            self.0.insert(entry);
        } else {
            self.0.remove(&entry);
        }
    }

    /// The places of a user's calls before another place, the latest first.
    pub(super) fn calls<'a>(&'a self, user: &str, before: u64) -> impl Iterator<Item = u64> + use<'a> {
        let name: Arc<str> = user.into();
        let range = (Arc::clone(&name), 0)..(name, before);
        self.0.range(range).rev().map(|(_, place)| *place)
    }

    /// How many entries there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
