//! The journal: what a shard was told, what it drew by chance, and what it did.
//!
//! Everything that decides is a pure state machine, so whoever has its inputs can run it again. An [`Entry`] is one input
//! of the dialog half of a shard, one thing that it drew (an id, a seed, an answer of the store), or one thing that it
//! did; a [`Record`] is an entry and when it happened. [`binary`] is the compact form that shards write, [`text`] the one
//! that people read: a line a record. [`Sorter`] finds calls among the records of a shard: a *call* is one instance of a
//! service with its legs.
//!
//! What is *not* here: writing entries down while a shard works, and running them again; `strowger-node` does both.

pub mod binary;
mod entry;
mod excerpt;
pub mod frequent;
pub mod fuzzing;
mod journal;
mod pen;
mod said;
mod scenario;
mod sorter;
pub mod text;
mod whole;
pub mod words;

pub use entry::{
    ChannelNews, Did, Entry, Exchange, Failed, Place, Read, Reading, Record, Told, Waited, Written,
};
pub use excerpt::Excerpt;
pub use journal::{Cut, Header, Journal, ReadError, Settings};
pub use said::{Blob, Said};
pub use scenario::{ScenarioFault, to_scenario};
pub use sorter::{Found, Sorter};
