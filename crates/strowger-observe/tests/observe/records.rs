//! Call records.

use serde_json::{Value, json};
use strowger_node::Watch;
use strowger_observe::{Of, Wants};

use crate::harness::{World, request};

fn wants(of: Of) -> Wants {
    Wants {
        records: Some(of),
        ..Wants::default()
    }
}

fn records(world: &mut World) -> Vec<Value> {
    world.tell();
    let read = |record: strowger_observe::Record| {
        let line = record.line();
        assert_eq!(line.matches('\n').count(), 1, "one line");
        serde_json::from_str(&line).unwrap()
    };
    world.tracker.take_records().map(read).collect()
}

#[test]
fn a_call_has_a_record_that_says_who_when_and_how_it_ended() {
    let mut world = World::new(wants(Of::All), Watch::On);
    let alice = world.connect("alice@example.com");
    world.advance(1000);
    world.send(alice, &request("INVITE", "d1", 1));
    world.send(alice, &request("ACK", "d1", 2));
    world.advance(61_250);
    world.send(alice, &request("BYE", "d1", 3));
    let mut records = records(&mut world);
    let instance = records[0]["instance"].take();
    assert!(instance.is_string());
    assert_eq!(
        records,
        [json!({
            "version": 1,
            "dialog": "000100-0-1",
            "id": "d1",
            "instance": null,
            "service": "echo",
            "direction": "in",
            "userid": "alice@example.com",
            "identity": null,
            "from": "alice@example.com",
            "to": "echo@example.com",
            "method": "INVITE",
            "begun": "2027-01-15T08:00:01.000Z",
            "answered": "2027-01-15T08:00:01.000Z",
            "ended": "2027-01-15T08:01:02.250Z",
            "duration_ms": 61_250,
            "setup_ms": 0,
            "talk_ms": 61_250,
            "cause": "bye",
            "code": 200,
            "transactions": [
                {"method": "INVITE", "by": "peer", "code": 200, "duration_ms": 0},
                {"method": "BYE", "by": "peer", "code": 200, "duration_ms": 0},
            ],
            "more_transactions": 0,
            "messages": {"received": 3, "sent": 2},
            "trace": null,
        })]
    );
    assert!(world.tracker.is_empty());
}

#[test]
fn the_fields_are_those_of_the_document() {
    let mut world = World::new(wants(Of::All), Watch::On);
    let alice = world.connect("alice@example.com");
    world.send(alice, &request("MESSAGE", "d1", 1));
    let records = records(&mut world);
    let fields = records[0].as_object().unwrap();
    let document = include_str!("../../../../docs/records.md");
    for field in fields.keys() {
        assert!(
            document.contains(&format!("| `{field}` |")),
            "{field} is not described"
        );
    }
    let (document, _) = document.split_once("`cause` is one of").unwrap();
    let described = document.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(described, fields.len(), "a field is described that is not there");
}

#[test]
fn records_of_calls_leave_everything_else_out() {
    let mut world = World::new(wants(Of::Calls), Watch::On);
    let alice = world.connect("alice@example.com");
    world.send(alice, &request("MESSAGE", "m1", 1));
    world.send(alice, &request("INVITE", "c1", 1));
    world.node.disconnect(alice, Some(1000));
    let records = records(&mut world);
    assert_eq!(records.len(), 1);
    assert_eq!(
        (&records[0]["method"], &records[0]["cause"]),
        (&"INVITE".into(), &"channel_lost".into())
    );
}

#[test]
fn a_long_dialog_has_a_record_with_an_end() {
    let mut world = World::new(wants(Of::All), Watch::On);
    let alice = world.connect("alice@example.com");
    world.send(alice, &request("INVITE", "d1", 1));
    world.send(alice, &request("ACK", "d1", 2));
    for cseq in 3..103 {
        world.send(alice, &request("INFO", "d1", cseq));
        world.advance(100);
    }
    world.send(alice, &request("BYE", "d1", 103));
    let records = records(&mut world);
    assert_eq!(records[0]["transactions"].as_array().unwrap().len(), 16);
    assert_eq!(records[0]["more_transactions"], 86);
    assert_eq!(records[0]["messages"]["received"], 103);
}

#[test]
fn after_a_break_nothing_waits_for_ends_that_were_left_out() {
    let mut world = World::new(wants(Of::All), Watch::On);
    let alice = world.connect("alice@example.com");
    world.send(alice, &request("INVITE", "d1", 1));
    assert_eq!(world.tracker.len(), 1);
    world.tell_as(true);
    assert_eq!(world.tracker.len(), 0);
}

#[test]
fn what_peers_write_stays_one_line() {
    let mut world = World::new(wants(Of::All), Watch::On);
    let alice = world.connect("alice@example.com");
    let mut message = request("MESSAGE", "d1", 1);
    message["From"] = "alice@example.com\n{\"version\":1}\u{1b}[2J\u{85}".into();
    world.send(alice, &message);
    let lines: Vec<_> = world.tracker.take_records().map(|record| record.line()).collect();
    for line in lines {
        assert!(
            line.trim_end()
                .chars()
                .all(|character| !character.is_ascii_control()),
            "{line:?}"
        );
        assert_eq!(line.lines().count(), 1);
    }
}
