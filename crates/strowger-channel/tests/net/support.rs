//! A recording home, a listener in front of it, and a client that can also write raw bytes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use jsip::UserId;
use strowger_auth::Credential;
use strowger_channel::net::{
    AddressPolicy, Admission, Decision, DialSettings, Handover, Home, Knock, Listener, ListenerSettings,
    Refusal, SocketHandle, SocketSettings, Target, link, serve,
};
use strowger_channel::{ChannelId, ConnId, DialFailure, Frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};
use tokio::task::{LocalSet, spawn_local};
use tokio_websockets::{ClientBuilder, Message, WebSocketStream};

/// What a home was told, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Connected(String),
    Dialled,
    DialFailed,
    Text(String),
    Binary,
    Oversize,
    Pong(Vec<u8>),
    Ping,
    Closed(Option<u16>),
    Written,
}

/// A home whose users are its connections, numbered from 1 in the order in which they came.
#[derive(Default)]
pub(crate) struct Recorder {
    told: RefCell<BTreeMap<u64, Vec<Told>>>,
    changed: Notify,
    last: Cell<u64>,
    names: RefCell<BTreeMap<String, SocketHandle>>,
    pub(crate) sockets: RefCell<BTreeMap<u64, SocketHandle>>,
    queued: RefCell<BTreeMap<u64, Vec<Vec<Frame>>>>,
    /// Text that comes on the first is queued for the second, and sent at the next settling.
    pub(crate) forward: Cell<Option<(u64, u64)>>,
    unsettled: RefCell<Vec<SocketHandle>>,
    /// Why dialling failed.
    pub(crate) failures: RefCell<Vec<DialFailure>>,
}

impl Recorder {
    fn note(&self, conn: u64, told: Told) {
        self.told.borrow_mut().entry(conn).or_default().push(told);
        self.changed.notify_waiters();
    }

    fn add(&self, told: Told, socket: SocketHandle) -> ConnId {
        let conn = self.last.get() + 1;
        self.last.set(conn);
        self.sockets.borrow_mut().insert(conn, socket);
        self.note(conn, told);
        conn_id(conn)
    }

    pub(crate) fn socket(&self, conn: u64) -> SocketHandle {
        self.sockets.borrow()[&conn].clone()
    }

    /// Queues a batch and wakes the socket.
    pub(crate) fn send(&self, conn: u64, batch: Vec<Frame>) {
        self.queued.borrow_mut().entry(conn).or_default().push(batch);
        self.socket(conn).wake();
    }

    pub(crate) fn told(&self, conn: u64) -> Vec<Told> {
        self.told.borrow().get(&conn).cloned().unwrap_or_default()
    }

    /// Waits until a connection was told something.
    pub(crate) async fn until(&self, conn: u64, wanted: &Told) {
        loop {
            let changed = self.changed.notified();
            if self.told(conn).contains(wanted) {
                return;
            }
            changed.await;
        }
    }
}

impl Home for Recorder {
    fn connected(&self, name: &UserId, _: Option<ConnId>, socket: SocketHandle) -> ConnId {
        if let Some(old) = self.names.borrow_mut().insert(name.to_string(), socket.clone()) {
            old.close(4001, "replaced");
        }
        self.add(Told::Connected(name.to_string()), socket)
    }

    fn dialled(&self, _: ChannelId, socket: SocketHandle) -> ConnId {
        self.add(Told::Dialled, socket)
    }

    fn dial_failed(&self, _: ChannelId, failure: DialFailure) {
        self.failures.borrow_mut().push(failure);
        self.note(0, Told::DialFailed);
    }

    fn text(&self, conn: ConnId, text: &str) {
        let conn = number(conn);
        if let Some((from, to)) = self.forward.get()
            && from == conn
        {
            let frame = Frame::Text(Bytes::copy_from_slice(text.as_bytes()));
            self.queued.borrow_mut().entry(to).or_default().push(vec![frame]);
            self.unsettled.borrow_mut().push(self.socket(to));
        }
        self.note(conn, Told::Text(text.to_owned()));
    }

    fn binary(&self, conn: ConnId, _: &[u8]) {
        self.note(number(conn), Told::Binary);
        self.socket(number(conn)).close(1003, "text only");
    }

    fn oversize(&self, conn: ConnId) {
        self.note(number(conn), Told::Oversize);
    }

    fn pong(&self, conn: ConnId, payload: &[u8]) {
        self.note(number(conn), Told::Pong(payload.to_vec()));
    }

    fn ping(&self, conn: ConnId) {
        self.note(number(conn), Told::Ping);
    }

    fn closed(&self, conn: ConnId, code: Option<u16>) {
        self.note(number(conn), Told::Closed(code));
    }

    fn take_batch(&self, conn: ConnId, _: usize, out: &mut Vec<Frame>) {
        if let Some(batches) = self.queued.borrow_mut().get_mut(&number(conn))
            && !batches.is_empty()
        {
            out.append(&mut batches.remove(0));
        }
    }

    fn written(&self, conn: ConnId) {
        self.note(number(conn), Told::Written);
    }

    fn settle(&self) {
        for socket in self.unsettled.take() {
            socket.wake();
        }
    }
}

fn conn_id(number: u64) -> ConnId {
    ConnId(number)
}

fn number(conn: ConnId) -> u64 {
    conn.0
}

pub(crate) fn channel_id() -> ChannelId {
    ChannelId::from_number(7)
}

/// Admits whom its rule says.
struct Gate {
    rule: fn(&Knock<'_>) -> Result<(), Refusal>,
    handovers: Mutex<mpsc::UnboundedSender<Handover>>,
}

impl Admission for Gate {
    fn admit<'a>(&'a self, knock: Knock<'a>) -> Decision<'a, Option<Credential>> {
        Box::pin(std::future::ready((self.rule)(&knock).map(|()| None)))
    }

    fn hand_over(&self, handover: Handover) {
        let _ = self.handovers.lock().unwrap().send(handover);
    }
}

/// A server on a port of its own, running on this thread.
pub(crate) struct Server {
    pub(crate) home: Rc<Recorder>,
    pub(crate) address: SocketAddr,
}

pub(crate) struct Setup {
    pub(crate) listener: ListenerSettings,
    pub(crate) socket: SocketSettings,
    pub(crate) rule: fn(&Knock<'_>) -> Result<(), Refusal>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            listener: ListenerSettings::default(),
            socket: SocketSettings::default(),
            rule: |_| Ok(()),
        }
    }
}

impl Server {
    pub(crate) fn start(setup: Setup) -> Self {
        Self::start_with_listener_on(&Handle::current(), setup)
    }

    pub(crate) fn start_with_listener_on(runtime: &Handle, setup: Setup) -> Self {
        let home = Rc::new(Recorder::default());
        let entered = runtime.enter();
        let listener = Listener::bind(([127, 0, 0, 1], 0).into(), setup.listener).unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, mut handovers) = mpsc::unbounded_channel();
        let gate = Gate {
            rule: setup.rule,
            handovers: Mutex::new(sender),
        };
        runtime.spawn(listener.run(Arc::new(gate), std::future::pending()));
        drop(entered);
        let owner = Rc::clone(&home);
        spawn_local(async move {
            while let Some(handover) = handovers.recv().await {
                spawn_local(serve(handover, Rc::clone(&owner) as Rc<dyn Home>, setup.socket));
            }
        });
        Self { home, address }
    }

    /// Sends bytes on a connection of their own and reads to the end of the answer.
    pub(crate) async fn exchange(&self, request: &str) -> Answer {
        let mut tcp = TcpStream::connect(self.address).await.unwrap();
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).await.unwrap();
        Answer(answer)
    }

    /// Connects a user.
    pub(crate) async fn user(&self, name: &str) -> Client {
        let mut tcp = TcpStream::connect(self.address).await.unwrap();
        tcp.write_all(upgrade(&format!("/rtc?userid={name}"), "").as_bytes())
            .await
            .unwrap();
        let answer = read_head(&mut tcp).await;
        assert_eq!(answer.status(), 101, "{answer:?}");
        ClientBuilder::new().take_over(tcp)
    }

    /// Dials a link from this server's home.
    pub(crate) fn dial(&self, address: SocketAddr, dialling: DialSettings) {
        self.dial_host(&address.ip().to_string(), address.port(), dialling);
    }

    pub(crate) fn dial_host(&self, host: &str, port: u16, dialling: DialSettings) {
        let target = Target {
            host: host.to_owned(),
            port,
            path: "/rtc".to_owned(),
            user: UserId::new("n1@example.com").unwrap(),
            bearer: Some("secret".to_owned()),
        };
        let home = Rc::clone(&self.home) as Rc<dyn Home>;
        spawn_local(link(
            channel_id(),
            target,
            home,
            Rc::new(dialling),
            SocketSettings::default(),
        ));
    }

    /// Waits until dialling has failed, and says why.
    pub(crate) async fn failure(&self) -> DialFailure {
        self.home.until(0, &Told::DialFailed).await;
        self.home.failures.borrow()[0].clone()
    }
}

/// An HTTP answer as it came.
#[derive(Debug)]
pub(crate) struct Answer(pub(crate) String);

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.0.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let head = self.0.split("\r\n\r\n").next().unwrap();
        head.lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
    }

    pub(crate) fn retry_after(&self) -> u64 {
        self.header("Retry-After").unwrap().parse().unwrap()
    }

    pub(crate) fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").unwrap().1
    }
}

/// The text of a WebSocket request, with more header lines (each ended) if wanted.
pub(crate) fn upgrade(target: &str, more: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    )
}

pub(crate) async fn read_head(tcp: &mut TcpStream) -> Answer {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tcp.read_u8().await.unwrap());
    }
    Answer(String::from_utf8(head).unwrap())
}

pub(crate) type Client = WebSocketStream<TcpStream>;

/// Writes a frame as it is given, masked with zeros.
pub(crate) async fn write_frame(client: &mut Client, first_byte: u8, payload: &[u8]) {
    let mut frame = vec![first_byte];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..65536 => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    client.get_mut().write_all(&frame).await.unwrap();
}

pub(crate) async fn send(client: &mut Client, message: Message) {
    client.send(message).await.unwrap();
}

/// Reads the next message, which has to be text.
pub(crate) async fn text(client: &mut Client) -> String {
    client
        .next()
        .await
        .unwrap()
        .unwrap()
        .as_text()
        .unwrap()
        .to_owned()
}

/// Reads to the Close, and says its code and reason.
pub(crate) async fn close(client: &mut Client) -> (u16, String) {
    loop {
        let message = client.next().await.expect("a Close").unwrap();
        if let Some((code, reason)) = message.as_close() {
            return (code.into(), reason.to_owned());
        }
    }
}

pub(crate) fn frame(text: &str) -> Frame {
    Frame::Text(Bytes::copy_from_slice(text.as_bytes()))
}

/// Settings that let `localhost` be dialled.
pub(crate) fn loopback() -> DialSettings {
    let networks = ["127.0.0.0/8", "::1"].map(|network| network.parse().unwrap());
    DialSettings {
        addresses: AddressPolicy::new(networks.to_vec()),
        ..DialSettings::default()
    }
}

/// Runs a test with local tasks.
pub(crate) fn local(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, test);
}
