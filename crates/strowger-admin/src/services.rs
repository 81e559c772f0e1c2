//! The services of a running node: loads versions, chooses among them, and keeps what survives a restart.
//!
//! One change at a time. What a change needs that can fail is done first, on a copy of the [catalogue](crate::catalogue): the
//! component is compiled, the registry is tried, files are written. Then the node takes over, which cannot fail.

mod restore;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, SystemTime};

use strowger_node::{Cursor, InstanceFilter, Registry, RegistryError};
use strowger_service::Service;

pub use restore::{Base, Plan, RestoreError, Restored};

use crate::catalogue::{Catalogue, CatalogueError, Choice, Record};
use crate::loader::{Component, Loader, Meter, Package};
use crate::names::{BaseKind, Digest, Label, Selector, ServiceName};
use crate::store::{Store, StoreError};
use crate::switch::Switch;
use crate::view::{ServiceView, VersionView, Views};

/// How many instances are listed at a time in order to end them.
const PAGE: usize = 500;

/// Why a change was not made. Everything is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServicesError {
    /// The catalogue does not allow it.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The component cannot be a service.
    #[error("the file for `{0}` {1}")]
    Rejected(ServiceName, String),
    /// Files cannot be written or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The node's registry does not allow it.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Instances run.
    #[error("{count} instances run on it; drain it, or ask to end them")]
    InUse {
        /// How many.
        count: usize,
    },
    /// A worker of this process failed.
    #[error("a fault of the server: {0}")]
    Internal(String),
}

/// What a load asks for.
#[derive(Debug)]
pub struct LoadRequest {
    /// The service.
    pub service: ServiceName,
    /// The component.
    pub package: Package,
    /// What to call the version; without it, the first 12 digits of its digest.
    pub label: Option<Label>,
    /// Whether new instances get it.
    pub make_default: bool,
}

/// What an unload asks for.
#[derive(Clone, Debug)]
pub struct UnloadRequest {
    /// The service.
    pub service: ServiceName,
    /// One of its versions; all of them without.
    pub version: Option<Selector>,
    /// Whether the files are deleted.
    pub delete: bool,
    /// Whether instances that run are ended.
    pub end: bool,
}

/// The services of a running node.
pub struct Services {
    switch: Arc<dyn Switch>,
    loader: Arc<dyn Loader>,
    store: Arc<Store>,
    base: HashMap<ServiceName, Base>,
    /// What is so. Never locked while something is waited for.
    state: RwLock<State>,
    /// Held by the one change that is made.
    change: tokio::sync::Mutex<()>,
}

/// What changes.
#[derive(Clone)]
struct State {
    catalogue: Catalogue,
    meters: HashMap<(ServiceName, Digest), Meter>,
    /// Why versions that were to start could not.
    faults: HashMap<(ServiceName, Digest), String>,
}

impl Services {
    /// The services of a node that was started with the registry of what was restored.
    pub fn new(restored: Restored, switch: Arc<dyn Switch>) -> Self {
        let Restored {
            base,
            loader,
            store,
            state,
            ..
        } = restored;
        Self {
            switch,
            loader,
            store: Arc::new(store),
            base,
            state: RwLock::new(state),
            change: tokio::sync::Mutex::new(()),
        }
    }

    /// Whether a restart keeps the loaded services.
    pub fn are_lasting(&self) -> bool {
        self.store.is_lasting()
    }

    /// All services, by name.
    pub async fn list(&self) -> Vec<ServiceView> {
        let views = self.views().await;
        let state = self.state();
        let services = state.catalogue.services();
        services
            .map(|(name, entry)| self.view(&state, &views, name, entry))
            .collect()
    }

    /// One service.
    ///
    /// # Errors
    ///
    /// [`CatalogueError::NoService`].
    pub async fn service(&self, name: &ServiceName) -> Result<ServiceView, ServicesError> {
        let views = self.views().await;
        let state = self.state();
        let entry = state.catalogue.service(name)?;
        Ok(self.view(&state, &views, name, entry))
    }

    /// One version of a service.
    ///
    /// # Errors
    ///
    /// Those of [`Catalogue::find`].
    pub async fn version(
        &self,
        name: &ServiceName,
        selector: &Selector,
    ) -> Result<VersionView, ServicesError> {
        let choice = self.state().catalogue.find(name, selector)?;
        let view = self.service(name).await?;
        let wanted = self.label(name, choice);
        let found = view
            .versions
            .into_iter()
            .find(|version| version.version == wanted);
        found.ok_or_else(|| CatalogueError::NoVersion(name.clone(), wanted).into())
    }

    /// Loads a version, and makes it the default if that is asked for. `true`: these bytes were not loaded before.
    ///
    /// # Errors
    ///
    /// See [`ServicesError`].
    pub async fn load(&self, request: LoadRequest) -> Result<(VersionView, bool), ServicesError> {
        let _change = self.change.lock().await;
        let LoadRequest {
            service: name,
            package,
            label,
            make_default,
        } = request;
        let (digest, component) = self.compile(&name, package.clone(), label.clone()).await?;
        let runs = self.runs(&name).await;
        let mut next = self.state().clone();
        let record = Record {
            digest,
            label: label.unwrap_or_else(|| Label::of(digest)),
            bytes: package.bytes.len() as u64,
            loaded_at: seconds(SystemTime::now()),
        };
        let load = next
            .catalogue
            .load(&name, record, make_default, |digest| runs.contains(&digest))?;
        let key = (name.clone(), digest);
        next.faults.remove(&key);
        next.meters.insert(key, Arc::clone(&component.meter));
        let change = make_default.then_some((Some(Choice::Version(digest)), Some(component)));
        for record in &load.forgotten {
            tracing::info!(service = %name, version = %record.digest, label = %record.label, "forgotten, to make room for a newer version");
            next.drop_version(&name, record.digest);
        }
        // Known bytes too: their file may be damaged.
        let new = Some((digest, package));
        self.commit(&name, next, new, change).await?;
        self.delete(load.forgotten).await;
        tracing::info!(service = %name, version = %digest, default = make_default, "loaded");
        let view = self.version(&name, &Selector::Digest(digest.to_string())).await?;
        Ok((view, !load.was_known))
    }

    /// Gives new instances another version.
    ///
    /// # Errors
    ///
    /// See [`ServicesError`].
    pub async fn set_default(
        &self,
        name: &ServiceName,
        selector: &Selector,
    ) -> Result<ServiceView, ServicesError> {
        let _change = self.change.lock().await;
        let mut next = self.state().clone();
        let choice = next.catalogue.set_default(name, selector)?;
        self.take(name, next, choice).await
    }

    /// Gives new instances what they got before the last change.
    ///
    /// # Errors
    ///
    /// See [`ServicesError`].
    pub async fn roll_back(&self, name: &ServiceName) -> Result<ServiceView, ServicesError> {
        let _change = self.change.lock().await;
        let mut next = self.state().clone();
        let choice = next.catalogue.roll_back(name)?;
        self.take(name, next, choice).await
    }

    /// Makes no new instances of a service's loaded versions; running ones finish. Its versions are kept.
    ///
    /// # Errors
    ///
    /// See [`ServicesError`].
    pub async fn drain(&self, name: &ServiceName) -> Result<ServiceView, ServicesError> {
        let _change = self.change.lock().await;
        self.withdraw(name).await?;
        tracing::info!(service = %name, "drains");
        self.service(name).await
    }

    /// As a drain, but instances that run are ended, or forbid it. `delete` forgets the versions and deletes their files.
    ///
    /// # Errors
    ///
    /// See [`ServicesError`].
    pub async fn unload(&self, request: UnloadRequest) -> Result<(), ServicesError> {
        let _change = self.change.lock().await;
        let name = &request.service;
        let versions = self.meant(&request)?;
        let count = self.running(name, &versions).await;
        if count > 0 && !request.end {
            return Err(ServicesError::InUse { count });
        }
        if request.version.is_none() {
            self.withdraw(name).await?;
        }
        if request.end {
            self.end(name, &versions).await;
        }
        if request.delete {
            self.forget(&request, &versions).await?;
        }
        tracing::info!(service = %name, versions = versions.len(), deleted = request.delete, "unloaded");
        Ok(())
    }

    /// The loaded versions that an unload means.
    fn meant(&self, request: &UnloadRequest) -> Result<Vec<Digest>, ServicesError> {
        let state = self.state();
        let entry = state.catalogue.service(&request.service)?;
        let Some(selector) = &request.version else {
            if entry.versions().is_empty() {
                return Err(CatalogueError::NotLoaded(request.service.clone()).into());
            }
            return Ok(entry.versions().iter().map(|record| record.digest).collect());
        };
        let choice = state.catalogue.find(&request.service, selector)?;
        let Choice::Version(digest) = choice else {
            return Err(CatalogueError::NotLoaded(request.service.clone()).into());
        };
        match entry.version(digest) {
            Some(record) if entry.default_choice() == Some(choice) => {
                Err(CatalogueError::IsDefault(request.service.clone(), record.label.clone()).into())
            }
            _ => Ok(vec![digest]),
        }
    }

    async fn withdraw(&self, name: &ServiceName) -> Result<(), ServicesError> {
        let mut next = self.state().clone();
        let choice = next.catalogue.withdraw(name)?;
        self.commit(name, next, None, Some((choice, None))).await
    }

    async fn forget(&self, request: &UnloadRequest, versions: &[Digest]) -> Result<(), ServicesError> {
        let mut next = self.state().clone();
        let name = &request.service;
        let forgotten = match (&request.version, versions) {
            (Some(_), [version]) => vec![next.catalogue.forget_version(name, *version)?],
            _ => next.catalogue.forget(name)?,
        };
        versions
            .iter()
            .for_each(|version| next.drop_version(name, *version));
        self.commit(name, next, None, None).await?;
        self.delete(forgotten).await;
        Ok(())
    }

    /// Compiles a component, away from everything that must not wait.
    async fn compile(
        &self,
        name: &ServiceName,
        package: Package,
        label: Option<Label>,
    ) -> Result<(Digest, Component), ServicesError> {
        let hashed = package.bytes.clone();
        let digest = blocking(move || Digest::of(&hashed)).await?;
        self.state().catalogue.check_label(name, digest, label.as_ref())?;
        let component = self.make(name, move || Ok(package)).await?;
        Ok((digest, component))
    }

    async fn make(
        &self,
        name: &ServiceName,
        package: impl FnOnce() -> Result<Package, StoreError> + Send + 'static,
    ) -> Result<Component, ServicesError> {
        let (loader, service) = (Arc::clone(&self.loader), name.clone());
        let made = blocking(move || Ok(loader.load(&service, &package()?))).await?;
        made.map_err(ServicesError::Store)?
            .map_err(|why| ServicesError::Rejected(name.clone(), why))
    }

    /// Makes a version that is kept the default.
    async fn take(
        &self,
        name: &ServiceName,
        mut next: State,
        choice: Choice,
    ) -> Result<ServiceView, ServicesError> {
        let component = match choice {
            Choice::Base => None,
            Choice::Version(digest) => {
                let store = Arc::clone(&self.store);
                let component = self.make(name, move || store.get(digest)).await?;
                let key = (name.clone(), digest);
                next.faults.remove(&key);
                next.meters.insert(key, Arc::clone(&component.meter));
                Some(component)
            }
        };
        self.commit(name, next, None, Some((Some(choice), component)))
            .await?;
        tracing::info!(service = %name, version = %self.label(name, choice), "is the default");
        self.service(name).await
    }

    /// Makes a change: files first, which may fail, then the node, which was asked before.
    async fn commit(
        &self,
        name: &ServiceName,
        next: State,
        new: Option<(Digest, Package)>,
        change: Option<(Option<Choice>, Option<Component>)>,
    ) -> Result<(), ServicesError> {
        let change = change.map(|(choice, component)| {
            let service = component.map(|component| component.service);
            move |registry: &Registry| self.changed(registry, name, choice, service.as_ref())
        });
        if let Some(change) = &change {
            change(&self.switch.registry())?;
        }
        let (store, manifest) = (Arc::clone(&self.store), next.catalogue.to_manifest());
        blocking(move || write(&store, new.as_ref(), &manifest)).await??;
        if let Some(change) = &change {
            self.switch.change_services(change)?;
        }
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }

    fn changed(
        &self,
        registry: &Registry,
        name: &ServiceName,
        choice: Option<Choice>,
        service: Option<&Arc<dyn Service>>,
    ) -> Result<Registry, RegistryError> {
        let base = self.base.get(name);
        match (choice, service, base) {
            (Some(Choice::Version(digest)), Some(service), _) => {
                registry.with(name.as_str(), &digest.to_string(), Arc::clone(service))
            }
            (Some(Choice::Base), _, Some(base)) => {
                registry.with(name.as_str(), base.kind.label(), Arc::clone(&base.service))
            }
            _ => match registry.without(name.as_str()) {
                // It was not there before.
                Err(RegistryError::Unknown(_)) => Ok(registry.clone()),
                result => result,
            },
        }
    }

    /// Deletes the files of versions that no service has any more.
    async fn delete(&self, forgotten: Vec<Record>) {
        let unused: Vec<Digest> = {
            let state = self.state();
            let digests = forgotten.iter().map(|record| record.digest);
            digests.filter(|digest| !state.catalogue.holds(*digest)).collect()
        };
        let store = Arc::clone(&self.store);
        let deleted = blocking(move || unused.into_iter().try_for_each(|digest| store.delete(digest))).await;
        if let Ok(Err(error)) = deleted {
            tracing::warn!(%error, "a version was forgotten, but its file stays");
        }
    }

    /// Ends every instance of these versions.
    async fn end(&self, name: &ServiceName, versions: &[Digest]) {
        for version in versions {
            let filter = InstanceFilter {
                service: Some(name.to_string()),
                version: Some(version.to_string()),
            };
            let mut from = Some(Cursor::default());
            while let Some(cursor) = from {
                let page = self.switch.instances(filter.clone(), cursor, PAGE).await;
                for instance in &page.items {
                    self.switch.end_instance(instance.id).await;
                }
                from = page.next;
            }
        }
    }

    /// The versions of a service of which instances run.
    async fn runs(&self, name: &ServiceName) -> Vec<Digest> {
        let counts = self.switch.version_counts().await;
        let own = counts
            .iter()
            .filter(|count| name.as_str().eq_ignore_ascii_case(&count.service));
        own.filter_map(|count| count.version.label.parse().ok()).collect()
    }

    async fn running(&self, name: &ServiceName, versions: &[Digest]) -> usize {
        let views = self.views().await;
        let count = |version: &Digest| views.running(name, &version.to_string());
        versions.iter().map(count).sum()
    }

    async fn views(&self) -> Views {
        Views::new(&self.switch.version_counts().await, &self.switch.registry())
    }

    fn view(
        &self,
        state: &State,
        views: &Views,
        name: &ServiceName,
        entry: &crate::catalogue::Entry,
    ) -> ServiceView {
        let base = self.base.get(name).map(|base| base.kind);
        let meter = |digest| state.meters.get(&(name.clone(), digest)).map(|meter| meter());
        let fault = |digest| state.faults.get(&(name.clone(), digest)).cloned();
        views.service(name, entry, base, meter, fault)
    }

    /// What the registry calls a choice.
    fn label(&self, name: &ServiceName, choice: Choice) -> String {
        match choice {
            Choice::Version(digest) => digest.to_string(),
            Choice::Base => {
                let kind = self.base.get(name).map_or(BaseKind::BuiltIn, |base| base.kind);
                kind.label().to_owned()
            }
        }
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn drop_version(&mut self, name: &ServiceName, digest: Digest) {
        self.meters.remove(&(name.clone(), digest));
        self.faults.remove(&(name.clone(), digest));
    }
}

fn write(store: &Store, new: Option<&(Digest, Package)>, manifest: &[u8]) -> Result<(), StoreError> {
    if let Some((digest, package)) = new {
        store.put(*digest, package)?;
    }
    store.write_manifest(manifest)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ServicesError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| ServicesError::Internal(error.to_string()))
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs()
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}
