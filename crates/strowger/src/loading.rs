//! Where services come from: what is compiled in, files that the configuration names, what was loaded while the server ran.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use strowger_admin::catalogue::CatalogueLimits;
use strowger_admin::loader::{Component, Loader, Measured, Meter, Package};
use strowger_admin::names::{BaseKind, ServiceName};
use strowger_admin::services::{Base, Plan, Restored};
use strowger_admin::store::Store;
use strowger_host::{Digest, Host, HostError, LoadedService};
use strowger_service::Service as _;

use crate::built_in::BuiltIn;
use crate::config::{Config, Loaded};
use crate::settings::{self, SettingsError};

/// Below `data`, where loaded services are kept.
const SERVICES: &str = "services";

/// Makes services of components, each with the limits that the configuration gives its name.
pub struct HostLoader {
    settings: strowger_host::Settings,
    limits: BTreeMap<String, strowger_host::Limits>,
    own: BTreeMap<String, String>,
    /// Made when it is needed: a server without loaded services has no thread for them.
    host: Mutex<Option<Arc<Host>>>,
    meters: Mutex<HashMap<(String, Digest), Counting>>,
}

/// What counts for one version of a service.
struct Counting {
    /// As long as somebody asks, a version that is loaded once more counts on.
    asked: Weak<dyn Fn() -> Measured + Send + Sync>,
    meter: strowger_host::Meter,
}

impl HostLoader {
    /// What the configuration says of loaded services.
    pub fn new(config: &Config) -> Self {
        let loaded = config.loaded.iter();
        Self {
            settings: strowger_host::Settings {
                component_bytes: config.services.component_bytes as u64,
                cache: config.services.cache.clone(),
                signers: config.services.signers.clone(),
                messages: settings::messages(config),
            },
            limits: loaded
                .map(|(name, loaded)| (name.clone(), limits(loaded)))
                .collect(),
            own: config.service_settings.clone(),
            host: Mutex::new(None),
            meters: Mutex::default(),
        }
    }

    fn host(&self) -> Result<Arc<Host>, HostError> {
        let mut host = self.host.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = &*host {
            return Ok(Arc::clone(host));
        }
        let made = Arc::new(Host::new(self.settings.clone())?);
        Ok(Arc::clone(host.insert(made)))
    }

    fn limits(&self, service: &str) -> strowger_host::Limits {
        self.limits.get(service).copied().unwrap_or_default()
    }

    /// The meter of a version: the one that it has, where somebody still asks it.
    fn meter(&self, service: &str, package: &Package) -> (strowger_host::Meter, Meter) {
        let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        meters.retain(|_, counting| counting.asked.strong_count() > 0);
        let key = (service.to_owned(), Digest::of(&package.bytes));
        if let Some(counting) = meters.get(&key)
            && let Some(asked) = counting.asked.upgrade()
        {
            return (counting.meter.clone(), asked);
        }
        let meter = strowger_host::Meter::default();
        let read = meter.clone();
        let asked: Meter = Arc::new(move || measured(read.read()));
        let counting = Counting {
            asked: Arc::downgrade(&asked),
            meter: meter.clone(),
        };
        meters.insert(key, counting);
        (meter, asked)
    }

    fn load_file(&self, service: &str, file: PathBuf) -> Result<LoadedService, SettingsError> {
        let loaded = self.host()?.load_file(&file, self.limits(service));
        loaded.map_err(|error| SettingsError::Load {
            service: service.to_owned(),
            file,
            error,
        })
    }
}

impl Loader for HostLoader {
    fn load(&self, service: &ServiceName, package: &Package) -> Result<Component, String> {
        let host = self
            .host()
            .map_err(|error| format!("cannot be loaded: {error}"))?;
        let (counted, meter) = self.meter(service.as_str(), package);
        let loaded = host
            .load_metered(
                &package.bytes,
                package.signature.as_deref(),
                self.limits(service.as_str()),
                &counted,
            )
            .map_err(|error| error.to_string())?;
        if let Some(own) = self.own.get(service.as_str()) {
            let checked = loaded.check_config(own);
            checked.map_err(|why| {
                format!("does not take `services.{service}.settings` of the configuration: {why}")
            })?;
        }
        Ok(Component {
            service: Arc::new(loaded),
            meter,
        })
    }
}

fn measured(figures: strowger_host::Figures) -> Measured {
    Measured {
        started: figures.started,
        calls: figures.calls,
        time: figures.time,
        failed: figures.failed,
        memory: figures.memory,
    }
}

fn limits(loaded: &Loaded) -> strowger_host::Limits {
    strowger_host::Limits {
        isolation: loaded.isolation,
        memory: loaded.memory,
        budget: loaded.budget,
        instances: loaded.instances,
    }
}

/// The services that a node starts with: those that are there anyhow, and those that were loaded before and are kept in `data`.
/// Blocks, for seconds perhaps.
///
/// # Errors
///
/// [`SettingsError::Services`] if `services.default` names none of them, or what was kept cannot be used;
/// [`SettingsError::Host`] and [`SettingsError::Load`] if a file of the configuration cannot be loaded.
pub(crate) fn restore(config: &Config, built_in: &BuiltIn) -> Result<Restored, SettingsError> {
    let store = match &config.server.data {
        Some(data) => {
            Store::open(data.join(SERVICES)).map_err(strowger_admin::services::RestoreError::from)?
        }
        None => Store::in_memory(),
    };
    restore_from(config, built_in, store, config.services.default.clone())
}

/// The services that a node without a past would start with. Where there is a data directory, the default service may be in it,
/// and stands for itself.
///
/// # Errors
///
/// [`SettingsError::Services`] if `services.default` names none of them; [`SettingsError::Host`] and [`SettingsError::Load`] if a file of
/// the configuration cannot be loaded.
pub fn start(config: &Config) -> Result<Restored, SettingsError> {
    let default = &config.services.default;
    let built_in = BuiltIn::new(config);
    let is_known =
        built_in.services().iter().any(|(name, _)| name == default) || config.loaded.contains_key(default);
    let default = if is_known || config.server.data.is_none() {
        default
    } else {
        "relay"
    };
    restore_from(config, &built_in, Store::in_memory(), default.to_owned())
}

fn restore_from(
    config: &Config,
    built_in: &BuiltIn,
    store: Store,
    default: String,
) -> Result<Restored, SettingsError> {
    let loader = HostLoader::new(config);
    let base = base(config, built_in, &loader)?;
    check_settings(config, &base)?;
    let limits = CatalogueLimits {
        services: config.services.loaded,
        versions: config.services.versions,
    };
    Ok(Restored::new(Plan {
        base,
        default,
        loader: Arc::new(loader),
        store,
        limits,
    })?)
}

/// Settings of services are for services that there are, and right; those of one that may be loaded are checked when it is.
fn check_settings(config: &Config, base: &[Base]) -> Result<(), SettingsError> {
    for (service, settings) in &config.service_settings {
        let may_come = config.server.data.is_some() || config.loaded.contains_key(service);
        let checked = match base.iter().find(|one| one.name == *service) {
            Some(one) => one.service.check_config(settings),
            None if may_come => Ok(()),
            None => Err("there is no such service".to_owned()),
        };
        checked.map_err(|why| SettingsError::Service {
            service: service.clone(),
            why,
        })?;
    }
    Ok(())
}

/// What is compiled in, with the files that the configuration names in the place of what they replace.
fn base(config: &Config, built_in: &BuiltIn, loader: &HostLoader) -> Result<Vec<Base>, SettingsError> {
    let built_in = built_in.services().into_iter().map(|(name, service)| Base {
        name,
        kind: BaseKind::BuiltIn,
        service,
    });
    let mut base: Vec<Base> = built_in.collect();
    for (name, loaded) in &config.loaded {
        let Some(file) = &loaded.file else { continue };
        let service = Arc::new(loader.load_file(name, file.clone())?);
        base.retain(|one| one.name != *name);
        base.push(Base {
            name: name.clone(),
            kind: BaseKind::File,
            service,
        });
    }
    Ok(base)
}

impl std::fmt::Debug for HostLoader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostLoader")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn the_meter_of_a_version_is_one_as_long_as_somebody_asks_it() {
        let loader = HostLoader::new(&Config::default());
        let package = |bytes| Package {
            bytes: Bytes::from_static(bytes),
            signature: None,
        };
        let (_, first) = loader.meter("rooms", &package(b"1"));
        let (_, other) = loader.meter("rooms", &package(b"2"));
        let (_, again) = loader.meter("rooms", &package(b"1"));
        let (_, elsewhere) = loader.meter("hunt", &package(b"1"));
        assert!(Arc::ptr_eq(&first, &again));
        assert!(!Arc::ptr_eq(&first, &other) && !Arc::ptr_eq(&first, &elsewhere));
        drop((first, again, other, elsewhere));
        let _kept = loader.meter("rooms", &package(b"3"));
        assert_eq!(loader.meters.lock().unwrap().len(), 1);
    }
}
