//! What a peer has proven.

use std::sync::Arc;
use std::time::Duration;

use jsip::UserId;

use crate::{Grants, Refused};

/// No credential holds longer: whoever gives one out for ever is asked again after a year.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// A point in time as tokens write it: seconds since the beginning of 1970, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// How long it is from `earlier` to here; nothing if it was before.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(self.0.saturating_sub(earlier.0))
    }
}

/// What a peer has proven: who it is, for how long that holds, and what it may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Who the peer is, whatever name its channel has.
    pub identity: UserId,
    /// For how long from now on it holds; `None`: until it is changed.
    pub valid_for: Option<Duration>,
    /// What it allows; `None`: the name of the identity, and everything under it.
    pub grants: Option<Arc<Grants>>,
}

impl Credential {
    pub(crate) fn new(identity: UserId, valid_for: Option<Duration>, grants: Option<Grants>) -> Self {
        Self {
            identity,
            valid_for: valid_for.map(|valid_for| valid_for.min(LONGEST)),
            grants: grants.map(Arc::new),
        }
    }

    /// Checks that a channel may be opened under this name: that of the identity, or one that it was granted.
    ///
    /// # Errors
    ///
    /// [`Refused::NotYours`].
    pub fn for_name(self, name: &UserId) -> Result<Self, Refused> {
        let granted = self.grants.as_ref().is_some_and(|grants| grants.names(name));
        if granted || self.identity == *name {
            Ok(self)
        } else {
            Err(Refused::NotYours)
        }
    }
}
