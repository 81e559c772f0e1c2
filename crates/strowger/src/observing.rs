//! From the configuration to what tells of the dialogs on the node.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use strowger_channel::net::{AddressPolicy, DialSettings, Network, Roots, Tls, TlsError};
use strowger_node::JournalSettings;
use strowger_node::driver::{Onlooker, WebSettings};
use strowger_observe::{
    FileSettings, JournalFiles, JournalWriter, Observer, PostSettings, RecordSettings, Settings,
    TraceSettings,
};

use crate::config::{Config, Records, Traces};

/// The largest answer of an endpoint that is read.
const ANSWER_BYTES: usize = 64 << 10;
/// How many in a million one in a hundred thousand is.
const PER_MILLION: usize = 10;

/// Why nobody can look on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObserveError {
    /// A file with secrets cannot be used.
    #[error("{key}: {}: {why}", .file.display())]
    File {
        /// The key that names the file.
        key: &'static str,
        /// The file.
        file: PathBuf,
        /// Why not.
        why: String,
    },
    /// There are no certificates to know an endpoint by.
    #[error("{key}: {error}")]
    Roots {
        /// The key.
        key: &'static str,
        /// Why not.
        error: TlsError,
    },
    /// The file of records, or the thread, cannot be opened.
    #[error("records.file: {0}")]
    Start(#[from] io::Error),
    /// The directory of journals, or its thread, cannot be made.
    #[error("journal.directory: {0}")]
    Journals(io::Error),
}

/// Starts to look on, where the configuration wants it; reads the files with tokens and certificates.
///
/// # Errors
///
/// See [`ObserveError`].
pub(crate) fn start(config: &Config, seed: u64) -> Result<Option<(Onlooker, Observer)>, ObserveError> {
    let Some(settings) = settings(config, seed)? else {
        return Ok(None);
    };
    Ok(Some(strowger_observe::start(settings)?))
}

/// What keeps journals in files: the present writer, which ends when no shard sends it anything any more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journals(Arc<Mutex<Option<Arc<JournalWriter>>>>);

impl Journals {
    /// What shards are to write down of calls; `None`: nothing. Where that is to be kept in files, another writer begins as soon
    /// as the present one has ended.
    ///
    /// # Errors
    ///
    /// [`ObserveError::Journals`].
    pub(crate) fn begin(&self, config: &Config) -> Result<Option<JournalSettings>, ObserveError> {
        let mut present = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((settings, writer)) = journal(config, present.clone())? else {
            return Ok(None);
        };
        if let Some(writer) = writer {
            *present = Some(Arc::new(writer));
        }
        Ok(Some(settings))
    }

    /// Waits until everything is written; the shards must be gone.
    pub(crate) fn join(&self) {
        let present = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(writer) = present {
            writer.join();
        }
    }
}

fn journal(
    config: &Config,
    before: Option<Arc<JournalWriter>>,
) -> Result<Option<(JournalSettings, Option<JournalWriter>)>, ObserveError> {
    let journal = &config.journal;
    if journal.ring_bytes == 0 && journal.directory.is_none() {
        return Ok(None);
    }
    let is_said = !journal.users.is_empty() || !journal.services.is_empty() || journal.per_100000 > 0;
    let files = journal.directory.clone().map(|directory| JournalFiles {
        directory,
        file_bytes: journal.file_bytes,
        files: journal.files,
        users: journal.users.clone(),
        services: journal.services.clone(),
        per_100000: if is_said { journal.per_100000 } else { 100_000 },
    });
    let files = files.map(|files| strowger_observe::write_journals(files, before));
    let files = files.transpose();
    let (to, writer) = files.map_err(ObserveError::Journals)?.unzip();
    let settings = JournalSettings {
        ring_bytes: journal.ring_bytes,
        bodies: journal.bodies,
        to,
        began_us: 0,
    };
    Ok(Some((settings, writer)))
}

/// What is to be told; `None`: nothing.
///
/// # Errors
///
/// See [`ObserveError`].
pub fn settings(config: &Config, seed: u64) -> Result<Option<Settings>, ObserveError> {
    let (records, traces) = (records(&config.records)?, traces(&config.traces)?);
    let states = config.log.states;
    if records.is_none() && traces.is_none() && !states {
        return Ok(None);
    }
    Ok(Some(Settings {
        records,
        traces,
        states,
        bodies: config.log.bodies,
        seed,
    }))
}

fn records(records: &Records) -> Result<Option<RecordSettings>, ObserveError> {
    if records.file.is_none() && records.url.is_none() {
        return Ok(None);
    }
    let file = records.file.clone().map(|path| FileSettings {
        path,
        bytes: records.file_bytes as u64,
        files: records.files,
    });
    let http = match &records.url {
        Some(url) => {
            let headers = records.token.as_deref().map(bearer).transpose()?;
            Some(PostSettings {
                url: url.clone(),
                headers: headers.into_iter().collect(),
                web: web(
                    url,
                    "records.roots",
                    records.roots.as_deref(),
                    &records.networks,
                    records.timeout,
                )?,
                timeout: records.timeout,
                queue: records.queue,
            })
        }
        None => None,
    };
    let of = records.of;
    Ok(Some(RecordSettings { of, file, http }))
}

fn traces(traces: &Traces) -> Result<Option<TraceSettings>, ObserveError> {
    let Some(url) = &traces.url else { return Ok(None) };
    let headers = traces.headers.as_deref().map(headers).transpose()?;
    let post = PostSettings {
        url: url.clone(),
        headers: headers.unwrap_or_default(),
        web: web(
            url,
            "traces.roots",
            traces.roots.as_deref(),
            &traces.networks,
            traces.timeout,
        )?,
        timeout: traces.timeout,
        queue: traces.queue,
    };
    Ok(Some(TraceSettings {
        post,
        per_million: (traces.per_100000 * PER_MILLION) as u32,
        service_name: traces.service_name.clone(),
    }))
}

/// The guards of outgoing requests: permitted addresses, certificates.
fn web(
    url: &str,
    key: &'static str,
    roots: Option<&Path>,
    networks: &[Network],
    timeout: std::time::Duration,
) -> Result<WebSettings, ObserveError> {
    let tls = if url.starts_with("https") {
        let roots = roots.map_or(Roots::System, |file| Roots::File(file.to_owned()));
        Some(Tls::new(roots).map_err(|error| ObserveError::Roots { key, error })?)
    } else {
        None
    };
    Ok(WebSettings {
        dial: DialSettings {
            connect_timeout: timeout,
            addresses: AddressPolicy::new(networks.to_vec()),
            tls,
        },
        response_bytes: ANSWER_BYTES,
    })
}

fn bearer(file: &Path) -> Result<(String, String), ObserveError> {
    let key = "records.token";
    let text = read(key, file)?;
    let token = text.trim_end_matches(['\r', '\n']);
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let why = "it must be one line of printable ASCII without blanks";
        return Err(fault(key, file, why.to_owned()));
    }
    Ok(("authorization".to_owned(), format!("Bearer {token}")))
}

fn headers(file: &Path) -> Result<Vec<(String, String)>, ObserveError> {
    let key = "traces.headers";
    let text = read(key, file)?;
    let lines = text.lines().enumerate();
    let written = lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let header = |(number, line): (usize, &str)| {
        let header = line.split_once(':').and_then(|(name, value)| {
            let name = http::HeaderName::try_from(name.trim()).ok()?;
            let value = value.trim();
            http::HeaderValue::try_from(value).ok()?;
            Some((name.as_str().to_owned(), value.to_owned()))
        });
        // Not the line itself, which may be a secret.
        let why = || fault(key, file, format!("line {} is no header", number + 1));
        header.ok_or_else(why)
    };
    written.map(header).collect()
}

fn read(key: &'static str, file: &Path) -> Result<String, ObserveError> {
    std::fs::read_to_string(file).map_err(|error| fault(key, file, error.to_string()))
}

fn fault(key: &'static str, file: &Path, why: String) -> ObserveError {
    ObserveError::File {
        key,
        file: file.to_owned(),
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_with(text: &str, secret: &str) -> Result<Option<Settings>, String> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("secret");
        std::fs::write(&file, secret).unwrap();
        let text = text.replace("FILE", &file.display().to_string());
        let config = Config::parse(&text, "test.toml").unwrap();
        settings(&config, 1).map_err(|error| error.to_string().replace(&file.display().to_string(), "FILE"))
    }

    #[test]
    fn by_default_nobody_looks_on() {
        assert!(settings(&Config::default(), 1).unwrap().is_none());
        // A queue, or a format, is no wish to be told.
        assert!(
            read_with("[records]\nqueue = 5\n[traces]\nqueue = 5\n", "")
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn tokens_and_headers_come_from_files() {
        let text = "[records]\nurl = \"http://127.0.0.1:1/\"\ntoken = \"FILE\"\n";
        let settings = read_with(text, "secret\n").unwrap().unwrap();
        let headers = settings.records.unwrap().http.unwrap().headers;
        assert_eq!(
            headers,
            [("authorization".to_owned(), "Bearer secret".to_owned())]
        );
        let text = "[traces]\nurl = \"http://127.0.0.1:1/\"\nheaders = \"FILE\"\nper_100000 = 1\n";
        let settings = read_with(text, "# of mine\nX-Key: a b\n\nauthorization: Basic x\n").unwrap();
        let traces = settings.unwrap().traces.unwrap();
        let expected = [("x-key", "a b"), ("authorization", "Basic x")];
        assert_eq!(
            traces.post.headers,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
        assert_eq!(traces.per_million, 10);
    }

    #[test]
    fn a_secret_that_is_none_is_refused_and_not_repeated() {
        let text = "[records]\nurl = \"http://127.0.0.1:1/\"\ntoken = \"FILE\"\n";
        for secret in ["", "two words", "two\nlines"] {
            let error = read_with(text, secret).unwrap_err();
            assert_eq!(
                error,
                "records.token: FILE: it must be one line of printable ASCII without blanks"
            );
        }
        let text = "[traces]\nurl = \"http://127.0.0.1:1/\"\nheaders = \"FILE\"\n";
        let error = read_with(text, "a: b\nsecret\n").unwrap_err();
        assert_eq!(error, "traces.headers: FILE: line 2 is no header");
    }

    #[test]
    fn bodies_are_not_asked_for_where_there_are_no_lines_to_put_them_in() {
        let error = Config::parse("[log]\nbodies = \"on\"\n", "test.toml").unwrap_err();
        assert!(error.to_string().contains("`log.bodies` adds to"), "{error}");
        let settings = read_with("[log]\nbodies = \"on\"\nstates = \"on\"\n", "")
            .unwrap()
            .unwrap();
        assert!(settings.states && settings.bodies);
    }

    #[test]
    fn a_name_in_a_url_without_tls_is_refused() {
        for table in ["records", "traces"] {
            let text = format!("[{table}]\nurl = \"http://collector.example/\"\n");
            let error = Config::parse(&text, "test.toml").unwrap_err().to_string();
            assert!(error.contains("an https URL"), "{error}");
        }
    }
}
