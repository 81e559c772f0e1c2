//! The name of a channel.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::{Uri, UriError};

/// The name of a channel: `[user@]host`, 1 to 255 bytes, the host in lower case. Wire: the query's `userid`.
///
/// Hosts that differ only in case are thereby the same name; users are compared exactly. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(Arc<str>);

/// What is wrong with a user id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum UserIdError {
    /// There is nothing.
    #[error("empty userid")]
    Empty,
    /// It has more than 255 bytes.
    #[error("userid longer than 255 bytes")]
    TooLong,
    /// It holds a control character or a space.
    #[error("control character or space in userid")]
    BadCharacter,
    /// A `%` is not followed by two hexadecimal digits, or what it stands for is no UTF-8.
    #[error("bad percent-encoding in userid")]
    BadEncoding,
    /// It has a port or parameters, which a name does not.
    #[error("userid with a port or parameters")]
    NotAName,
    /// It is no URI.
    #[error("bad userid: {0}")]
    Uri(#[from] UriError),
}

impl UserId {
    /// The longest name in bytes.
    pub const MAX_BYTES: usize = 255;

    /// Reads a name, with nothing encoded in it.
    ///
    /// # Errors
    /// What is wrong, as [`UserIdError`] lists it.
    pub fn new(text: &str) -> Result<Self, UserIdError> {
        Self::check(text)?;
        let uri = Uri::parse(text)?;
        if uri.port().is_some() || text.contains(';') {
            return Err(UserIdError::NotAName);
        }
        Ok(Self(uri.user_with_host().into()))
    }

    /// Reads a name from the value of a query's parameter, which may be percent-encoded; `+` means itself.
    ///
    /// # Errors
    /// What is wrong, as [`UserIdError`] lists it.
    pub fn from_query(value: &str) -> Result<Self, UserIdError> {
        if !value.contains('%') {
            return Self::new(value);
        }
        // A byte takes three characters at most, so nothing longer can be a name.
        if value.len() > Self::MAX_BYTES * 3 {
            return Err(UserIdError::TooLong);
        }
        let mut bytes = Vec::with_capacity(value.len());
        let mut rest = value.bytes();
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        while let Some(byte) = rest.next() {
            if byte != b'%' {
                bytes.push(byte);
                continue;
            }
            let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
                return Err(UserIdError::BadEncoding);
            };
            bytes.push((high << 4 | low) as u8);
        }
        Self::new(str::from_utf8(&bytes).map_err(|_| UserIdError::BadEncoding)?)
    }

    /// Returns the name of the channel a URI leads to; its port and parameters do not matter.
    ///
    /// # Errors
    /// [`UserIdError::TooLong`] and [`UserIdError::BadCharacter`]: no channel has such a name.
    pub fn from_uri(uri: &Uri<'_>) -> Result<Self, UserIdError> {
        let name = uri.user_with_host();
        Self::check(&name)?;
        Ok(Self(name.into()))
    }

    fn check(text: &str) -> Result<(), UserIdError> {
        if text.is_empty() {
            Err(UserIdError::Empty)
        } else if text.len() > Self::MAX_BYTES {
            Err(UserIdError::TooLong)
        } else if text
            .chars()
            .any(|character| character.is_control() || character.is_whitespace())
        {
            Err(UserIdError::BadCharacter)
        } else {
            Ok(())
        }
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the user; `None` in a bare host name.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.0.split_once('@').map(|(user, _)| user)
    }

    /// Returns the host, in lower case.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.split_once('@').map_or(&self.0, |(_, host)| host)
    }

    /// Tells whether this is a host without a user: the name of a node.
    #[must_use]
    pub fn is_bare_host(&self) -> bool {
        self.user().is_none()
    }
}

impl AsRef<str> for UserId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for UserId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserId({:?})", &*self.0)
    }
}

#[cfg(test)]
mod tests;
