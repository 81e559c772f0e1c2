//! A JWT as it came: three parts, none of them believed (RFC 7515, compact serialization).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::object::Object;
use crate::token::MAX_BYTES;
use crate::{Algorithm, Key, Refused};

/// The most keys that are tried for a token which names none.
const MOST_TRIED: usize = 8;

/// A JWT whose parts can be read. Nothing in it is proven.
#[derive(Debug)]
pub(crate) struct Jws<'t> {
    algorithm: Algorithm,
    key_id: Option<String>,
    /// What is signed.
    text: &'t str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood; none is.
    crit: Option<IgnoredAny>,
    /// Whether the payload is encoded, RFC 7797; it must be.
    b64: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Unverified {
    iss: Option<String>,
}

impl<'t> Jws<'t> {
    /// Takes a token apart; `None` if it has not the form of a JWT at all: three parts in base64url.
    ///
    /// # Errors
    ///
    /// [`Refused::Malformed`] where it has the form and is none; [`Refused::Algorithm`] where its algorithm is unknown,
    /// `none` among them.
    pub(crate) fn read(token: &'t str) -> Result<Option<Self>, Refused> {
        if token.len() > MAX_BYTES {
            return Err(Refused::TooLong);
        }
        let Some((text, signature)) = token.rsplit_once('.') else {
            return Ok(None);
        };
        let Some((header, payload)) = text.split_once('.') else {
            return Ok(None);
        };
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let (Some(header), Some(payload), Some(signature)) =
            (decode(header), decode(payload), decode(signature))
        else {
            return Ok(None);
        };
        // A known token of a static user may have dots in it; a JWT begins with an object.
        if header.first() != Some(&b'{') {
            return Ok(None);
        }
        let header = serde_json::from_slice::<Object<Header>>(&header);
        let Object(header) = header.map_err(|_| Refused::Malformed("its header"))?;
        if header.crit.is_some() || header.b64.is_some() {
            return Err(Refused::Malformed("an extension that is not known"));
        }
        let algorithm = Algorithm::named(&header.alg).ok_or(Refused::Algorithm)?;
        Ok(Some(Self {
            algorithm,
            key_id: header.kid,
            text,
            payload,
            signature,
        }))
    }

    /// Who is said to have given it out. For choosing the keys to try, and nothing else.
    pub(crate) fn unverified_issuer(&self) -> Option<String> {
        serde_json::from_slice::<Object<Unverified>>(&self.payload)
            .ok()
            .and_then(|Object(claims)| claims.iss)
    }

    /// The key that it says it was signed with.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Gives out the payload if one of the keys has signed the token.
    ///
    /// # Errors
    ///
    /// [`Refused::Key`], [`Refused::Algorithm`], [`Refused::Signature`].
    pub(crate) fn verify(&self, keys: &[Key]) -> Result<&[u8], Refused> {
        let mut named = keys.iter().filter(|key| self.may_be(key)).peekable();
        if named.peek().is_none() {
            return Err(Refused::Key);
        }
        let mut fitting = named
            .filter(|key| key.takes(self.algorithm))
            .take(MOST_TRIED)
            .peekable();
        if fitting.peek().is_none() {
            return Err(Refused::Algorithm);
        }
        let has_signed = |key: &Key| key.verify(self.algorithm, self.text.as_bytes(), &self.signature);
        if fitting.any(has_signed) {
            Ok(&self.payload)
        } else {
            Err(Refused::Signature)
        }
    }

    /// Whether a key may be the one that the token names. A key from a file has no name, and a token need not name one.
    fn may_be(&self, key: &Key) -> bool {
        match (self.key_id(), key.id()) {
            (Some(named), Some(id)) => named == id,
            (None, _) | (_, None) => true,
        }
    }
}
