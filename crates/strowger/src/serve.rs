//! The server: listeners and a node, from start to drained end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use strowger_admin::api::Admin;
use strowger_admin::server::Server as AdminServer;
use strowger_admin::services::{Restored, Services};
use strowger_admin::switch::Switch;
use strowger_channel::net::Listener;
use strowger_node::driver::Node;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::{Config, Demo};
use crate::entrance::WithDemo;
use crate::loading;
use crate::settings::{self, SettingsError};

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
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
    admin: Option<AdminServer>,
    draining: Arc<AtomicBool>,
    addresses: Vec<SocketAddr>,
    stop: watch::Sender<bool>,
    listeners: Vec<JoinHandle<()>>,
}

impl Server {
    /// Restores the services, binds every configured address, and starts the node and its admin interface; this one at another
    /// address than the configured one if there is one. Blocks while services are compiled. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// See [`ServeError`]; nothing runs then.
    pub fn start(config: &Config, admin_address: Option<SocketAddr>) -> Result<Self, ServeError> {
        let (node_config, restored) = (settings::node(config)?, loading::restore(config)?);
        let driver = settings::driver(config, rand::random())?;
        let mut bound = Vec::new();
        for address in &config.server.listen {
            let listener = Listener::bind(*address, settings::listener(config));
            let listener = listener.map_err(|source| ServeError::Listen {
                address: *address,
                source,
            })?;
            bound.push(match bound.first() {
                Some(first) => listener.counting_with(first),
                None => listener,
            });
        }
        let addresses = bound
            .iter()
            .map(Listener::local_addr)
            .collect::<io::Result<Vec<_>>>()?;
        let node = Arc::new(Node::start(node_config, restored.registry.clone(), &driver)?);
        let draining = Arc::new(AtomicBool::new(false));
        let admin = start_admin(config, admin_address, restored, &node, &draining)?;
        let admission = match config.server.demo {
            Demo::On => Arc::new(WithDemo(node.admission())),
            Demo::Off => node.admission(),
        };
        let (stop, stopped) = watch::channel(false);
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
            admin,
            draining,
            addresses,
            stop,
            listeners,
        })
    }

    /// The addresses that are listened on.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
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
        let node = self.node;
        // Joining threads blocks; a blocking thread of the runtime may.
        let _ = tokio::task::spawn_blocking(move || node.stop()).await;
    }
}

fn start_admin(
    config: &Config,
    elsewhere: Option<SocketAddr>,
    restored: Restored,
    node: &Arc<Node>,
    draining: &Arc<AtomicBool>,
) -> Result<Option<AdminServer>, ServeError> {
    if !config.admin.enabled && elsewhere.is_none() {
        return Ok(None);
    }
    let address = elsewhere.unwrap_or(config.admin.listen);
    let variable = std::env::var(settings::TOKEN_VARIABLE).ok();
    let tokens = settings::tokens(config, address, variable.as_deref())?;
    let switch: Arc<dyn Switch> = Arc::clone(node) as Arc<dyn Switch>;
    let admin = Admin {
        services: Arc::new(Services::new(restored, Arc::clone(&switch))),
        switch,
        tokens,
        draining: Arc::clone(draining),
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
