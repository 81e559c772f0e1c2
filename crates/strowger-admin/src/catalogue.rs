//! Which versions of which services there are, which one new instances get, and what a roll-back leads to.
//!
//! A pure table: it decides, and whoever holds it keeps files, compiles and tells the node. Each change is made on a copy, so that
//! what cannot be carried out is dropped.

mod manifest;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use manifest::ManifestError;

use crate::names::{Digest, Label, Selector, ServiceName};

/// How many earlier defaults of a service are remembered.
const HISTORY: usize = 64;

/// What new instances of a service can be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Choice {
    /// What the service is without any loaded version: built in, or the file that the configuration names.
    Base,
    /// A loaded version.
    Version(Digest),
}

/// One version that was loaded. It never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its name for machines.
    pub digest: Digest,
    /// Its name for people, unique among the versions of its service.
    pub label: Label,
    /// How large it is, in bytes.
    pub bytes: u64,
    /// When it was loaded, in seconds since 1970.
    pub loaded_at: u64,
}

/// The versions of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Whether there is something without any loaded version.
    has_base: bool,
    /// In the order in which they were loaded.
    versions: Vec<Record>,
    /// `None`: there are no new instances.
    default: Option<Choice>,
    /// Earlier defaults, the latest one last; all of them can still be had.
    history: Vec<Choice>,
}

/// Bounds of a catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatalogueLimits {
    /// How many services may have loaded versions.
    pub services: usize,
    /// How many versions of one service are kept.
    pub versions: usize,
}

/// Why something cannot be done with the catalogue. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogueError {
    /// There is no such service.
    #[error("there is no service `{0}`")]
    NoService(ServiceName),
    /// The service has no such version.
    #[error("`{0}` has no version {1}")]
    NoVersion(ServiceName, String),
    /// More than one version is meant.
    #[error("`{0}` has several versions whose digests begin with {1}")]
    Ambiguous(ServiceName, String),
    /// The label is another version's. Versions do not change: a new one needs a new label.
    #[error("the label {1} is taken by version {2:?} of `{0}`")]
    LabelTaken(ServiceName, Label, Digest),
    /// The version has another label already.
    #[error("these bytes are loaded as version {1} of `{0}` already")]
    OtherLabel(ServiceName, Label),
    /// There is no earlier default.
    #[error("`{0}` has no earlier version to go back to")]
    NoHistory(ServiceName),
    /// The service has no loaded version, so there is nothing to unload.
    #[error("`{0}` is not loaded but built in, or named by the configuration")]
    NotLoaded(ServiceName),
    /// New instances are made of this version.
    #[error("version {1} is what new instances of `{0}` get; make another one the default first")]
    IsDefault(ServiceName, Label),
    /// Each version that is kept is the default, can be rolled back to, or runs.
    #[error("`{0}` has {1} versions that are all in use; unload some")]
    TooManyVersions(ServiceName, usize),
    /// There are too many services.
    #[error("{0} services have loaded versions, and there is room for no more")]
    TooManyServices(usize),
}

/// What a load did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// Whether these bytes were loaded before.
    pub was_known: bool,
    /// The versions that were forgotten to make room.
    pub forgotten: Vec<Record>,
}

/// All services that have loaded versions, or could have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    services: BTreeMap<ServiceName, Entry>,
    limits: CatalogueLimits,
}

impl Entry {
    /// What new instances are made of; `None`: there are none.
    pub const fn default_choice(&self) -> Option<Choice> {
        self.default
    }

    /// Whether there is something without any loaded version.
    pub const fn has_base(&self) -> bool {
        self.has_base
    }

    /// The loaded versions, in the order in which they were loaded.
    pub fn versions(&self) -> &[Record] {
        &self.versions
    }

    /// Earlier defaults, the latest one last.
    pub fn history(&self) -> &[Choice] {
        &self.history
    }

    /// A version of it.
    pub fn version(&self, digest: Digest) -> Option<&Record> {
        self.versions.iter().find(|record| record.digest == digest)
    }

    fn choose(&mut self, choice: Option<Choice>) {
        if self.default == choice {
            return;
        }
        if let Some(earlier) = std::mem::replace(&mut self.default, choice) {
            if self.history.len() >= HISTORY {
                self.history.remove(0);
            }
            self.history.push(earlier);
        }
    }

    fn forget(&mut self, digest: Digest) -> Option<Record> {
        let at = self.versions.iter().position(|record| record.digest == digest)?;
        self.history.retain(|choice| *choice != Choice::Version(digest));
        self.history.dedup();
        // What is the default now is nothing to go back to.
        self.history.pop_if(|choice| Some(*choice) == self.default);
        Some(self.versions.remove(at))
    }

    /// The oldest version that nothing needs.
    fn spare(&self, runs: &impl Fn(Digest) -> bool) -> Option<Digest> {
        let back = self.history.last();
        let is_needed = |digest| {
            let choice = Choice::Version(digest);
            self.default == Some(choice) || back == Some(&choice) || runs(digest)
        };
        self.versions
            .iter()
            .map(|record| record.digest)
            .find(|digest| !is_needed(*digest))
    }
}

impl Catalogue {
    /// A catalogue in which nothing was loaded yet, on top of these services.
    pub fn new(base: impl IntoIterator<Item = ServiceName>, limits: CatalogueLimits) -> Self {
        let entry = Entry {
            has_base: true,
            default: Some(Choice::Base),
            ..Entry::default()
        };
        Self {
            services: base.into_iter().map(|name| (name, entry.clone())).collect(),
            limits,
        }
    }

    /// All services, by name.
    pub fn services(&self) -> impl Iterator<Item = (&ServiceName, &Entry)> {
        self.services.iter()
    }

    /// One service.
    ///
    /// # Errors
    ///
    /// [`CatalogueError::NoService`].
    pub fn service(&self, name: &ServiceName) -> Result<&Entry, CatalogueError> {
        self.services
            .get(name)
            .ok_or_else(|| CatalogueError::NoService(name.clone()))
    }

    fn service_mut(&mut self, name: &ServiceName) -> Result<&mut Entry, CatalogueError> {
        self.services
            .get_mut(name)
            .ok_or_else(|| CatalogueError::NoService(name.clone()))
    }

    /// What is meant by a name of a version.
    ///
    /// # Errors
    ///
    /// [`CatalogueError::NoService`], [`CatalogueError::NoVersion`], [`CatalogueError::Ambiguous`].
    pub fn find(&self, name: &ServiceName, selector: &Selector) -> Result<Choice, CatalogueError> {
        let entry = self.service(name)?;
        let none = |text: &str| Err(CatalogueError::NoVersion(name.clone(), text.to_owned()));
        match selector {
            Selector::Base if entry.has_base => Ok(Choice::Base),
            Selector::Base => none("that is built in"),
            Selector::Label(label) => {
                let mut versions = entry.versions.iter();
                match versions.find(|record| record.label == *label) {
                    Some(record) => Ok(Choice::Version(record.digest)),
                    None => none(label.as_str()),
                }
            }
            Selector::Digest(prefix) => {
                let fits = |record: &&Record| record.digest.to_string().starts_with(prefix);
                let mut found = entry.versions.iter().filter(fits);
                match (found.next(), found.next()) {
                    (Some(record), None) => Ok(Choice::Version(record.digest)),
                    (None, _) => none(prefix),
                    (Some(_), Some(_)) => Err(CatalogueError::Ambiguous(name.clone(), prefix.clone())),
                }
            }
        }
    }

    /// Adds a version. With `make_default` new instances get it. Where a service has as many versions as are kept, the oldest that
    /// is neither the default nor what a roll-back leads to, and of which nothing `runs`, is forgotten. The same bytes once more are
    /// no new version.
    ///
    /// # Errors
    ///
    /// [`CatalogueError::LabelTaken`], [`CatalogueError::OtherLabel`], [`CatalogueError::TooManyVersions`],
    /// [`CatalogueError::TooManyServices`].
    pub fn load(
        &mut self,
        name: &ServiceName,
        record: Record,
        make_default: bool,
        runs: impl Fn(Digest) -> bool,
    ) -> Result<Load, CatalogueError> {
        let limits = self.limits;
        let loaded = self
            .services
            .values()
            .filter(|entry| !entry.versions.is_empty())
            .count();
        let is_first = self
            .services
            .get(name)
            .is_none_or(|entry| entry.versions.is_empty());
        if is_first && loaded >= limits.services {
            return Err(CatalogueError::TooManyServices(loaded));
        }
        let entry = self.services.entry(name.clone()).or_default();
        let digest = record.digest;
        let was_known = entry.version(digest).is_some();
        let mut forgotten = Vec::new();
        if !was_known {
            while entry.versions.len() >= limits.versions {
                let spare = entry.spare(&runs).and_then(|spare| entry.forget(spare));
                forgotten.push(spare.ok_or(CatalogueError::TooManyVersions(
                    name.clone(),
                    entry.versions.len(),
                ))?);
            }
            entry.versions.push(record);
        }
        if make_default {
            entry.choose(Some(Choice::Version(digest)));
        }
        Ok(Load { was_known, forgotten })
    }

    /// Whether a version with this label, or without one, may be added; asked before the work of compiling it.
    ///
    /// # Errors
    ///
    /// [`CatalogueError::LabelTaken`], [`CatalogueError::OtherLabel`].
    pub fn check_label(
        &self,
        name: &ServiceName,
        digest: Digest,
        label: Option<&Label>,
    ) -> Result<(), CatalogueError> {
        let (Some(entry), Some(label)) = (self.services.get(name), label) else {
            return Ok(());
        };
        if let Some(known) = entry.version(digest).filter(|known| known.label != *label) {
            return Err(CatalogueError::OtherLabel(name.clone(), known.label.clone()));
        }
        match entry
            .versions
            .iter()
            .find(|record| record.label == *label && record.digest != digest)
        {
            Some(other) => Err(CatalogueError::LabelTaken(
                name.clone(),
                label.clone(),
                other.digest,
            )),
            None => Ok(()),
        }
    }

    /// Gives new instances another version.
    ///
    /// # Errors
    ///
    /// [`CatalogueError::NoService`], [`CatalogueError::NoVersion`], [`CatalogueError::Ambiguous`].
    pub fn set_default(&mut self, name: &ServiceName, selector: &Selector) -> Result<Choice, CatalogueError> {
        let choice = self.find(name, selector)?;
        self.service_mut(name)?.choose(Some(choice));
        Ok(choice)
    }

    /// Gives new instances what they got before the last change. Once more goes one change further back.
    ///
    /// # Errors
    ///
    /// [`CatalogueError::NoService`], [`CatalogueError::NoHistory`].
    pub fn roll_back(&mut self, name: &ServiceName) -> Result<Choice, CatalogueError> {
        let entry = self.service_mut(name)?;
        while let Some(choice) = entry.history.pop() {
            if entry.default != Some(choice) {
                entry.default = Some(choice);
                return Ok(choice);
            }
        }
        Err(CatalogueError::NoHistory(name.clone()))
    }

    /// Makes no new instances of loaded versions: the service is what it is without them, or is gone. Its versions are kept.
    ///
    /// # Errors
    ///
    /// [`CatalogueError::NoService`], [`CatalogueError::NotLoaded`].
    pub fn withdraw(&mut self, name: &ServiceName) -> Result<Option<Choice>, CatalogueError> {
        let entry = self.service_mut(name)?;
        if entry.versions.is_empty() {
            return Err(CatalogueError::NotLoaded(name.clone()));
        }
        let base = entry.has_base.then_some(Choice::Base);
        entry.choose(base);
        Ok(base)
    }

    /// Forgets one version for good.
    ///
    /// # Errors
    ///
    /// [`CatalogueError::NoService`], [`CatalogueError::NoVersion`], [`CatalogueError::IsDefault`].
    pub fn forget_version(&mut self, name: &ServiceName, digest: Digest) -> Result<Record, CatalogueError> {
        let entry = self.service_mut(name)?;
        if let (Some(Choice::Version(default)), Some(record)) = (entry.default, entry.version(digest))
            && default == digest
        {
            return Err(CatalogueError::IsDefault(name.clone(), record.label.clone()));
        }
        let forgotten = entry
            .forget(digest)
            .ok_or_else(|| CatalogueError::NoVersion(name.clone(), digest.to_string()))?;
        if entry.versions.is_empty() && !entry.has_base {
            self.services.remove(name);
        }
        Ok(forgotten)
    }

    /// Withdraws a service and forgets all its versions.
    ///
    /// # Errors
    ///
    /// [`CatalogueError::NoService`], [`CatalogueError::NotLoaded`].
    pub fn forget(&mut self, name: &ServiceName) -> Result<Vec<Record>, CatalogueError> {
        self.withdraw(name)?;
        let entry = self.service_mut(name)?;
        entry.history.clear();
        let records = std::mem::take(&mut entry.versions);
        if !entry.has_base {
            self.services.remove(name);
        }
        Ok(records)
    }

    /// Whether some service has this version.
    pub fn holds(&self, digest: Digest) -> bool {
        self.services
            .values()
            .any(|entry| entry.version(digest).is_some())
    }

    /// What is tried in turn when a service starts: its default, the earlier ones from the latest on, and what it is without.
    pub fn candidates(&self, name: &ServiceName) -> Vec<Choice> {
        let Some(entry) = self.services.get(name) else {
            return Vec::new();
        };
        let mut candidates: Vec<Choice> = Vec::new();
        let Some(default) = entry.default else {
            return candidates;
        };
        let earlier = entry.history.iter().rev().copied();
        let base = entry.has_base.then_some(Choice::Base);
        for choice in [default].into_iter().chain(earlier).chain(base) {
            if !candidates.contains(&choice) {
                candidates.push(choice);
            }
        }
        candidates
    }

    /// Notes that a service had to start as something else than its default, or could not start.
    pub fn started_as(&mut self, name: &ServiceName, choice: Option<Choice>) {
        if let Some(entry) = self.services.get_mut(name) {
            entry.choose(choice);
        }
    }
}
