//! The id of a dialog.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use crate::{Fault, Header, HeaderError};

/// The id of a dialog, 1 to 255 bytes, chosen by whoever began it. Wire: `DialogueID`.
///
/// It is unique only within one channel. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialogId(Arc<str>);

impl DialogId {
    /// The longest id in bytes.
    pub const MAX_BYTES: usize = 255;

    /// Makes an id.
    ///
    /// # Errors
    /// [`Fault::Empty`] and [`Fault::TooLong`].
    pub fn new(text: &str) -> Result<Self, HeaderError> {
        match Self::check(text) {
            Ok(()) => Ok(Self(text.into())),
            Err(fault) => Err(HeaderError::new(Header::DialogId, fault)),
        }
    }

    pub(crate) fn check(text: &str) -> Result<(), Fault> {
        if text.is_empty() {
            Err(Fault::Empty)
        } else if text.len() > Self::MAX_BYTES {
            Err(Fault::TooLong)
        } else {
            Ok(())
        }
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for DialogId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for DialogId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DialogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for DialogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DialogId({:?})", &*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_1_to_255_bytes() {
        assert_eq!(
            DialogId::new("").map_err(|error| error.fault()),
            Err(Fault::Empty)
        );
        assert!(DialogId::new("d").is_ok());
        assert!(DialogId::new(&"é".repeat(127)).is_ok());
        assert_eq!(
            DialogId::new(&"é".repeat(128)).map_err(|error| error.fault()),
            Err(Fault::TooLong)
        );
    }
}
