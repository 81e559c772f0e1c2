//! Makes tokens, honest and other ones.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsip::UserId;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use serde_json::{Value, json};
use strowger_auth::{Algorithm, Credential, Issuer, IssuerSettings, Key, Next, Policy, Refused, Timestamp};

pub(crate) const NOW: Timestamp = Timestamp(1_700_000_000);
pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

pub(crate) const RSA_PUBLIC: &str = include_str!("../keys/rsa.pub.pem");
pub(crate) const RSA_PKCS1: &str = include_str!("../keys/rsa.pkcs1.pem");
pub(crate) const P256_PUBLIC: &str = include_str!("../keys/p256.pub.pem");
pub(crate) const P384_PUBLIC: &str = include_str!("../keys/p384.pub.pem");
pub(crate) const ED25519_PUBLIC: &str = include_str!("../keys/ed25519.pub.pem");
pub(crate) const RSA_PRIVATE: &str = include_str!("../keys/rsa.key.pem");

/// What an honest token says.
pub(crate) fn claims() -> Value {
    json!({"iss": ISSUER, "aud": "strowger", "sub": "alice@example.com", "exp": NOW.0 + 600})
}

/// `claims` with some of them changed; `null` takes one out.
pub(crate) fn claims_with(changes: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

pub(crate) fn sign(algorithm: Algorithm, claims: &Value) -> String {
    sign_with_header(algorithm, &json!({"alg": algorithm.as_str()}), claims)
}

/// Signs with an algorithm, whatever the header says of it.
pub(crate) fn sign_with_header(algorithm: Algorithm, header: &Value, claims: &Value) -> String {
    seal(header, claims, |text| signature(algorithm, text))
}

pub(crate) fn seal(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(text.as_bytes()));
    format!("{text}.{signature}")
}

pub(crate) fn mac(algorithm: Algorithm, secret: &[u8], text: &[u8]) -> Vec<u8> {
    let digest = match algorithm {
        Algorithm::Hs256 => hmac::HMAC_SHA256,
        Algorithm::Hs384 => hmac::HMAC_SHA384,
        Algorithm::Hs512 => hmac::HMAC_SHA512,
        other => panic!("{other:?} has no secret"),
    };
    hmac::sign(&hmac::Key::new(digest, secret), text)
        .as_ref()
        .to_vec()
}

fn signature(algorithm: Algorithm, text: &[u8]) -> Vec<u8> {
    match algorithm {
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => mac(algorithm, SECRET, text),
        Algorithm::Rs256 => rsa(&RSA_PKCS1_SHA256, text),
        Algorithm::Rs384 => rsa(&RSA_PKCS1_SHA384, text),
        Algorithm::Rs512 => rsa(&RSA_PKCS1_SHA512, text),
        Algorithm::Ps256 => rsa(&RSA_PSS_SHA256, text),
        Algorithm::Ps384 => rsa(&RSA_PSS_SHA384, text),
        Algorithm::Ps512 => rsa(&RSA_PSS_SHA512, text),
        Algorithm::Es256 => ecdsa(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            include_str!("../keys/p256.key.pem"),
            text,
        ),
        Algorithm::Es384 => ecdsa(
            &ECDSA_P384_SHA384_FIXED_SIGNING,
            include_str!("../keys/p384.key.pem"),
            text,
        ),
        Algorithm::EdDsa => {
            let der = der(include_str!("../keys/ed25519.key.pem"));
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).unwrap();
            pair.sign(text).as_ref().to_vec()
        }
    }
}

fn rsa(encoding: &'static dyn RsaEncoding, text: &[u8]) -> Vec<u8> {
    let pair = RsaKeyPair::from_pkcs8(&der(RSA_PRIVATE)).unwrap();
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), text, &mut signature)
        .unwrap();
    signature
}

fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm, pem: &str, text: &[u8]) -> Vec<u8> {
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, &der(pem), &random).unwrap();
    pair.sign(&random, text).unwrap().as_ref().to_vec()
}

pub(crate) fn der(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(body).unwrap()
}

/// The key, for verifying, of whoever [`sign`]s with an algorithm.
pub(crate) fn keys_for(algorithms: &[Algorithm]) -> Vec<Key> {
    let pem = match algorithms[0] {
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => {
            return vec![Key::secret(SECRET, algorithms).unwrap()];
        }
        Algorithm::Es256 => P256_PUBLIC,
        Algorithm::Es384 => P384_PUBLIC,
        Algorithm::EdDsa => ED25519_PUBLIC,
        _ => RSA_PUBLIC,
    };
    Key::pem(pem, algorithms).unwrap()
}

pub(crate) fn settings(issuer: &str, algorithms: &[Algorithm]) -> IssuerSettings {
    IssuerSettings {
        issuer: issuer.to_owned(),
        audience: vec!["strowger".to_owned()],
        algorithms: algorithms.to_vec(),
        leeway: Duration::from_secs(30),
        identity_claim: "sub".to_owned(),
        grants_claim: "strowger".to_owned(),
        hosts: vec!["example.com".to_owned()],
    }
}

/// One issuer whose tokens are signed with these algorithms.
pub(crate) fn policy(algorithms: &[Algorithm]) -> Policy {
    Policy {
        issuers: vec![Issuer::with_keys(
            settings(ISSUER, algorithms),
            keys_for(algorithms),
        )],
        ..Policy::default()
    }
}

/// Shows a token for the channel of a user.
pub(crate) fn show_as(policy: &Policy, token: &str, name: &str) -> Result<Credential, Refused> {
    let name = UserId::new(name).unwrap();
    match policy.identify(Some(token))? {
        Next::Known(credential) => credential.for_name(&name),
        Next::Verify(token) => {
            let keys = policy.issuers[token.issuer()].keys().unwrap();
            policy.verify(NOW, &token, &keys, &name)
        }
        Next::Ask => panic!("nobody is there to ask"),
    }
}

/// Shows a token for the channel of alice.
pub(crate) fn show(policy: &Policy, token: &str) -> Result<Credential, Refused> {
    show_as(policy, token, "alice@example.com")
}
