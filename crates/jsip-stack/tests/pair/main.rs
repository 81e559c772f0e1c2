//! Two stacks in virtual time: what the instances hear and what goes over the wire.
#![allow(clippy::unwrap_used, reason = "tests")]

mod calls;
mod cancelling;
mod channels;
mod crowded;
mod early;
mod harness;
mod lingering;
mod plain;
mod refresh;
mod refusals;
mod reinvites;
mod releasing;
mod timeouts;
