//! A peer that floods the server costs its own socket and nothing else: beside each flood two users go on talking.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by it")]

mod support;

use std::cell::Cell;
use std::future::Future;
use std::time::Duration;

use serde_json::{Value, json};
use strowger::client::Client;
use support::raw::{self, Raw, frame, frame_with};
use support::{Running, connect, receive};

/// How much a server may grow under a flood.
const GROWTH: usize = 64 << 20;
/// A write that takes so long is held up by a server that does not read on.
const HELD_UP: Duration = Duration::from_millis(500);

fn message(from: &str, to: &str, dialog: &str, body: &str) -> Value {
    json!({
        "Type": "MESSAGE", "Request-URI": to, "From": from, "To": to, "DialogueID": dialog, "CSeq": 1, "Body": body
    })
}

fn answer(request: &Value, code: u16) -> String {
    let answer = json!({
        "Type": "RESPONSE", "Code": code, "From": request["From"], "To": request["To"],
        "DialogueID": request["DialogueID"], "CSeq": request["CSeq"]
    });
    answer.to_string()
}

/// Two users who mean well.
struct Couple {
    alice: Client,
    bob: Client,
    rounds: u32,
}

impl Couple {
    async fn new(running: &Running) -> Self {
        Self {
            alice: connect(&running.server(), "alice@example.com").await,
            bob: connect(&running.server(), "bob@example.com").await,
            rounds: 0,
        }
    }

    /// One message there, one answer back.
    async fn talk(&mut self) {
        self.rounds += 1;
        let dialog = format!("round-{}", self.rounds);
        let text = message("alice@example.com", "bob@example.com", &dialog, "hello");
        self.alice.send(text.to_string()).await.unwrap();
        let request = receive(&mut self.bob).await;
        assert_eq!(request["Body"], "hello", "{request}");
        self.bob.send(answer(&request, 200)).await.unwrap();
        let response = receive(&mut self.alice).await;
        assert_eq!(
            (&response["Code"], &response["DialogueID"]),
            (&200.into(), &dialog.into()),
            "{response}"
        );
    }

    /// They talk for as long as the flood takes.
    async fn beside<T>(&mut self, flood: impl Future<Output = T>) -> T {
        let over = Cell::new(false);
        let flood = async {
            let result = flood.await;
            over.set(true);
            result
        };
        let talking = async {
            while !over.get() {
                self.talk().await;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::join!(flood, talking).0
    }
}

/// A server with a couple on it, and what it weighed before the flood.
struct Scene {
    running: Running,
    before: usize,
}

impl Scene {
    async fn new(config: &str) -> (Self, Couple) {
        let running = Running::start(config);
        let mut couple = Couple::new(&running).await;
        couple.talk().await;
        let before = running.resident_bytes();
        (Self { running, before }, couple)
    }

    async fn eve(&self) -> Raw {
        Raw::upgrade(self.running.authority(), "eve@example.com").await
    }

    /// After the flood: the users still talk, and the server has not grown.
    async fn stands(mut self, mut couple: Couple) {
        couple.talk().await;
        assert!(self.running.is_running());
        let after = self.running.resident_bytes();
        assert!(
            after < self.before + GROWTH,
            "{} bytes before, {after} after",
            self.before
        );
    }
}

/// Writes this again and again until the server hangs up or stops reading.
async fn pour(eve: &mut Raw, bytes: &[u8], times: usize) {
    for _ in 0..times {
        if tokio::time::timeout(HELD_UP, eve.write(bytes)).await.is_err() {
            return;
        }
    }
}

/// What eve floods the server with costs her socket, with this code.
#[track_caller]
fn costs_a_socket(begin: Vec<u8>, flood: Vec<u8>, code: u16) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let (scene, mut couple) = Scene::new("").await;
        let mut eve = scene.eve().await;
        let closed = couple
            .beside(async {
                eve.write(&begin).await;
                pour(&mut eve, &flood.repeat(1000), 200).await;
                eve.read_close().await
            })
            .await;
        // A client that is still writing may be reset before it has read the Close.
        assert!(closed.is_none_or(|closed| closed == code), "{caller}: {closed:?}");
        scene.stands(couple).await;
    }
}

#[tokio::test]
async fn pings_without_end_from_one_who_does_not_read() {
    costs_a_socket(Vec::new(), frame(raw::PING, &[0; 125]), 1008).await;
}

#[tokio::test]
async fn empty_pings_without_end() {
    costs_a_socket(Vec::new(), frame(raw::PING, b""), 1008).await;
}

#[tokio::test]
async fn pongs_that_nobody_asked_for() {
    costs_a_socket(Vec::new(), frame(raw::PONG, b"swgr\0\0\0\0\0\0\0\0"), 1008).await;
}

#[tokio::test]
async fn empty_fragments_without_end() {
    let begin = frame_with(raw::TEXT, 0x80, b"");
    costs_a_socket(begin, frame_with(raw::CONTINUATION, 0x80, b""), 1008).await;
}

#[tokio::test]
async fn fragments_of_one_byte() {
    let begin = frame_with(raw::TEXT, 0x80, b"{");
    costs_a_socket(begin, frame_with(raw::CONTINUATION, 0x80, b" "), 1008).await;
}

#[tokio::test]
async fn fragments_and_pings_in_turn() {
    let begin = frame_with(raw::TEXT, 0x80, b"{");
    let turn = [
        frame_with(raw::CONTINUATION, 0x80, b" "),
        frame(raw::PING, b"between"),
    ];
    costs_a_socket(begin, turn.concat(), 1008).await;
}

#[tokio::test]
async fn large_fragments_of_a_message_without_end() {
    let begin = frame_with(raw::TEXT, 0x80, b"{");
    costs_a_socket(begin, frame_with(raw::CONTINUATION, 0x80, &[b' '; 4096]), 1009).await;
}

#[tokio::test]
async fn empty_messages_without_end() {
    costs_a_socket(Vec::new(), frame(raw::TEXT, b""), 1008).await;
}

#[tokio::test]
async fn a_compressed_frame_though_no_compression_was_agreed() {
    let (scene, mut couple) = Scene::new("").await;
    let mut eve = Raw::connect(scene.running.authority()).await;
    let request = raw::handshake("/rtc?userid=eve@example.com", scene.running.authority());
    let offer = "\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
    eve.write(request.replace("\r\n\r\n", offer).as_bytes()).await;
    let head = eve.read_head().await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(!head.contains("sec-websocket-extensions"), "{head}");
    let compressed = frame_with(0xc1, 0x80, b"\xaa\x56\x0a\x00");
    let closed = couple
        .beside(async {
            eve.write(&compressed).await;
            eve.read_close().await
        })
        .await;
    assert_eq!(closed, Some(1002));
    scene.stands(couple).await;
}

#[tokio::test]
async fn requests_without_end_from_one_who_does_not_read_the_answers() {
    let (scene, mut couple) = Scene::new("").await;
    let mut eve = scene.eve().await;
    couple
        .beside(async {
            for round in 0..300 {
                let requests: Vec<u8> = (0..100)
                    .flat_map(|number| {
                        let dialog = format!("{round}-{number}");
                        let request = message("eve@example.com", "x@echo.example.com", &dialog, "x");
                        frame(raw::TEXT, request.to_string().as_bytes())
                    })
                    .collect();
                if tokio::time::timeout(HELD_UP, eve.write(&requests)).await.is_err() {
                    break;
                }
            }
        })
        .await;
    scene.stands(couple).await;
}

#[tokio::test]
async fn frames_that_are_announced_and_never_come() {
    let (scene, mut couple) = Scene::new("").await;
    let mut sockets = Vec::new();
    couple
        .beside(async {
            for number in 0..300 {
                let user = format!("eve{number}@example.com");
                let mut eve = Raw::upgrade(scene.running.authority(), &user).await;
                let mut head = vec![0x81, 0xfe, 0xff, 0xff, 0, 0, 0, 0];
                head.extend([b' '; 100]);
                eve.write(&head).await;
                sockets.push(eve);
            }
        })
        .await;
    scene.stands(couple).await;
}

#[tokio::test]
async fn takeovers_without_end() {
    let (scene, mut couple) = Scene::new("").await;
    couple
        .beside(async {
            let mut last = Vec::new();
            for _ in 0..500 {
                last.push(scene.eve().await);
                if last.len() > 10 {
                    last.remove(0);
                }
            }
        })
        .await;
    scene.stands(couple).await;
}

#[tokio::test]
async fn handshakes_that_never_end() {
    let (scene, mut couple) = Scene::new("trusted_proxies = []\n[limits]\nhandshakes = 100\n").await;
    let request = raw::handshake("/rtc?userid=eve@example.com", scene.running.authority());
    let mut halves = Vec::new();
    couple
        .beside(async {
            for _ in 0..300 {
                let mut half = Raw::connect(scene.running.authority()).await;
                half.write(&request.as_bytes()[..60]).await;
                halves.push(half);
            }
        })
        .await;
    // Their address has its quarter of the handshakes, so who is new comes from another one.
    let mut silent = 0;
    for half in &mut halves {
        silent += usize::from(half.is_open().await);
    }
    assert!(silent <= 25, "{silent}");
    drop(halves);
    scene.stands(couple).await;
}

#[tokio::test]
async fn a_reader_who_stopped_costs_his_senders_a_503_and_nobody_else_anything() {
    let config = "[channel]\noutbox_bytes = \"1MiB\"\n\
                  [limits]\nmessages_per_second = 100000\nmessages_burst = 100000\n";
    let (scene, mut couple) = Scene::new(config).await;
    // He has the call, and never reads again.
    let _stalled = Raw::upgrade(scene.running.authority(), "stalled@example.com").await;
    let mut carol = connect(&scene.running.server(), "carol@example.com").await;
    let body = "x".repeat(16 << 10);
    let mut codes = [0; 700];
    couple
        .beside(async {
            for number in 0..2000 {
                let dialog = format!("d{number}");
                let text = message("carol@example.com", "stalled@example.com", &dialog, &body);
                carol.send(text.to_string()).await.unwrap();
            }
            for _ in 0..2000 {
                let response = receive(&mut carol).await;
                if response["Code"] == 503 {
                    assert!(response["Retry-After"].is_number(), "{response}");
                }
                codes[response["Code"].as_u64().unwrap() as usize] += 1;
            }
        })
        .await;
    // Each sender is told: there was no room, or nobody answered.
    assert_eq!(codes[503] + codes[408], 2000);
    assert!(
        codes[503] > 1000 && codes[408] > 0,
        "{} {}",
        codes[503],
        codes[408]
    );
    scene.stands(couple).await;
}
