//! Names that come from outside: of services, of versions. What is not of their form never gets further.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// The shortest beginning of a digest that names a version.
const PREFIX: usize = 6;
/// The longest label.
const LABEL: usize = 64;

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// A service has another form of name.
    #[error("a service is named by 1 to 63 letters, digits and hyphens, and not `default`")]
    Service,
    /// A label has another form.
    #[error(
        "a label is 1 to 64 letters, digits, `.`, `_`, `+` and `-`, begins with a letter or digit, and is neither `built-in` nor \
         `file` nor what could be a digest"
    )]
    Label,
    /// It is no digest.
    #[error("a digest has 64 hexadecimal digits")]
    Digest,
    /// It names no version.
    #[error("a version is named by its label, its digest, at least the first 6 digits of it, or `built-in`")]
    Version,
}

/// The name of a service, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceName(String);

impl ServiceName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServiceName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let name = text.to_ascii_lowercase();
        let is_name = (1..=63).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && name != "default";
        is_name.then_some(Self(name)).ok_or(NameError::Service)
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the operator calls a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label(String);

impl Label {
    /// The label of a version that was given none: the first digits of its digest. No label that is given looks so.
    pub(crate) fn of(digest: Digest) -> Self {
        let mut text = digest.to_string();
        text.truncate(12);
        Self(text)
    }

    /// The label.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// One that was read from the manifest, and may be of either kind.
    pub(crate) fn kept(text: &str, digest: Digest) -> Result<Self, NameError> {
        let own = Self::of(digest);
        if own.0 == text { Ok(own) } else { text.parse() }
    }
}

impl FromStr for Label {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
        let is_label = (1..=LABEL).contains(&text.len())
            && text.bytes().all(is_plain)
            && text.as_bytes()[0].is_ascii_alphanumeric()
            && !BaseKind::ALL.iter().any(|kind| kind.label() == text)
            && !is_prefix(text);
        is_label.then(|| Self(text.to_owned())).ok_or(NameError::Label)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a service comes from that was not loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaseKind {
    /// It is compiled in.
    BuiltIn,
    /// The configuration names its file.
    File,
}

impl BaseKind {
    const ALL: [Self; 2] = [Self::BuiltIn, Self::File];

    /// What its version is called.
    pub const fn label(self) -> &'static str {
        match self {
            Self::BuiltIn => "built-in",
            Self::File => "file",
        }
    }
}

/// The SHA-256 of a component's bytes: the name of a version that never means another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl FromStr for Digest {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.len() != 64 || !text.bytes().all(is_digit) {
            return Err(NameError::Digest);
        }
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let value = |digit: u8| (digit as char).to_digit(16).unwrap_or(0) as u8;
            *byte = value(digits[0]) << 4 | value(digits[1]);
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How somebody names a version of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// What the service is without any loaded version: `built-in`, or `file`.
    Base,
    /// By its label.
    Label(Label),
    /// By its digest, or at least the first 6 digits of it.
    Digest(String),
}

impl FromStr for Selector {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text {
            text if BaseKind::ALL.iter().any(|kind| kind.label() == text) => Ok(Self::Base),
            text if is_prefix(text) => Ok(Self::Digest(text.to_owned())),
            text => text.parse().map(Self::Label).map_err(|_| NameError::Version),
        }
    }
}

/// Whether it could be a digest or the beginning of one.
fn is_prefix(text: &str) -> bool {
    (PREFIX..=64).contains(&text.len()) && text.bytes().all(is_digit)
}

const fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'a'..=b'f')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_has_a_name_that_fits_into_a_host_name_and_no_path() {
        assert_eq!("Rooms-2".parse::<ServiceName>().unwrap().as_str(), "rooms-2");
        for bad in [
            "",
            "../x",
            "a/b",
            "a.b",
            "a b",
            "default",
            "Default",
            "é",
            "a\0",
            "%2e%2e",
            &"x".repeat(64),
        ] {
            assert_eq!(bad.parse::<ServiceName>(), Err(NameError::Service), "{bad:?}");
        }
    }

    #[test]
    fn a_label_cannot_be_taken_for_a_digest_or_a_path() {
        for good in ["1.2.0", "2026-10-01_rc1", "v1+build", "beef"] {
            assert_eq!(good.parse::<Label>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "-a",
            "a b",
            "built-in",
            "file",
            "deadbeef",
            "é",
            &"x".repeat(65),
        ] {
            assert_eq!(bad.parse::<Label>(), Err(NameError::Label), "{bad:?}");
        }
    }

    #[test]
    fn a_digest_is_read_as_it_is_written() {
        let digest = Digest::of(b"");
        let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest.to_string(), text);
        assert_eq!(text.parse(), Ok(digest));
        for bad in ["", &text[1..], &text.to_uppercase(), &text.replace('e', "g")] {
            assert_eq!(bad.parse::<Digest>(), Err(NameError::Digest), "{bad}");
        }
    }

    #[test]
    fn a_version_is_named_in_one_of_three_ways() {
        assert_eq!("built-in".parse(), Ok(Selector::Base));
        assert_eq!("1.0".parse(), Ok(Selector::Label("1.0".parse().unwrap())));
        assert_eq!("e3b0c4".parse(), Ok(Selector::Digest("e3b0c4".to_owned())));
        assert_eq!("../x".parse::<Selector>(), Err(NameError::Version));
    }
}
