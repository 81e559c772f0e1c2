//! The published keys of one issuer, as they are known here: when to fetch them, and for how long they are good.

use std::sync::Arc;
use std::time::Duration;

use crate::{Key, Refused, Timestamp};

/// How long keys are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyringSettings {
    /// The age at which keys are fetched again, while the old ones still hold. Default 1 h.
    pub refresh: Duration,
    /// The least time between two fetches, whatever tokens ask for. Default 30 s.
    pub retry: Duration,
    /// The age at which keys that could not be fetched again hold no longer. Default 1 day.
    pub max_age: Duration,
}

impl Default for KeyringSettings {
    fn default() -> Self {
        Self {
            refresh: Duration::from_secs(3600),
            retry: Duration::from_secs(30),
            max_age: Duration::from_secs(24 * 3600),
        }
    }
}

/// What a [`Keyring`] has for a token.
#[derive(Clone, Debug)]
pub enum Found {
    /// Keys to verify it with.
    Keys(Arc<[Key]>),
    /// Nothing, and a fetch may change that: [`Keyring::begin`].
    Fetch,
    /// Nothing, and it is too early to ask again.
    Refused(Refused),
}

/// The published keys of one issuer. Whoever owns it fetches them: [`Keyring::begin`], then [`Keyring::finish`].
#[derive(Debug)]
pub struct Keyring {
    settings: KeyringSettings,
    keys: Arc<[Key]>,
    fetched: Option<Timestamp>,
    attempted: Option<Timestamp>,
    is_fetching: bool,
}

impl Keyring {
    /// No keys yet.
    pub fn new(settings: KeyringSettings) -> Self {
        Self {
            settings,
            keys: Arc::new([]),
            fetched: None,
            attempted: None,
            is_fetching: false,
        }
    }

    /// The keys for a token that names this key, or none.
    pub fn find(&self, now: Timestamp, key_id: Option<&str>) -> Found {
        // After a long time without users, what was taken back meanwhile must not be believed first.
        let is_stale = self
            .fetched
            .is_none_or(|fetched| now.since(fetched) >= self.settings.refresh * 2);
        let may_fetch = self.is_fetching || self.may_try(now);
        match self.known(now, key_id) {
            Ok(keys) if !(is_stale && may_fetch) => Found::Keys(keys),
            Ok(_) | Err(_) if may_fetch => Found::Fetch,
            Ok(keys) => Found::Keys(keys),
            Err(refused) => Found::Refused(refused),
        }
    }

    /// The same for one who has waited for a fetch, and will not for another.
    ///
    /// # Errors
    ///
    /// [`Refused::Key`], [`Refused::NoKeys`].
    pub fn known(&self, now: Timestamp, key_id: Option<&str>) -> Result<Arc<[Key]>, Refused> {
        let is_over = |fetched| now.since(fetched) >= self.settings.max_age;
        if self.fetched.is_none_or(is_over) {
            return Err(Refused::NoKeys);
        }
        // A key without a name may be any.
        let is_named = |id: &str| {
            self.keys
                .iter()
                .any(|key| key.id().is_none_or(|known| known == id))
        };
        if key_id.is_none_or(is_named) {
            Ok(Arc::clone(&self.keys))
        } else {
            Err(Refused::Key)
        }
    }

    /// Whether the keys should be fetched by now, whether a token asks for them or not.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let is_old = self
            .fetched
            .is_none_or(|fetched| now.since(fetched) >= self.settings.refresh);
        is_old && self.may_try(now)
    }

    fn may_try(&self, now: Timestamp) -> bool {
        let is_early = |attempted| now.since(attempted) < self.settings.retry;
        !self.is_fetching && !self.attempted.is_some_and(is_early)
    }

    /// Begins a fetch; `false`: one runs, or the last was a moment ago.
    pub fn begin(&mut self, now: Timestamp) -> bool {
        let may = self.may_try(now);
        if may {
            self.attempted = Some(now);
            self.is_fetching = true;
        }
        may
    }

    /// A fetch is over. Without keys the old ones are kept for as long as they are good.
    pub fn finish(&mut self, now: Timestamp, keys: Option<Vec<Key>>) {
        self.is_fetching = false;
        if let Some(keys) = keys {
            self.keys = keys.into();
            self.fetched = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Algorithm;

    fn key(id: &str) -> Key {
        Key::curve(Some(id.to_owned()), &[Algorithm::EdDsa], "Ed25519", &[1; 32], &[]).unwrap()
    }

    #[track_caller]
    fn check(ring: &Keyring, at: u64, id: Option<&str>, expected: &str) {
        let found = match ring.find(Timestamp(at), id) {
            Found::Keys(_) => "keys".to_owned(),
            Found::Fetch => "fetch".to_owned(),
            Found::Refused(refused) => refused.to_string(),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn keys_are_fetched_once_refreshed_and_good_for_a_day() {
        let mut ring = Keyring::new(KeyringSettings::default());
        check(&ring, 0, Some("a"), "fetch");
        assert!(ring.is_due(Timestamp(0)) && ring.begin(Timestamp(0)) && !ring.begin(Timestamp(0)));
        check(&ring, 1, Some("a"), "fetch");
        ring.finish(Timestamp(2), Some(vec![key("a")]));
        check(&ring, 2, Some("a"), "keys");
        check(&ring, 2, None, "keys");
        assert!(!ring.is_due(Timestamp(3600)) && ring.is_due(Timestamp(3602)));
        assert!(ring.begin(Timestamp(3602)));
        ring.finish(Timestamp(3603), None);
        check(&ring, 3603, Some("a"), "keys");
        check(&ring, 7201, Some("a"), "keys");
        check(&ring, 7202, Some("a"), "fetch");
        check(&ring, 2 + 86_400, Some("a"), "fetch");
        assert!(ring.begin(Timestamp(90_000)));
        ring.finish(Timestamp(90_000), None);
        check(
            &ring,
            90_001,
            Some("a"),
            "the keys of the token's issuer cannot be had now",
        );
    }

    #[test]
    fn an_unknown_key_is_looked_for_once_in_thirty_seconds() {
        let mut ring = Keyring::new(KeyringSettings::default());
        assert!(ring.begin(Timestamp(100)));
        ring.finish(Timestamp(100), Some(vec![key("a")]));
        check(&ring, 129, Some("b"), "the token's key is not known");
        check(&ring, 130, Some("b"), "fetch");
        assert!(ring.begin(Timestamp(130)));
        ring.finish(Timestamp(131), Some(vec![key("b")]));
        check(&ring, 131, Some("b"), "keys");
        check(&ring, 131, Some("a"), "the token's key is not known");
    }
}
