//! Log lines of services.

use std::sync::Arc;

use strowger_node::Subject;
use strowger_service::jsip::StatusCode;
use strowger_service::{Event, LogLevel, Service};

use crate::harness::{SHARDS, World, answer, body, message, service};

/// Writes a request's Body to the log: so many times as its `CSeq` says.
fn scribe() -> Arc<dyn Service> {
    service(|event, cx| {
        if let Event::Incoming { leg, request } = event {
            for _ in 0..request.cseq().get() {
                cx.log(LogLevel::Info, body(&request));
            }
            answer(leg, &request, StatusCode::OK, "", cx);
        }
    })
}

#[test]
fn a_service_writes_log_lines_under_its_name() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("scribe", scribe())]);
        let alice = world.connect("alice@example.com");
        assert_eq!(
            world.ask(&alice, &message(&alice, "x@example.com", "d1", "hello"))["Code"],
            200
        );
        let line = &world.node.logs()[0];
        assert_eq!((line.level, line.text.as_str()), (LogLevel::Info, "hello"));
        assert_eq!(line.subject, Subject::Service("scribe".to_owned()));
        world.assert_empty();
    }
}

#[test]
fn what_a_peer_wrote_is_one_line_and_not_too_long() {
    let mut config = strowger_node::Config::default();
    config.channel.limits.message_bytes = 1 << 20;
    let mut world = World::with_config(1, &[("scribe", scribe())], config);
    let alice = world.connect("alice@example.com");
    let text = format!("one\nERROR two\u{1b}[2J{}", "x".repeat(100_000));
    assert_eq!(
        world.ask(&alice, &message(&alice, "x@example.com", "d1", &text))["Code"],
        200
    );
    let text = &world.node.logs()[0].text;
    assert!(
        text.starts_with("one ERROR two [2Jx") && text.len() < 5_000,
        "{}",
        text.len()
    );
}

#[test]
fn a_service_that_logs_too_much_is_cut_off_for_a_second_and_the_loss_is_told() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("scribe", scribe())]);
        let alice = world.connect("alice@example.com");
        world.advance(1);
        for (number, dialog) in ["d1", "d2", "d3"].into_iter().enumerate() {
            let mut flood = message(&alice, "x@example.com", dialog, "flood");
            flood["CSeq"] = (700 + number).into();
            assert_eq!(world.ask(&alice, &flood)["Code"], 200);
        }
        assert_eq!(world.node.logs().len(), 1000);
        world.advance(1);
        assert_eq!(
            world.ask(&alice, &message(&alice, "x@example.com", "d4", "later"))["Code"],
            200
        );
        let texts: Vec<_> = world.node.logs()[1000..]
            .iter()
            .map(|line| line.text.as_str())
            .collect();
        assert_eq!(texts, ["1103 log lines dropped", "later"]);
        world.assert_empty();
    }
}
