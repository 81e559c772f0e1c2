//! The parts of the Strowger server binary that its tests and tools share.

pub mod client;
pub mod config;
mod entrance;
pub mod loading;
pub mod logging;
pub mod operator;
pub mod play;
pub mod serve;
pub mod settings;
pub mod ua;
