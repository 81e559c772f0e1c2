//! The books on what instances have: dialogs and requests.

use jsip::{Method, Request};

use crate::DialogKey;

/// A dialog of an instance.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) key: DialogKey,
    /// Requests to answer.
    pub(super) open: Vec<Request>,
    pub(super) ended: bool,
    pub(super) released: bool,
}

/// A request of an instance.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) leg: usize,
    pub(super) method: Method,
    pub(super) finals: usize,
}
