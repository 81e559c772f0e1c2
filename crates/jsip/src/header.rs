//! The names of the known headers: the one place where their wire spellings are written.

use std::fmt;

use crate::Method;

/// What `Type` says in a response.
pub(crate) const RESPONSE: &str = "RESPONSE";

macro_rules! headers {
    ($($(#[$doc:meta])* $name:ident = $wire:literal,)*) => {
        /// A header this protocol gives a meaning to.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Header {
            $($(#[$doc])* #[doc = concat!(" Wire: `", $wire, "`.")] $name,)*
        }

        impl Header {
            /// Every known header, in the order in which we write them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Returns the spelling on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire,)* }
            }

            /// Reads the spelling on the wire, which is exact in case; `None` where the header is not known.
            #[must_use]
            pub fn from_wire(name: &str) -> Option<Self> {
                // Each arm is taken or left by the length, a constant, before any byte is compared.
                match name.len() { $(length if length == $wire.len() && name == $wire => Some(Self::$name),)* _ => None }
            }

            /// Returns what stands before a value in a message that has other members: `,"Name":`.
            pub(crate) const fn member_lead(self) -> &'static str {
                match self { $(Self::$name => concat!(",\"", $wire, "\":"),)* }
            }
        }
    };
}

headers! {
    /// The method of a request, or `RESPONSE`.
    Type = "Type",
    /// Whom a request is for.
    RequestUri = "Request-URI",
    /// The status code of a response.
    Code = "Code",
    /// The reason phrase of a response.
    ReasonPhrase = "Desc",
    /// Who calls.
    From = "From",
    /// Who is called.
    To = "To",
    /// The dialog.
    DialogId = "DialogueID",
    /// The sequence number of the request within its dialog.
    CSeq = "CSeq",
    /// The sequence number of the INVITE that an ACK or CANCEL means.
    RelatedCSeq = "RelatedID",
    /// The way a request has yet to go.
    Route = "Router",
    /// How long a session or subscription lasts, in seconds.
    Expires = "Expire",
    /// How many more times a request may be passed on.
    MaxForwards = "Max-Forwards",
    /// The proven identity of the sender.
    AssertedIdentity = "P-Asserted-Identity",
    /// The event package.
    Event = "Event",
    /// Why.
    Reason = "Reason",
    /// What the body is.
    ContentType = "Content-Type",
    /// The body: any JSON value, opaque.
    Body = "Body",
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A set of known headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeaderSet(u32);

impl HeaderSet {
    pub(crate) const EMPTY: Self = Self(0);

    /// What both kinds of message have.
    const COMMON: Self = Self::EMPTY
        .with(Header::Type)
        .with(Header::From)
        .with(Header::To)
        .with(Header::DialogId)
        .with(Header::CSeq)
        .with(Header::AssertedIdentity)
        .with(Header::ContentType)
        .with(Header::Event)
        .with(Header::Reason)
        .with(Header::Body);

    /// The headers that have a meaning in a response.
    pub(crate) const RESPONSE: Self = Self::COMMON.with(Header::Code).with(Header::ReasonPhrase);

    /// Returns the headers that have a meaning in a request of this method.
    pub(crate) const fn of_request(method: Method) -> Self {
        let set = Self::COMMON
            .with(Header::RequestUri)
            .with(Header::Route)
            .with(Header::MaxForwards);
        match method {
            Method::Ack | Method::Cancel => set.with(Header::RelatedCSeq),
            Method::Invite | Method::Update | Method::Subscribe | Method::Register => {
                set.with(Header::Expires)
            }
            Method::Bye
            | Method::Options
            | Method::Info
            | Method::Prack
            | Method::Notify
            | Method::Message
            | Method::Refer => set,
        }
    }

    /// The headers without which a message is malformed, whichever of them apply to it.
    pub(crate) const REQUIRED: Self = Self::EMPTY
        .with(Header::Type)
        .with(Header::RequestUri)
        .with(Header::Code)
        .with(Header::From)
        .with(Header::To)
        .with(Header::DialogId)
        .with(Header::CSeq);

    #[must_use]
    pub(crate) const fn with(self, header: Header) -> Self {
        Self(self.0 | 1 << header as u32)
    }

    pub(crate) const fn contains(self, header: Header) -> bool {
        self.0 & (1 << header as u32) != 0
    }

    #[must_use]
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns the first header of this set that the other has not.
    pub(crate) fn first_not_in(self, other: Self) -> Option<Header> {
        let missing = self.0 & !other.0;
        if missing == 0 {
            None
        } else {
            Header::ALL.get(missing.trailing_zeros() as usize).copied()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_spellings_are_frozen() {
        let spelled: Vec<(Header, &str)> = Header::ALL
            .iter()
            .map(|&header| (header, header.as_str()))
            .collect();
        assert_eq!(
            spelled,
            [
                (Header::Type, "Type"),
                (Header::RequestUri, "Request-URI"),
                (Header::Code, "Code"),
                (Header::ReasonPhrase, "Desc"),
                (Header::From, "From"),
                (Header::To, "To"),
                (Header::DialogId, "DialogueID"),
                (Header::CSeq, "CSeq"),
                (Header::RelatedCSeq, "RelatedID"),
                (Header::Route, "Router"),
                (Header::Expires, "Expire"),
                (Header::MaxForwards, "Max-Forwards"),
                (Header::AssertedIdentity, "P-Asserted-Identity"),
                (Header::Event, "Event"),
                (Header::Reason, "Reason"),
                (Header::ContentType, "Content-Type"),
                (Header::Body, "Body"),
            ]
        );
        assert_eq!(RESPONSE, "RESPONSE");
    }

    #[test]
    fn names_read_back_and_are_exact_in_case() {
        for &header in Header::ALL {
            assert_eq!(Header::from_wire(header.as_str()), Some(header));
            assert_eq!(Header::from_wire(&header.as_str().to_lowercase()), None);
            assert_eq!(header.member_lead(), format!(",\"{header}\":"));
        }
        assert_eq!(Header::from_wire(""), None);
    }

    #[test]
    fn sets_hold_what_is_put_in() {
        let set = HeaderSet::EMPTY.with(Header::Type).with(Header::Body);
        assert!(set.contains(Header::Type) && set.contains(Header::Body) && !set.contains(Header::Code));
        assert_eq!(
            set.first_not_in(HeaderSet::EMPTY.with(Header::Type)),
            Some(Header::Body)
        );
        assert_eq!(set.first_not_in(set), None);
    }
}
