//! Named, resumable WebSocket channels.
//!
//! Two halves. The pure one, [`Channels`], decides everything: which socket a channel has, what is written on it and in
//! which order, what a peer may send, when a channel is lost. It knows no socket, no clock and no chance. The other
//! half, in [`net`], moves bytes between sockets and the pure half.
//!
//! The pure half is driven like this:
//!
//! 1. Call an input ([`Channels::connect`], [`Channels::receive_text`], [`Channels::send`], ...,
//!    [`Channels::handle_timeout`]) with the time and what happened.
//! 2. Take [`Channels::poll_event`] until it is empty. Events never call back.
//! 3. On [`ChannelEvent::Wake`], let the socket's writer call [`Channels::take_batch`], write and flush the frames, call
//!    [`Channels::written`], and begin again, until a batch is empty.
//! 4. Call [`Channels::handle_timeout`] when [`Channels::poll_timeout`] says so.
//!
//! ```
//! use jsip::{Method, Request, UserId};
//! use strowger_channel::{ChannelEvent, Channels, ConnId, Frame, Kind, Outgoing, Settings};
//! use strowger_time::Instant;
//!
//! let (now, socket) = (Instant::ZERO, ConnId(1));
//! let mut channels = Channels::new(Settings::default(), 0, 42);
//! let bob = channels.connect(now, UserId::new("bob@example.com")?, socket);
//!
//! let request = Request::new(Method::Message, "bob@example.com", "alice@example.com", "bob@example.com");
//! channels.send(now, bob, Outgoing { text: request.encode().into(), tag: 1, kind: Kind::Request })?;
//!
//! assert!(matches!(channels.poll_event(), Some(ChannelEvent::Opened { .. })));
//! assert!(matches!(channels.poll_event(), Some(ChannelEvent::Wake { conn }) if conn == socket));
//! let mut frames = Vec::new();
//! channels.take_batch(now, socket, 65_536, &mut frames);
//! assert!(matches!(frames[..], [Frame::Text(_), Frame::Ping(_)]));
//! channels.written(now, socket);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod channel;
mod channels;
pub mod close;
mod counters;
mod event;
mod ids;
mod jitter;
pub mod net;
pub mod outbox;
mod ping;
mod rate;
mod registry;
mod settings;

pub use channels::{
    ChannelFilter, ChannelInfo, ChannelKind, ChannelState, Channels, DialFailure, LinkChange, LinkInfo,
    LinkNews, LinkState, NameTaken, Oldest,
};
pub use counters::Counters;
pub use event::{ChannelEvent, Frame, Kind, LostCause, Outgoing, Unreachable};
pub use ids::{ChannelId, ConnId, Tag};
pub use ping::{PING_BYTES, PingPayload};
pub use settings::{LinkSettings, Settings};
