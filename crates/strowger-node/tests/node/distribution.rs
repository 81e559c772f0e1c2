//! Which instance gets a request (protocol section 7).

use std::sync::Arc;

use serde_json::Value;
use strowger_service::jsip::{Method, Request, StatusCode, Uri};
use strowger_service::{Event, Service};

use crate::harness::{
    Handler, SHARDS, World, answer, body, keyed, message, request, routed, service, stateful,
};

/// Answers with the name under which it runs.
fn named() -> Arc<dyn Service> {
    service(|event, cx| {
        if let Event::Incoming { leg, request } = event {
            let name = cx.service().to_owned();
            answer(leg, &request, StatusCode::OK, &name, cx);
        }
    })
}

/// Its first request is answered with a relation id, the others with how many there were; ends with its first leg.
fn related() -> Arc<dyn Service> {
    stateful(|| {
        let (mut joined, mut first) = (0, None);
        Box::new(move |event, cx| match event {
            Event::Incoming { leg, request } => {
                joined += 1;
                first.get_or_insert(leg);
                let text = if joined == 1 {
                    cx.relation()
                } else {
                    joined.to_string()
                };
                answer(leg, &request, StatusCode::OK, &text, cx);
            }
            Event::Ended { leg, .. } if first == Some(leg) => cx.finish(),
            _ => {}
        })
    })
}

/// One instance per user part of the Request-URI; answers how many requests there were. `close` ends it.
fn rooms() -> Arc<dyn Service> {
    fn room(request: &Request) -> Option<String> {
        Uri::parse(request.request_uri()).ok()?.user().map(str::to_owned)
    }
    fn start() -> Handler {
        let mut joined = 0;
        Box::new(move |event, cx| {
            if let Event::Incoming { leg, request } | Event::Request { leg, request } = event
                && !matches!(request.method(), Method::Ack | Method::Bye | Method::Cancel)
            {
                joined += 1;
                answer(leg, &request, StatusCode::OK, &joined.to_string(), cx);
                if body(&request) == "close" {
                    cx.finish();
                }
            }
        })
    }
    keyed(room, start)
}

#[track_caller]
fn check_name(router: Option<&str>, to: &str, name: &str) {
    for shards in SHARDS {
        let mut world = World::new(
            shards,
            &[("fallback", named()), ("hunt", named()), ("relay", named())],
        );
        let alice = world.connect("alice@example.com");
        let mut message = message(&alice, to, "d1", "");
        if let Some(router) = router {
            message = routed(message, router);
        }
        let answer = world.ask(&alice, &message);
        assert_eq!(
            (&answer["Code"], &answer["Body"]),
            (&200.into(), &name.into()),
            "{answer}"
        );
        world.assert_empty();
    }
}

#[track_caller]
fn check_refused(router: &str, code: u16) -> Value {
    let mut last = Value::Null;
    for shards in SHARDS {
        let mut world = World::new(shards, &[("relay", named())]);
        let alice = world.connect("alice@example.com");
        last = world.ask(
            &alice,
            &routed(message(&alice, "bob@example.com", "d1", ""), router),
        );
        assert_eq!(last["Code"], code, "{last}");
        world.assert_empty();
    }
    last
}

#[test]
fn type_in_the_first_router_uri_names_the_service() {
    check_name(Some("as1.example.com;type=hunt"), "relay.example.com", "hunt");
    check_name(
        Some("relay.example.com;type=HUNT , relay.example.com"),
        "bob@example.com",
        "hunt",
    );
}

#[test]
fn the_first_label_of_the_first_router_uri_names_the_service() {
    check_name(
        Some("x@hunt.example.com,relay.example.com"),
        "relay.example.com",
        "hunt",
    );
}

#[test]
fn a_router_that_names_no_service_leads_to_the_default_whatever_the_request_uri_says() {
    check_name(Some("as1.example.com"), "hunt.example.com", "fallback");
}

#[test]
fn without_router_the_first_label_of_the_request_uri_names_the_service() {
    check_name(None, "bob@hunt.example.com", "hunt");
    check_name(None, "bob@huntsman.example.com", "fallback");
    check_name(None, "@@ no uri @@", "fallback");
}

#[test]
fn the_default_service_can_be_named() {
    check_name(
        Some("as1.example.com;type=default"),
        "hunt.example.com",
        "fallback",
    );
    check_name(None, "bob@default.example.com", "fallback");
}

#[test]
fn an_unknown_type_gets_404() {
    check_refused("as1.example.com;type=nobody", 404);
    check_refused("relay.example.com;type", 404);
}

#[test]
fn an_unknown_relid_gets_404() {
    check_refused("as1.example.com;relid=rel-1;type=relay", 404);
    check_refused("as1.example.com;relid=;type=relay", 404);
    check_refused("as1.example.com;relid;type=relay", 404);
    // One that looks like ours.
    check_refused("as1.example.com;relid=rel-000100-000000000000000000000000.1", 404);
    check_refused("as1.example.com;relid=rel-0001ff-000000000000000000000000.1", 404);
}

#[test]
fn a_bad_router_uri_gets_400_that_names_the_header() {
    for router in ["a@b@c", "host:99999", ",relay.example.com", ";type=relay"] {
        let answer = check_refused(router, 400);
        assert!(answer["Reason"].as_str().unwrap().contains("Router"), "{answer}");
    }
}

#[test]
fn a_relid_joins_the_running_instance_from_any_shard() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("related", related())]);
        let users: [_; 3] = world.connect_apart();
        world.send(&users[0], &request("INVITE", &users[0], "x@example.com", "d1", 1));
        let answer = world.expect(&users[0], 200);
        let relid = answer["Body"].as_str().unwrap().to_owned();
        world.send(&users[0], &request("ACK", &users[0], "x@example.com", "d1", 2));
        let router = format!("as1.example.com;relid={relid}");
        for (number, user) in users.iter().enumerate() {
            let answer = world.ask(user, &routed(message(user, "x@example.com", "d2", ""), &router));
            assert_eq!(answer["Body"], (number + 2).to_string());
        }
        assert_eq!(world.instances(), 1);
        let bye = request("BYE", &users[0], "x@example.com", "d1", 3);
        assert_eq!(world.ask(&users[0], &bye)["Code"], 200);
        let answer = world.ask(
            &users[1],
            &routed(message(&users[1], "x@example.com", "d3", ""), &router),
        );
        assert_eq!(answer["Code"], 404);
        world.assert_empty();
    }
}

#[test]
fn users_on_different_shards_reach_one_instance_by_its_key() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("rooms", rooms())]);
        let users: [_; 3] = world.connect_apart();
        for (number, user) in users.iter().enumerate() {
            let answer = world.ask(user, &message(user, "tea@rooms.example.com", "d1", ""));
            assert_eq!(answer["Body"], (number + 1).to_string());
        }
        let answer = world.ask(
            &users[0],
            &message(&users[0], "coffee@rooms.example.com", "d2", ""),
        );
        assert_eq!(answer["Body"], "1");
        assert_eq!(world.instances(), 2);
        for room in ["tea", "coffee"] {
            let to = format!("{room}@rooms.example.com");
            assert_eq!(
                world.ask(&users[1], &message(&users[1], &to, room, "close"))["Code"],
                200
            );
        }
        world.assert_empty();
    }
}

#[test]
fn a_dialog_on_another_shard_goes_on_there() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("rooms", rooms())]);
        for user in world.connect_apart::<3>() {
            world.call(&user, "tea@rooms.example.com", "d1");
            assert_eq!(
                world.ask(&user, &request("INFO", &user, "tea@rooms.example.com", "d1", 3))["Code"],
                200
            );
            assert_eq!(
                world.ask(&user, &request("BYE", &user, "tea@rooms.example.com", "d1", 4))["Code"],
                200
            );
            assert_eq!(
                world.ask(&user, &request("BYE", &user, "tea@rooms.example.com", "d1", 5))["Code"],
                481
            );
        }
        let last = world.connect("last@example.com");
        assert_eq!(
            world.ask(&last, &message(&last, "tea@rooms.example.com", "d1", "close"))["Body"],
            "7"
        );
        world.assert_empty();
    }
}

#[test]
fn a_quiet_call_on_another_shard_outlives_any_number_of_messages_there() {
    for shards in SHARDS {
        let mut config = strowger_node::Config::default();
        config.stack.dialogs_per_channel = 10;
        config.stack.lingering_per_channel = 10;
        config.channel.burst = 10_000;
        let mut world = World::with_config(shards, &[("rooms", rooms())], config);
        let users: [_; 3] = world.connect_apart();
        for user in &users {
            world.call(user, "tea@rooms.example.com", "call");
            for number in 0..500 {
                let dialog = format!("d{number}");
                assert_eq!(
                    world.ask(user, &message(user, "tea@rooms.example.com", &dialog, ""))["Code"],
                    200
                );
            }
            assert_eq!(
                world.ask(user, &request("BYE", user, "tea@rooms.example.com", "call", 3))["Code"],
                200
            );
        }
        let elsewhere: usize = world
            .node
            .shards()
            .iter()
            .map(|shard| shard.dialogs_elsewhere())
            .sum();
        assert!(elsewhere <= 3 * 64, "{elsewhere} entries");
        let close = message(&users[0], "tea@rooms.example.com", "close", "close");
        assert_eq!(world.ask(&users[0], &close)["Code"], 200);
        for user in &users {
            world.node.disconnect(user.conn, Some(1000));
        }
        assert!(
            world
                .node
                .shards()
                .iter()
                .all(|shard| shard.dialogs_elsewhere() == 0)
        );
        world.assert_empty();
    }
}

#[test]
fn two_users_with_one_dialog_id_never_meet() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("rooms", rooms())]);
        let [alice, bob]: [_; 2] = world.connect_apart();
        world.call(&alice, "tea@rooms.example.com", "same");
        assert_eq!(
            world.ask(&bob, &request("BYE", &bob, "tea@rooms.example.com", "same", 3))["Code"],
            481
        );
        assert_eq!(
            world.ask(&bob, &request("INFO", &bob, "tea@rooms.example.com", "same", 4))["Code"],
            481
        );
        assert_eq!(
            world.ask(
                &alice,
                &request("INFO", &alice, "tea@rooms.example.com", "same", 3)
            )["Code"],
            200
        );
        assert_eq!(
            world.ask(&alice, &message(&alice, "tea@rooms.example.com", "d2", "close"))["Code"],
            200
        );
        world.expect(&alice, "BYE");
        world.node.disconnect(alice.conn, Some(1000));
        world.assert_empty();
    }
}
