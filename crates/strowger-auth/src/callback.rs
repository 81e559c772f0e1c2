//! What an HTTP endpoint of the operator is asked about a peer, and what its answer means.

use std::collections::BTreeMap;
use std::time::Duration;

use http::HeaderMap;
use jsip::UserId;
use serde::{Deserialize, Serialize};

use crate::object::Object;
use crate::{Class, Credential, Grants, Refused, Timestamp};

/// What is known of a peer that wants to be admitted, or to go on.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The name it wants.
    pub name: &'a UserId,
    /// The token it showed.
    pub token: Option<&'a str>,
    /// Its handshake; `None` where it renews its credential.
    pub handshake: Option<Handshake<'a>>,
}

/// A request for a WebSocket.
#[derive(Clone, Copy, Debug)]
pub struct Handshake<'a> {
    /// Its path and query, with whatever token is in it.
    pub url: &'a str,
    /// The peer's address.
    pub address: &'a str,
    /// Its headers.
    pub headers: &'a HeaderMap,
}

#[derive(Serialize)]
struct Question<'a> {
    userid: &'a str,
    renewal: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<BTreeMap<&'a str, String>>,
}

/// The body of the POST.
pub fn question(asked: &Asked<'_>) -> String {
    let headers = asked.handshake.map(|handshake| {
        let mut headers: BTreeMap<&str, String> = BTreeMap::new();
        for (name, value) in handshake.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            headers
                .entry(name.as_str())
                .and_modify(|values| {
                    values.push_str(", ");
                    values.push_str(&value);
                })
                .or_insert_with(|| value.into_owned());
        }
        headers
    });
    let question = Question {
        userid: asked.name.as_str(),
        renewal: asked.handshake.is_none(),
        token: asked.token,
        url: asked.handshake.map(|handshake| handshake.url),
        address: asked.handshake.map(|handshake| handshake.address),
        headers,
    };
    serde_json::to_string(&question).expect("texts and maps with text keys can be written")
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    identity: Option<String>,
    grants: Option<Grants>,
    exp: Option<u64>,
}

/// What an answer means: 200 admits, as the identity it sets or else under the name that was asked for.
///
/// # Errors
///
/// 401 and 403 are given on; anything else is [`Refused::NoAnswer`], an answer that is not understood among it: it may have
/// been meant to restrict.
pub fn answer(now: Timestamp, name: &UserId, status: u16, body: &[u8]) -> Result<Credential, Refused> {
    match status {
        200 => {}
        401 => return Err(Refused::ByCallback(Class::Unauthenticated)),
        403 => return Err(Refused::ByCallback(Class::Forbidden)),
        _ => return Err(Refused::NoAnswer),
    }
    let answer: Answer = if body.trim_ascii().is_empty() {
        Answer::default()
    } else {
        let Object(answer) = serde_json::from_slice(body).map_err(|_| Refused::NoAnswer)?;
        answer
    };
    let identity = match answer.identity {
        Some(identity) => UserId::new(&identity)
            .ok()
            .filter(|identity| !identity.is_bare_host())
            .ok_or(Refused::NoAnswer)?,
        None => name.clone(),
    };
    let valid_for = answer.exp.map(|exp| Timestamp(exp).since(now));
    if valid_for == Some(Duration::ZERO) {
        return Err(Refused::Expired);
    }
    Credential::new(identity, valid_for, answer.grants).for_name(name)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const NOW: Timestamp = Timestamp(1_000);

    fn alice() -> UserId {
        UserId::new("alice@example.com").unwrap()
    }

    #[test]
    fn the_question_has_the_request_as_it_came() {
        let mut headers = HeaderMap::new();
        headers.append("cookie", HeaderValue::from_static("a=1"));
        headers.append("cookie", HeaderValue::from_static("b=2"));
        let asked = Asked {
            name: &alice(),
            token: Some("t"),
            handshake: Some(Handshake {
                url: "/rtc?userid=alice@example.com&access_token=t",
                address: "192.0.2.1:5000",
                headers: &headers,
            }),
        };
        assert_eq!(
            question(&asked),
            r#"{"userid":"alice@example.com","renewal":false,"token":"t","url":"/rtc?userid=alice@example.com&access_token=t","address":"192.0.2.1:5000","headers":{"cookie":"a=1, b=2"}}"#
        );
        let renewal = Asked {
            handshake: None,
            ..asked
        };
        assert_eq!(
            question(&renewal),
            r#"{"userid":"alice@example.com","renewal":true,"token":"t"}"#
        );
    }

    #[test]
    fn only_200_admits_and_what_is_not_understood_refuses() {
        let answer = |status, body: &str| answer(NOW, &alice(), status, body.as_bytes());
        assert_eq!(answer(200, " ").unwrap().identity, alice());
        assert_eq!(answer(200, "{}").unwrap().valid_for, None);
        let timed = answer(200, r#"{"exp":1060,"grants":{"may":["call"]}}"#).unwrap();
        assert_eq!(timed.valid_for, Some(Duration::from_secs(60)));
        assert!(timed.grants.is_some());
        assert_eq!(answer(401, ""), Err(Refused::ByCallback(Class::Unauthenticated)));
        assert_eq!(answer(403, ""), Err(Refused::ByCallback(Class::Forbidden)));
        assert_eq!(answer(200, r#"{"exp":1000}"#), Err(Refused::Expired));
        for (status, body) in [
            (201, ""),
            (204, ""),
            (302, ""),
            (400, ""),
            (500, ""),
            (200, "ok"),
            (200, "[]"),
            (200, "null"),
            (200, r#"{"grants":[]}"#),
            (200, r#"{"grant":{}}"#),
            (200, r#"{"identity":"node.example"}"#),
            (200, r#"{"grants":{"may":["fly"]}}"#),
        ] {
            assert_eq!(answer(status, body), Err(Refused::NoAnswer), "{status} {body}");
        }
    }

    #[test]
    fn an_identity_that_is_not_the_name_needs_a_grant() {
        let answer = |body: &str| answer(NOW, &alice(), 200, body.as_bytes());
        assert_eq!(
            answer(r#"{"identity":"bob@example.com"}"#),
            Err(Refused::NotYours)
        );
        let granted = answer(r#"{"identity":"bob@example.com","grants":{"userids":["al*@example.com"]}}"#);
        assert_eq!(granted.unwrap().identity.as_str(), "bob@example.com");
    }
}
