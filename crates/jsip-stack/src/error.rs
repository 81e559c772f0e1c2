//! Why the stack did not send what an instance wanted to send.

use jsip::Method;

/// Why a message of an instance was not sent; nothing went out on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The dialog has ended, or never was.
    #[error("the dialog has ended")]
    Ended,
    /// The method is not legal in the session's state (protocol section 5).
    #[error("{method} is not legal in state {state}")]
    Illegal {
        /// What was to be sent.
        method: Method,
        /// The state of the session.
        state: &'static str,
    },
    /// There is no open request with this CSeq: it was never received, or has its final response.
    #[error("no open request to respond to")]
    NotOpen,
    /// A required header is empty or out of range.
    #[error("header {header}: {fault}")]
    Syntax {
        /// The header at fault.
        header: &'static str,
        /// What is wrong with it.
        fault: &'static str,
    },
}
