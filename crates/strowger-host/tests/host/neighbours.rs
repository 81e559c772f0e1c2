//! Bad guests on a node: they fail as native services do, and who is beside them does not notice.

use std::sync::Arc;

use strowger_channel::ConnId;
use strowger_host::{Isolation, Limits, LoadedService};
use strowger_node::{Config, Registry, Subject};
use strowger_service::jsip::UserId;
use strowger_service::{LogLevel, Service};
use strowger_testkit::{Arrived, SimNode};

use crate::guests::{COMMANDS, Guest, command, limits};

fn node(bad: &Guest) -> SimNode {
    with(bad.load())
}

fn with(bad: LoadedService) -> SimNode {
    let services: Vec<(String, Arc<dyn Service>)> = vec![
        ("echo".to_owned(), Arc::new(strowger_echo::Echo)),
        ("bad".to_owned(), Arc::new(bad)),
    ];
    SimNode::new(Config::default(), Registry::new(services, "echo").unwrap(), 2, 1)
}

fn send(node: &mut SimNode, conn: ConnId, method: &str, service: &str, dialog: &str, cseq: u32) {
    let user = "alice@example.com";
    node.send(
        conn,
        &format!(
            r#"{{"Type":"{method}","Request-URI":"x@example.com","From":"{user}","To":"x@example.com","DialogueID":"{dialog}","CSeq":{cseq},"Router":"node;type={service}"}}"#
        ),
    );
}

/// The code of the next message, which must be a response; 100 is left out.
fn code(node: &mut SimNode, conn: ConnId) -> Option<u16> {
    loop {
        let Arrived::Text(text) = node.receive(conn)? else {
            return None;
        };
        let (_, rest) = text.split_once(r#""Code":"#)?;
        let code = rest.get(..3)?.parse().ok()?;
        if code != 100 {
            return Some(code);
        }
    }
}

#[track_caller]
fn fails_alone(bad: &Guest) {
    let mut node = node(bad);
    let conn = node.connect(&UserId::new("alice@example.com").unwrap());
    send(&mut node, conn, "INVITE", "echo", "call", 1);
    assert_eq!(code(&mut node, conn), Some(200));
    for round in 0..3 {
        send(&mut node, conn, "MESSAGE", "bad", &format!("bad-{round}"), 1);
        assert_eq!(code(&mut node, conn), Some(500));
        send(&mut node, conn, "MESSAGE", "echo", &format!("good-{round}"), 1);
        assert_eq!(code(&mut node, conn), Some(200));
    }
    send(&mut node, conn, "ACK", "echo", "call", 2);
    send(&mut node, conn, "INFO", "echo", "call", 3);
    assert_eq!(code(&mut node, conn), Some(200));
    let failed: u64 = node
        .shards()
        .iter()
        .map(|shard| shard.counters().instances_failed)
        .sum();
    assert_eq!(failed, 3);
    assert!(
        node.logs()
            .iter()
            .any(|line| line.subject == Subject::Service("bad".to_owned()) && line.level == LogLevel::Error),
        "{:?}",
        node.logs()
    );
}

#[test]
fn an_instance_that_traps_fails_alone() {
    fails_alone(&Guest {
        handle: "unreachable",
        ..Guest::default()
    });
}

#[test]
fn an_instance_that_never_returns_fails_alone() {
    fails_alone(&Guest {
        handle: "(loop $for_ever (br $for_ever)) unreachable",
        ..Guest::default()
    });
}

#[test]
fn an_instance_that_floods_the_node_with_commands_fails_alone() {
    // 1,200 timers from one event, each in its turn.
    let timers: Vec<u8> = (1..=1200)
        .flat_map(|timer| command(4, &[timer, 0, 1_000_000]))
        .collect();
    fails_alone(&Guest::giving(1200, &timers));
}

#[test]
fn an_instance_that_goes_round_in_circles_fails_alone() {
    // It answers for a leg that it does not have, and the refusal in the same way.
    let guest = Guest::giving(1, &command(3, &[77, 0, 1, 0, 200]));
    assert_eq!(guest.handle, COMMANDS);
    fails_alone(&guest);
}

#[test]
fn a_key_that_traps_costs_the_request_only() {
    fails_alone(&Guest {
        key: "unreachable",
        ..Guest::default()
    });
}

#[test]
fn a_trap_among_shared_instances_ends_all_their_calls_at_once() {
    // It answers calls; a long request within one traps.
    let guest = Guest {
        handle: "(if (result i32) (i32.load8_u offset=40 (local.get $all))
            (then (if (i32.gt_u (i32.load offset=56 (local.get $all)) (i32.const 2000)) (then unreachable)) (i32.const 0))
            (else (i32.const 16)))",
        ..Guest::giving(1, &command(3, &[1, 0, 1, 0, 200, 0, 0]))
    };
    let shared = guest.load_with(Limits {
        isolation: Isolation::Shared,
        ..limits()
    });
    let mut node = with(shared.clone());
    let conn = node.connect(&UserId::new("alice@example.com").unwrap());
    for call in ["one", "two", "three"] {
        send(&mut node, conn, "INVITE", "bad", call, 1);
        assert_eq!(code(&mut node, conn), Some(200));
        send(&mut node, conn, "ACK", "bad", call, 2);
    }
    let long = "x".repeat(2000);
    node.send(
        conn,
        &format!(
            r#"{{"Type":"INFO","Request-URI":"x@example.com","From":"alice@example.com","To":"x@example.com","DialogueID":"two","CSeq":3,"Body":"{long}"}}"#
        ),
    );
    let mut ended = Vec::new();
    while let Some(Arrived::Text(text)) = node.receive(conn) {
        if text.contains(r#""Type":"BYE""#) {
            ended.extend(
                ["one", "two", "three"]
                    .into_iter()
                    .filter(|call| text.contains(call)),
            );
        }
    }
    ended.sort();
    assert_eq!(ended, ["one", "three", "two"]);
    assert_eq!((shared.figures().instances, shared.figures().failed), (0, 3));
    let told = node
        .logs()
        .iter()
        .filter(|line| line.text.starts_with("instance failed: "));
    assert_eq!(told.count(), 3, "{:?}", node.logs());
}
