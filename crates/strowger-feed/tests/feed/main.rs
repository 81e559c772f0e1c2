//! From what happens on a node in virtual time to the ladders of its calls.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by it")]

mod harness;
mod hostile;
mod ladders;
