//! Dials a WebSocket: resolve, connect, perhaps TLS, shake hands.
//!
//! The handshake is hyper's rather than the WebSocket library's: that one reads an answer of any length, and
//! panics on a `Sec-WebSocket-Accept` that is too long.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONNECTION, HOST, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::upgrade::{Parts, Upgraded};
use hyper_util::rt::TokioIo;
use jsip::UserId;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::accept_key::{accept_key, new_key};
use super::address::{AddressPolicy, bare};
use super::stream::{Linked, Resumed};
use super::tls::{Tls, TlsFault};
use crate::DialFailure;

/// The largest head of an answer to our handshake; the least that hyper takes.
const ANSWER_BYTES: usize = 8192;
/// The longest reason of a refusal that is told.
const MOST_SAID: usize = 200;
/// How many addresses of one host are tried at most; whoever runs its name service may give it any number.
const MOST_ADDRESSES: usize = 8;

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
        write!(f, "Target({host}:{port}{path}?userid={user})")
    }
}

/// Settings of dialling.
#[derive(Clone, Debug)]
pub struct DialSettings {
    /// How long resolving, connecting, TLS and the handshake may take together. Default 3 s.
    pub connect_timeout: Duration,
    /// Which of the addresses that a host resolves to may be dialled. Default: public ones.
    pub addresses: AddressPolicy,
    /// Connects with TLS; `None`, the default, without.
    pub tls: Option<Tls>,
}

impl Default for DialSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            addresses: AddressPolicy::default(),
            tls: None,
        }
    }
}

/// Why a link could not be dialled.
#[derive(Debug, Error)]
pub(super) enum DialError {
    /// The host, path, name or token cannot be put into a request.
    #[error("no valid request: {0}")]
    Request(#[from] http::Error),
    /// The name did not resolve.
    #[error("its name does not resolve: {0}")]
    Resolve(io::Error),
    /// Nothing there accepts connections.
    #[error("cannot connect to {0}: {1}")]
    Connect(SocketAddr, io::Error),
    /// The host has no address that may be dialled.
    #[error("its address {0} is not public: name its network in links.networks if a node is there")]
    NotPermitted(IpAddr),
    /// There is no TLS connection to be had.
    #[error(transparent)]
    Tls(#[from] TlsFault),
    /// TLS is asked for where there are no certificates to check it with.
    #[error("there are no trusted certificates")]
    NoTls,
    /// The other side broke the connection off, or does not speak HTTP.
    #[error("handshake failed: {0}")]
    Handshake(#[from] hyper::Error),
    /// The other side answered something else than 101; and what it said, as far as it can be shown.
    #[error("refused with {0}{said}{hint}", said = quoted(.1), hint = hint(*.0))]
    Refused(StatusCode, String),
    /// The other side answered 101 but does not speak WebSocket.
    #[error("wrong answer to the WebSocket handshake")]
    NotWebSocket,
    /// It took too long.
    #[error("timed out while {0}")]
    TimedOut(&'static str),
}

fn quoted(said: &str) -> String {
    if said.is_empty() {
        String::new()
    } else {
        format!(" ({said})")
    }
}

/// What to do about a refusal.
fn hint(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            ": is links.token the same there, or links.certificate what it accepts, and this node's realm in its links.allow?"
        }
        StatusCode::NOT_FOUND => ": is its path the same as ours?",
        StatusCode::BAD_REQUEST => ": does this port want TLS?",
        _ => "",
    }
}

impl DialError {
    /// Whether trying again is of no use until somebody has changed something.
    const fn is_lasting(&self) -> bool {
        match self {
            Self::Request(_) | Self::NotPermitted(_) | Self::NoTls => true,
            Self::Tls(fault) => fault.is_lasting(),
            Self::Refused(status, _) => matches!(*status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN),
            Self::Resolve(_)
            | Self::Connect(..)
            | Self::Handshake(_)
            | Self::NotWebSocket
            | Self::TimedOut(_) => false,
        }
    }
}

impl From<DialError> for DialFailure {
    fn from(error: DialError) -> Self {
        Self {
            lasting: error.is_lasting(),
            reason: error.to_string(),
        }
    }
}

/// Makes the connection. Dropped before its end, it drops what there is of it.
pub(super) async fn dial(target: &Target, settings: &DialSettings) -> Result<Resumed<Linked>, DialError> {
    let doing = Cell::new("");
    let attempt = async {
        let first = attempt(target, settings, &doing).await;
        match (&first, &settings.tls) {
            // Its authority may be new.
            (Err(DialError::Tls(TlsFault::UnknownIssuer)), Some(tls)) if tls.renew().await => {
                attempt(target, settings, &doing).await
            }
            _ => first,
        }
    };
    timeout(settings.connect_timeout, attempt)
        .await
        .unwrap_or_else(|_| Err(DialError::TimedOut(doing.get())))
}

/// Opens a connection to a host for something else than a WebSocket, as a link is opened: only to an address that
/// `settings` permits, with TLS if `is_tls`, within the time for connecting.
///
/// # Errors
///
/// Why there is no connection, for an operator to read. [`io::ErrorKind::PermissionDenied`]: no address of the host is
/// permitted. [`io::ErrorKind::TimedOut`]: it took too long.
pub async fn open(
    host: &str,
    port: u16,
    is_tls: bool,
    settings: &DialSettings,
) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + use<>> {
    let attempt = async {
        let addresses = resolve(host, port, &settings.addresses).await?;
        let tcp = connect(&addresses, settings.connect_timeout).await?;
        if !is_tls {
            return Ok(Linked::Plain(tcp));
        }
        let Some(tls) = &settings.tls else {
            return Err(DialError::NoTls);
        };
        Ok(Linked::Tls(Box::new(tls.connect(host, tcp).await?)))
    };
    let opened = timeout(settings.connect_timeout, attempt).await;
    opened
        .unwrap_or_else(|_| Err(DialError::TimedOut("connecting")))
        .map_err(|error| match error {
            DialError::NotPermitted(address) => io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("its address {address} is not public"),
            ),
            DialError::TimedOut(_) => io::Error::new(io::ErrorKind::TimedOut, error.to_string()),
            other => io::Error::other(other.to_string()),
        })
}

/// Goes the whole way once, noting where it is.
async fn attempt(
    target: &Target,
    settings: &DialSettings,
    doing: &Cell<&'static str>,
) -> Result<Resumed<Linked>, DialError> {
    doing.set("resolving its name");
    let addresses = resolve(&target.host, target.port, &settings.addresses).await?;
    doing.set("connecting");
    let tcp = connect(&addresses, settings.connect_timeout).await?;
    let stream = match &settings.tls {
        None => Linked::Plain(tcp),
        Some(tls) => {
            doing.set("waiting for its part of the TLS handshake");
            Linked::Tls(Box::new(tls.connect(&target.host, tcp).await?))
        }
    };
    doing.set("waiting for its answer to the WebSocket handshake");
    shake_hands(stream, target).await
}

/// The addresses of the host that may be dialled, at least one. Resolved once and dialled as they are, so that nobody
/// can answer differently to the check and to the connection.
async fn resolve(host: &str, port: u16, policy: &AddressPolicy) -> Result<Vec<SocketAddr>, DialError> {
    let resolved = lookup_host((bare(host), port)).await;
    let (permitted, others): (Vec<_>, Vec<_>) = resolved
        .map_err(DialError::Resolve)?
        .partition(|address| policy.permits(address.ip(), host));
    match (permitted.first(), others.first()) {
        (Some(_), _) => Ok(permitted.into_iter().take(MOST_ADDRESSES).collect()),
        (None, Some(other)) => Err(DialError::NotPermitted(other.ip())),
        (None, None) => Err(DialError::Resolve(io::ErrorKind::NotFound.into())),
    }
}

/// Connects to the first address that takes us. One that says nothing leaves some of the time to the others.
async fn connect(addresses: &[SocketAddr], time: Duration) -> Result<TcpStream, DialError> {
    let share = match addresses.len() {
        0 | 1 => time,
        several => time / (several as u32 + 1),
    };
    let mut last = DialError::Resolve(io::ErrorKind::NotFound.into());
    for address in addresses {
        let connecting = timeout(share, TcpStream::connect(address)).await;
        let connected = connecting.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        match connected.and_then(|tcp| tcp.set_nodelay(true).map(|()| tcp)) {
            Ok(tcp) => return Ok(tcp),
            Err(error) => last = DialError::Connect(*address, error),
        }
    }
    Err(last)
}

/// Asks for the upgrade and checks the answer. RFC 6455 §4.1.
async fn shake_hands(stream: Linked, target: &Target) -> Result<Resumed<Linked>, DialError> {
    let key = new_key();
    let request = request(target, &key)?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(ANSWER_BYTES)
        .handshake(TokioIo::new(stream))
        .await?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let status = response.status();
            return Err(DialError::Refused(status, said(response.into_body()).await));
        }
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
        .downcast::<TokioIo<Linked>>()
        .map_err(|_| DialError::NotWebSocket)?;
    Ok(Resumed::new(io.into_inner(), Bytes::copy_from_slice(&read_buf)))
}

fn request(target: &Target, key: &str) -> Result<Request<Empty<Bytes>>, DialError> {
    let host = match bare(&target.host) {
        address if address.contains(':') => format!("[{address}]"),
        name => name.to_owned(),
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

/// What a node says when it refuses, for the log: one line, without what could be taken for something else in it. Nothing where
/// it says more than a sentence.
async fn said(body: Incoming) -> String {
    let Ok(said) = Limited::new(body, MOST_SAID).collect().await else {
        return String::new();
    };
    let said = said.to_bytes();
    let printable = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
    let letters = said
        .trim_ascii()
        .iter()
        .copied()
        .filter(printable)
        .map(char::from);
    letters.collect()
}

fn check(response: &Response<Incoming>, key: &str) -> Result<(), DialError> {
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
