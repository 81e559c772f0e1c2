//! Accepts connections and speaks HTTP with them up to the upgrade.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HeaderName, HeaderValue};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::{OnUpgrade, Parts};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, warn};

use super::census::{Census, Crowded, Limits, Place, Site};
use super::clients::ClientCertificate;
use super::handshake::{Accepted, Rules, check};
use super::identity::Identity;
use super::pending::Pending;
use super::proxies::client;
use super::stream::{Carried, Inbound};
use super::{Admission, Handover, Knock, Network, Refusal, Ticket, TurnedAway};

/// The least buffer hyper takes for a request's head.
const MIN_HEADER_BYTES: usize = 8192;
/// How long to wait when the process has no file descriptor left for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// One address may have this part of the handshakes that may be under way.
const SHARE: usize = 4;
/// Names the channel in the answer to a handshake.
const CHANNEL: HeaderName = HeaderName::from_static("strowger-channel");
/// When a peer whose address shakes hands too often may come again.
const KNOCK_RETRY: Duration = Duration::from_secs(1);

/// Settings of a [`Listener`].
#[derive(Clone, Debug)]
pub struct ListenerSettings {
    /// The path of the WebSocket. Default `/rtc`.
    pub path: String,
    /// The origins web pages may come from, each as a browser writes it (`https://example.com`); an empty list allows the
    /// server's own, and where it is reached on this machine those of this machine; `None`, the
    /// default, allows any. A request without an `Origin` is no browser's and always allowed.
    pub origins: Option<Vec<String>>,
    /// Whether messages are compressed for those who offer it (permessage-deflate, without context takeover). Default no.
    pub compression: bool,
    /// How long a peer may take to send its request. Default 10 s.
    pub header_timeout: Duration,
    /// The largest request head in bytes, at least 8,192. Default 16 KiB; this much memory a handshake can
    /// cost.
    pub header_bytes: usize,
    /// How many connections may be in their handshake at a time; more wait in the backlog, and the oldest that has
    /// taken longer than a second makes room for them. A quarter of them may be of one client address; more are
    /// dropped. Default 1,024.
    pub handshakes: usize,
    /// How many upgraded sockets may be open at a time; more get 503. Default 100,000.
    pub connections: usize,
    /// How many of them may be of one client address (IPv6: of one /64); more get 503. Default 10,000.
    pub connections_per_address: usize,
    /// How many handshakes per second one client address may ask for, and twice as many at once; more get 503.
    /// Default 250.
    pub handshakes_per_address: usize,
    /// The proxies whose `X-Forwarded-For` is believed. What one of them does for itself counts for no address.
    /// Default none.
    pub proxies: Vec<Network>,
    /// What the 503 for too many connections tells in `Retry-After`, up to twice as long. Default 5 s.
    pub retry_after: Duration,
    /// How many connections the operating system may hold until they are accepted. Default 4,096.
    pub backlog: u32,
    /// Speaks TLS and shows this certificate; `None`, the default, without.
    pub identity: Option<Identity>,
}

impl Default for ListenerSettings {
    fn default() -> Self {
        Self {
            path: "/rtc".to_owned(),
            origins: None,
            compression: false,
            header_timeout: Duration::from_secs(10),
            header_bytes: 16 * 1024,
            handshakes: 1024,
            connections: 100_000,
            connections_per_address: 10_000,
            handshakes_per_address: 250,
            proxies: Vec::new(),
            retry_after: Duration::from_secs(5),
            backlog: 4096,
            identity: None,
        }
    }
}

/// A bound port, from which WebSockets go to their [`Admission`].
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    settings: ListenerSettings,
    changes: Option<watch::Receiver<ListenerSettings>>,
    census: Arc<Census>,
}

impl Listener {
    /// Binds an address and begins to listen. Must be called within a tokio runtime.
    ///
    /// An IPv6 address that stands for all takes IPv4 too.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn bind(address: SocketAddr, settings: ListenerSettings) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(i32::try_from(settings.backlog).unwrap_or(i32::MAX))?;
        let census = Arc::new(Census::new(limits(&settings)));
        Ok(Self {
            tcp: TcpListener::from_std(socket.into())?,
            settings,
            changes: None,
            census,
        })
    }

    /// Takes over the settings that come here while it runs, for the connections it accepts from then on: all but `handshakes`,
    /// `backlog` and `identity`, which stay what they were when it was bound.
    #[must_use]
    pub fn following(self, changes: watch::Receiver<ListenerSettings>) -> Self {
        Self {
            changes: Some(changes),
            ..self
        }
    }

    /// Counts its sockets and handshakes together with those of another listener, whose limits on them hold for both.
    #[must_use]
    pub fn counting_with(self, other: &Self) -> Self {
        Self {
            census: Arc::clone(&other.census),
            ..self
        }
    }

    /// Returns the address it is bound to.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Accepts until `stop` is done; then the port is closed and handshakes on their way are dropped.
    ///
    /// Sockets handed over before live on.
    pub async fn run(mut self, admission: Arc<dyn Admission>, stop: impl Future<Output = ()>) {
        let mut port = Arc::new(Port::new(
            &self.settings,
            Arc::clone(&self.census),
            Arc::clone(&admission),
        ));
        let permits = Arc::new(Semaphore::new(
            self.settings.handshakes.clamp(1, Semaphore::MAX_PERMITS),
        ));
        let mut handshakes = JoinSet::new();
        let mut pending = Pending::default();
        let accept = async {
            loop {
                // Waiting here leaves the next connection in the operating system's backlog.
                let Some(permit) = pending.make_room(&permits).await else {
                    return;
                };
                let (tcp, peer) = accept(&self.tcp).await;
                if self.takes_over_changes() {
                    port = Arc::new(Port::new(
                        &self.settings,
                        Arc::clone(&self.census),
                        Arc::clone(&admission),
                    ));
                }
                while handshakes.try_join_next().is_some() {}
                let Some(place) = port.census.begin(port.site_of_peer(peer)) else {
                    debug!(%peer, "too many handshakes of this address under way");
                    admission.turned_away(TurnedAway::AddressPending);
                    continue;
                };
                let task = Arc::clone(&port).shake_hands(tcp, peer, (place, permit));
                pending.push(Instant::now(), handshakes.spawn(task));
            }
        };
        tokio::select! {
            () = accept => {}
            () = stop => {}
        }
    }
}

impl Listener {
    /// Whether there were new settings.
    fn takes_over_changes(&mut self) -> bool {
        let Some(changes) = &mut self.changes else {
            return false;
        };
        // An error means that nobody will change anything any more.
        if !changes.has_changed().unwrap_or(false) {
            return false;
        }
        let next = changes.borrow_and_update().clone();
        self.settings = ListenerSettings {
            handshakes: self.settings.handshakes,
            backlog: self.settings.backlog,
            identity: self.settings.identity.take(),
            ..next
        };
        self.census.set_limits(limits(&self.settings));
        true
    }
}

/// What a listener's settings allow.
fn limits(settings: &ListenerSettings) -> Limits {
    Limits {
        connections: settings.connections,
        connections_per_address: settings.connections_per_address,
        pending_per_address: settings.handshakes.div_ceil(SHARE),
        handshakes_per_address: settings.handshakes_per_address,
    }
}

/// Accepts the next connection, whatever it takes.
async fn accept(tcp: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match tcp.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_the_connection(&error) => {
                debug!(%error, "connection lost before it was accepted")
            }
            Err(error) => {
                warn!(%error, "cannot accept connections");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_the_connection(error: &io::Error) -> bool {
    let kinds = [
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::Interrupted,
    ];
    kinds.contains(&error.kind())
}

/// What all handshakes of a listener share.
struct Port {
    http: http1::Builder,
    rules: Rules,
    census: Arc<Census>,
    proxies: Vec<Network>,
    header_timeout: Duration,
    retry_after: Duration,
    identity: Option<Identity>,
    admission: Arc<dyn Admission>,
}

/// A request that was answered with 101.
struct Upgrade {
    name: jsip::UserId,
    place: Place,
    ticket: Option<Ticket>,
    deflates: bool,
    socket: OnUpgrade,
}

/// Where a request comes from, and the certificate that was shown there.
type Source<'a> = (SocketAddr, Option<&'a ClientCertificate>);

impl Port {
    fn new(settings: &ListenerSettings, census: Arc<Census>, admission: Arc<dyn Admission>) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(settings.header_timeout)
            .max_buf_size(settings.header_bytes.max(MIN_HEADER_BYTES));
        Self {
            http,
            rules: Rules {
                path: settings.path.clone(),
                origins: settings.origins.clone(),
                compression: settings.compression,
            },
            census,
            proxies: settings.proxies.clone(),
            header_timeout: settings.header_timeout,
            retry_after: settings.retry_after,
            identity: settings.identity.clone(),
            admission,
        }
    }

    /// What a connection counts as before its request is read: nobody's if it is a proxy's.
    fn site_of_peer(&self, peer: SocketAddr) -> Option<Site> {
        let is_proxy = self.proxies.iter().any(|proxy| proxy.contains(peer.ip()));
        (!is_proxy).then(|| Site::of(peer.ip()))
    }

    /// Answers one request and hands the connection over if that made it a WebSocket.
    async fn shake_hands(
        self: Arc<Self>,
        tcp: TcpStream,
        peer: SocketAddr,
        // In this order: whoever gets the permit next must find the place free.
        counted: (Place, OwnedSemaphorePermit),
    ) {
        if let Err(error) = tcp.set_nodelay(true) {
            debug!(%error, "cannot switch off Nagle's algorithm");
        }
        let Some((stream, certificate)) = self.secure(tcp, peer).await else {
            return;
        };
        // There is one request per connection.
        let upgrade = Mutex::new(None);
        let (port, accepted) = (&self, &upgrade);
        let from = (peer, certificate.as_ref());
        let service = service_fn(move |request| async move {
            let (mut response, upgrade) = port.answer(request, from).await;
            if upgrade.is_none() {
                response
                    .headers_mut()
                    .insert(CONNECTION, HeaderValue::from_static("close"));
            }
            if let Ok(mut accepted) = accepted.lock() {
                *accepted = upgrade;
            }
            Ok::<_, Infallible>(response)
        });
        let connection = self
            .http
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        // hyper bounds the reading of the head; this bounds a peer that never takes its answer.
        match timeout(self.header_timeout * 2, connection).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                debug!(%error, %peer, "handshake failed");
                self.admission.turned_away(TurnedAway::Broken);
            }
            Err(_) => {
                debug!(%peer, "handshake took too long");
                self.admission.turned_away(TurnedAway::TooSlow);
            }
        }
        if let Ok(Some(upgrade)) = upgrade.into_inner() {
            self.hand_over(upgrade, peer).await;
        }
        drop(counted);
    }

    /// Shakes hands for TLS, where the listener speaks it.
    async fn secure(&self, tcp: TcpStream, peer: SocketAddr) -> Option<(Inbound, Option<ClientCertificate>)> {
        let Some(identity) = &self.identity else {
            return Some((Inbound::Plain(tcp), None));
        };
        match timeout(self.header_timeout, identity.accept(tcp)).await {
            Ok(Ok((tls, certificate))) => return Some((Inbound::Tls(Box::new(tls)), certificate)),
            Ok(Err(error)) => {
                debug!(%error, %peer, "TLS handshake failed");
                self.admission.turned_away(TurnedAway::Broken);
            }
            Err(_) => {
                debug!(%peer, "TLS handshake took too long");
                self.admission.turned_away(TurnedAway::TooSlow);
            }
        }
        None
    }

    /// Answers a request, and says whether it becomes a WebSocket.
    async fn answer(
        &self,
        mut request: Request<Incoming>,
        from: Source<'_>,
    ) -> (Response<Full<Bytes>>, Option<Upgrade>) {
        if request.uri().path() != self.rules.path {
            let page = self
                .admission
                .page(request.method(), request.uri().path(), request.headers());
            return (page.unwrap_or_else(|| self.not_found()), None);
        }
        let admitted = match check(&request, &self.rules) {
            Ok(accepted) => self.admit(accepted, request.uri(), request.headers(), from).await,
            Err(refusal) => {
                self.admission.turned_away(TurnedAway::Form);
                Err(refusal)
            }
        };
        match admitted {
            Ok((accepted, place, ticket)) => {
                let mut response = accepted.response();
                let socket = hyper::upgrade::on(&mut request);
                if let Some(ticket) = &ticket {
                    response.headers_mut().insert(CHANNEL, ticket.channel());
                }
                let (deflates, name) = (accepted.deflates(), accepted.name);
                (
                    response,
                    Some(Upgrade {
                        name,
                        place,
                        ticket,
                        deflates,
                        socket,
                    }),
                )
            }
            Err(refusal) => {
                let (status, reason) = (refusal.status().as_u16(), refusal.reason());
                debug!(peer = %from.0, status, reason, "handshake refused");
                (refusal.into_response(), None)
            }
        }
    }

    /// Runs the checks behind those of form, in the order of the protocol, and announces the socket.
    async fn admit(
        &self,
        accepted: Accepted,
        uri: &Uri,
        headers: &HeaderMap,
        (peer, certificate): Source<'_>,
    ) -> Result<(Accepted, Place, Option<Ticket>), Refusal> {
        let address = client(peer.ip(), headers, &self.proxies);
        let site = address.map(Site::of);
        if !site.is_none_or(|site| self.census.knock(site, Instant::now())) {
            self.admission.turned_away(TurnedAway::AddressRate);
            let reason = "too many handshakes of this address";
            return Err(Refusal::come_again(reason, KNOCK_RETRY));
        }
        let knock = Knock {
            name: &accepted.name,
            uri,
            headers,
            address: address.unwrap_or(peer.ip()),
            certificate,
        };
        let credential = self.admission.admit(knock).await?;
        let place = self.take_place(site)?;
        let ticket = self.admission.announce(&accepted.name, credential).await?;
        Ok((accepted, place, ticket))
    }

    fn take_place(&self, site: Option<Site>) -> Result<Place, Refusal> {
        self.census.admit(site).map_err(|crowded| {
            let (why, reason) = match crowded {
                Crowded::Everywhere => (TurnedAway::Connections, "too many connections"),
                Crowded::Address => (
                    TurnedAway::AddressConnections,
                    "too many connections of this address",
                ),
            };
            self.admission.turned_away(why);
            Refusal::come_again(reason, self.retry_after)
        })
    }

    fn not_found(&self) -> Response<Full<Bytes>> {
        let text = format!(
            "This is a Strowger server. Its WebSocket is at {}?userid=NAME\n",
            self.rules.path
        );
        Refusal::new(StatusCode::NOT_FOUND, text).into_response()
    }

    /// Takes the bare stream out of hyper and passes it on.
    async fn hand_over(&self, upgrade: Upgrade, peer: SocketAddr) {
        let Upgrade {
            name,
            place,
            ticket,
            deflates,
            socket,
        } = upgrade;
        let stream = match socket
            .await
            .map(hyper::upgrade::Upgraded::downcast::<TokioIo<Inbound>>)
        {
            Ok(Ok(Parts { io, read_buf, .. })) => {
                Carried::new(io.into_inner()).map(|stream| (stream, read_buf))
            }
            Ok(Err(_)) => Err(io::Error::other("not the stream that was accepted")),
            Err(error) => Err(io::Error::other(error)),
        };
        match stream {
            Ok((stream, read_buf)) => {
                // A copy, so that a few bytes do not hold the handshake's buffer.
                let read_buf = Bytes::copy_from_slice(&read_buf);
                let handover = Handover::new(name, stream, read_buf, peer).deflating(deflates);
                self.admission
                    .hand_over(handover.counted_by(place).announced_by(ticket));
            }
            Err(error) => debug!(%error, %peer, "upgrade failed"),
        }
    }
}
