//! `strowger top` and `strowger trace` against the server as a process.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use serde_json::Value;
use support::Running;

fn server(config: &str) -> (Running, String) {
    let mut server = Running::start_with(config, &["--admin-listen", "127.0.0.1:0"]);
    let admin = server.admin();
    (server, admin)
}

fn command(admin: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strowger"));
    command.args(arguments).env("STROWGER_ADMIN", admin);
    command.env_remove("STROWGER_ADMIN_TOKEN").stdin(Stdio::null());
    command
}

fn run(admin: &str, arguments: &[&str]) -> Output {
    command(admin, arguments).output().unwrap()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// A trace that runs; killed when dropped.
struct Trace {
    child: Child,
    stderr: BufReader<ChildStderr>,
}

impl Trace {
    /// Begins, and waits until the server looks.
    fn start(admin: &str, arguments: &[&str]) -> Self {
        let mut command = command(admin, &[&["trace"], arguments].concat());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut trace = Self { child, stderr };
        let said = trace.said();
        assert!(said.starts_with("Waiting for calls of "), "{said}");
        trace
    }

    /// The next line that it says beside the ladder.
    fn said(&mut self) -> String {
        let mut line = String::new();
        self.stderr.read_line(&mut line).unwrap();
        line
    }

    /// What it printed when it has ended.
    fn end(mut self) -> String {
        let mut text = String::new();
        self.child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert!(self.child.wait().unwrap().success());
        text
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What a message of alice's is answered.
fn message(server: &Running, admin: &str, to: &str, words: &str) -> String {
    let as_alice = [
        "ua",
        "--as",
        "alice@example.com",
        "--url",
        &server.url,
        "msg",
        to,
        words,
    ];
    text(run(admin, &as_alice).stdout)
}

#[test]
fn a_trace_prints_the_ladder_of_a_call_and_ends_with_it() {
    let (server, admin) = server("[calls]\nbodies = \"on\"\n");
    let trace = Trace::start(&admin, &["alice@example.com", "--calls", "1", "--bodies"]);
    let other = Trace::start(&admin, &["carol", "--calls", "1"]);
    assert!(message(&server, &admin, "nobody@example.com", "hello").starts_with("480 "));
    let printed = trace.end();
    let lines: Vec<_> = printed.lines().collect();
    assert!(lines[0].starts_with("== call 1: relay ("), "{printed}");
    let has = |words: &str| {
        assert!(
            lines.iter().any(|line| line.contains(words)),
            "{words}: {printed}"
        )
    };
    has("alice@example.com      -> MESSAGE 1");
    has("nobody@example.com     <- MESSAGE 1");
    has("*  forward MESSAGE nobody@example.com (on incoming)");
    has("alice@example.com      <- 480 MESSAGE 1");
    has("\"hello\"");
    assert!(
        lines.last().unwrap().starts_with("== call 1 is over after 0."),
        "{printed}"
    );
    assert!(lines.last().unwrap().ends_with(": 480"), "{printed}");
    // Whoever was not in it saw nothing of it.
    assert!(message(&server, &admin, "carol@example.com", "again").starts_with("480 "));
    let printed = other.end();
    assert!(
        printed.contains("carol@example.com") && !printed.contains("nobody"),
        "{printed}"
    );
    assert!(!printed.contains("again"), "nobody asked for bodies: {printed}");
}

#[test]
fn a_trace_says_when_the_server_is_gone() {
    let (server, admin) = server("");
    let mut trace = Trace::start(&admin, &["alice@example.com"]);
    drop(server);
    let mut said = trace.said();
    while !said.starts_with("the server is gone, trying again") {
        assert!(!said.is_empty(), "it has ended");
        said = trace.said();
    }
}

#[test]
fn names_that_would_move_the_cursor_are_written_out() {
    let (server, admin) = server("");
    let trace = Trace::start(&admin, &["alice@example.com", "--calls", "1"]);
    let hostile = "\u{1b}]0;mine\u{7}\u{202e}@example.com";
    message(&server, &admin, hostile, "x");
    // Whether the server takes such a name or not, there is a call that ends with the next one.
    message(&server, &admin, "nobody@example.com", "x");
    let printed = trace.end();
    assert!(!printed.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{printed:?}");
}

#[test]
fn a_table_is_printed_once_for_people_and_for_programs() {
    let (server, admin) = server("");
    let printed = run(&admin, &["top", "--once"]);
    assert!(printed.status.success(), "{printed:?}");
    let printed = text(printed.stdout);
    assert!(printed.starts_with("Strowger at 127.0.0.1:"), "{printed}");
    for service in ["relay", "echo", "chatroom"] {
        assert!(printed.lines().any(|line| line.starts_with(service)), "{printed}");
    }
    let printed = text(run(&admin, &["top", "--once", "--json"]).stdout);
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(printed["dialogs"], 0.0);
    assert!(printed["received_per_second"].is_number() && printed["seconds"].as_f64().unwrap() > 0.5);
    assert!(printed["services"].as_array().unwrap().len() >= 5);
    drop(server);
    let failed = run(&admin, &["top", "--once"]);
    assert!(!failed.status.success());
    assert!(text(failed.stderr).contains("nobody answers"));
    let failed = run(&admin, &["top", "--every", "0"]);
    assert!(text(failed.stderr).contains("--every must be from 0.2 to 60 seconds"));
}

#[test]
fn tables_come_again_and_again_where_nobody_sees_them_drawn() {
    let (_server, admin) = server("");
    let mut command = command(&admin, &["top", "--every", "0.2", "--json"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let objects: Vec<Value> = lines
        .take(3)
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    assert!(objects[0]["at_ms"].as_f64() < objects[2]["at_ms"].as_f64());
    child.kill().ok();
    child.wait().ok();
}

#[test]
fn a_token_is_asked_for_and_shown() {
    let directory = tempfile::tempdir().unwrap();
    let tokens = directory.path().join("tokens");
    std::fs::write(&tokens, "read reader-0123456789\n").unwrap();
    let config = format!("[admin]\ntokens = {tokens:?}\n");
    let (_server, admin) = server(&config);
    for arguments in [&["top", "--once"][..], &["trace", "alice"]] {
        let refused = run(&admin, arguments);
        assert!(!refused.status.success());
        assert!(text(refused.stderr).contains("a bearer token is needed"));
    }
    let file = tokens.display().to_string();
    assert!(
        run(&admin, &["top", "--once", "--token-file", &file])
            .status
            .success()
    );
}

#[test]
fn where_no_calls_are_kept_a_trace_says_so() {
    let (_server, admin) = server("[calls]\nkept = 0\n");
    let refused = run(&admin, &["trace", "alice"]);
    assert!(!refused.status.success());
    assert!(text(refused.stderr).contains("`calls.kept` is 0"));
}
