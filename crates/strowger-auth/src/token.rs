//! Where a request may show its token.

use http::header::{AUTHORIZATION, HeaderName, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, HeaderValue};

use crate::Refused;

/// The WebSocket subprotocol that carries messages.
pub const SUBPROTOCOL: &str = "jsip";
/// How the subprotocol begins that carries a token, where a page can set no header.
const BEARER_SUBPROTOCOL: &str = "bearer.";
/// The parameter of a query that carries a token.
const PARAMETER: &str = "access_token";
/// The longest token that is looked at.
pub const MAX_BYTES: usize = 8192;

/// Finds the token that a request shows: `Authorization: Bearer`, `bearer.TOKEN` among the subprotocols, or `access_token`
/// in the query (nothing in it is percent-decoded: a token needs no escapes). The same token at several places is one.
///
/// # Errors
///
/// [`Refused::ManyTokens`], [`Refused::TooLong`], or [`Refused::Malformed`] for a header that is no text.
pub fn find(query: Option<&str>, headers: &HeaderMap) -> Result<Option<String>, Refused> {
    let mut found: Option<&str> = None;
    let mut add = |token| match found.replace(token) {
        Some(other) if other != token => Err(Refused::ManyTokens),
        Some(_) | None => Ok(()),
    };
    for value in texts(headers, &AUTHORIZATION) {
        // Another scheme, as of a proxy in front, is not for us.
        if let Some(token) = bearer(value?) {
            add(token)?;
        }
    }
    for value in texts(headers, &SEC_WEBSOCKET_PROTOCOL) {
        let protocols = value?.split(',').map(str::trim);
        for token in protocols.filter_map(|protocol| protocol.strip_prefix(BEARER_SUBPROTOCOL)) {
            add(token)?;
        }
    }
    for pair in query.unwrap_or_default().split('&') {
        if let Some((PARAMETER, token)) = pair.split_once('=') {
            add(token)?;
        }
    }
    match found {
        Some(token) if token.len() > MAX_BYTES => Err(Refused::TooLong),
        found => Ok(found.filter(|token| !token.is_empty()).map(str::to_owned)),
    }
}

/// The token in the value of an `Authorization` header, or of the JSIP header of that name; `None` for another scheme.
pub fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
}

/// Whether a request offers the subprotocol of messages.
pub fn offers_subprotocol(headers: &HeaderMap) -> bool {
    let values = texts(headers, &SEC_WEBSOCKET_PROTOCOL).filter_map(Result::ok);
    values
        .flat_map(|value| value.split(','))
        .any(|protocol| protocol.trim() == SUBPROTOCOL)
}

fn texts<'a>(
    headers: &'a HeaderMap,
    name: &'a HeaderName,
) -> impl Iterator<Item = Result<&'a str, Refused>> + 'a {
    let text = |value: &'a HeaderValue| value.to_str().map_err(|_| Refused::Malformed("no text"));
    headers.get_all(name).iter().map(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: Option<&str>, headers: &[(HeaderName, &str)], expected: Result<Option<&str>, Refused>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, HeaderValue::from_str(value).unwrap());
        }
        assert_eq!(find(query, &map), expected.map(|token| token.map(str::to_owned)));
    }

    #[test]
    fn a_token_is_found_wherever_it_may_be() {
        check(None, &[], Ok(None));
        check(Some("userid=a@b"), &[], Ok(None));
        check(Some("userid=a@b&access_token=t.1"), &[], Ok(Some("t.1")));
        check(None, &[(AUTHORIZATION, "Bearer t")], Ok(Some("t")));
        check(None, &[(AUTHORIZATION, "bearer  t ")], Ok(Some("t")));
        check(None, &[(AUTHORIZATION, "Basic dDp0")], Ok(None));
        check(None, &[(SEC_WEBSOCKET_PROTOCOL, "jsip, bearer.t")], Ok(Some("t")));
        let two_lines = [
            (SEC_WEBSOCKET_PROTOCOL, "jsip"),
            (SEC_WEBSOCKET_PROTOCOL, "bearer.t"),
        ];
        check(None, &two_lines, Ok(Some("t")));
    }

    #[test]
    fn an_empty_token_is_none() {
        check(Some("access_token="), &[(AUTHORIZATION, "Bearer ")], Ok(None));
    }

    #[test]
    fn two_tokens_are_refused_and_one_said_twice_is_not() {
        check(
            Some("access_token=t"),
            &[(AUTHORIZATION, "Bearer t")],
            Ok(Some("t")),
        );
        check(
            Some("access_token=u"),
            &[(AUTHORIZATION, "Bearer t")],
            Err(Refused::ManyTokens),
        );
        check(
            Some("access_token=u&access_token=t"),
            &[],
            Err(Refused::ManyTokens),
        );
    }

    #[test]
    fn a_token_too_long_is_refused() {
        let most = "t".repeat(MAX_BYTES);
        check(Some(&format!("access_token={most}")), &[], Ok(Some(&most)));
        check(Some(&format!("access_token={most}t")), &[], Err(Refused::TooLong));
    }

    #[test]
    fn the_subprotocol_is_offered_by_its_exact_name() {
        let offers = |value: &'static str| {
            let mut map = HeaderMap::new();
            map.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(value));
            offers_subprotocol(&map)
        };
        assert!(offers("jsip") && offers("a, jsip,bearer.t"));
        assert!(!offers("jsip2") && !offers("JSIP") && !offers("bearer.jsip"));
    }
}
