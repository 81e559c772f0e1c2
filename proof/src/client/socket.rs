//! One WebSocket of a user, as a task.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use http::Uri;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use tokio_websockets::{ClientBuilder, CloseCode, Message, WebSocketStream};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(3);

/// What a socket tells its user.
#[derive(Debug)]
pub(super) enum Event {
    Opened,
    Text(String),
    /// It is over, with the code of the server's Close frame if there was one.
    Closed(Option<u16>),
}

/// What a user tells its socket.
#[derive(Debug)]
pub(super) enum Order {
    Send(String),
    /// Close with 1000.
    Close,
}

/// Opens a socket. Its number comes with each of its events; what is ordered is done in order.
pub(super) fn open(
    url: String,
    number: usize,
    events: UnboundedSender<(usize, Event)>,
) -> UnboundedSender<Order> {
    let (orders, ordered) = unbounded_channel();
    tokio::spawn(async move {
        let code = match timeout(HANDSHAKE, connect(&url)).await {
            Ok(Some(socket)) => {
                // A user who is gone hears nothing.
                let _ = events.send((number, Event::Opened));
                carry(socket, ordered, number, &events).await
            }
            Ok(None) | Err(_) => None,
        };
        let _ = events.send((number, Event::Closed(code)));
    });
    orders
}

async fn connect(url: &str) -> Option<WebSocketStream<TcpStream>> {
    let uri: Uri = url.parse().ok()?;
    let tcp = TcpStream::connect(uri.authority()?.as_str()).await.ok()?;
    tcp.set_nodelay(true).ok()?;
    let (socket, _) = ClientBuilder::from_uri(uri).connect_on(tcp).await.ok()?;
    Some(socket)
}

/// Reads and writes until the end; answers the code of the server's Close frame.
async fn carry(
    socket: WebSocketStream<TcpStream>,
    mut orders: UnboundedReceiver<Order>,
    number: usize,
    events: &UnboundedSender<(usize, Event)>,
) -> Option<u16> {
    let (mut sink, mut source) = socket.split();
    let read = async {
        while let Some(Ok(frame)) = source.next().await {
            if let Some(text) = frame.as_text() {
                events.send((number, Event::Text(text.to_owned()))).ok()?;
            } else if let Some((code, _)) = frame.as_close() {
                return Some(u16::from(code));
            }
        }
        None
    };
    let write = async {
        while let Some(order) = orders.recv().await {
            let sent = match order {
                Order::Send(text) => sink.send(Message::text(text)).await,
                Order::Close => {
                    let close = Message::close(Some(CloseCode::NORMAL_CLOSURE), "");
                    sink.send(close).await
                }
            };
            if sent.is_err() {
                break;
            }
        }
        // What the server still sends is read all the same.
        std::future::pending().await
    };
    tokio::select! {
        code = read => code,
        () = write => None,
    }
}
