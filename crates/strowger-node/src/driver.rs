//! Shards on threads, with real sockets and a real clock.
//!
//! [`Node::start`] makes one thread per shard, each with a current-thread runtime; a socket's task runs on the thread of
//! its channel's home shard, so a message between two users of one shard never changes threads. Shards talk by
//! [`Mail`](crate::Mail), handed over in batches. [`Node::admission`] is what a
//! [`Listener`](strowger_channel::net::Listener) asks and feeds.

mod admission;
mod alarm;
mod authentication;
mod backlog;
mod disk;
mod letter;
mod link_figures;
mod local;
mod log_ring;
mod looking;
mod node;
mod onlooker;
mod refusals;
mod thread;
mod visit;
mod web;

pub use authentication::{AuthSettings, CallbackSettings};
pub use link_figures::LinkFigures;
pub use log_ring::{LogPage, LogRing, ServiceLine};
pub use node::{DriverSettings, Figures, Node};
pub use onlooker::{
    Batch, Gaze, Happenings, LookCounters, LookCounts, Onlooker, onlooker, onlooker_on_demand,
};
pub use visit::{ChannelSeen, DialogSeen};
pub use web::{WebSettings, fetch, fetch_shared};
