//! Published key sets (RFC 7517).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::object::Object;
use crate::{Algorithm, Key};

/// The most keys that are taken from a set.
const MOST: usize = 64;

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    /// A private key that was published: everybody has it.
    d: Option<IgnoredAny>,
}

/// Reads a key set. Keys for something else, of another kind, or private are left out; so is what exceeds the bound.
///
/// # Errors
///
/// What is wrong with it, where no key can be used.
pub(crate) fn read(json: &[u8], allowed: &[Algorithm]) -> Result<Vec<Key>, &'static str> {
    let set = serde_json::from_slice::<Object<KeySet>>(json);
    let Object(set) = set.map_err(|_| "it is no key set")?;
    let keys = set.keys.into_iter().filter_map(|key| {
        let Object(key) = serde_json::from_value::<Object<Jwk>>(key).ok()?;
        usable(key, allowed)
    });
    let keys: Vec<_> = keys.take(MOST).collect();
    if keys.is_empty() {
        return Err("there is no key in it that may be used with the algorithms of this issuer");
    }
    Ok(keys)
}

fn usable(key: Jwk, allowed: &[Algorithm]) -> Option<Key> {
    let is_for_signatures = key.purpose.is_none_or(|purpose| purpose == "sig")
        && key.key_ops.is_none_or(|ops| ops.iter().any(|op| op == "verify"));
    if !is_for_signatures || key.d.is_some() {
        return None;
    }
    let allowed: Vec<_> = match &key.alg {
        Some(alg) => {
            let named = |algorithm: &&Algorithm| algorithm.as_str() == alg;
            allowed.iter().filter(named).copied().collect()
        }
        None => allowed.to_vec(),
    };
    let bytes = |part: Option<String>| URL_SAFE_NO_PAD.decode(part?.trim_end_matches('=')).ok();
    match key.kty.as_str() {
        "RSA" => Key::rsa(key.kid, &allowed, bytes(key.n)?, bytes(key.e)?),
        "EC" => Key::curve(
            key.kid,
            &allowed,
            key.crv.as_deref().filter(|curve| *curve != "Ed25519")?,
            &bytes(key.x)?,
            &bytes(key.y)?,
        ),
        "OKP" => {
            let curve = key.crv.as_deref().filter(|curve| *curve == "Ed25519")?;
            Key::curve(key.kid, &allowed, curve, &bytes(key.x)?, &[])
        }
        // Above all `oct`: a secret that is published is none.
        _ => None,
    }
}
