//! A plain WebSocket client for the tools: it knows RFC 6455 and nothing of JSIP.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::header::{
    AUTHORIZATION, CONNECTION, HOST, RETRY_AFTER, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, CloseCode, Limits, Message, WebSocketStream};

use crate::sign_in::SignIn;

/// The largest message a tool takes.
const MESSAGE_BYTES: usize = 16 << 20;
/// Any 16 bytes: the key only proves that the server speaks WebSocket.
const KEY: &str = "c3Ryb3dnZXItY2xpZW50IQ==";

/// An open WebSocket.
#[derive(Debug)]
pub struct Client {
    stream: WebSocketStream<TokioIo<Upgraded>>,
}

/// What a server answered to a handshake.
#[derive(Debug)]
pub enum Handshake {
    /// The WebSocket is open.
    Open(Box<Client>),
    /// The answer was not 101.
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// After how long the server wants to be asked again, by its `Retry-After` in seconds.
        retry_after: Option<Duration>,
        /// The body.
        body: String,
    },
}

/// What came on a WebSocket.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// A text message.
    Text(String),
    /// The end, with the code of the close frame if there was one.
    Closed(Option<u16>),
}

/// Why a server cannot be talked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The URL is none that this client can use.
    #[error("`{0}` is no ws:// URL with a host")]
    Url(String),
    /// Nobody listens there, or the connection broke.
    #[error("cannot reach the server: {0}")]
    Io(#[from] io::Error),
    /// What came was not HTTP.
    #[error("the server does not speak HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// The request cannot be made.
    #[error("not a valid request: {0}")]
    Request(#[from] http::Error),
}

/// Host, port and path of a `ws://` URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    authority: String,
    path: String,
    tokens: SignIn,
}

impl Server {
    /// Reads a URL such as `ws://127.0.0.1:8080/rtc`; a missing port is 80, a missing path `/rtc`.
    ///
    /// # Errors
    ///
    /// [`ClientError::Url`].
    pub fn parse(url: &str) -> Result<Self, ClientError> {
        let bad = || ClientError::Url(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| bad())?;
        if uri.scheme_str() != Some("ws") {
            return Err(bad());
        }
        let host = uri.host().ok_or_else(bad)?;
        let path = if uri.path() == "/" { "/rtc" } else { uri.path() };
        Ok(Self {
            authority: format!("{host}:{}", uri.port_u16().unwrap_or(80)),
            path: path.to_owned(),
            tokens: SignIn::default(),
        })
    }

    /// Shows a token at each handshake.
    #[must_use]
    pub fn with_token(self, token: Option<String>) -> Self {
        self.signing_in(SignIn::with(token))
    }

    /// Shows the token of who connects at each handshake.
    #[must_use]
    pub fn signing_in(self, tokens: SignIn) -> Self {
        Self { tokens, ..self }
    }

    async fn http(&self) -> Result<http1::SendRequest<Empty<Bytes>>, ClientError> {
        let tcp = TcpStream::connect(&self.authority).await?;
        tcp.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(tcp)).await?;
        tokio::spawn(connection.with_upgrades());
        Ok(sender)
    }

    /// Opens a WebSocket with this query (already percent-encoded).
    ///
    /// # Errors
    ///
    /// [`ClientError`] if there is no HTTP answer; an answer other than 101 is [`Handshake::Refused`].
    pub async fn connect(&self, query: &str) -> Result<Handshake, ClientError> {
        let mut request = Request::get(format!("{}?{query}", self.path));
        if let Some(token) = self.tokens.token(query) {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        let request = request
            .header(HOST, &self.authority)
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, KEY)
            .body(Empty::new())?;
        let mut answer = self.http().await?.send_request(request).await?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            let status = answer.status();
            let seconds = answer
                .headers()
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok());
            let retry_after = seconds
                .and_then(|seconds| seconds.parse().ok())
                .map(Duration::from_secs);
            let body = String::from_utf8_lossy(&answer.collect().await?.to_bytes()).into_owned();
            return Ok(Handshake::Refused {
                status,
                retry_after,
                body,
            });
        }
        let upgraded = hyper::upgrade::on(&mut answer).await?;
        let limits = Limits::default().max_payload_len(Some(MESSAGE_BYTES));
        let stream = ClientBuilder::new()
            .limits(limits)
            .take_over(TokioIo::new(upgraded));
        Ok(Handshake::Open(Box::new(Client { stream })))
    }

    /// Makes a plain HTTP request; answers status and body.
    ///
    /// # Errors
    ///
    /// [`ClientError`] if there is no HTTP answer.
    pub async fn http_request(
        &self,
        method: &str,
        target: &str,
        headers: &[(String, String)],
    ) -> Result<(StatusCode, String), ClientError> {
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header(HOST, &self.authority);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = self
            .http()
            .await?
            .send_request(request.body(Empty::new())?)
            .await?;
        let status = answer.status();
        let body = String::from_utf8_lossy(&answer.collect().await?.to_bytes()).into_owned();
        Ok((status, body))
    }
}

impl Client {
    /// The next message, or the end. Pings are answered on the way.
    pub async fn receive(&mut self) -> Received {
        loop {
            let Some(Ok(message)) = self.stream.next().await else {
                return Received::Closed(None);
            };
            if let Some(text) = message.as_text() {
                return Received::Text(text.to_owned());
            }
            if let Some((code, _)) = message.as_close() {
                let code = u16::from(code);
                // Answers the close frame; the connection may be gone already.
                let _ = self.stream.close().await;
                return Received::Closed(Some(code));
            }
        }
    }

    /// Sends a text message.
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub async fn send(&mut self, text: String) -> Result<(), tokio_websockets::Error> {
        self.stream.send(Message::text(text)).await
    }

    /// Sends a binary message.
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub async fn send_binary(&mut self) -> Result<(), tokio_websockets::Error> {
        self.stream.send(Message::binary(&b"\0"[..])).await
    }

    /// Closes with 1000 and waits for the answer.
    pub async fn close(&mut self) {
        let close = Message::close(Some(CloseCode::NORMAL_CLOSURE), "");
        if self.stream.send(close).await.is_ok() {
            while let Some(Ok(_)) = self.stream.next().await {}
        }
    }
}
