//! Whatever a peer sends is answered with the code the protocol names, or counted and dropped: nothing stops the
//! server, makes it grow without bound, or reaches another user's dialog.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail a test by it")]

mod support;

use std::fmt::Write as _;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use strowger::client::{Client, Handshake, Received};
use support::raw::{self, Raw, frame, frame_with};
use support::{Running, connect, receive};

/// How much a server may grow over a few thousand bad frames; it keeps a few hundred bytes for each at most.
const GROWTH: usize = 64 << 20;

/// A server, and a user of it who sees whether it still serves.
struct Scene {
    running: Running,
    witness: Client,
    rounds: u32,
}

impl Scene {
    async fn new(config: &str) -> Self {
        let running = Running::start(config);
        let witness = connect(&running.server(), "witness@example.com").await;
        Self {
            running,
            witness,
            rounds: 0,
        }
    }

    /// The server still serves another user, and its process is the same.
    #[track_caller]
    fn still_serves(&mut self) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            self.rounds += 1;
            let dialog = format!("round-{}", self.rounds);
            let answer = echo(&mut self.witness, "witness@example.com", &dialog).await;
            assert_eq!(answer["Code"], 200, "{caller}: {answer}");
            assert!(self.running.is_running(), "{caller}");
        }
    }

    fn authority(&self) -> &str {
        self.running.authority()
    }
}

fn message(user: &str, dialog: &str) -> Value {
    json!({
        "Type": "MESSAGE", "Request-URI": "x@echo.example.com", "From": user, "To": "x@echo.example.com",
        "DialogueID": dialog, "CSeq": 1, "Body": dialog
    })
}

/// Sends a MESSAGE to the echo service and takes the next message as its answer.
async fn echo(client: &mut Client, user: &str, dialog: &str) -> Value {
    client.send(message(user, dialog).to_string()).await.unwrap();
    let answer = receive(client).await;
    if answer["Code"] == 200 {
        assert_eq!(
            (&answer["DialogueID"], &answer["Body"]),
            (&dialog.into(), &dialog.into())
        );
    }
    answer
}

/// A good message in which one member is replaced by this JSON text; none at all for an empty one.
fn with(member: &str, value: &str) -> String {
    let mut text = String::from("{");
    for (name, good) in message("eve@example.com", "bad").as_object().unwrap() {
        if name != member {
            write!(text, "{name:?}:{good},").unwrap();
        }
    }
    if !value.is_empty() {
        write!(text, "{member:?}:{value},").unwrap();
    }
    text.pop();
    text.push('}');
    text
}

/// Sends each frame as a user of its own; what answers it has this code, `None`: nothing does. The connection goes on.
async fn check(scene: &mut Scene, frames: &[(&str, String)], code: Option<u16>) {
    for (what, text) in frames {
        let mut eve = connect(&scene.running.server(), "eve@example.com").await;
        eve.send(text.clone()).await.unwrap();
        let mut answer = echo(&mut eve, "eve@example.com", "good").await;
        if let Some(code) = code {
            assert_eq!(answer["Code"], code, "{what}: {answer}");
            answer = receive(&mut eve).await;
        }
        assert_eq!(
            (&answer["Code"], &answer["DialogueID"]),
            (&200.into(), &"good".into()),
            "{what}: {answer}"
        );
        scene.still_serves().await;
        eve.close().await;
    }
}

#[tokio::test]
async fn what_is_no_message_is_dropped() {
    let mut scene = Scene::new("").await;
    let good = message("eve@example.com", "bad").to_string();
    let frames = [
        ("nothing", String::new()),
        ("a word", "hello".to_owned()),
        ("an array", "[1,2]".to_owned()),
        ("a string", "\"INVITE\"".to_owned()),
        ("a number", "7".to_owned()),
        ("null", "null".to_owned()),
        ("an empty object", "{}".to_owned()),
        ("cut after ten bytes", good[..10].to_owned()),
        ("brackets to a depth of 10,000", "[".repeat(10_000)),
        ("braces to a depth of 10,000", "{\"a\":".repeat(10_000)),
        ("a byte order mark and NULs", "\u{feff}\0\0\0".to_owned()),
    ];
    check(&mut scene, &frames, None).await;
}

#[tokio::test]
async fn a_bad_cseq_or_dialog_id_leaves_nobody_to_answer() {
    let mut scene = Scene::new("").await;
    let values = [
        "0",
        "-1",
        "1.5",
        "1152921504606846976",
        "9007199254740992",
        "\"1\"",
        "1e3",
        "null",
        "[1]",
        "01",
        "",
    ];
    let cseqs = values.map(|value| (value, with("CSeq", value)));
    check(&mut scene, &cseqs, None).await;
    let long = format!("{:?}", "d".repeat(10_240));
    let values = ["\"\"", &long, "7", "null", "{}", ""];
    let ids = values.map(|value| (&value[..value.len().min(20)], with("DialogueID", value)));
    check(&mut scene, &ids, None).await;
    check(
        &mut scene,
        &["7", "null", ""].map(|value| (value, with("Type", value))),
        None,
    )
    .await;
}

#[tokio::test]
async fn a_message_with_one_fault_is_answered_400() {
    let mut scene = Scene::new("").await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let frames = [
        ("a deep body", with("Body", &deep)),
        ("a deep header", with("X-Deep", &deep)),
        ("no From", with("From", "")),
        ("an empty To", with("To", "\"\"")),
        ("a Request-URI that is a number", with("Request-URI", "7")),
        ("a key twice", with("X", "1,\"X\":2")),
        ("half a surrogate pair", with("From", r#""\ud800""#)),
        ("Max-Forwards below zero", with("Max-Forwards", "-1")),
        ("a Router that is no URI", with("Router", "\"a@b@c\"")),
    ];
    check(&mut scene, &frames, Some(400)).await;
}

#[tokio::test]
async fn an_unknown_type_is_answered_501() {
    let mut scene = Scene::new("").await;
    let types = ["\"PUBLISH\"", "\"invite\"", "\"\u{1F4DE}\""];
    check(
        &mut scene,
        &types.map(|value| (value, with("Type", value))),
        Some(501),
    )
    .await;
}

#[tokio::test]
async fn a_response_without_a_request_is_dropped() {
    let mut scene = Scene::new("").await;
    let response = |code: &str| with("Type", &format!("\"RESPONSE\",\"Code\":{code}"));
    let frames =
        ["100", "200", "487", "699", "99", "700", "-1", "\"200\""].map(|code| (code, response(code)));
    check(&mut scene, &frames, None).await;
}

#[tokio::test]
async fn a_dialog_id_of_another_user_reaches_nothing_of_his() {
    let mut scene = Scene::new("").await;
    let (alice_name, server) = ("alice@example.com", scene.running.server());
    let mut alice = connect(&server, alice_name).await;
    let mut eve = connect(&server, "eve@example.com").await;
    let inside = |user: &str, method: &str, cseq: u32| {
        let mut request = message(user, "shared");
        request["Type"] = method.into();
        request["CSeq"] = cseq.into();
        request.to_string()
    };
    alice.send(inside(alice_name, "INVITE", 1)).await.unwrap();
    assert_eq!(receive(&mut alice).await["Code"], 200);
    alice.send(inside(alice_name, "ACK", 2)).await.unwrap();
    for (cseq, method) in (3..).zip(["BYE", "INFO", "UPDATE", "CANCEL", "PRACK", "NOTIFY", "REFER"]) {
        eve.send(inside(alice_name, method, cseq)).await.unwrap();
        assert_eq!(receive(&mut eve).await["Code"], 481, "{method}");
    }
    alice.send(inside(alice_name, "INFO", 3)).await.unwrap();
    assert_eq!(receive(&mut alice).await["Code"], 200);
    // Her own dialog of that name is another one.
    assert_eq!(echo(&mut eve, "eve@example.com", "shared").await["Code"], 200);
    alice.send(inside(alice_name, "BYE", 4)).await.unwrap();
    assert_eq!(receive(&mut alice).await["Code"], 200);
    scene.still_serves().await;
}

#[tokio::test]
async fn the_tenth_malformed_message_closes_the_socket() {
    let mut scene = Scene::new("").await;
    let mut eve = connect(&scene.running.server(), "eve@example.com").await;
    for _ in 0..9 {
        eve.send("{".to_owned()).await.unwrap();
    }
    assert_eq!(echo(&mut eve, "eve@example.com", "good").await["Code"], 200);
    eve.send("{".to_owned()).await.unwrap();
    assert_eq!(eve.receive().await, Received::Closed(Some(1008)));
    scene.still_serves().await;
}

#[tokio::test]
async fn a_frame_over_the_limit_closes_the_socket() {
    let mut scene = Scene::new("").await;
    for bytes in [(64 << 10) + 1, 1 << 20] {
        let mut eve = Raw::upgrade(scene.authority(), "eve@example.com").await;
        eve.write(&frame(raw::TEXT, &vec![b'x'; bytes])).await;
        assert_eq!(eve.read_close().await, Some(1009), "{bytes} bytes");
        scene.still_serves().await;
    }
    // One that only says how long it is going to be.
    for length in [(1_u64 << 20), u64::MAX >> 1, u64::MAX] {
        let mut eve = Raw::upgrade(scene.authority(), "eve@example.com").await;
        let mut head = vec![0x81, 0xff];
        head.extend(length.to_be_bytes());
        head.extend([0; 4]);
        eve.write(&head).await;
        let code = eve.read_close().await;
        assert!(matches!(code, Some(1009 | 1002)), "{length}: {code:?}");
        scene.still_serves().await;
    }
}

#[tokio::test]
async fn a_userid_that_is_none_is_answered_400() {
    let mut scene = Scene::new("").await;
    let server = scene.running.server();
    let long = format!("userid={}@example.com", "a".repeat(250));
    let queries = [
        "",
        "userid",
        "userid=",
        "user=alice@example.com",
        "userid=a%20b@example.com",
        "userid=a+b%20@example.com",
        "userid=%00@example.com",
        "userid=a%0d%0ab@example.com",
        "userid=a%7f@example.com",
        "userid=%zz@example.com",
        "userid=a%",
        "userid=%ff%fe@example.com",
        "userid=a@b@c",
        "userid=@",
        "userid=a@",
        "userid=a@b:c",
        &long,
    ];
    for query in queries {
        match server.connect(query).await {
            Ok(Handshake::Refused { status, body, .. }) => {
                assert_eq!(status.as_u16(), 400, "{query}: {body}");
                assert!(!body.is_empty(), "{query}");
            }
            other => panic!("{query}: {other:?}"),
        }
        scene.still_serves().await;
    }
    for query in [
        "userid=%61lice%40example.com",
        "userid=%C3%A9@example.com",
        "x=1&userid=room:888@example.com&y",
    ] {
        match server.connect(query).await {
            Ok(Handshake::Open(mut client)) => {
                assert_eq!(
                    echo(&mut client, "x@example.com", "d").await["Code"],
                    200,
                    "{query}"
                );
            }
            other => panic!("{query}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn http_that_is_no_handshake_is_answered() {
    let mut scene = Scene::new("").await;
    let authority = scene.authority().to_owned();
    let upgrade = raw::handshake("/rtc?userid=eve@example.com", &authority);
    let plain = format!("GET /rtc?userid=eve@example.com HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    let requests = [
        ("a plain GET", plain.clone(), 400),
        ("a POST", plain.replacen("GET", "POST", 1), 405),
        ("a POST with upgrade", upgrade.replacen("GET", "POST", 1), 405),
        ("an unknown method", plain.replacen("GET", "BREW", 1), 405),
        ("another path", plain.replacen("/rtc?", "/cgi-bin?", 1), 404),
        ("no key", upgrade.replacen("Sec-WebSocket-Key", "X-Key", 1), 400),
        (
            "a short key",
            upgrade.replacen("dGhlIHNhbXBsZSBub25jZQ==", "aGk=", 1),
            400,
        ),
        ("no userid", upgrade.replacen("userid", "user", 1), 400),
    ];
    for (what, request, status) in requests {
        let mut eve = Raw::connect(&authority).await;
        eve.write(request.as_bytes()).await;
        let head = eve.read_head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {head}");
        scene.still_serves().await;
    }
}

#[tokio::test]
async fn bytes_that_are_no_http_end_the_connection() {
    let mut scene = Scene::new("[limits]\nheader_timeout = \"1s\"\n").await;
    let authority = scene.authority().to_owned();
    let upgrade = raw::handshake("/rtc?userid=eve@example.com", &authority);
    let many: String = (0..10_000).map(|number| format!("X-{number}: y\r\n")).collect();
    let mut random = StdRng::seed_from_u64(1);
    let noise: Vec<u8> = (0..4096).map(|_| random.random()).collect();
    let inputs: [(&str, Vec<u8>); 8] = [
        ("nothing", Vec::new()),
        (
            "half a handshake",
            upgrade.as_bytes()[..upgrade.len() / 2].to_vec(),
        ),
        (
            "all but the last byte",
            upgrade.as_bytes()[..upgrade.len() - 1].to_vec(),
        ),
        ("noise", noise),
        (
            "a TLS hello",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(20),
        ),
        (
            "a very long line",
            [b"GET /".as_slice(), &vec![b'a'; 1 << 20]].concat(),
        ),
        (
            "very many headers",
            format!("GET /rtc HTTP/1.1\r\n{many}\r\n").into_bytes(),
        ),
        ("frames without a handshake", frame(raw::TEXT, b"{}").repeat(100)),
    ];
    for (what, bytes) in inputs {
        let mut eve = Raw::connect(&authority).await;
        eve.write(&bytes).await;
        scene.still_serves().await;
        let answer = eve.read_to_end().await;
        assert!(
            !answer.starts_with(b"HTTP/1.1 101") && !answer.starts_with(b"HTTP/1.1 2"),
            "{what}"
        );
        scene.still_serves().await;
    }
    // Many that never finish, all at once.
    let mut halves = Vec::new();
    for _ in 0..200 {
        let mut half = Raw::connect(&authority).await;
        half.write(&upgrade.as_bytes()[..40]).await;
        halves.push(half);
    }
    scene.still_serves().await;
}

#[tokio::test]
async fn frames_against_the_rules_close_the_socket() {
    let mut scene = Scene::new("").await;
    let good = message("eve@example.com", "d").to_string();
    let close = |code: u16| frame(raw::CLOSE, &code.to_be_bytes());
    let inputs: [(&str, Vec<u8>, &[u16]); 11] = [
        ("unmasked", frame_with(0x81, 0, good.as_bytes()), &[1002]),
        ("a reserved bit", frame_with(0xc1, 0x80, good.as_bytes()), &[1002]),
        ("a reserved opcode", frame(3, b"x"), &[1002]),
        ("a reserved control opcode", frame(11, b"x"), &[1002]),
        (
            "a continuation of nothing",
            frame(raw::CONTINUATION, b"x"),
            &[1002],
        ),
        (
            "a text within a text",
            [frame_with(1, 0x80, b"{"), frame(raw::TEXT, b"{}")].concat(),
            &[1002],
        ),
        ("a long Ping", frame(raw::PING, &[0; 126]), &[1002]),
        ("a Ping in parts", frame_with(raw::PING, 0x80, b"x"), &[1002]),
        ("text that is no UTF-8", frame(raw::TEXT, b"\xff\xfe{}"), &[1007]),
        ("a Close with half a code", frame(raw::CLOSE, b"x"), &[1002]),
        (
            "a Close with a code that nobody may send",
            close(1005),
            &[1002, 1005],
        ),
    ];
    for (what, bytes, codes) in inputs {
        let mut eve = Raw::upgrade(scene.authority(), "eve@example.com").await;
        eve.write(&bytes).await;
        let code = eve.read_close().await;
        assert!(code.is_some_and(|code| codes.contains(&code)), "{what}: {code:?}");
        scene.still_serves().await;
    }
}

#[tokio::test]
async fn any_number_of_fragments_and_pings_takes_no_memory() {
    let mut scene = Scene::new("").await;
    scene.still_serves().await;
    let before = scene.running.resident_bytes();
    let mut eve = Raw::upgrade(scene.authority(), "eve@example.com").await;
    eve.write(&frame_with(raw::TEXT, 0x80, b"")).await;
    let empty = frame_with(raw::CONTINUATION, 0x80, b"").repeat(10_000);
    for _ in 0..50 {
        eve.write(&empty).await;
    }
    scene.still_serves().await;
    let one_byte = frame_with(raw::CONTINUATION, 0x80, b"x").repeat(100_000);
    eve.write(&one_byte).await;
    assert_eq!(eve.read_close().await, Some(1008));
    scene.still_serves().await;
    // One who pings and never reads.
    let mut eve = Raw::upgrade(scene.authority(), "eve@example.com").await;
    let pings = frame(raw::PING, &[0; 125]).repeat(1_000);
    for _ in 0..100 {
        let sent = tokio::time::timeout(std::time::Duration::from_millis(200), eve.write(&pings)).await;
        if sent.is_err() {
            break;
        }
    }
    scene.still_serves().await;
    let after = scene.running.resident_bytes();
    assert!(after < before + GROWTH, "{before} bytes before, {after} after");
}

/// Bytes that were a good message once.
fn mutated(good: &str, random: &mut StdRng) -> Vec<u8> {
    let mut bytes = good.as_bytes().to_vec();
    for _ in 0..random.random_range(1..8) {
        let at = random.random_range(0..bytes.len());
        match random.random_range(0..4) {
            0 => bytes[at] = random.random(),
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, b"{}[]\":,\\0"[random.random_range(0..9)]),
            _ => bytes.truncate(at.max(1)),
        }
        if bytes.is_empty() {
            bytes.push(b'{');
        }
    }
    bytes
}

#[tokio::test]
async fn thousands_of_random_frames_stop_nobody_and_take_no_memory() {
    let limits = "[limits]\nmalformed = 100000\nmessages_per_second = 100000\nmessages_burst = 100000\n";
    let mut scene = Scene::new(limits).await;
    scene.still_serves().await;
    let before = scene.running.resident_bytes();
    for seed in 0..40 {
        let mut random = StdRng::seed_from_u64(seed);
        let methods = [
            "INVITE",
            "MESSAGE",
            "BYE",
            "CANCEL",
            "ACK",
            "UPDATE",
            "RESPONSE",
            "SUBSCRIBE",
        ];
        let mut eve = Raw::upgrade(scene.authority(), &format!("eve{}@example.com", seed % 4)).await;
        for number in 0..100 {
            let mut good = message("eve@example.com", &format!("d{}", number % 10));
            good["Type"] = methods[random.random_range(0..methods.len())].into();
            good["CSeq"] = random.random_range(1..5).into();
            good["Code"] = random.random_range(90..710).into();
            if random.random_bool(0.3) {
                good["Request-URI"] = "eve0@example.com".into();
            }
            let good = good.to_string();
            let payload = match random.random_range(0..4) {
                0 => (0..random.random_range(0..300))
                    .map(|_| random.random())
                    .collect(),
                1 => good.into_bytes(),
                _ => mutated(&good, &mut random),
            };
            // What is no UTF-8 would end the connection at once.
            let text = String::from_utf8_lossy(&payload).into_owned();
            eve.write(&frame(raw::TEXT, text.as_bytes())).await;
        }
        let end = format!("end-{seed}");
        eve.write(&frame(
            raw::TEXT,
            message("eve@example.com", &end).to_string().as_bytes(),
        ))
        .await;
        eve.read_until(&end).await;
        if seed % 10 == 9 {
            let noise: Vec<u8> = (0..20_000).map(|_| random.random()).collect();
            eve.write(&noise).await;
            eve.read_to_end().await;
        }
        scene.still_serves().await;
    }
    let after = scene.running.resident_bytes();
    assert!(after < before + GROWTH, "{before} bytes before, {after} after");
}
