//! Instances that forward a call and leave it to the node.

use std::sync::Arc;
use std::time::Duration;

use strowger_node::InstanceFilter;
use strowger_service::jsip::{Method, Request, StatusCode};
use strowger_service::{Event, Service};

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

#[test]
fn an_instance_that_forwards_on_a_leg_that_has_ended_is_told_and_goes_on() {
    let late = stateful(|| {
        let mut held = None;
        Box::new(move |event, cx| match (event, &mut held) {
            (Event::Incoming { leg, request }, None) => {
                answer(leg, &request, StatusCode::BUSY_HERE, "", cx);
                held = Some((leg, request));
                cx.set_timer(Duration::from_secs(1));
            }
            (Event::Timer { .. }, Some((leg, request))) => cx.forward(*leg, request.clone()),
            (Event::Refused { error, .. }, _) => cx.fail(format!("told: {error}")),
            _ => {}
        })
    });
    let mut world = World::new(1, &[("late", late)]);
    let [alice, bob]: [_; 2] = world.connect_apart();
    let refused = world.ask(&alice, &request("INVITE", &alice, &bob.name, "d1", 1));
    assert_eq!(refused["Code"], 486);
    world.advance(2);
    world.expect_nothing(&bob);
    assert_eq!(world.count(|counters| counters.instances_failed), 1);
    world.assert_empty();
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
