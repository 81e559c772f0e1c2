//! What a node starts with: what is built in, what the configuration names, and what was loaded before.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use strowger_node::{Registry, RegistryError};
use strowger_service::Service;

use super::State;
use crate::catalogue::{Catalogue, CatalogueLimits, Choice, ManifestError};
use crate::loader::Loader;
use crate::names::{BaseKind, NameError, ServiceName};
use crate::store::{Store, StoreError};

/// A service that is there without having been loaded.
#[derive(Clone)]
pub struct Base {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub kind: BaseKind,
    /// The service.
    pub service: Arc<dyn Service>,
}

/// What is restored.
pub struct Plan {
    /// The services that are there without having been loaded; no name twice.
    pub base: Vec<Base>,
    /// The service that gets what no other is named for.
    pub default: String,
    /// What makes services of components.
    pub loader: Arc<dyn Loader>,
    /// Where components and the manifest are kept.
    pub store: Store,
    /// Bounds.
    pub limits: CatalogueLimits,
}

/// Why a node cannot start with its services.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// There is no service to begin with.
    #[error("there is no service")]
    Nothing,
    /// The name of a service is none.
    #[error("`{0}`: {1}")]
    Name(String, NameError),
    /// The services do not fit together.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// What was kept cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The manifest cannot be used. It is left as it is.
    #[error("{} {error}", path.display())]
    Manifest {
        /// Where it is.
        path: PathBuf,
        /// What is wrong.
        error: ManifestError,
    },
}

/// What a node starts with.
pub struct Restored {
    /// The services for the node's start.
    pub registry: Registry,
    pub(super) base: HashMap<ServiceName, Base>,
    pub(super) loader: Arc<dyn Loader>,
    pub(super) store: Store,
    pub(super) state: State,
}

impl Restored {
    /// Reads the manifest and loads the default version of each service in it. One that cannot be loaded any more is logged; in its
    /// place starts what was the default before it, at last what the service is without loaded versions. Blocks.
    ///
    /// # Errors
    ///
    /// See [`RestoreError`].
    pub fn new(plan: Plan) -> Result<Self, RestoreError> {
        let Plan {
            base,
            default,
            loader,
            store,
            limits,
        } = plan;
        let mut registry = start(&base)?;
        let mut bases = HashMap::new();
        for one in base {
            let name: ServiceName = one
                .name
                .parse()
                .map_err(|error| RestoreError::Name(one.name.clone(), error))?;
            bases.insert(name, one);
        }
        let mut state = State {
            catalogue: Catalogue::new(bases.keys().cloned(), limits),
            meters: HashMap::new(),
            faults: HashMap::new(),
        };
        if let Some(text) = store.manifest()? {
            let read = state.catalogue.read_manifest(&text);
            read.map_err(|error| RestoreError::Manifest {
                path: store.manifest_path(),
                error,
            })?;
        }
        let names: Vec<ServiceName> = state.catalogue.services().map(|(name, _)| name.clone()).collect();
        for name in names {
            registry = restore(registry, &mut state, &name, loader.as_ref(), &store)?;
        }
        Ok(Self {
            registry: registry.with_default(&default)?,
            base: bases,
            loader,
            store,
            state,
        })
    }
}

fn start(base: &[Base]) -> Result<Registry, RestoreError> {
    let first = base.first().ok_or(RestoreError::Nothing)?;
    let named = base
        .iter()
        .map(|one| (one.name.clone(), Arc::clone(&one.service)));
    let mut registry = Registry::new(named.collect(), &first.name)?;
    for one in base.iter().filter(|one| one.kind == BaseKind::File) {
        registry = registry.with(&one.name, one.kind.label(), Arc::clone(&one.service))?;
    }
    Ok(registry)
}

fn restore(
    registry: Registry,
    state: &mut State,
    name: &ServiceName,
    loader: &dyn Loader,
    store: &Store,
) -> Result<Registry, RestoreError> {
    let candidates = state.catalogue.candidates(name);
    for choice in &candidates {
        let Choice::Version(digest) = choice else {
            // It is in the registry already.
            state.catalogue.started_as(name, Some(Choice::Base));
            return Ok(registry);
        };
        let package = store.get(*digest).map_err(|error| error.to_string());
        match package.and_then(|package| loader.load(name, &package)) {
            Ok(component) => {
                state.meters.insert((name.clone(), *digest), component.meter);
                state.catalogue.started_as(name, Some(*choice));
                return Ok(registry.with(name.as_str(), &digest.to_string(), component.service)?);
            }
            Err(error) => {
                tracing::error!(service = %name, version = %digest, error, "a version that was loaded cannot be loaded again");
                state.faults.insert((name.clone(), *digest), error);
            }
        }
    }
    if !candidates.is_empty() {
        state.catalogue.started_as(name, None);
    }
    Ok(registry)
}

impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Base")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("base", &self.base)
            .field("default", &self.default)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Restored")
            .field("registry", &self.registry)
            .finish_non_exhaustive()
    }
}
