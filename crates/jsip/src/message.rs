//! A request or a response.

use std::ops::Range;

use crate::{CSeq, Headers, Request, Response};

/// A message: a request or a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

impl Message {
    /// Returns the dialog's id.
    #[must_use]
    pub fn dialog_id(&self) -> &str {
        self.headers().dialog_id()
    }

    /// Returns the sequence number.
    #[must_use]
    pub fn cseq(&self) -> CSeq {
        self.headers().cseq()
    }

    /// Returns the headers.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => request,
            Self::Response(response) => response,
        }
    }

    /// Returns the headers to change them.
    pub fn headers_mut(&mut self) -> &mut Headers {
        match self {
            Self::Request(request) => request,
            Self::Response(response) => response,
        }
    }

    /// Writes the message as one JSON object.
    #[must_use]
    pub fn encode(&self) -> String {
        self.headers().encode()
    }

    /// Appends the message as one JSON object. Returns where in `out` the value of the body stands; empty if there is none.
    pub fn encode_into(&self, out: &mut String) -> Range<usize> {
        self.headers().encode_into(out)
    }
}

impl From<Request> for Message {
    fn from(request: Request) -> Self {
        Self::Request(request)
    }
}

impl From<Response> for Message {
    fn from(response: Response) -> Self {
        Self::Response(response)
    }
}
