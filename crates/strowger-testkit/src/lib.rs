//! A whole node in virtual time, for tests. Never shipped.
//!
//! [`SimNode`] runs the shards of a node on in-memory sockets and a clock that jumps from deadline to deadline, so a
//! timer of a minute costs microseconds, and two runs with one seed are the same run. [`SimNet`] joins several by
//! links. [`play`] plays a scenario file on a node; [`simulation`] breaks everything around one, from a seed.

mod net;
mod node;
mod play;
pub mod simulation;

pub use net::{Reach, SimNet};
pub use node::{Arrived, Fetch, Renewal, SimNode};
pub use play::play;
