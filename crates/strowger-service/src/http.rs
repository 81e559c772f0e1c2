//! HTTP requests and responses, in and out.

use std::time::Duration;

/// An HTTP request: one that a service makes, or gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// The whole URL of a request that a service makes; path and query, relative to the service, of one that it gets.
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long a response may take; of no meaning in a request that a service gets.
    pub timeout: Duration,
}

impl HttpRequest {
    /// A request with no headers and no body that may take 10 s.
    pub fn new(method: &str, url: &str) -> Self {
        Self {
            method: method.to_owned(),
            url: url.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: Duration::from_secs(10),
        }
    }
}

/// An HTTP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    /// 100 to 599.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// A response with no headers and no body.
    pub const fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A response with a body of this type.
    pub fn with_body(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.into(),
        }
    }

    /// What went wrong, as a problem document (RFC 9457); `detail` is for people to read.
    pub fn problem(status: u16, detail: &str) -> Self {
        let mut body = format!("{{\"status\":{status},\"detail\":\"");
        for character in detail.chars() {
            match character {
                '"' => body.push_str("\\\""),
                '\\' => body.push_str("\\\\"),
                control if control.is_control() => body.push_str(&format!("\\u{:04x}", control as u32)),
                other => body.push(other),
            }
        }
        body.push_str("\"}");
        Self::with_body(status, "application/problem+json", body)
    }
}

/// Why a request got no response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The configuration does not let the service ask this URL.
    #[error("the service may not ask this URL")]
    NotGranted,
    /// There is no such URL, or the request is none.
    #[error("no URL or no request: {0}")]
    Invalid(String),
    /// The service has as many requests open as it may have.
    #[error("too many requests are open")]
    TooMany,
    /// Nobody is there, or the connection broke.
    #[error("no connection: {0}")]
    Failed(String),
    /// It took too long.
    #[error("no response in time")]
    TimedOut,
    /// The response is too large.
    #[error("the response is too large")]
    TooLarge,
}
