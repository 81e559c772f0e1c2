//! Key sets and endpoints on loopback.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, Uri};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use strowger_auth::{Algorithm, Class, Issuer, IssuerSettings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const ISSUER: &str = "https://issuer.example";

/// A web server that gives these answers in turn, the last one for ever; `None`: it says nothing.
struct Web {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    accepted: Arc<AtomicUsize>,
}

impl Web {
    async fn start(answers: Vec<Option<(u16, String)>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, accepted) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (notes, count) = (Arc::clone(&asked), Arc::clone(&accepted));
        tokio::spawn(async move {
            let mut answers = VecDeque::from(answers);
            loop {
                let (mut tcp, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let answer = if answers.len() > 1 {
                    answers.pop_front().unwrap()
                } else {
                    answers[0].clone()
                };
                let notes = Arc::clone(&notes);
                tokio::spawn(async move {
                    let mut read = Vec::new();
                    let body = loop {
                        let mut part = [0; 4096];
                        let bytes = tcp.read(&mut part).await.unwrap();
                        read.extend_from_slice(&part[..bytes]);
                        let text = String::from_utf8_lossy(&read).into_owned();
                        if let Some((head, body)) = text.split_once("\r\n\r\n") {
                            let length = head.lines().find_map(|line| {
                                line.to_ascii_lowercase()
                                    .strip_prefix("content-length: ")
                                    .map(|length| length.parse::<usize>().unwrap())
                            });
                            if body.len() >= length.unwrap_or(0) {
                                break body.to_owned();
                            }
                        }
                    };
                    notes.lock().unwrap().push(body);
                    let Some((status, body)) = answer else {
                        return std::future::pending::<()>().await;
                    };
                    let length = body.len();
                    let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}");
                    let _ = tcp.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self {
            address,
            asked,
            accepted,
        }
    }

    async fn answering(status: u16, body: &str) -> Self {
        Self::start(vec![Some((status, body.to_owned()))]).await
    }

    fn connections(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

fn authentication(policy: Policy, callback: Option<CallbackSettings>) -> Authentication {
    Authentication::new(AuthSettings {
        policy,
        keyring: KeyringSettings::default(),
        key_set_timeout: Duration::from_secs(5),
        callback,
        web: WebSettings::default(),
    })
}

/// Nothing but an endpoint decides.
fn asking(url: String, timeout: Duration) -> Authentication {
    let policy = Policy {
        has_callback: true,
        ..Policy::default()
    };
    let callback = CallbackSettings {
        url,
        timeout,
        concurrent: 1,
    };
    authentication(policy, Some(callback))
}

async fn admit(authentication: &Authentication, query: &str) -> Result<Credential, Refused> {
    let mut headers = HeaderMap::new();
    headers.insert("cookie", HeaderValue::from_static("session=7"));
    let uri: Uri = format!("/rtc?userid=alice@example.com{query}").parse().unwrap();
    let name = UserId::new("alice@example.com").unwrap();
    let knock = Knock {
        name: &name,
        uri: &uri,
        headers: &headers,
        address: [192, 0, 2, 1].into(),
        certificate: None,
    };
    authentication.admit(&knock).await
}

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn an_endpoint_is_told_what_came_and_admits_with_200() {
    let web = Web::answering(200, r#"{"grants":{"may":["call"]}}"#).await;
    let authentication = asking(format!("http://{}/admit", web.address), LONG);
    let credential = admit(&authentication, "&access_token=t").await.unwrap();
    assert_eq!(credential.identity.as_str(), "alice@example.com");
    assert!(credential.grants.is_some());
    let asked: Value = serde_json::from_str(&web.asked.lock().unwrap()[0]).unwrap();
    assert_eq!(
        asked,
        json!({
            "userid": "alice@example.com", "renewal": false, "token": "t", "address": "192.0.2.1",
            "url": "/rtc?userid=alice@example.com&access_token=t", "headers": {"cookie": "session=7"},
        })
    );
}

#[tokio::test]
async fn an_endpoint_refuses_with_401_and_403_and_whatever_else_it_says_refuses_too() {
    for (status, body, expected) in [
        (401, "", Refused::ByCallback(Class::Unauthenticated)),
        (403, "", Refused::ByCallback(Class::Forbidden)),
        (204, "", Refused::NoAnswer),
        (302, "", Refused::NoAnswer),
        (500, "", Refused::NoAnswer),
        (200, "yes", Refused::NoAnswer),
        (200, r#"{"identity":"bob@example.com"}"#, Refused::NotYours),
    ] {
        let web = Web::answering(status, body).await;
        let authentication = asking(format!("http://{}/", web.address), LONG);
        assert_eq!(admit(&authentication, "").await, Err(expected), "{status} {body}");
    }
}

#[tokio::test]
async fn an_endpoint_that_takes_too_long_refuses() {
    let web = Web::start(vec![None]).await;
    let authentication = asking(format!("http://{}/", web.address), Duration::from_millis(50));
    assert_eq!(admit(&authentication, "").await, Err(Refused::NoAnswer));
    // One of which nobody is left to listen, too.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(admit(&asking(url, LONG), "").await, Err(Refused::NoAnswer));
}

#[tokio::test]
async fn an_endpoint_at_a_forbidden_address_is_never_asked() {
    let web = Web::answering(200, "").await;
    let authentication = asking(format!("http://localhost:{}/", web.address.port()), LONG);
    assert_eq!(admit(&authentication, "").await, Err(Refused::NoAnswer));
    assert_eq!(web.connections(), 0);
}

#[tokio::test]
async fn an_answer_that_is_too_large_refuses() {
    let web = Web::answering(200, &format!("{{}}{}", " ".repeat(2 << 20))).await;
    let authentication = asking(format!("http://{}/", web.address), LONG);
    assert_eq!(admit(&authentication, "").await, Err(Refused::NoAnswer));
}

#[tokio::test]
async fn no_more_questions_are_open_than_may_be_and_waiting_counts() {
    let web = Web::start(vec![None]).await;
    let authentication = asking(format!("http://{}/", web.address), Duration::from_millis(200));
    let (first, second) = tokio::join!(admit(&authentication, ""), admit(&authentication, ""));
    assert_eq!((first, second), (Err(Refused::NoAnswer), Err(Refused::NoAnswer)));
    assert_eq!(web.connections(), 1);
}

#[tokio::test]
async fn two_tokens_at_once_are_refused_before_anybody_is_asked() {
    let web = Web::answering(200, "").await;
    let authentication = asking(format!("http://{}/", web.address), LONG);
    let refused = admit(&authentication, "&access_token=a&access_token=b").await;
    assert_eq!(refused, Err(Refused::ManyTokens));
    assert_eq!(web.connections(), 0);
}

/// A key of the issuer, named by its number.
fn pair(number: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[number; 32]).unwrap()
}

fn key_set(numbers: &[u8]) -> String {
    let key = |number: &u8| {
        let x = URL_SAFE_NO_PAD.encode(pair(*number).public_key());
        json!({"kty": "OKP", "crv": "Ed25519", "kid": number.to_string(), "x": x})
    };
    json!({"keys": numbers.iter().map(key).collect::<Vec<_>>()}).to_string()
}

fn signed_with(number: u8) -> String {
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = encode(json!({"alg": "EdDSA", "kid": number.to_string()}));
    let claims = json!({"iss": ISSUER, "aud": "strowger", "sub": "alice", "exp": now().0 + 600});
    let text = format!("{header}.{}", encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(pair(number).sign(text.as_bytes()));
    format!("&access_token={text}.{signature}")
}

fn publishing(address: SocketAddr, retry: Duration) -> Authentication {
    let settings = IssuerSettings {
        issuer: ISSUER.to_owned(),
        audience: vec!["strowger".to_owned()],
        algorithms: vec![Algorithm::EdDsa],
        leeway: Duration::ZERO,
        identity_claim: "sub".to_owned(),
        grants_claim: "strowger".to_owned(),
        hosts: vec!["example.com".to_owned()],
    };
    let policy = Policy {
        issuers: vec![Issuer::with_key_set(settings, format!("http://{address}/keys"))],
        ..Policy::default()
    };
    let mut settings = AuthSettings::clone(&authentication(policy, None).settings);
    settings.keyring.retry = retry;
    Authentication::new(settings)
}

#[tokio::test]
async fn a_key_set_is_fetched_once_for_many() {
    let web = Web::answering(200, &key_set(&[1])).await;
    let authentication = publishing(web.address, LONG);
    let token = signed_with(1);
    let together = tokio::join!(
        admit(&authentication, &token),
        admit(&authentication, &token),
        admit(&authentication, &token)
    );
    assert!(together.0.is_ok() && together.1.is_ok() && together.2.is_ok());
    assert!(admit(&authentication, &token).await.is_ok());
    assert_eq!(web.connections(), 1);
}

#[tokio::test]
async fn an_unknown_key_has_the_key_set_fetched_again_and_not_more_often_than_may_be() {
    let sets = [key_set(&[1]), key_set(&[2])];
    let web = Web::start(sets.map(|set| Some((200, set))).into()).await;
    let authentication = publishing(web.address, Duration::ZERO);
    assert!(admit(&authentication, &signed_with(1)).await.is_ok());
    assert!(admit(&authentication, &signed_with(2)).await.is_ok());
    assert_eq!(web.connections(), 2);
    // What is not published any more is not believed any more.
    assert_eq!(admit(&authentication, &signed_with(1)).await, Err(Refused::Key));
    let web = Web::answering(200, &key_set(&[1])).await;
    let authentication = publishing(web.address, LONG);
    for _ in 0..5 {
        assert_eq!(admit(&authentication, &signed_with(9)).await, Err(Refused::Key));
    }
    assert_eq!(web.connections(), 1);
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_refuse_as_unavailable() {
    for (status, body) in [(500, ""), (200, "{}"), (200, r#"{"keys":[]}"#)] {
        let web = Web::answering(status, body).await;
        let authentication = publishing(web.address, LONG);
        for _ in 0..2 {
            assert_eq!(
                admit(&authentication, &signed_with(1)).await,
                Err(Refused::NoKeys)
            );
        }
        assert_eq!(web.connections(), 1);
    }
}

#[tokio::test]
async fn a_peer_that_hangs_up_does_not_keep_the_keys_from_others() {
    let web = Web::answering(200, &key_set(&[1])).await;
    let authentication = publishing(web.address, LONG);
    let token = signed_with(1);
    {
        // Polled once, so that the fetch has begun, and dropped.
        let mut hasty = Box::pin(admit(&authentication, &token));
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(hasty.as_mut().poll(cx))).await;
        assert!(polled.is_pending());
    }
    assert!(admit(&authentication, &token).await.is_ok());
    assert_eq!(web.connections(), 1);
}

#[tokio::test]
async fn nothing_that_is_shown_for_debugging_has_a_secret_in_it() {
    let web = Web::answering(200, "").await;
    let authentication = asking(format!("http://{}/secret-path", web.address), LONG);
    assert!(!format!("{authentication:?}").contains("secret-path"));
}
