//! Which IP addresses may be dialled.
//!
//! Peers choose the hosts of links, and whoever runs the name service of a host chooses its addresses: without this
//! check a node could be made to knock at what listens on its own machine or network.

use std::net::{IpAddr, Ipv4Addr};

use super::network::Network;

/// What in IPv4 is not on the public Internet: the special-purpose registry of RFC 6890 as it is today.
const SPECIAL_V4: [Network; 15] = [
    Network::v4(0, 0, 0, 8),
    Network::v4(10, 0, 0, 8),
    Network::v4(100, 64, 0, 10),
    Network::v4(127, 0, 0, 8),
    Network::v4(169, 254, 0, 16),
    Network::v4(172, 16, 0, 12),
    Network::v4(192, 0, 0, 24),
    Network::v4(192, 0, 2, 24),
    Network::v4(192, 88, 99, 24),
    Network::v4(192, 168, 0, 16),
    Network::v4(198, 18, 0, 15),
    Network::v4(198, 51, 100, 24),
    Network::v4(203, 0, 113, 24),
    Network::v4(224, 0, 0, 4),
    Network::v4(240, 0, 0, 4),
];

/// What IANA gives out for the public Internet in IPv6; everything else (loopback, unique local, link local, IPv4 as
/// such, multicast) lies outside.
const GLOBAL_V6: Network = Network::v6(0x2000, 0, 0, 3);

/// What in [`GLOBAL_V6`] is special all the same: protocol assignments with Teredo among them, 6to4, documentation.
const SPECIAL_V6: [Network; 4] = [
    Network::v6(0x2001, 0, 0, 23),
    Network::v6(0x2001, 0xdb8, 0, 32),
    Network::v6(0x2002, 0, 0, 16),
    Network::v6(0x3fff, 0, 0, 20),
];

/// The well-known prefix of NAT64: the last 32 bits are the IPv4 address that is meant. RFC 6052.
const NAT64: Network = Network::v6(0x64, 0xff9b, 0, 96);

/// Whether an address is one of the public Internet. Where one leads to an IPv4 address, that one decides.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let address = IpAddr::V4(address);
            !SPECIAL_V4.iter().any(|network| network.contains(address))
        }
        IpAddr::V6(address) if NAT64.contains(address.into()) => {
            let [.., a, b, c, d] = address.octets();
            is_public(Ipv4Addr::new(a, b, c, d).into())
        }
        IpAddr::V6(address) => {
            let address = IpAddr::V6(address);
            GLOBAL_V6.contains(address) && !SPECIAL_V6.iter().any(|network| network.contains(address))
        }
    }
}

/// Which addresses may be dialled: public ones, and those of networks that were named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressPolicy {
    networks: Vec<Network>,
}

impl AddressPolicy {
    /// Public addresses and these networks. The default is public addresses alone.
    pub const fn new(networks: Vec<Network>) -> Self {
        Self { networks }
    }

    /// Whether an address may be dialled.
    ///
    /// `host` is what it was resolved from: a host that is itself written as an address was allowed as that address, by
    /// whoever allowed the host. Unspecified, multicast and broadcast addresses are nobody's and never dialled.
    pub fn permits(&self, address: IpAddr, host: &str) -> bool {
        let address = address.to_canonical();
        let is_nobodys =
            address.is_unspecified() || address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST);
        let is_literal = literal(host).is_some_and(|literal| literal.to_canonical() == address);
        let is_named = || self.networks.iter().any(|network| network.contains(address));
        !is_nobodys && (is_literal || is_public(address) || is_named())
    }
}

/// The address that a host is written as, if it is one; in brackets if it is an IPv6 address.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    bare(host).parse().ok()
}

/// A host without the brackets of an IPv6 address.
pub(super) fn bare(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_public_or_not() {
        let table = [
            ("1.1.1.1", true),
            ("0.0.0.0", false),
            ("0.1.2.3", false),
            ("9.255.255.255", true),
            ("10.0.0.1", false),
            ("11.0.0.0", true),
            ("100.63.255.255", true),
            ("100.64.0.1", false),
            ("100.127.255.255", false),
            ("100.128.0.0", true),
            ("127.0.0.1", false),
            ("127.255.255.254", false),
            ("169.254.169.254", false),
            ("172.15.255.255", true),
            ("172.16.0.1", false),
            ("172.31.255.255", false),
            ("172.32.0.0", true),
            ("192.0.0.8", false),
            ("192.0.1.1", true),
            ("192.0.2.1", false),
            ("192.88.99.1", false),
            ("192.168.1.1", false),
            ("198.17.255.255", true),
            ("198.18.0.1", false),
            ("198.19.255.255", false),
            ("198.51.100.7", false),
            ("203.0.113.7", false),
            ("223.255.255.255", true),
            ("224.0.0.1", false),
            ("239.1.2.3", false),
            ("240.0.0.1", false),
            ("255.255.255.255", false),
            ("2606:4700::1111", true),
            ("2a00::1", true),
            ("::", false),
            ("::1", false),
            // IPv4-mapped and IPv4-compatible.
            ("::ffff:127.0.0.1", false),
            ("::ffff:10.0.0.1", false),
            ("::ffff:1.1.1.1", true),
            ("::127.0.0.1", false),
            ("::1.1.1.1", false),
            // NAT64: the well-known prefix, and one for local use.
            ("64:ff9b::1.1.1.1", true),
            ("64:ff9b::127.0.0.1", false),
            ("64:ff9b::10.0.0.1", false),
            ("64:ff9b:1::1.1.1.1", false),
            // 6to4, Teredo, other protocol assignments.
            ("2002:7f00:1::", false),
            ("2002:101:101::1", false),
            ("2001::1", false),
            ("2001:20::1", false),
            ("2001:1ff:ffff::", false),
            ("2001:200::1", true),
            ("2001:db8::1", false),
            ("3fff::1", false),
            ("3fff:1000::1", true),
            ("4000::1", false),
            ("5f00::1", false),
            ("100::1", false),
            ("fc00::1", false),
            ("fdff::1", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
        ];
        for (address, expected) in table {
            assert_eq!(is_public(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[track_caller]
    fn check(networks: &[&str], address: &str, host: &str, permitted: bool) {
        let networks = networks.iter().map(|text| text.parse().unwrap()).collect();
        let policy = AddressPolicy::new(networks);
        assert_eq!(
            policy.permits(address.parse().unwrap(), host),
            permitted,
            "{address}"
        );
    }

    #[test]
    fn a_private_address_is_permitted_where_its_network_is_named() {
        check(&[], "10.0.0.7", "n2.example.com", false);
        check(&["10.0.0.0/8"], "10.0.0.7", "n2.example.com", true);
        check(&["10.0.0.0/8"], "::ffff:10.0.0.7", "n2.example.com", true);
        check(&["10.0.0.0/8"], "64:ff9b::10.0.0.7", "n2.example.com", false);
        check(&["10.0.0.0/8"], "127.0.0.1", "n2.example.com", false);
        check(&["fd00::/8"], "fd12::1", "n2.example.com", true);
        check(&["fd00::/8"], "fc00::1", "n2.example.com", false);
        check(&["10.0.0.7"], "10.0.0.7", "n2.example.com", true);
        check(&["10.0.0.7"], "10.0.0.8", "n2.example.com", false);
    }

    #[test]
    fn a_host_written_as_an_address_was_allowed_as_that_address() {
        check(&[], "10.0.0.7", "10.0.0.7", true);
        check(&[], "::1", "[::1]", true);
        check(&[], "127.0.0.1", "[::ffff:127.0.0.1]", true);
        check(&[], "10.0.0.8", "10.0.0.7", false);
        // Names that resolvers take for 127.0.0.1, but that nobody wrote as an address.
        for host in ["127.1", "2130706433", "0x7f000001", "localhost"] {
            check(&[], "127.0.0.1", host, false);
        }
    }

    #[test]
    fn an_address_of_nobody_is_never_permitted() {
        for address in [
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "::ffff:0.0.0.0",
        ] {
            check(&["0.0.0.0/0", "::/0"], address, address, false);
        }
        check(&["0.0.0.0/0"], "127.0.0.1", "n2.example.com", true);
        check(&["::/0"], "::1", "n2.example.com", true);
    }
}
