//! The server as a process: start, links, drain, signals, the command line.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::process::Command;
use std::time::Duration;

use strowger::client::{Handshake, Received};
use support::raw::{self, Raw};
use support::{Running, connect, receive};

fn request(method: &str, from: &str, to: &str, dialog: &str, cseq: u32) -> String {
    format!(
        r#"{{"Type":"{method}","Request-URI":"{to}","From":"{from}","To":"{to}","DialogueID":"{dialog}","CSeq":{cseq}}}"#
    )
}

fn response(to: &serde_json::Value, code: u16) -> String {
    format!(
        r#"{{"Type":"RESPONSE","Code":{code},"From":{},"To":{},"DialogueID":{},"CSeq":{}}}"#,
        to["From"], to["To"], to["DialogueID"], to["CSeq"]
    )
}

#[tokio::test]
async fn two_servers_on_loopback_call_across() {
    let token = "tls = \"off\"\ntoken = \"a-token-of-sixteen\"\n";
    let near = format!("realm = \"near.example\"\n[links]\nallow = [\"127.0.0.1\"]\n{token}");
    let far =
        format!("realm = [\"far.example\", \"127.0.0.1\"]\n[links]\nallow = [\"near.example\"]\n{token}");
    let (near, far) = (Running::start(&near), Running::start(&far));
    let mut alice = connect(&near.server(), "alice@near.example").await;
    let mut bob = connect(&far.server(), "bob@far.example").await;
    // The far server finds bob by his name; the near one finds the far server by the Router.
    let router = format!(r#","Router":"{}"}}"#, far.authority());
    let invite = request("INVITE", "alice@near.example", "bob@far.example", "d1", 1);
    alice.send(invite.replace('}', &router)).await.unwrap();
    let invite = receive(&mut bob).await;
    assert_eq!(invite["Type"], "INVITE");
    assert_eq!(invite["Max-Forwards"], 18);
    bob.send(response(&invite, 180)).await.unwrap();
    bob.send(response(&invite, 200)).await.unwrap();
    assert_eq!(receive(&mut alice).await["Code"], 180);
    assert_eq!(receive(&mut alice).await["Code"], 200);
    alice
        .send(request("ACK", "alice@near.example", "bob@far.example", "d1", 2))
        .await
        .unwrap();
    assert_eq!(receive(&mut bob).await["Type"], "ACK");
    alice
        .send(request("BYE", "alice@near.example", "bob@far.example", "d1", 3))
        .await
        .unwrap();
    assert_eq!(receive(&mut alice).await["Code"], 200);
    assert_eq!(receive(&mut bob).await["Type"], "BYE");
}

#[tokio::test]
async fn the_answer_to_a_handshake_names_the_channel_the_same_until_it_is_lost() {
    let running = Running::start("");
    let shake_hands = async |user: &str| -> (String, Raw) {
        let mut socket = Raw::connect(running.authority()).await;
        let request = raw::handshake(&format!("/rtc?userid={user}"), running.authority());
        socket.write(request.as_bytes()).await;
        let head = socket.read_head().await;
        let named = head
            .lines()
            .find_map(|line| line.strip_prefix("strowger-channel: "));
        (named.expect("the channel is named").to_owned(), socket)
    };
    let (first, socket) = shake_hands("alice@example.com").await;
    drop(socket);
    let (resumed, socket) = shake_hands("alice@example.com").await;
    assert_eq!(resumed, first);
    let (taken_over, mut newer) = shake_hands("alice@example.com").await;
    assert_eq!(taken_over, first);
    drop(socket);
    let (other, _bob) = shake_hands("bob@example.com").await;
    assert_ne!(other, first);
    newer
        .write(&raw::frame(raw::CLOSE, &1000_u16.to_be_bytes()))
        .await;
    newer.read_to_end().await;
    let (anew, _alice) = shake_hands("alice@example.com").await;
    assert_ne!(anew, first);
}

#[tokio::test]
async fn a_node_is_admitted_only_with_the_token() {
    let running = Running::start("[links]\ntoken = \"a-token-of-sixteen\"\nallow = [\"*.nodes.example\"]\n");
    let server = running.server();
    for (user, status) in [("n1@a.nodes.example", 401), ("n1", 401)] {
        match server.connect(&format!("userid={user}")).await {
            Ok(Handshake::Refused { status: got, .. }) => assert_eq!(got.as_u16(), status, "{user}"),
            other => panic!("{user}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_drain_lets_the_call_finish_and_closes_with_1012() {
    let mut running = Running::start("[drain]\ntimeout = \"60s\"\n");
    let server = running.server();
    let mut alice = connect(&server, "alice@example.com").await;
    let mut bob = connect(&server, "bob@example.com").await;
    alice
        .send(request("INVITE", "alice@example.com", "bob@example.com", "d1", 1))
        .await
        .unwrap();
    let invite = receive(&mut bob).await;
    bob.send(response(&invite, 200)).await.unwrap();
    assert_eq!(receive(&mut alice).await["Code"], 200);
    alice
        .send(request("ACK", "alice@example.com", "bob@example.com", "d1", 2))
        .await
        .unwrap();
    assert_eq!(receive(&mut bob).await["Type"], "ACK");

    running.signal("TERM");
    let refused = loop {
        match server.connect("userid=carol@example.com").await {
            Ok(Handshake::Refused { status, .. }) => break status,
            Ok(Handshake::Open(mut carol)) => carol.close().await,
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(refused.as_u16(), 503);
    alice
        .send(request(
            "MESSAGE",
            "alice@example.com",
            "bob@example.com",
            "d2",
            1,
        ))
        .await
        .unwrap();
    assert_eq!(receive(&mut alice).await["Code"], 503);
    let mut again = connect(&server, "bob@example.com").await;
    assert!(running.is_running());

    alice
        .send(request("BYE", "alice@example.com", "bob@example.com", "d1", 3))
        .await
        .unwrap();
    assert_eq!(receive(&mut alice).await["Code"], 200);
    // The ACK comes once more: no Pong said that the first socket had it.
    let bye = loop {
        let request = receive(&mut again).await;
        if request["Type"] != "ACK" {
            break request;
        }
    };
    assert_eq!(bye["Type"], "BYE");
    again.send(response(&bye, 200)).await.unwrap();
    // Both read on, so that their Pongs tell the server that they have everything.
    let ends = tokio::join!(alice.receive(), again.receive());
    assert_eq!(ends, (Received::Closed(Some(1012)), Received::Closed(Some(1012))));
    assert!(running.wait().success());
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let mut running = Running::start("[drain]\ntimeout = \"1h\"\n");
    let server = running.server();
    let mut alice = connect(&server, "alice@example.com").await;
    alice
        .send(request(
            "INVITE",
            "alice@example.com",
            "x@echo.example.com",
            "d1",
            1,
        ))
        .await
        .unwrap();
    assert_eq!(receive(&mut alice).await["Code"], 200);
    running.signal("TERM");
    while !matches!(
        server.connect("userid=carol@example.com").await,
        Ok(Handshake::Refused { .. })
    ) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    running.signal("TERM");
    assert!(!running.wait().success());
}

#[test]
fn a_bad_configuration_is_refused_with_line_and_nearest_key() {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("bad.toml");
    std::fs::write(&file, "[timers]\ntransction = \"5s\"\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_strowger"))
        .arg("check-config")
        .arg(&file)
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert!(
        error.contains(":2") && error.contains("`timers.transaction`"),
        "{error}"
    );
}

#[test]
fn the_default_configuration_is_good() {
    let output = Command::new(env!("CARGO_BIN_EXE_strowger"))
        .arg("default-config")
        .output()
        .unwrap();
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("default.toml");
    std::fs::write(&file, output.stdout).unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_strowger"))
        .arg("check-config")
        .arg(&file)
        .status()
        .unwrap();
    assert!(status.success());
}
