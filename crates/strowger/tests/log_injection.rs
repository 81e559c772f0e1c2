//! What peers send does not make up lines in the log, whatever is logged of it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;
use support::raw::{CLOSE, Raw, TEXT, frame};

/// A line that would be believed if it stood by itself, behind what ends lines somewhere, and what moves a terminal's cursor.
const MADE_UP: [&str; 4] = [
    "\n2026-01-01T00:00:00Z  INFO made-up",
    "\r\n{\"level\":\"INFO\",\"made-up\":1}",
    "\u{2028}made-up\u{85}made-up",
    "\u{1b}[2K\u{1b}[1Gmade-up\u{7}",
];

/// Sends what is made up wherever a peer can put a text, and gives the log.
async fn log(format: &str) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let name = format!("injection-{format}-{}", std::process::id());
    let (config, log) = (
        folder.join(format!("{name}.toml")),
        folder.join(format!("{name}.log")),
    );
    let text = format!("[log]\nlevel = \"trace\"\nformat = \"{format}\"\n[admin]\nenabled = \"off\"\n");
    std::fs::write(&config, text).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_strowger"))
        .args(["serve", "--listen", "127.0.0.1:0", "--config"])
        .arg(&config)
        .stdout(Stdio::piped())
        .stderr(File::create(&log).unwrap())
        .spawn()
        .unwrap();
    // Kept open, so that the server can write.
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let url = line.trim().trim_start_matches("Strowger listens on ws://");
    let authority = url.trim_end_matches("/rtc").to_owned();
    for made_up in MADE_UP {
        let encoded: String = made_up.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for target in [format!("/rtc?userid=a{encoded}@b"), format!("/x{encoded}")] {
            let mut raw = Raw::connect(&authority).await;
            let request = format!(
                "GET {target} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            );
            raw.write(request.as_bytes()).await;
            raw.read_head().await;
        }
        let mut raw = Raw::upgrade(&authority, "alice@example.com").await;
        let plain = json!({
            "Type": "MESSAGE", "Request-URI": "bob@example.com", "From": "alice@example.com", "To": "bob@example.com",
            "DialogueID": "d1", "CSeq": 1, "Body": "x",
        });
        for key in [
            "Type",
            "Request-URI",
            "From",
            "To",
            "DialogueID",
            "CSeq",
            "Body",
            "Router",
            "Reason",
            "Content-Type",
        ] {
            let mut message = plain.clone();
            message[key] = json!(format!("{}{made_up}", plain[key].as_str().unwrap_or("a")));
            message["Service"] = json!(made_up);
            raw.write(&frame(TEXT, message.to_string().as_bytes())).await;
        }
        let response = json!({
            "Type": "RESPONSE", "Code": 200, "Reason": made_up, "From": "alice@example.com", "To": "bob@example.com",
            "DialogueID": made_up, "CSeq": 1,
        });
        raw.write(&frame(TEXT, response.to_string().as_bytes())).await;
        raw.write(&frame(TEXT, made_up.as_bytes())).await;
        raw.write(&frame(CLOSE, &[&[0x0f, 0xa0], made_up.as_bytes()].concat()))
            .await;
        raw.read_to_end().await;
    }
    let kill = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(kill.success() && child.wait().unwrap().success());
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::remove_file(config).unwrap();
    std::fs::remove_file(log).unwrap();
    text
}

#[tokio::test]
async fn every_line_of_a_log_in_json_is_one_object_of_the_servers_own() {
    for line in log("json").await.lines() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line:?}"));
        assert!(
            object["level"].is_string() && object["timestamp"].is_string(),
            "{line:?}"
        );
        assert!(!line.bytes().any(|byte| byte < b' '), "{line:?}");
    }
}

#[tokio::test]
async fn every_line_of_a_log_in_text_begins_with_a_time_of_the_servers_own() {
    for line in log("text").await.lines() {
        assert!(!line.contains('\u{1b}') || !line.contains("[2K"), "{line:?}");
        assert!(!line.starts_with("2026-01-01T00:00:00Z"), "{line:?}");
        assert!(
            line.get(..4).is_some_and(|year| year.parse::<u16>().is_ok()),
            "{line:?}"
        );
    }
}
