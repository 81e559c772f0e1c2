//! The example endpoints, as they are run by their users: the service asks them over a real socket.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use strowger_service::jsip::{Method, Request, StatusCode};
use strowger_service::testkit::TestKit;
use strowger_service::{HttpRequest, HttpResponse};
use strowger_webhook::Webhook;

const SECRET: &str = "a secret of the shop";

/// A process that is ended with the test.
struct Endpoint {
    process: Child,
    port: u16,
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Endpoint {
    fn start(program: &str, file: &str) -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/");
        let mut process = Command::new(program)
            .args([&format!("{path}{file}"), "0", SECRET])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = process.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        Self {
            process,
            port: line.trim().parse().unwrap(),
        }
    }

    /// Asks what to do, as whoever runs the service would.
    fn ask(&self, request: &HttpRequest) -> HttpResponse {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let length = request.body.len();
        let mut text = format!("POST /calls HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n");
        for (name, value) in &request.headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += "connection: close\r\n\r\n";
        stream
            .write_all(&[text.as_bytes(), &request.body].concat())
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut response = HttpResponse::new(status);
        // Node sends what it has not counted in chunks; here there is one.
        let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        let body = if chunked {
            body.split("\r\n").nth(1).unwrap()
        } else {
            body
        };
        response.body = body.into();
        response
    }
}

fn shop(secret: &str) -> TestKit {
    let settings = format!(r#"{{"url":"http://127.0.0.1/calls","secret":"{secret}","retries":0}}"#);
    TestKit::new(Webhook).configured(&settings)
}

fn from_carl(method: Method) -> Request {
    let mut request = Request::new(method, "shop@example.com", "carl@example.com", "shop@example.com");
    request.set_body_str("söme \"text\"");
    request
}

/// The endpoint answers what the service asks.
fn answers(kit: &mut TestKit, endpoint: &Endpoint) {
    let (id, request) = kit.expect_fetch();
    let response = endpoint.ask(&request);
    kit.fetched(id, Ok(response));
}

/// The shop, from the first call to the last refusal.
fn play(endpoint: &Endpoint) {
    let mut kit = shop(SECRET);
    let carl = kit.incoming(from_carl(Method::Invite));
    answers(&mut kit, endpoint);
    let ann = kit.expect_open();
    assert_eq!(ann.request_uri(), "ann@example.com");
    kit.answer(&ann, StatusCode::BUSY_HERE);
    answers(&mut kit, endpoint);
    let (ben, other) = (kit.expect_open(), kit.expect_open());
    assert_eq!(
        (ben.request_uri(), other.request_uri()),
        ("ben@example.com", "carl@example.com")
    );
    kit.answer(&ben, StatusCode::OK);
    kit.expect_send(other.leg, Method::Cancel);
    kit.expect_response(carl, StatusCode::OK);
    kit.answer(&other, StatusCode::REQUEST_TERMINATED);
    kit.hang_up(ben.leg);
    kit.expect_send(carl, Method::Bye);
    answers(&mut kit, endpoint);
    kit.assert_finished();

    let mut kit = shop(SECRET);
    let carl = kit.incoming(from_carl(Method::Message));
    kit.expect_response(carl, StatusCode::TRYING);
    answers(&mut kit, endpoint);
    kit.expect_response(carl, StatusCode::OK);
    let message = kit.expect_open();
    assert_eq!(message.body_str().as_deref(), Some("söme \"text\""));
    kit.answer(&message, StatusCode::OK);
    kit.assert_finished();

    let mut kit = shop("another secret of ours");
    let carl = kit.incoming(from_carl(Method::Invite));
    answers(&mut kit, endpoint);
    kit.expect_response(carl, StatusCode::SERVICE_UNAVAILABLE);
    assert!(kit.logs()[0].1.ends_with("status 401"), "{:?}", kit.logs());
}

#[test]
fn the_endpoint_in_python_runs_the_shop() {
    play(&Endpoint::start("python3", "endpoint.py"));
}

#[test]
fn the_endpoint_in_node_runs_the_shop() {
    play(&Endpoint::start("node", "endpoint.mjs"));
}
