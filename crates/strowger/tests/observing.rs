//! What the server as a process tells of a call: its records, its log, its trace.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use support::{Running, connect, receive};

/// Answers what a collector gets; gives its URL, and the bodies as they come.
fn collector() -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let taken = Arc::clone(&bodies);
    std::thread::spawn(move || {
        while let Ok((tcp, _)) = listener.accept() {
            taken.lock().unwrap().extend(take(tcp));
        }
    });
    (url, bodies)
}

/// Reads a request and answers it; gives back its body.
fn take(mut tcp: TcpStream) -> Vec<u8> {
    let (mut read, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let bytes = tcp.read(&mut part).unwrap();
        assert_ne!(bytes, 0, "the request ends before its body does");
        read.extend_from_slice(&part[..bytes]);
        let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.unwrap().parse().unwrap();
        if read.len() >= end + 4 + length {
            tcp.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                .unwrap();
            return read.split_off(end + 4);
        }
    }
}

fn request(method: &str, cseq: u32) -> String {
    format!(
        r#"{{"Type":"{method}","Request-URI":"bob@localhost","From":"alice@localhost","To":"bob@localhost","DialogueID":"d1","CSeq":{cseq}}}"#
    )
}

fn answer(to: &Value) -> String {
    format!(
        r#"{{"Type":"RESPONSE","Code":200,"From":{},"To":{},"DialogueID":{},"CSeq":{}}}"#,
        to["From"], to["To"], to["DialogueID"], to["CSeq"]
    )
}

#[tokio::test]
async fn a_call_leaves_two_records_and_two_traces() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("records.jsonl");
    let (url, taken) = collector();
    let mut server = Running::start(&format!(
        "[records]\nfile = {file:?}\n[traces]\nurl = \"{url}\"\n"
    ));
    let mut alice = connect(&server.server(), "alice@localhost").await;
    let mut bob = connect(&server.server(), "bob@localhost").await;
    alice.send(request("INVITE", 1)).await.unwrap();
    let invite = receive(&mut bob).await;
    bob.send(answer(&invite)).await.unwrap();
    assert_eq!(receive(&mut alice).await["Code"], 200);
    alice.send(request("ACK", 2)).await.unwrap();
    assert_eq!(receive(&mut bob).await["Type"], "ACK");
    alice.send(request("BYE", 3)).await.unwrap();
    assert_eq!(receive(&mut alice).await["Code"], 200);
    let bye = receive(&mut bob).await;
    assert_eq!(bye["Type"], "BYE");
    bob.send(answer(&bye)).await.unwrap();
    // A drain would wait for them to read on.
    drop((alice, bob));
    server.signal("TERM");
    assert!(server.wait().success());
    let records: Vec<Value> = std::fs::read_to_string(file)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(records.len(), 2);
    let of = |direction: &str| {
        records
            .iter()
            .find(|record| record["direction"] == direction)
            .unwrap()
    };
    let (caller, callee) = (of("in"), of("out"));
    assert_eq!(
        (&caller["userid"], &callee["userid"]),
        (&"alice@localhost".into(), &"bob@localhost".into())
    );
    for record in [caller, callee] {
        assert_eq!(
            (&record["service"], &record["cause"]),
            (&"relay".into(), &"bye".into())
        );
        assert_eq!(
            (&record["method"], &record["code"]),
            (&"INVITE".into(), &200.into())
        );
        assert!(record["talk_ms"].is_u64());
    }
    assert_eq!(caller["instance"], callee["instance"]);
    let spans = taken.lock().unwrap();
    let has = |text: &[u8]| spans.windows(text.len()).any(|window| window == text);
    for record in [caller, callee] {
        let trace = record["trace"].as_str().unwrap();
        let bytes: Vec<u8> = (0..16)
            .map(|byte| u8::from_str_radix(&trace[2 * byte..2 * byte + 2], 16).unwrap())
            .collect();
        assert!(has(&bytes), "its trace was sent");
    }
    for part in [
        "dialog INVITE",
        "BYE",
        "relay incoming",
        "relay response",
        "Established",
    ] {
        assert!(has(part.as_bytes()), "{part}");
    }
}
