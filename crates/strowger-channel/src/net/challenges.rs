//! What a certificate authority looks at to see that a name leads to this listener: ACME's tls-alpn-01, RFC 8737.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{Acceptor, ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};

/// The protocol that an authority asks for, and nobody else does.
const PROTOCOL: &[u8] = b"acme-tls/1";

/// A certificate that answers one challenge, and its key, as DER (PKCS #8).
#[derive(Clone, Debug)]
pub struct ChallengeAnswer {
    /// The name that is challenged.
    pub host: String,
    /// The certificate with the answer in it.
    pub certificate: Vec<u8>,
    /// Its key.
    pub key: Vec<u8>,
}

/// The answers to the challenges that are open.
#[derive(Debug)]
struct Answers(Vec<(String, Arc<CertifiedKey>)>);

impl ResolvesServerCert for Answers {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?;
        let answer = self.0.iter().find(|(host, _)| host.eq_ignore_ascii_case(name));
        answer.map(|(_, key)| Arc::clone(key))
    }
}

/// How an authority is answered.
pub(super) fn answering(answers: Vec<ChallengeAnswer>) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let answers: Result<Vec<_>, rustls::Error> = answers
        .into_iter()
        .map(|answer| {
            let key = PrivateKeyDer::Pkcs8(answer.key.into());
            let chain = vec![CertificateDer::from(answer.certificate)];
            let key = provider.key_provider.load_private_key(key)?;
            // Not held against each other, as elsewhere: the answer is in an extension that nobody else must understand.
            Ok((answer.host, Arc::new(CertifiedKey::new(chain, key))))
        })
        .collect();
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Answers(answers?)));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(Arc::new(config))
}

/// Reads the beginning of a handshake; answers it if it is an authority's, which takes nothing else, and gives it back otherwise.
pub(super) async fn begin<S>(stream: S, answering: Arc<ServerConfig>) -> io::Result<StartHandshake<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let is_challenge = start
        .client_hello()
        .alpn()
        .is_some_and(|mut protocols| protocols.next() == Some(PROTOCOL) && protocols.next().is_none());
    if !is_challenge {
        return Ok(start);
    }
    start.into_stream(answering).await?;
    Err(io::Error::other(
        "a challenge of a certificate authority was answered",
    ))
}
