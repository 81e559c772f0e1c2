//! The interface over real sockets, on a node whose services are made of text.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by it")]

mod access;
mod audit;
mod calls;
mod console;
mod document;
mod figures;
mod harness;
mod hostile;
mod instances;
mod operating;
mod restart;
mod versions;
