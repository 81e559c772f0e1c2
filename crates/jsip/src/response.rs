//! Responses.

use std::ops::{Deref, DerefMut};

use crate::header::{HeaderSet, RESPONSE};
use crate::{CSeq, Header, Headers, Request, StatusCode};

/// A response. Its headers are those of [`Headers`] and what only responses have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    headers: Headers,
    code: StatusCode,
}

impl Response {
    /// Makes the response to a request: `From`, `To`, `DialogueID` and `CSeq` are the request's, `Desc` is the code's
    /// phrase.
    #[must_use]
    pub fn to(request: &Request, code: StatusCode) -> Self {
        let mut headers = Self::start(code);
        headers.copy(request, Header::From);
        headers.copy(request, Header::To);
        headers.copy(request, Header::DialogId);
        headers.set_cseq(request.cseq());
        Self { headers, code }
    }

    /// Makes the response to a message that is no proper request.
    pub(crate) fn rejecting(code: StatusCode, from: &str, to: &str, dialog_id: &str, cseq: CSeq) -> Self {
        let mut headers = Self::start(code);
        headers.set_from(from);
        headers.set_to(to);
        headers.set_dialog_id(dialog_id);
        headers.set_cseq(cseq);
        Self { headers, code }
    }

    fn start(code: StatusCode) -> Headers {
        let mut headers = Headers::empty(HeaderSet::RESPONSE);
        headers.put_text(Header::Type, RESPONSE);
        headers.put_integer(Header::Code, code.as_u16().into());
        headers.put_text(Header::ReasonPhrase, code.reason_phrase());
        headers
    }

    pub(crate) fn from_parts(headers: Headers, code: StatusCode) -> Self {
        Self { headers, code }
    }

    /// Returns the status code. Wire: `Code`.
    #[must_use]
    pub fn code(&self) -> StatusCode {
        self.code
    }

    /// Sets the status code and the phrase that goes with it. Wire: `Code`, `Desc`.
    pub fn set_code(&mut self, code: StatusCode) {
        self.code = code;
        self.put_integer(Header::Code, code.as_u16().into());
        self.put_text(Header::ReasonPhrase, code.reason_phrase());
    }

    /// Returns the reason phrase, for people to read. Wire: `Desc`.
    #[must_use]
    pub fn reason_phrase(&self) -> Option<&str> {
        self.text(Header::ReasonPhrase)
    }
}

impl Deref for Response {
    type Target = Headers;

    fn deref(&self) -> &Headers {
        &self.headers
    }
}

impl DerefMut for Response {
    fn deref_mut(&mut self) -> &mut Headers {
        &mut self.headers
    }
}
