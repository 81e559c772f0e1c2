//! How many handshakes were refused, and why.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use strowger_auth::Refused;
use strowger_channel::net::TurnedAway;

/// The reasons that a node has beside those of its listeners and of authentication.
pub(super) const RATE: &str = "rate";
pub(super) const NODE: &str = "node_credential";
pub(super) const DRAINING: &str = "draining";
pub(super) const TAKEN: &str = "name_taken";

/// Counts by reason. The reasons are a list, so what peers do makes no new ones.
#[derive(Debug)]
pub(super) struct Refusals(Mutex<BTreeMap<&'static str, u64>>);

impl Default for Refusals {
    /// Every reason is there from the start, so that a first refusal is an increase.
    fn default() -> Self {
        let listeners = TurnedAway::ALL.into_iter().map(TurnedAway::as_str);
        let own = [RATE, NODE, DRAINING, TAKEN];
        let reasons = listeners.chain(own).chain(Refused::REASONS);
        Self(Mutex::new(reasons.map(|reason| (reason, 0)).collect()))
    }
}

impl Refusals {
    pub(super) fn count(&self, reason: &'static str) {
        if let Some(count) = self.counts().get_mut(reason) {
            *count += 1;
        }
    }

    pub(super) fn read(&self) -> BTreeMap<&'static str, u64> {
        self.counts().clone()
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<&'static str, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_counted_from_the_start_and_no_other_is() {
        let refusals = Refusals::default();
        refusals.count(RATE);
        refusals.count("invented");
        let counts = refusals.read();
        assert_eq!((counts[RATE], counts[DRAINING]), (1, 0));
        assert!(!counts.contains_key("invented"));
        assert_eq!(
            counts.len(),
            TurnedAway::ALL.len() + 4 + Refused::REASONS.len(),
            "no two are called alike"
        );
    }
}
