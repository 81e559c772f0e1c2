//! The pages that the server serves: the demo (calls, rooms and chat in a browser, and the JSIP that they are made of) and the
//! operator's console.
//!
//! They are in `apps/demo` and `apps/console`, what both use in `apps/shared`, the client that the demo imports in `sdk/js/src`.
//! All is embedded when this crate is built: the page at its place, the rest below it under its path in the repository.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue,
    IF_NONE_MATCH, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::Full;

/// What is served under one path.
#[derive(Debug)]
struct Asset {
    path: &'static str,
    media_type: &'static str,
    /// With its quotation marks.
    tag: &'static str,
    bytes: &'static [u8],
}

/// A page and all that it is made of.
#[derive(Debug)]
pub struct Page {
    /// Sorted by the files' names.
    assets: &'static [Asset],
    /// What it may do: nothing but what it brings along, and what is named here.
    policy: &'static str,
    permissions: &'static str,
}

/// The demo, at `/`.
pub static DEMO: Page = Page {
    assets: include!(concat!(env!("OUT_DIR"), "/demo.rs")),
    policy: "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self' blob:; \
             connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    permissions: "camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=(), usb=()",
};

/// The operator's console, at `/console`.
pub static CONSOLE: Page = Page {
    assets: include!(concat!(env!("OUT_DIR"), "/console.rs")),
    policy: "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
             trusted-types 'none'",
    permissions: "camera=(), microphone=(), display-capture=(), geolocation=(), payment=(), usb=()",
};

/// What holds for every page of ours.
const HEADERS: [(HeaderName, &str); 5] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

impl Page {
    /// Answers a request for the page or for something that it is made of; `None` if there is no such path.
    #[must_use]
    pub fn respond(&self, method: &Method, path: &str, headers: &HeaderMap) -> Option<Response<Full<Bytes>>> {
        let asset = self.assets.iter().find(|asset| asset.path == path)?;
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
        let own = [
            (CONTENT_SECURITY_POLICY, self.policy),
            (HeaderName::from_static("permissions-policy"), self.permissions),
            (CONTENT_TYPE, asset.media_type),
            (ETAG, asset.tag),
            // Kept, and asked about each time: after an upgrade of the server no two versions meet in one page.
            (CACHE_CONTROL, "no-cache"),
        ];
        for (name, value) in own {
            answered.insert(name, HeaderValue::from_static(value));
        }
        Some(response)
    }
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

    const PAGES: [(&Page, &str, &str); 2] = [
        (&DEMO, "/", "/sdk/js/src/index.js"),
        (&CONSOLE, "/console", "/console/apps/shared/elements.js"),
    ];

    fn get(path: &str, headers: &HeaderMap) -> Response<Full<Bytes>> {
        DEMO.respond(&Method::GET, path, headers).unwrap()
    }

    #[test]
    fn a_page_names_every_module_and_nothing_that_is_missing() {
        for (page, place, module) in PAGES {
            let asset = page.assets.iter().find(|asset| asset.path == place).unwrap();
            let text = std::str::from_utf8(asset.bytes).unwrap();
            let named: Vec<_> = text
                .split("href=\"/")
                .skip(1)
                .filter_map(|rest| rest.split('"').next())
                .collect();
            for path in &named {
                assert!(
                    page.assets.iter().any(|asset| asset.path[1..] == **path),
                    "{path}"
                );
            }
            let modules = page.assets.iter().filter(|asset| asset.path.ends_with(".js"));
            for module in modules {
                assert!(named.contains(&&module.path[1..]), "{}", module.path);
            }
            assert!(named.contains(&&module[1..]));
        }
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
            "/console",
            "",
        ] {
            assert!(DEMO.respond(&Method::GET, path, &headers).is_none(), "{path}");
        }
        let refused = DEMO.respond(&Method::POST, "/", &headers).unwrap();
        assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(refused.headers()[ALLOW], "GET, HEAD");
    }

    #[test]
    fn every_answer_says_what_a_page_may_do() {
        for (page, ..) in PAGES {
            for asset in page.assets {
                let response = page.respond(&Method::GET, asset.path, &HeaderMap::new()).unwrap();
                let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
                assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"));
                assert_eq!(response.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
            }
        }
    }

    #[test]
    fn the_console_is_below_its_place_and_nowhere_else() {
        assert!(
            CONSOLE
                .assets
                .iter()
                .all(|asset| asset.path.starts_with("/console"))
        );
        let camera = &CONSOLE
            .respond(&Method::GET, "/console", &HeaderMap::new())
            .unwrap();
        let permissions = camera.headers()["permissions-policy"].to_str().unwrap();
        assert!(permissions.starts_with("camera=()"));
    }
}
