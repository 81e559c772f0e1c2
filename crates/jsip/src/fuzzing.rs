//! The bodies of the fuzz targets: what must hold for any input. Each panics where it does not.

use crate::{Limits, Message, Uri, UserId};

/// Any bytes as a message: never a panic; what is accepted comes back the same, byte for byte in every value.
pub fn decode(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let limits = Limits::default();
    match Message::decode(text, &limits) {
        Ok(message) => {
            assert!(text.len() <= limits.message_bytes);
            message
                .headers()
                .check()
                .expect("an accepted message keeps the rules");
            let encoded = message.encode();
            let again = Message::decode(&encoded, &limits).expect("what was accepted is accepted again");
            assert_eq!(again, message);
            assert_eq!(again.encode(), encoded);
            changed(message, &limits);
        }
        Err(error) => {
            let shown = error.to_string();
            assert!(!shown.is_empty() && shown.len() < 1024);
            if let Some(rejection) = error.rejection() {
                let encoded = rejection.encode();
                let again = Message::decode(
                    &encoded,
                    &Limits {
                        message_bytes: usize::MAX,
                        ..limits
                    },
                );
                assert_eq!(
                    again.expect("a rejection is a message"),
                    Message::Response(rejection)
                );
            }
        }
    }
}

/// Changes headers of a message: the others stay as they are.
fn changed(mut message: Message, limits: &Limits) {
    let unlimited = Limits {
        message_bytes: usize::MAX,
        ..*limits
    };
    let kept: Vec<(String, String)> = extensions(&message);
    let body = message.headers().body().map(str::to_owned);
    message.headers_mut().set_dialog_id("a \"new\"\n\u{1}id é");
    message.headers_mut().set_from("me");
    if let Message::Request(request) = &mut message {
        request.set_request_uri("someone@else");
        request.pop_route();
    }
    let again = Message::decode(&message.encode(), &unlimited).expect("a changed message is a message");
    assert_eq!(again, message);
    assert_eq!(again.dialog_id(), "a \"new\"\n\u{1}id é");
    assert_eq!(extensions(&again), kept);
    assert_eq!(again.headers().body(), body.as_deref());
}

fn extensions(message: &Message) -> Vec<(String, String)> {
    message
        .headers()
        .extensions()
        .map(|(name, raw)| (name.to_owned(), raw.to_owned()))
        .collect()
}

/// Any bytes as a URI and as a user id: never a panic; the parts make the whole again.
pub fn uri(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(uri) = Uri::parse(text) {
        assert!(!uri.host().is_empty());
        let again = uri.to_string();
        let again = Uri::parse(&again).expect("a written URI is a URI");
        assert_eq!(again.user(), uri.user());
        assert_eq!(again.host(), uri.host());
        assert_eq!(again.port(), uri.port());
        assert!(again.params().eq(uri.params()));
        assert_eq!(again.user_with_host(), uri.user_with_host());
        for (name, value) in uri.params() {
            assert!(uri.has_param(name) && !name.is_empty());
            assert!(value.is_none_or(|value| value.trim_matches([' ', '\t']) == value));
        }
        if let Ok(id) = UserId::from_uri(&uri) {
            assert_eq!(id.as_str(), uri.user_with_host());
        }
    }
    for id in [UserId::new(text), UserId::from_query(text)]
        .into_iter()
        .flatten()
    {
        assert!((1..=UserId::MAX_BYTES).contains(&id.as_str().len()));
        assert_eq!(UserId::new(id.as_str()).as_ref(), Ok(&id));
        assert_eq!(id.is_bare_host(), id.user().is_none());
    }
}
