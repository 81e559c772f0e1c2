//! The admin interface, first part: health, readiness and figures over HTTP.
//!
//! | route | answer |
//! |---|---|
//! | `GET /healthz` | 200 `ok` while the process runs |
//! | `GET /readyz` | 200 `ready`, 503 `draining` while new users are not admitted |
//! | `GET /figures` | the node's figures as one JSON object |

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use strowger_node::driver::{Figures, Node};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// How many admin connections are served at a time; more wait.
const CONNECTIONS: usize = 64;

/// What the admin interface reports on.
#[derive(Debug)]
pub(crate) struct Admin {
    pub(crate) node: Arc<Node>,
    pub(crate) draining: Arc<AtomicBool>,
}

/// Binds the address and serves until the task is aborted.
pub(crate) fn start(address: SocketAddr, admin: Admin) -> io::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let address = listener.local_addr()?;
    Ok((address, tokio::spawn(run(listener, Arc::new(admin)))))
}

async fn run(listener: TcpListener, admin: Arc<Admin>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
        let Ok((tcp, _)) = listener.accept().await else {
            // Out of descriptors: try again when one may be free.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let admin = Arc::clone(&admin);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(Arc::clone(&admin), request));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(std::time::Duration::from_secs(10))
                .serve_connection(TokioIo::new(tcp), service);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "admin connection");
            }
            drop(permit);
        });
    }
}

async fn answer<B>(admin: Arc<Admin>, request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/healthz") => (StatusCode::OK, "ok\n".to_owned()),
        (&Method::GET, "/readyz") if admin.draining.load(Ordering::Acquire) => {
            (StatusCode::SERVICE_UNAVAILABLE, "draining\n".to_owned())
        }
        (&Method::GET, "/readyz") => (StatusCode::OK, "ready\n".to_owned()),
        (&Method::GET, "/figures") => (StatusCode::OK, figures(&admin.node.figures().await)),
        (&Method::GET, _) => (
            StatusCode::NOT_FOUND,
            "there are /healthz, /readyz and /figures\n".to_owned(),
        ),
        _ => (StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned()),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    Ok(response)
}

fn figures(figures: &Figures) -> String {
    let counters = &figures.counters;
    let object = serde_json::json!({
        "channels": figures.channels,
        "sockets": figures.sockets,
        "dialogs": figures.dialogs,
        "dialog_records": figures.records,
        "instances": figures.instances,
        "links_up": figures.links.up,
        "links_connecting": figures.links.connecting,
        "links_waiting": figures.links.waiting,
        "links_failed": figures.links.failed,
        "messages_received": counters.messages_received,
        "messages_sent": counters.messages_sent,
        "instances_started": counters.instances_started,
        "instances_failed": counters.instances_failed,
        "instances_moved": counters.instances_moved,
        "instances_not_moved": counters.instances_not_moved,
        "not_found": counters.not_found,
        "unavailable": counters.unavailable,
        "unreachable": counters.unreachable,
        "no_room": counters.no_room,
        "too_many_hops": counters.too_many_hops,
        "commands_refused": counters.commands_refused,
    });
    format!("{object}\n")
}
