//! Instances that forward a call and leave it to the node.

use std::sync::Arc;
use std::time::Duration;

use strowger_node::InstanceFilter;
use strowger_service::jsip::{CSeq, Method, Request, StatusCode};
use strowger_service::{Event, LogLevel, Service};

use crate::harness::{SHARDS, World, answer, echo, keyed, message, request, routed, stateful, to_user};

/// Forwards what comes to whoever it is for.
fn forwarding() -> Arc<dyn Service> {
    stateful(|| {
        Box::new(|event, cx| {
            if let Event::Incoming { leg, request } = event {
                cx.forward(leg, request);
            }
        })
    })
}

/// Whether each instance has forwarded its call.
fn forwarded(world: &World) -> Vec<bool> {
    let filter = InstanceFilter::default();
    let shards = world.node.shards().iter();
    let pages = shards.map(|shard| shard.instance_page(world.node.now(), &filter, 0, 100));
    pages
        .flat_map(|page| page.items)
        .map(|info| info.forwarded)
        .collect()
}

#[test]
fn a_call_that_is_forwarded_runs_to_its_end_without_the_instance() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("forwarding", forwarding())]);
        let [alice, bob]: [_; 2] = world.connect_apart();
        world.send(&alice, &request("INVITE", &alice, &bob.name, "d1", 1));
        let invite = world.expect(&bob, "INVITE");
        assert_eq!(invite["Max-Forwards"], 19);
        for code in [180, 200] {
            world.respond(&bob, &invite, code);
            world.expect(&alice, code);
        }
        world.send(&alice, &request("ACK", &alice, &bob.name, "d1", 2));
        world.expect(&bob, "ACK");
        assert_eq!(world.instances(), 1);
        assert_eq!(forwarded(&world), [true]);
        world.send(&alice, &request("BYE", &alice, &bob.name, "d1", 3));
        let bye = world.expect(&bob, "BYE");
        world.expect(&alice, 200);
        world.respond(&bob, &bye, 200);
        world.assert_empty();
    }
}

#[test]
fn what_cannot_be_forwarded_is_answered() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("forwarding", forwarding())]);
        let [alice]: [_; 1] = world.connect_apart();
        let mut ask = |to: &str, dialog: &str, hops: u32| {
            let mut message = message(&alice, to, dialog, "");
            message["Max-Forwards"] = hops.into();
            world.ask(&alice, &message)["Code"].clone()
        };
        assert_eq!(ask("nobody@example.com", "m1", 20), 480);
        assert_eq!(ask("nobody@example.com", "m2", 0), 483);
        world.assert_empty();
    }
}

#[test]
fn all_else_that_the_instance_had_ends() {
    fn room(request: &Request) -> Option<String> {
        Some(request.to().to_owned())
    }
    let greedy = keyed(room, || {
        Box::new(|event, cx| {
            let Event::Incoming { leg, request } = event else {
                return;
            };
            if request.method() == Method::Message {
                answer(leg, &request, StatusCode::OK, "a new one", cx);
                return cx.finish();
            }
            cx.open(to_user(Method::Invite, "carol@example.com"));
            cx.set_timer(Duration::from_secs(3600));
            let _ = cx.relation();
            cx.watch("a/");
            cx.listen("news");
            cx.forward(leg, request);
            cx.fail("nothing is carried out behind it");
        })
    });
    for shards in SHARDS {
        let mut world = World::new(shards, &[("greedy", Arc::clone(&greedy))]);
        let [alice, bob]: [_; 2] = world.connect_apart();
        let carol = world.connect("carol@example.com");
        world.send(&alice, &request("INVITE", &alice, &bob.name, "d1", 1));
        // On one shard her socket has not been told of the call before it is over.
        if shards > 1 {
            let [invite, _] = ["INVITE", "CANCEL"].map(|method| world.expect(&carol, method));
            world.respond(&carol, &invite, 487);
            world.expect(&carol, "ACK");
        }
        world.expect_nothing(&carol);
        let invite = world.expect(&bob, "INVITE");
        world.respond(&bob, &invite, 200);
        world.expect(&alice, 200);
        let timers = world.node.shards().iter().map(|shard| shard.instance_timers());
        assert_eq!(timers.sum::<usize>(), 0);
        // Its key is free: what has the same begins a new instance.
        assert_eq!(
            world.ask(&alice, &message(&alice, &bob.name, "m1", ""))["Body"],
            "a new one"
        );
        world.send(&alice, &request("ACK", &alice, &bob.name, "d1", 2));
        world.expect(&bob, "ACK");
        world.send(&alice, &request("BYE", &alice, &bob.name, "d1", 3));
        world.expect(&alice, 200);
        let bye = world.expect(&bob, "BYE");
        world.respond(&bob, &bye, 200);
        assert_eq!(world.count(|counters| counters.instances_failed), 0);
        world.assert_empty();
    }
}

/// Calls bob first, and forwards to carol what he does not take.
fn second_choice() -> Arc<dyn Service> {
    stateful(|| {
        let mut held = None;
        Box::new(move |event, cx| match event {
            Event::Incoming { leg, request } => {
                let mut invite = request.clone();
                invite.set_request_uri("bob@example.com");
                cx.open(invite);
                held = Some((leg, request));
            }
            Event::Response { response, .. } if response.code().is_final() => {
                let Some((leg, mut request)) = held.take() else {
                    return;
                };
                request.set_request_uri("carol@example.com");
                cx.forward(leg, request);
            }
            _ => {}
        })
    })
}

#[test]
fn the_end_of_a_leg_that_was_given_up_is_not_taken_for_that_of_the_new_one() {
    for (shards, is_there) in SHARDS
        .into_iter()
        .flat_map(|shards| [(shards, false), (shards, true)])
    {
        let mut world = World::new(shards, &[("second", second_choice())]);
        let [alice]: [_; 1] = world.connect_apart();
        let carol = world.connect("carol@example.com");
        let bob = is_there.then(|| world.connect("bob@example.com"));
        world.send(&alice, &request("INVITE", &alice, "office@example.com", "d1", 1));
        if let Some(bob) = &bob {
            let invite = world.expect(bob, "INVITE");
            world.respond(bob, &invite, 486);
            world.expect(bob, "ACK");
        }
        let invite = world.expect(&carol, "INVITE");
        for code in [180, 200] {
            world.respond(&carol, &invite, code);
            world.expect(&alice, code);
        }
        world.send(&alice, &request("ACK", &alice, "office@example.com", "d1", 2));
        world.expect(&carol, "ACK");
        world.send(&alice, &request("BYE", &alice, "office@example.com", "d1", 3));
        world.expect(&alice, 200);
        let bye = world.expect(&carol, "BYE");
        world.respond(&carol, &bye, 200);
        world.assert_empty();
    }
}

#[test]
fn an_instance_that_forwards_what_nobody_waits_for_is_told_and_goes_on() {
    // The answer to the request, whether the forward comes with it, and the number under which it is forwarded.
    for (code, at_once, cseq, told) in [
        (Some(486), true, 1, "LegEnded"),
        (Some(486), false, 1, "LegEnded"),
        (Some(200), true, 1, "Answered"),
        (None, true, 7, "Answered"),
    ] {
        let late = stateful(move || {
            let mut held = None;
            Box::new(move |event, cx| match event {
                Event::Incoming { leg, request } => {
                    if let Some(code) = code.and_then(StatusCode::new) {
                        answer(leg, &request, code, "", cx);
                    }
                    let mut other = request.clone();
                    other.set_cseq(CSeq::new(cseq).unwrap());
                    if at_once {
                        cx.forward(leg, other);
                    } else {
                        held = Some((leg, other));
                        cx.set_timer(Duration::from_secs(1));
                    }
                }
                Event::Timer { .. } => {
                    let (leg, request) = held.take().unwrap();
                    cx.forward(leg, request);
                }
                Event::Refused { error, .. } => {
                    cx.log(LogLevel::Info, format!("{error:?}"));
                    cx.finish();
                }
                _ => {}
            })
        });
        let mut world = World::new(1, &[("late", late)]);
        let [alice, bob]: [_; 2] = world.connect_apart();
        world.send(&alice, &request("INVITE", &alice, &bob.name, "d1", 1));
        world.expect(&alice, code.unwrap_or(480));
        world.advance(2);
        world.expect_nothing(&bob);
        let logged: Vec<_> = world.node.logs().iter().map(|line| line.text.clone()).collect();
        assert!(logged.iter().any(|text| text == told), "{logged:?}");
    }
}

#[test]
fn who_is_forwarded_to_learns_what_the_caller_calls_the_dialog() {
    let mut world = World::new(2, &[("forwarding", forwarding())]);
    let [alice, bob]: [_; 2] = world.connect_apart();
    let mut invite = request("INVITE", &alice, &bob.name, "d1", 1);
    invite["Supported"] = "replaces".into();
    world.send(&alice, &invite);
    assert_eq!(world.expect(&bob, "INVITE")["Peer-DialogueID"], "d1");
}

#[test]
fn a_call_that_is_forwarded_needs_no_version_of_its_service() {
    for shards in SHARDS {
        let first = forwarding();
        let gone = Arc::downgrade(&first);
        let mut world = World::new(shards, &[("echo", echo()), ("forwarding", first)]);
        let [alice, bob]: [_; 2] = world.connect_apart();
        let invite = request("INVITE", &alice, &bob.name, "d1", 1);
        world.send(&alice, &routed(invite, "node;type=forwarding"));
        let invite = world.expect(&bob, "INVITE");
        assert!(invite["Router"].is_null(), "{invite}");
        let next = forwarding();
        world
            .node
            .change_services(|services| services.with("forwarding", "v2", next))
            .unwrap();
        world.advance(1);
        assert_eq!(gone.strong_count(), 0);
        world.respond(&bob, &invite, 200);
        world.expect(&alice, 200);
    }
}
