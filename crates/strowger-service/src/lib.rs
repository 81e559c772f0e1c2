//! What a Strowger service author sees: events, commands, legs, timers.

mod bridge;
mod command;
mod context;
mod error;
mod event;
mod ids;
mod script;
mod service;

pub use bridge::Bridge;
pub use command::{Command, LogLevel};
pub use context::{Context, Facts};
pub use error::SendError;
pub use event::{EndCause, Event};
pub use ids::{Ids, LegId, RequestId, TimerId};
pub use jsip;
pub use script::{Dial, Progress, Script, script};
pub use service::{Instance, Service};
