//! The server: listeners and a node, from start to drained end.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use strowger_admin::access::PresentTokens;
use strowger_admin::api::Admin;
use strowger_admin::server::Server as AdminServer;
use strowger_admin::services::{Restored, Services};
use strowger_admin::switch::Switch;
use strowger_channel::net::{Identity, Listener, ListenerSettings};
use strowger_feed::Ladders;
use strowger_node::driver::Node;
use strowger_observe::Observer;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::acme::Acme;
use crate::built_in::BuiltIn;
use crate::certificate::Certificate;
use crate::config::{Config, Demo};
use crate::entrance::WithDemo;
use crate::observing::Journals;
use crate::reloading::{self, Reloader, Source};
use crate::settings::{self, SettingsError};
use crate::{loading, logging, observing};

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Nobody can look on.
    #[error(transparent)]
    Observe(#[from] observing::ObserveError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// The shards cannot be started.
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    node: Arc<Node>,
    observer: Option<Observer>,
    journals: Journals,
    admin: Option<AdminServer>,
    draining: Arc<AtomicBool>,
    addresses: Vec<SocketAddr>,
    tls_addresses: Vec<SocketAddr>,
    reloader: Arc<Reloader>,
    authenticates: bool,
    stop: watch::Sender<bool>,
    listeners: Vec<JoinHandle<()>>,
}

impl Server {
    /// Restores the services, binds every configured address, and starts the node and its admin interface; this one at another
    /// address than the configured one if there is one. `source` gives the configuration as it is later, for a
    /// [`reload`](Self::reload). Blocks while services are compiled. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// See [`ServeError`]; nothing runs then.
    pub fn start(
        config: &Config,
        admin_address: Option<SocketAddr>,
        source: Source,
    ) -> Result<Self, ServeError> {
        let built_in = BuiltIn::new(config);
        let (node_config, restored) = (settings::node(config)?, loading::restore(config, &built_in)?);
        let seed = rand::random();
        let mut driver = settings::driver(config, seed)?;
        let authenticates = driver.auth.is_some();
        let acme = Acme::new(config).map_err(SettingsError::from)?;
        let ordered = acme.as_ref().map(Acme::file).transpose();
        let identity = settings::identity(config, ordered.map_err(SettingsError::from)?.as_ref())?;
        let (change, changes) = watch::channel(settings::listener(config));
        let mut bound: Vec<Listener> = Vec::new();
        for (address, identity) in places(config, identity.as_ref()) {
            let settings = ListenerSettings {
                identity,
                ..settings::listener(config)
            };
            let listener =
                Listener::bind(address, settings).map_err(|source| ServeError::Listen { address, source })?;
            let listener = listener.following(changes.clone());
            bound.push(match bound.first() {
                Some(first) => listener.counting_with(first),
                None => listener,
            });
        }
        let mut addresses = bound
            .iter()
            .map(Listener::local_addr)
            .collect::<io::Result<Vec<_>>>()?;
        let tls_addresses = addresses.split_off(config.server.listen.len());
        let (seer, ladders) = Ladders::start(settings::ladders(config))?;
        let observed = observing::start(config, seed)?;
        let (onlooker, observer) = match observed {
            Some((onlooker, observer)) => (onlooker.and(seer), Some(observer)),
            None => (seer, None),
        };
        driver.onlooker = Some(onlooker);
        let journals = Journals::default();
        driver.journal = journals.begin(config)?;
        let node = Arc::new(Node::start(node_config, restored.registry.clone(), &driver)?);
        // It has its own, without which it would look on for ever.
        driver.onlooker = None;
        driver.journal = None;
        let draining = Arc::new(AtomicBool::new(false));
        let (stop, stopped) = watch::channel(false);
        if let (Some(acme), Some(identity)) = (acme, identity.clone()) {
            acme.keep(identity, stopped.clone());
        }
        let certificate = identity.map(|identity| Certificate::watch(identity, stopped.clone()));
        reloading::warn_of_open_files(config);
        let admin_tokens = admin_tokens(config, admin_address)?;
        let reloader = Arc::new(Reloader {
            source,
            node: Arc::clone(&node),
            seed,
            built_in,
            listeners: change,
            certificate,
            admin: admin_tokens.clone(),
            ladders: Arc::clone(&ladders),
            journals: journals.clone(),
            current: Mutex::new(config.clone()),
        });
        let admin = match admin_tokens {
            Some(place) => start_admin(config, place, restored, (&node, &reloader, &draining), ladders)?,
            None => None,
        };
        let admission = match config.server.demo {
            Demo::On => Arc::new(WithDemo(node.admission())),
            Demo::Off => node.admission(),
        };
        let listeners = bound
            .into_iter()
            .map(|listener| {
                let mut stopped = stopped.clone();
                let until = async move {
                    // The sender gone means the server is gone.
                    let _ = stopped.wait_for(|stopped| *stopped).await;
                };
                tokio::spawn(listener.run(Arc::clone(&admission), until))
            })
            .collect();
        Ok(Self {
            node,
            observer,
            journals,
            admin,
            draining,
            addresses,
            tls_addresses,
            reloader,
            authenticates,
            stop,
            listeners,
        })
    }

    /// The addresses that are listened on without TLS.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The addresses that are listened on with TLS.
    pub fn tls_addresses(&self) -> &[SocketAddr] {
        &self.tls_addresses
    }

    /// Takes over a configuration, and a certificate, that have changed: all that can change while the server runs, or nothing where
    /// they cannot be used. The log says what came of it.
    pub fn reload(&self) {
        let reloader = Arc::clone(&self.reloader);
        // It blocks on files; a blocking thread of the runtime may. Nobody waits for it.
        tokio::task::spawn_blocking(move || reloader.reload());
    }

    /// Whether users have to prove who they are.
    pub const fn authenticates(&self) -> bool {
        self.authenticates
    }

    /// The address of the admin interface.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(AdminServer::address)
    }

    /// The node, for figures.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Resolves to the number of a shard that panicked by a fault of the server's own; never otherwise.
    pub async fn failed(&self) -> u16 {
        self.node.failed().await
    }

    /// Drains: no new dialogs, running ones go on up to the configured time, every socket is closed with 1012. The
    /// listeners stay open meanwhile, for users who come back to their calls.
    pub async fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        self.node.drain().await;
    }

    /// Stops listening and ends the shards.
    pub async fn stop(self) {
        // No listener left is what we want.
        let _ = self.stop.send(true);
        for listener in self.listeners {
            // A listener that panicked has stopped.
            let _ = listener.await;
        }
        drop(self.admin);
        let (node, observer, journals) = (self.node, self.observer, self.journals);
        // Joining threads blocks; a blocking thread of the runtime may.
        let end = move || {
            node.stop();
            // What is left to tell is told when the shards are gone.
            if let Some(observer) = observer {
                observer.join();
            }
            journals.join();
        };
        let _ = tokio::task::spawn_blocking(end).await;
    }
}

/// Where to listen, and what to show there: first without TLS.
fn places<'a>(
    config: &'a Config,
    identity: Option<&'a Identity>,
) -> impl Iterator<Item = (SocketAddr, Option<Identity>)> + 'a {
    let plain = config.server.listen.iter().map(|address| (*address, None));
    let secured = config
        .tls
        .listen
        .iter()
        .map(move |address| (*address, identity.cloned()));
    plain.chain(secured)
}

/// Where the admin interface is to listen, and who may use it; `None`: there is none.
fn admin_tokens(
    config: &Config,
    elsewhere: Option<SocketAddr>,
) -> Result<Option<(SocketAddr, PresentTokens)>, SettingsError> {
    if !config.admin.enabled && elsewhere.is_none() {
        return Ok(None);
    }
    let address = elsewhere.unwrap_or(config.admin.listen);
    let tokens = reloading::admin_tokens(config, address)?;
    Ok(Some((address, tokens.into())))
}

fn start_admin(
    config: &Config,
    (address, tokens): (SocketAddr, PresentTokens),
    restored: Restored,
    (node, reloader, draining): (&Arc<Node>, &Arc<Reloader>, &Arc<AtomicBool>),
    ladders: Arc<Ladders>,
) -> Result<Option<AdminServer>, ServeError> {
    let switch: Arc<dyn Switch> = Arc::clone(node) as Arc<dyn Switch>;
    let (reloader, in_force, present) = (Arc::clone(reloader), Arc::clone(reloader), Arc::clone(reloader));
    let admin = Admin {
        reload: Arc::new(move || reloader.reload().map_err(|error| error.to_string())),
        services: Arc::new(Services::new(restored, Arc::clone(&switch))),
        switch,
        tokens,
        set_log_level: Arc::new(logging::set_level_named),
        limits: Arc::new(move || in_force.limits()),
        draining: Arc::clone(draining),
        ladders,
        journals: Arc::new(move || present.journals_directory()),
        component_bytes: config.services.component_bytes,
        body_bytes: config.http.bytes,
    };
    match AdminServer::start(address, config.admin.connections, admin) {
        Ok(server) => Ok(Some(server)),
        // Nobody asked for this address, and another server on this machine may have it.
        Err(error)
            if error.kind() == io::ErrorKind::AddrInUse && address == Config::default().admin.listen =>
        {
            tracing::warn!(%address, "another program has the address of the admin interface, so there is none; `admin.listen` can move it");
            Ok(None)
        }
        Err(source) => Err(ServeError::Listen { address, source }),
    }
}
