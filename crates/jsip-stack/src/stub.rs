//! The few strings of a request that its transaction needs later.

use jsip::{CSeq, Headers, Method, Request, Response, StatusCode};

/// Request-URI, From and To of a request, in one allocation.
#[derive(Clone, Debug)]
pub(crate) struct Stub {
    text: Box<str>,
    uri: u32,
    from: u32,
}

impl Stub {
    pub(crate) fn new(request: &Request) -> Self {
        Self::of(request.request_uri(), request.from(), request.to())
    }

    fn of(uri: &str, from: &str, to: &str) -> Self {
        let mut text = String::with_capacity(uri.len() + from.len() + to.len());
        text.push_str(uri);
        text.push_str(from);
        text.push_str(to);
        Self {
            text: text.into_boxed_str(),
            uri: uri.len() as u32,
            from: (uri.len() + from.len()) as u32,
        }
    }

    pub(crate) fn request_uri(&self) -> &str {
        &self.text[..self.uri as usize]
    }

    pub(crate) fn from(&self) -> &str {
        &self.text[self.uri as usize..self.from as usize]
    }

    pub(crate) fn to(&self) -> &str {
        &self.text[self.from as usize..]
    }

    /// The same dialog seen from the other end: what we send towards the sender of the request.
    pub(crate) fn reversed(&self) -> Self {
        Self::of(self.from(), self.to(), self.from())
    }

    /// A new request along the same way as the one this was made from.
    pub(crate) fn request(&self, method: Method) -> Request {
        Request::new(method, self.request_uri(), self.from(), self.to())
    }

    /// A response to the request this was made from.
    pub(crate) fn response(&self, dialog_id: &str, cseq: CSeq, code: StatusCode) -> Response {
        let mut request = Request::new(Method::Options, self.request_uri(), self.from(), self.to());
        request.set_dialog_id(dialog_id);
        request.set_cseq(cseq);
        Response::to(&request, code)
    }
}

/// A response with a `Reason` that tells the peer's developer what was wrong.
pub(crate) fn with_reason(mut response: Response, reason: Option<&str>) -> Response {
    if let Some(reason) = reason {
        let headers: &mut Headers = &mut response;
        headers.set_reason(reason);
    }
    response
}

/// Tells the peer when to try again.
pub(crate) fn set_retry_after(response: &mut Response, seconds: u32) {
    let headers: &mut Headers = response;
    // A number is valid JSON and the name is a plain word, so this cannot be refused.
    let _ = headers.set_extension("Retry-After", &seconds.to_string());
}
