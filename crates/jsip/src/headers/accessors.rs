//! Reading and changing the headers that requests and responses share.

use std::borrow::Cow;

use super::{Field, Headers};
use crate::header::HeaderSet;
use crate::{CSeq, Fault, Header, HeaderError, Limits, ValueError, escape, rules, scan};

impl Headers {
    /// Returns who calls. Wire: `From`.
    #[must_use]
    pub fn from(&self) -> &str {
        self.text(Header::From).unwrap_or_default()
    }

    /// Sets who calls. Wire: `From`.
    pub fn set_from(&mut self, from: &str) {
        self.put_text(Header::From, from);
    }

    /// Returns who is called. Wire: `To`.
    #[must_use]
    pub fn to(&self) -> &str {
        self.text(Header::To).unwrap_or_default()
    }

    /// Sets who is called. Wire: `To`.
    pub fn set_to(&mut self, to: &str) {
        self.put_text(Header::To, to);
    }

    /// Returns the dialog's id; empty in a message made here that has none yet. Wire: `DialogueID`.
    #[must_use]
    pub fn dialog_id(&self) -> &str {
        self.text(Header::DialogId).unwrap_or_default()
    }

    /// Sets the dialog's id. Wire: `DialogueID`.
    pub fn set_dialog_id(&mut self, id: &str) {
        self.put_text(Header::DialogId, id);
    }

    /// Returns the sequence number. Wire: `CSeq`.
    #[must_use]
    pub fn cseq(&self) -> CSeq {
        self.cseq
    }

    /// Sets the sequence number. Wire: `CSeq`.
    pub fn set_cseq(&mut self, cseq: CSeq) {
        self.cseq = cseq;
        self.put_integer(Header::CSeq, cseq.get());
    }

    /// Returns why. Wire: `Reason`.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.text(Header::Reason)
    }

    /// Sets why. Wire: `Reason`.
    pub fn set_reason(&mut self, reason: &str) {
        self.put_text(Header::Reason, reason);
    }

    /// Returns what the body is. Wire: `Content-Type`.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.text(Header::ContentType)
    }

    /// Sets what the body is. Wire: `Content-Type`.
    pub fn set_content_type(&mut self, content_type: &str) {
        self.put_text(Header::ContentType, content_type);
    }

    /// Returns the event package. Wire: `Event`.
    #[must_use]
    pub fn event(&self) -> Option<&str> {
        self.text(Header::Event)
    }

    /// Sets the event package. Wire: `Event`.
    pub fn set_event(&mut self, event: &str) {
        self.put_text(Header::Event, event);
    }

    /// Returns the proven identity of the sender. Wire: `P-Asserted-Identity`.
    #[must_use]
    pub fn asserted_identity(&self) -> Option<&str> {
        self.text(Header::AssertedIdentity)
    }

    /// Sets the proven identity of the sender. Wire: `P-Asserted-Identity`.
    pub fn set_asserted_identity(&mut self, identity: &str) {
        self.put_text(Header::AssertedIdentity, identity);
    }

    /// Returns how long the session or subscription lasts, in seconds. Wire: `Expire`.
    ///
    /// A number beyond `u64` reads as `u64::MAX`. Where the header has no meaning (spec section 2) and is no integer,
    /// this is `None`.
    #[must_use]
    pub fn expires(&self) -> Option<u64> {
        self.integer(Header::Expires)
    }

    /// Sets how long the session or subscription lasts, in seconds. Wire: `Expire`.
    pub fn set_expires(&mut self, seconds: u64) {
        self.put_integer(Header::Expires, seconds);
    }

    /// Returns the body as the JSON it is on the wire. Wire: `Body`.
    #[must_use]
    pub fn body(&self) -> Option<&str> {
        self.field(Header::Body).map(|field| self.resolve(field.raw))
    }

    /// Returns the text of the body where that is a JSON string. Wire: `Body`.
    ///
    /// Copies only where the string holds escapes.
    #[must_use]
    pub fn body_str(&self) -> Option<Cow<'_, str>> {
        self.body().and_then(string)
    }

    /// Sets the body to a JSON value, which is kept as it is given. Wire: `Body`.
    ///
    /// # Errors
    /// [`ValueError::NotJson`] where the text is not one JSON value, or nests deeper than [`Limits::MAX_DEPTH`].
    pub fn set_body(&mut self, raw: &str) -> Result<(), ValueError> {
        let raw = scan::whole_value(raw, Limits::MAX_DEPTH - 1).map_err(ValueError::NotJson)?;
        let lead = self.lead(Header::Body);
        self.tidy(lead.len() + raw.len());
        let raw = self.store(&[lead, raw]).behind(lead);
        self.put(Header::Body, raw, raw);
        Ok(())
    }

    /// Sets the body to a string. Wire: `Body`.
    pub fn set_body_str(&mut self, text: &str) {
        let lead = self.lead(Header::Body);
        self.tidy(lead.len() + text.len() + 2);
        let (raw, _) = self.store_text(lead, text);
        self.put(Header::Body, raw, raw);
    }

    /// Removes the body and leaves `Content-Type` alone. Wire: `Body`.
    pub fn remove_body(&mut self) {
        self.remove(Header::Body);
    }

    /// Takes the body and its type over from another message as they are on the wire, or their absence.
    /// Wire: `Body`, `Content-Type`.
    pub fn copy_body_from(&mut self, other: &Self) {
        self.copy(other, Header::ContentType);
        self.copy(other, Header::Body);
    }

    /// Tells whether a known header is there, with or without a meaning in this kind of message.
    #[must_use]
    pub fn has(&self, header: Header) -> bool {
        self.field(header).is_some()
    }

    /// Removes a known header. Returns whether it was there; one that the message cannot do without stays, and counts
    /// as not there.
    pub fn remove(&mut self, header: Header) -> bool {
        if HeaderSet::REQUIRED.and(self.applicable).contains(header) {
            return false;
        }
        let is_there = self.has(header);
        if is_there {
            self.retain(|_, field| field.header != Some(header));
        }
        is_there
    }

    /// Returns the value of an extension as JSON: a header this protocol does not know, or one that has no meaning in
    /// this kind of message, such as `Code` on a request.
    #[must_use]
    pub fn extension(&self, name: &str) -> Option<&str> {
        self.extensions()
            .find(|&(other, _)| other == name)
            .map(|(_, raw)| raw)
    }

    /// Returns the value of a header this protocol gives no meaning to, where it is a string.
    #[must_use]
    pub fn extension_str(&self, name: &str) -> Option<Cow<'_, str>> {
        self.extension(name).and_then(string)
    }

    /// Returns name and JSON value of each extension, in their order.
    pub fn extensions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields
            .iter()
            .filter(|field| self.is_extension(field))
            .map(|field| (self.name(field), self.resolve(field.raw)))
    }

    /// Sets an extension to a JSON value, which is kept as it is given.
    ///
    /// # Errors
    /// [`ValueError::NotJson`] where the text is not one JSON value, or nests deeper than [`Limits::MAX_DEPTH`];
    /// [`ValueError::KnownHeader`] where the name is a header with a meaning in this kind of message.
    pub fn set_extension(&mut self, name: &str, raw: &str) -> Result<(), ValueError> {
        let header = Header::from_wire(name);
        if let Some(known) = header.filter(|&header| self.applicable.contains(header)) {
            return Err(ValueError::KnownHeader(known));
        }
        let raw = scan::whole_value(raw, Limits::MAX_DEPTH - 1).map_err(ValueError::NotJson)?;
        let lead = header.map_or("", |header| self.lead(header));
        self.tidy(lead.len() + raw.len() + name.len() + 2);
        if let Some(header) = header {
            let raw = self.store(&[lead, raw]).behind(lead);
            let text = self.text_of(header, raw);
            self.put(header, raw, text);
            return Ok(());
        }
        let raw = self.store(&[raw]);
        match self
            .fields
            .iter()
            .position(|field| field.header.is_none() && self.resolve(field.text) == name)
        {
            Some(index) => self.fields[index].raw = raw,
            None => {
                let (key, text) = self.store_text("", name);
                self.push(Field {
                    header: None,
                    key,
                    raw,
                    text,
                });
            }
        }
        Ok(())
    }

    /// Removes an extension. Returns whether it was there.
    pub fn remove_extension(&mut self, name: &str) -> bool {
        let before = self.fields.len();
        self.retain(|headers, field| !headers.is_extension(field) || headers.name(field) != name);
        self.fields.len() < before
    }

    /// Checks that every header which applies is there and keeps its rule, so that a peer will accept the message.
    ///
    /// A decoded message passes; one made here can lack its `DialogueID`, or have been given an empty name.
    ///
    /// # Errors
    /// The first header at fault.
    pub fn check(&self) -> Result<(), HeaderError> {
        let mut present = HeaderSet::EMPTY;
        for field in &self.fields {
            if let Some(header) = field.header.filter(|&header| self.applicable.contains(header)) {
                rules::check(header, self.resolve(field.raw), self.resolve(field.text))
                    .map_err(|fault| HeaderError::new(header, fault))?;
                present = present.with(header);
            }
        }
        match HeaderSet::REQUIRED.and(self.applicable).first_not_in(present) {
            Some(header) => Err(HeaderError::new(header, Fault::Missing)),
            None => Ok(()),
        }
    }
}

/// The text of a JSON string; `None` for any other value.
fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    let mut text = String::with_capacity(inner.len());
    escape::push_unescaped(&mut text, inner);
    Some(Cow::Owned(text))
}
