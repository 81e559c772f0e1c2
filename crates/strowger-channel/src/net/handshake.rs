//! The checks a request has to pass before it becomes a WebSocket, in the order of `spec/jsip.md` §1.
//!
//! What comes behind these (rate, authentication, admission) is the node's: [`Admission`](super::Admission).

use std::net::IpAddr;

use http::header::{
    ALLOW, CONNECTION, HOST, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::uri::Authority;
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use jsip::UserId;
use strowger_auth::token::{SUBPROTOCOL, offers_subprotocol};

use super::accept_key::{accept_key, is_key};
use super::address::bare;
use super::{Refusal, deflate};

/// What the checks compare with.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// The path of the WebSocket.
    pub(super) path: String,
    /// The origins web pages may come from; none: the server's own; `None`: any.
    pub(super) origins: Option<Vec<String>>,
    /// Whether messages may be compressed.
    pub(super) compression: bool,
}

/// A request that may be upgraded.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) name: UserId,
    accept: String,
    /// What was agreed on compression, if anything.
    extension: Option<HeaderValue>,
    /// Whether the peer offered the subprotocol. A browser that offered some hangs up where none is chosen.
    names_protocol: bool,
}

impl Accepted {
    /// Whether messages may be compressed.
    pub(super) const fn deflates(&self) -> bool {
        self.extension.is_some()
    }

    /// Makes the 101.
    pub(super) fn response<B: Default>(&self) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::from_str(&self.accept) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        if let Some(extension) = &self.extension {
            headers.insert(SEC_WEBSOCKET_EXTENSIONS, extension.clone());
        }
        if self.names_protocol {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        }
        response
    }
}

/// Runs the checks of form on a request for the WebSocket path.
///
/// # Errors
/// The answer to give instead.
pub(super) fn check<B>(request: &Request<B>, rules: &Rules) -> Result<Accepted, Refusal> {
    let name = user_id(request.uri().query())?;
    if request.method() != Method::GET {
        let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "only GET makes a WebSocket");
        return Err(refusal.with_header(ALLOW, HeaderValue::from_static("GET")));
    }
    let key = websocket_key(request)?;
    check_origin(request.headers(), rules.origins.as_deref())?;
    Ok(Accepted {
        name,
        accept: accept_key(key),
        extension: rules
            .compression
            .then(|| deflate::agree(request.headers()))
            .flatten(),
        names_protocol: offers_subprotocol(request.headers()),
    })
}

/// Runs the checks of form on a request for the WebSocket path, without a socket: for a node in virtual time.
///
/// # Errors
/// The answer to give instead of the upgrade.
pub fn check_request<B>(request: &Request<B>, origins: Option<&[String]>) -> Result<UserId, Refusal> {
    let rules = Rules {
        path: String::new(),
        origins: origins.map(<[String]>::to_vec),
        compression: false,
    };
    check(request, &rules).map(|accepted| accepted.name)
}

/// Reads the channel's name. Where the query names more than one, the first counts.
fn user_id(query: Option<&str>) -> Result<UserId, Refusal> {
    let bad = |reason| Refusal::new(StatusCode::BAD_REQUEST, reason);
    let value = query
        .unwrap_or_default()
        .split('&')
        .find_map(|pair| match pair.split_once('=') {
            Some(("userid", value)) => Some(value),
            Some(_) | None => None,
        });
    match value {
        None | Some("") => Err(bad("Miss userid".to_owned())),
        Some(value) => UserId::from_query(value).map_err(|error| bad(error.to_string())),
    }
}

/// Checks the handshake and returns its key. RFC 6455 §4.2.1.
fn websocket_key<B>(request: &Request<B>) -> Result<&[u8], Refusal> {
    let headers = request.headers();
    let bad = |reason: &str| {
        Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            format!("no WebSocket request: {reason}"),
        ))
    };
    if request.version() != Version::HTTP_11 {
        return bad("not HTTP/1.1");
    }
    if !has_token(headers, &UPGRADE, "websocket") {
        return bad("no Upgrade to websocket");
    }
    if !has_token(headers, &CONNECTION, "upgrade") {
        return bad("no Connection: Upgrade");
    }
    if headers
        .get(SEC_WEBSOCKET_VERSION)
        .is_none_or(|version| version != "13")
    {
        let version = HeaderValue::from_static("13");
        return bad("version is not 13")
            .map_err(|refusal| refusal.with_header(SEC_WEBSOCKET_VERSION, version));
    }
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    match (keys.next(), keys.next()) {
        (Some(key), None) if is_key(key.as_bytes()) => Ok(key.as_bytes()),
        (_, _) => bad("bad Sec-WebSocket-Key"),
    }
}

/// Tells whether a header that holds a list has this token.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(token))
}

/// Checks where a web page came from. A peer that names no origin is no browser and not bound by this.
fn check_origin(headers: &HeaderMap, allowed: Option<&[String]>) -> Result<(), Refusal> {
    let Some(allowed) = allowed else { return Ok(()) };
    let is_allowed = |origin: &HeaderValue| {
        if allowed.is_empty() {
            return is_own(origin, headers).unwrap_or(false);
        }
        allowed
            .iter()
            .any(|allowed| origin.as_bytes().eq_ignore_ascii_case(allowed.as_bytes()))
    };
    if headers.get_all(ORIGIN).iter().all(is_allowed) {
        Ok(())
    } else {
        Err(Refusal::new(StatusCode::FORBIDDEN, "origin not allowed"))
    }
}

/// Whether a page is the server's own, as the browser names both; or of this machine, as the server is.
///
/// The scheme is left out: a proxy that has TLS makes `https` of what is `http` here.
fn is_own(origin: &HeaderValue, headers: &HeaderMap) -> Option<bool> {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return None;
    };
    let (scheme, page) = origin.to_str().ok()?.split_once("://")?;
    let usual = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let (page, host): (Authority, Authority) = (page.parse().ok()?, host.to_str().ok()?.parse().ok()?);
    let port = |authority: &Authority| authority.port_u16().unwrap_or(usual);
    let is_same = page.host().eq_ignore_ascii_case(host.host()) && port(&page) == port(&host);
    Some(is_same || (is_loopback(page.host()) && is_loopback(host.host())))
}

/// Whether a host is this machine, by a name that nobody's name service can give away.
fn is_loopback(host: &str) -> bool {
    let is_address = bare(host)
        .parse::<IpAddr>()
        .is_ok_and(|address| address.is_loopback());
    is_address || host.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(origins: &[&str], origin: &str, host: &str, is_allowed: bool) {
        let origins: Vec<_> = origins.iter().map(|&origin| origin.to_owned()).collect();
        let headers = [(ORIGIN, origin), (HOST, host)];
        let headers = headers.map(|(name, value)| (name, HeaderValue::from_str(value).unwrap()));
        let outcome = check_origin(&headers.into_iter().collect(), Some(&origins));
        assert_eq!(outcome.is_ok(), is_allowed, "{origin} to {host}");
    }

    #[test]
    fn without_a_list_a_page_must_be_the_servers_own_or_of_this_machine() {
        check(&[], "https://calls.example.com", "calls.example.com", true);
        check(&[], "https://Calls.example.com", "calls.example.com:443", true);
        check(
            &[],
            "http://calls.example.com:8080",
            "calls.example.com:8080",
            true,
        );
        check(&[], "http://10.0.0.7:8080", "10.0.0.7:8080", true);
        check(&[], "http://localhost:3000", "127.0.0.1:8080", true);
        check(&[], "http://[::1]:3000", "localhost:8080", true);
        for (origin, host) in [
            ("https://evil.example", "calls.example.com"),
            ("https://evil.example", "127.0.0.1:8080"),
            ("https://calls.example.com.evil.example", "calls.example.com"),
            ("https://calls.example.com:8443", "calls.example.com"),
            ("http://localhost:3000", "calls.example.com"),
            ("http://localhost.evil.example", "localhost:8080"),
            ("http://127.0.0.1.evil.example", "127.0.0.1:8080"),
            ("http://evil@localhost", "localhost:8080/"),
            ("null", "localhost:8080"),
            ("file://", "localhost:8080"),
            ("", "localhost:8080"),
        ] {
            check(&[], origin, host, false);
        }
    }

    #[test]
    fn with_a_list_a_page_must_be_on_it() {
        let list = ["https://app.example.com"];
        check(&list, "https://App.example.com", "calls.example.com", true);
        check(&list, "https://calls.example.com", "calls.example.com", false);
        check(&list, "http://localhost:8080", "localhost:8080", false);
    }
}
