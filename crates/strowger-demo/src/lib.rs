//! The demo page: calls, rooms and chat in a browser, and the JSIP that they are made of.
//!
//! The page is in `apps/demo`, the client that it imports in `sdk/js/src`. Both are embedded when this crate is built, under
//! their paths in the repository; the page itself is at `/`.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue,
    IF_NONE_MATCH, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::Full;

/// What is served under one path.
struct Asset {
    path: &'static str,
    media_type: &'static str,
    /// With its quotation marks.
    tag: &'static str,
    bytes: &'static [u8],
}

/// Sorted by the files' names.
static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// What a page of ours may do: nothing but what it brings along, and cameras and microphones in its own name.
const HEADERS: [(HeaderName, &str); 7] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self' blob:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=(), usb=()",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Answers a request for the page or for something that it is made of; `None` if there is no such path.
#[must_use]
pub fn respond(method: &Method, path: &str, headers: &HeaderMap) -> Option<Response<Full<Bytes>>> {
    let asset = ASSETS.iter().find(|asset| asset.path == path)?;
    if method != Method::GET && method != Method::HEAD {
        let mut refusal = Response::new(Full::from("only GET and HEAD\n"));
        *refusal.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        refusal
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return Some(refusal);
    }
    let mut response = Response::new(Full::default());
    if has_it(headers, asset.tag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        *response.body_mut() = Full::from(asset.bytes);
    }
    let answered = response.headers_mut();
    for (name, value) in HEADERS {
        answered.insert(name, HeaderValue::from_static(value));
    }
    answered.insert(CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    answered.insert(ETAG, HeaderValue::from_static(asset.tag));
    // Kept, and asked about each time: after an upgrade of the server no two versions meet in one page.
    answered.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Some(response)
}

/// Whether the browser has this version already. RFC 9110 §13.1.2.
fn has_it(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get_all(IF_NONE_MATCH).iter();
    known
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|known| known.trim().trim_start_matches("W/"))
        .any(|known| known == tag || known == "*")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str, headers: &HeaderMap) -> Response<Full<Bytes>> {
        respond(&Method::GET, path, headers).unwrap()
    }

    fn asset(path: &str) -> &'static Asset {
        ASSETS.iter().find(|asset| asset.path == path).unwrap()
    }

    #[test]
    fn the_page_names_every_module_and_nothing_that_is_missing() {
        let page = std::str::from_utf8(asset("/").bytes).unwrap();
        let named: Vec<_> = page
            .split("href=\"/")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        for path in &named {
            assert!(ASSETS.iter().any(|asset| asset.path[1..] == **path), "{path}");
        }
        let modules = ASSETS.iter().filter(|asset| asset.path.ends_with(".js"));
        for module in modules {
            assert!(named.contains(&&module.path[1..]), "{}", module.path);
        }
        assert!(named.contains(&"sdk/js/src/index.js"));
    }

    #[test]
    fn a_browser_that_has_it_is_told_so() {
        let mut headers = HeaderMap::new();
        let first = get("/", &headers);
        assert_eq!(first.status(), StatusCode::OK);
        let tag = first.headers()[ETAG].clone();
        headers.insert(
            IF_NONE_MATCH,
            HeaderValue::from_str(&format!("\"x\", W/{}", tag.to_str().unwrap())).unwrap(),
        );
        let second = get("/", &headers);
        assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(second.headers()[ETAG], tag);
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static("\"x\""));
        assert_eq!(get("/", &headers).status(), StatusCode::OK);
    }

    #[test]
    fn only_what_is_there_can_be_read_and_nothing_be_written() {
        let headers = HeaderMap::new();
        for path in [
            "/apps/demo/../../Cargo.toml",
            "/apps/demo/tsconfig.json",
            "/sdk/js/src/index.ts",
            "",
        ] {
            assert!(respond(&Method::GET, path, &headers).is_none(), "{path}");
        }
        let refused = respond(&Method::POST, "/", &headers).unwrap();
        assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(refused.headers()[ALLOW], "GET, HEAD");
    }

    #[test]
    fn every_answer_says_what_a_page_may_do() {
        for asset in ASSETS {
            let response = get(asset.path, &HeaderMap::new());
            let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"));
            assert_eq!(response.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
        }
    }
}
