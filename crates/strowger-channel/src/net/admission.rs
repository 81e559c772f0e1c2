//! Who may come in, and what is handed on when somebody does.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Method, Response, StatusCode, Uri};
use http_body_util::Full;
use jsip::UserId;
use strowger_auth::Credential;

use super::census::Place;
use super::clients::ClientCertificate;
use super::stream::Carried;
use crate::ConnId;

/// A WebSocket request that passed every check of form.
#[derive(Clone, Copy)]
pub struct Knock<'a> {
    /// The channel's name, as the peer gave it.
    pub name: &'a UserId,
    /// What was asked for: path and query.
    pub uri: &'a Uri,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The address of the client, behind whatever trusted proxies there are.
    pub address: IpAddr,
    /// The certificate that the peer showed, where the listener asks for one. A proxy in front of it shows its own, if any.
    pub certificate: Option<&'a ClientCertificate>,
}

/// Query and headers may hold a token, so neither is shown.
impl fmt::Debug for Knock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Knock")
            .field("name", &self.name)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// A decision that may take its time.
pub type Decision<'a, T> = Pin<Box<dyn Future<Output = Result<T, Refusal>> + Send + 'a>>;

/// What a listener asks the node, from any of the listener's threads.
pub trait Admission: Send + Sync + 'static {
    /// Decides about a WebSocket request: handshake rate, authentication, admission, in this order. Gives what the peer
    /// has proven, where proof is asked for, or the answer to give instead of the upgrade. Dropped before its end, when
    /// the peer is gone, it has decided nothing.
    fn admit<'a>(&'a self, knock: Knock<'a>) -> Decision<'a, Option<Credential>>;

    /// Tells the thread that owns the channel that a socket is coming, and waits until it knows: from the moment the
    /// peer has its 101, others can reach it. It may refuse, where the channel is somebody else's. `None`, the default,
    /// tells nobody.
    fn announce(&self, name: &UserId, credential: Option<Credential>) -> Decision<'static, Option<Ticket>> {
        let _ = (name, credential);
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Takes an upgraded socket, to be passed to [`serve`](super::serve) on the thread that owns the channel.
    ///
    /// Must not block. Dropping the handover closes the socket.
    fn hand_over(&self, handover: Handover);

    /// Hears that the listener has turned a connection away by itself, for counting.
    fn turned_away(&self, why: TurnedAway) {
        let _ = why;
    }

    /// Answers a request whose path is not the WebSocket one; `None` leaves it to the listener's 404.
    fn page(&self, method: &Method, path: &str, headers: &HeaderMap) -> Option<Response<Full<Bytes>>> {
        let _ = (method, path, headers);
        None
    }
}

/// Why a listener turned a connection away without asking the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnedAway {
    /// The request is no WebSocket request of this server: path, origin, version, userid.
    Form,
    /// Too many handshakes of its address are under way.
    AddressPending,
    /// Its address asks too often.
    AddressRate,
    /// There are too many connections.
    Connections,
    /// Its address has too many connections.
    AddressConnections,
    /// It failed at TLS or HTTP.
    Broken,
    /// It took too long.
    TooSlow,
}

impl TurnedAway {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::Form,
        Self::AddressPending,
        Self::AddressRate,
        Self::Connections,
        Self::AddressConnections,
        Self::Broken,
        Self::TooSlow,
    ];

    /// The reason as a label of figures.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::AddressPending => "address_pending",
            Self::AddressRate => "address_rate",
            Self::Connections => "connections",
            Self::AddressConnections => "address_connections",
            Self::Broken => "broken",
            Self::TooSlow => "too_slow",
        }
    }
}

/// The place of a socket that was announced. Dropped before the socket came, it says that none will come.
pub struct Ticket {
    conn: ConnId,
    channel: u64,
    gone: Option<Box<dyn FnOnce(ConnId) + Send>>,
}

impl Ticket {
    /// Makes a ticket for an announced connection; `gone` is called if its socket never comes. `channel` stands for the
    /// connection's channel: the peer is told, so it must be the same for each socket of the channel, differ from every
    /// other, and give nothing away.
    pub fn new(conn: ConnId, channel: u64, gone: impl FnOnce(ConnId) + Send + 'static) -> Self {
        Self {
            conn,
            channel,
            gone: Some(Box::new(gone)),
        }
    }

    /// What stands for the channel, as the value of a header.
    pub(super) fn channel(&self) -> HeaderValue {
        HeaderValue::from_str(&format!("{:016x}", self.channel))
            .expect("hexadecimal digits are visible ASCII")
    }

    /// Takes the place: the socket has come.
    pub(super) fn redeem(mut self) -> ConnId {
        self.gone = None;
        self.conn
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(gone) = self.gone.take() {
            gone(self.conn);
        }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ticket").field(&self.conn).finish()
    }
}

/// An upgraded socket on its way to the thread that owns its channel.
#[derive(Debug)]
pub struct Handover {
    /// The channel's name, as the peer gave it.
    pub name: UserId,
    /// The connection, with TLS or without.
    pub(super) stream: Carried,
    /// What the peer sent behind its handshake, to be read before the stream.
    pub read_buf: Bytes,
    /// The address of the peer.
    pub peer: SocketAddr,
    /// Counts the socket against its listener's bounds for as long as it lives.
    place: Option<Place>,
    /// Its place, if it was announced.
    ticket: Option<Ticket>,
    /// Whether the handshake agreed on compression.
    pub(super) deflates: bool,
}

impl Handover {
    pub(super) fn new(name: UserId, stream: Carried, read_buf: Bytes, peer: SocketAddr) -> Self {
        Self {
            name,
            stream,
            read_buf,
            peer,
            place: None,
            ticket: None,
            deflates: false,
        }
    }

    pub(super) fn deflating(self, deflates: bool) -> Self {
        Self { deflates, ..self }
    }

    /// Counts the socket against its listener's bounds.
    pub(super) fn counted_by(self, place: Place) -> Self {
        Self {
            place: Some(place),
            ..self
        }
    }

    /// Gives the socket the place it was announced for.
    pub(super) fn announced_by(self, ticket: Option<Ticket>) -> Self {
        Self { ticket, ..self }
    }

    /// Takes out the ticket, for the socket's task to redeem.
    pub(super) fn take_ticket(&mut self) -> Option<Ticket> {
        self.ticket.take()
    }

    /// Takes out the place, for the socket's task to hold.
    pub(super) fn take_place(&mut self) -> Option<Place> {
        self.place.take()
    }
}

/// An HTTP answer that refuses a handshake. The reason is its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    reason: String,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Refusal {
    /// Refuses with a status and a reason for people to read.
    #[must_use]
    pub fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Self {
            status,
            reason: reason.into(),
            header: None,
        }
    }

    /// Refuses with 503 and tells the peer when to come again, in whole seconds, at least one.
    #[must_use]
    pub fn busy(reason: impl Into<String>, retry_after: Duration) -> Self {
        let seconds = retry_after.as_secs().max(1);
        Self::new(StatusCode::SERVICE_UNAVAILABLE, reason).with_header(RETRY_AFTER, seconds.into())
    }

    /// Refuses with 503 and tells the peer to come again after this long to twice this long, drawn anew each time, so
    /// that those who were refused together do not come back together.
    #[must_use]
    pub fn come_again(reason: impl Into<String>, after: Duration) -> Self {
        let seconds = after.as_secs().max(1);
        let seconds = rand::random_range(seconds..=seconds.saturating_mul(2));
        Self::busy(reason, Duration::from_secs(seconds))
    }

    /// Adds a header, in place of one added before.
    #[must_use]
    pub fn with_header(self, name: HeaderName, value: HeaderValue) -> Self {
        Self {
            header: Some((name, value)),
            ..self
        }
    }

    /// Returns the status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the reason.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Returns the additional header.
    #[must_use]
    pub fn header(&self) -> Option<&(HeaderName, HeaderValue)> {
        self.header.as_ref()
    }

    /// Makes the HTTP answer.
    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from(self.reason));
        *response.status_mut() = self.status;
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        response.headers_mut().extend(self.header);
        response
    }
}
