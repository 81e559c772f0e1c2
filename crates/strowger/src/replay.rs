//! Calls that were recorded, played again: with the services that are compiled in, or others.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use strowger_host::Host;
use strowger_journal::{Journal, ReadError};
use strowger_node::{Registry, RegistryError};
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
pub fn registry(config: &Config, others: &BTreeMap<String, Source>) -> Result<Registry, Fault> {
    let services = BuiltIn::new(config).services();
    let is_built_in = |name: &String| services.iter().any(|(other, _)| other == name);
    let unknown = others
        .iter()
        .find(|(name, source)| **source == Source::BuiltIn && !is_built_in(name));
    if let Some((name, _)) = unknown {
        return Err(Fault::NotBuiltIn(name.clone()));
    }
    let mut registry = Registry::new(services, "relay")?;
    for (name, source) in others {
        if let Source::File(file) = source {
            registry = registry.with(name, &file.display().to_string(), component(file)?)?;
        }
    }
    Ok(registry)
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
