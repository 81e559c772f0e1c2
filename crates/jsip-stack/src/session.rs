//! The session layer: INVITE dialogs (protocol section 5).
//!
//! [`table`] is the machine; [`refresh`] is the one that keeps a session alive; `record` holds what the stack keeps
//! of a session beside its state. What a message means for a session is decided in `classify`.

mod classify;
mod record;
pub mod refresh;
pub mod table;

pub(crate) use classify::{request_trigger, response_trigger};
pub(crate) use record::{Role, Session};
