//! The JSIP transaction and session layers as pure state machines: no clock, no socket, no thread.
//!
//! # How to drive it
//!
//! A [`Stack`] belongs to one owner, who calls it with what happened and then drains what it decided:
//!
//! 1. inputs: [`Stack::receive`] (a message came in on a channel), [`Stack::open`], [`Stack::send`],
//!    [`Stack::respond`] (an instance of a service wants to send), [`Stack::bound`] (the channel for a new dialog was
//!    found, or nobody is there), [`Stack::released`], [`Stack::withdrawn`] (news from the outbox),
//!    [`Stack::channel_up`], [`Stack::channel_down`], [`Stack::channel_lost`], [`Stack::link_failed`],
//!    [`Stack::handle_timeout`];
//! 2. after each input, [`Stack::poll_output`] until it answers `None`;
//! 3. [`Stack::poll_timeout`] says when to call [`Stack::handle_timeout`] at the latest.
//!
//! A dialog is found by (channel, `DialogueID`), so two users who choose the same id never meet. The machines are
//! tables: [`transaction::client`], [`transaction::invite_client`], [`transaction::server`],
//! [`transaction::invite_server`], [`session::table`] and [`session::refresh`]; they are printed into
//! `docs/protocol/`.
//!
//! What is not here: which instance gets a new dialog, which channel a name means, delivery to the peer (the
//! outbox). Those belong to the node and to the channels.
//!
//! ```
//! use jsip::{Message, Method, Request};
//! use jsip_stack::{Channel, Config, Output, Stack};
//! use strowger_time::Instant;
//!
//! let mut stack = Stack::new(Config::default(), 0, 42);
//! let mut request = Request::new(Method::Message, "bob@example.com", "alice@example.com", "bob@example.com");
//! request.set_dialog_id("d1");
//! stack.receive(Instant::ZERO, Channel::new(1), Message::Request(request));
//! assert!(matches!(stack.poll_output(), Some(Output::Incoming { .. })));
//! ```
#![forbid(unsafe_code)]

mod ack;
mod answer;
mod channel;
mod config;
mod counters;
mod dialog;
mod encoded;
mod error;
pub mod fuzzing;
mod ids;
mod inspect;
mod journal;
mod linger;
mod listing;
mod output;
mod perform;
mod receive;
mod refreshing;
mod release;
mod response;
mod send;
pub mod session;
mod shrinking;
mod stack;
mod stub;
mod timeout;
mod timer;
mod trail;
pub mod transaction;
mod watch;

pub use config::Config;
pub use counters::Counters;
pub use encoded::Encoded;
pub use error::SendError;
pub use ids::{Channel, DialogKey, Owner, Tag, Token};
pub use inspect::{DialogBrief, DialogInfo, TimerInfo};
pub use listing::{Awaited, End, Listed, Listing, Open, Progress};
pub use output::{Delivery, EndCause, Kind, Output, Transmit};
pub use receive::Found;
pub use release::Release;
pub use stack::Stack;
pub use trail::Noted;
pub use watch::{Begun, Detail, Happening, Line, Named, Passed, Transaction, Watch, What};
