//! Why a command was not carried out.

use std::borrow::Cow;

use jsip::Method;

/// Why a command was not carried out. Nothing went out on the wire.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// There never was such a leg.
    #[error("no such leg")]
    UnknownLeg,
    /// The leg has ended.
    #[error("the leg has ended")]
    LegEnded,
    /// The request that was to be answered is not open: it was never received, or has its final response.
    #[error("no open request to answer")]
    Answered,
    /// The session's state does not allow the method (protocol section 5).
    #[error("{method} is not legal in state {state}")]
    Illegal {
        /// What was to be sent.
        method: Method,
        /// The state of the session.
        state: &'static str,
    },
    /// A header is at fault.
    #[error("header {header}: {fault}")]
    Syntax {
        /// The header.
        header: Cow<'static, str>,
        /// What is wrong with it.
        fault: Cow<'static, str>,
    },
    /// The instance has as many legs as it may have.
    #[error("too many legs")]
    TooManyLegs,
    /// The event caused more commands than it may.
    #[error("too many commands")]
    TooManyCommands,
    /// Something that an interface between node and service has no other word for.
    #[error("{0}")]
    Other(Cow<'static, str>),
}
