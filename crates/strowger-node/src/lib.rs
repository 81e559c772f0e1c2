//! A node: shards, distribution to services, instances, and the driver that joins them to sockets and clocks.
//!
//! A [`Shard`] is a pure state machine made of two halves that talk by [`Mail`]:
//!
//! - the **channels half** ([`strowger_channel::Channels`]) owns the channels whose home is this shard: frames come in,
//!   outboxes hold what goes out;
//! - the **dialog half** ([`jsip_stack::Stack`] and the instances of services) owns dialogs, transactions, timers and
//!   instances.
//!
//! Either half may belong to another shard than the one a message arrives on, so every step between them is a piece of
//! mail. Nothing in a shard reads a clock, waits, or shares memory with another shard. [`driver`] runs shards on threads
//! with real sockets; the test kit runs them in virtual time.

mod budget;
mod config;
mod counters;
mod dispatch;
pub mod distribution;
pub mod driver;
mod effect;
mod elsewhere;
mod execute;
mod figures;
mod first;
mod forward;
mod guard;
mod ids;
mod inspect;
mod instances;
mod journal;
mod kind;
mod legs;
mod links;
mod listing;
mod logs;
mod mail;
mod messages;
mod moves;
mod reconfigure;
mod registry;
mod rights;
mod rounds;
mod routing;
mod shard;
mod sockets;
mod stores;
mod sync;
mod timing;
mod topics;
mod versions;
mod watch;
mod watches;
mod web;

pub use config::{Config, Limits};
pub use counters::Counters;
pub use effect::{Effect, LogLine, Subject, Token};
pub use inspect::{
    ChannelLook, Cursor, CursorError, DialogFilter, DialogLook, DialogRef, InstanceFilter, InstanceId,
    InstanceIdError, InstanceInfo, InstancePage, Page,
};
pub use journal::{
    Calls, IsWanted, JournalCounters, JournalSettings, Replay, ReplayError, Step, Stretch, Taken,
};
pub use jsip::UserId;
pub use jsip_stack::{
    Awaited, Begun, Channel, Counters as StackCounters, Detail, End, EndCause, Line, Named, Noted, Open,
    Passed, Transaction, Watch, What as DialogWhat,
};
pub use links::{CredentialError, LinkCredentials, LinkPattern, LinkPolicy, PatternError};
pub use mail::{Mail, Question};
pub use messages::{MessageAnswer, MessageError, MessageTicket, OperatorMessage};
pub use registry::{Registry, RegistryError, Version};
pub use rights::RenewalTicket;
pub use shard::Shard;
pub use stores::{Change, News, Saved, StoreLimits, Stores, Value};
pub use strowger_channel::{
    ChannelFilter, ChannelKind, ChannelState, Counters as ChannelCounters, LinkInfo, LinkState, LostCause,
};
pub use strowger_time::{Histogram, Scale};
pub use sync::SyncTicket;
pub use timing::Clock;
pub use versions::VersionCount;
pub use watch::{ChannelWhat, Happening, InstanceWhat, Refusal, What, cause_name, lost_name};
pub use web::{FetchTicket, HttpTicket, UrlPattern, UrlPatternError, WebLimits};
