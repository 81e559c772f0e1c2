//! What the value of each known header must look like: the table of spec section 2.
//!
//! Only headers that apply to the kind of message are held to it; a `Code` on a request is nobody's business.

use crate::{CSeq, DialogId, Fault, Header, StatusCode};

/// The rule a header's value keeps.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// A string.
    Text,
    /// A string, not empty.
    NonEmptyText,
    /// A string of 1 to 255 bytes.
    DialogId,
    /// An integer from 1 to 2^53-1.
    Sequence,
    /// An integer from 0.
    Count,
    /// An integer from 100 to 699.
    Code,
    /// Any JSON value.
    Any,
}

fn rule(header: Header) -> Rule {
    match header {
        Header::Type | Header::RequestUri | Header::From | Header::To => Rule::NonEmptyText,
        Header::DialogId => Rule::DialogId,
        Header::CSeq | Header::RelatedCSeq => Rule::Sequence,
        Header::Expires | Header::MaxForwards => Rule::Count,
        Header::Code => Rule::Code,
        Header::ReasonPhrase
        | Header::Route
        | Header::AssertedIdentity
        | Header::Event
        | Header::Reason
        | Header::ContentType => Rule::Text,
        Header::Body => Rule::Any,
    }
}

/// Holds a value against its header's rule. `raw` is valid JSON; `text` is what it says, where it is a string.
pub(crate) fn check(header: Header, raw: &str, text: &str) -> Result<(), Fault> {
    let string = || {
        if raw.starts_with('"') {
            Ok(())
        } else {
            Err(Fault::WrongType)
        }
    };
    match rule(header) {
        Rule::Text => string(),
        Rule::NonEmptyText => {
            string()?;
            if text.is_empty() {
                Err(Fault::Empty)
            } else {
                Ok(())
            }
        }
        Rule::DialogId => {
            string()?;
            DialogId::check(text)
        }
        Rule::Sequence => sequence(raw).map(drop),
        Rule::Count => integer(raw).map(drop),
        Rule::Code => code(raw).map(drop),
        Rule::Any => Ok(()),
    }
}

/// Reads a valid JSON number that is to be an integer from 0; one beyond `u64` reads as the largest.
pub(crate) fn integer(raw: &str) -> Result<u64, Fault> {
    let mut value = 0_u64;
    let digits = raw.strip_prefix('-').unwrap_or(raw);
    for byte in digits.bytes() {
        if !byte.is_ascii_digit() {
            return Err(Fault::WrongType);
        }
        value = value.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
    }
    if digits.len() < raw.len() {
        Err(Fault::OutOfRange)
    } else {
        Ok(value)
    }
}

/// Reads a sequence number.
pub(crate) fn sequence(raw: &str) -> Result<CSeq, Fault> {
    CSeq::new(integer(raw)?).ok_or(Fault::OutOfRange)
}

/// Reads a status code.
pub(crate) fn code(raw: &str) -> Result<StatusCode, Fault> {
    u16::try_from(integer(raw)?)
        .ok()
        .and_then(StatusCode::new)
        .ok_or(Fault::OutOfRange)
}

/// Says what would have been right, where the fault alone does not.
pub(crate) fn expectation(header: Header, fault: Fault) -> Option<&'static str> {
    if !matches!(fault, Fault::WrongType | Fault::OutOfRange | Fault::TooLong) {
        return None;
    }
    match rule(header) {
        Rule::Text => Some("a string"),
        Rule::NonEmptyText => Some("a string that is not empty"),
        Rule::DialogId => Some("a string of 1 to 255 bytes"),
        Rule::Sequence => Some("an integer from 1 to 9007199254740991"),
        Rule::Count => Some("an integer from 0"),
        Rule::Code => Some("an integer from 100 to 699"),
        Rule::Any => None,
    }
}
