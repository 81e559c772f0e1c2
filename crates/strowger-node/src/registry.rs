//! Which services a node has, and in which version.

use std::fmt;
use std::sync::Arc;

use jsip::Request;
use strowger_service::{Context, HttpRequest, Instance, Service};

use crate::guard::{dispose, guarded};
use crate::routing::home_of_key;

/// The services of a node by name, one of them the default.
///
/// A registry does not change: adding, replacing and removing make another one, which a running node takes over
/// ([`Shard::set_registry`](crate::Shard::set_registry)). Instances that run stay with the version that made them.
#[derive(Clone)]
pub struct Registry {
    /// A name keeps its place for ever; instances, keys and log budgets refer to it.
    entries: Vec<Entry>,
    default: usize,
    versions: u64,
}

#[derive(Clone)]
struct Entry {
    name: Arc<str>,
    version: Arc<Version>,
    /// `None` once it was removed.
    service: Option<Held>,
    /// As JSON; `None`: those of the node's configuration.
    settings: Option<Arc<str>>,
}

/// One version of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Counts the versions of all services of a registry; a later one has a larger number.
    pub number: u64,
    /// What the operator calls it.
    pub label: String,
}

/// A service, whose destructor may panic as any of its code may.
#[derive(Clone)]
struct Held(Option<Arc<dyn Service>>);

impl Drop for Held {
    fn drop(&mut self) {
        dispose(self.0.take());
    }
}

/// Why a registry cannot be made. The old one is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// Two services have one name.
    #[error("two services are named `{0}`")]
    Twice(String),
    /// The default is not among the services.
    #[error("the default service `{0}` is not among the services")]
    NoDefault(String),
    /// There is no such service.
    #[error("there is no service `{0}`")]
    Unknown(String),
    /// The default cannot be removed.
    #[error("`{0}` is the default service")]
    IsDefault(String),
    /// The name is none: it must be 1 to 63 letters, digits and hyphens, and not `default`.
    #[error("`{0}` cannot be the name of a service")]
    BadName(String),
    /// A service cannot run with its settings.
    #[error("`{service}` does not take its settings: {why}")]
    Settings {
        /// The service.
        service: String,
        /// What it says.
        why: String,
    },
    /// Too many names were ever in use.
    #[error("more than {MOST_NAMES} names of services")]
    TooMany,
}

/// A name costs a little on each shard as long as the node runs.
const MOST_NAMES: usize = 1000;

impl Registry {
    /// A registry of named services; `default` names the one that gets what no other is named for.
    ///
    /// # Errors
    ///
    /// See [`RegistryError`].
    pub fn new(services: Vec<(String, Arc<dyn Service>)>, default: &str) -> Result<Self, RegistryError> {
        let mut registry = Self {
            entries: Vec::new(),
            default: 0,
            versions: 0,
        };
        for (name, service) in services {
            if registry.place(&name).is_some() {
                return Err(RegistryError::Twice(name));
            }
            registry.put(&name, "built-in", service)?;
        }
        match registry.place(default) {
            Some(place) => registry.default = place,
            None => return Err(RegistryError::NoDefault(default.to_owned())),
        }
        Ok(registry)
    }

    /// This registry with a service added, or with another version of it.
    ///
    /// # Errors
    ///
    /// [`RegistryError::BadName`], [`RegistryError::TooMany`].
    pub fn with(&self, name: &str, label: &str, service: Arc<dyn Service>) -> Result<Self, RegistryError> {
        let mut registry = self.clone();
        registry.put(name, label, service)?;
        Ok(registry)
    }

    /// This registry without a service: requests for it get 404, or go to the default service.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Unknown`], [`RegistryError::IsDefault`].
    pub fn without(&self, name: &str) -> Result<Self, RegistryError> {
        let place = self.known(name)?;
        if place == self.default {
            return Err(RegistryError::IsDefault(name.to_owned()));
        }
        let mut registry = self.clone();
        registry.entries[place].service = None;
        Ok(registry)
    }

    /// This registry with other settings of a service, a JSON object. New instances have them at once, running ones are told.
    /// Another version keeps them. The service is asked whether it can run with them, which may take as long as an event.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Unknown`], [`RegistryError::Settings`].
    pub fn with_settings(&self, name: &str, settings: &str) -> Result<Self, RegistryError> {
        let place = self.known(name)?;
        let checked = self.ask(place, |service| service.check_config(settings));
        checked.map_err(|why| RegistryError::Settings {
            service: name.to_owned(),
            why,
        })?;
        let mut registry = self.clone();
        registry.entries[place].settings = Some(settings.into());
        Ok(registry)
    }

    /// This registry with another default service.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Unknown`].
    pub fn with_default(&self, name: &str) -> Result<Self, RegistryError> {
        let default = self.known(name)?;
        Ok(Self {
            default,
            ..self.clone()
        })
    }

    /// The services by name, each with the version that new instances get, and whether it is the default.
    pub fn services(&self) -> impl Iterator<Item = (&str, &Version, bool)> {
        let present = self.entries.iter().enumerate();
        present
            .filter(|(_, entry)| entry.service.is_some())
            .map(|(place, entry)| (&*entry.name, &*entry.version, place == self.default))
    }

    fn put(&mut self, name: &str, label: &str, service: Arc<dyn Service>) -> Result<(), RegistryError> {
        if !is_name(name) {
            return Err(RegistryError::BadName(name.to_owned()));
        }
        self.versions += 1;
        let version = Arc::new(Version {
            number: self.versions,
            label: label.to_owned(),
        });
        let service = Some(Held(Some(service)));
        let same_name = |entry: &Entry| entry.name.eq_ignore_ascii_case(name);
        if let Some(entry) = self.entries.iter_mut().find(|entry| same_name(entry)) {
            entry.version = version;
            entry.service = service;
            return Ok(());
        }
        if self.entries.len() >= MOST_NAMES {
            return Err(RegistryError::TooMany);
        }
        self.entries.push(Entry {
            name: name.into(),
            version,
            service,
            settings: None,
        });
        Ok(())
    }

    fn known(&self, name: &str) -> Result<usize, RegistryError> {
        self.place(name)
            .ok_or_else(|| RegistryError::Unknown(name.to_owned()))
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.entries
            .iter()
            .position(|entry| entry.service.is_some() && entry.name.eq_ignore_ascii_case(name))
    }

    /// The place of the service with this name. `default` names the default service.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.place(name)
            .or_else(|| name.eq_ignore_ascii_case("default").then_some(self.default))
    }

    /// Whether this registry was made of that one, so that every place means what it meant.
    pub(crate) fn follows(&self, earlier: &Self) -> bool {
        let mut names = self.entries.iter().map(|entry| &entry.name);
        earlier
            .entries
            .iter()
            .all(|entry| names.next().is_some_and(|name| Arc::ptr_eq(name, &entry.name)))
    }

    pub(crate) const fn default_place(&self) -> usize {
        self.default
    }

    pub(crate) fn name(&self, place: usize) -> &Arc<str> {
        &self.entries[place].name
    }

    pub(crate) fn version(&self, place: usize) -> &Arc<Version> {
        &self.entries[place].version
    }

    /// The settings that a service was given while the node runs.
    pub(crate) fn settings(&self, place: usize) -> Option<Arc<str>> {
        self.entries[place].settings.clone()
    }

    /// Whether a place has other settings than in an earlier registry.
    pub(crate) fn has_other_settings(&self, place: usize, earlier: &Self) -> bool {
        let before = earlier.entries.get(place);
        before.is_some_and(|before| before.settings != self.entries[place].settings)
    }

    /// How many places there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// A new instance of a service, or why there is none.
    pub(crate) fn start(&self, place: usize) -> Result<Box<dyn Instance>, String> {
        self.ask(place, |service| Ok(service.start()))
    }

    /// Whether a service takes another instance, or the text of its failure.
    pub(crate) fn has_room(&self, place: usize) -> Result<bool, String> {
        self.ask(place, |service| Ok(service.has_room()))
    }

    /// An instance of the present version that goes on where another was saved, or why there is none.
    pub(crate) fn restore(
        &self,
        place: usize,
        saved: &[u8],
        cx: &mut Context<'_>,
    ) -> Result<Box<dyn Instance>, String> {
        self.ask(place, |service| service.try_restore(saved, cx))
    }

    /// Whether a place has a service, in another version than in an earlier registry.
    pub(crate) fn has_changed(&self, place: usize, earlier: &Self) -> bool {
        let before = earlier.entries.get(place).map(|entry| entry.version.number);
        let entry = &self.entries[place];
        entry.service.is_some() && before.is_some_and(|before| before != entry.version.number)
    }

    /// What a service's key function says of a request, or the text of its failure.
    pub(crate) fn key(
        &self,
        place: usize,
        request: &Request,
        config: &str,
    ) -> Result<Option<String>, String> {
        self.ask(place, |service| service.try_key(request, config))
    }

    /// Whether instances of a service are told of legs that are over in the usual course; where it fails to say, they are.
    pub(crate) fn hears_completed(&self, place: usize) -> bool {
        self.ask(place, |service| Ok(service.hears_completed()))
            .unwrap_or(true)
    }

    /// Whether a service takes HTTP requests, or the text of its failure.
    pub(crate) fn takes_http(&self, place: usize) -> Result<bool, String> {
        self.ask(place, |service| Ok(service.takes_http()))
    }

    /// What a service's key function says of an HTTP request, or the text of its failure.
    pub(crate) fn http_key(&self, place: usize, request: &HttpRequest) -> Result<Option<String>, String> {
        self.ask(place, |service| service.try_http_key(request))
    }

    /// The shard that an HTTP request for a service belongs on; `None`: any.
    pub fn http_home(&self, service: &str, request: &HttpRequest, shards: u16) -> Option<u16> {
        let place = self.find(service)?;
        // A key function that panics is answered for on the shard.
        let key = self.http_key(place, request).ok()??;
        Some(home_of_key(place, &key, shards))
    }

    fn ask<T>(
        &self,
        place: usize,
        question: impl FnOnce(&dyn Service) -> Result<T, String>,
    ) -> Result<T, String> {
        let held = self.entries[place].service.as_ref();
        let Some(service) = held.and_then(|held| held.0.as_deref()) else {
            return Err("the service was removed".to_owned());
        };
        guarded(|| question(service))?
    }
}

/// A name is a label of a host name, since that is where requests carry it.
fn is_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !name.eq_ignore_ascii_case("default")
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.services().map(|(name, version, _)| (name, version)))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl Service for Nothing {
        fn start(&self) -> Box<dyn Instance> {
            unreachable!("nobody starts it")
        }
    }

    fn registry() -> Registry {
        let services: Vec<(String, Arc<dyn Service>)> = vec![
            ("a".to_owned(), Arc::new(Nothing)),
            ("b".to_owned(), Arc::new(Nothing)),
        ];
        Registry::new(services, "a").unwrap()
    }

    #[test]
    fn a_name_keeps_its_place_through_every_change() {
        let first = registry();
        let second = first.with("b", "2", Arc::new(Nothing)).unwrap();
        let third = second.with("c", "1", Arc::new(Nothing)).unwrap();
        let fourth = third.without("b").unwrap();
        let fifth = fourth.with("B", "3", Arc::new(Nothing)).unwrap();
        assert_eq!(
            (first.find("b"), fourth.find("b"), fifth.find("b")),
            (Some(1), None, Some(1))
        );
        assert_eq!(third.find("c"), Some(2));
        for later in [&second, &third, &fourth, &fifth] {
            assert!(later.follows(&first));
        }
        assert!(!first.follows(&third) && !registry().follows(&first));
        assert_eq!(fifth.version(1).number, 5);
    }

    #[test]
    fn the_default_can_be_changed_but_not_removed() {
        let registry = registry();
        assert_eq!(
            registry.without("a").unwrap_err(),
            RegistryError::IsDefault("a".to_owned())
        );
        let other = registry.with_default("b").unwrap();
        assert_eq!(other.find("default"), Some(1));
        assert!(other.without("a").is_ok());
        assert!(registry.with_default("x").is_err() && registry.without("x").is_err());
    }

    #[test]
    fn a_name_must_fit_into_a_host_name() {
        for bad in ["", "a.b", "../x", "default", "a/b", &"x".repeat(64)] {
            let error = registry().with(bad, "1", Arc::new(Nothing)).unwrap_err();
            assert_eq!(error, RegistryError::BadName(bad.to_owned()));
        }
    }

    #[test]
    fn names_are_bounded() {
        let mut registry = registry();
        for number in 0..MOST_NAMES - 2 {
            registry = registry
                .with(&format!("s{number}"), "1", Arc::new(Nothing))
                .unwrap();
        }
        let more = registry.with("more", "1", Arc::new(Nothing));
        assert_eq!(more.unwrap_err(), RegistryError::TooMany);
    }
}
