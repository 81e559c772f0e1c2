//! The operator's interface to a running node: an HTTP API, and the versions of loaded services.
//!
//! - [`catalogue`] decides: which versions there are, which one new instances get, what a roll-back leads to. It is pure.
//! - [`store`] keeps components and the manifest, in a directory or in memory.
//! - [`services`] carries changes out: compile, write, then tell the node.
//! - [`api`] and [`server`] are the routes and their sockets; [`access`] says who may do what.
//!
//! The node is behind [`switch::Switch`], what compiles components behind [`loader::Loader`].

pub mod access;
pub mod api;
pub mod catalogue;
pub mod loader;
pub mod names;
pub mod problem;
pub mod reload;
pub mod server;
pub mod services;
pub mod store;
pub mod switch;
pub mod view;

/// The target of the audit's log lines: one for each change that somebody asked for, of level `INFO`, or `WARN` where he may not.
pub const AUDIT: &str = "audit";
