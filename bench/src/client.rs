//! Users: a socket each, and a task that answers what comes.

use std::fmt::Display;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use jsip::{CSeq, Message, Method, Request};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_websockets::{ClientBuilder, Message as Frame, WebSocketStream};

use crate::requests;
use crate::traffic::Counted;

pub(crate) type Socket = WebSocketStream<Counted>;

/// How many users share a source address: ports are short, and servers may bound channels per address.
const USERS_PER_ADDRESS: u64 = 50;
/// How many users connect at a time.
const CONNECTING: usize = 64;

/// One of the loopback's addresses; Linux has all of 127.0.0.0/8.
fn source(user: u64) -> SocketAddr {
    let group = user / USERS_PER_ADDRESS;
    let [.., high, low] = (group % 60_000).to_be_bytes();
    SocketAddr::from((Ipv4Addr::new(127, 1, high, low), 0))
}

/// Opens the WebSocket of one user.
pub(crate) async fn connect(server: SocketAddr, name: &str, user: u64) -> Result<Socket, String> {
    let failed = |error: &dyn Display| format!("{name}: {error}");
    let uri = format!("ws://{server}/rtc?userid={name}");
    let uri = uri.parse().map_err(|_| "bad URI".to_owned())?;
    let tcp = TcpSocket::new_v4().map_err(|error| failed(&error))?;
    tcp.bind(source(user)).map_err(|error| failed(&error))?;
    let tcp = tcp.connect(server).await.map_err(|error| failed(&error))?;
    // Without it a Pong that waits for its TCP acknowledgement holds the next request back for 40 ms.
    tcp.set_nodelay(true).map_err(|error| failed(&error))?;
    let connected = ClientBuilder::from_uri(uri).connect_on(Counted(tcp)).await;
    connected
        .map(|(socket, _)| socket)
        .map_err(|error| failed(&error))
}

/// What the tasks of users tell of what they see.
pub(crate) trait Witness: Send + Sync + 'static {
    /// A request came to this user and was answered.
    fn asked(&self, user: u64, request: &Request) {
        let _ = (user, request);
    }

    /// A final response to a request of ours came; of a call the one to its BYE, or what refused it;
    /// of a call that lives on the one to its INVITE.
    fn answered(&self, dialog: &str, code: u16) {
        let _ = (dialog, code);
    }
}

/// What a user is told to do.
#[derive(Debug)]
enum Order {
    Send(String),
    /// Closes with 1000, which ends the channel.
    Leave,
    /// Drops the connection; the channel is retained.
    Drop,
}

/// A connected user; a task of its own answers for it.
#[derive(Debug)]
pub(crate) struct User {
    orders: mpsc::UnboundedSender<Order>,
    task: JoinHandle<()>,
}

impl User {
    pub(crate) async fn connect(
        server: SocketAddr,
        name: String,
        number: u64,
        witness: Arc<dyn Witness>,
    ) -> Result<Self, String> {
        let socket = connect(server, &name, number).await?;
        let (orders, receiver) = mpsc::unbounded_channel();
        let task = tokio::spawn(run(socket, name, number, receiver, witness));
        Ok(Self { orders, task })
    }

    /// Sends a text; one to a user whose connection is over is lost.
    pub(crate) fn send(&self, text: String) {
        let _ = self.orders.send(Order::Send(text));
    }

    pub(crate) async fn leave(self) {
        let _ = self.orders.send(Order::Leave);
        let _ = self.task.await;
    }

    pub(crate) async fn drop_connection(self) {
        let _ = self.orders.send(Order::Drop);
        let _ = self.task.await;
    }
}

/// Connects many users, each a partner of its neighbour: `a0`, `b0`, `a1`, `b1`, ...
pub(crate) async fn connect_many(
    server: SocketAddr,
    users: u64,
    witness: &Arc<dyn Witness>,
) -> Result<Vec<User>, String> {
    connect_named(server, 0..users, name_of, witness).await
}

/// Connects the users of these numbers, some at a time.
pub(crate) async fn connect_named(
    server: SocketAddr,
    users: Range<u64>,
    name: fn(u64) -> String,
    witness: &Arc<dyn Witness>,
) -> Result<Vec<User>, String> {
    let mut connected = Vec::new();
    let mut connecting = JoinSet::new();
    for number in users {
        if connecting.len() >= CONNECTING {
            connected.extend(joined(&mut connecting).await?);
        }
        let (witness, name) = (Arc::clone(witness), name(number));
        connecting.spawn(async move { (number, User::connect(server, name, number, witness).await) });
    }
    while let Some(one) = joined(&mut connecting).await? {
        connected.push(one);
    }
    connected.sort_by_key(|(number, _)| *number);
    Ok(connected.into_iter().map(|(_, user)| user).collect())
}

/// The name of the user of this number.
pub(crate) fn name_of(number: u64) -> String {
    requests::name(if number.is_multiple_of(2) { 'a' } else { 'b' }, number / 2)
}

type Connecting = JoinSet<(u64, Result<User, String>)>;

async fn joined(connecting: &mut Connecting) -> Result<Option<(u64, User)>, String> {
    match connecting.join_next().await {
        None => Ok(None),
        Some(Ok((number, user))) => Ok(Some((number, user?))),
        Some(Err(error)) => Err(error.to_string()),
    }
}

/// Lets all go at once.
pub(crate) async fn leave_all(users: Vec<User>) {
    let leaving: JoinSet<_> = users.into_iter().map(User::leave).collect();
    leaving.join_all().await;
}

async fn run(
    mut socket: Socket,
    name: String,
    number: u64,
    mut orders: mpsc::UnboundedReceiver<Order>,
    witness: Arc<dyn Witness>,
) {
    loop {
        let sent = tokio::select! {
            frame = socket.next() => match frame {
                Some(Ok(frame)) => hear(&mut socket, &frame, &name, number, witness.as_ref()).await,
                _ => return,
            },
            order = orders.recv() => match order {
                Some(Order::Send(text)) => socket.send(Frame::text(text)).await,
                Some(Order::Leave) => {
                    // The server may have closed already.
                    let close = tokio::time::timeout(Duration::from_secs(10), socket.close());
                    let _ = close.await;
                    return;
                }
                Some(Order::Drop) | None => return,
            },
        };
        if sent.is_err() {
            return;
        }
    }
}

async fn hear(
    socket: &mut Socket,
    frame: &Frame,
    name: &str,
    number: u64,
    witness: &dyn Witness,
) -> Result<(), tokio_websockets::Error> {
    match frame.as_text().and_then(requests::decode) {
        Some(Message::Request(request)) => {
            for answer in requests::answers(&request) {
                socket.feed(Frame::text(answer)).await?;
            }
            socket.flush().await?;
            if request.method() != Method::Ack {
                witness.asked(number, &request);
            }
        }
        Some(Message::Response(response)) if !response.code().is_provisional() => {
            let (code, dialog) = (response.code(), response.dialog_id());
            // Calls that end at once begin with a `c`, those that live on with an `o`; their first 200 is to the INVITE.
            let answers = code.is_success() && response.cseq() == CSeq::FIRST;
            if answers && dialog.starts_with('c') {
                for text in requests::acknowledge_and_end(name, &requests::partner(name), dialog) {
                    socket.feed(Frame::text(text)).await?;
                }
                return socket.flush().await;
            }
            if answers && dialog.starts_with('o') {
                let text = requests::acknowledge(name, &requests::partner(name), dialog);
                socket.send(Frame::text(text)).await?;
            }
            witness.answered(dialog, code.as_u16());
        }
        _ => {}
    }
    Ok(())
}

/// Opens the WebSocket of a user who will never read, with little room for what comes.
pub(crate) async fn connect_stalled(server: SocketAddr, name: &str) -> Result<TcpStream, String> {
    let failed = |error: std::io::Error| format!("{name}: {error}");
    let tcp = TcpSocket::new_v4().map_err(failed)?;
    tcp.set_recv_buffer_size(4096).map_err(failed)?;
    let tcp = tcp.connect(server).await.map_err(failed)?;
    let uri = format!("ws://{server}/rtc?userid={name}");
    let uri = uri.parse().map_err(|_| "bad URI".to_owned())?;
    let (socket, _) = ClientBuilder::from_uri(uri)
        .connect_on(tcp)
        .await
        .map_err(|error| format!("{name}: {error}"))?;
    Ok(socket.into_inner())
}
