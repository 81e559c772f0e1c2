//! Dials a WebSocket: resolve, connect, shake hands.
//!
//! The handshake is hyper's rather than the WebSocket library's: that one reads an answer of any length, and
//! panics on a `Sec-WebSocket-Accept` that is too long.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONNECTION, HOST, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::upgrade::{Parts, Upgraded};
use hyper_util::rt::TokioIo;
use jsip::UserId;
use thiserror::Error;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::accept_key::{accept_key, new_key};
use super::stream::Resumed;
use crate::DialFailure;

/// The largest head of an answer to our handshake; the least that hyper takes.
const ANSWER_BYTES: usize = 8192;

/// Where a link leads, and who we are there.
#[derive(Clone)]
pub struct Target {
    /// The host: a name, an IPv4 address, or an IPv6 address with or without its brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The path of the other node's WebSocket, with its leading `/`.
    pub path: String,
    /// Our name there. Wire: `userid`.
    pub user: UserId,
    /// The link's credentials, sent as a bearer token.
    pub bearer: Option<String>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            host,
            port,
            path,
            user,
            bearer: _,
        } = self;
        write!(f, "Target(ws://{host}:{port}{path}?userid={user})")
    }
}

/// Settings of dialling.
#[derive(Clone, Copy, Debug)]
pub struct DialSettings {
    /// How long resolving, connecting and the handshake may take together. Default 3 s.
    pub connect_timeout: Duration,
    /// Says whether an address a host resolved to may be dialled. Default: any.
    pub may_dial: fn(SocketAddr) -> bool,
}

impl Default for DialSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            may_dial: |_| true,
        }
    }
}

/// Why a link could not be dialled.
#[derive(Debug, Error)]
pub(super) enum DialError {
    /// The host, path, name or token cannot be put into a request.
    #[error("no valid request: {0}")]
    Request(#[from] http::Error),
    /// The name did not resolve, or nothing there accepts connections.
    #[error("cannot connect: {0}")]
    Connect(#[from] io::Error),
    /// The host has no address that may be dialled.
    #[error("no address that may be dialled")]
    NoAddress,
    /// The other side broke the connection off, or does not speak HTTP.
    #[error("handshake failed: {0}")]
    Handshake(#[from] hyper::Error),
    /// The other side answered something else than 101.
    #[error("refused with {0}")]
    Refused(StatusCode),
    /// The other side answered 101 but does not speak WebSocket.
    #[error("wrong answer to the WebSocket handshake")]
    NotWebSocket,
    /// It took too long.
    #[error("timed out")]
    TimedOut,
}

impl From<DialError> for DialFailure {
    fn from(error: DialError) -> Self {
        let lasting = match error {
            DialError::Request(_) | DialError::NoAddress => true,
            DialError::Refused(status) => {
                matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
            }
            DialError::Connect(_)
            | DialError::Handshake(_)
            | DialError::NotWebSocket
            | DialError::TimedOut => false,
        };
        Self {
            reason: error.to_string(),
            lasting,
        }
    }
}

/// Makes the connection. Dropped before its end, it drops what there is of it.
pub(super) async fn dial(target: &Target, settings: &DialSettings) -> Result<Resumed, DialError> {
    let attempt = async { shake_hands(connect(target, settings).await?, target).await };
    timeout(settings.connect_timeout, attempt)
        .await
        .unwrap_or(Err(DialError::TimedOut))
}

/// Connects to the first address that takes us.
async fn connect(target: &Target, settings: &DialSettings) -> Result<TcpStream, DialError> {
    let host = target.host.trim_start_matches('[').trim_end_matches(']');
    let mut result = Err(DialError::NoAddress);
    for address in lookup_host((host, target.port)).await? {
        if !(settings.may_dial)(address) {
            continue;
        }
        match TcpStream::connect(address).await {
            Ok(tcp) => {
                tcp.set_nodelay(true)?;
                return Ok(tcp);
            }
            Err(error) => result = Err(error.into()),
        }
    }
    result
}

/// Asks for the upgrade and checks the answer. RFC 6455 §4.1.
async fn shake_hands(tcp: TcpStream, target: &Target) -> Result<Resumed, DialError> {
    let key = new_key();
    let request = request(target, &key)?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(ANSWER_BYTES)
        .handshake(TokioIo::new(tcp))
        .await?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        check(&response, &key)?;
        Ok::<_, DialError>(hyper::upgrade::on(response).await?)
    };
    // The connection only has to be driven; what becomes of it shows in the exchange.
    let driven = async {
        let _ = connection.with_upgrades().await;
        std::future::pending().await
    };
    let upgraded: Upgraded = tokio::select! {
        upgraded = exchange => upgraded?,
        never = driven => never,
    };
    let Parts { io, read_buf, .. } = upgraded
        .downcast::<TokioIo<TcpStream>>()
        .map_err(|_| DialError::NotWebSocket)?;
    Ok(Resumed::new(io.into_inner(), Bytes::copy_from_slice(&read_buf)))
}

fn request(target: &Target, key: &str) -> Result<Request<Empty<Bytes>>, DialError> {
    let host = match &*target.host {
        bare if bare.contains(':') && !bare.starts_with('[') => format!("[{bare}]"),
        other => other.to_owned(),
    };
    let mut request = Request::get(format!(
        "{}?userid={}",
        target.path,
        encoded(target.user.as_str())
    ))
    .header(HOST, format!("{host}:{}", target.port))
    .header(UPGRADE, "websocket")
    .header(CONNECTION, "Upgrade")
    .header(SEC_WEBSOCKET_VERSION, "13")
    .header(SEC_WEBSOCKET_KEY, key);
    if let Some(bearer) = &target.bearer {
        let mut token = HeaderValue::try_from(format!("Bearer {bearer}")).map_err(http::Error::from)?;
        token.set_sensitive(true);
        request = request.header(AUTHORIZATION, token);
    }
    Ok(request.body(Empty::new())?)
}

fn check(response: &Response<Incoming>, key: &str) -> Result<(), DialError> {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(DialError::Refused(response.status()));
    }
    match response.headers().get(SEC_WEBSOCKET_ACCEPT) {
        Some(accept) if accept.as_bytes() == accept_key(key.as_bytes()).as_bytes() => Ok(()),
        Some(_) | None => Err(DialError::NotWebSocket),
    }
}

/// Percent-encodes a name for the query. What may stand there as it is, and is common in names, does.
fn encoded(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@:".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_survives_its_way_through_the_query() {
        for name in ["n1@example.com", "room:888@example.com", "a+b&c=d%e@h\u{e9}"] {
            let user = UserId::new(name).unwrap();
            assert_eq!(UserId::from_query(&encoded(user.as_str())), Ok(user));
        }
        assert_eq!(encoded("a b@c"), "a%20b@c");
    }

    #[test]
    fn the_token_is_not_in_the_debug_output() {
        let user = UserId::new("n1@example.com").unwrap();
        let target = Target {
            host: "::1".into(),
            port: 80,
            path: "/rtc".into(),
            user,
            bearer: Some("secret".into()),
        };
        assert!(!format!("{target:?}").contains("secret"));
        let request = request(&target, "key").unwrap();
        assert_eq!(request.headers()[HOST], "[::1]:80");
        assert!(!format!("{request:?}").contains("secret"));
    }
}
