//! Calls that were recorded, played again: with the services that are compiled in, or others.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use strowger_host::Host;
use strowger_journal::{Entry, Header, Journal, ReadError};
use strowger_node::{Registry, RegistryError, Replay, ReplayError};
use strowger_service::Service;

use crate::built_in::BuiltIn;
use crate::config::Config;

mod report;
mod walk;

pub use report::Report;
pub use walk::Walk;

/// Where the service of a replay comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// It is compiled in.
    BuiltIn,
    /// A component.
    File(PathBuf),
}

/// A service in the place of one that is compiled in, or a version of one that calls went over to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// The name of the service.
    pub name: String,
    /// The label of the version; `None`: that which calls begin with.
    pub version: Option<String>,
    /// Where it comes from.
    pub source: Source,
}

/// What calls are played with.
#[derive(Debug)]
pub struct Services {
    /// What they begin with.
    registry: Registry,
    /// What they go over to.
    versions: Vec<Later>,
}

/// A version that calls go over to.
struct Later {
    name: String,
    label: String,
    service: Arc<dyn Service>,
}

impl fmt::Debug for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.label)
    }
}

impl From<Registry> for Services {
    fn from(registry: Registry) -> Self {
        Self {
            registry,
            versions: Vec::new(),
        }
    }
}

impl Services {
    fn of<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a Later> {
        self.versions
            .iter()
            .filter(move |later| later.name.eq_ignore_ascii_case(service))
    }

    /// A call of a journal, about to be played with them.
    ///
    /// # Errors
    ///
    /// See [`ReplayError`].
    pub fn replay(&self, journal: &Journal) -> Result<Replay, ReplayError> {
        let mut replay = Replay::new(journal, &self.registry)?;
        for later in self.of(journal.header.service.as_deref().unwrap_or_default()) {
            replay = replay.with_version(&later.label, Arc::clone(&later.service))?;
        }
        Ok(replay)
    }

    /// The versions that the call of a journal goes over to and that are not here.
    pub(crate) fn missing(&self, journal: &Journal) -> BTreeSet<String> {
        let Header { service, version, .. } = &journal.header;
        let service = service.as_deref().unwrap_or_default();
        let is_here = |label: &str| {
            version.as_deref() == Some(label) || self.of(service).any(|later| later.label == label)
        };
        let labels = journal.records.iter().filter_map(|record| match &record.entry {
            Entry::Moved { version, .. } if !is_here(version) => Some(version.to_string()),
            _ => None,
        });
        labels.collect()
    }
}

/// Why there is nothing to replay, or nothing to replay it with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The file cannot be read.
    #[error("{}: {source}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// It is no journal.
    #[error("{}: {source}", .file.display())]
    Journal {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: ReadError,
    },
    /// A component cannot be loaded.
    #[error("{}: {why}", .file.display())]
    Component {
        /// The file.
        file: PathBuf,
        /// Why not.
        why: String,
    },
    /// A service is named that is not there.
    #[error("no service `{0}` is compiled in")]
    NotBuiltIn(String),
    /// The services do not go together.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// Reads a journal, in either form.
///
/// # Errors
///
/// See [`Fault`].
pub fn read(file: &Path) -> Result<Journal, Fault> {
    let bytes = std::fs::read(file).map_err(|source| Fault::File {
        file: file.to_owned(),
        source,
    })?;
    Journal::read(&bytes).map_err(|source| Fault::Journal {
        file: file.to_owned(),
        source,
    })
}

/// The services that are compiled in, with those of a configuration's tables, and others in the place of some.
///
/// # Errors
///
/// See [`Fault`].
pub fn services(config: &Config, others: &[Other]) -> Result<Services, Fault> {
    let built_in = BuiltIn::new(config).services();
    let mut registry = Registry::new(built_in.clone(), "relay")?;
    let mut versions = Vec::new();
    for Other {
        name,
        version,
        source,
    } in others
    {
        let service = match source {
            Source::File(file) => component(file)?,
            Source::BuiltIn => {
                let known = built_in.iter().find(|(other, _)| other == name);
                let (_, service) = known.ok_or_else(|| Fault::NotBuiltIn(name.clone()))?;
                Arc::clone(service)
            }
        };
        match (version, source) {
            (Some(label), _) => versions.push(Later {
                name: name.clone(),
                label: label.clone(),
                service,
            }),
            (None, Source::File(file)) => {
                registry = registry.with(name, &file.display().to_string(), service)?;
            }
            (None, Source::BuiltIn) => {}
        }
    }
    Ok(Services { registry, versions })
}

fn component(file: &Path) -> Result<Arc<dyn Service>, Fault> {
    let fault = |why: String| Fault::Component {
        file: file.to_owned(),
        why,
    };
    let host = Host::new(strowger_host::Settings::default()).map_err(|error| fault(error.to_string()))?;
    let loaded = host
        .load_file(file, strowger_host::Limits::default())
        .map_err(|error| fault(error.to_string()))?;
    Ok(Arc::new(loaded))
}
