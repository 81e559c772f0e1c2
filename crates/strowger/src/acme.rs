//! Has the certificate of the listener with TLS issued, and issued anew before it is over, by an authority that speaks ACME
//! (RFC 8555).
//!
//! The certificate and its key are one file in the cache, which the listener reads like one that an operator wrote. Whether the
//! names lead here is shown on the listener itself (tls-alpn-01), so no other port is needed.

mod files;
mod http;
mod order;
mod validity;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use strowger_channel::net::{AddressPolicy, DialSettings, Identity, Network, Roots, Tls, TlsError};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::config::Config;
use files::Cache;
use order::OrderError;

/// Below `data`, where account and certificate are kept if nothing else is said.
const CACHE: &str = "acme";
/// The longest an order may take.
const ORDER_TIME: Duration = Duration::from_secs(300);
/// How long one request to the authority may take to connect.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// The pause after a first failure; it doubles, since authorities count failures.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 3600);
/// How often the time that is left is looked at: clocks are set, and machines sleep.
const LOOK: Duration = Duration::from_secs(3600);

/// Why no certificate can be ordered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcmeError {
    /// The cache cannot be used.
    #[error("{}: {source}", path.display())]
    Cache {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// There are no certificates to know the authority's own server by.
    #[error("roots: {0}")]
    Roots(#[from] TlsError),
}

/// What is ordered, from whom, and where it is kept.
#[derive(Debug)]
pub(crate) struct Acme {
    directory: String,
    contact: Option<String>,
    domains: Vec<String>,
    dial: DialSettings,
    cache: Cache,
}

impl Acme {
    /// What the configuration says; `None` if no domains are named. Makes the cache if there is none. Blocks on files.
    pub(crate) fn new(config: &Config) -> Result<Option<Self>, AcmeError> {
        let acme = &config.acme;
        if acme.domains.is_empty() {
            return Ok(None);
        }
        // The configuration was refused if it has neither.
        let data = config.server.data.as_ref().map(|data| data.join(CACHE));
        let place = acme.cache.clone().or(data).unwrap_or_default();
        let roots = acme.roots.clone().map_or(Roots::System, Roots::File);
        Ok(Some(Self {
            directory: acme.directory.clone(),
            contact: acme.contact.clone(),
            domains: acme.domains.clone(),
            dial: DialSettings {
                connect_timeout: CONNECT_TIME,
                addresses: anywhere(),
                tls: Some(Tls::new(roots)?),
            },
            cache: Cache::open(place)?,
        }))
    }

    /// The file with certificate and key; there is one, if only to begin with. Blocks on files.
    pub(crate) fn file(&self) -> Result<PathBuf, AcmeError> {
        self.cache.certificate(&self.domains)
    }

    /// Orders, and orders anew, until `stopped`. Must be called within a tokio runtime.
    pub(crate) fn keep(self, identity: Identity, mut stopped: watch::Receiver<bool>) {
        tokio::spawn(async move {
            tokio::select! {
                // The sender gone means the server is gone.
                _ = stopped.wait_for(|stopped| *stopped) => {}
                () = self.run(&identity) => {}
            }
        });
    }

    async fn run(&self, identity: &Identity) {
        let mut pause = FIRST_PAUSE;
        loop {
            let left = self.cache.left(&self.domains, SystemTime::now()).await;
            if !left.is_zero() {
                sleep(left.min(LOOK)).await;
                continue;
            }
            let ordered = timeout(ORDER_TIME, self.order(identity)).await;
            // Whatever became of it, there is nothing more to answer.
            let _ = identity.answer(Vec::new());
            match ordered.unwrap_or(Err(OrderError::TimedOut)) {
                Ok(()) => {
                    tracing::info!(domains = ?self.domains, "a certificate was issued");
                    pause = FIRST_PAUSE;
                }
                Err(error) => {
                    tracing::error!(%error, directory = self.directory, again_in = ?pause, "no certificate was issued");
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    async fn order(&self, identity: &Identity) -> Result<(), OrderError> {
        let account = order::account(self).await?;
        let pem = order::certificate(&account, &self.domains, identity).await?;
        self.cache.keep_certificate(pem, &self.domains).await?;
        let identity = identity.clone();
        // Files block; a blocking thread of the runtime may.
        let read = tokio::task::spawn_blocking(move || identity.reload()).await;
        read.map_err(|_| OrderError::TimedOut)?
            .map_err(OrderError::Unusable)?;
        Ok(())
    }
}

/// The authority is named by the operator, and may be one of a private network.
fn anywhere() -> AddressPolicy {
    let networks = ["0.0.0.0/0", "::/0"]
        .iter()
        .filter_map(|range| range.parse::<Network>().ok());
    AddressPolicy::new(networks.collect())
}
