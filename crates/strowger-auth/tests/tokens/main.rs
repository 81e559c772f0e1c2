//! Tokens that hold and tokens that do not.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod attacks;
mod believed;
mod corpus;
mod key_sets;
mod signer;
