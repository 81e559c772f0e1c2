//! A whole node in virtual time: distribution, instances, limits, drain and links, with one shard and with three.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by it")]

mod distribution;
mod draining;
mod ending;
mod failing;
mod forwarding;
mod harness;
mod inspecting;
mod journals;
mod limits;
mod links;
mod listing;
mod logs;
mod memory;
mod operating;
mod rights;
mod shards;
mod siblings;
mod telling;
mod threads;
mod upgrading;
mod watching;
mod web;
