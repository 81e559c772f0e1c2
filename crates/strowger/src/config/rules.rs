//! What single texts must look like. Each function gives back the text in its canonical form.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::units::parse_duration;

/// A socket address; `:8080` means every IPv4 address.
pub(super) fn address(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix(':') {
        Some(port) => Some(SocketAddr::from((Ipv4Addr::UNSPECIFIED, self::port(port)?))),
        None => text.parse().ok(),
    }
}

/// A host name, an IPv4 address or a bracketed IPv6 address, in lower case.
pub(super) fn host(text: &str) -> Option<String> {
    let is_host = match text.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?.parse::<Ipv6Addr>().is_ok(),
        None => text.len() <= 253 && text.split('.').all(is_host_label),
    };
    is_host.then(|| text.to_ascii_lowercase())
}

/// A host, or `*.` and a domain name; with or without a port.
pub(super) fn host_pattern(text: &str) -> Option<String> {
    let (name, port) = match text.rsplit_once(':') {
        Some((name, digits)) if !digits.ends_with(']') => {
            (name, Some(port(digits).filter(|port| *port != 0)?))
        }
        Some(_) | None => (text, None),
    };
    let host = match name.strip_prefix("*.") {
        Some(domain) if domain.starts_with('[') || domain.parse::<IpAddr>().is_ok() => return None,
        Some(domain) => format!("*.{}", host(domain)?),
        None => host(name)?,
    };
    Some(port.map_or(host.clone(), |port| format!("{host}:{port}")))
}

/// A scheme, a host and perhaps a port, as browsers send it.
pub(super) fn origin(text: &str) -> Option<String> {
    if text == "*" {
        return Some(text.to_owned());
    }
    let lower = text.to_ascii_lowercase();
    let (scheme, authority) = lower.split_once("://")?;
    let is_origin = is_host_label(scheme) && !authority.starts_with('*') && host_pattern(authority).is_some();
    is_origin.then_some(lower)
}

/// An absolute path without a query.
pub(super) fn path(text: &str) -> Option<String> {
    let is_path = text.starts_with('/')
        && text
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"?#\"\\".contains(&b));
    is_path.then(|| text.to_owned())
}

/// A URL that may be asked: `https`, or `http` where an address says which machine that is.
pub(super) fn url(text: &str) -> Option<String> {
    let uri: http::Uri = text.parse().ok()?;
    let authority = uri.authority()?;
    let host = authority.host();
    let address = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    let is_private = match uri.scheme_str()? {
        "https" => true,
        "http" => address.parse::<IpAddr>().is_ok(),
        _ => false,
    };
    (is_private && !host.is_empty() && !authority.as_str().contains('@') && line(text).is_some())
        .then(|| text.to_owned())
}

/// A text in one line that need not be quoted.
pub(super) fn line(text: &str) -> Option<String> {
    let is_line = !text.is_empty() && text.len() <= 1024 && !text.contains(char::is_control);
    is_line.then(|| text.to_owned())
}

/// The path of a file; from where the server was started, if it is relative.
pub(super) fn file(text: &str) -> Option<PathBuf> {
    let is_file = !text.is_empty() && !text.contains(char::is_control);
    is_file.then(|| PathBuf::from(text))
}

/// One label: letters, digits and hyphens.
pub(super) fn label(text: &str) -> Option<String> {
    let is_label =
        text.len() <= 63 && !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    is_label.then(|| text.to_owned())
}

/// `[user@]host`, the host in lower case, at most 255 bytes.
pub(super) fn user(text: &str) -> Option<String> {
    let (user, name) = match text.split_once('@') {
        Some((user, name)) => (Some(user), name),
        None => (None, text),
    };
    let name = host(name)?;
    let Some(user) = user else { return Some(name) };
    let is_user =
        !user.is_empty() && !user.contains(|c: char| c.is_control() || c.is_whitespace() || c == '@');
    (is_user && text.len() <= 255).then(|| format!("{user}@{name}"))
}

/// Users with blanks between them.
pub(super) fn users(text: &str) -> Option<Vec<String>> {
    let users: Option<Vec<String>> = text.split_whitespace().map(user).collect();
    users.filter(|users| !users.is_empty())
}

/// How long a step of a hunt is rung.
pub(super) fn ring(text: &str) -> Option<Duration> {
    let bounds = Duration::from_secs(1)..=Duration::from_secs(3600);
    parse_duration(text).filter(|span| bounds.contains(span))
}

fn is_host_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= 63
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

fn port(digits: &str) -> Option<u16> {
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: fn(&str) -> Option<String>, good: &[(&str, &str)], bad: &[&str]) {
        for (text, canonical) in good {
            assert_eq!(rule(text).as_deref(), Some(*canonical), "{text}");
        }
        for text in bad {
            assert_eq!(rule(text), None, "{text}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address_without_a_port() {
        check(
            host,
            &[
                ("localhost", "localhost"),
                ("Example.COM", "example.com"),
                ("10.0.0.7", "10.0.0.7"),
                ("[::1]", "[::1]"),
            ],
            &[
                "", "a b", "a:1", "a@b", ".a", "a.", "::1", "[::1", "[x]", "*.a", "é.fr",
            ],
        );
    }

    #[test]
    fn a_host_pattern_may_have_a_star_in_front_and_a_port_behind() {
        check(
            host_pattern,
            &[
                ("a.example.com", "a.example.com"),
                ("*.Example.com", "*.example.com"),
                ("*.example.com:5061", "*.example.com:5061"),
                ("[::1]:8080", "[::1]:8080"),
                ("[::1]", "[::1]"),
                ("127.0.0.1:9000", "127.0.0.1:9000"),
            ],
            &[
                "*",
                "*.",
                "a.*.com",
                "*.10.0.0.1",
                "*.[::1]",
                "a:",
                "a:0",
                "a:+1",
                "a:99999",
                "::1",
            ],
        );
    }

    #[test]
    fn an_origin_has_a_scheme_and_no_path_or_is_any() {
        check(
            origin,
            &[
                ("https://App.example.com", "https://app.example.com"),
                ("http://localhost:3000", "http://localhost:3000"),
                ("*", "*"),
            ],
            &[
                "app.example.com",
                "https://",
                "https://a/",
                "https://*.a.com",
                "://a",
                "null",
            ],
        );
    }

    #[test]
    fn a_url_is_private_on_its_way_or_names_an_address() {
        check(
            url,
            &[
                ("https://a.example/x?y=1", "https://a.example/x?y=1"),
                ("http://127.0.0.1:9000/x", "http://127.0.0.1:9000/x"),
                ("http://[::1]/x", "http://[::1]/x"),
            ],
            &[
                "",
                "/x",
                "http://a.example/",
                "http://localhost/",
                "ftp://a/",
                "https://u@a/",
                "https:///x",
            ],
        );
    }

    #[test]
    fn a_path_is_absolute_and_plain() {
        check(
            path,
            &[("/", "/"), ("/rtc", "/rtc"), ("/a/b", "/a/b")],
            &["", "rtc", "/a?b", "/a#b", "/a b", "/é"],
        );
    }

    #[test]
    fn a_user_is_a_host_with_or_without_a_user_part() {
        check(
            user,
            &[
                ("ann@Example.com", "ann@example.com"),
                ("room:888@a.b", "room:888@a.b"),
                ("Alice", "alice"),
            ],
            &["", "@a", "a@", "a@b@c", "a b@c", "a@b:5060", "a\u{7}@b"],
        );
    }

    #[test]
    fn users_are_divided_by_blanks() {
        let both = ["ann@a.b", "ben@a.b"].map(str::to_owned).to_vec();
        assert_eq!(users(" ann@A.b  ben@a.b "), Some(both));
        for text in ["", " ", "ann@a.b,ben@a.b", "ann@a.b b@"] {
            assert_eq!(users(text), None, "{text}");
        }
    }

    #[test]
    fn an_address_needs_a_port() {
        for text in ["127.0.0.1:8080", "[::1]:0", ":8080"] {
            assert!(address(text).is_some(), "{text}");
        }
        for text in ["", "8080", ":", ":x", ":+1", "127.0.0.1", "localhost:8080"] {
            assert!(address(text).is_none(), "{text}");
        }
    }
}
