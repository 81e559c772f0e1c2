//! The server: listeners and a node, from start to drained end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use strowger_channel::net::Listener;
use strowger_node::driver::Node;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::admin::{self, Admin};
use crate::config::{Config, Demo};
use crate::entrance::WithDemo;
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
    admin: Option<(SocketAddr, JoinHandle<()>)>,
    draining: Arc<AtomicBool>,
    addresses: Vec<SocketAddr>,
    stop: watch::Sender<bool>,
    listeners: Vec<JoinHandle<()>>,
}

impl Server {
    /// Binds every configured address, and the admin interface if it has one, and starts the node. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// See [`ServeError`]; nothing runs then.
    pub fn start(config: &Config, admin_address: Option<SocketAddr>) -> Result<Self, ServeError> {
        let (node_config, registry) = (settings::node(config)?, settings::registry(config)?);
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
        let node = Arc::new(Node::start(node_config, registry, &driver)?);
        let draining = Arc::new(AtomicBool::new(false));
        let admin = match admin_address {
            None => None,
            Some(address) => {
                let admin = Admin {
                    node: Arc::clone(&node),
                    draining: Arc::clone(&draining),
                    body_bytes: config.http.bytes,
                };
                Some(admin::start(address, admin).map_err(|source| ServeError::Listen { address, source })?)
            }
        };
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
        self.admin.as_ref().map(|(address, _)| *address)
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
        if let Some((_, admin)) = self.admin {
            admin.abort();
        }
        let node = self.node;
        // Joining threads blocks; a blocking thread of the runtime may.
        let _ = tokio::task::spawn_blocking(move || node.stop()).await;
    }
}
