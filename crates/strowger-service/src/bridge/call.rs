//! The call between the two sides of a bridge, as far as its ending needs it.

use jsip::{Method, Request};

/// What is needed to end a call of which one side is gone without a word.
#[derive(Debug)]
pub(super) struct Call {
    /// Request-URI, From and To of the INVITE, in one allocation.
    text: Box<str>,
    uri: u32,
    from: u32,
    pub(super) answered: bool,
    pub(super) acknowledged: bool,
}

impl Call {
    pub(super) fn new(invite: &Request) -> Self {
        Self::between(invite.request_uri(), invite.from(), invite.to())
    }

    fn between(uri: &str, from: &str, to: &str) -> Self {
        let text = [uri, from, to].concat().into_boxed_str();
        Self {
            text,
            uri: uri.len() as u32,
            from: (uri.len() + from.len()) as u32,
            answered: false,
            acknowledged: false,
        }
    }

    /// Somebody else is the caller, or the callee, of the call that goes on.
    pub(super) fn replace(&mut self, caller: bool, name: &str) {
        let uri = &self.text[..self.uri as usize];
        let call = if caller {
            Self::between(uri, name, self.to())
        } else {
            Self::between(name, self.from(), name)
        };
        *self = call.established();
    }

    /// The same call, answered and acknowledged.
    pub(super) const fn established(mut self) -> Self {
        (self.answered, self.acknowledged) = (true, true);
        self
    }

    pub(super) fn from(&self) -> &str {
        &self.text[self.uri as usize..self.from as usize]
    }

    pub(super) fn to(&self) -> &str {
        &self.text[self.from as usize..]
    }

    pub(super) fn to_callee(&self, method: Method) -> Request {
        Request::new(method, &self.text[..self.uri as usize], self.from(), self.to())
    }

    pub(super) fn to_caller(&self, method: Method) -> Request {
        Request::new(method, self.from(), self.to(), self.from())
    }
}
