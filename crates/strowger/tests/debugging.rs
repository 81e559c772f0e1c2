//! The puzzles of docs/debugging.md: their journals are recorded again, and each command is run and must say what is written
//! there.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use strowger::config::Config;
use strowger::settings;
use strowger_node::{JournalSettings, Registry};
use strowger_scenario::Scenario;
use strowger_testkit::SimNode;
use support::page::{fits, steps};

/// A caller whose page says when its session ends, and does nothing to keep it.
const CALL: &str = r#"{
    "about": "A call of somebody who does not refresh it.", "spec": [],
    "users": {"alice": "alice@example.com", "bob": "bob@example.com"},
    "steps": [
        {"connect": "alice"}, {"connect": "bob"},
        {"send": "alice", "message": {"Type": "INVITE", "Request-URI": "{{bob}}", "From": "{{alice}}", "To": "{{bob}}", "DialogueID": "a84b4c76", "CSeq": 1, "Expire": 480, "Body": {"sdp": "v=0 o=alice"}}},
        {"expect": "bob", "message": {"Type": "INVITE"}, "capture": {"d": "DialogueID"}},
        {"wait": "2s"},
        {"send": "bob", "message": {"Type": "RESPONSE", "Code": 180, "From": "{{alice}}", "To": "{{bob}}", "DialogueID": "{{d}}", "CSeq": 1}},
        {"expect": "alice", "message": {"Code": 180}},
        {"wait": "3s"},
        {"send": "bob", "message": {"Type": "RESPONSE", "Code": 200, "From": "{{alice}}", "To": "{{bob}}", "DialogueID": "{{d}}", "CSeq": 1, "Body": {"sdp": "v=0 o=bob"}}},
        {"expect": "alice", "message": {"Code": 200}},
        {"send": "alice", "message": {"Type": "ACK", "Request-URI": "{{bob}}", "From": "{{alice}}", "To": "{{bob}}", "DialogueID": "a84b4c76", "CSeq": 2, "RelatedID": 1}},
        {"expect": "bob", "message": {"Type": "ACK"}},
        {"ignore": "alice"}, {"ignore": "bob"},
        {"wait": "490s"}
    ]
}"#;

/// A user who is away for a moment too long.
const MESSAGE: &str = r#"{
    "about": "A message to a user who is away for a moment.", "spec": [],
    "users": {"alice": "alice@example.com", "bob": "bob@example.com"},
    "steps": [
        {"connect": "alice"}, {"connect": "bob"},
        {"drop": "bob"},
        {"send": "alice", "message": {"Type": "MESSAGE", "Request-URI": "{{bob}}", "From": "{{alice}}", "To": "{{bob}}", "DialogueID": "m-17", "CSeq": 1, "Body": "Are you coming?"}},
        {"expect": "alice", "message": {"Code": 408}, "within": "6s"},
        {"wait": "1s"},
        {"connect": "bob"},
        {"expect_nothing": "bob"},
        {"wait": "60s"}
    ]
}"#;

/// A call to a front desk of which the first agent is busy.
const DESK: &str = r#"{
    "about": "A call to a desk whose first agent is busy.", "spec": [],
    "users": {"alice": "alice@example.com", "ann": "ann@example.com", "ben": "ben@example.com"},
    "steps": [
        {"connect": "alice"}, {"connect": "ann"}, {"connect": "ben"},
        {"send": "alice", "message": {"Type": "INVITE", "Request-URI": "desk@example.com", "From": "{{alice}}", "To": "desk@example.com", "DialogueID": "c0ffee", "CSeq": 1, "Router": "desk.example.com;type=frontdesk,{{ann}},{{ben}}", "Body": {"sdp": "v=0 o=alice"}}},
        {"expect": "ann", "message": {"Type": "INVITE"}, "capture": {"d": "DialogueID"}},
        {"wait": "1s"},
        {"send": "ann", "message": {"Type": "RESPONSE", "Code": 486, "From": "{{alice}}", "To": "desk@example.com", "DialogueID": "{{d}}", "CSeq": 1}},
        {"expect": "ann", "message": {"Type": "ACK"}},
        {"expect": "alice", "message": {"Code": 486}},
        {"send": "alice", "message": {"Type": "ACK", "Request-URI": "desk@example.com", "From": "{{alice}}", "To": "desk@example.com", "DialogueID": "c0ffee", "CSeq": 2, "RelatedID": 1}},
        {"wait": "60s"}
    ]
}"#;

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// The services that there are, and one that is loaded where the page is about.
fn registry(config: &Config) -> Registry {
    let registry = settings::registry(config).unwrap();
    registry
        .with("frontdesk", "1.0", Arc::new(strowger_relay::Relay))
        .unwrap()
}

/// The journal of the one call of a scenario.
fn record(name: &str, text: &str) -> String {
    let scenario = Scenario::parse(name, text).unwrap();
    let config = Config::parse(&scenario.config_toml(1.0), name).unwrap();
    let node = settings::node(&config).unwrap();
    let (links, message_bytes) = (node.links.clone(), config.limits.message_bytes);
    let mut node = SimNode::new(node, registry(&config), 1, 7);
    node.record(&JournalSettings {
        ring_bytes: 1 << 20,
        bodies: false,
        to: None,
        // 2025-11-30, 09:00.
        began_us: 1_764_493_200_000_000,
    });
    let outcome = strowger_testkit::play(&scenario, &mut node, &links, message_bytes);
    assert!(outcome.is_success(), "{outcome}");
    let journals = node.journals();
    assert_eq!(journals.len(), 1);
    journals[0].to_text()
}

#[test]
fn the_journals_of_the_page_are_as_they_would_be_recorded_now() {
    for (name, scenario) in [("call", CALL), ("message", MESSAGE), ("frontdesk", DESK)] {
        let file = docs().join(format!("debugging/{name}.journal"));
        let recorded = record(name, scenario);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&file, &recorded).unwrap();
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            kept == recorded,
            "{} is stale; BLESS=1 writes it anew",
            file.display()
        );
    }
}

/// A component that `cargo xtask guests` has built.
fn guest(name: &str) -> PathBuf {
    let directory = std::env::var_os("STROWGER_GUESTS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guests/wasm32-unknown-unknown/release"),
        PathBuf::from,
    );
    let path = directory.join(format!("{name}.wasm"));
    assert!(path.exists(), "no {}; run `cargo xtask guests`", path.display());
    path
}

#[test]
fn every_command_of_the_page_says_what_is_written_there() {
    let page = std::fs::read_to_string(docs().join("debugging.md")).unwrap();
    let home = tempfile::tempdir().unwrap();
    for name in ["call", "message", "frontdesk"] {
        let file = format!("{name}.journal");
        std::fs::copy(docs().join("debugging").join(&file), home.path().join(&file)).unwrap();
    }
    std::fs::copy(guest("relay"), home.path().join("frontdesk-1.wasm")).unwrap();
    std::fs::copy(guest("hunt"), home.path().join("frontdesk-2.wasm")).unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_strowger")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let mut commands = 0;
    for section in [
        "The tools",
        "A call that ends after 480 seconds",
        "A message that never came",
        "An upgrade that decides otherwise",
    ] {
        for step in steps(&page, section) {
            commands += 1;
            let output = Command::new("sh")
                .args(["-c", &step.command])
                .current_dir(home.path())
                .env("PATH", &path)
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            let complaints = String::from_utf8_lossy(&output.stderr);
            let lines: Vec<&str> = said.lines().collect();
            assert!(
                fits(&step.output, &lines),
                "{}\n{}\nsaid\n{said}{complaints}",
                step.command,
                step.output.join("\n")
            );
        }
    }
    assert!(commands >= 8, "{commands} commands");
}
