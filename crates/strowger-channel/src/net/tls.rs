//! TLS for the links we dial: whom we trust, and what a failed handshake means.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::address::bare;
use super::identity::{IdentityError, IdentityFiles};
use super::watched::WatchedFiles;

/// Trusted certificates are read again at most this often.
const READ_EVERY: Duration = Duration::from_secs(60);

/// The certificates that vouch for other nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roots {
    /// Those that the operating system trusts.
    System,
    /// Those in a PEM file, and no others.
    File(PathBuf),
}

/// Why there are no trusted certificates.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The file cannot be read as PEM.
    #[error("cannot read {}: {fault}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: rustls::pki_types::pem::Error,
    },
    /// The file has no certificate that can be trusted.
    #[error("{} holds no certificate of a certificate authority", path.display())]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },
    /// The system trusts nobody, or does not say whom.
    #[error("this system has no trusted certificates (the package is often called ca-certificates)")]
    EmptySystem,
    /// There is no certificate of our own to show, although one is named.
    #[error(transparent)]
    Identity(#[from] Box<IdentityError>),
    /// The TLS library refused the settings.
    #[error("TLS cannot be used: {0}")]
    Library(#[from] rustls::Error),
}

/// Makes TLS connections to other nodes. Cheap to clone.
///
/// The other node's certificate must be signed, at some remove, by one of the [`Roots`], be in its time, and name the
/// host that was dialled: as a DNS name, or as an IP address where that is what was dialled.
#[derive(Clone, Debug)]
pub struct Tls(Arc<Trust>);

#[derive(Debug)]
struct Trust {
    roots: Roots,
    own: Option<IdentityFiles>,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    config: Arc<ClientConfig>,
    /// When the trusted certificates may be read again.
    stale_at: Instant,
    /// The files of our own certificate.
    own: Option<WatchedFiles>,
}

impl Tls {
    /// Reads the trusted certificates. Blocks on files.
    ///
    /// # Errors
    ///
    /// See [`TlsError`].
    pub fn new(roots: Roots) -> Result<Self, TlsError> {
        Self::showing(roots, None)
    }

    /// Reads the trusted certificates, and one of our own if there is one, for whoever asks for it. Its files are looked at
    /// before each handshake, and read again when they have changed. Blocks on files.
    ///
    /// # Errors
    ///
    /// See [`TlsError`].
    pub fn showing(roots: Roots, own: Option<IdentityFiles>) -> Result<Self, TlsError> {
        // Looked at before it is read: what is written meanwhile is read again.
        let watched = own.as_ref().map(|own| {
            let IdentityFiles { certificate, key } = own.clone();
            WatchedFiles::new(vec![certificate, key])
        });
        let current = Mutex::new(Current {
            config: read(&roots, own.as_ref())?,
            stale_at: Instant::now() + READ_EVERY,
            own: watched,
        });
        Ok(Self(Arc::new(Trust { roots, own, current })))
    }

    /// Reads everything again if our own certificate has changed.
    async fn follow(&self) {
        if self.0.own.is_none() {
            return;
        }
        let trust = self.clone();
        // What fails here fails in the handshake too, and is told there.
        let _ = tokio::task::spawn_blocking(move || {
            let has_changed = match &mut trust.current().own {
                Some(own) => own.have_changed(),
                None => false,
            };
            if has_changed && trust.read_again("the certificate for links stays as it was") {
                tracing::info!("a new certificate is shown on links");
            }
        })
        .await;
    }

    /// Reads everything again. Blocks on files, without holding the lock meanwhile.
    fn read_again(&self, otherwise: &str) -> bool {
        let config = read(&self.0.roots, self.0.own.as_ref());
        let mut current = self.current();
        current.stale_at = Instant::now() + READ_EVERY;
        match config {
            Ok(config) => current.config = config,
            Err(error) => {
                tracing::error!(%error, "{otherwise}");
                return false;
            }
        }
        true
    }

    /// Shakes hands as a client.
    pub(super) async fn connect(&self, host: &str, tcp: TcpStream) -> Result<TlsStream<TcpStream>, TlsFault> {
        let name = ServerName::try_from(bare(host).to_owned()).map_err(|_| TlsFault::Name)?;
        self.follow().await;
        let config = Arc::clone(&self.current().config);
        let connecting = TlsConnector::from(config).connect(name, tcp);
        connecting.await.map_err(TlsFault::from)
    }

    /// Reads the trusted certificates again, so that a new authority needs no restart. Tells whether it did, which is
    /// not the case when they were read a short while ago or cannot be read any more.
    pub(super) async fn renew(&self) -> bool {
        if Instant::now() < self.current().stale_at {
            return false;
        }
        let trust = self.clone();
        let renewed =
            tokio::task::spawn_blocking(move || trust.read_again("trusted certificates stay as they were"));
        renewed.await.unwrap_or(false)
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Current> {
        self.0.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The certificates of authorities, at least one. Blocks on files.
pub(super) fn root_store(roots: &Roots) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    match roots {
        Roots::System => {
            let found = rustls_native_certs::load_native_certs();
            for error in &found.errors {
                tracing::warn!(%error, "a trusted certificate of this system cannot be read");
            }
            store.add_parsable_certificates(found.certs);
        }
        Roots::File(path) => {
            let fault = |fault| TlsError::File {
                path: path.clone(),
                fault,
            };
            for certificate in CertificateDer::pem_file_iter(path).map_err(fault)? {
                store.add_parsable_certificates([certificate.map_err(fault)?]);
            }
        }
    }
    if store.is_empty() {
        return Err(match roots {
            Roots::System => TlsError::EmptySystem,
            Roots::File(path) => TlsError::EmptyFile { path: path.clone() },
        });
    }
    Ok(store)
}

fn read(roots: &Roots, own: Option<&IdentityFiles>) -> Result<Arc<ClientConfig>, TlsError> {
    // The provider is named rather than taken from the process, where any dependency could have put another.
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(root_store(roots)?);
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some(files) => {
            let (chain, key) = files.read().map_err(Box::new)?;
            let shown = builder.with_client_auth_cert(chain, key);
            shown.map_err(|fault| Box::new(files.mismatch(fault)))?
        }
    };
    // A proxy in front of the node must not choose HTTP/2, which has another way to WebSocket.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Why a TLS handshake failed, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsFault {
    /// The host can stand in no certificate.
    #[error("the host can stand in no certificate")]
    Name,
    /// The chain of the certificate ends outside of the trusted ones.
    #[error("its certificate is signed by nobody we trust: is its authority in links.roots?")]
    UnknownIssuer,
    /// The certificate is for others.
    #[error("its certificate is not for this host but for {0}: dial it by a name that its certificate has")]
    WrongName(String),
    /// The certificate is too old.
    #[error("its certificate has expired: renew it there")]
    Expired,
    /// The certificate is from the future.
    #[error("its certificate is not valid yet: is the clock right on both nodes?")]
    NotYetValid,
    /// The certificate will not do for another reason.
    #[error("its certificate is not accepted: {0}")]
    Certificate(rustls::Error),
    /// The answer is no TLS.
    #[error(
        "it does not speak TLS on this port: dial its TLS port, or set links.tls to off on a network you trust"
    )]
    NotTls,
    /// The other side hung up.
    #[error("it hung up during the TLS handshake: is this its TLS port?")]
    HungUp,
    /// Anything else.
    #[error("TLS handshake failed: {0}")]
    Other(io::Error),
}

impl TlsFault {
    /// Whether trying again is of no use until somebody has changed something.
    pub(super) const fn is_lasting(&self) -> bool {
        match self {
            Self::Name
            | Self::UnknownIssuer
            | Self::WrongName(_)
            | Self::Expired
            | Self::NotYetValid
            | Self::Certificate(_) => true,
            Self::NotTls | Self::HungUp | Self::Other(_) => false,
        }
    }
}

impl From<io::Error> for TlsFault {
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(rustls::Error::InvalidCertificate(fault)) => Self::from_certificate(fault),
            Some(rustls::Error::InvalidMessage(_)) => Self::NotTls,
            Some(_) => Self::Other(error),
            None if error.kind() == io::ErrorKind::UnexpectedEof => Self::HungUp,
            None => Self::Other(error),
        }
    }
}

impl TlsFault {
    fn from_certificate(fault: &CertificateError) -> Self {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the library's error is open")]
        match fault {
            // A wrong signature is what an authority looks like that was made anew under its old name.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownIssuer,
            CertificateError::NotValidForName => Self::WrongName("others".to_owned()),
            CertificateError::NotValidForNameContext { presented, .. } => {
                Self::WrongName(presented.join(", "))
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
            other => Self::Certificate(rustls::Error::InvalidCertificate(other.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> Vec<u8> {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(["n2.example.com".to_owned()]).unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    fn pem(certificates: &[Vec<u8>]) -> String {
        use base64::Engine as _;
        let blocks = certificates.iter().map(|certificate| {
            let text = base64::engine::general_purpose::STANDARD.encode(certificate);
            format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
        });
        blocks.collect()
    }

    #[tokio::test]
    async fn roots_are_read_again_after_a_while_and_kept_if_they_cannot_be_read() {
        let file = std::env::temp_dir().join(format!("strowger-roots-{}.pem", std::process::id()));
        std::fs::write(&file, pem(&[root()])).unwrap();
        let tls = Tls::new(Roots::File(file.clone())).unwrap();
        let first = Arc::clone(&tls.current().config);
        assert!(!tls.renew().await, "read a moment ago");
        tls.current().stale_at = Instant::now();
        std::fs::write(&file, pem(&[root(), root()])).unwrap();
        assert!(tls.renew().await && !tls.renew().await);
        let second = Arc::clone(&tls.current().config);
        assert!(!Arc::ptr_eq(&first, &second));
        std::fs::remove_file(&file).unwrap();
        tls.current().stale_at = Instant::now();
        assert!(!tls.renew().await);
        assert!(Arc::ptr_eq(&second, &tls.current().config));
    }
}
