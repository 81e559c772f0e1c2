//! HTTP requests that services make: one connection each, on a thread of their own.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::thread::{Builder, JoinHandle};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use strowger_channel::net::{DialSettings, open};
use strowger_service::{FetchError, HttpRequest, HttpResponse};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, LocalSet};
use tokio::time::timeout;

use super::letter::Letter;
use crate::FetchTicket;
use crate::web::Place;

/// The largest head of a response.
const HEAD_BYTES: usize = 64 * 1024;
/// What a request may not say: these are about the connection, which is not the service's.
const OURS: [HeaderName; 5] = [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE];

/// Settings of the requests that services make.
#[derive(Clone, Debug)]
pub struct WebSettings {
    /// How connections are opened: the time for it, permitted addresses, TLS; without TLS no `https` URL is asked.
    pub dial: DialSettings,
    /// The most bytes of a response's body. Default 1 MiB.
    pub response_bytes: usize,
}

impl Default for WebSettings {
    fn default() -> Self {
        Self {
            dial: DialSettings::default(),
            response_bytes: 1 << 20,
        }
    }
}

/// How many names are looked up at a time, which blocks a thread each; more wait.
const LOOKUPS: usize = 64;

/// What shards want of the thread that makes requests.
pub(super) enum Job {
    /// Make a request.
    Make {
        shard: u16,
        ticket: FetchTicket,
        request: HttpRequest,
        /// Who wants to know.
        letters: mpsc::UnboundedSender<Letter>,
    },
    /// Nobody waits for this one any more.
    GiveUp(u16, FetchTicket),
}

/// Requests that are being made.
type Open = Rc<RefCell<HashMap<(u16, FetchTicket), AbortHandle>>>;

/// Starts the thread that makes requests. It ends when nobody can send it one.
pub(super) fn spawn(settings: WebSettings) -> io::Result<(mpsc::UnboundedSender<Job>, JoinHandle<()>)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(LOOKUPS)
        .build()?;
    let (jobs, queue) = mpsc::unbounded_channel();
    let thread = Builder::new().name("http".to_owned()).spawn(move || {
        LocalSet::new().block_on(&runtime, run(queue, settings));
        // A name that is being looked up must not hold the end of the server.
        runtime.shutdown_background();
    })?;
    Ok((jobs, thread))
}

async fn run(mut queue: mpsc::UnboundedReceiver<Job>, settings: WebSettings) {
    let open = Open::default();
    // Shards bound how many run.
    while let Some(job) = queue.recv().await {
        match job {
            Job::Make {
                shard,
                ticket,
                mut request,
                letters,
            } => {
                let settings = settings.clone();
                let body = Bytes::from(std::mem::take(&mut request.body));
                // In a task of its own, so that whatever becomes of it the shard is told.
                let fetching =
                    tokio::task::spawn_local(async move { fetch_shared(&request, body, &settings).await });
                let key = (shard, ticket);
                open.borrow_mut().insert(key, fetching.abort_handle());
                let open = Rc::clone(&open);
                tokio::task::spawn_local(async move {
                    let broken = |_| Err(FetchError::Failed("given up".to_owned()));
                    let result = fetching.await.unwrap_or_else(broken);
                    open.borrow_mut().remove(&key);
                    // A shard that is gone is gone with the whole node.
                    let _ = letters.send(Letter::Fetched(ticket, result));
                });
            }
            Job::GiveUp(shard, ticket) => {
                if let Some(fetching) = open.borrow().get(&(shard, ticket)) {
                    fetching.abort();
                }
            }
        }
    }
}

/// Makes a request, to addresses that the settings permit only, within the request's timeout.
///
/// # Errors
///
/// See [`FetchError`].
pub async fn fetch(request: &HttpRequest, settings: &WebSettings) -> Result<HttpResponse, FetchError> {
    fetch_shared(request, Bytes::copy_from_slice(&request.body), settings).await
}

/// The same with a body that is not copied, for who may send it again; the request's own one is not looked at.
///
/// # Errors
///
/// See [`FetchError`].
pub async fn fetch_shared(
    request: &HttpRequest,
    body: Bytes,
    settings: &WebSettings,
) -> Result<HttpResponse, FetchError> {
    timeout(request.timeout, exchange(request, body, settings))
        .await
        .unwrap_or(Err(FetchError::TimedOut))
}

async fn exchange(
    request: &HttpRequest,
    body: Bytes,
    settings: &WebSettings,
) -> Result<HttpResponse, FetchError> {
    let uri: Uri = request.url.parse().map_err(invalid)?;
    let place = Place::of(&uri).ok_or_else(|| invalid("no http or https URL"))?;
    let message = message(request, body, &uri)?;
    let stream = open(&place.host, place.port, place.is_tls, &settings.dial);
    let stream = stream.await.map_err(failed)?;
    let handshake = http1::Builder::new()
        .max_buf_size(HEAD_BYTES)
        .handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(failed)?;
    let exchange = async {
        let response = sender.send_request(message).await.map_err(failed)?;
        read(response, settings.response_bytes).await
    };
    // The connection only has to be driven; what becomes of it shows in the exchange.
    let driven = async {
        let _ = connection.await;
        std::future::pending().await
    };
    tokio::select! {
        response = exchange => response,
        never = driven => never,
    }
}

fn message(request: &HttpRequest, body: Bytes, uri: &Uri) -> Result<Request<Full<Bytes>>, FetchError> {
    let method = Method::try_from(request.method.as_str()).map_err(invalid)?;
    let target = uri.path_and_query().map_or("/", |path| path.as_str());
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let mut message = Request::builder()
        .method(method)
        .uri(target)
        .header(HOST, authority)
        .header(USER_AGENT, concat!("strowger/", env!("CARGO_PKG_VERSION")));
    for (name, value) in &request.headers {
        let name = HeaderName::try_from(name.as_str()).map_err(invalid)?;
        let value = HeaderValue::try_from(value.as_str()).map_err(invalid)?;
        if OURS.contains(&name) {
            return Err(invalid(format_args!("the header {name} is the node's")));
        }
        message = message.header(name, value);
    }
    message.body(Full::new(body)).map_err(invalid)
}

async fn read(response: Response<Incoming>, most: usize) -> Result<HttpResponse, FetchError> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, most).collect().await;
    let body = body.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
        Some(_) => FetchError::TooLarge,
        None => failed(error),
    })?;
    let header = |(name, value): (&HeaderName, &HeaderValue)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    };
    Ok(HttpResponse {
        status: head.status.as_u16(),
        headers: head.headers.iter().map(header).collect(),
        body: body.to_bytes().to_vec(),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` gives")]
fn invalid(error: impl ToString) -> FetchError {
    FetchError::Invalid(error.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` gives")]
fn failed(error: impl ToString) -> FetchError {
    FetchError::Failed(error.to_string())
}

#[cfg(test)]
mod tests;
