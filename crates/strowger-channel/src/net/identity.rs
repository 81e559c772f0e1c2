//! Whom a listener with TLS says to be: a certificate and its key, which may change while it listens.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ProducesTickets;
use rustls::{ServerConfig, ServerConnection};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::challenges::{ChallengeAnswer, answering, begin};
use super::clients::{Asking, ClientCertificate};
use super::stream::Movable;
use super::tls::{Roots, TlsError, root_store};

/// The largest part of a message in one TLS record, and so what a connection that says nothing may make us hold.
const BUFFERED_BYTES: usize = 64 * 1024;

/// Where a certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityFiles {
    /// PEM: the certificate first, then those between it and its authority.
    pub certificate: PathBuf,
    /// PEM: the private key, as PKCS #8, PKCS #1 or SEC 1.
    pub key: PathBuf,
}

/// Why a certificate cannot be shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// A file cannot be read as PEM.
    #[error("cannot read {}: {fault}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: pem::Error,
    },
    /// There is no certificate in its file.
    #[error("{} holds no certificate", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The key is another certificate's, or of a kind that is not used.
    #[error("{} does not go with {}: {fault}", key.display(), certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What the TLS library says.
        fault: rustls::Error,
    },
    /// There are no authorities to know nodes by.
    #[error("client_roots: {0}")]
    ClientRoots(#[from] TlsError),
    /// The TLS library refused the settings.
    #[error("TLS cannot be used: {0}")]
    Library(#[from] rustls::Error),
}

/// A certificate and its key. Cheap to clone: what one clone reads anew, all show.
///
/// TLS 1.2 and 1.3. A client that comes back resumes its session by a ticket, which saves most of the work, also after
/// [`reload`](Self::reload); not after a restart.
#[derive(Clone, Debug)]
pub struct Identity(Arc<Shown>);

#[derive(Debug)]
struct Shown {
    files: IdentityFiles,
    client_roots: Option<PathBuf>,
    tickets: Arc<dyn ProducesTickets>,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    chain: Vec<CertificateDer<'static>>,
    asking: Option<Arc<Asking>>,
    config: Arc<ServerConfig>,
    /// For a certificate authority, while it looks.
    answering: Option<Arc<ServerConfig>>,
}

impl Identity {
    /// Reads certificate and key. Blocks on files.
    ///
    /// # Errors
    ///
    /// See [`IdentityError`].
    pub fn new(files: IdentityFiles) -> Result<Self, IdentityError> {
        Self::asking(files, None)
    }

    /// Asks clients for a certificate of the authorities in this PEM file, if there is one; none need show it to come in,
    /// see [`ClientCertificate`]. Blocks on files.
    ///
    /// # Errors
    ///
    /// See [`IdentityError`].
    pub fn asking(files: IdentityFiles, client_roots: Option<PathBuf>) -> Result<Self, IdentityError> {
        let tickets = ring::Ticketer::new()?;
        let current = Mutex::new(read(&files, client_roots.as_ref(), &tickets)?);
        Ok(Self(Arc::new(Shown {
            files,
            client_roots,
            tickets,
            current,
        })))
    }

    /// The files that it is read from.
    pub fn files(&self) -> Vec<PathBuf> {
        let IdentityFiles { certificate, key } = &self.0.files;
        let mut files = vec![certificate.clone(), key.clone()];
        files.extend(self.0.client_roots.clone());
        files
    }

    /// Reads its files again; says whether the certificate is another one. Connections that stand are not touched. Blocks on
    /// files.
    ///
    /// # Errors
    ///
    /// See [`IdentityError`]; what was shown before is shown on.
    pub fn reload(&self) -> Result<bool, IdentityError> {
        let next = read(&self.0.files, self.0.client_roots.as_ref(), &self.0.tickets)?;
        let mut current = self.current();
        let is_new = current.chain != next.chain;
        let answering = current.answering.take();
        *current = Current { answering, ..next };
        Ok(is_new)
    }

    /// Answers these challenges of a certificate authority from now on, and no others. Who connects for anything else sees
    /// nothing of it.
    ///
    /// # Errors
    ///
    /// [`IdentityError::Library`]: an answer is no certificate with its key. Nothing changes then.
    pub fn answer(&self, answers: Vec<ChallengeAnswer>) -> Result<(), IdentityError> {
        let config = if answers.is_empty() {
            None
        } else {
            Some(answering(answers)?)
        };
        self.current().answering = config;
        Ok(())
    }

    /// Shakes hands with a client, which may show a certificate.
    pub(super) async fn accept(
        &self,
        tcp: TcpStream,
    ) -> io::Result<(TlsStream<Movable>, Option<ClientCertificate>)> {
        let (config, asking, answering) = {
            let current = self.current();
            let config = Arc::clone(&current.config);
            (config, current.asking.clone(), current.answering.clone())
        };
        let tcp = Movable::Watched(tcp);
        let bound = |connection: &mut ServerConnection| {
            connection.set_buffer_limit(Some(BUFFERED_BYTES));
        };
        let stream = match answering {
            None => TlsAcceptor::from(config).accept_with(tcp, bound).await?,
            Some(answering) => {
                let start = begin(tcp, answering).await?;
                start.into_stream_with(config, bound).await?
            }
        };
        let shown = asking.and_then(|asking| asking.shown(stream.get_ref().1.peer_certificates()?));
        Ok((stream, shown))
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Current> {
        self.0.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(
    files: &IdentityFiles,
    client_roots: Option<&PathBuf>,
    tickets: &Arc<dyn ProducesTickets>,
) -> Result<Current, IdentityError> {
    let (chain, secret) = files.read()?;
    let asking = match client_roots {
        Some(file) => Some(Arc::new(Asking::new(root_store(&Roots::File(file.clone()))?)?)),
        None => None,
    };
    // The provider is named rather than taken from the process, where any dependency could have put another.
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?;
    let builder = match &asking {
        Some(asking) => builder.with_client_cert_verifier(Arc::clone(asking) as Arc<_>),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(chain.clone(), secret)
        .map_err(|fault| files.mismatch(fault))?;
    // HTTP/2 has another way to WebSocket.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ticketer = Arc::clone(tickets);
    config.send_tls13_tickets = 1;
    Ok(Current {
        chain,
        asking,
        config: Arc::new(config),
        answering: None,
    })
}

impl IdentityFiles {
    /// The chain, at least one, and the key. Blocks on files.
    pub(super) fn read(
        &self,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), IdentityError> {
        let fault = |path: &PathBuf| {
            let path = path.clone();
            move |fault| IdentityError::File { path, fault }
        };
        let Self { certificate, key } = self;
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(fault(certificate))?;
        if chain.is_empty() {
            let path = certificate.clone();
            return Err(IdentityError::Empty { path });
        }
        let secret = PrivateKeyDer::from_pem_file(key).map_err(fault(key))?;
        Ok((chain, secret))
    }

    pub(super) fn mismatch(&self, fault: rustls::Error) -> IdentityError {
        IdentityError::Mismatch {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            fault,
        }
    }
}
