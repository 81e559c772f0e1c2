//! What a node tells of the dialogs on it: call records, logs of state changes, and traces.
//!
//! [`start`] gives an [`Onlooker`](strowger_node::driver::Onlooker) for the node, and a thread of its own takes what the shards tell
//! it. A shard never waits for any of it: what is too much on the way, in a queue or for a disk is counted and left out.
//!
//! A [`Tracker`] follows each dialog from its begin to its end and makes a [`Record`] and, of those that are sampled, the spans of a
//! trace. Where they go is a file ([`FileSettings`]) or an HTTP endpoint ([`PostSettings`]).

mod file;
mod journals;
mod observer;
mod otlp;
mod post;
mod record;
mod settings;
mod spans;
mod states;
mod tracked;
mod tracker;

pub use file::RecordFile;
pub use journals::{JournalFiles, JournalWriter, write_journals};
pub use observer::{Observer, start};
pub use record::{Messages, Record, TransactionRecord};
pub use settings::{FileSettings, Of, PostSettings, RecordSettings, Settings, TraceSettings};
pub use tracker::{Tracker, Wants};
