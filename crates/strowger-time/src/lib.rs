//! Time for state machines that have no clock.
//!
//! [`Instant`] is a point on the time line of one node: microseconds since the node started. Drivers sample a
//! real clock and pass the value in; tests pass any value they like. [`Deadlines`] holds what is to happen when,
//! and says when that is next. [`Histogram`] counts spans. There is no clock in this crate.
//!
//! ```
//! use std::time::Duration;
//! use strowger_time::{Deadlines, Instant};
//!
//! let mut deadlines = Deadlines::new();
//! let start = Instant::ZERO;
//! let ring = deadlines.set(start + Duration::from_secs(5), "stop ringing");
//! deadlines.set(start + Duration::from_secs(9), "give up");
//! deadlines.cancel(ring);
//! assert_eq!(deadlines.earliest(), Some(start + Duration::from_secs(9)));
//! assert_eq!(deadlines.pop_due(start + Duration::from_secs(9)), Some("give up"));
//! assert_eq!(deadlines.earliest(), None);
//! ```

mod deadlines;
mod histogram;
mod instant;

pub use deadlines::{DeadlineId, Deadlines};
pub use histogram::{Histogram, Scale};
pub use instant::Instant;
