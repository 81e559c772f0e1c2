//! The tokens with which the tools sign users in.

use std::collections::BTreeMap;
use std::path::Path;

use crate::config::Secret;

/// Which token each user shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignIn {
    /// The one of everybody who has no other.
    everybody: Option<Secret>,
    by_user: BTreeMap<String, Secret>,
}

impl SignIn {
    /// The same token for every user, or none.
    pub fn with(token: Option<String>) -> Self {
        Self {
            everybody: token.map(Secret::new),
            by_user: BTreeMap::new(),
        }
    }

    /// Reads tokens, one a line: a token for everybody, or a userid, a blank and that user's token, as the file of `auth.users` has
    /// them. What stands behind the token, empty lines and lines that begin with `#` are left out.
    ///
    /// # Errors
    ///
    /// What is wrong with the file; nothing of a token.
    pub fn load(file: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let tokens = Self::parse(&text);
        if tokens == Self::default() {
            return Err(format!("{}: there is no token in it", file.display()));
        }
        Ok(tokens)
    }

    fn parse(text: &str) -> Self {
        let mut tokens = Self::default();
        let lines = text.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let mut words = line.split_whitespace();
            match (words.next(), words.next()) {
                (Some(user), Some(token)) => {
                    let token = Secret::new(token.to_owned());
                    tokens.by_user.insert(user.to_ascii_lowercase(), token);
                }
                (Some(token), None) => tokens.everybody = Some(Secret::new(token.to_owned())),
                (None, _) => {}
            }
        }
        tokens
    }

    /// The token that is shown with the query of a handshake.
    pub(crate) fn token(&self, query: &str) -> Option<&Secret> {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let name = pairs.into_iter().find(|(key, _)| *key == "userid");
        let own = name.and_then(|(_, value)| self.by_user.get(&decoded(value).to_ascii_lowercase()));
        own.or(self.everybody.as_ref())
    }
}

/// A text of a query; what is wrongly encoded in it names nobody.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        let hex = (*first == b'%').then(|| more.get(..2)).flatten();
        let byte = hex
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = byte.map_or(more, |_| &more[2..]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_user_shows_his_token_and_others_that_of_everybody() {
        let text = "# of the test server\nAlice@example.com  token-of-alice {\"may\": [\"call\"]}\n\ntoken-of-everybody\n";
        let tokens = SignIn::parse(text);
        let of = |query: &str| tokens.token(query).map(Secret::expose);
        assert_eq!(of("userid=alice%40example.com&x=1"), Some("token-of-alice"));
        assert_eq!(of("x=1&userid=alice@example.com"), Some("token-of-alice"));
        for other in ["userid=bob@example.com", "userid=alice%4", "userid=%", ""] {
            assert_eq!(of(other), Some("token-of-everybody"), "{other}");
        }
        assert!(!format!("{tokens:?}").contains("token-of"));
        assert_eq!(SignIn::with(None).token("userid=alice"), None);
        assert!(SignIn::load(Path::new("/nowhere")).is_err());
    }
}
