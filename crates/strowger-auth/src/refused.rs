//! Why a peer is not admitted.

use thiserror::Error;

/// Whose turn it is to do something about a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The peer's: it has to show another credential. HTTP: 401.
    Unauthenticated,
    /// Nobody's: the credential holds, and does not allow this. HTTP: 403.
    Forbidden,
    /// The operator's: what decides about the credential cannot be asked now. HTTP: 503.
    Unavailable,
}

/// Why a peer is not admitted. The texts go to the peer and to the log, so none repeats anything of a token.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refused {
    /// It shows no token.
    #[error("a token is needed")]
    NoToken,
    /// It shows different tokens at different places.
    #[error("more than one token")]
    ManyTokens,
    /// The token is longer than any may be.
    #[error("the token is too long")]
    TooLong,
    /// The token is nobody's.
    #[error("the token is not known")]
    Unknown,
    /// The token is no JWT that can be read.
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    /// No configured issuer has given it out.
    #[error("the token is of an issuer that is not trusted here")]
    Issuer,
    /// Its algorithm is not allowed for its issuer and key.
    #[error("the token's algorithm is not allowed")]
    Algorithm,
    /// Its issuer has no such key.
    #[error("the token's key is not known")]
    Key,
    /// Its signature does not hold.
    #[error("the token's signature does not hold")]
    Signature,
    /// It never expires.
    #[error("the token has no `exp`")]
    NoExpiry,
    /// It has expired.
    #[error("the token has expired")]
    Expired,
    /// It is not valid yet.
    #[error("the token is not valid yet")]
    NotYet,
    /// It is for somebody else's server.
    #[error("the token is for another audience")]
    Audience,
    /// It does not say who shows it, or the issuer may not speak for that user.
    #[error("the token names no user of its issuer")]
    Identity,
    /// Its grants cannot be understood, so nothing is granted.
    #[error("the grants of the token cannot be read")]
    Grants,
    /// The credential is somebody else's.
    #[error("this userid is not granted by the token")]
    NotYours,
    /// The endpoint refused.
    #[error("refused")]
    ByCallback(Class),
    /// The issuer's keys cannot be had.
    #[error("the keys of the token's issuer cannot be had now")]
    NoKeys,
    /// The endpoint gave no answer that decides.
    #[error("who decides cannot be asked now")]
    NoAnswer,
}

impl Refused {
    /// What [`Refused::reason`] may be.
    pub const REASONS: [&'static str; 19] = [
        "no_token",
        "many_tokens",
        "token_too_long",
        "unknown_token",
        "malformed_token",
        "issuer",
        "algorithm",
        "key",
        "signature",
        "no_expiry",
        "expired",
        "not_yet_valid",
        "audience",
        "identity",
        "grants",
        "not_yours",
        "callback",
        "no_keys",
        "no_answer",
    ];

    /// The reason as a label of figures: one of a few.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::ManyTokens => "many_tokens",
            Self::TooLong => "token_too_long",
            Self::Unknown => "unknown_token",
            Self::Malformed(_) => "malformed_token",
            Self::Issuer => "issuer",
            Self::Algorithm => "algorithm",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::NoExpiry => "no_expiry",
            Self::Expired => "expired",
            Self::NotYet => "not_yet_valid",
            Self::Audience => "audience",
            Self::Identity => "identity",
            Self::Grants => "grants",
            Self::NotYours => "not_yours",
            Self::ByCallback(_) => "callback",
            Self::NoKeys => "no_keys",
            Self::NoAnswer => "no_answer",
        }
    }

    /// Whose turn it is.
    pub const fn class(&self) -> Class {
        match self {
            Self::NotYours => Class::Forbidden,
            Self::ByCallback(class) => *class,
            Self::NoKeys | Self::NoAnswer => Class::Unavailable,
            Self::NoToken
            | Self::ManyTokens
            | Self::TooLong
            | Self::Unknown
            | Self::Malformed(_)
            | Self::Issuer
            | Self::Algorithm
            | Self::Key
            | Self::Signature
            | Self::NoExpiry
            | Self::Expired
            | Self::NotYet
            | Self::Audience
            | Self::Identity
            | Self::Grants => Class::Unauthenticated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_a_reason_of_its_own() {
        let all = [
            Refused::NoToken,
            Refused::ManyTokens,
            Refused::TooLong,
            Refused::Unknown,
            Refused::Malformed(""),
            Refused::Issuer,
            Refused::Algorithm,
            Refused::Key,
            Refused::Signature,
            Refused::NoExpiry,
            Refused::Expired,
            Refused::NotYet,
            Refused::Audience,
            Refused::Identity,
            Refused::Grants,
            Refused::NotYours,
            Refused::ByCallback(Class::Forbidden),
            Refused::NoKeys,
            Refused::NoAnswer,
        ];
        assert_eq!(all.map(|refused| refused.reason()), Refused::REASONS);
    }
}
