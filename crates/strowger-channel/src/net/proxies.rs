//! Whose address a connection counts for, where proxies stand between a client and us.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

use super::network::Network;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The client behind a connection: its peer, or where that is a trusted proxy, the last address in `X-Forwarded-For`
/// that is not a trusted proxy's. What stands left of that anybody may have written.
///
/// `None` if only trusted proxies are named: such a connection is a proxy's own.
pub(super) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> Option<IpAddr> {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_trusted(peer) {
        return Some(peer);
    }
    for value in headers.get_all(FORWARDED_FOR).iter().rev() {
        for part in value.to_str().ok()?.rsplit(',') {
            let address = address(part.trim())?;
            if !is_trusted(address) {
                return Some(address);
            }
        }
    }
    None
}

/// An address with or without a port, as proxies write it.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    let with_port = || text.parse().map(|address: SocketAddr| address.ip());
    bare.parse().or_else(|_| with_port()).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    fn headers(values: &[&str]) -> HeaderMap {
        let values = values.iter().map(|value| HeaderValue::from_str(value).unwrap());
        values
            .map(|value| (http::HeaderName::from_static(FORWARDED_FOR), value))
            .collect()
    }

    #[test]
    fn only_a_trusted_proxy_says_who_its_client_is() {
        let trusted = [network("10.0.0.0/8"), network("::1")];
        let headers = headers(&["203.0.113.7"]);
        assert_eq!(
            client(ip("198.51.100.1"), &headers, &trusted),
            Some(ip("198.51.100.1"))
        );
        assert_eq!(
            client(ip("10.0.0.1"), &headers, &trusted),
            Some(ip("203.0.113.7"))
        );
        assert_eq!(client(ip("10.0.0.1"), &headers, &[]), Some(ip("10.0.0.1")));
    }

    #[test]
    fn the_last_address_that_is_no_proxys_counts_whatever_stands_before_it() {
        let trusted = [network("10.0.0.0/8")];
        let cases: [(&[&str], Option<&str>); 10] = [
            (&["192.0.2.1, 203.0.113.7"], Some("203.0.113.7")),
            (&["192.0.2.1, 203.0.113.7, 10.0.0.9"], Some("203.0.113.7")),
            (
                &["192.0.2.1", "203.0.113.7", "10.0.0.9,10.0.0.8"],
                Some("203.0.113.7"),
            ),
            (&["nonsense, 203.0.113.7"], Some("203.0.113.7")),
            (&["203.0.113.7:4711"], Some("203.0.113.7")),
            (&["[2001:db8::1]:4711"], Some("2001:db8::1")),
            (&["[2001:db8::1]"], Some("2001:db8::1")),
            (&["203.0.113.7, unknown"], None),
            (&["10.0.0.7, 10.0.0.8"], None),
            (&[], None),
        ];
        for (values, expected) in cases {
            let found = client(ip("10.0.0.1"), &headers(values), &trusted);
            assert_eq!(found, expected.map(ip), "{values:?}");
        }
    }
}
