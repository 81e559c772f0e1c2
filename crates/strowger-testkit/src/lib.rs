//! A whole node in virtual time, for tests. Never shipped.
//!
//! [`SimNode`] runs the shards of a node on in-memory sockets and a clock that jumps from deadline to deadline, so a
//! timer of a minute costs microseconds, and two runs with one seed are the same run. [`play`] plays a scenario file
//! on it.

mod node;
mod play;

pub use node::{Arrived, SimNode};
pub use play::play;
