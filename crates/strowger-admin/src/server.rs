//! Sockets: accepts connections and serves the routes on them.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use crate::api::{self, Admin};

/// How long a client may take to send the head of a request, and how long a connection may be idle.
const HEADER: Duration = Duration::from_secs(10);
/// The longest head of a request, in bytes.
const HEADER_BYTES: usize = 16 << 10;
/// How long a connection is served. One that reads nothing must not keep its place for ever.
const CONNECTION: Duration = Duration::from_secs(600);
/// How long to wait where no more connections can be accepted.
const NO_DESCRIPTORS: Duration = Duration::from_millis(50);

/// The interface on its address.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Binds an address and serves on it until it is dropped; `connections` at a time, more wait. Must be called within a tokio
    /// runtime. Off loopback, `admin` must have tokens: that is for the caller to see to.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn start(address: SocketAddr, connections: usize, admin: Admin) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        Ok(Self {
            address: listener.local_addr()?,
            task: tokio::spawn(run(listener, connections, api::router(admin))),
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(listener: TcpListener, connections: usize, router: Router) {
    let permits = Arc::new(Semaphore::new(connections));
    // They end with this task.
    let mut served = JoinSet::new();
    while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
        let Ok((tcp, _)) = listener.accept().await else {
            // Out of descriptors: try again when one may be free.
            tokio::time::sleep(NO_DESCRIPTORS).await;
            continue;
        };
        let router = router.clone();
        while served.try_join_next().is_some() {}
        served.spawn(async move {
            serve(tcp, router).await;
            drop(permit);
        });
    }
}

async fn serve(tcp: TcpStream, router: Router) {
    // An answer that waits for a full packet is late; without the option it is an answer all the same.
    let _ = tcp.set_nodelay(true);
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER)
            .max_buf_size(HEADER_BYTES)
            .serve_connection(TokioIo::new(tcp), TowerToHyperService::new(router))
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = tokio::time::sleep(CONNECTION) => None,
    };
    if let Some(ended) = ended {
        return log(ended);
    }
    connection.as_mut().graceful_shutdown();
    // What is being answered may still be, as long as any request may take.
    if let Ok(ended) = tokio::time::timeout(api::REQUEST, connection).await {
        log(ended);
    }
}

fn log(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "admin connection");
    }
}
