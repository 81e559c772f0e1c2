//! Bad guests on a node: they fail as native services do, and who is beside them does not notice.

use std::sync::Arc;
use std::time::Duration;

use strowger_channel::ConnId;
use strowger_host::{Isolation, Limits, LoadedService};
use strowger_node::{Config, Registry, Subject};
use strowger_service::jsip::UserId;
use strowger_service::{LogLevel, Service};
use strowger_testkit::{Arrived, SimNode};

use crate::guests::{COMMANDS, FIRST_ONLY, Guest, command, limits};

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
    fail_alone(bad, 3);
}

#[track_caller]
fn fail_alone(bad: &Guest, times: u64) {
    let mut node = node(bad);
    let conn = node.connect(&UserId::new("alice@example.com").unwrap());
    send(&mut node, conn, "INVITE", "echo", "call", 1);
    assert_eq!(code(&mut node, conn), Some(200));
    for round in 0..times {
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
    assert_eq!(failed, times);
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
    let guest = Guest {
        handle: "(loop $for_ever (br $for_ever)) unreachable",
        ..Guest::default()
    };
    fail_alone(&guest, 1);
}

#[test]
fn a_service_that_runs_away_time_after_time_gets_a_pause_in_which_nothing_of_it_begins() {
    let guest = Guest {
        handle: "(loop $for_ever (br $for_ever)) unreachable",
        ..Guest::default()
    };
    let service = guest.load_with(Limits {
        budget: Duration::from_millis(100),
        ..limits()
    });
    let mut node = with(service.clone());
    let conn = node.connect(&UserId::new("alice@example.com").unwrap());
    let codes = [0, 1, 2, 3, 4].map(|round| {
        send(&mut node, conn, "MESSAGE", "bad", &format!("bad-{round}"), 1);
        code(&mut node, conn).unwrap()
    });
    assert_eq!(codes, [500, 500, 503, 503, 503]);
    assert_eq!(service.figures().started, 2);
    let why = told(&node)[1];
    assert!(
        why.contains("its failures take too much time from others: none begins for"),
        "{why}"
    );
    send(&mut node, conn, "MESSAGE", "echo", "good", 1);
    assert_eq!(code(&mut node, conn), Some(200));
}

#[test]
fn keys_that_take_too_long_time_after_time_are_not_asked_for_any_more() {
    let guest = Guest {
        key: "(loop $for_ever (br $for_ever)) unreachable",
        ..Guest::default()
    };
    let service = guest.load_with(Limits {
        budget: Duration::from_millis(100),
        ..limits()
    });
    let mut node = with(service.clone());
    let conn = node.connect(&UserId::new("alice@example.com").unwrap());
    for round in 0..2 {
        send(&mut node, conn, "MESSAGE", "bad", &format!("bad-{round}"), 1);
        assert_eq!(code(&mut node, conn), Some(500));
    }
    let calls = service.figures().calls;
    send(&mut node, conn, "MESSAGE", "bad", "bad-2", 1);
    assert_eq!(code(&mut node, conn), Some(500));
    assert_eq!(service.figures().calls, calls);
    let why = *told(&node).last().unwrap();
    assert!(why.contains("not asked for keys for"), "{why}");
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
        handle: "(if (result i32) (local.get $kind)
            (then (if (i32.gt_u (local.get $length) (i32.const 2000)) (then unreachable)) (i32.const 0))
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

/// What the operator reads of the bad service.
fn told(node: &SimNode) -> Vec<&str> {
    let bad = node
        .logs()
        .iter()
        .filter(|line| line.subject == Subject::Service("bad".to_owned()));
    bad.map(|line| line.text.as_str()).collect()
}

#[test]
fn who_answers_twice_or_for_others_is_named_to_the_operator() {
    let commands = [
        command(3, &[1, 0, 1, 0, 200, 0, 0]),
        command(3, &[1, 0, 1, 0, 200, 0, 0]),
        command(3, &[77, 0, 1, 0, 200, 0, 0]),
    ]
    .concat();
    let mut guest = Guest::giving(3, &commands);
    guest.handle = FIRST_ONLY;
    let mut node = node(&guest);
    let conn = node.connect(&UserId::new("alice@example.com").unwrap());
    send(&mut node, conn, "INVITE", "bad", "call", 1);
    assert_eq!((code(&mut node, conn), code(&mut node, conn)), (Some(200), None));
    assert_eq!(
        told(&node),
        [
            "a command on leg 1 was not carried out: no open request to answer",
            "a command on leg 77 was not carried out: no such leg"
        ]
    );
}

#[test]
fn who_opens_legs_without_end_has_as_many_as_the_limit_allows() {
    let message = r#"{"Type":"MESSAGE","Request-URI":"bob@example.com","From":"x@y.z","To":"bob@example.com","DialogueID":"-","CSeq":1}"#;
    let opens: Vec<u8> = (1..=300)
        .flat_map(|number| command(0, &[number + 1, number, 50_000, message.len() as u32]))
        .collect();
    let mut guest = Guest::giving(300, &opens);
    guest.handle = FIRST_ONLY;
    guest.more.push_str(&format!(
        "(data (i32.const 50000) \"{}\")",
        message.replace('"', "\\22")
    ));
    let mut node = node(&guest);
    let [alice, bob] =
        ["alice@example.com", "bob@example.com"].map(|user| node.connect(&UserId::new(user).unwrap()));
    send(&mut node, alice, "INVITE", "bad", "call", 1);
    let mut opened = 0;
    while node.receive(bob).is_some() {
        opened += 1;
    }
    // One of its 256 legs is the one that came in.
    assert_eq!((opened, told(&node).len()), (255, 45));
    assert!(
        told(&node)
            .iter()
            .all(|line| line.ends_with("was not carried out: too many legs"))
    );
    send(&mut node, alice, "MESSAGE", "echo", "good", 1);
    assert_eq!(code(&mut node, alice), Some(200));
}

#[test]
fn instances_that_never_finish_use_up_what_their_service_may_have_and_no_more() {
    // One answers its caller, sets a timer, and another one whenever that fires: event 3.
    let mut guest = Guest::giving(1, &command(4, &[1, 0, 1_000_000]));
    guest.handle = "(global.set $timers (i32.add (global.get $timers) (i32.const 1)))
        (i32.store (i32.const 72) (global.get $timers)) (i32.const 16)";
    guest.more.push_str("(global $timers (mut i32) (i32.const 0))");
    let service = guest.load_with(Limits {
        instances: 2,
        ..limits()
    });
    let mut node = with(service.clone());
    let conn = node.connect(&UserId::new("alice@example.com").unwrap());
    for number in 0..3 {
        send(&mut node, conn, "MESSAGE", "bad", &format!("bad-{number}"), 1);
    }
    assert_eq!(code(&mut node, conn), Some(503));
    assert_eq!(told(&node), ["no more instances may run; a request gets 503"]);
    let target = node.now() + Duration::from_secs(3600);
    node.advance_to(target);
    assert_eq!((service.figures().instances, service.figures().failed), (2, 0));
    while node.receive(conn).is_some() {}
    send(&mut node, conn, "MESSAGE", "echo", "good", 1);
    assert_eq!(code(&mut node, conn), Some(200));
    send(&mut node, conn, "MESSAGE", "bad", "bad-4", 1);
    assert_eq!(code(&mut node, conn), Some(503));
}
