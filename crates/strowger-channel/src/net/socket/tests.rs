//! What shows only on a stream whose buffers are known.

use std::cell::Cell;

use jsip::UserId;
use tokio::io::{DuplexStream, duplex};
use tokio::task::{LocalSet, spawn_local, yield_now};

use super::*;
use crate::ChannelId;

#[derive(Default)]
struct Counting {
    pings: Cell<usize>,
    closed: Cell<usize>,
}

impl Home for Counting {
    fn connected(&self, _: &UserId, _: Option<ConnId>, _: SocketHandle) -> ConnId {
        ConnId(1)
    }

    fn dialled(&self, _: ChannelId, _: SocketHandle) -> ConnId {
        ConnId(1)
    }

    fn dial_failed(&self, _: ChannelId, _: crate::DialFailure) {}

    fn text(&self, _: ConnId, _: &str) {}

    fn binary(&self, _: ConnId, _: &[u8]) {}

    fn oversize(&self, _: ConnId) {}

    fn pong(&self, _: ConnId, _: &[u8]) {}

    fn ping(&self, _: ConnId) {
        self.pings.set(self.pings.get() + 1);
    }

    fn closed(&self, _: ConnId, _: Option<u16>) {
        self.closed.set(self.closed.get() + 1);
    }

    fn take_batch(&self, _: ConnId, _: usize, _: &mut Vec<Frame>) {}

    fn written(&self, _: ConnId) {}

    fn settle(&self) {}
}

fn socket(home: &Rc<Counting>, stream: DuplexStream) -> Socket<DuplexStream> {
    let settings = SocketSettings::default();
    let home = Rc::clone(home) as Rc<dyn Home>;
    let handle = SocketHandle::default();
    Socket::new(stream, Role::Server, ConnId(1), home, handle, settings, false)
}

fn local(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, test);
}

#[test]
fn pings_are_not_read_while_too_many_pongs_are_unwritten() {
    local(async {
        let home = Rc::new(Counting::default());
        // Room for less than one Pong, so that nearly all of them wait.
        let (ours, mut peer) = duplex(100);
        spawn_local(Box::new(socket(&home, ours)).run());
        let mut ping = vec![0x89, 0x80 | 125, 0, 0, 0, 0];
        ping.resize(6 + 125, b'x');
        let writer = spawn_local(async move {
            for _ in 0..1000 {
                peer.write_all(&ping).await.unwrap();
            }
            peer
        });
        while home.pings.get() < MAX_UNSENT_PONGS {
            yield_now().await;
        }
        for _ in 0..10_000 {
            yield_now().await;
        }
        assert_eq!(home.pings.get(), MAX_UNSENT_PONGS);
        assert!(!writer.is_finished());
        assert_eq!(home.closed.get(), 0);
        // Dropped unread, the peer is gone for good.
        writer.abort();
        while home.closed.get() == 0 {
            yield_now().await;
        }
    });
}

#[test]
fn an_open_socket_takes_little_room() {
    let (ours, _peer) = duplex(1);
    let socket = Box::new(socket(&Rc::new(Counting::default()), ours));
    let bytes = size_of_val(&*socket) + size_of_val(&socket.run());
    assert!(bytes <= 768, "{bytes} bytes");
}

#[test]
fn a_close_that_may_not_be_sent_as_it_is_is_mended() {
    let long = "\u{e4}".repeat(100);
    for (code, reason, sent) in [
        (4001, "replaced", 4001),
        (1006, "", 1011),
        (0, "", 1011),
        (1008, &long, 1008),
    ] {
        let payload = close_payload(code, reason);
        let (code, text) = payload.split_at(2);
        let text = str::from_utf8(text).unwrap();
        assert_eq!(code, u16::to_be_bytes(sent));
        assert!(reason.starts_with(text) && text.len() <= 123);
    }
}
