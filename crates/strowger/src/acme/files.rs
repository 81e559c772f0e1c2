//! What outlives the server: the account at the authority, and the certificate with its key.

use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair};

use super::AcmeError;
use super::validity::Validity;

const ACCOUNT: &str = "account.json";
const CERTIFICATE: &str = "certificate.pem";
/// For which domains the certificate was ordered, one a line.
const DOMAINS: &str = "domains";
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// A directory that nobody else reads.
#[derive(Clone, Debug)]
pub(super) struct Cache(PathBuf);

impl Cache {
    /// Makes the directory if there is none.
    pub(super) fn open(path: PathBuf) -> Result<Self, AcmeError> {
        let made = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path);
        match made {
            Ok(()) => Ok(Self(path)),
            Err(source) => Err(AcmeError::Cache { path, source }),
        }
    }

    /// The file with certificate and key. Where there is none it gets one that nobody vouches for and that is over, so that the
    /// listener has something to begin with.
    pub(super) fn certificate(&self, domains: &[String]) -> Result<PathBuf, AcmeError> {
        let path = self.0.join(CERTIFICATE);
        if !path.exists() {
            let made = provisional(domains).and_then(|pem| write(&path, pem.as_bytes()));
            made.map_err(|source| AcmeError::Cache {
                path: path.clone(),
                source,
            })?;
        }
        Ok(path)
    }

    /// How long there is until the next certificate is to be ordered; nothing where this one is for other domains.
    pub(super) async fn left(&self, domains: &[String], now: SystemTime) -> Duration {
        let (pem, noted) = (self.read(CERTIFICATE).await, self.read(DOMAINS).await);
        let (Ok(pem), Ok(noted)) = (pem, noted) else {
            return Duration::ZERO;
        };
        if noted != list(domains) {
            return Duration::ZERO;
        }
        let validity = first(&pem).and_then(|certificate| Validity::of(&certificate));
        validity.map_or(Duration::ZERO, |validity| validity.left(now))
    }

    /// The account, as it was written.
    pub(super) async fn account(&self) -> io::Result<String> {
        self.read(ACCOUNT).await
    }

    pub(super) async fn keep_account(&self, text: String) -> io::Result<()> {
        self.write(ACCOUNT, text).await
    }

    /// Keeps certificate and key, and for what they are: first the former, since a wrong note only has it ordered again.
    pub(super) async fn keep_certificate(&self, pem: String, domains: &[String]) -> io::Result<()> {
        self.write(CERTIFICATE, pem).await?;
        self.write(DOMAINS, list(domains)).await
    }

    async fn read(&self, name: &str) -> io::Result<String> {
        let path = self.0.join(name);
        blocking(move || std::fs::read_to_string(path)).await
    }

    async fn write(&self, name: &str, text: String) -> io::Result<()> {
        let path = self.0.join(name);
        blocking(move || write(&path, text.as_bytes())).await
    }
}

fn list(domains: &[String]) -> String {
    domains.join("\n")
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}

/// Puts a file into the place of another, whole: whoever reads meanwhile reads one of both.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let next = path.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&next)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(next, path)
}

/// A certificate of the year 2000, by nobody.
fn provisional(domains: &[String]) -> io::Result<String> {
    let mut params = CertificateParams::new(domains).map_err(io::Error::other)?;
    params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    params.not_after = rcgen::date_time_ymd(2000, 1, 2);
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let certificate = params.self_signed(&key).map_err(io::Error::other)?;
    Ok(format!("{}{}", key.serialize_pem(), certificate.pem()))
}

/// The first certificate of a PEM file, which is the one that is issued.
fn first(pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once(BEGIN)?;
    let (text, _) = rest.split_once(END)?;
    let text: String = text.split_ascii_whitespace().collect();
    STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[tokio::test]
    async fn what_is_kept_is_for_its_owner_alone_and_says_when_the_next_is_due() {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::open(directory.path().join("a/b")).unwrap();
        let domains = ["a.example".to_owned()];
        let now = SystemTime::now();
        let file = cache.certificate(&domains).unwrap();
        for (path, mode) in [(&cache.0, 0o700), (&file, 0o600)] {
            let permissions = std::fs::metadata(path).unwrap().permissions();
            assert_eq!(permissions.mode() & 0o777, mode);
        }
        assert_eq!(
            cache.left(&domains, now).await,
            Duration::ZERO,
            "it is provisional"
        );

        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(&domains[..]).unwrap();
        params.not_after = rcgen::date_time_ymd(4000, 1, 1);
        let pem = params.self_signed(&key).unwrap().pem();
        cache.keep_certificate(pem.clone(), &domains).await.unwrap();
        assert!(cache.left(&domains, now).await > Duration::from_secs(1 << 30));
        let others = ["a.example".to_owned(), "b.example".to_owned()];
        assert_eq!(cache.left(&others, now).await, Duration::ZERO);
        assert_eq!(cache.certificate(&domains).unwrap(), file);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), pem, "it is kept");
        std::fs::write(&file, "nonsense").unwrap();
        assert_eq!(cache.left(&domains, now).await, Duration::ZERO);
    }
}
