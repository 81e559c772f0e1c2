//! What is believed.

use std::time::Duration;

use serde_json::json;
use strowger_auth::{Algorithm, Issuer, Key, KeyError, Policy};

use crate::signer::*;

#[test]
fn a_token_of_each_algorithm_is_believed_with_its_key_and_with_no_other() {
    for algorithm in Algorithm::ALL {
        let policy = policy(&[*algorithm]);
        let credential = show(&policy, &sign(*algorithm, &claims())).unwrap();
        assert_eq!(credential.identity.as_str(), "alice@example.com");
        // With the leeway.
        assert_eq!(credential.valid_for, Some(Duration::from_secs(630)));
        for other in Algorithm::ALL.iter().filter(|other| *other != algorithm) {
            let token = sign(*other, &claims());
            assert!(show(&policy, &token).is_err(), "{algorithm:?} {other:?}");
        }
    }
}

#[test]
fn a_key_may_be_written_as_openssl_writes_it() {
    let allowed = [Algorithm::Rs256];
    let subject = Key::pem(RSA_PUBLIC, &allowed).unwrap();
    assert_eq!(Key::pem(RSA_PKCS1, &allowed).unwrap(), subject);
    let several = format!("a comment\n{P256_PUBLIC}\n{ED25519_PUBLIC}");
    let allowed = [Algorithm::Es256, Algorithm::EdDsa];
    assert_eq!(Key::pem(&several, &allowed).unwrap().len(), 2);
}

#[test]
fn a_file_that_is_no_key_for_this_is_refused_with_the_reason() {
    let rs = [Algorithm::Rs256];
    let table = [
        (Key::pem("", &rs), KeyError::Pem),
        (Key::pem("-----BEGIN PUBLIC KEY-----\nMFkw", &rs), KeyError::Pem),
        (Key::pem(RSA_PRIVATE, &rs), KeyError::Private),
        (
            Key::pem(&RSA_PUBLIC.replace("PUBLIC KEY", "CERTIFICATE"), &rs),
            KeyError::Label,
        ),
        (
            Key::pem(&P256_PUBLIC.replace("PUBLIC KEY", "RSA PUBLIC KEY"), &rs),
            KeyError::Kind,
        ),
        (Key::pem(P256_PUBLIC, &rs), KeyError::Algorithm),
    ];
    for (result, expected) in table {
        assert_eq!(result, Err(expected));
    }
    let hs = [Algorithm::Hs384];
    assert_eq!(
        Key::secret(&SECRET[..47], &hs),
        Err(KeyError::Short(Algorithm::Hs384))
    );
    assert_eq!(Key::secret(SECRET, &rs), Err(KeyError::Algorithm));
    let with_newline = [&SECRET[..48], b"\n"].concat();
    assert_eq!(Key::secret(&with_newline, &hs), Key::secret(&SECRET[..48], &hs));
}

#[test]
fn a_cut_or_changed_key_is_refused_and_never_a_panic() {
    for pem in [RSA_PUBLIC, P256_PUBLIC, P384_PUBLIC, ED25519_PUBLIC] {
        let whole = der(pem);
        let write = |bytes: &[u8]| {
            use base64::Engine as _;
            let body = base64::engine::general_purpose::STANDARD.encode(bytes);
            format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
        };
        for end in 0..whole.len() {
            assert!(Key::pem(&write(&whole[..end]), Algorithm::ALL).is_err());
        }
        for at in 0..whole.len().min(40) {
            for byte in [0, 0x30, 0x80, 0x82, 0xff] {
                let mut other = whole.clone();
                other[at] = byte;
                let _ = Key::pem(&write(&other), Algorithm::ALL);
            }
        }
    }
}

#[test]
fn clocks_may_differ_by_the_leeway() {
    let policy = policy(&[Algorithm::EdDsa]);
    let token = |changes| sign(Algorithm::EdDsa, &claims_with(&changes));
    assert!(show(&policy, &token(json!({"exp": NOW.0 - 29}))).is_ok());
    assert!(show(&policy, &token(json!({"nbf": NOW.0 + 30}))).is_ok());
    assert!(show(&policy, &token(json!({"exp": NOW.0 as f64 + 0.5}))).is_ok());
}

#[test]
fn a_user_without_a_host_is_of_the_issuers_first_host() {
    let policy = policy(&[Algorithm::EdDsa]);
    let token = sign(Algorithm::EdDsa, &claims_with(&json!({"sub": "alice"})));
    let identity = show(&policy, &token).unwrap().identity;
    assert_eq!(identity.as_str(), "alice@example.com");
}

#[test]
fn another_claim_may_name_the_user_and_the_grants() {
    let mut settings = settings(ISSUER, &[Algorithm::EdDsa]);
    settings.identity_claim = "email".to_owned();
    settings.grants_claim = "calls".to_owned();
    let policy = Policy {
        issuers: vec![Issuer::with_keys(settings, keys_for(&[Algorithm::EdDsa]))],
        ..Policy::default()
    };
    let claims = claims_with(&json!({
        "sub": "7f3a", "email": "alice@example.com", "calls": {"userids": ["sales@example.com"]},
    }));
    let token = sign(Algorithm::EdDsa, &claims);
    assert!(show(&policy, &token).unwrap().grants.is_some());
    let sales = show_as(&policy, &token, "sales@example.com").unwrap();
    assert_eq!(sales.identity.as_str(), "alice@example.com");
}

#[test]
fn one_of_several_audiences_is_enough() {
    let policy = policy(&[Algorithm::EdDsa]);
    let token = sign(
        Algorithm::EdDsa,
        &claims_with(&json!({"aud": ["other", "strowger"]})),
    );
    assert!(show(&policy, &token).is_ok());
}

#[test]
fn two_keys_in_files_are_both_good_while_one_replaces_the_other() {
    let allowed = [Algorithm::Hs256];
    let other = Key::secret(&[7; 32], &allowed).unwrap();
    let keys = vec![other, keys_for(&allowed).remove(0)];
    let policy = Policy {
        issuers: vec![Issuer::with_keys(settings(ISSUER, &allowed), keys)],
        ..Policy::default()
    };
    assert!(show(&policy, &sign(Algorithm::Hs256, &claims())).is_ok());
    let old = seal(&json!({"alg": "HS256"}), &claims(), |text| {
        mac(Algorithm::Hs256, &[7; 32], text)
    });
    assert!(show(&policy, &old).is_ok());
}
