//! URIs: `[user@]host[:port][;name[=value]]*` (spec section 3).

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv6Addr;

use thiserror::Error;

/// A URI, as a view of the text it was parsed from.
///
/// ```
/// let uri = jsip::Uri::parse("room:888@Example.com:8080; type=conference; urgent")?;
/// assert_eq!(uri.user(), Some("room:888"));
/// assert_eq!(uri.host(), "Example.com");
/// assert_eq!(uri.port(), Some(8080));
/// assert_eq!(uri.param("type"), Some(Some("conference")));
/// assert_eq!(uri.param("urgent"), Some(None));
/// assert_eq!(uri.user_with_host(), "room:888@example.com");
/// # Ok::<(), jsip::UriError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Uri<'a> {
    user: Option<&'a str>,
    host: &'a str,
    port: Option<u16>,
    /// What stands before the port.
    name: &'a str,
    /// What stands after the first semicolon.
    params: Option<&'a str>,
}

/// What is wrong with a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum UriError {
    /// It holds a control character.
    #[error("control character in a URI")]
    ControlCharacter,
    /// There is more than one `@` before the parameters.
    #[error("two @ in a URI")]
    TwoAts,
    /// There is an `@` with nothing before it.
    #[error("empty user in a URI")]
    EmptyUser,
    /// There is no host.
    #[error("empty host in a URI")]
    EmptyHost,
    /// The host holds blanks, or brackets that are not those of an IPv6 address.
    #[error("bad host in a URI")]
    BadHost,
    /// The port is no number from 1 to 65535.
    #[error("bad port in a URI")]
    BadPort,
    /// A parameter has no name.
    #[error("parameter without a name in a URI")]
    EmptyParameter,
}

/// Takes the blanks around a part away.
fn trimmed(part: &str) -> &str {
    part.trim_matches([' ', '\t'])
}

impl<'a> Uri<'a> {
    /// Parses a URI. Blanks around its parts do not count.
    ///
    /// # Errors
    /// What is wrong, as [`UriError`] lists it.
    pub fn parse(text: &'a str) -> Result<Self, UriError> {
        Self::plain(text).map_or_else(|| Self::parse_any(text), Ok)
    }

    /// `user@host` or `host` of letters, digits and a few more, as almost all are: one look at each byte.
    fn plain(text: &'a str) -> Option<Self> {
        let mut at = None;
        for (index, byte) in text.bytes().enumerate() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'+' => {}
                b'@' if at.is_none() => at = Some(index),
                _ => return None,
            }
        }
        let (user, host) = match at {
            Some(at) => (Some(text.get(..at)?), text.get(at + 1..)?),
            None => (None, text),
        };
        (user != Some("") && !host.is_empty()).then_some(Self {
            user,
            host,
            port: None,
            name: text,
            params: None,
        })
    }

    fn parse_any(text: &'a str) -> Result<Self, UriError> {
        if text
            .chars()
            .any(|character| character.is_control() && character != '\t')
        {
            return Err(UriError::ControlCharacter);
        }
        let (address, params) = match text.split_once(';') {
            Some((address, params)) => (address, Some(params)),
            None => (text, None),
        };
        let address = trimmed(address);
        let (user, place) = match address.split_once('@') {
            Some((user, place)) => (Some(trimmed(user)), trimmed(place)),
            None => (None, address),
        };
        if place.contains('@') {
            return Err(UriError::TwoAts);
        }
        if user == Some("") {
            return Err(UriError::EmptyUser);
        }
        let (host, port) = split_port(place)?;
        let tail = place.len() - host.len();
        let name = trimmed(address.get(..address.len() - tail).unwrap_or_default());
        let uri = Self {
            user,
            host,
            port,
            name,
            params,
        };
        if uri.params().any(|(name, _)| name.is_empty()) {
            return Err(UriError::EmptyParameter);
        }
        Ok(uri)
    }

    /// Returns the user, who may hold a colon.
    #[must_use]
    pub fn user(&self) -> Option<&'a str> {
        self.user
    }

    /// Returns the host as it was written, an IPv6 address with its brackets. Hosts compare without regard to case.
    #[must_use]
    pub fn host(&self) -> &'a str {
        self.host
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Tells whether the host is this one, whatever the case of its ASCII letters.
    #[must_use]
    pub fn host_is(&self, host: &str) -> bool {
        self.host.eq_ignore_ascii_case(host)
    }

    /// Returns the parameters in their order: name and value.
    pub fn params(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> + use<'a> {
        self.params
            .into_iter()
            .flat_map(|params| params.split(';'))
            .map(|param| match param.split_once('=') {
                Some((name, value)) => (trimmed(name), Some(trimmed(value))),
                None => (trimmed(param), None),
            })
    }

    /// Returns the first parameter of a name: `None` where there is none, `Some(None)` where it has no value.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<Option<&'a str>> {
        self.params()
            .find(|&(other, _)| other == name)
            .map(|(_, value)| value)
    }

    /// Tells whether there is a parameter of a name.
    #[must_use]
    pub fn has_param(&self, name: &str) -> bool {
        self.param(name).is_some()
    }

    /// Returns `[user@]host` with the host in lower case: the name of the channel this URI leads to.
    #[must_use]
    pub fn user_with_host(&self) -> Cow<'a, str> {
        let lower = !self.host.bytes().any(|byte| byte.is_ascii_uppercase());
        let length = self.user.map_or(0, |user| user.len() + 1) + self.host.len();
        if lower && length == self.name.len() {
            return Cow::Borrowed(self.name);
        }
        let mut name = String::with_capacity(length);
        if let Some(user) = self.user {
            name.push_str(user);
            name.push('@');
        }
        name.extend(self.host.chars().map(|character| character.to_ascii_lowercase()));
        Cow::Owned(name)
    }

    /// Returns the host up to its first dot; an address in brackets whole.
    #[must_use]
    pub fn first_label(&self) -> &'a str {
        if self.host.starts_with('[') {
            self.host
        } else {
            self.host.split('.').next().unwrap_or_default()
        }
    }
}

/// Splits and checks `host[:port]`.
fn split_port(place: &str) -> Result<(&str, Option<u16>), UriError> {
    let (host, port) = if place.starts_with('[') {
        let end = place.find(']').ok_or(UriError::BadHost)? + 1;
        let (host, rest) = place.split_at(end);
        let inner = host.trim_start_matches('[').trim_end_matches(']');
        if host.len() != inner.len() + 2 || inner.parse::<Ipv6Addr>().is_err() {
            return Err(UriError::BadHost);
        }
        match trimmed(rest) {
            "" => (host, None),
            rest => (host, Some(rest.strip_prefix(':').ok_or(UriError::BadHost)?)),
        }
    } else {
        match place.split_once(':') {
            Some((host, port)) => (trimmed(host), Some(port)),
            None => (place, None),
        }
    };
    if host.is_empty() {
        return Err(UriError::EmptyHost);
    }
    if !host.starts_with('[')
        && host.contains(|character: char| character.is_whitespace() || "[],".contains(character))
    {
        return Err(UriError::BadHost);
    }
    let port = port.map(|port| parse_port(trimmed(port))).transpose()?;
    Ok((host, port))
}

fn parse_port(digits: &str) -> Result<u16, UriError> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(UriError::BadPort);
    }
    match digits.parse() {
        Ok(0) | Err(_) => Err(UriError::BadPort),
        Ok(port) => Ok(port),
    }
}

impl fmt::Display for Uri<'_> {
    /// Writes the URI without blanks around its parts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = self.user {
            write!(f, "{user}@")?;
        }
        f.write_str(self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        for (name, value) in self.params() {
            write!(f, ";{name}")?;
            if let Some(value) = value {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
