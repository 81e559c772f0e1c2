//! Which URLs a service may ask.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use http::uri::Scheme;

/// A URL, or all below one: `https://hooks.example.com/strowger/*`.
///
/// Scheme, host and port must be the same; `*.example.com` as the host stands for every host below `example.com`. A path
/// with `*` at its end stands for every path that begins so, one without for itself; no path at all is `/*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlPattern {
    is_tls: bool,
    host: String,
    port: u16,
    path: String,
    /// Whether more may follow the path.
    is_open: bool,
}

/// A text that is no [`UrlPattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a pattern is like \"https://hooks.example.com/*\"")]
pub struct UrlPatternError;

impl FromStr for UrlPattern {
    type Err = UrlPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (text, is_open) = match text.strip_suffix('*') {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let (host, text) = match text.split_once("://*.") {
            Some((scheme, rest)) => ("*.", format!("{scheme}://{rest}")),
            None => ("", text.to_owned()),
        };
        let uri: Uri = text.parse().map_err(|_| UrlPatternError)?;
        let place = Place::of(&uri).ok_or(UrlPatternError)?;
        if text.contains(['*', '?', '#']) {
            return Err(UrlPatternError);
        }
        let has_path = text.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
        Ok(Self {
            is_tls: place.is_tls,
            host: format!("{host}{}", place.host),
            port: place.port,
            path: uri.path().to_owned(),
            is_open: is_open || !has_path,
        })
    }
}

impl UrlPattern {
    /// Whether a URL is one of these. One with a user name, or with `.` or `..` among its segments, written out or
    /// encoded, is none: servers differ in what they take it for.
    pub fn permits(&self, uri: &Uri) -> bool {
        let Some(place) = Place::of(uri) else { return false };
        let is_host = match self.host.strip_prefix('*') {
            Some(domain) => place.host.ends_with(domain) && place.host.len() > domain.len(),
            None => place.host == self.host,
        };
        let path = uri.path();
        let is_path = if self.is_open {
            path.starts_with(&self.path)
        } else {
            path == self.path
        };
        is_host && is_path && place.is_tls == self.is_tls && place.port == self.port && !has_dots(path)
    }
}

impl fmt::Display for UrlPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port != standard_port(self.is_tls) {
            write!(f, ":{}", self.port)?;
        }
        let star = if self.is_open { "*" } else { "" };
        write!(f, "{}{star}", self.path)
    }
}

/// Where a URL leads to.
pub(crate) struct Place {
    pub(crate) is_tls: bool,
    /// In lower case.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Place {
    /// `None`: no `http` or `https` URL, or one with a user name.
    pub(crate) fn of(uri: &Uri) -> Option<Self> {
        let is_tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return None,
        };
        let authority = uri.authority()?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return None;
        }
        // A port that is none would be taken for the standard one.
        let has_port = authority.as_str().len() > authority.host().len();
        let port = match authority.port_u16() {
            Some(0) => return None,
            Some(port) => port,
            None if has_port => return None,
            None => standard_port(is_tls),
        };
        Some(Self {
            is_tls,
            host: authority.host().to_ascii_lowercase(),
            port,
        })
    }
}

const fn standard_port(is_tls: bool) -> u16 {
    if is_tls { 443 } else { 80 }
}

fn has_dots(path: &str) -> bool {
    path.split(['/', '\\']).any(|segment| {
        let segment = segment.to_ascii_lowercase().replace("%2e", ".");
        let segment = segment.replace("%2f", "/").replace("%5c", "/");
        segment.split('/').any(|part| part == "." || part == "..")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(pattern: &str, url: &str) -> bool {
        let pattern: UrlPattern = pattern.parse().unwrap();
        url.parse().is_ok_and(|uri| pattern.permits(&uri))
    }

    #[test]
    fn a_pattern_permits_what_it_says() {
        let table = [
            ("https://a.example/*", "https://a.example/", true),
            ("https://a.example/*", "https://A.example:443/x?y=1", true),
            ("https://a.example", "https://a.example/x", true),
            ("https://a.example/*", "http://a.example/x", false),
            ("https://a.example/*", "https://a.example:8443/x", false),
            ("https://a.example:8443/*", "https://a.example:8443/x", true),
            ("https://a.example/*", "https://b.example/x", false),
            ("https://a.example/*", "https://a.example.evil.example/", false),
            ("https://*.example/*", "https://a.b.example/", true),
            ("https://*.example/*", "https://example/", false),
            ("https://*.example/*", "https://badexample/", false),
            ("https://a.example/hook", "https://a.example/hook?x", true),
            ("https://a.example/hook", "https://a.example/hooks", false),
            ("https://a.example/in/*", "https://a.example/in/1", true),
            ("https://a.example/in/*", "https://a.example/out", false),
            ("http://127.0.0.1:9000/*", "http://127.0.0.1:9000/x", true),
            ("http://[::1]:9000/*", "http://[::1]:9000/x", true),
        ];
        for (pattern, url, expected) in table {
            assert_eq!(permits(pattern, url), expected, "{pattern} {url}");
        }
    }

    #[test]
    fn what_servers_read_differently_is_permitted_nowhere() {
        for url in [
            "https://a.example/in/../admin",
            "https://a.example/in/%2e%2E/admin",
            "https://a.example/in/..%2fadmin",
            "https://a.example/in/x%5c..%5cadmin",
            "https://user@a.example/in/1",
            "https://a.example@evil.example/in/1",
            "ftp://a.example/in/1",
            "/in/1",
        ] {
            assert!(!permits("https://a.example/in/*", url), "{url}");
        }
    }

    #[test]
    fn a_pattern_is_shown_as_it_may_be_written() {
        for text in [
            "https://a.example/*",
            "http://*.example:81/in",
            "http://[::1]:9000/x/*",
        ] {
            assert_eq!(text.parse::<UrlPattern>().unwrap().to_string(), text);
        }
        for bad in [
            "",
            "*",
            "a.example",
            "ftp://x/",
            "https://",
            "https://x/?y",
            "https://a*b/",
        ] {
            assert_eq!(bad.parse::<UrlPattern>(), Err(UrlPatternError), "{bad}");
        }
    }
}
