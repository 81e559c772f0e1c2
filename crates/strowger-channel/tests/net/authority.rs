//! A certificate authority of a test's own, for servers with TLS, and for TLS in front of one that has none.

#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    dead_code,
    reason = "shared by test binaries, which may panic"
)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// The years of a certificate that is in its time.
pub const NOW: (i32, i32) = (2020, 4000);

pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// Its certificate, as PEM.
    pub file: PathBuf,
}

impl Authority {
    pub fn new() -> Self {
        Self::named("an authority")
    }

    pub fn named(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let file = new_file();
        std::fs::write(&file, pem("CERTIFICATE", issuer.der())).unwrap();
        Self { issuer, file }
    }

    /// A certificate with these names, of the years `from` to `to`, and its key.
    fn issue(&self, names: &[&str], (from, to): (i32, i32)) -> (CertificateDer<'static>, KeyPair) {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(to, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.der().clone(), key)
    }

    /// A server that shows a certificate with these names, of the years `from` to `to`.
    pub fn server(&self, names: &[&str], years: (i32, i32)) -> Arc<ServerConfig> {
        let (certificate, key) = self.issue(names, years);
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key.into());
        Arc::new(config.unwrap())
    }

    /// Writes a certificate with these names and its key to the files of an earlier one, or to new ones.
    pub fn write(&self, names: &[&str], into: Option<&Written>) -> Written {
        self.write_of(names, NOW, into)
    }

    /// The same of the years `from` to `to`.
    pub fn write_of(&self, names: &[&str], years: (i32, i32), into: Option<&Written>) -> Written {
        let (certificate, key) = self.issue(names, years);
        let files = into.cloned().unwrap_or_else(|| Written {
            certificate: new_file(),
            key: new_file(),
        });
        std::fs::write(&files.certificate, pem("CERTIFICATE", &certificate)).unwrap();
        std::fs::write(&files.key, pem("PRIVATE KEY", &key.serialize_der())).unwrap();
        files
    }
}

/// The PEM files of a certificate and its key.
#[derive(Clone)]
pub struct Written {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Drop for Authority {
    fn drop(&mut self) {
        std::fs::remove_file(&self.file).ok();
    }
}

/// Takes TLS connections and passes on what they carry, until the runtime ends.
pub async fn terminate(config: Arc<ServerConfig>, to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(config);
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut tls) = acceptor.accept(tcp).await {
                    let mut onward = TcpStream::connect(to).await.unwrap();
                    copy_bidirectional(&mut tls, &mut onward).await.ok();
                }
            });
        }
    });
    address
}

pub fn new_file() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("strowger-{}-{number}.pem", std::process::id());
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn pem(what: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(64)
        .map(|line| str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN {what}-----\n{}\n-----END {what}-----\n",
        lines.join("\n")
    )
}
