//! Whose components are loaded.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};

use crate::error::LoadError;

/// How an Ed25519 public key begins in the form that OpenSSL and others write (RFC 8410); 32 bytes follow.
const PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
const KEY_BYTES: usize = 32;

/// The public key of somebody whose components may be loaded: Ed25519, written as the one line between the first and the
/// last of a PEM file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signer([u8; KEY_BYTES]);

/// A text that is no [`Signer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no Ed25519 public key as a PEM file has it")]
pub struct SignerError;

impl FromStr for Signer {
    type Err = SignerError;

    fn from_str(text: &str) -> Result<Self, SignerError> {
        let bytes = STANDARD.decode(text).map_err(|_| SignerError)?;
        let key = bytes.strip_prefix(&PREFIX).ok_or(SignerError)?;
        key.try_into().map(Self).map_err(|_| SignerError)
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode([&PREFIX[..], &self.0].concat()))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether one of the signers has signed these bytes; without signers nobody need have.
pub(crate) fn check(signers: &[Signer], bytes: &[u8], signature: Option<&[u8]>) -> Result<(), LoadError> {
    if signers.is_empty() {
        return Ok(());
    }
    let signature = signature.ok_or(LoadError::Unsigned)?;
    let is_by = |signer: &Signer| {
        UnparsedPublicKey::new(&ED25519, signer.0)
            .verify(bytes, signature)
            .is_ok()
    };
    if signers.iter().any(is_by) {
        Ok(())
    } else {
        Err(LoadError::BadSignature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";

    #[test]
    fn a_key_is_read_and_written_as_a_pem_file_has_it() {
        assert_eq!(LINE.parse::<Signer>().unwrap().to_string(), LINE);
    }

    #[test]
    fn what_is_no_ed25519_key_is_refused() {
        let short = STANDARD.encode([&PREFIX[..], &[1; 31]].concat());
        let other = STANDARD.encode([1; 44]);
        for text in ["", "-----BEGIN PUBLIC KEY-----", "MCow", &short, &other] {
            assert_eq!(text.parse::<Signer>(), Err(SignerError), "{text}");
        }
    }
}
