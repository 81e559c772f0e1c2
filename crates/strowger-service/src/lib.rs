//! What a Strowger service author sees: events, commands, legs, timers.
//!
//! A [`Service`] makes an [`Instance`] for each new dialog; the instance is told [`Event`]s and asks for things through its
//! [`Context`]. An instance may own several *legs*, one dialog each: a call between two users is an instance with two
//! legs. Nothing in an instance blocks: what takes long is a command whose result is a later event.
//!
//! Below the instance the stack keeps SIP's promises: it answers BYE and CANCEL, acknowledges refusals, absorbs
//! retransmissions, times out what nobody answers, keeps sessions alive. So a service sees only what matters:
//!
//! - [`script()`] writes a service as `async` code: hunting through agents is a `for` loop with an `await`;
//! - [`Bridge`] joins two legs and passes everything between them;
//! - [`testkit`] tests a service with no server.
//!
//! `docs/services.md` is the guide. There is no clock, no I/O and no thread in this crate.
#![forbid(unsafe_code)]

mod bridge;
mod command;
mod context;
mod error;
mod event;
mod ids;
mod script;
mod service;
pub mod testkit;

pub use bridge::Bridge;
pub use command::{Command, LogLevel};
pub use context::{Context, Facts};
pub use error::SendError;
pub use event::{EndCause, Event};
pub use ids::{Ids, LegId, RequestId, TimerId};
pub use jsip;
pub use script::{Dial, Progress, Script, script};
pub use service::{Instance, Service};
