//! A message that may have to be sent again.

use std::sync::Arc;

use jsip::{Limits, Message};

/// Whatever we have sent may be read back.
const ANY: Limits = Limits {
    message_bytes: Limits::MAX_MESSAGE_BYTES,
    depth: Limits::MAX_DEPTH,
    headers: Limits::MAX_HEADERS,
};

/// A message of ours that is kept in case it is wanted again.
#[derive(Debug)]
pub(crate) enum Kept {
    /// As it was made; the outbox may share it.
    Whole(Arc<Message>),
    /// Its text: a fifth of the room, for the long time in which hardly any is wanted again.
    Text(Box<str>),
}

impl Kept {
    /// Keeps the text of a message.
    pub(crate) fn text_of(message: &Message) -> Self {
        Self::Text(message.encode().into_boxed_str())
    }

    /// Keeps no more than the text from here on.
    pub(crate) fn shrink(&mut self) {
        if let Self::Whole(message) = self {
            *self = Self::text_of(message);
        }
    }

    /// The message, to be sent again; `None` if its text breaks a rule for texts of peers, which only a service of ours can do.
    pub(crate) fn message(&self) -> Option<Arc<Message>> {
        match self {
            Self::Whole(message) => Some(Arc::clone(message)),
            Self::Text(text) => Message::decode(text, &ANY).ok().map(Arc::new),
        }
    }
}

#[cfg(test)]
mod tests {
    use jsip::{Method, Request, Response, StatusCode};

    use super::*;

    #[test]
    fn a_message_comes_back_as_it_was() {
        let mut request = Request::new(Method::Invite, "b@x.org", "a@x.org", "b@x.org");
        request.set_dialog_id("d");
        let mut response = Response::to(&request, StatusCode::OK);
        response.set_body_str("v=0\r\n\u{1f600}");
        let message = Arc::new(Message::Response(response));
        let mut kept = Kept::Whole(Arc::clone(&message));
        assert_eq!(kept.message(), Some(Arc::clone(&message)));
        kept.shrink();
        assert!(matches!(kept, Kept::Text(_)));
        assert_eq!(kept.message(), Some(message));
    }
}
