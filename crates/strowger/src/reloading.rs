//! Takes over another configuration while the server runs: all of what can be taken over, or nothing.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use strowger_admin::access::{PresentTokens, Tokens};
use strowger_admin::api::Setting;
use strowger_admin::reload::Reloaded;
use strowger_channel::net::ListenerSettings;
use strowger_feed::Ladders;
use strowger_node::driver::Node;
use strowger_node::{Registry, RegistryError};
use tokio::sync::watch;

use crate::built_in::BuiltIn;
use crate::certificate::Certificate;
use crate::config::{Config, ConfigError, Reload};
use crate::observing::{Journals, ObserveError};
use crate::settings::{self, SettingsError};

/// Reads the configuration anew.
pub type Source = Box<dyn Fn() -> Result<Config, ConfigError> + Send + Sync>;

/// Why the configuration stays as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// It cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Journals cannot be kept where it says.
    #[error(transparent)]
    Journals(#[from] ObserveError),
    /// Its services do not fit those that are there.
    #[error("services: {0}")]
    Services(#[from] RegistryError),
}

/// What of a running server follows its configuration.
pub(crate) struct Reloader {
    pub(crate) source: Source,
    pub(crate) node: Arc<Node>,
    /// The seed of the node, which its name on links is made of.
    pub(crate) seed: u64,
    pub(crate) built_in: BuiltIn,
    pub(crate) listeners: watch::Sender<ListenerSettings>,
    pub(crate) certificate: Option<Certificate>,
    /// Where the admin interface is, and who may use it.
    pub(crate) admin: Option<(SocketAddr, PresentTokens)>,
    /// The latest calls.
    pub(crate) ladders: Arc<Ladders>,
    /// What keeps journals in files.
    pub(crate) journals: Journals,
    /// What holds now.
    pub(crate) current: Mutex<Config>,
}

impl fmt::Debug for Reloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloader").finish_non_exhaustive()
    }
}

impl Reloader {
    /// The limits and timers that hold now.
    pub(crate) fn limits(&self) -> Vec<Setting> {
        self.current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .limits_and_timers()
    }

    /// Where journals are kept now.
    pub(crate) fn journals_directory(&self) -> Option<PathBuf> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.journal.directory.clone()
    }

    /// Reads the configuration and takes over what is new; the log says what came of it. Blocks on files, and while services look
    /// at their settings.
    ///
    /// # Errors
    ///
    /// See [`ReloadError`].
    pub(crate) fn reload(&self) -> Result<Reloaded, ReloadError> {
        // It has files of its own, and is taken over whatever is wrong with the configuration.
        if let Some(certificate) = &self.certificate {
            certificate.read_again();
        }
        // One at a time.
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match self.take_over(&current) {
            Ok(Reload { config, taken, left }) => {
                *current = config;
                tracing::info!(?taken, needs_restart = ?left, "configuration reloaded");
                Ok(Reloaded {
                    taken,
                    needs_restart: left,
                })
            }
            Err(error) => {
                tracing::error!(%error, "the configuration stays as it was");
                Err(error)
            }
        }
    }

    fn take_over(&self, current: &Config) -> Result<Reload, ReloadError> {
        let reload = current.reload(&(self.source)()?);
        // What can fail comes before what changes something.
        let node = settings::node(&reload.config)?;
        let driver = settings::driver(&reload.config, self.seed)?;
        let admin = match &self.admin {
            Some((address, present)) => Some((present, admin_tokens(&reload.config, *address)?)),
            None => None,
        };
        let journal = (reload.config.journal != current.journal)
            .then(|| self.journals.begin(&reload.config))
            .transpose()?;
        self.node
            .change_services(|registry| services(registry, current, &reload.config))?;
        if let Some((present, tokens)) = admin {
            present.replace(tokens);
        }
        self.built_in.take_over(current, &reload.config);
        self.node.reconfigure(node, &driver);
        if let Some(journal) = journal {
            self.node.set_journal(journal.as_ref());
        }
        self.ladders.configure(settings::ladders(&reload.config));
        self.listeners.send_replace(settings::listener(&reload.config));
        crate::logging::set_level(reload.config.log.level);
        warn_of_open_files(&reload.config);
        Ok(reload)
    }
}

/// Who may use the admin interface at an address; the environment may say, too.
pub(crate) fn admin_tokens(config: &Config, address: SocketAddr) -> Result<Tokens, SettingsError> {
    let variable = std::env::var(settings::TOKEN_VARIABLE).ok();
    settings::tokens(config, address, variable.as_deref())
}

/// Tells the operator of secrets that every user of this machine can read.
pub(crate) fn warn_of_open_files(config: &Config) {
    for open in config.open_files() {
        tracing::warn!("{open}");
    }
}

/// The services with their new settings.
fn services(registry: &Registry, old: &Config, new: &Config) -> Result<Registry, RegistryError> {
    let mut registry = registry.clone();
    let (old_settings, new_settings) = (&old.service_settings, &new.service_settings);
    for (service, settings) in new_settings {
        if old_settings.get(service) != Some(settings) {
            registry = registry.with_settings(service, settings)?;
        }
    }
    for service in old_settings
        .keys()
        .filter(|service| !new_settings.contains_key(*service))
    {
        registry = registry.with_settings(service, "{}")?;
    }
    if old.services.default != new.services.default {
        registry = registry.with_default(&new.services.default)?;
    }
    Ok(registry)
}
