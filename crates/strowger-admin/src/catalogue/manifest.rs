//! The catalogue as a file.

use serde::{Deserialize, Serialize};

use super::{Catalogue, Choice, Entry, Record};
use crate::names::{Digest, Label, NameError, ServiceName};

/// The format of this file; a later one may have others.
const FORMAT: u32 = 1;

/// Why a manifest cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// It is not of its form.
    #[error("is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
    /// It was written by another version of the server.
    #[error("is of format {0}, and this server reads format {FORMAT}")]
    Format(u32),
    /// A name in it is none.
    #[error("is damaged: {0:?}: {1}")]
    Name(String, NameError),
    /// A default or an earlier one is no version of its service.
    #[error("is damaged: `{0}` refers to a version that it does not have")]
    Dangling(ServiceName),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: u32,
    services: Vec<Service>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Service {
    name: String,
    /// A digest, `built-in`, or none.
    default: Option<String>,
    history: Vec<String>,
    versions: Vec<Version>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Version {
    digest: String,
    label: String,
    bytes: u64,
    loaded_at: u64,
}

impl Catalogue {
    /// The manifest: all services that have loaded versions.
    pub fn to_manifest(&self) -> Vec<u8> {
        let services = self
            .services
            .iter()
            .filter(|(_, entry)| !entry.versions.is_empty());
        let manifest = Manifest {
            format: FORMAT,
            services: services.map(|(name, entry)| write(name, entry)).collect(),
        };
        let mut text = serde_json::to_vec_pretty(&manifest).expect("texts and numbers are JSON");
        text.push(b'\n');
        text
    }

    /// Puts what a manifest says on top of a catalogue in which nothing was loaded yet. What was built in when it was written and is
    /// no more cannot be had any more.
    ///
    /// # Errors
    ///
    /// See [`ManifestError`]; what was read up to there is in the catalogue.
    pub fn read_manifest(&mut self, text: &[u8]) -> Result<(), ManifestError> {
        let manifest: Manifest = serde_json::from_slice(text)?;
        if manifest.format != FORMAT {
            return Err(ManifestError::Format(manifest.format));
        }
        for service in manifest.services {
            let name: ServiceName = parsed(&service.name)?;
            let has_base = self.services.get(&name).is_some_and(|entry| entry.has_base);
            let entry = read(service, &name, has_base)?;
            self.services.insert(name, entry);
        }
        Ok(())
    }
}

fn write(name: &ServiceName, entry: &Entry) -> Service {
    let versions = entry.versions.iter().map(|record| Version {
        digest: record.digest.to_string(),
        label: record.label.to_string(),
        bytes: record.bytes,
        loaded_at: record.loaded_at,
    });
    Service {
        name: name.to_string(),
        default: entry.default.map(choice_text),
        history: entry.history.iter().copied().map(choice_text).collect(),
        versions: versions.collect(),
    }
}

fn read(service: Service, name: &ServiceName, has_base: bool) -> Result<Entry, ManifestError> {
    let mut entry = Entry {
        has_base,
        ..Entry::default()
    };
    for version in service.versions {
        let digest = parsed(&version.digest)?;
        let label =
            Label::kept(&version.label, digest).map_err(|error| ManifestError::Name(version.label, error))?;
        entry.versions.push(Record {
            digest,
            label,
            bytes: version.bytes,
            loaded_at: version.loaded_at,
        });
    }
    let choice = |text: &str| -> Result<Option<Choice>, ManifestError> {
        if text == BASE {
            return Ok(has_base.then_some(Choice::Base));
        }
        let digest: Digest = parsed(text)?;
        match entry.version(digest) {
            Some(_) => Ok(Some(Choice::Version(digest))),
            None => Err(ManifestError::Dangling(name.clone())),
        }
    };
    let default = service.default.as_deref().map(choice).transpose()?.flatten();
    let history: Result<Vec<_>, _> = service.history.iter().map(|text| choice(text)).collect();
    entry.history = history?.into_iter().flatten().collect();
    // A service that became built in since it was withdrawn is there again.
    entry.default = default.or(has_base.then_some(Choice::Base));
    Ok(entry)
}

const BASE: &str = "built-in";

fn choice_text(choice: Choice) -> String {
    match choice {
        Choice::Base => BASE.to_owned(),
        Choice::Version(digest) => digest.to_string(),
    }
}

fn parsed<T: std::str::FromStr<Err = NameError>>(text: &str) -> Result<T, ManifestError> {
    text.parse()
        .map_err(|error| ManifestError::Name(text.to_owned(), error))
}
