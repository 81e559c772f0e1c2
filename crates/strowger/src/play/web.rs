//! The web peer of a scenario: a client of the admin interface, and a small web server.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use strowger_scenario::Input;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::operator::{Operator, Sent};

/// The longest body that the web peer reads, in bytes.
const BODY_BYTES: usize = 1 << 20;
/// What is asked over HTTP and not answered yet is no more than this.
const OPEN: usize = 256;

/// What a scenario's web peer needs of the world; the default is none of it.
#[derive(Debug, Default)]
pub struct Web {
    operator: Option<Operator>,
    listener: Option<TcpListener>,
}

/// A question and the way back to whoever asked.
#[derive(Debug)]
struct Question {
    id: u64,
    answer: oneshot::Sender<(u16, String)>,
}

/// The web peer while it is played; whatever it serves ends with it.
pub(super) struct Open {
    operator: Option<Operator>,
    server: Option<JoinHandle<()>>,
    questions: mpsc::Receiver<Question>,
    open: HashMap<u64, oneshot::Sender<(u16, String)>>,
}

impl Web {
    /// The same, asking services at this admin interface.
    #[must_use]
    pub fn asking(mut self, operator: Operator) -> Self {
        self.operator = Some(operator);
        self
    }

    /// The same, asked at this address; port 0 is any that is free.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub async fn listening(mut self, address: SocketAddr) -> io::Result<Self> {
        self.listener = Some(TcpListener::bind(address).await?);
        Ok(self)
    }

    /// The URL at which it is asked.
    pub fn url(&self) -> Option<String> {
        let address = self.listener.as_ref()?.local_addr().ok()?;
        Some(format!("http://{address}"))
    }

    pub(super) fn open(self, reports: mpsc::UnboundedSender<Input>) -> Open {
        let (sender, questions) = mpsc::channel(OPEN);
        let server = self
            .listener
            .map(|listener| tokio::spawn(serve(listener, reports, sender)));
        Open {
            operator: self.operator,
            server,
            questions,
            open: HashMap::new(),
        }
    }
}

impl Open {
    pub(super) async fn ask(&self, method: &str, target: &str, body: Option<String>) -> Input {
        let none = |why: String| Input::HttpAnswer { status: 0, body: why };
        let Some(operator) = &self.operator else {
            return none("no admin interface is known".to_owned());
        };
        let Ok(method) = method.parse::<Method>() else {
            return none(format!("`{method}` is no method"));
        };
        let sent = Sent {
            content_type: if body.is_some() { "application/json" } else { "" },
            body: body.unwrap_or_default().into(),
            headers: Vec::new(),
        };
        match operator.answer(method, target, sent).await {
            Ok((status, body)) => Input::HttpAnswer {
                status: status.as_u16(),
                body: String::from_utf8_lossy(&body).into_owned(),
            },
            Err(error) => none(error.to_string()),
        }
    }

    pub(super) fn answer(&mut self, id: u64, status: u16, body: String) {
        while let Ok(question) = self.questions.try_recv() {
            self.open.insert(question.id, question.answer);
        }
        if let Some(answer) = self.open.remove(&id) {
            // Whoever asked may have given up.
            answer.send((status, body)).ok();
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

async fn serve(
    listener: TcpListener,
    reports: mpsc::UnboundedSender<Input>,
    questions: mpsc::Sender<Question>,
) {
    let next = Arc::new(AtomicU64::new(1));
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (reports, questions, next) = (reports.clone(), questions.clone(), Arc::clone(&next));
        let service = service_fn(move |request| {
            let id = next.fetch_add(1, Ordering::Relaxed);
            asked(id, request, reports.clone(), questions.clone())
        });
        while connections.try_join_next().is_some() {}
        // A connection that breaks is noticed by whoever waits for what came over it.
        connections.spawn(async move {
            http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await
        });
    }
}

async fn asked(
    id: u64,
    request: Request<Incoming>,
    reports: mpsc::UnboundedSender<Input>,
    questions: mpsc::Sender<Question>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_BYTES).collect().await else {
        return Ok(response(StatusCode::PAYLOAD_TOO_LARGE, String::new()));
    };
    let headers = head.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    let input = Input::Asked {
        id,
        method: head.method.to_string(),
        target: head.uri.to_string(),
        headers: headers.collect(),
        body: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
    };
    let (answer, answered) = oneshot::channel();
    // The way back is known before the player can use it.
    let sent = questions.send(Question { id, answer }).await.is_ok() && reports.send(input).is_ok();
    match answered.await {
        Ok((status, body)) if sent => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            Ok(response(status, body))
        }
        _ => Ok(response(StatusCode::SERVICE_UNAVAILABLE, String::new())),
    }
}

fn response(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response
}
