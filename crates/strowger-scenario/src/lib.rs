//! Scenario files, and the player that runs them.
//!
//! A scenario is a JSON file that says what some users send and what each of them must get: one behaviour of the
//! server, named by the file. `conformance/README.md` is the reference of the format. [`Scenario`] is a file read
//! and checked; [`Player`] plays it. The player does no I/O and has no clock: a driver asks [`Player::poll`] what to
//! do next, does it, and hands what arrives to [`Player::handle`]. So the same file runs against a node in virtual
//! time and against a server on a real network. [`Ladder`] draws who sent what to whom, and can be used alone.
//!
//! What is *not* here: sockets, timers, and any knowledge of which message is right. That is in the files.
//!
//! ```
//! use strowger_scenario::{Action, Input, Options, Player, Scenario};
//! use strowger_time::Instant;
//!
//! let scenario = Scenario::parse(
//!     "hello",
//!     r#"{
//!         "about": "A message comes back.",
//!         "spec": ["1 Transport"],
//!         "users": {"alice": "alice@example.com"},
//!         "steps": [
//!             {"connect": "alice"},
//!             {"send": "alice", "message": {"From": "{{alice}}"}},
//!             {"expect": "alice", "message": {"From": {"starts_with": "alice"}}}
//!         ]
//!     }"#,
//! )?;
//! let mut player = Player::new(&scenario, Options::virtual_time());
//! let mut now = Instant::ZERO;
//! // A server that sends back what it gets.
//! let outcome = loop {
//!     match player.poll(now) {
//!         Action::Connect { user, .. } => player.handle(now, Input::Connected { user }),
//!         Action::SendText { user, text } => player.handle(now, Input::Text { user, text }),
//!         Action::WaitUntil(at) => now = at,
//!         Action::Done(outcome) => break outcome,
//!         other => unreachable!("{other:?} is not in this scenario"),
//!     }
//! };
//! assert!(outcome.is_success(), "{outcome}");
//! # Ok::<(), strowger_scenario::ScenarioError>(())
//! ```

mod check;
mod error;
mod file;
mod json;
mod ladder;
mod outcome;
mod pattern;
mod player;
mod scenario;
mod span;
mod step;
mod template;

pub use error::ScenarioError;
pub use ladder::{Ladder, label};
pub use outcome::{Difference, Failure, Outcome};
pub use player::{Action, Input, Options, Player};
pub use scenario::Scenario;
