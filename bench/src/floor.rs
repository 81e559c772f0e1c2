//! The floor: a WebSocket relay that forwards each frame to the partner of its sender, or from a speaker to all.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use futures_util::{Sink, Stream};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_websockets::{Config, Message, ServerBuilder};

use crate::requests::{is_speaker, partner};

type Outbox = mpsc::UnboundedSender<Message>;
type Table = Arc<Mutex<HashMap<String, Mailbox>>>;

/// Where frames for one user go. Whoever needs it first makes it: a user may be sent to before its task has run on from
/// the handshake.
struct Mailbox {
    outbox: Outbox,
    /// Until the user takes it.
    frames: Option<mpsc::UnboundedReceiver<Message>>,
}

impl Default for Mailbox {
    fn default() -> Self {
        let (outbox, frames) = mpsc::unbounded_channel();
        Self {
            outbox,
            frames: Some(frames),
        }
    }
}

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Serves until it is ended. As a room it sends what a speaker says to all others and drops what they answer.
pub(crate) fn run(address: SocketAddr, is_room: bool) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.map(|runtime| runtime.block_on(serve(address, is_room))) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) | Err(error) => {
            eprintln!("floor: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(address: SocketAddr, is_room: bool) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    let mut ended = signal(SignalKind::terminate())?;
    let table: Table = Arc::default();
    loop {
        let tcp = tokio::select! {
            accepted = listener.accept() => accepted?.0,
            _ = ended.recv() => return Ok(()),
        };
        tcp.set_nodelay(true)?;
        tokio::spawn(socket(tcp, Arc::clone(&table), is_room));
    }
}

fn with<T>(table: &Table, name: &str, act: impl FnOnce(&mut Mailbox) -> T) -> T {
    let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
    act(table.entry(name.to_owned()).or_default())
}

fn broadcast(table: &Table, from: &str, message: &Message) {
    let table = table.lock().unwrap_or_else(PoisonError::into_inner);
    for (_, mailbox) in table.iter().filter(|(name, _)| *name != from) {
        // Who is gone gets nothing.
        let _ = mailbox.outbox.send(message.clone());
    }
}

async fn socket(tcp: TcpStream, table: Table, is_room: bool) {
    let config = Config::default().flush_threshold(64 * 1024);
    let Ok((request, stream)) = ServerBuilder::new().config(config).accept(tcp).await else {
        return;
    };
    let query = request.uri().query().unwrap_or_default();
    let Some(name) = query
        .strip_prefix("userid=")
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
    else {
        return;
    };
    let frames = with(&table, &name, |mailbox| {
        if mailbox.frames.is_none() {
            // A new connection takes over.
            *mailbox = Mailbox::default();
        }
        mailbox.frames.take()
    });
    let Some(mut frames) = frames else { return };
    let partner = partner(&name);
    let mut to: Option<Outbox> = None;
    let mut stream = stream;
    std::future::poll_fn(|cx| {
        loop {
            match Pin::new(&mut stream).poll_next(cx) {
                Poll::Ready(Some(Ok(message))) if is_room => {
                    if message.is_text() && is_speaker(&name) {
                        broadcast(&table, &name, &message);
                    }
                }
                Poll::Ready(Some(Ok(message))) if message.is_text() => {
                    let to =
                        to.get_or_insert_with(|| with(&table, &partner, |mailbox| mailbox.outbox.clone()));
                    // A partner that is gone gets nothing.
                    let _ = to.send(message);
                }
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
                Poll::Pending => break,
            }
        }
        while Pin::new(&mut stream).poll_ready(cx).is_ready() {
            let Poll::Ready(Some(message)) = frames.poll_recv(cx) else {
                break;
            };
            if Pin::new(&mut stream).start_send(message).is_err() {
                return Poll::Ready(());
            }
        }
        match Pin::new(&mut stream).poll_flush(cx) {
            Poll::Ready(Err(_)) => Poll::Ready(()),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
        }
    })
    .await;
    table.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
}
