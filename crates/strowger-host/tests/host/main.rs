//! Loaded services: what is refused, and what a bad one cannot do.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod guests;
mod hostile;
mod javascript;
mod loading;
mod moving;
mod neighbours;
mod rust;
mod sharing;
