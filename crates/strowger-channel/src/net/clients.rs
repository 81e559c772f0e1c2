//! What a client proves by a certificate: that it is a node of a host.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::verify_server_name;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
};

use super::address::bare;

/// Asks every client for a certificate, and takes whatever it shows as long as it holds the key.
///
/// Who needs one, and for which host, is known only when the request has been read, so that is when the certificate is held
/// against the authorities: see [`ClientCertificate::speaks_for`]. A browser with a certificate of somebody else's is a user
/// like any; a node that is refused reads why, which an alert of TLS cannot tell; and a session that is resumed is checked
/// like a new one.
#[derive(Debug)]
pub(super) struct Asking(Arc<dyn ClientCertVerifier>);

impl Asking {
    /// Asks for certificates of these authorities.
    pub(super) fn new(roots: RootCertStore) -> Result<Self, Error> {
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        verifier
            .map(Self)
            .map_err(|error| Error::General(error.to_string()))
    }

    /// What a client has shown in its handshake.
    pub(super) fn shown(self: &Arc<Self>, chain: &[CertificateDer<'static>]) -> Option<ClientCertificate> {
        (!chain.is_empty()).then(|| ClientCertificate {
            chain: chain.to_vec(),
            asking: Arc::clone(self),
        })
    }
}

impl ClientCertVerifier for Asking {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// A certificate that a client showed. It holds the key; who vouches for it is not looked at yet.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    /// Its own first. Never empty.
    chain: Vec<CertificateDer<'static>>,
    asking: Arc<Asking>,
}

impl ClientCertificate {
    /// Checks that one of the authorities vouches for it, for a client, now; and that it names this host: as a DNS name,
    /// or as an IP address where the host is one.
    ///
    /// # Errors
    ///
    /// See [`CertificateFault`].
    pub fn speaks_for(&self, host: &str) -> Result<(), CertificateFault> {
        let (own, between) = self.chain.split_first().ok_or(CertificateFault::UnknownIssuer)?;
        let verifier = &self.asking.0;
        verifier
            .verify_client_cert(own, between, UnixTime::now())
            .map_err(|error| CertificateFault::new(&error))?;
        let name = ServerName::try_from(bare(host)).map_err(|_| CertificateFault::WrongName)?;
        let own = ParsedCertificate::try_from(own).map_err(|error| CertificateFault::new(&error))?;
        verify_server_name(&own, &name).map_err(|error| CertificateFault::new(&error))
    }
}

/// Why a certificate of a client does not make it a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateFault {
    /// Its chain ends outside of the trusted ones.
    #[error("the certificate shown is signed by nobody whom this node trusts")]
    UnknownIssuer,
    /// It is for another host.
    #[error("the certificate shown is not for the host of this userid")]
    WrongName,
    /// It is too old.
    #[error("the certificate shown has expired")]
    Expired,
    /// It is from the future.
    #[error("the certificate shown is not valid yet")]
    NotYetValid,
    /// It is for something else than to be shown by a client.
    #[error(
        "the certificate shown is not for clients: its extended key usage must have clientAuth, or be absent"
    )]
    WrongPurpose,
    /// It will not do for another reason.
    #[error("the certificate shown is not accepted")]
    Other,
}

impl CertificateFault {
    fn new(error: &Error) -> Self {
        let Error::InvalidCertificate(fault) = error else {
            return Self::Other;
        };
        #[expect(clippy::wildcard_enum_match_arm, reason = "the library's error is open")]
        match fault {
            // A wrong signature is what an authority looks like that was made anew under its old name.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownIssuer,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::WrongName
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                Self::WrongPurpose
            }
            _ => Self::Other,
        }
    }
}
