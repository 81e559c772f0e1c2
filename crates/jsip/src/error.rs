//! What can be wrong with a message or a value.

use std::fmt::{self, Write as _};

use thiserror::Error;

use crate::rules::expectation;
use crate::{Header, Response};

/// What is wrong with a message or one of its headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Fault {
    /// The text is larger than [`Limits::message_bytes`](crate::Limits::message_bytes).
    #[error("message too large")]
    TooLarge,
    /// The text is no JSON object.
    #[error("not a JSON object")]
    NotAnObject,
    /// The text ends too early.
    #[error("truncated")]
    Truncated,
    /// The text is no JSON.
    #[error("malformed JSON")]
    Syntax,
    /// Something follows the object.
    #[error("trailing data")]
    TrailingData,
    /// A string holds a bare control character.
    #[error("control character in a string")]
    ControlCharacter,
    /// A string holds an escape that JSON does not have.
    #[error("invalid escape in a string")]
    InvalidEscape,
    /// A string holds half of a surrogate pair.
    #[error("lone surrogate in a string")]
    LoneSurrogate,
    /// The value nests deeper than [`Limits::depth`](crate::Limits::depth).
    #[error("nested too deeply")]
    TooDeep,
    /// There are more headers than [`Limits::headers`](crate::Limits::headers).
    #[error("too many headers")]
    TooManyHeaders,
    /// The header is there twice.
    #[error("duplicate")]
    Duplicate,
    /// The header is required.
    #[error("missing")]
    Missing,
    /// The value is of another JSON type than the header's.
    #[error("wrong type")]
    WrongType,
    /// The text must not be empty.
    #[error("empty")]
    Empty,
    /// The text is too long.
    #[error("too long")]
    TooLong,
    /// The number is too small or too large.
    #[error("out of range")]
    OutOfRange,
    /// The message is a request of an unknown method.
    #[error("unknown request type")]
    UnknownMethod,
}

/// Writes `Header: fault, expected ...`.
fn describe(
    f: &mut fmt::Formatter<'_>,
    name: Option<&str>,
    header: Option<Header>,
    fault: Fault,
) -> fmt::Result {
    if let Some(name) = name {
        // A name may be the peer's; it does not get to break lines in a log.
        for character in name.chars() {
            if character.is_control() {
                write!(f, "{}", character.escape_default())?;
            } else {
                f.write_char(character)?;
            }
        }
        f.write_str(": ")?;
    }
    write!(f, "{fault}")?;
    match header.and_then(|header| expectation(header, fault)) {
        Some(expected) => write!(f, ", expected {expected}"),
        None => Ok(()),
    }
}

/// A message that could not be decoded.
///
/// Its text names the header at fault, where there is one, and the fault.
#[derive(Clone, Debug)]
pub struct DecodeError {
    fault: Fault,
    /// The header at fault by its decoded name, known or not, cut to a bounded length.
    name: Option<Box<str>>,
    rejection: Option<Box<Response>>,
}

impl DecodeError {
    /// The longest header name that an error repeats, in bytes; a longer one is cut.
    pub(crate) const MAX_NAME_BYTES: usize = 64;

    pub(crate) fn new(fault: Fault, name: Option<&str>) -> Self {
        let name = name.map(|name| {
            let cut = (0..=Self::MAX_NAME_BYTES).rev().find_map(|end| name.get(..end));
            if name.len() <= Self::MAX_NAME_BYTES {
                name
            } else {
                cut.unwrap_or_default()
            }
            .into()
        });
        Self {
            fault,
            name,
            rejection: None,
        }
    }

    #[must_use]
    pub(crate) fn with_rejection(mut self, rejection: Option<Response>) -> Self {
        self.rejection = rejection.map(Box::new);
        self
    }

    /// Returns what is wrong.
    #[must_use]
    pub fn kind(&self) -> Fault {
        self.fault
    }

    /// Returns the header at fault, known or not; `None` where the fault belongs to no header.
    #[must_use]
    pub fn header(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns the response to send: 501 for an unknown request type, else 400 whose `Reason` is this error's text.
    ///
    /// `None` means that the message is to be dropped: it is a response or an ACK, which nobody answers, or its
    /// `DialogueID`, `CSeq` or `Type` could not be read. Spec section 2.
    #[must_use]
    pub fn rejection(&self) -> Option<Response> {
        self.rejection.as_deref().cloned()
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = self.name.as_deref().and_then(Header::from_wire);
        describe(f, self.name.as_deref(), header, self.fault)
    }
}

impl std::error::Error for DecodeError {}

/// A known header whose value breaks its rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderError {
    header: Header,
    fault: Fault,
}

impl HeaderError {
    pub(crate) fn new(header: Header, fault: Fault) -> Self {
        Self { header, fault }
    }

    /// Returns the header.
    #[must_use]
    pub fn header(&self) -> Header {
        self.header
    }

    /// Returns what is wrong with it.
    #[must_use]
    pub fn fault(&self) -> Fault {
        self.fault
    }
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(f, Some(self.header.as_str()), Some(self.header), self.fault)
    }
}

impl std::error::Error for HeaderError {}

/// A value that a setter does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ValueError {
    /// The text is not one JSON value.
    #[error("not a JSON value: {0}")]
    NotJson(Fault),
    /// The name is that of a header which this kind of message defines; it has a setter of its own.
    #[error("{0} is no extension of this message")]
    KnownHeader(Header),
}
