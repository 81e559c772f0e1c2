//! Looks at credentials: fetches key sets, asks the operator's endpoint. What anything means is `strowger-auth`'s.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsip::UserId;
use strowger_auth::callback::{self, Asked, Handshake};
use strowger_auth::{
    Credential, Found, Issuer, Key, Keyring, KeyringSettings, Keys, Next, Policy, Refused, Timestamp,
    Unverified, token,
};
use strowger_channel::net::Knock;
use strowger_service::HttpRequest;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::WebSettings;
use super::web::fetch;

/// The least time between two warnings about the same thing.
const QUIET: Duration = Duration::from_secs(10);

/// How users prove who they are.
#[derive(Clone, Debug)]
pub struct AuthSettings {
    /// What is believed.
    pub policy: Policy,
    /// How long published keys are kept.
    pub keyring: KeyringSettings,
    /// How long the fetch of a key set may take.
    pub key_set_timeout: Duration,
    /// The endpoint that is asked.
    pub callback: Option<CallbackSettings>,
    /// How key sets and the endpoint are reached.
    pub web: WebSettings,
}

/// An endpoint that says who may come in.
#[derive(Clone, PartialEq, Eq)]
pub struct CallbackSettings {
    /// Its URL.
    pub url: String,
    /// How long an answer may take, waiting for a turn included; then the peer is refused.
    pub timeout: Duration,
    /// How many questions may be open at a time.
    pub concurrent: usize,
}

/// A URL may hold a secret.
impl fmt::Debug for CallbackSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackSettings")
            .field("timeout", &self.timeout)
            .field("concurrent", &self.concurrent)
            .finish_non_exhaustive()
    }
}

/// Looks at credentials, from any thread with a runtime.
#[derive(Debug)]
pub(super) struct Authentication {
    settings: Arc<AuthSettings>,
    /// One for each issuer.
    rings: Vec<Arc<Ring>>,
    turns: Semaphore,
    warned: Mutex<Option<Instant>>,
}

/// The published keys of one issuer.
#[derive(Debug)]
struct Ring {
    keyring: Mutex<Keyring>,
    /// Held while the key set is fetched, so that those who need it wait for one fetch.
    flight: tokio::sync::Mutex<()>,
}

impl Ring {
    fn lock(&self) -> MutexGuard<'_, Keyring> {
        self.keyring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Authentication {
    pub(super) fn new(settings: AuthSettings) -> Self {
        Self::following(None, settings)
    }

    /// With other settings than before. The keys that an issuer publishes are kept where it is the same, so that a change of
    /// something else needs nobody who publishes them.
    pub(super) fn following(before: Option<&Self>, settings: AuthSettings) -> Self {
        let ring = |issuer: &Issuer| {
            let kept = before.and_then(|before| before.ring_of(issuer, settings.keyring));
            kept.unwrap_or_else(|| {
                Arc::new(Ring {
                    keyring: Mutex::new(Keyring::new(settings.keyring)),
                    flight: tokio::sync::Mutex::new(()),
                })
            })
        };
        let concurrent = settings
            .callback
            .as_ref()
            .map_or(1, |callback| callback.concurrent);
        Self {
            rings: settings.policy.issuers.iter().map(ring).collect(),
            turns: Semaphore::new(concurrent.clamp(1, Semaphore::MAX_PERMITS)),
            warned: Mutex::new(None),
            settings: Arc::new(settings),
        }
    }

    /// The published keys of an issuer that is the same as one here.
    fn ring_of(&self, issuer: &Issuer, keyring: KeyringSettings) -> Option<Arc<Ring>> {
        let issuers = self.settings.policy.issuers.iter();
        let place = issuers.into_iter().position(|known| known == issuer)?;
        let ring = self.rings.get(place).map(Arc::clone);
        ring.filter(|_| self.settings.keyring == keyring)
    }

    /// Decides about a peer at the door.
    pub(super) async fn admit(&self, knock: &Knock<'_>) -> Result<Credential, Refused> {
        let token = token::find(knock.uri.query(), knock.headers)?;
        let url = knock.uri.path_and_query().map_or("", |path| path.as_str());
        let address = knock.address.to_string();
        let asked = Asked {
            name: knock.name,
            token: token.as_deref(),
            handshake: Some(Handshake {
                url,
                address: &address,
                headers: knock.headers,
            }),
        };
        self.decide(&asked).await
    }

    /// Decides about a user who is in and shows another token.
    pub(super) async fn renew(&self, name: &UserId, token: &str) -> Result<Credential, Refused> {
        let asked = Asked {
            name,
            token: Some(token),
            handshake: None,
        };
        self.decide(&asked).await
    }

    async fn decide(&self, asked: &Asked<'_>) -> Result<Credential, Refused> {
        match self.settings.policy.identify(asked.token)? {
            Next::Known(credential) => credential.for_name(asked.name),
            Next::Verify(token) => {
                let keys = self.keys(&token).await?;
                self.settings.policy.verify(now(), &token, &keys, asked.name)
            }
            Next::Ask => self.ask(asked).await,
        }
    }

    /// The keys for a token, fetched if need be.
    async fn keys(&self, token: &Unverified<'_>) -> Result<Keys, Refused> {
        let place = token.issuer();
        let (Some(issuer), Some(ring)) = (self.settings.policy.issuers.get(place), self.rings.get(place))
        else {
            return Err(Refused::Issuer);
        };
        if let Some(keys) = issuer.keys() {
            return Ok(keys);
        }
        let found = {
            let keyring = ring.lock();
            (keyring.find(now(), token.key_id()), keyring.is_due(now()))
        };
        match found {
            (Found::Keys(keys), false) => return Ok(keys),
            (Found::Refused(refused), _) => return Err(refused),
            (Found::Keys(_), true) | (Found::Fetch, _) => {}
        }
        // A task of its own: a peer that hangs up must not keep the keys from everybody else.
        let fetching = tokio::spawn(fly(Arc::clone(ring), place, Arc::clone(&self.settings)));
        if fetching.await.is_err() {
            return Err(Refused::NoKeys);
        }
        ring.lock().known(now(), token.key_id())
    }

    /// Asks the endpoint.
    async fn ask(&self, asked: &Asked<'_>) -> Result<Credential, Refused> {
        let Some(settings) = &self.settings.callback else {
            return Err(Refused::Unknown);
        };
        let answer = async {
            // Never closed.
            let _turn = self.turns.acquire().await.ok();
            let mut request = HttpRequest::new("POST", &settings.url);
            request.timeout = settings.timeout;
            let json = ("content-type".to_owned(), "application/json".to_owned());
            request.headers.push(json);
            request.body = callback::question(asked).into_bytes();
            fetch(&request, &self.settings.web).await
        };
        let response = match timeout(settings.timeout, answer).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                self.warn(&error.to_string());
                return Err(Refused::NoAnswer);
            }
            Err(_) => {
                self.warn("it took too long");
                return Err(Refused::NoAnswer);
            }
        };
        let result = callback::answer(now(), asked.name, response.status, &response.body);
        if result == Err(Refused::NoAnswer) {
            self.warn(&format!(
                "it answered {} with something that decides nothing",
                response.status
            ));
        }
        result
    }

    /// Tells the operator why peers are refused, now and then.
    fn warn(&self, why: &str) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.is_none_or(|at| at.elapsed() >= QUIET) {
            *warned = Some(Instant::now());
            tracing::warn!(
                why,
                "who decides about users (auth.callback) cannot be asked, so they are refused"
            );
        }
    }
}

/// Says that a fetch is over, whatever becomes of it.
struct Flight<'r> {
    ring: &'r Ring,
    keys: Option<Vec<Key>>,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.ring.lock().finish(now(), self.keys.take());
    }
}

/// Fetches the key set of an issuer, unless another has done so a moment ago.
async fn fly(ring: Arc<Ring>, place: usize, settings: Arc<AuthSettings>) {
    let _alone = ring.flight.lock().await;
    let issuer = settings.policy.issuers.get(place);
    let Some((issuer, url)) = issuer.and_then(|issuer| Some((issuer, issuer.key_set()?))) else {
        return;
    };
    if !ring.lock().begin(now()) {
        return;
    }
    let mut flight = Flight {
        ring: &ring,
        keys: None,
    };
    let mut request = HttpRequest::new("GET", url);
    request.timeout = settings.key_set_timeout;
    let why = match fetch(&request, &settings.web).await {
        Ok(response) if response.status == 200 => match issuer.read_key_set(&response.body) {
            Ok(keys) => {
                flight.keys = Some(keys);
                return;
            }
            Err(why) => why.to_owned(),
        },
        Ok(response) => format!("the answer was {}", response.status),
        Err(error) => error.to_string(),
    };
    tracing::warn!(
        issuer = issuer.name(),
        why,
        "the keys of an issuer cannot be fetched"
    );
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    // A clock before 1970 shows no time at all, and then everything has expired.
    Timestamp(since.map_or(u64::MAX, |since| since.as_secs()))
}

#[cfg(test)]
mod tests;
