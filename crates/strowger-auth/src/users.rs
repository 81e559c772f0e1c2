//! Users from a file, for development.

use std::fmt;

use jsip::UserId;
use ring::digest::{SHA256, digest};
use thiserror::Error;

use crate::{Credential, Grants};

/// The fewest characters of a token.
const TOKEN: usize = 16;
/// How many users there may be.
const USERS: usize = 10_000;

/// Why a file of users cannot be used. The text tells nothing of their tokens.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UsersError {
    /// A line is none.
    #[error("line {0}: it must be a user such as `alice@example.com`, a blank, a token, and perhaps grants")]
    Line(usize),
    /// A token is too short, or has characters that a subprotocol cannot have.
    #[error(
        "line {0}: a token has at least {TOKEN} letters, digits or any of `-._~`, and belongs to one user"
    )]
    Token(usize),
    /// Grants cannot be read.
    #[error("line {0}: the grants cannot be read: {1}")]
    Grants(usize, String),
    /// There are too many.
    #[error("there are more than {USERS} users in it")]
    TooMany,
}

/// Users whose tokens are known, and never expire. Only digests of the tokens are kept.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Users(Vec<([u8; 32], UserId, Option<Grants>)>);

impl Users {
    /// Reads users, one a line: the name, a blank, the token, and perhaps a blank and [`Grants`] as JSON. Empty lines and
    /// lines that begin with `#` are left out.
    ///
    /// # Errors
    ///
    /// [`UsersError`].
    pub fn parse(text: &str) -> Result<Self, UsersError> {
        let mut users = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, rest) = line
                .split_once(char::is_whitespace)
                .ok_or(UsersError::Line(number))?;
            let name = UserId::new(name).ok().filter(|name| !name.is_bare_host());
            let name = name.ok_or(UsersError::Line(number))?;
            let rest = rest.trim_start();
            let (token, grants) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            let is_token = token.len() >= TOKEN
                && token
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
            let digest = digest_of(token);
            if !is_token || users.0.iter().any(|(known, ..)| *known == digest) {
                return Err(UsersError::Token(number));
            }
            let grants = match grants.trim() {
                "" => None,
                json => Some(
                    serde_json::from_str(json)
                        .map_err(|error| UsersError::Grants(number, error.to_string()))?,
                ),
            };
            users.0.push((digest, name, grants));
            if users.0.len() > USERS {
                return Err(UsersError::TooMany);
            }
        }
        Ok(users)
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The user whose token this is. Digests are compared, which nobody can choose, so the time it takes tells nothing.
    pub(crate) fn find(&self, token: &str) -> Option<Credential> {
        let shown = digest_of(token);
        let (_, name, grants) = self.0.iter().find(|(known, ..)| *known == shown)?;
        Some(Credential::new(name.clone(), None, grants.clone()))
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Users({})", self.0.len())
    }
}

fn digest_of(token: &str) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_his_token_alone() {
        let text = "# for development\n\nalice@Example.com  token-of-alice-0001\n\
                    bob@example.com token-of-bob-000001 {\"may\":[\"message\"]}\n";
        let users = Users::parse(text).unwrap();
        let alice = users.find("token-of-alice-0001").unwrap();
        assert_eq!(
            (alice.identity.as_str(), alice.grants, alice.valid_for),
            ("alice@example.com", None, None)
        );
        assert!(users.find("token-of-bob-000001").unwrap().grants.is_some());
        for token in [
            "",
            "token-of-alice-000",
            "token-of-alice-00011",
            "TOKEN-of-alice-0001",
        ] {
            assert_eq!(users.find(token), None, "{token}");
        }
        assert_eq!(format!("{users:?}"), "Users(2)");
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let table = [
            ("alice@example.com", "line 1: it must be"),
            ("\nnode.example token-of-node-00001", "line 2: it must be"),
            ("a@b short", "line 1: a token"),
            ("a@b token/with=others+000", "line 1: a token"),
            (
                "a@b token-of-alice-0001\nb@b token-of-alice-0001",
                "line 2: a token",
            ),
            ("a@b token-of-alice-0001 {\"nay\":[]}", "line 1: the grants"),
        ];
        for (text, expected) in table {
            let error = Users::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
            assert!(!error.contains("token-of"), "{error}");
        }
    }
}
