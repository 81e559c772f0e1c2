//! Published keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsip::UserId;
use serde_json::{Value, json};
use strowger_auth::{
    Algorithm, Credential, Found, Issuer, Keyring, KeyringSettings, Next, Policy, Refused, Timestamp,
};

use crate::signer::*;

/// The published form of the keys that [`sign`] uses.
fn published(algorithm: Algorithm, id: &str) -> Value {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    match algorithm {
        Algorithm::Es256 => {
            let der = der(P256_PUBLIC);
            let point = &der[der.len() - 64..];
            json!({"kty": "EC", "crv": "P-256", "kid": id, "x": encode(&point[..32]), "y": encode(&point[32..])})
        }
        Algorithm::Es384 => {
            let der = der(P384_PUBLIC);
            let point = &der[der.len() - 96..];
            json!({"kty": "EC", "crv": "P-384", "kid": id, "x": encode(&point[..48]), "y": encode(&point[48..])})
        }
        Algorithm::EdDsa => {
            let der = der(ED25519_PUBLIC);
            json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": encode(&der[der.len() - 32..])})
        }
        _ => {
            let der = der(RSA_PKCS1);
            // SEQUENCE and INTEGER with two bytes of length each, 257 bytes of modulus, INTEGER of 3 bytes.
            let n = &der[8..8 + 257];
            let e = &der[der.len() - 3..];
            json!({"kty": "RSA", "kid": id, "n": encode(n), "e": encode(e), "use": "sig"})
        }
    }
}

fn set(keys: &[Value]) -> Vec<u8> {
    json!({"keys": keys}).to_string().into_bytes()
}

fn issuer(name: &str, algorithms: &[Algorithm]) -> Issuer {
    Issuer::with_key_set(settings(name, algorithms), format!("{name}/keys"))
}

/// Shows alice's token to a policy whose issuers have published these.
fn show(policy: &Policy, sets: &[Vec<u8>], token: &str) -> Result<Credential, Refused> {
    let Next::Verify(token) = policy.identify(Some(token))? else {
        panic!("no issuer")
    };
    let mut ring = Keyring::new(KeyringSettings::default());
    assert!(ring.begin(NOW));
    let keys = policy.issuers[token.issuer()].read_key_set(&sets[token.issuer()]);
    ring.finish(NOW, keys.ok());
    match ring.find(NOW, token.key_id()) {
        Found::Keys(keys) => policy.verify(NOW, &token, &keys, &UserId::new("alice@example.com").unwrap()),
        Found::Refused(refused) => Err(refused),
        Found::Fetch => panic!("it was fetched"),
    }
}

#[test]
fn a_published_key_of_each_kind_is_used() {
    for algorithm in Algorithm::ALL
        .iter()
        .filter(|algorithm| !algorithm.is_symmetric())
    {
        let policy = Policy {
            issuers: vec![issuer(ISSUER, &[*algorithm])],
            ..Policy::default()
        };
        let sets = [set(&[published(*algorithm, "k1")])];
        let header = json!({"alg": algorithm.as_str(), "kid": "k1"});
        let token = sign_with_header(*algorithm, &header, &claims());
        assert!(show(&policy, &sets, &token).is_ok(), "{algorithm:?}");
        // A token need not name its key, but the one it names must be there.
        assert!(show(&policy, &sets, &sign(*algorithm, &claims())).is_ok());
        let header = json!({"alg": algorithm.as_str(), "kid": "k2"});
        let token = sign_with_header(*algorithm, &header, &claims());
        assert_eq!(show(&policy, &sets, &token), Err(Refused::Key));
    }
}

#[test]
fn equal_key_ids_of_two_issuers_stay_apart() {
    let policy = Policy {
        issuers: vec![
            issuer(ISSUER, &[Algorithm::EdDsa, Algorithm::Es256]),
            issuer("https://far.example", &[Algorithm::EdDsa, Algorithm::Es256]),
        ],
        ..Policy::default()
    };
    let sets = [
        set(&[published(Algorithm::EdDsa, "1")]),
        set(&[published(Algorithm::Es256, "1")]),
    ];
    let token = |algorithm: Algorithm, issuer: &str| {
        let header = json!({"alg": algorithm.as_str(), "kid": "1"});
        sign_with_header(algorithm, &header, &claims_with(&json!({"iss": issuer})))
    };
    assert!(show(&policy, &sets, &token(Algorithm::EdDsa, ISSUER)).is_ok());
    assert!(show(&policy, &sets, &token(Algorithm::Es256, "https://far.example")).is_ok());
    let crossed = token(Algorithm::EdDsa, "https://far.example");
    assert_eq!(show(&policy, &sets, &crossed), Err(Refused::Algorithm));
    let crossed = token(Algorithm::Es256, ISSUER);
    assert_eq!(show(&policy, &sets, &crossed), Err(Refused::Algorithm));
}

#[test]
fn a_published_secret_is_no_key() {
    let secret = json!({"kty": "oct", "kid": "k1", "k": URL_SAFE_NO_PAD.encode(SECRET)});
    let issuer = issuer(ISSUER, Algorithm::ALL);
    assert!(issuer.read_key_set(&set(&[secret])).is_err());
}

#[test]
fn keys_that_are_not_for_this_are_left_out() {
    let with = |name: &str, value: Value| {
        let mut key = published(Algorithm::EdDsa, "k1");
        key[name] = value;
        key
    };
    let issuer = issuer(ISSUER, &[Algorithm::EdDsa]);
    for key in [
        with("use", json!("enc")),
        with("key_ops", json!(["sign"])),
        with("alg", json!("ES256")),
        with("crv", json!("P-256")),
        with("kty", json!("EC")),
        with("x", json!("AAAA")),
        with("x", json!("?")),
        with("d", json!("AAAA")),
        json!({}),
        json!(7),
    ] {
        assert!(
            issuer.read_key_set(&set(std::slice::from_ref(&key))).is_err(),
            "{key}"
        );
        let both = set(&[key, published(Algorithm::EdDsa, "k2")]);
        assert_eq!(issuer.read_key_set(&both).unwrap().len(), 1);
    }
    for text in ["", "{}", "[]", r#"{"keys":{}}"#, r#"{"keys":[]}"#] {
        assert!(issuer.read_key_set(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn no_more_than_64_keys_are_taken() {
    let many: Vec<_> = (0..100)
        .map(|id| published(Algorithm::EdDsa, &id.to_string()))
        .collect();
    let keys = issuer(ISSUER, &[Algorithm::EdDsa])
        .read_key_set(&set(&many))
        .unwrap();
    assert_eq!(keys.len(), 64);
}

#[test]
fn a_key_that_was_taken_out_of_the_set_is_not_used_after_the_next_fetch() {
    let issuer = issuer(ISSUER, &[Algorithm::EdDsa, Algorithm::Es256]);
    let mut ring = Keyring::new(KeyringSettings::default());
    let read = |key| issuer.read_key_set(&set(&[key])).ok();
    assert!(ring.begin(NOW));
    ring.finish(NOW, read(published(Algorithm::EdDsa, "old")));
    let later = Timestamp(NOW.0 + 3600);
    assert!(ring.is_due(later) && ring.begin(later));
    ring.finish(later, read(published(Algorithm::Es256, "new")));
    assert!(matches!(
        ring.find(later, Some("old")),
        Found::Refused(Refused::Key)
    ));
    assert!(matches!(ring.find(later, Some("new")), Found::Keys(_)));
}
