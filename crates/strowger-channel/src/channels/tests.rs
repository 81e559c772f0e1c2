use std::time::Duration;

use jsip::{CSeq, Message, Method, Request, UserId};
use strowger_time::Instant;

use super::Channels;
use crate::{
    ChannelEvent, ChannelId, ConnId, DialFailure, Frame, Kind, LinkSettings, LinkState, Outgoing,
    PingPayload, Settings, Tag,
};

mod drain;
mod holding;
mod life;
mod links;
mod model;
mod pinging;
mod receive;
mod sending;

const A: ConnId = ConnId(1);
const B: ConnId = ConnId(2);
const C: ConnId = ConnId(3);

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A Ping behind every batch.
fn prompt() -> Settings {
    Settings {
        ack_interval: Duration::ZERO,
        ..Settings::default()
    }
}

/// A shard's channels with a clock, and what a driver would keep.
struct Bed {
    channels: Channels,
    now: Instant,
    /// What was told of links, apart from the other events.
    news: Vec<String>,
}

impl Bed {
    fn new() -> Self {
        Self::with(prompt())
    }

    fn with(settings: Settings) -> Self {
        Self {
            channels: Channels::new(settings, 5, 7),
            now: Instant::ZERO + secs(1000),
            news: Vec::new(),
        }
    }

    fn connect(&mut self, name: &str, conn: ConnId) -> ChannelId {
        self.channels.connect(self.now, UserId::new(name).unwrap(), conn)
    }

    /// A channel of bob's with socket A; what that led to is taken.
    fn bob() -> (Self, ChannelId) {
        let mut bed = Self::new();
        let bob = bed.connect("bob@example.com", A);
        assert_eq!(bed.events(), ["Opened"]);
        (bed, bob)
    }

    fn events(&mut self) -> Vec<String> {
        let mut events = Vec::new();
        while let Some(event) = self.channels.poll_event() {
            events.push(match event {
                ChannelEvent::Opened { .. } => "Opened".to_owned(),
                ChannelEvent::Resumed { .. } => "Resumed".to_owned(),
                ChannelEvent::Dropped { .. } => "Dropped".to_owned(),
                ChannelEvent::Lost { cause, .. } => format!("Lost {cause:?}"),
                ChannelEvent::Message { message, .. } => match message {
                    Message::Request(request) => format!("{} {}", request.method(), request.cseq().get()),
                    Message::Response(response) => {
                        format!("{} {}", response.code().as_u16(), response.cseq().get())
                    }
                },
                ChannelEvent::Released { tag, .. } => format!("Released {tag}"),
                ChannelEvent::Acknowledged { tag, .. } => format!("Acknowledged {tag}"),
                ChannelEvent::Repeated { tag, .. } => format!("Repeated {tag}"),
                ChannelEvent::Withdrawn { tag, .. } => format!("Withdrawn {tag}"),
                ChannelEvent::NoRoom { tag, .. } => format!("NoRoom {tag}"),
                ChannelEvent::Wake { conn } => format!("Wake {}", conn.0),
                ChannelEvent::Close { conn, code, reason } => format!("Close {} {code} {reason}", conn.0),
                ChannelEvent::Dial { host, port, .. } => format!("Dial {host}:{port}"),
                ChannelEvent::Link(news) => {
                    self.news.push(format!("{:?} {}", news.change, news.reason));
                    continue;
                }
            });
        }
        events
    }

    /// Lets time pass, doing on the way what is due.
    fn pass(&mut self, duration: Duration) {
        let until = self.now + duration;
        while let Some(at) = self.channels.poll_timeout().filter(|&at| at <= until) {
            self.now = self.now.max(at);
            self.channels.handle_timeout(self.now);
        }
        self.now = until;
    }

    /// The same, with a frame coming in on the socket every second.
    fn pass_with_frames(&mut self, duration: Duration, conn: ConnId) {
        for _ in 0..duration.as_secs() {
            self.pass(secs(1));
            self.channels
                .receive_text(self.now, conn, &message(Method::Info, 1).encode());
        }
    }

    fn send(&mut self, channel: ChannelId, tag: Tag, kind: Kind) -> bool {
        let outgoing = Outgoing {
            text: message(Method::Message, tag).encode().into(),
            tag,
            kind,
        };
        self.channels.send(self.now, channel, outgoing).is_ok()
    }

    /// Takes everything there is to write without writing it: the CSeqs of the messages, and the Ping.
    fn take(&mut self, conn: ConnId) -> (Vec<u64>, Option<PingPayload>) {
        let mut frames = Vec::new();
        self.channels.take_batch(self.now, conn, usize::MAX, &mut frames);
        let mut texts = Vec::new();
        let mut ping = None;
        for frame in frames {
            assert!(ping.is_none(), "nothing follows the Ping");
            match frame {
                Frame::Text(text) => texts.push(cseq(std::str::from_utf8(&text).unwrap())),
                Frame::Ping(payload) => ping = Some(payload),
                Frame::Binary(_) => unreachable!("no outbox makes a binary frame"),
            }
        }
        (texts, ping)
    }

    /// Takes and writes everything.
    fn write(&mut self, conn: ConnId) -> (Vec<u64>, Option<PingPayload>) {
        let batch = self.take(conn);
        self.channels.written(self.now, conn);
        batch
    }

    fn pong(&mut self, conn: ConnId, payload: Option<PingPayload>) {
        self.channels.receive_pong(self.now, conn, &payload.unwrap());
    }

    /// Writes everything and answers the Ping.
    fn deliver(&mut self, conn: ConnId) -> Vec<u64> {
        let (texts, ping) = self.write(conn);
        self.pong(conn, ping);
        texts
    }

    fn outbox_len(&self, channel: ChannelId) -> usize {
        self.channels
            .iter()
            .find(|info| info.id == channel)
            .unwrap()
            .outbox_messages
    }
}

fn message(method: Method, cseq: u64) -> Message {
    let mut request = Request::new(method, "bob@example.com", "alice@example.com", "bob@example.com");
    request.set_dialog_id("d");
    request.set_cseq(CSeq::new(cseq).unwrap());
    Message::Request(request)
}

fn cseq(text: &str) -> u64 {
    Message::decode(text, &jsip::Limits::default())
        .unwrap()
        .cseq()
        .get()
}

#[test]
fn a_channel_takes_little_memory() {
    let size = size_of::<crate::channel::Channel>();
    assert!(size <= 328, "{size}");
}
