//! Which services a node has.

use std::fmt;
use std::sync::Arc;

use jsip::Request;
use strowger_service::{Instance, Service};

use crate::guard::guarded;

/// The services of a node by name, one of them the default.
#[derive(Clone)]
pub struct Registry {
    services: Vec<(Arc<str>, Arc<dyn Service>)>,
    default: usize,
}

/// Why a registry cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// Two services have one name.
    #[error("two services are named `{0}`")]
    Twice(String),
    /// The default is not among the services.
    #[error("the default service `{0}` is not among the services")]
    NoDefault(String),
}

impl Registry {
    /// A registry of named services; `default` names the one that gets what no other is named for.
    ///
    /// # Errors
    ///
    /// See [`RegistryError`].
    pub fn new(services: Vec<(String, Arc<dyn Service>)>, default: &str) -> Result<Self, RegistryError> {
        for (at, (name, _)) in services.iter().enumerate() {
            if services[..at].iter().any(|(other, _)| other == name) {
                return Err(RegistryError::Twice(name.clone()));
            }
        }
        let services: Vec<(Arc<str>, _)> = services
            .into_iter()
            .map(|(name, service)| (name.into(), service))
            .collect();
        let default = services
            .iter()
            .position(|(name, _)| **name == *default)
            .ok_or_else(|| RegistryError::NoDefault(default.to_owned()))?;
        Ok(Self { services, default })
    }

    /// The place of the service with this name. `default` names the default service.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let found = self
            .services
            .iter()
            .position(|(other, _)| other.eq_ignore_ascii_case(name));
        found.or_else(|| name.eq_ignore_ascii_case("default").then_some(self.default))
    }

    pub(crate) const fn default_place(&self) -> usize {
        self.default
    }

    pub(crate) fn name(&self, place: usize) -> &Arc<str> {
        &self.services[place].0
    }

    pub(crate) fn len(&self) -> usize {
        self.services.len()
    }

    /// A new instance of a service, or the text of its panic.
    pub(crate) fn start(&self, place: usize) -> Result<Box<dyn Instance>, String> {
        guarded(|| self.services[place].1.start())
    }

    /// Whether a service takes another instance, or the text of its panic.
    pub(crate) fn has_room(&self, place: usize) -> Result<bool, String> {
        guarded(|| self.services[place].1.has_room())
    }

    /// What a service's key function says of a request, or the text of its failure.
    pub(crate) fn key(&self, place: usize, request: &Request) -> Result<Option<String>, String> {
        guarded(|| self.services[place].1.try_key(request))?
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.services.iter().map(|(name, _)| name).collect();
        f.debug_struct("Registry")
            .field("services", &names)
            .field("default", &self.default)
            .finish()
    }
}
