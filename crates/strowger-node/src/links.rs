//! Which hosts may be dialled as other nodes.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use jsip::UserId;
use strowger_channel::net::{CertificateFault, ClientCertificate};

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

/// What nodes prove to each other on links. Default: nothing, so that no node is admitted.
///
/// What is there is needed: where there are a token and certificates, a peer has to show both.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct LinkCredentials {
    /// The token of all nodes that have none of their own.
    pub token: Option<String>,
    /// The tokens of nodes, by their hosts in lower case: such a node shows its own, and is shown it.
    pub tokens: BTreeMap<String, String>,
    /// Whether a node must show a certificate with its host.
    pub certificates: bool,
}

/// Tokens are not shown.
impl fmt::Debug for LinkCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkCredentials")
            .field("hosts", &self.tokens.keys())
            .field("certificates", &self.certificates)
            .finish_non_exhaustive()
    }
}

impl LinkCredentials {
    /// The token between this node and that of a host.
    pub fn token(&self, host: &str) -> Option<&str> {
        let own = self.tokens.get(&host.to_ascii_lowercase());
        own.or(self.token.as_ref()).map(String::as_str)
    }

    /// Whether a peer may have this name, which is a node's, with the token and the certificate that it shows.
    ///
    /// # Errors
    ///
    /// See [`CredentialError`].
    pub fn admit(
        &self,
        name: &UserId,
        token: Option<&[u8]>,
        certificate: Option<&ClientCertificate>,
    ) -> Result<(), CredentialError> {
        let expected = self.token(name.host());
        match (expected, token) {
            (None, _) if !self.certificates => return Err(CredentialError::NoNodes),
            (None, _) => {}
            (Some(_), None) => return Err(CredentialError::Missing),
            (Some(expected), Some(token)) if equal_in_constant_time(expected.as_bytes(), token) => {}
            (Some(_), Some(_)) => return Err(CredentialError::Wrong),
        }
        if self.certificates {
            let certificate = certificate.ok_or(CredentialError::NoCertificate)?;
            certificate.speaks_for(name.host())?;
        }
        Ok(())
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
    /// The peer showed no certificate.
    #[error("this userid names a node: a certificate with its host is needed")]
    NoCertificate,
    /// The peer showed a certificate that does not make it a node of its host.
    #[error(transparent)]
    Certificate(#[from] CertificateFault),
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

    fn id(name: &str) -> UserId {
        UserId::new(name).unwrap()
    }

    #[test]
    fn a_bare_host_and_a_host_that_is_allowed_are_nodes() {
        let policy = LinkPolicy::new(vec!["*.nodes.org".parse().unwrap()]);
        assert!(policy.is_node(&id("alice")) && policy.is_node(&id("n1@a.nodes.org")));
        assert!(!policy.is_node(&id("alice@example.com")));
    }

    #[test]
    fn a_node_must_show_the_token() {
        let admit = |token: Option<&str>, shown| {
            let credentials = LinkCredentials {
                token: token.map(str::to_owned),
                ..LinkCredentials::default()
            };
            credentials.admit(&id("n1@a.nodes.org"), shown, None)
        };
        assert_eq!(admit(None, None), Err(CredentialError::NoNodes));
        assert_eq!(admit(None, Some(b"secret")), Err(CredentialError::NoNodes));
        assert_eq!(admit(Some("secret"), None), Err(CredentialError::Missing));
        assert_eq!(
            admit(Some("secret"), Some(b"secreT")),
            Err(CredentialError::Wrong)
        );
        assert_eq!(admit(Some("secret"), Some(b"secret")), Ok(()));
    }

    #[test]
    fn a_node_with_a_token_of_its_own_shows_that_and_no_other() {
        let credentials = LinkCredentials {
            token: Some("shared".to_owned()),
            tokens: [("far.org".to_owned(), "own".to_owned())].into(),
            certificates: false,
        };
        let admit = |name: &str, shown: &[u8]| credentials.admit(&id(name), Some(shown), None);
        assert_eq!(admit("n1@FAR.org", b"own"), Ok(()));
        assert_eq!(admit("far.org", b"own"), Ok(()));
        assert_eq!(admit("n1@far.org", b"shared"), Err(CredentialError::Wrong));
        assert_eq!(admit("n1@near.org", b"own"), Err(CredentialError::Wrong));
        assert_eq!(admit("n1@near.org", b"shared"), Ok(()));
        let text = format!("{credentials:?}");
        assert!(!text.contains("shared") && !text.contains("own\""), "{text}");
    }

    #[test]
    fn where_certificates_are_asked_for_a_token_is_not_enough_and_may_be_left_out() {
        let mut credentials = LinkCredentials {
            token: Some("secret".to_owned()),
            certificates: true,
            ..LinkCredentials::default()
        };
        let missing = Err(CredentialError::NoCertificate);
        assert_eq!(
            credentials.admit(&id("n1@far.org"), Some(b"secret"), None),
            missing
        );
        credentials.token = None;
        assert_eq!(credentials.admit(&id("n1@far.org"), None, None), missing);
    }
}
