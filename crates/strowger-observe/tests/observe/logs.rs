//! Log lines of changes of state.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use strowger_node::Watch;
use strowger_observe::Wants;

use crate::harness::{World, request};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is logged in JSON, as the server does it.
fn logged(act: impl FnOnce()) -> Vec<Value> {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, act);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let read = |line: &str| {
        assert!(
            line.chars().all(|character| !character.is_ascii_control()),
            "{line:?}"
        );
        serde_json::from_str(line).unwrap()
    };
    text.lines().map(read).collect()
}

fn world(watch: Watch) -> World {
    let wants = Wants {
        states: true,
        ..Wants::default()
    };
    World::new(wants, watch)
}

fn call(watch: Watch) -> Vec<Value> {
    let mut world = world(watch);
    let alice = world.connect("alice@example.com");
    let mut invite = request("INVITE", "d1", 1);
    invite["Body"] = "secret\u{1b}[2J".into();
    logged(|| {
        world.send(alice, &invite);
        world.node.disconnect(alice, Some(1000));
        world.tell();
    })
}

#[test]
fn each_change_of_a_state_is_a_line() {
    let lines = call(Watch::On);
    let texts: Vec<_> = lines
        .iter()
        .map(|line| line["message"].as_str().unwrap())
        .collect();
    assert_eq!(
        texts,
        [
            "channel opened",
            "dialog begun",
            "transaction begun",
            "dialog served",
            "session state",
            "transaction ended",
            "channel lost",
            "dialog ended",
        ]
    );
    assert!(lines.iter().all(|line| line["target"] == "state"));
    assert_eq!(
        (&lines[1]["user"], &lines[1]["id"]),
        (&"alice@example.com".into(), &"d1".into())
    );
    assert_eq!(
        (&lines[4]["before"], &lines[4]["after"]),
        (&"Inviting".into(), &"Answered".into())
    );
    assert_eq!(
        (&lines[5]["code"], &lines[7]["cause"]),
        (&200.into(), &"channel_lost".into())
    );
}

#[test]
fn no_body_is_logged_unless_it_is_asked_for() {
    let bodies = |lines: &[Value]| lines.iter().filter(|line| line.get("body").is_some()).count();
    let lines = call(Watch::On);
    assert!(lines.iter().all(|line| !line.to_string().contains("secret")));
    assert_eq!(bodies(&lines), 0);
    let lines = call(Watch::WithBodies);
    // The echo sends it back.
    assert_eq!(bodies(&lines), 2);
}

#[test]
fn what_a_peer_has_chosen_cannot_make_a_line_of_its_own() {
    let mut world = world(Watch::WithBodies);
    let alice = world.connect("alice@example.com");
    let mut message = request("MESSAGE", "d1", 1);
    message["From"] = "alice@example.com\"\n{\"level\":\"ERROR\"}".into();
    message["Body"] = "\n{\"level\":\"ERROR\",\"message\":\"forged\"}\r\u{0}".into();
    let lines = logged(|| world.send(alice, &message));
    assert!(lines.iter().all(|line| line["level"] == "INFO"));
}
