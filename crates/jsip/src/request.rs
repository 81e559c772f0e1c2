//! Requests.

use std::ops::{Deref, DerefMut};

use crate::header::HeaderSet;
use crate::{CSeq, Header, Headers, Method, rules};

/// A request. Its headers are those of [`Headers`] and what only requests have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    headers: Headers,
    method: Method,
}

impl Request {
    /// Makes a request that has no `DialogueID` yet and `CSeq` 1; the stack sets both.
    #[must_use]
    pub fn new(method: Method, request_uri: &str, from: &str, to: &str) -> Self {
        let mut headers = Headers::empty(HeaderSet::of_request(method));
        headers.put_text(Header::Type, method.as_str());
        headers.put_text(Header::RequestUri, request_uri);
        headers.put_text(Header::From, from);
        headers.put_text(Header::To, to);
        headers.put_text(Header::DialogId, "");
        headers.set_cseq(CSeq::FIRST);
        Self { headers, method }
    }

    pub(crate) fn from_parts(headers: Headers, method: Method) -> Self {
        Self { headers, method }
    }

    /// Returns the method. Wire: `Type`.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }

    /// Returns this request with another method and everything else as it is.
    ///
    /// A header that had no meaning with the old method and breaks its rule under the new one is dropped.
    #[must_use]
    pub fn with_method(mut self, method: Method) -> Self {
        let headers = &mut self.headers;
        let applicable = HeaderSet::of_request(method);
        headers.retain(|headers, field| {
            field.header.is_none_or(|header| {
                !applicable.contains(header)
                    || rules::check(header, headers.resolve(field.raw), headers.resolve(field.text)).is_ok()
                    // What applied before stays, even half made: a `DialogueID` may yet be missing.
                    || headers.applicable.contains(header)
            })
        });
        headers.applicable = applicable;
        headers.put_text(Header::Type, method.as_str());
        self.method = method;
        self
    }

    /// Returns whom the request is for. Wire: `Request-URI`.
    #[must_use]
    pub fn request_uri(&self) -> &str {
        self.text(Header::RequestUri).unwrap_or_default()
    }

    /// Sets whom the request is for. Wire: `Request-URI`.
    pub fn set_request_uri(&mut self, uri: &str) {
        self.put_text(Header::RequestUri, uri);
    }

    /// Returns the way the request has yet to go: URIs separated by commas. Wire: `Router`.
    #[must_use]
    pub fn route(&self) -> Option<&str> {
        self.text(Header::Route)
    }

    /// Returns the first URI of the route, without the blanks around it; `None` where there is no route or a blank
    /// one. It may be empty, where the route begins with a comma.
    #[must_use]
    pub fn first_route(&self) -> Option<&str> {
        let route = self.route()?;
        let first = route.split(',').next().unwrap_or_default().trim();
        if first.is_empty() && route.trim().is_empty() {
            None
        } else {
            Some(first)
        }
    }

    /// Removes the first URI of the route and returns it. With the last one the header goes.
    pub fn pop_route(&mut self) -> Option<String> {
        let first = self.first_route()?.to_owned();
        match self.route().and_then(|route| route.split_once(',')) {
            Some((_, rest)) => {
                let rest = rest.trim_start().to_owned();
                self.set_route(&rest);
            }
            None => {
                self.remove(Header::Route);
            }
        }
        Some(first)
    }

    /// Sets the way the request has yet to go: URIs separated by commas. Wire: `Router`.
    pub fn set_route(&mut self, route: &str) {
        self.put_text(Header::Route, route);
    }

    /// Returns the `CSeq` of the INVITE that this ACK or CANCEL means. Wire: `RelatedID`.
    #[must_use]
    pub fn related_cseq(&self) -> Option<CSeq> {
        self.integer(Header::RelatedCSeq).and_then(CSeq::new)
    }

    /// Sets or removes the `CSeq` of the INVITE that this ACK or CANCEL means. Wire: `RelatedID`.
    pub fn set_related_cseq(&mut self, cseq: Option<CSeq>) {
        match cseq {
            Some(cseq) => self.put_integer(Header::RelatedCSeq, cseq.get()),
            None => {
                self.remove(Header::RelatedCSeq);
            }
        }
    }

    /// Returns how many more times the request may be passed on; a number beyond `u32` reads as the largest.
    /// Wire: `Max-Forwards`.
    #[must_use]
    pub fn max_forwards(&self) -> Option<u32> {
        self.integer(Header::MaxForwards)
            .map(|number| u32::try_from(number).unwrap_or(u32::MAX))
    }

    /// Sets how many more times the request may be passed on. Wire: `Max-Forwards`.
    pub fn set_max_forwards(&mut self, times: u32) {
        self.put_integer(Header::MaxForwards, times.into());
    }
}

impl Deref for Request {
    type Target = Headers;

    fn deref(&self) -> &Headers {
        &self.headers
    }
}

impl DerefMut for Request {
    fn deref_mut(&mut self) -> &mut Headers {
        &mut self.headers
    }
}
