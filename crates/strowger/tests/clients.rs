//! A call with a browser's SDP between a Python and a Node client that know only JSON and WebSocket.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use support::Running;

/// Where `make test` installed the clients' libraries; by hand: `scripts/bootstrap` prints them.
fn tools() -> (String, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = std::env::var("STROWGER_PYTHON")
        .unwrap_or_else(|_| root.join("target/.venv/bin/python").display().to_string());
    let modules = std::env::var("STROWGER_NODE_MODULES")
        .unwrap_or_else(|_| root.join("target/node/node_modules").display().to_string());
    (python, modules)
}

#[test]
fn a_python_and_a_node_client_call_with_a_browsers_sdp() {
    let (python, modules) = tools();
    let server = Running::start("");
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let mut bob = Command::new("node")
        .arg(clients.join("answer.cjs"))
        .arg(&server.url)
        .env("NODE_PATH", modules)
        .stdout(Stdio::piped())
        .spawn()
        .expect("node is installed");
    let mut says = BufReader::new(bob.stdout.take().unwrap()).lines();
    assert_eq!(says.next().unwrap().unwrap(), "bob is there");

    let mut alice = Command::new(python)
        .arg(clients.join("call.py"))
        .arg(&server.url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python is installed");
    let offer = std::fs::read_to_string(clients.join("offer.sdp"))
        .unwrap()
        .replace('\n', "\r\n");
    alice.stdin.take().unwrap().write_all(offer.as_bytes()).unwrap();
    let alice = alice.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&alice.stdout).trim(), "alice is content");
    assert_eq!(says.next().unwrap().unwrap(), "bob is content");
    assert!(bob.wait().unwrap().success());
}
