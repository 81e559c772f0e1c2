//! Who gives out tokens that are believed here.

use std::sync::Arc;
use std::time::Duration;

use crate::{Algorithm, Key};

/// What is demanded of the tokens of one issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerSettings {
    /// The `iss` of its tokens, compared byte by byte.
    pub issuer: String,
    /// The `aud` of which its tokens must have one.
    pub audience: Vec<String>,
    /// The algorithms that its tokens may be signed with.
    pub algorithms: Vec<Algorithm>,
    /// By how much its clock and ours may differ.
    pub leeway: Duration,
    /// The claim that says who the user is.
    pub identity_claim: String,
    /// The claim with the user's [`Grants`](crate::Grants).
    pub grants_claim: String,
    /// The hosts of its users; a user without one is of the first. Empty: any, and each must have one.
    pub hosts: Vec<String>,
}

/// Where the keys of an issuer come from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    /// From files.
    Files(Arc<[Key]>),
    /// From a key set (RFC 7517) at this URL.
    KeySet(String),
}

/// Who gives out tokens that are believed here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    pub(crate) settings: IssuerSettings,
    source: Source,
}

impl Issuer {
    /// An issuer whose keys are known.
    pub fn with_keys(settings: IssuerSettings, keys: Vec<Key>) -> Self {
        Self {
            settings,
            source: Source::Files(keys.into()),
        }
    }

    /// An issuer that publishes its keys at a URL. Symmetric algorithms are left out: what is published is no secret.
    pub fn with_key_set(settings: IssuerSettings, url: String) -> Self {
        let mut settings = settings;
        settings.algorithms.retain(|algorithm| !algorithm.is_symmetric());
        Self {
            settings,
            source: Source::KeySet(url),
        }
    }

    /// Its `iss`.
    pub fn name(&self) -> &str {
        &self.settings.issuer
    }

    /// Its keys, where they are known from the start.
    pub fn keys(&self) -> Option<Arc<[Key]>> {
        match &self.source {
            Source::Files(keys) => Some(Arc::clone(keys)),
            Source::KeySet(_) => None,
        }
    }

    /// Where its keys are published.
    pub fn key_set(&self) -> Option<&str> {
        match &self.source {
            Source::Files(_) => None,
            Source::KeySet(url) => Some(url),
        }
    }

    /// Reads a key set of this issuer; what cannot be used of it is left out.
    ///
    /// # Errors
    ///
    /// What is wrong with it, where no key can be used.
    pub fn read_key_set(&self, json: &[u8]) -> Result<Vec<Key>, &'static str> {
        crate::jwks::read(json, &self.settings.algorithms)
    }
}
