//! The server's configuration: one TOML file, every key optional, and variables of the environment that go before it.
//!
//! [`Config`] is plain data: durations are [`Duration`]s, sizes are bytes, counts are numbers. The keys, their
//! defaults, bounds and meanings are written once, in the tables in `config/keys.rs` and `config/auth_keys.rs`; the structs, the file that
//! [`default_config`] prints and `docs/configuration.md` all come from it.
//!
//! Not here: what the values do, and the command line.
//!
//! ```
//! use std::time::Duration;
//! use strowger::config::Config;
//!
//! let config = Config::parse("[timers]\ntransaction = \"3s\"\n", "strowger.toml")?;
//! assert_eq!(config.timers.transaction, Duration::from_secs(3));
//!
//! let error = Config::parse("[timers]\ntransction = \"3s\"\n", "strowger.toml").unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "strowger.toml:2: unknown key `timers.transction`; did you mean `timers.transaction`?"
//! );
//! # Ok::<(), strowger::config::ConfigError>(())
//! ```

mod acme_keys;
mod auth_keys;
mod calls_keys;
mod error;
mod files;
mod journal_keys;
mod key;
mod keys;
mod kind;
mod limits;
mod link_keys;
mod nearest;
mod observe_keys;
mod overrides;
mod print;
mod read;
mod relations;
mod reload;
mod rules;
mod secret_files;
mod units;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
#[cfg(doc)]
use std::time::Duration;

pub use acme_keys::Acme;
pub use auth_keys::{Auth, Callback, JwtIssuer};
pub use calls_keys::Calls;
pub use error::{ConfigError, Fault, Place};
pub use journal_keys::Journal;
pub use keys::{
    Admin, Channel, Chatroom, Conference, Drain, Http, HttpGrant, HuntNumber, Limits, Link, Links, Loaded,
    Log, Server, Services, Timers, Tls,
};
pub use link_keys::LinkNode;
pub use observe_keys::{Records, Traces};
pub use overrides::Overrides;
pub use print::{default_config, reference};
pub use reload::Reload;
pub use secret_files::OpenFile;

/// Everything that can be configured, one field per table of the file.
///
/// [`Config::default`] is what the server runs on without a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The keys above the first table header.
    pub server: Server,
    /// `[tls]`
    pub tls: Tls,
    /// `[tls.acme]`
    pub acme: Acme,
    /// `[timers]`
    pub timers: Timers,
    /// `[channel]`
    pub channel: Channel,
    /// `[link]`
    pub link: Link,
    /// `[links]`
    pub links: Links,
    /// `[links.nodes."NODE"]`: nodes with a credential of their own, by their hosts in lower case.
    pub link_nodes: BTreeMap<String, LinkNode>,
    /// `[limits]`
    pub limits: Limits,
    /// `[http]`
    pub http: Http,
    /// `[http.grants.SERVICE]`: what each service may ask, by its name in lower case.
    pub http_grants: BTreeMap<String, HttpGrant>,
    /// `[auth]`
    pub auth: Auth,
    /// `[auth.callback]`
    pub auth_callback: Callback,
    /// `[auth.jwt.ISSUER]`, by the name in the header.
    pub issuers: BTreeMap<String, JwtIssuer>,
    /// `[admin]`
    pub admin: Admin,
    /// `[calls]`
    pub calls: Calls,
    /// `[drain]`
    pub drain: Drain,
    /// `[log]`
    pub log: Log,
    /// `[records]`
    pub records: Records,
    /// `[traces]`
    pub traces: Traces,
    /// `[journal]`
    pub journal: Journal,
    /// `[services]`
    pub services: Services,
    /// `[services.chatroom]`
    pub chatroom: Chatroom,
    /// `[services.conference]`
    pub conference: Conference,
    /// `[services.hunt.numbers."NUMBER"]`: the numbers of the hunt service, the host of each in lower case.
    pub hunt_numbers: BTreeMap<String, HuntNumber>,
    /// `[services.SERVICE.settings]`: the settings of services as JSON, by their names in lower case.
    pub service_settings: BTreeMap<String, String>,
    /// `[services.SERVICE]`: what loaded services may use, and the files of those that are loaded at the start, by name.
    pub loaded: BTreeMap<String, Loaded>,
    /// The files that secrets were read from, by their keys.
    pub secret_files: BTreeMap<String, PathBuf>,
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Unreadable`] if the file cannot be read as UTF-8 text, [`ConfigError::Faults`] with
    /// every fault found in it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::load_with(Some(path), &Overrides::default())
    }

    /// Reads a file, if there is one, and then what is otherwise.
    ///
    /// # Errors
    ///
    /// As those of [`Config::load`].
    pub fn load_with(path: Option<&Path>, overrides: &Overrides) -> Result<Self, ConfigError> {
        let Some(path) = path else {
            return Self::parse_with("", "", overrides);
        };
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse_with(&text, &name, overrides),
            Err(source) => Err(ConfigError::Unreadable { name, source }),
        }
    }

    /// Reads the text of a file; `name` is how errors call that file.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Faults`] with every fault found.
    pub fn parse(text: &str, name: &str) -> Result<Self, ConfigError> {
        Self::parse_with(text, name, &Overrides::default())
    }

    /// The same, and then what is otherwise.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Faults`] with every fault found.
    pub fn parse_with(text: &str, name: &str, overrides: &Overrides) -> Result<Self, ConfigError> {
        read::read(text, overrides).map_err(|faults| ConfigError::Faults {
            name: name.to_owned(),
            faults,
        })
    }
}

/// Whether the demo page is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demo {
    /// At `/`.
    On,
    /// Not at all.
    Off,
}

/// Whether links are dialled with TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkTls {
    /// `wss`.
    On,
    /// `ws`.
    Off,
}

/// Where the store of a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorePlace {
    /// On disk, if the server has a directory for data.
    Disk,
    /// In memory alone.
    Memory,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people at a terminal.
    Text,
    /// One JSON object per line, for machines.
    Json,
}

/// The least serious level that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What should wake someone.
    Error,
    /// What is odd but was served.
    Warn,
    /// Changes of state of the node.
    Info,
    /// Changes of state of a dialog.
    Debug,
    /// Every message.
    Trace,
}

impl LogLevel {
    /// The level's name in lower case, as filters of logging libraries spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// A text that must not reach a log; its `Debug` form hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
