//! Real sockets on loopback against a small home that records what it is told.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod authority;
mod clients;
mod closing;
mod crowds;
mod handshake;
mod identity;
mod links;
mod support;
mod tls;
mod traffic;
