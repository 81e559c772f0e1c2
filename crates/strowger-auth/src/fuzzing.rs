//! The body of the fuzz target: what must hold for any token, key set, grants and answer. Panics where it does not.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsip::UserId;
use ring::hmac;

use crate::policy::Next;
use crate::{
    Algorithm, Class, Credential, Issuer, IssuerSettings, Key, Policy, Refused, Timestamp, callback,
};

const NOW: Timestamp = Timestamp(1_700_000_000);
const SECRET: &[u8] = b"a secret of at least thirty-two bytes";
const ISSUER: &str = "https://issuer.example";

/// Any bytes as a token, as the claims of a token that is signed, as a key set, and as the endpoint's answer.
pub fn token(data: &[u8]) {
    let name = UserId::new("alice@example.com").expect("a name");
    let policy = policy();
    if let Ok(text) = str::from_utf8(data)
        && let Some(credential) = admitted(&policy, text, &name)
    {
        // The corpus has no token that was signed, and nobody finds one by chance; what the fuzzer might bring along holds.
        holds(&credential, &name);
    }
    let signed = sign(data);
    if let Some(credential) = admitted(&policy, &signed, &name) {
        holds(&credential, &name);
        let claims: serde_json::Value =
            serde_json::from_slice(data).expect("claims that were believed are JSON");
        assert_eq!(claims["iss"], ISSUER);
        assert!(claims["exp"].as_f64().expect("a time") + 30.0 > NOW.0 as f64);
        // One bit of the signature makes it another token.
        let cut = &signed[..signed.len() - 4];
        assert_eq!(admitted(&policy, cut, &name), None);
    }
    let settings = settings(Algorithm::ALL.to_vec());
    let published = Issuer::with_key_set(settings, ISSUER.to_owned());
    if let Ok(keys) = published.read_key_set(data) {
        let is_secret = |key: &Key| {
            Algorithm::ALL
                .iter()
                .any(|one| one.is_symmetric() && key.takes(*one))
        };
        assert!(!keys.is_empty() && !keys.iter().any(is_secret));
    }
    match callback::answer(NOW, &name, 200, data) {
        Ok(credential) => holds(&credential, &name),
        Err(refused) => assert!(refused.class() != Class::Unauthenticated || refused == Refused::Expired),
    }
    if let Ok(text) = str::from_utf8(data) {
        let _ = Key::pem(text, Algorithm::ALL);
    }
}

fn holds(credential: &Credential, name: &UserId) {
    assert!(!credential.identity.is_bare_host());
    assert!(
        credential
            .valid_for
            .is_none_or(|valid_for| valid_for > Duration::ZERO)
    );
    let granted = credential
        .grants
        .as_ref()
        .is_some_and(|grants| grants.names(name));
    assert!(granted || credential.identity == *name);
}

fn admitted(policy: &Policy, token: &str, name: &UserId) -> Option<Credential> {
    match policy.identify(Some(token)).ok()? {
        Next::Verify(unverified) => {
            let keys = policy.issuers[unverified.issuer()].keys()?;
            policy.verify(NOW, &unverified, &keys, name).ok()
        }
        Next::Known(_) | Next::Ask => None,
    }
}

fn settings(algorithms: Vec<Algorithm>) -> IssuerSettings {
    IssuerSettings {
        issuer: ISSUER.to_owned(),
        audience: vec!["strowger".to_owned()],
        algorithms,
        leeway: Duration::from_secs(30),
        identity_claim: "sub".to_owned(),
        grants_claim: "strowger".to_owned(),
        hosts: vec!["example.com".to_owned()],
    }
}

fn policy() -> Policy {
    let algorithms = vec![Algorithm::Hs256];
    let key = Key::secret(SECRET, &algorithms).expect("a secret that is long enough");
    Policy {
        issuers: vec![Issuer::with_keys(settings(algorithms), vec![key])],
        ..Policy::default()
    }
}

fn sign(claims: &[u8]) -> String {
    let text = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(br#"{"alg":"HS256"}"#),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag))
}
