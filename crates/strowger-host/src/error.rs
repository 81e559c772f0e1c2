//! Why something cannot be loaded.

use std::io;
use std::path::PathBuf;

/// Why a component cannot be loaded. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    /// There is more of it than allowed.
    #[error("has {bytes} bytes; at most {limit} are allowed")]
    TooLarge {
        /// How large it is, in bytes.
        bytes: u64,
        /// How large it may be, in bytes.
        limit: u64,
    },
    /// Signatures are demanded and there is none.
    #[error(
        "is not signed; `services.signers` demands the signature of one of them, in the file's name with `.sig` added"
    )]
    Unsigned,
    /// Its signature is by none of those whose are demanded, or of something else.
    #[error("has a signature that is by none of `services.signers`, or not of this file")]
    BadSignature,
    /// It does not begin as WebAssembly does.
    #[error("is no WebAssembly")]
    NotWebAssembly,
    /// It is a plain module, and does not say what component it stands for.
    #[error(
        "is a WebAssembly module of which no component can be made ({0}): build it with `strowger-component`, or load a component"
    )]
    Module(String),
    /// The thread that would compile it cannot be started.
    #[error("cannot be compiled now: {0}")]
    Compiler(io::Error),
    /// It is damaged, or uses what this host does not know.
    #[error("is no valid component: {0}")]
    Invalid(String),
    /// It wants something that is not offered.
    #[error("needs `{0}`, which is not offered; a service may import nothing but `strowger:service`")]
    Import(String),
    /// It lacks something that a service must have.
    #[error("is of another world: `{0}` is missing")]
    Missing(String),
    /// It has what a service must have, in another form.
    #[error("is of another world: {0}")]
    OtherWorld(String),
    /// An instance could not be made.
    #[error("does not pass its start check: {0}")]
    StartCheck(String),
}

/// Why the host cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The engine refuses this machine.
    #[error("cannot run WebAssembly here: {0}")]
    Engine(String),
    /// The thread that keeps the time cannot be started.
    #[error("cannot start the thread that keeps the time: {0}")]
    Ticker(io::Error),
    /// The directory of the cache cannot be used.
    #[error("cannot use {} as cache: {source}", path.display())]
    Cache {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Why a call into a guest failed: the instance is over.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GuestError {
    #[error("took more than {0:?} for one event")]
    Overrun(std::time::Duration),
    #[error("wanted more than {0} bytes of memory")]
    Memory(usize),
    #[error("the call stack is exhausted")]
    Stack,
    #[error("trapped: {0}")]
    Trap(String),
    #[error("another instance in the same memory {0}")]
    Neighbour(String),
    #[error("gave bad commands: {0}")]
    Commands(String),
}
