//! Services from WebAssembly components.
//!
//! A [`Host`] loads components of the world `strowger:service/loadable` (`wit/strowger-service.wit`), each as a
//! [`LoadedService`]: a [`Service`](strowger_service::Service) like those that are compiled in, which sees the same
//! events and gives the same commands.
//!
//! Every instance of a service runs in a component instance of its own, unless its [`Isolation`] is shared. Calls into it are plain calls on the shard's
//! thread; what it asks for comes back as a list of commands. A trap, a runaway loop, too much memory, a stack that
//! overflows or commands that break the rules end that instance, as a panic ends a native one, and no other.
//!
//! ```no_run
//! use strowger_host::{Host, Limits, Settings};
//!
//! let host = Host::new(Settings::default())?;
//! let echo = host.load_file("echo.wasm".as_ref(), Limits::default())?;
//! println!("{} has {} instances", echo.digest(), echo.figures().instances);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod apart;
mod aside;
mod bindings;
mod cache;
mod clock;
mod convert;
mod costs;
mod digest;
mod error;
mod figures;
mod guest;
mod host;
mod limits;
mod pool;
mod service;
mod shelf;
mod signer;
mod spares;
mod state;

pub use digest::Digest;
pub use error::{HostError, LoadError};
pub use figures::{Figures, Meter};
pub use host::{Host, Settings};
pub use limits::{Isolation, Limits};
pub use service::LoadedService;
pub use signer::{Signer, SignerError};
