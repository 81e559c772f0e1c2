//! The demo page at the server's main listener.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use support::Running;
use support::raw::Raw;

/// One request on a connection of its own: the head of the answer, and what follows it.
async fn ask(server: &Running, request: &str) -> (String, String) {
    let mut raw = Raw::connect(server.authority()).await;
    let (line, headers) = request.split_once('\n').unwrap_or((request, ""));
    raw.write(format!("{line} HTTP/1.1\r\nHost: x\r\n{headers}\r\n").as_bytes())
        .await;
    let head = raw.read_head().await;
    let body = raw.read_to_end().await;
    (head.to_lowercase(), String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn the_page_is_there_beside_the_socket_and_names_modules_that_are_there() {
    let server = Running::start("");
    let (head, page) = ask(&server, "GET /").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("content-type: text/html"), "{head}");
    assert!(page.contains("/apps/demo/main.js"));
    let (head, module) = ask(&server, "GET /sdk/js/src/client.js").await;
    assert!(head.contains("content-type: text/javascript"), "{head}");
    assert!(module.contains("export class Client extends Emitter"));
    let (head, body) = ask(&server, "HEAD /").await;
    assert!(
        head.contains(&format!("content-length: {}", page.len())),
        "{head}"
    );
    assert_eq!(body, "");
    let (head, _) = ask(&server, "GET /elsewhere").await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
}

#[tokio::test]
async fn a_browser_that_has_the_page_is_not_sent_it_again() {
    let server = Running::start("");
    let (head, _) = ask(&server, "GET /").await;
    let tag = head
        .lines()
        .find_map(|line| line.strip_prefix("etag: "))
        .unwrap()
        .to_owned();
    let (head, body) = ask(&server, &format!("GET /\nIf-None-Match: {tag}\r\n")).await;
    assert!(head.starts_with("http/1.1 304"), "{head}");
    assert_eq!(body, "");
}

#[tokio::test]
async fn a_server_without_the_demo_has_no_page() {
    let server = Running::start("demo = \"off\"");
    let (head, body) = ask(&server, "GET /").await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
    assert!(body.contains("/rtc?userid="), "{body}");
}
