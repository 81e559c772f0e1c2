//! Who may do what.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use axum::body::Body;
use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::{HeaderMap, Request, StatusCode};
use sha2::{Digest as _, Sha256};

use crate::problem::Problem;

/// The fewest characters of a token.
const TOKEN: usize = 16;
/// How many tokens there may be.
const TOKENS: usize = 1000;

/// What somebody may do; each role includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look.
    Read,
    /// End what runs.
    Operate,
    /// Change what code runs.
    Deploy,
}

impl Role {
    const ALL: [(&'static str, Self); 3] = [
        ("read", Self::Read),
        ("operate", Self::Operate),
        ("deploy", Self::Deploy),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(word, _)| *word == name)
            .map(|(_, role)| *role)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL
            .iter()
            .find(|(_, role)| role == self)
            .map_or("", |(word, _)| word);
        f.write_str(name)
    }
}

/// Why tokens cannot be used. The text tells nothing of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokensError {
    /// A line is none.
    #[error("line {0}: it must be `read`, `operate` or `deploy`, a blank, and a token")]
    Line(usize),
    /// What begins with `until=` is no time.
    #[error("line {0}: behind `until=` stands a time such as 2030-01-31T00:00:00Z")]
    Until(usize),
    /// A token is too short, or has characters that a header cannot have.
    #[error("line {0}: a token has at least {TOKEN} printable ASCII characters and no blanks")]
    Token(usize),
    /// There is none.
    #[error("there is no token in it")]
    None,
    /// There are too many.
    #[error("there are more than {TOKENS} tokens in it")]
    TooMany,
}

/// The tokens that are known, each with its role. Only their digests are kept.
#[derive(Clone, Default)]
pub struct Tokens(Vec<([u8; 32], Caller)>);

/// The tokens that hold now; all clones are the same.
#[derive(Clone, Debug, Default)]
pub struct PresentTokens(Arc<RwLock<Arc<Tokens>>>);

impl PresentTokens {
    /// Has others hold from now on.
    pub fn replace(&self, tokens: Tokens) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tokens);
    }

    /// Those that hold now.
    pub(crate) fn get(&self) -> Arc<Tokens> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl From<Tokens> for PresentTokens {
    fn from(tokens: Tokens) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(tokens))))
    }
}

/// Who asks: what is known of a token beside the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// What it may do.
    pub(crate) role: Role,
    /// What the operator calls it, or its place among the tokens.
    pub(crate) name: String,
    /// When it ends; none if it does not.
    pub(crate) until: Option<SystemTime>,
}

impl Tokens {
    /// Reads tokens, one a line: `read`, `operate` or `deploy`, a blank, the token, and maybe blanks, `until=` with the time (RFC
    /// 3339) at which it ends, and a name for it in the log. Empty lines and what follows a `#` at the beginning of a line are
    /// left out.
    ///
    /// # Errors
    ///
    /// See [`TokensError`].
    pub fn parse(text: &str) -> Result<Self, TokensError> {
        let mut tokens = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (role, token) = line.split_once([' ', '\t']).ok_or(TokensError::Line(number))?;
            let role = Role::named(role).ok_or(TokensError::Line(number))?;
            let token = token.trim();
            let (token, more) = token.split_once([' ', '\t']).unwrap_or((token, ""));
            let (until, name) = until(more.trim()).ok_or(TokensError::Until(number))?;
            let name = match name {
                "" => format!("token {}", tokens.0.len() + 1),
                name => name.to_owned(),
            };
            tokens
                .add(token, Caller { role, name, until })
                .map_err(|()| TokensError::Token(number))?;
            if tokens.0.len() > TOKENS {
                return Err(TokensError::TooMany);
            }
        }
        if tokens.0.is_empty() {
            Err(TokensError::None)
        } else {
            Ok(tokens)
        }
    }

    /// One token that may do everything; `None` if it can be none.
    pub fn single(token: &str) -> Option<Self> {
        let mut tokens = Self::default();
        tokens
            .add(
                token,
                Caller {
                    role: Role::Deploy,
                    name: "the single token".to_owned(),
                    until: None,
                },
            )
            .ok()?;
        Some(tokens)
    }

    fn add(&mut self, token: &str, caller: Caller) -> Result<(), ()> {
        let is_token = token.len() >= TOKEN && token.bytes().all(|byte| byte.is_ascii_graphic());
        is_token
            .then(|| self.0.push((digest(token.as_bytes()), caller)))
            .ok_or(())
    }

    /// Adds others.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Whether there are any; where not, none is asked for.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who shows a token. Takes as long for each: digests are compared, which nobody can choose.
    fn caller(&self, token: &[u8]) -> Option<&Caller> {
        let shown = digest(token);
        let known = self.0.iter().filter(|(known, _)| *known == shown);
        known.map(|(_, caller)| caller).max_by_key(|caller| caller.role)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({})", self.0.len())
    }
}

/// The time behind `until=`, if it begins so, and the rest; `None`: it is no time.
fn until(text: &str) -> Option<(Option<SystemTime>, &str)> {
    let Some(rest) = text.strip_prefix("until=") else {
        return Some((None, text));
    };
    let (time, name) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
    let time = humantime::parse_rfc3339(time).ok()?;
    Some((Some(time), name.trim()))
}

fn digest(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// Whether a request may be carried out that needs this role.
///
/// With tokens it must show one. Without, only this machine can come here, but a web page in a browser on it can as well: a request
/// that a page of somewhere else sent, or that was sent to a name which somebody's name server made this machine's, is refused.
pub(crate) fn check(
    tokens: &Tokens,
    needed: Role,
    request: &Request<Body>,
    now: SystemTime,
) -> Result<Caller, Problem> {
    let headers = request.headers();
    let caller = if !tokens.is_empty() {
        let shown = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        let Some(shown) = shown else {
            return Err(Problem::new(StatusCode::UNAUTHORIZED, "a bearer token is needed"));
        };
        let Some(caller) = tokens.caller(shown) else {
            return Err(Problem::new(StatusCode::UNAUTHORIZED, "the token is not known"));
        };
        if caller.until.is_some_and(|until| until <= now) {
            return Err(Problem::new(StatusCode::UNAUTHORIZED, "the token has expired"));
        }
        if caller.role < needed {
            let detail = format!(
                "the role `{needed}` is needed, and the token has `{}`",
                caller.role
            );
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        caller.clone()
    } else if !is_local(headers, request.uri().host()) {
        let detail = "without a token, the address must be an IP address or `localhost`";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    } else {
        Caller {
            role: Role::Deploy,
            name: "nobody asked for one".to_owned(),
            until: None,
        }
    };
    if is_cross_site(headers) {
        let detail = "a page of another origin cannot use this interface";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    Ok(caller)
}

/// Whether the request names this machine as no name server can.
fn is_local(headers: &HeaderMap, in_uri: Option<&str>) -> bool {
    let header = headers.get(HOST).and_then(|host| host.to_str().ok());
    [header, in_uri].into_iter().flatten().all(|host| {
        let name = host_name(host);
        name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
    })
}

/// The host of `host:port`.
fn host_name(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// Whether a browser says that it comes from a page of somewhere else. Programs outside browsers send no Origin.
fn is_cross_site(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else {
        return false;
    };
    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let own = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    own.is_none_or(|(_, authority)| !authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request<Body> {
        let mut request = Request::builder().uri("/v1/services");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    fn status(tokens: &Tokens, needed: Role, headers: &[(&str, &str)]) -> u16 {
        status_at(tokens, needed, headers, SystemTime::UNIX_EPOCH)
    }

    fn status_at(tokens: &Tokens, needed: Role, headers: &[(&str, &str)], now: SystemTime) -> u16 {
        let checked = check(tokens, needed, &request(headers), now);
        checked.map_or_else(|problem| problem.status, |_| 200)
    }

    #[test]
    fn a_token_holds_until_its_end_and_no_longer() {
        let text = "read 0123456789abcdef until=1970-01-02T00:00:00Z ann's laptop\nread 1123456789abcdef until=1970-01-02T00:00:00Z";
        let tokens = Tokens::parse(text).unwrap();
        assert_eq!(tokens.caller(b"0123456789abcdef").unwrap().name, "ann's laptop");
        assert_eq!(tokens.caller(b"1123456789abcdef").unwrap().name, "token 2");
        let bearer = [("authorization", "Bearer 0123456789abcdef")];
        let after = |seconds| SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        assert_eq!(status_at(&tokens, Role::Read, &bearer, after(86_399)), 200);
        assert_eq!(status_at(&tokens, Role::Read, &bearer, after(86_400)), 401);
        // Whether it would be enough is not told any more.
        assert_eq!(status_at(&tokens, Role::Deploy, &bearer, after(86_400)), 401);
    }

    #[test]
    fn a_token_file_has_roles_and_comments() {
        let text = "# for the dashboard\nread   0123456789abcdef\n\n\tdeploy fedcba9876543210 ann's laptop\n";
        let tokens = Tokens::parse(text).unwrap();
        let who = |token: &[u8]| {
            tokens
                .caller(token)
                .map(|caller| (caller.role, caller.name.as_str()))
        };
        assert_eq!(who(b"0123456789abcdef"), Some((Role::Read, "token 1")));
        assert_eq!(who(b"fedcba9876543210"), Some((Role::Deploy, "ann's laptop")));
        assert_eq!(who(b"fedcba987654321"), None);
        assert!(!format!("{tokens:?}").contains("0123"));
    }

    #[test]
    fn a_bad_token_file_says_where_and_not_what() {
        for (text, error) in [
            ("", TokensError::None),
            ("# nothing\n", TokensError::None),
            ("0123456789abcdef", TokensError::Line(1)),
            ("\nroot 0123456789abcdef", TokensError::Line(2)),
            ("read short", TokensError::Token(1)),
            ("read 0123456789abcdef until=tomorrow", TokensError::Until(1)),
            ("read 0123456789abcdef until=", TokensError::Until(1)),
            ("read 0123456789 abcdef", TokensError::Token(1)),
        ] {
            assert_eq!(Tokens::parse(text).unwrap_err(), error, "{text}");
        }
        let many = "read 0123456789abcdef\n".repeat(TOKENS + 1);
        assert_eq!(Tokens::parse(&many).unwrap_err(), TokensError::TooMany);
        assert!(Tokens::single("short").is_none());
    }

    #[test]
    fn a_role_includes_those_before_it() {
        let tokens = Tokens::parse("operate 0123456789abcdef").unwrap();
        let bearer = [("authorization", "Bearer 0123456789abcdef")];
        assert_eq!(status(&tokens, Role::Read, &bearer), 200);
        assert_eq!(status(&tokens, Role::Operate, &bearer), 200);
        assert_eq!(status(&tokens, Role::Deploy, &bearer), 403);
    }

    #[test]
    fn with_tokens_a_known_one_is_needed_wherever_the_request_is_from() {
        let tokens = Tokens::single("0123456789abcdef").unwrap();
        for headers in [
            &[][..],
            &[("host", "127.0.0.1:2539")],
            &[("authorization", "Bearer 0123456789abcdeg")],
            &[("authorization", "Bearer ")],
            &[("authorization", "0123456789abcdef")],
            &[("authorization", "Basic 0123456789abcdef")],
        ] {
            assert_eq!(status(&tokens, Role::Read, headers), 401, "{headers:?}");
        }
        let named = [
            ("authorization", "Bearer 0123456789abcdef"),
            ("host", "node.example.com:2539"),
        ];
        assert_eq!(status(&tokens, Role::Deploy, &named), 200);
    }

    #[test]
    fn without_tokens_pages_of_other_origins_are_refused() {
        let none = Tokens::default();
        for (headers, expected) in [
            (&[("host", "127.0.0.1:2539")][..], 200),
            (&[("host", "localhost:2539")], 200),
            (&[("host", "[::1]:2539")], 200),
            (
                &[("host", "127.0.0.1:2539"), ("origin", "http://127.0.0.1:2539")],
                200,
            ),
            (
                &[("host", "127.0.0.1:2539"), ("origin", "http://evil.example")],
                403,
            ),
            (&[("host", "127.0.0.1:2539"), ("origin", "null")], 403),
            (
                &[("host", "127.0.0.1:2539"), ("origin", "http://127.0.0.1:8080")],
                403,
            ),
            (&[("host", "evil.example:2539")], 403),
            (
                &[("host", "evil.example"), ("origin", "http://evil.example")],
                403,
            ),
        ] {
            assert_eq!(status(&none, Role::Deploy, headers), expected, "{headers:?}");
        }
    }
}
