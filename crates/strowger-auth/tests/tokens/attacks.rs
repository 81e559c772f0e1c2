//! What is not believed, and must never be.

use serde_json::{Value, json};
use strowger_auth::{Algorithm, Issuer, Key, Policy, Refused, Users};

use crate::signer::*;

#[track_caller]
fn refused(policy: &Policy, token: &str, expected: &Refused) {
    assert_eq!(show(policy, token).as_ref(), Err(expected));
}

#[track_caller]
fn claims_refused(changes: &Value, expected: &Refused) {
    let token = sign(Algorithm::EdDsa, &claims_with(changes));
    refused(&policy(&[Algorithm::EdDsa]), &token, expected);
}

#[test]
fn a_forged_token_is_refused() {
    for algorithm in Algorithm::ALL {
        let policy = policy(&[*algorithm]);
        let honest = sign(*algorithm, &claims());
        let (text, signature) = honest.rsplit_once('.').unwrap();
        let (header, _) = text.split_once('.').unwrap();
        let other = sign(*algorithm, &claims_with(&json!({"sub": "bob@example.com"})));
        let claims_of_bob = other.split('.').nth(1).unwrap();
        let swapped = format!("{header}.{claims_of_bob}.{signature}");
        assert_eq!(
            show_as(&policy, &swapped, "bob@example.com"),
            Err(Refused::Signature)
        );
        refused(&policy, &format!("{text}."), &Refused::Signature);
        for bad in ["AAAA", &"A".repeat(86), &"A".repeat(342)] {
            refused(&policy, &format!("{text}.{bad}"), &Refused::Signature);
        }
        // Without its last bytes it may be no base64 either.
        assert!(show(&policy, &honest[..honest.len() - 4]).is_err());
    }
}

#[test]
fn a_signature_of_zeros_is_refused() {
    for (algorithm, bytes) in [(Algorithm::Es256, 64), (Algorithm::Es384, 96)] {
        let token = seal(&json!({"alg": algorithm.as_str()}), &claims(), |_| vec![0; bytes]);
        refused(&policy(&[algorithm]), &token, &Refused::Signature);
    }
}

#[test]
fn a_token_without_an_algorithm_is_refused() {
    for algorithm in Algorithm::ALL {
        for none in ["none", "None", "NONE", "nOnE", ""] {
            let token = seal(&json!({"alg": none}), &claims(), |_| Vec::new());
            refused(&policy(&[*algorithm]), &token, &Refused::Algorithm);
        }
        let token = seal(&json!({"typ": "JWT"}), &claims(), |_| Vec::new());
        refused(&policy(&[*algorithm]), &token, &Refused::Malformed("its header"));
    }
}

#[test]
fn a_public_key_is_no_secret() {
    // The classic: the public key, which everybody has, taken for the secret of an HMAC.
    let policy = policy(&[Algorithm::Rs256]);
    let public_texts: [&[u8]; 4] = [
        RSA_PUBLIC.as_bytes(),
        RSA_PUBLIC.trim_end().as_bytes(),
        &der(RSA_PUBLIC),
        &der(RSA_PKCS1),
    ];
    for secret in public_texts {
        for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
            let header = json!({"alg": algorithm.as_str()});
            let token = seal(&header, &claims(), |text| mac(algorithm, secret, text));
            refused(&policy, &token, &Refused::Algorithm);
            // Nor does it help to say the other algorithm.
            let token = seal(&json!({"alg": "RS256"}), &claims(), |text| {
                mac(algorithm, secret, text)
            });
            refused(&policy, &token, &Refused::Signature);
        }
    }
}

#[test]
fn a_configuration_cannot_make_a_secret_of_a_public_key() {
    let error = Key::secret(RSA_PUBLIC.as_bytes(), &[Algorithm::Hs256]).unwrap_err();
    assert!(
        error.to_string().contains("everybody could make tokens"),
        "{error}"
    );
}

#[test]
fn an_issuer_that_allows_both_kinds_still_keeps_each_to_its_keys() {
    let both = [Algorithm::Rs256, Algorithm::Hs256];
    let keys = Key::pem(RSA_PUBLIC, &both).unwrap();
    let policy = Policy {
        issuers: vec![Issuer::with_keys(settings(ISSUER, &both), keys)],
        ..Policy::default()
    };
    let token = seal(&json!({"alg": "HS256"}), &claims(), |text| {
        mac(Algorithm::Hs256, RSA_PUBLIC.as_bytes(), text)
    });
    refused(&policy, &token, &Refused::Algorithm);
}

#[test]
fn the_algorithm_is_chosen_by_the_configuration_and_not_by_the_token() {
    let policy = policy(&[Algorithm::Rs256]);
    for other in [Algorithm::Rs384, Algorithm::Rs512, Algorithm::Ps256] {
        refused(&policy, &sign(other, &claims()), &Refused::Algorithm);
        let header = json!({"alg": "RS256"});
        let token = sign_with_header(other, &header, &claims());
        refused(&policy, &token, &Refused::Signature);
    }
}

#[test]
fn a_key_that_comes_with_the_token_is_not_used() {
    let header = json!({
        "alg": "HS256", "jwk": {"kty": "oct", "k": "AAAA"}, "jku": "https://evil.example/keys",
        "x5u": "https://evil.example/cert", "x5c": ["AAAA"],
    });
    let token = seal(&header, &claims(), |text| mac(Algorithm::Hs256, &[0; 3], text));
    refused(&policy(&[Algorithm::Hs256]), &token, &Refused::Signature);
    let header = json!({"alg": "HS256", "kid": "../../../../dev/null"});
    let token = seal(&header, &claims(), |text| mac(Algorithm::Hs256, b"", text));
    refused(&policy(&[Algorithm::Hs256]), &token, &Refused::Signature);
}

#[test]
fn an_extension_that_must_be_understood_is_refused() {
    for header in [
        json!({"alg": "EdDSA", "crit": ["exp"], "exp": 1}),
        json!({"alg": "EdDSA", "crit": []}),
        json!({"alg": "EdDSA", "b64": false, "crit": ["b64"]}),
    ] {
        let token = sign_with_header(Algorithm::EdDsa, &header, &claims());
        let expected = Refused::Malformed("an extension that is not known");
        refused(&policy(&[Algorithm::EdDsa]), &token, &expected);
    }
}

#[test]
fn an_expired_token_is_refused() {
    for exp in [json!(NOW.0 - 30), json!(NOW.0 - 31), json!(0), json!(1.5)] {
        claims_refused(&json!({"exp": exp}), &Refused::Expired);
    }
}

#[test]
fn a_token_that_never_expires_is_refused() {
    claims_refused(&json!({"exp": null}), &Refused::NoExpiry);
    for exp in [json!("never"), json!(-1), json!([NOW.0]), json!(true)] {
        claims_refused(&json!({"exp": exp}), &Refused::Malformed("`exp`"));
    }
}

#[test]
fn a_token_of_tomorrow_is_refused() {
    claims_refused(&json!({"nbf": NOW.0 + 31}), &Refused::NotYet);
    claims_refused(&json!({"nbf": "x"}), &Refused::Malformed("`nbf`"));
}

#[test]
fn a_token_for_another_audience_is_refused() {
    for aud in [
        json!("other"),
        json!(["a", "b"]),
        json!([]),
        json!(7),
        json!("strowger2"),
        Value::Null,
    ] {
        claims_refused(&json!({"aud": aud}), &Refused::Audience);
    }
}

#[test]
fn a_token_of_an_unknown_issuer_is_refused() {
    for iss in [
        json!("https://evil.example"),
        json!("https://issuer.example/"),
        json!(7),
        Value::Null,
    ] {
        claims_refused(&json!({"iss": iss}), &Refused::Issuer);
    }
}

#[test]
fn a_token_of_one_issuer_does_not_pass_for_that_of_another() {
    let near = Issuer::with_keys(
        settings(ISSUER, &[Algorithm::EdDsa]),
        keys_for(&[Algorithm::EdDsa]),
    );
    let far = Issuer::with_keys(
        settings("https://far.example", &[Algorithm::Es256]),
        keys_for(&[Algorithm::Es256]),
    );
    let policy = Policy {
        issuers: vec![near, far],
        ..Policy::default()
    };
    let far_claims = claims_with(&json!({"iss": "https://far.example"}));
    assert!(show(&policy, &sign(Algorithm::Es256, &far_claims)).is_ok());
    refused(&policy, &sign(Algorithm::EdDsa, &far_claims), &Refused::Algorithm);
    refused(&policy, &sign(Algorithm::Es256, &claims()), &Refused::Algorithm);
}

#[test]
fn a_claim_said_twice_is_what_the_signed_reader_sees() {
    // The issuer is read before and after the signature was checked; both must be the same.
    let text = |claims: &str| {
        use base64::Engine as _;
        let part = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}", part(r#"{"alg":"HS256"}"#), part(claims))
    };
    let twice = format!(
        r#"{{"iss":"{ISSUER}","iss":"https://evil.example","aud":"strowger","sub":"alice","exp":{}}}"#,
        NOW.0 + 60
    );
    let text = text(&twice);
    let tag = mac(Algorithm::Hs256, SECRET, text.as_bytes());
    let token = {
        use base64::Engine as _;
        format!(
            "{text}.{}",
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(tag)
        )
    };
    refused(&policy(&[Algorithm::Hs256]), &token, &Refused::Issuer);
}

#[test]
fn a_stolen_token_is_no_good_under_another_name() {
    let policy = policy(&[Algorithm::EdDsa]);
    let token = sign(Algorithm::EdDsa, &claims());
    for name in [
        "bob@example.com",
        "Alice@example.com",
        "alice@example.com.evil",
        "alice",
        "example.com",
    ] {
        assert_eq!(show_as(&policy, &token, name), Err(Refused::NotYours), "{name}");
    }
}

#[test]
fn an_issuer_speaks_for_the_users_of_its_own_hosts_alone() {
    for sub in [
        "alice@far.example",
        "alice@sub.example.com",
        "alice@",
        "@example.com",
        "a b",
        "",
    ] {
        claims_refused(&json!({"sub": sub}), &Refused::Identity);
    }
    claims_refused(&json!({"sub": 7}), &Refused::Identity);
    claims_refused(&json!({"sub": null}), &Refused::Identity);
    let policy = policy(&[Algorithm::EdDsa]);
    let grants = json!({"strowger": {"userids": ["*"]}});
    let token = sign(Algorithm::EdDsa, &claims_with(&grants));
    assert!(show_as(&policy, &token, "bob@example.com").is_ok());
    assert_eq!(
        show_as(&policy, &token, "bob@far.example"),
        Err(Refused::NotYours)
    );
}

#[test]
fn no_token_speaks_for_a_node() {
    let mut settings = settings(ISSUER, &[Algorithm::EdDsa]);
    settings.hosts.clear();
    let policy = Policy {
        issuers: vec![Issuer::with_keys(settings, keys_for(&[Algorithm::EdDsa]))],
        ..Policy::default()
    };
    let token = sign(Algorithm::EdDsa, &claims_with(&json!({"sub": "node.example"})));
    assert_eq!(show_as(&policy, &token, "node.example"), Err(Refused::Identity));
}

#[test]
fn grants_that_cannot_be_read_refuse_the_token() {
    for grants in [
        json!({"nay": []}),
        json!([]),
        json!("all"),
        json!({"may": "call"}),
    ] {
        claims_refused(&json!({"strowger": grants}), &Refused::Grants);
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let policy = Policy {
        users: Users::parse("alice@example.com token-of-alice-0001").unwrap(),
        ..policy(&[Algorithm::EdDsa])
    };
    for token in [
        "x",
        "a.b.c",
        "..",
        "a.b.c.d",
        "token-of-alice-0002",
        "e30.e30",
        "é.é.é",
    ] {
        refused(&policy, token, &Refused::Unknown);
    }
    refused(&policy, "e30.e30.", &Refused::Malformed("its header"));
    let long = format!("e30.{}.", "A".repeat(8192));
    refused(&policy, &long, &Refused::TooLong);
    assert!(show(&policy, "token-of-alice-0001").is_ok());
    assert_eq!(
        show_as(&policy, "token-of-alice-0001", "bob@example.com"),
        Err(Refused::NotYours)
    );
}

#[test]
fn no_error_repeats_anything_of_a_token() {
    let policy = policy(&[Algorithm::Hs256]);
    let changed = json!({"sub": "secret-sub@x", "aud": "secret-aud", "strowger": {"secret-grant": 1}});
    let honest = sign(Algorithm::Hs256, &claims_with(&changed));
    for token in [honest.as_str(), "secret-token", &honest[..honest.len() - 4]] {
        let error = show(&policy, token).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(
            !shown.contains("secret") && !shown.contains(&token[..6]),
            "{shown}"
        );
    }
}
