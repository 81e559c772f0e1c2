//! From what happens on a node in virtual time to what is told of it.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by it")]

mod harness;
mod journals;
mod logs;
mod records;
