//! The parts of the Strowger server binary that its tests and tools share.

pub mod acme;
mod built_in;
mod certificate;
pub mod client;
pub mod config;
mod entrance;
pub mod events;
pub mod loading;
pub mod logging;
pub mod observing;
pub mod operator;
pub mod play;
pub mod reloading;
pub mod replay;
pub mod serve;
pub mod settings;
pub mod sign_in;
pub mod ua;
