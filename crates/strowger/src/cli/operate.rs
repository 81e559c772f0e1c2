//! Commands for who operates a running server: they ask its admin interface.

pub(super) mod health;
mod plain;
mod server;
pub(super) mod service;
pub(super) mod top;
pub(super) mod trace;
