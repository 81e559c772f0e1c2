//! Keys, and which algorithms each may be used with.

use std::fmt;

use ring::hmac;
use ring::signature::{
    self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use thiserror::Error;

use crate::der::{self, BIT_STRING, INTEGER, OBJECT, SEQUENCE};
use crate::pem;

/// RSA in the form of RFC 3279.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// A key on an elliptic curve, RFC 5480; the curve follows.
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
/// Ed25519, RFC 8410.
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

macro_rules! algorithms {
    ($($(#[doc = $about:literal])+ $name:ident = $wire:literal, $family:ident;)+) => {
        /// A signature algorithm of JWS (RFC 7518 §3.1, RFC 8037). There is no `none`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Algorithm {
            $($(#[doc = $about])+ $name,)+
        }

        impl Algorithm {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its name in the header of a token.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $wire,)+
                }
            }

            const fn family(self) -> Family {
                match self {
                    $(Self::$name => Family::$family,)+
                }
            }
        }
    };
}

algorithms! {
    /// HMAC with SHA-256.
    Hs256 = "HS256", Secret;
    /// HMAC with SHA-384.
    Hs384 = "HS384", Secret;
    /// HMAC with SHA-512.
    Hs512 = "HS512", Secret;
    /// RSA, PKCS #1 v1.5, SHA-256.
    Rs256 = "RS256", Rsa;
    /// RSA, PKCS #1 v1.5, SHA-384.
    Rs384 = "RS384", Rsa;
    /// RSA, PKCS #1 v1.5, SHA-512.
    Rs512 = "RS512", Rsa;
    /// RSA, PSS, SHA-256.
    Ps256 = "PS256", Rsa;
    /// RSA, PSS, SHA-384.
    Ps384 = "PS384", Rsa;
    /// RSA, PSS, SHA-512.
    Ps512 = "PS512", Rsa;
    /// ECDSA on P-256 with SHA-256.
    Es256 = "ES256", P256;
    /// ECDSA on P-384 with SHA-384.
    Es384 = "ES384", P384;
    /// Ed25519.
    EdDsa = "EdDSA", Ed25519;
}

impl Algorithm {
    /// The algorithm of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.as_str() == name)
    }

    /// Whether its key is a secret that both sides have.
    pub const fn is_symmetric(self) -> bool {
        matches!(self.family(), Family::Secret)
    }

    /// The fewest bytes of a secret: as many as the hash has (RFC 7518 §3.2).
    const fn min_secret(self) -> usize {
        match self {
            Self::Hs384 => 48,
            Self::Hs512 => 64,
            _ => 32,
        }
    }
}

/// The kind of key an algorithm takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Secret,
    Rsa,
    P256,
    P384,
    Ed25519,
}

/// Why a key cannot be used. The texts tell nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no PEM in it, or it is broken.
    #[error("there is no PEM block in it, or it is broken")]
    Pem,
    /// It is private.
    #[error("it holds a private key; only the public one belongs here")]
    Private,
    /// It is another kind of block.
    #[error("it holds no `PUBLIC KEY`")]
    Label,
    /// The key is none that is known.
    #[error("it is no RSA, P-256, P-384 or Ed25519 key")]
    Kind,
    /// No algorithm that is allowed takes such a key.
    #[error("none of the algorithms that are allowed takes such a key")]
    Algorithm,
    /// The secret is too short.
    #[error("a secret for {} has at least {} bytes", .0.as_str(), .0.min_secret())]
    Short(Algorithm),
    /// A public key stands where a secret should.
    #[error("it is a PEM file: with a public key for a secret, everybody could make tokens")]
    PublicSecret,
}

#[derive(Clone, PartialEq, Eq)]
enum Material {
    Secret(Vec<u8>),
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// An uncompressed point, or the 32 bytes of Ed25519.
    Point(Family, Vec<u8>),
}

/// A key that tokens are verified with, and the algorithms it may be used with.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    material: Material,
}

impl Key {
    /// A secret, as the bytes of its file without a newline at the end.
    ///
    /// # Errors
    ///
    /// [`KeyError::Algorithm`], [`KeyError::Short`], [`KeyError::PublicSecret`].
    pub fn secret(bytes: &[u8], allowed: &[Algorithm]) -> Result<Self, KeyError> {
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if bytes.windows(10).any(|window| window == b"-----BEGIN") {
            return Err(KeyError::PublicSecret);
        }
        let key = Self::new(None, allowed, Material::Secret(bytes.to_vec())).ok_or(KeyError::Algorithm)?;
        let short = |algorithm: &&Algorithm| bytes.len() < algorithm.min_secret();
        match key.algorithms.iter().find(short) {
            Some(algorithm) => Err(KeyError::Short(*algorithm)),
            None => Ok(key),
        }
    }

    /// The public keys of a PEM file: `PUBLIC KEY` (RFC 5280's SubjectPublicKeyInfo) or `RSA PUBLIC KEY`.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn pem(text: &str, allowed: &[Algorithm]) -> Result<Vec<Self>, KeyError> {
        let blocks = pem::blocks(text)
            .filter(|blocks| !blocks.is_empty())
            .ok_or(KeyError::Pem)?;
        let key = |block: &pem::Block| {
            let material = match block.label.as_str() {
                "PUBLIC KEY" => subject_public_key(&block.der),
                "RSA PUBLIC KEY" => rsa_public_key(&block.der),
                label if label.ends_with("PRIVATE KEY") => return Err(KeyError::Private),
                _ => return Err(KeyError::Label),
            };
            let material = material.ok_or(KeyError::Kind)?;
            Self::new(None, allowed, material).ok_or(KeyError::Algorithm)
        };
        blocks.iter().map(key).collect()
    }

    /// An RSA key of a key set.
    pub(crate) fn rsa(id: Option<String>, allowed: &[Algorithm], n: Vec<u8>, e: Vec<u8>) -> Option<Self> {
        let strip = |mut bytes: Vec<u8>| {
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            bytes.drain(..zeros);
            bytes
        };
        let (n, e) = (strip(n), strip(e));
        Self::new(id, allowed, Material::Rsa { n, e })
    }

    /// A key on an elliptic curve of a key set.
    pub(crate) fn curve(
        id: Option<String>,
        allowed: &[Algorithm],
        curve: &str,
        x: &[u8],
        y: &[u8],
    ) -> Option<Self> {
        let (family, coordinate) = match curve {
            "P-256" => (Family::P256, 32),
            "P-384" => (Family::P384, 48),
            "Ed25519" => (Family::Ed25519, 32),
            _ => return None,
        };
        if family == Family::Ed25519 {
            let is_key = x.len() == coordinate && y.is_empty();
            return is_key
                .then(|| Self::new(id, allowed, Material::Point(family, x.to_vec())))
                .flatten();
        }
        let is_point = x.len() == coordinate && y.len() == coordinate;
        let point = || Material::Point(family, [&[4], x, y].concat());
        is_point.then(|| Self::new(id, allowed, point())).flatten()
    }

    fn new(id: Option<String>, allowed: &[Algorithm], material: Material) -> Option<Self> {
        let family = match &material {
            Material::Secret(_) => Family::Secret,
            Material::Rsa { .. } => Family::Rsa,
            Material::Point(family, _) => *family,
        };
        let fits = |algorithm: &Algorithm| algorithm.family() == family;
        let algorithms: Vec<_> = allowed.iter().copied().filter(fits).collect();
        (!algorithms.is_empty()).then_some(Self {
            id,
            algorithms,
            material,
        })
    }

    /// What its issuer calls it.
    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Whether it may be used with an algorithm.
    pub(crate) fn takes(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Whether the signature of a text is of this key. The algorithm must be one that it [takes](Self::takes).
    pub(crate) fn verify(&self, algorithm: Algorithm, text: &[u8], signature: &[u8]) -> bool {
        if !self.takes(algorithm) {
            return false;
        }
        match &self.material {
            Material::Secret(secret) => {
                let digest = match algorithm {
                    Algorithm::Hs256 => hmac::HMAC_SHA256,
                    Algorithm::Hs384 => hmac::HMAC_SHA384,
                    Algorithm::Hs512 => hmac::HMAC_SHA512,
                    _ => return false,
                };
                hmac::verify(&hmac::Key::new(digest, secret), text, signature).is_ok()
            }
            Material::Rsa { n, e } => {
                let parameters: &RsaParameters = match algorithm {
                    Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
                    Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
                    Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
                    Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
                    Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
                    Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
                    _ => return false,
                };
                let key = RsaPublicKeyComponents { n, e };
                key.verify(parameters, text, signature).is_ok()
            }
            Material::Point(_, point) => {
                let way: &dyn VerificationAlgorithm = match algorithm {
                    Algorithm::Es256 => &signature::ECDSA_P256_SHA256_FIXED,
                    Algorithm::Es384 => &signature::ECDSA_P384_SHA384_FIXED,
                    Algorithm::EdDsa => &signature::ED25519,
                    _ => return false,
                };
                UnparsedPublicKey::new(way, point).verify(text, signature).is_ok()
            }
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}

fn subject_public_key(der: &[u8]) -> Option<Material> {
    let mut outer = der::only(der, SEQUENCE)?;
    let mut algorithm = der::take(&mut outer, SEQUENCE)?;
    let bits = der::only(outer, BIT_STRING)?;
    let (&unused, key) = bits.split_first()?;
    if unused != 0 {
        return None;
    }
    let kind = der::take(&mut algorithm, OBJECT)?;
    if kind == RSA {
        return rsa_public_key(key);
    }
    let (family, bytes) = if kind == EC {
        match der::only(algorithm, OBJECT)? {
            curve if curve == P256 => (Family::P256, 65),
            curve if curve == P384 => (Family::P384, 97),
            _ => return None,
        }
    } else if kind == ED25519 && algorithm.is_empty() {
        (Family::Ed25519, 32)
    } else {
        return None;
    };
    (key.len() == bytes).then(|| Material::Point(family, key.to_vec()))
}

fn rsa_public_key(der: &[u8]) -> Option<Material> {
    let mut numbers = der::only(der, SEQUENCE)?;
    let n = der::positive(der::take(&mut numbers, INTEGER)?)?;
    let e = der::positive(der::only(numbers, INTEGER)?)?;
    Some(Material::Rsa {
        n: n.to_vec(),
        e: e.to_vec(),
    })
}
