//! The admin interface, first part: health, readiness and figures over HTTP.
//!
//! | route | answer |
//! |---|---|
//! | `GET /healthz` | 200 `ok` while the process runs |
//! | `GET /readyz` | 200 `ready`, 503 `draining` while new users are not admitted |
//! | `GET /figures` | the node's figures as one JSON object |
//! | any method, `/services/NAME/...` | what the service of this name answers |

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use strowger_node::driver::{Figures, Node};
use strowger_service::{HttpRequest, HttpResponse};
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
    /// The largest body of a request for a service.
    pub(crate) body_bytes: usize,
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

async fn answer(admin: Arc<Admin>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if let Some(service) = service_of(request.uri().path()) {
        let service = service.to_owned();
        return Ok(ask(&admin, &service, request).await);
    }
    let (status, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/healthz") => (StatusCode::OK, "ok\n".to_owned()),
        (&Method::GET, "/readyz") if admin.draining.load(Ordering::Acquire) => {
            (StatusCode::SERVICE_UNAVAILABLE, "draining\n".to_owned())
        }
        (&Method::GET, "/readyz") => (StatusCode::OK, "ready\n".to_owned()),
        (&Method::GET, "/figures") => (StatusCode::OK, figures(&admin.node.figures().await)),
        (&Method::GET, _) => (
            StatusCode::NOT_FOUND,
            "there are /healthz, /readyz, /figures and /services/NAME/...\n".to_owned(),
        ),
        _ => (StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned()),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    Ok(response)
}

/// The service that a path leads to.
fn service_of(path: &str) -> Option<&str> {
    let (name, _) = path.strip_prefix("/services/")?.split_once('/')?;
    (!name.is_empty()).then_some(name)
}

/// Lets a service answer. Its headers are what it says, its path is relative to it.
async fn ask(admin: &Admin, service: &str, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, admin.body_bytes).collect().await else {
        return response(HttpResponse::problem(413, "the body is too large or broke off"));
    };
    let target = head.uri.path_and_query().map_or("", PathAndQuery::as_str);
    let prefix = "/services/".len() + service.len();
    let header = |(name, value): (&HeaderName, &HeaderValue)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    };
    let request = HttpRequest {
        headers: head.headers.iter().map(header).collect(),
        body: body.to_bytes().to_vec(),
        ..HttpRequest::new(head.method.as_str(), &target[prefix.min(target.len())..])
    };
    response(admin.node.http(service, request).await)
}

/// What a service says, if it can be said over HTTP.
fn response(answer: HttpResponse) -> Response<Full<Bytes>> {
    let mut builder = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        // About the connection, which is not the service's.
        if !["connection", "content-length", "transfer-encoding", "upgrade"].contains(&name.as_str()) {
            builder = builder.header(name, value);
        }
    }
    builder.body(Full::from(answer.body)).unwrap_or_else(|error| {
        let mut response = Response::new(Full::from(format!("the service's answer is none: {error}\n")));
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    })
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
