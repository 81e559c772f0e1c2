//! What the configuration says about who may come in.

use std::sync::Arc;

use jsip::UserId;

use crate::claims::{self, is_of};
use crate::jws::Jws;
use crate::{Credential, Issuer, Key, Refused, Timestamp, Users};

/// What the configuration says about who may come in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Whose tokens are believed; no two have the same `iss`.
    pub issuers: Vec<Issuer>,
    /// Users whose tokens are known.
    pub users: Users,
    /// Whether an endpoint is asked about those whom nothing else decides about.
    pub has_callback: bool,
}

/// What decides about a peer.
#[derive(Debug)]
pub enum Next<'t> {
    /// Nothing more: its token is that of a user who is known.
    Known(Credential),
    /// A signature: get the issuer's keys, then [`Policy::verify`].
    Verify(Unverified<'t>),
    /// The endpoint.
    Ask,
}

/// A JWT that says it is of a known issuer.
#[derive(Debug)]
pub struct Unverified<'t> {
    issuer: usize,
    jws: Jws<'t>,
}

impl Unverified<'_> {
    /// The place of the issuer in [`Policy::issuers`].
    pub const fn issuer(&self) -> usize {
        self.issuer
    }

    /// The key that it says it was signed with.
    pub fn key_id(&self) -> Option<&str> {
        self.jws.key_id()
    }
}

/// Keys to verify a token with.
pub type Keys = Arc<[Key]>;

impl Policy {
    /// Whether nobody could come in.
    pub const fn is_empty(&self) -> bool {
        self.issuers.is_empty() && self.users.is_empty() && !self.has_callback
    }

    /// Says what decides about a peer that shows this token, or none. One decides, and what it says is final: a token that
    /// names an issuer is not shown to the endpoint when its signature does not hold.
    ///
    /// # Errors
    ///
    /// Why the peer is refused at once.
    pub fn identify<'t>(&self, token: Option<&'t str>) -> Result<Next<'t>, Refused> {
        let Some(token) = token else {
            return self.ask_or(Refused::NoToken);
        };
        if let Some(credential) = self.users.find(token) {
            return Ok(Next::Known(credential));
        }
        if self.issuers.is_empty() {
            return self.ask_or(Refused::Unknown);
        }
        let Some(jws) = Jws::read(token)? else {
            return self.ask_or(Refused::Unknown);
        };
        let named = jws.unverified_issuer();
        let issuer = |issuer: &Issuer| Some(issuer.settings.issuer.as_str()) == named.as_deref();
        match self.issuers.iter().position(issuer) {
            Some(issuer) => Ok(Next::Verify(Unverified { issuer, jws })),
            None => self.ask_or(Refused::Issuer),
        }
    }

    const fn ask_or<'t>(&self, refused: Refused) -> Result<Next<'t>, Refused> {
        if self.has_callback {
            Ok(Next::Ask)
        } else {
            Err(refused)
        }
    }

    /// Verifies a token with keys of its issuer, then its claims, then that it is for a channel of this name.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn verify(
        &self,
        now: Timestamp,
        token: &Unverified<'_>,
        keys: &[Key],
        name: &UserId,
    ) -> Result<Credential, Refused> {
        let issuer = self.issuers.get(token.issuer).ok_or(Refused::Issuer)?;
        let payload = token.jws.verify(keys)?;
        let credential = claims::credential(payload, &issuer.settings, now)?.for_name(name)?;
        // What an issuer grants may not reach beyond its own users.
        is_of(name, &issuer.settings.hosts)
            .then_some(credential)
            .ok_or(Refused::NotYours)
    }
}
