//! Limits of instances, and Max-Forwards.

use std::sync::Arc;
use std::time::Duration;

use strowger_node::Config;
use strowger_service::jsip::{Method, StatusCode};
use strowger_service::{Event, SendError, Service};

use crate::harness::{
    SHARDS, World, answer, body, echo, message, request, routed, service, stateful, to_user,
};

fn config(limit: impl FnOnce(&mut strowger_node::Limits)) -> Config {
    let mut config = Config::default();
    limit(&mut config.limits);
    config
}

/// Does for a MESSAGE what its Body says, so many times.
fn busy() -> Arc<dyn Service> {
    service(|event, cx| {
        let Event::Incoming { leg, request } = event else {
            return;
        };
        let text = body(&request);
        let Some((what, count)) = text.split_once(' ') else {
            return;
        };
        for _ in 0..count.parse().unwrap_or(0) {
            match what {
                "timer" => drop(cx.set_timer(Duration::from_secs(1))),
                "relation" => drop(cx.relation()),
                _ => cx.log(strowger_service::LogLevel::Debug, what),
            }
        }
        answer(leg, &request, StatusCode::OK, "", cx);
        if what == "relation" {
            cx.finish();
        }
    })
}

#[track_caller]
fn check(limit: fn(&mut strowger_node::Limits), text: &str, code: u16, why: &str) {
    for shards in SHARDS {
        let mut world = World::with_config(shards, &[("busy", busy())], config(limit));
        let alice = world.connect("alice@example.com");
        assert_eq!(
            world.ask(&alice, &message(&alice, "x@example.com", "d1", text))["Code"],
            code,
            "{text}"
        );
        let errors: Vec<_> = world.node.logs().iter().map(|line| line.text.as_str()).collect();
        assert!(
            why.is_empty() || errors.iter().any(|text| text.ends_with(why)),
            "{errors:?}"
        );
        world.advance(2);
        world.assert_empty();
    }
}

#[test]
fn an_instance_with_too_many_timers_fails() {
    check(|limits| limits.timers_per_instance = 3, "timer 3", 200, "");
    check(
        |limits| limits.timers_per_instance = 3,
        "timer 4",
        500,
        "too many timers",
    );
}

#[test]
fn an_instance_with_too_many_relation_ids_fails() {
    check(|limits| limits.relations_per_instance = 3, "relation 3", 200, "");
    check(
        |limits| limits.relations_per_instance = 3,
        "relation 4",
        500,
        "too many relation ids",
    );
}

#[test]
fn an_event_with_too_many_commands_fails_the_instance_and_none_is_carried_out() {
    check(|limits| limits.commands_per_event = 5, "log 4", 200, "");
    check(
        |limits| limits.commands_per_event = 5,
        "log 5",
        500,
        "too many commands",
    );
}

#[test]
fn too_many_instances_give_503_with_retry_after_until_one_ends() {
    for shards in SHARDS {
        let mut world =
            World::with_config(shards, &[("echo", echo())], config(|limits| limits.instances = 2));
        let alice = world.connect("alice@example.com");
        world.call(&alice, "x@example.com", "d1");
        world.call(&alice, "x@example.com", "d2");
        let refused = world.ask(&alice, &message(&alice, "x@example.com", "d3", ""));
        assert_eq!(refused["Code"], 503);
        assert!(refused["Retry-After"].as_u64().unwrap() > 0, "{refused}");
        assert_eq!(world.count(|counters| counters.unavailable), 1);
        assert_eq!(
            world.ask(&alice, &request("BYE", &alice, "x@example.com", "d1", 3))["Code"],
            200
        );
        assert_eq!(
            world.ask(&alice, &message(&alice, "x@example.com", "d4", ""))["Code"],
            200
        );
        assert_eq!(
            world.ask(&alice, &request("BYE", &alice, "x@example.com", "d2", 3))["Code"],
            200
        );
        world.assert_empty();
    }
}

/// Its first request is answered with a relation id, others are held; `open` opens so many legs. Answers what came of
/// them. Ends with its first leg.
fn crowd() -> Arc<dyn Service> {
    stateful(|| {
        let (mut first, mut refused, mut ended) = (None, 0, 0);
        Box::new(move |event, cx| match event {
            Event::Incoming { leg, request } => {
                first.get_or_insert(leg);
                let text = if first == Some(leg) {
                    cx.relation()
                } else {
                    String::new()
                };
                answer(leg, &request, StatusCode::OK, &text, cx);
            }
            Event::Request { leg, request } if request.method() == Method::Info => {
                answer(leg, &request, StatusCode::OK, &format!("{refused} {ended}"), cx);
                for _ in 0..body(&request).parse().unwrap_or(0) {
                    cx.open(to_user(Method::Message, "nobody@example.com"));
                }
            }
            Event::Refused {
                error: SendError::TooManyLegs,
                ..
            } => refused += 1,
            Event::Ended { leg, .. } if first == Some(leg) => cx.finish(),
            Event::Ended { .. } => ended += 1,
            _ => {}
        })
    })
}

#[test]
fn legs_beyond_the_limit_are_refused_and_have_ended() {
    for shards in SHARDS {
        let limited = config(|limits| limits.legs_per_instance = 3);
        let mut world = World::with_config(shards, &[("crowd", crowd())], limited);
        let alice = world.connect("alice@example.com");
        world.call(&alice, "x@example.com", "d1");
        let mut info = request("INFO", &alice, "x@example.com", "d1", 3);
        info["Body"] = "5".into();
        assert_eq!(world.ask(&alice, &info)["Body"], "0 0");
        info["Body"] = "2".into();
        info["CSeq"] = 4.into();
        assert_eq!(world.ask(&alice, &info)["Body"], "3 5");
        info["CSeq"] = 5.into();
        assert_eq!(world.ask(&alice, &info)["Body"], "3 7");
        assert_eq!(
            world.ask(&alice, &request("BYE", &alice, "x@example.com", "d1", 6))["Code"],
            200
        );
        world.assert_empty();
    }
}

#[test]
fn peers_cannot_give_an_instance_more_legs_than_it_may_have() {
    for shards in SHARDS {
        let limited = config(|limits| limits.legs_per_instance = 3);
        let mut world = World::with_config(shards, &[("crowd", crowd())], limited);
        let users: [_; 3] = world.connect_apart();
        world.send(&users[0], &request("INVITE", &users[0], "x@example.com", "d1", 1));
        let answer = world.expect(&users[0], 200);
        world.send(&users[0], &request("ACK", &users[0], "x@example.com", "d1", 2));
        let router = format!("as1.example.com;relid={}", answer["Body"].as_str().unwrap());
        for dialog in ["d2", "d3"] {
            let join = routed(request("INVITE", &users[1], "x@example.com", dialog, 1), &router);
            assert_eq!(world.ask(&users[1], &join)["Code"], 200);
            world.send(&users[1], &request("ACK", &users[1], "x@example.com", dialog, 2));
        }
        let refused = world.ask(
            &users[2],
            &routed(message(&users[2], "x@example.com", "d4", ""), &router),
        );
        assert_eq!(refused["Code"], 503);
        assert!(refused["Retry-After"].is_u64(), "{refused}");
        assert_eq!(
            world.ask(&users[0], &request("BYE", &users[0], "x@example.com", "d1", 3))["Code"],
            200
        );
        for _ in ["d2", "d3"] {
            let bye = world.expect(&users[1], "BYE");
            world.respond(&users[1], &bye, 200);
        }
        world.assert_empty();
    }
}

/// Sends a MESSAGE to the user that a request's Body names, and answers with the code of what came back; the first
/// request gets a relation id as well. A timer makes it write to that user once more.
fn forwarder() -> Arc<dyn Service> {
    stateful(|| {
        let (mut relid, mut waiting, mut to) = (None, None, String::new());
        Box::new(move |event, cx| match event {
            Event::Incoming { leg, request } => {
                to = body(&request);
                relid.get_or_insert_with(|| cx.relation());
                cx.open(to_user(Method::Message, &to));
                waiting = Some((leg, request));
            }
            Event::Response { response, .. } => {
                let Some((leg, request)) = waiting.take() else {
                    return;
                };
                let relid = relid.clone().unwrap_or_default();
                answer(leg, &request, response.code(), &relid, cx);
                cx.set_timer(Duration::from_secs(10));
            }
            Event::Timer { .. } => {
                cx.open(to_user(Method::Message, &to));
                cx.finish();
            }
            _ => {}
        })
    })
}

#[test]
fn a_leg_has_one_hop_less_than_the_request_it_is_opened_for() {
    for shards in SHARDS {
        for (hops, left) in [(None, 19), (Some(1), 0), (Some(70), 69)] {
            let mut world = World::new(shards, &[("forwarder", forwarder())]);
            let [alice, bob]: [_; 2] = world.connect_apart();
            let mut message = message(&alice, "x@example.com", "d1", &bob.name);
            if let Some(hops) = hops {
                message["Max-Forwards"] = hops.into();
            }
            world.send(&alice, &message);
            let forwarded = world.expect(&bob, "MESSAGE");
            assert_eq!(forwarded["Max-Forwards"], left);
            world.respond(&bob, &forwarded, 202);
            world.expect(&alice, 202);
            world.advance(10);
            assert_eq!(world.expect(&bob, "MESSAGE")["Max-Forwards"], left);
            world.advance(10);
            world.assert_empty();
        }
    }
}

#[test]
fn no_leg_is_opened_where_no_hop_is_left() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("forwarder", forwarder())]);
        let [alice, bob]: [_; 2] = world.connect_apart();
        let mut message = message(&alice, "x@example.com", "d1", &bob.name);
        message["Max-Forwards"] = 0.into();
        assert_eq!(world.ask(&alice, &message)["Code"], 483);
        assert_eq!(world.count(|counters| counters.too_many_hops), 1);
        world.expect_nothing(&bob);
        world.advance(10);
        world.assert_empty();
    }
}

#[test]
fn who_joins_with_no_hop_left_takes_none_from_the_others() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("forwarder", forwarder())]);
        let [alice, bob, carol]: [_; 3] = world.connect_apart();
        world.send(&alice, &message(&alice, "x@example.com", "d1", &bob.name));
        let forwarded = world.expect(&bob, "MESSAGE");
        world.respond(&bob, &forwarded, 200);
        let router = format!("x;relid={}", world.expect(&alice, 200)["Body"].as_str().unwrap());
        let mut join = routed(message(&carol, "x@example.com", "d1", &bob.name), &router);
        join["Max-Forwards"] = 0.into();
        assert_eq!(world.ask(&carol, &join)["Code"], 483);
        world.advance(10);
        assert_eq!(world.expect(&bob, "MESSAGE")["Max-Forwards"], 19);
        world.advance(10);
        world.assert_empty();
    }
}

#[test]
fn requests_to_an_overloaded_node_get_503_and_calls_outlive_it() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("echo", echo())]);
        for user in world.connect_apart::<3>() {
            world.send(&user, &request("INVITE", &user, "x@example.com", "d1", 1));
            world.expect(&user, 200);
            world.node.set_overloaded(true);
            world.send(&user, &request("ACK", &user, "x@example.com", "d1", 2));
            let refused = world.ask(&user, &message(&user, "x@example.com", "d2", ""));
            assert_eq!(refused["Code"], 503);
            assert!(refused["Retry-After"].is_u64(), "{refused}");
            assert_eq!(
                world.ask(&user, &request("INFO", &user, "x@example.com", "d1", 3))["Code"],
                503
            );
            world.node.set_overloaded(false);
            world.advance(100);
            assert_eq!(
                world.ask(&user, &request("BYE", &user, "x@example.com", "d1", 4))["Code"],
                200
            );
        }
        world.assert_empty();
    }
}
