//! Who may come in.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use jsip::UserId;
use strowger_auth::{Class, Credential, Refused};
use strowger_channel::net::{Admission, Decision, Handover, Knock, Refusal, Ticket, TurnedAway};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::authentication::Authentication;
use super::letter::Letter;
use super::refusals::{self, Refusals};
use crate::{CredentialError, LinkCredentials, LinkPolicy, Shard};

/// When a peer refused during a drain may come again: by then another process should listen.
const DRAIN_RETRY: Duration = Duration::from_secs(5);

/// When a peer refused for its handshake may come again; the next second has room for as many.
const RATE_RETRY: Duration = Duration::from_secs(2);

/// When a peer may come again whose credential could not be looked at.
const AUTH_RETRY: Duration = Duration::from_secs(5);

/// The users who own dialogs while a drain goes on: they may still reconnect.
#[derive(Debug, Default)]
pub(super) struct Owners(RwLock<HashSet<UserId>>);

impl Owners {
    /// One whose dialog ends meanwhile may still come for what waits in the outbox.
    pub(super) fn add(&self, names: impl Iterator<Item = UserId>) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(names);
    }

    /// Everything is closed from here on: who came back now would only be closed again.
    pub(super) fn clear(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn contains(&self, name: &UserId) -> bool {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(name)
    }
}

/// Decides about handshakes on the listener's threads and hands sockets to their shards.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) terms: RwLock<Terms>,
    pub(super) letters: Arc<[mpsc::UnboundedSender<Letter>]>,
    pub(super) draining: AtomicBool,
    pub(super) owners: Owners,
    pub(super) handshakes: HandshakeRate,
    pub(super) refusals: Arc<Refusals>,
}

/// What may change while the node runs.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// Who users are; `None`: whoever they say.
    pub(super) authentication: Option<Arc<Authentication>>,
    pub(super) links: LinkPolicy,
    pub(super) link_credentials: LinkCredentials,
    pub(super) handshakes_per_second: usize,
}

/// How many handshakes there were in the running second.
#[derive(Debug)]
pub(super) struct HandshakeRate {
    window: Mutex<(Instant, usize)>,
}

impl Default for HandshakeRate {
    fn default() -> Self {
        Self {
            window: Mutex::new((Instant::now(), 0)),
        }
    }
}

impl HandshakeRate {
    /// Counts one handshake; `false` if there were more than `limit`.
    fn take(&self, limit: usize) -> bool {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.0.elapsed() >= Duration::from_secs(1) {
            *window = (Instant::now(), 0);
        }
        window.1 += 1;
        window.1 <= limit
    }
}

impl Gate {
    /// What holds now.
    pub(super) fn terms(&self) -> RwLockReadGuard<'_, Terms> {
        self.terms.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has something else hold from now on.
    pub(super) fn set_terms(&self, terms: Terms) {
        *self.terms.write().unwrap_or_else(PoisonError::into_inner) = terms;
    }

    /// A node must show what links are known by; a user needs nothing here.
    fn check_node(&self, knock: &Knock<'_>) -> Result<(), Refusal> {
        let terms = self.terms();
        if !terms.links.is_node(knock.name) {
            return Ok(());
        }
        let token = knock
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        let admitted = terms.link_credentials.admit(knock.name, token, knock.certificate);
        admitted.map_err(|error| {
            let status = match error {
                CredentialError::NoNodes | CredentialError::Wrong | CredentialError::Certificate(_) => {
                    StatusCode::FORBIDDEN
                }
                CredentialError::Missing | CredentialError::NoCertificate => StatusCode::UNAUTHORIZED,
            };
            Refusal::new(status, error.to_string())
        })
    }
}

/// The answer to a peer that is not admitted. The reasons repeat nothing of a token.
fn refusal(refused: &Refused) -> Refusal {
    let reason = refused.to_string();
    match refused.class() {
        Class::Unauthenticated => {
            let challenge = match refused {
                Refused::NoToken => "Bearer",
                _ => "Bearer error=\"invalid_token\"",
            };
            let refusal = Refusal::new(StatusCode::UNAUTHORIZED, reason);
            refusal.with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
        }
        Class::Forbidden => Refusal::new(StatusCode::FORBIDDEN, reason),
        Class::Unavailable => Refusal::come_again(reason, AUTH_RETRY),
    }
}

impl Admission for Gate {
    fn admit<'a>(&'a self, knock: Knock<'a>) -> Decision<'a, Option<Credential>> {
        Box::pin(async move {
            let (limit, is_node, authentication) = {
                let terms = self.terms();
                let authentication = terms.authentication.clone();
                (
                    terms.handshakes_per_second,
                    terms.links.is_node(knock.name),
                    authentication,
                )
            };
            if !self.handshakes.take(limit) {
                self.refusals.count(refusals::RATE);
                return Err(Refusal::come_again("too many handshakes", RATE_RETRY));
            }
            self.check_node(&knock)
                .inspect_err(|_| self.refusals.count(refusals::NODE))?;
            let credential = match authentication {
                Some(authentication) if !is_node => {
                    let admitted = authentication.admit(&knock).await;
                    Some(admitted.map_err(|refused| {
                        self.refusals.count(refused.reason());
                        refusal(&refused)
                    })?)
                }
                Some(_) | None => None,
            };
            if self.draining.load(Ordering::Acquire) && !self.owners.contains(knock.name) {
                self.refusals.count(refusals::DRAINING);
                return Err(Refusal::come_again("the node is draining", DRAIN_RETRY));
            }
            Ok(credential)
        })
    }

    fn announce(&self, name: &UserId, credential: Option<Credential>) -> Decision<'static, Option<Ticket>> {
        let shard = Shard::home(name, self.letters.len() as u16);
        let letters = self.letters[usize::from(shard)].clone();
        let (answer, ticket) = oneshot::channel();
        // A shard that is gone drops the letter, and with it the question; it expects nobody.
        let _ = letters.send(Letter::Announce(name.clone(), credential, answer));
        let refusals = Arc::clone(&self.refusals);
        Box::pin(async move {
            match ticket.await {
                Ok(Ok(ticket)) => Ok(Some(ticket)),
                Ok(Err(taken)) => {
                    refusals.count(refusals::TAKEN);
                    Err(Refusal::new(StatusCode::FORBIDDEN, taken.to_string()))
                }
                Err(_) => Ok(None),
            }
        })
    }

    fn turned_away(&self, why: TurnedAway) {
        self.refusals.count(why.as_str());
    }

    fn hand_over(&self, handover: Handover) {
        let shard = Shard::home(&handover.name, self.letters.len() as u16);
        // A shard that is gone takes no sockets: dropping the handover closes it.
        let _ = self.letters[usize::from(shard)].send(Letter::Handover(handover));
    }
}
