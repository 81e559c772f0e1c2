//! What a token says, once its signature holds (RFC 7519 §4).

use jsip::UserId;
use serde_json::{Map, Value};

use crate::{Credential, Grants, IssuerSettings, Refused, Timestamp};

/// Makes a credential of the payload of a token whose signature holds.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn credential(
    payload: &[u8],
    issuer: &IssuerSettings,
    now: Timestamp,
) -> Result<Credential, Refused> {
    let claims: Map<String, Value> =
        serde_json::from_slice(payload).map_err(|_| Refused::Malformed("its claims"))?;
    // It chose the keys unverified: with another reader's eyes it might be another one.
    if claims.get("iss").and_then(Value::as_str) != Some(issuer.issuer.as_str()) {
        return Err(Refused::Issuer);
    }
    if !is_for(claims.get("aud"), &issuer.audience) {
        return Err(Refused::Audience);
    }
    let leeway = issuer.leeway.as_secs();
    let expires = claims.get("exp").ok_or(Refused::NoExpiry)?;
    let expires = date(expires).ok_or(Refused::Malformed("`exp`"))?;
    let over = Timestamp(expires.saturating_add(leeway));
    if over <= now {
        return Err(Refused::Expired);
    }
    if let Some(begins) = claims.get("nbf") {
        let begins = date(begins).ok_or(Refused::Malformed("`nbf`"))?;
        if begins > now.0.saturating_add(leeway) {
            return Err(Refused::NotYet);
        }
    }
    let identity = claims
        .get(&issuer.identity_claim)
        .and_then(Value::as_str)
        .ok_or(Refused::Identity)?;
    let identity = self::identity(identity, &issuer.hosts)?;
    let grants = claims
        .get(&issuer.grants_claim)
        .map(|grants| serde_json::from_value::<Grants>(grants.clone()))
        .transpose()
        .map_err(|_| Refused::Grants)?;
    Ok(Credential::new(identity, Some(over.since(now)), grants))
}

/// The user that an issuer means. One without a host is of its first host; one of another host than its own is none.
fn identity(text: &str, hosts: &[String]) -> Result<UserId, Refused> {
    let name = match (text.contains('@'), hosts.first()) {
        (false, Some(host)) => UserId::new(&format!("{text}@{host}")),
        _ => UserId::new(text),
    };
    let name = name.map_err(|_| Refused::Identity)?;
    let is_own = is_of(&name, hosts);
    // A bare host is a node's name, and no issuer speaks for nodes.
    (is_own && !name.is_bare_host())
        .then_some(name)
        .ok_or(Refused::Identity)
}

/// Whether a token is for one of the audiences: `aud` is one or a list of them (RFC 7519 §4.1.3).
fn is_for(aud: Option<&Value>, audience: &[String]) -> bool {
    let is_ours = |value: &Value| {
        let text = value.as_str();
        audience.iter().any(|ours| Some(ours.as_str()) == text)
    };
    match aud {
        Some(Value::Array(many)) => many.iter().any(is_ours),
        Some(one) => is_ours(one),
        None => false,
    }
}

/// A `NumericDate`, whose part of a second does not matter.
fn date(value: &Value) -> Option<u64> {
    let float = || value.as_f64().filter(|seconds| *seconds >= 0.0);
    value.as_u64().or_else(|| float().map(|seconds| seconds as u64))
}

/// Whether a name is of one of these hosts, or there are none to restrict it.
pub(crate) fn is_of(name: &UserId, hosts: &[String]) -> bool {
    hosts.is_empty() || hosts.iter().any(|host| name.host().eq_ignore_ascii_case(host))
}
