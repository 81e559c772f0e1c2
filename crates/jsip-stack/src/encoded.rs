//! A message of ours as it goes out: its text, written once for the outbox, for repeats and for a journal.

use std::ops::Range;

use bytes::Bytes;
use bytestring::ByteString;
use jsip::{CSeq, Headers, Limits, Message, Request, Response};

use crate::Line;

/// Whatever we have sent may be read back.
const ANY: Limits = Limits {
    message_bytes: Limits::MAX_MESSAGE_BYTES,
    depth: Limits::MAX_DEPTH,
    headers: Limits::MAX_HEADERS,
};

/// Above this many bytes the place in which texts are written gives its memory back.
const KEPT_BYTES: usize = 16 * 1024;

/// A message as its text, with what has to be known of it without reading that.
///
/// Clones share the text.
#[derive(Clone)]
pub struct Encoded {
    text: ByteString,
    /// Where the value of the body stands; empty without one.
    body: (u32, u32),
    line: Line,
    cseq: CSeq,
}

impl Encoded {
    /// Writes a message down.
    pub fn new(message: &Message) -> Self {
        let mut writing = Writing::default();
        match message {
            Message::Request(request) => writing.request(request),
            Message::Response(response) => writing.response(response),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text, for who needs no more.
    pub fn into_text(self) -> Bytes {
        self.text.into_bytes()
    }

    /// Which request or response it is.
    pub const fn line(&self) -> Line {
        self.line
    }

    /// Its sequence number.
    pub const fn cseq(&self) -> CSeq {
        self.cseq
    }

    /// Where in the text the value of the body stands; empty without one.
    pub const fn body(&self) -> Range<usize> {
        self.body.0 as usize..self.body.1 as usize
    }

    /// The message; `None` if its text breaks a rule for texts of peers, which only a service of ours can do.
    pub fn decode(&self) -> Option<Message> {
        Message::decode(self.as_str(), &ANY).ok()
    }
}

impl std::fmt::Debug for Encoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where messages are written down, one after another: each takes just the memory of its text.
#[derive(Debug, Default)]
pub(crate) struct Writing(String);

impl Writing {
    pub(crate) fn request(&mut self, request: &Request) -> Encoded {
        self.write(request, Line::Request(request.method()))
    }

    pub(crate) fn response(&mut self, response: &Response) -> Encoded {
        self.write(response, Line::Response(response.code()))
    }

    fn write(&mut self, headers: &Headers, line: Line) -> Encoded {
        let body = headers.encode_into(&mut self.0);
        let text = ByteString::from(self.0.as_str());
        self.0.clear();
        self.0.shrink_to(KEPT_BYTES);
        Encoded {
            text,
            // What would be beyond is told as no body at all; a text of 4 GiB is not made.
            body: (
                u32::try_from(body.start).unwrap_or(0),
                u32::try_from(body.end).unwrap_or(0),
            ),
            line,
            cseq: headers.cseq(),
        }
    }
}

#[cfg(test)]
mod tests {
    use jsip::{Method, StatusCode};

    use super::*;

    fn answer(body: Option<&str>) -> Message {
        let mut request = Request::new(Method::Invite, "b@x.org", "a@x.org", "b@x.org");
        request.set_dialog_id("d");
        let mut response = Response::to(&request, StatusCode::OK);
        if let Some(body) = body {
            response.set_body_str(body);
        }
        response.set_reason("here I am");
        Message::Response(response)
    }

    #[test]
    fn a_message_comes_back_as_it_was() {
        let message = answer(Some("v=0\r\n\u{1f600}"));
        let encoded = Encoded::new(&message);
        assert_eq!(encoded.as_str(), message.encode());
        assert_eq!(encoded.line(), Line::Response(StatusCode::OK));
        assert_eq!(encoded.decode(), Some(message));
    }

    #[test]
    fn without_its_body_it_is_what_headers_write_without_theirs() {
        for body in [None, Some(""), Some("v=0"), Some("\u{1f600}\"")] {
            let message = answer(body);
            let mut wanted = String::new();
            message.headers().encode_without_body_into(&mut wanted);
            let encoded = Encoded::new(&message);
            let (mut text, body) = (encoded.as_str().to_owned(), encoded.body());
            if !body.is_empty() {
                text.replace_range(body.clone(), &body.len().to_string());
            }
            assert_eq!(text, wanted);
            assert_eq!(encoded.as_str(), message.encode());
        }
    }

    #[test]
    fn a_long_message_does_not_keep_the_memory_it_was_written_in() {
        let mut writing = Writing::default();
        let Message::Response(long) = answer(Some(&"x".repeat(4 * KEPT_BYTES))) else {
            unreachable!("it is one");
        };
        writing.response(&long);
        assert!(writing.0.capacity() <= KEPT_BYTES);
    }
}
