//! Which hosts may be dialled as other nodes.

use std::net::IpAddr;
use std::str::FromStr;

use jsip::UserId;

/// Which hosts may be dialled as other nodes (`links.allow`). Default: none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkPolicy {
    patterns: Vec<LinkPattern>,
}

impl LinkPolicy {
    /// Allows the hosts that match any of the patterns.
    pub const fn new(patterns: Vec<LinkPattern>) -> Self {
        Self { patterns }
    }

    /// Whether a host and port may be dialled.
    pub fn allows(&self, host: &str, port: u16) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(host, port))
    }

    /// Whether a name is a node's: a bare host, or a user of a host that is a node's.
    pub fn is_node(&self, name: &UserId) -> bool {
        name.is_bare_host() || self.covers(name.host())
    }

    /// Whether a host is a node's, whatever the port: a user of that host is admitted only with link credentials.
    pub fn covers(&self, host: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.covers(host))
    }
}

/// One pattern of `links.allow`: `host`, `*.domain` (any name below the domain), either with `:port`.
///
/// An IP address is matched only by itself, never by a `*`: so an address that is allowed was written down by somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkPattern {
    host: String,
    below: bool,
    port: Option<u16>,
}

/// Why a text is no link pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no host pattern: write host, *.domain, host:port or *.domain:port")]
pub struct PatternError(String);

impl FromStr for LinkPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let error = || PatternError(text.to_owned());
        let (below, rest) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let uri = jsip::Uri::parse(rest).map_err(|_| error())?;
        if uri.user().is_some() || uri.params().next().is_some() || uri.host().contains('*') {
            return Err(error());
        }
        Ok(Self {
            host: uri.host().to_ascii_lowercase(),
            below,
            port: uri.port(),
        })
    }
}

impl LinkPattern {
    fn covers(&self, host: &str) -> bool {
        if self.below {
            if host.starts_with('[') || host.parse::<IpAddr>().is_ok() {
                return false;
            }
            let above = host.len().checked_sub(self.host.len() + 1);
            above.is_some_and(|at| {
                at > 0
                    && host.as_bytes()[at] == b'.'
                    && host.as_bytes()[at + 1..].eq_ignore_ascii_case(self.host.as_bytes())
            })
        } else {
            host.eq_ignore_ascii_case(&self.host)
        }
    }

    fn matches(&self, host: &str, port: u16) -> bool {
        self.covers(host) && self.port.is_none_or(|own| own == port)
    }
}

/// Why a peer that names itself as a node is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// No link credentials are configured.
    #[error("this userid names a node (a user is user@host), and no node is admitted here")]
    NoNodes,
    /// The peer showed none.
    #[error("this userid names a node: a link token is needed")]
    Missing,
    /// The peer showed wrong ones.
    #[error("wrong link token")]
    Wrong,
}

impl LinkPolicy {
    /// Whether a peer may have this name. A bare host and a host of `links.allow` are nodes' names: the peer must show
    /// the links' token. Anybody may be a user.
    ///
    /// # Errors
    ///
    /// See [`CredentialError`].
    pub fn admit(
        &self,
        name: &UserId,
        token: Option<&str>,
        shown: Option<&[u8]>,
    ) -> Result<(), CredentialError> {
        if !self.is_node(name) {
            return Ok(());
        }
        match (token, shown) {
            (None, _) => Err(CredentialError::NoNodes),
            (Some(_), None) => Err(CredentialError::Missing),
            (Some(token), Some(shown)) if equal_in_constant_time(token.as_bytes(), shown) => Ok(()),
            (Some(_), Some(_)) => Err(CredentialError::Wrong),
        }
    }
}

/// Compares secrets without telling by the time it takes where they differ.
fn equal_in_constant_time(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, host: &str, port: u16, allowed: bool) {
        let policy = LinkPolicy::new(vec![pattern.parse().unwrap()]);
        assert_eq!(policy.allows(host, port), allowed);
    }

    #[test]
    fn an_exact_host_matches_in_any_case() {
        check("node2.example.com", "NODE2.Example.com", 443, true);
        check("node2.example.com", "node3.example.com", 443, false);
    }

    #[test]
    fn a_star_stands_for_at_least_one_label() {
        check("*.example.com", "a.b.example.com", 443, true);
        check("*.example.com", "example.com", 443, false);
        check("*.example.com", ".example.com", 443, false);
        check("*.example.com", "badexample.com", 443, false);
    }

    #[test]
    fn a_port_in_the_pattern_must_be_the_port_that_is_dialled() {
        check("127.0.0.1:9000", "127.0.0.1", 9000, true);
        check("127.0.0.1:9000", "127.0.0.1", 9001, false);
    }

    #[test]
    fn an_address_is_matched_only_by_itself() {
        check("*.0.0.1", "127.0.0.1", 443, false);
        check("127.0.0.1", "127.0.0.1", 443, true);
        check("[::1]", "[::1]", 443, true);
    }

    #[test]
    fn a_bare_star_and_a_user_are_no_patterns() {
        for text in ["*", "", "a@b", "*.*.com", "a;b", "host:0x1"] {
            assert!(text.parse::<LinkPattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_node_must_show_the_token_and_a_user_need_not() {
        let policy = LinkPolicy::new(vec!["*.nodes.org".parse().unwrap()]);
        let admit = |name: &str, token, shown| policy.admit(&UserId::new(name).unwrap(), token, shown);
        assert_eq!(admit("alice@example.com", None, None), Ok(()));
        assert_eq!(admit("alice", None, None), Err(CredentialError::NoNodes));
        assert_eq!(
            admit("n1@a.nodes.org", Some("secret"), None),
            Err(CredentialError::Missing)
        );
        assert_eq!(
            admit("n1@a.nodes.org", Some("secret"), Some(b"secreT")),
            Err(CredentialError::Wrong)
        );
        assert_eq!(admit("n1@a.nodes.org", Some("secret"), Some(b"secret")), Ok(()));
    }
}
