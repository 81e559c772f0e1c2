//! A WebSocket echo on the sockets of this crate and on nothing else of Strowger: no channel, no JSIP.
//!
//!     cargo run -p strowger-channel --example echo -- 127.0.0.1:9001
//!
//! It answers at `/rtc?userid=NAME`, text with text and binary with binary, and prints the address it listens on; without
//! an argument it takes a free port of the loopback. `cargo xtask autobahn` tests the WebSocket layer with it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use jsip::UserId;
use strowger_auth::Credential;
use strowger_channel::net::{
    Admission, Decision, Handover, Home, Knock, Listener, ListenerSettings, SocketHandle, SocketSettings,
    serve,
};
use strowger_channel::{ChannelId, ConnId, DialFailure, Frame};
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local};

/// The longest message: the suite sends compressed ones of 128 KiB, cut into hundreds of fragments.
const MESSAGE_BYTES: usize = 1024 * 1024;
/// How many bytes of echo one connection may leave unread.
const MOST_UNREAD: usize = 4 * 1024 * 1024;

/// The echo of one connection.
struct Peer {
    socket: SocketHandle,
    waiting: Vec<Frame>,
    bytes: usize,
}

/// The connections there are, by their number.
#[derive(Default)]
struct Echo {
    peers: RefCell<HashMap<ConnId, Peer>>,
    last: RefCell<u64>,
}

impl Echo {
    fn echo(&self, conn: ConnId, frame: Frame, bytes: usize) {
        if let Some(peer) = self.peers.borrow_mut().get_mut(&conn) {
            peer.waiting.push(frame);
            peer.bytes += bytes;
            if peer.bytes > MOST_UNREAD {
                peer.socket.abort();
            } else {
                peer.socket.wake();
            }
        }
    }
}

impl Home for Echo {
    fn connected(&self, _: &UserId, _: Option<ConnId>, socket: SocketHandle) -> ConnId {
        let mut last = self.last.borrow_mut();
        *last += 1;
        let peer = Peer {
            socket,
            waiting: Vec::new(),
            bytes: 0,
        };
        self.peers.borrow_mut().insert(ConnId(*last), peer);
        ConnId(*last)
    }

    fn dialled(&self, _: ChannelId, _: SocketHandle) -> ConnId {
        unreachable!("nothing is dialled")
    }

    fn dial_failed(&self, _: ChannelId, _: DialFailure) {}

    fn text(&self, conn: ConnId, text: &str) {
        let frame = Frame::Text(Bytes::copy_from_slice(text.as_bytes()));
        self.echo(conn, frame, text.len());
    }

    fn binary(&self, conn: ConnId, payload: &[u8]) {
        let frame = Frame::Binary(Bytes::copy_from_slice(payload));
        self.echo(conn, frame, payload.len());
    }

    fn oversize(&self, _: ConnId) {}

    fn pong(&self, _: ConnId, _: &[u8]) {}

    fn closed(&self, conn: ConnId, _: Option<u16>) {
        self.peers.borrow_mut().remove(&conn);
    }

    fn take_batch(&self, conn: ConnId, _: usize, out: &mut Vec<Frame>) {
        if let Some(peer) = self.peers.borrow_mut().get_mut(&conn) {
            out.append(&mut peer.waiting);
        }
    }

    fn written(&self, conn: ConnId) {
        if let Some(peer) = self.peers.borrow_mut().get_mut(&conn)
            && peer.waiting.is_empty()
        {
            peer.bytes = 0;
        }
    }

    fn settle(&self) {}
}

/// Lets everybody in.
struct Open(mpsc::UnboundedSender<Handover>);

impl Admission for Open {
    fn admit<'a>(&'a self, _: Knock<'a>) -> Decision<'a, Option<Credential>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn hand_over(&self, handover: Handover) {
        // Fails only when the echo ends.
        let _ = self.0.send(handover);
    }
}

async fn run(address: SocketAddr) -> io::Result<()> {
    let settings = ListenerSettings {
        compression: true,
        ..ListenerSettings::default()
    };
    let listener = Listener::bind(address, settings)?;
    #[expect(
        clippy::print_stdout,
        reason = "who starts it on port 0 has to learn the port"
    )]
    {
        println!("{}", listener.local_addr()?);
    }
    let (sender, mut handovers) = mpsc::unbounded_channel();
    spawn_local(listener.run(Arc::new(Open(sender)), std::future::pending()));
    let echo = Rc::new(Echo::default());
    while let Some(handover) = handovers.recv().await {
        let home = Rc::clone(&echo) as Rc<dyn Home>;
        let settings = SocketSettings {
            message_bytes: MESSAGE_BYTES,
            ..SocketSettings::default()
        };
        spawn_local(serve(handover, home, settings));
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let address = match std::env::args().nth(1) {
        Some(address) => address.parse().map_err(io::Error::other)?,
        None => SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, run(address))
}
