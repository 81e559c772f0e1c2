//! Whose address a connection counts for, where proxies stand between a client and us.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::HeaderMap;

const FORWARDED_FOR: &str = "x-forwarded-for";
/// How many bits an IPv4 address has in front of it when it is written as an IPv6 one.
const IPV4_OFFSET: u8 = 96;
const IPV4_BITS: u8 = 32;
const IPV6_BITS: u8 = 128;

/// A range of IP addresses, written `10.0.0.0/8` or `2001:db8::/32`; an address alone is the range of just it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    prefix: u8,
}

/// The text is no range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a range of IP addresses such as 10.0.0.0/8, or bits are set behind its prefix")]
pub struct NetworkError;

impl Network {
    /// Whether an address lies in the range; an IPv4 address written as an IPv6 one counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.bits() ^ bits(address) <= self.host_mask()
    }

    fn bits(&self) -> u128 {
        bits(self.first)
    }

    /// The bits in which addresses of the range differ.
    fn host_mask(&self) -> u128 {
        let offset = if self.first.is_ipv4() { IPV4_OFFSET } else { 0 };
        u128::MAX
            .checked_shr(u32::from(offset + self.prefix))
            .unwrap_or(0)
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let most = if first.is_ipv4() { IPV4_BITS } else { IPV6_BITS };
        let prefix = match prefix {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| NetworkError)?
            }
            Some(_) => return Err(NetworkError),
            None => most,
        };
        let network = Self { first, prefix };
        if prefix > most || network.bits() & network.host_mask() != 0 {
            return Err(NetworkError);
        }
        Ok(network)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

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
    fn a_network_holds_its_addresses_and_no_other() {
        let cases = [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("192.0.2.128/25", "192.0.2.255", "192.0.2.127"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::1", "::1", "::2"),
            ("0.0.0.0/0", "203.0.113.7", "2001:db8::1"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"),
        ];
        for (text, inside, outside) in cases {
            assert!(network(text).contains(ip(inside)), "{text} {inside}");
            assert!(!network(text).contains(ip(outside)), "{text} {outside}");
        }
        assert!(network("::/0").contains(ip("2001:db8::1")));
    }

    #[test]
    fn what_is_no_range_is_refused_and_what_is_one_is_written_as_it_was_read() {
        for text in [
            "",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.1/8",
            "::1/64",
            "::/129",
            "example.com",
            "10.0.0.0/8/8",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError), "{text}");
        }
        for text in ["10.0.0.0/8", "::1/128", "0.0.0.0/0", "2001:db8::/32"] {
            assert_eq!(network(text).to_string(), text);
        }
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
