//! Requests to servers on loopback that answer with fixed bytes.

use std::net::SocketAddr;
use std::time::Duration;

use strowger_channel::net::AddressPolicy;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// Serves one connection: reads to the end of the request's body, answers, and closes. Gives back what it read.
async fn server(answer: &'static [u8]) -> (SocketAddr, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let (mut read, mut part) = (Vec::new(), [0; 1024]);
        while !read.ends_with(b"!") {
            let bytes = tcp.read(&mut part).await.unwrap();
            if bytes == 0 {
                break;
            }
            read.extend_from_slice(&part[..bytes]);
        }
        // One that has enough closes earlier.
        let _ = tcp.write_all(answer).await;
        String::from_utf8(read).unwrap()
    });
    (address, served)
}

fn post(url: &str) -> HttpRequest {
    HttpRequest {
        body: b"hello!".to_vec(),
        headers: vec![("x-mark".to_owned(), "7".to_owned())],
        ..HttpRequest::new("POST", url)
    }
}

#[tokio::test]
async fn a_request_goes_out_whole_and_its_response_comes_back() {
    let answer = b"HTTP/1.1 201 Created\r\nX-Own: a\r\nContent-Length: 2\r\n\r\nok";
    let (address, served) = server(answer).await;
    let response = fetch(
        &post(&format!("http://{address}/in?x=1")),
        &WebSettings::default(),
    )
    .await;
    let response = response.unwrap();
    assert_eq!((response.status, response.body.as_slice()), (201, &b"ok"[..]));
    assert!(response.headers.contains(&("x-own".to_owned(), "a".to_owned())));
    let request = served.await.unwrap().to_ascii_lowercase();
    assert!(request.starts_with("post /in?x=1 http/1.1\r\n"), "{request}");
    for part in [
        &format!("host: {address}\r\n"),
        "x-mark: 7\r\n",
        "content-length: 6\r\n",
        "\r\n\r\nhello!",
    ] {
        assert!(request.contains(part), "{part} in {request}");
    }
}

#[tokio::test]
async fn a_name_leads_to_loopback_only_where_its_network_is_named() {
    let (address, _served) = server(b"HTTP/1.1 204 No Content\r\n\r\n").await;
    let request = post(&format!("http://localhost:{}/", address.port()));
    let refused = fetch(&request, &WebSettings::default()).await;
    assert!(
        matches!(&refused, Err(FetchError::Failed(why)) if why.contains("is not public")),
        "{refused:?}"
    );
    let mut settings = WebSettings::default();
    let networks = ["127.0.0.0/8", "::1/128"].map(|network| network.parse().unwrap());
    settings.dial.addresses = AddressPolicy::new(networks.to_vec());
    assert_eq!(fetch(&request, &settings).await.unwrap().status, 204);
}

#[tokio::test]
async fn a_response_that_is_too_large_or_broken_off_is_none() {
    let settings = WebSettings {
        response_bytes: 4,
        ..WebSettings::default()
    };
    type Check = fn(&FetchError) -> bool;
    let cases: [(&'static [u8], Check); 4] = [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345", |error| {
            *error == FetchError::TooLarge
        }),
        (b"HTTP/1.1 200 OK\r\n\r\n12345", |error| {
            *error == FetchError::TooLarge
        }),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n12", |error| {
            matches!(error, FetchError::Failed(_))
        }),
        (b"no HTTP", |error| matches!(error, FetchError::Failed(_))),
    ];
    for (answer, is_expected) in cases {
        let (address, _served) = server(answer).await;
        let error = fetch(&post(&format!("http://{address}/")), &settings)
            .await
            .unwrap_err();
        assert!(is_expected(&error), "{error:?}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut request = post(&format!("http://{}/", listener.local_addr().unwrap()));
    request.timeout = Duration::from_millis(20);
    let result = fetch(&request, &WebSettings::default()).await;
    assert_eq!(result, Err(FetchError::TimedOut));
}

#[tokio::test]
async fn what_is_no_request_is_not_sent() {
    let bad = |change: fn(&mut HttpRequest)| {
        let mut request = post("http://127.0.0.1:9/");
        change(&mut request);
        request
    };
    for request in [
        bad(|request| request.method = "G T".to_owned()),
        bad(|request| request.url = "/relative".to_owned()),
        bad(|request| request.headers[0].0 = "host".to_owned()),
        bad(|request| request.headers[0].0 = "Transfer-Encoding".to_owned()),
        bad(|request| request.headers[0].1 = "a\r\nb: c".to_owned()),
    ] {
        let result = fetch(&request, &WebSettings::default()).await;
        assert!(matches!(result, Err(FetchError::Invalid(_))), "{result:?}");
    }
}

#[tokio::test]
async fn https_needs_trusted_certificates() {
    let (address, _served) = server(b"").await;
    let result = fetch(&post(&format!("https://{address}/")), &WebSettings::default()).await;
    assert_eq!(
        result,
        Err(FetchError::Failed("there are no trusted certificates".to_owned()))
    );
}
