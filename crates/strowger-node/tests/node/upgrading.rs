//! Services that are added, replaced and removed while calls run.

use std::sync::Arc;

use strowger_service::jsip::{Method, Request, StatusCode};
use strowger_service::{Event, Service};

use crate::harness::{SHARDS, User, World, answer, echo, keyed, message, request, routed, stateful};

/// Answers everything with its version.
fn speaking(version: &'static str) -> Arc<dyn Service> {
    stateful(move || {
        Box::new(move |event, cx| {
            if let Event::Incoming { leg, request } | Event::Request { leg, request } = event
                && !matches!(request.method(), Method::Ack | Method::Bye | Method::Cancel)
            {
                answer(leg, &request, StatusCode::OK, version, cx);
            }
        })
    })
}

fn put(world: &mut World, name: &str, label: &str, service: Arc<dyn Service>) {
    world
        .node
        .change_services(|services| services.with(name, label, service))
        .unwrap();
}

/// Labels and counts of the versions of which instances run.
fn counts(world: &World) -> Vec<(String, usize)> {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for count in world
        .node
        .shards()
        .iter()
        .flat_map(strowger_node::Shard::version_counts)
    {
        let label = &count.version.label;
        match counts.iter_mut().find(|(other, _)| other == label) {
            Some((_, instances)) => *instances += count.instances,
            None => counts.push((label.clone(), count.instances)),
        }
    }
    counts.sort();
    counts
}

fn info(world: &mut World, user: &User, dialog: &str, cseq: u32) -> String {
    let answer = world.ask(user, &request("INFO", user, "x@example.com", dialog, cseq));
    answer["Body"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn new_calls_get_the_new_version_and_running_ones_finish_on_the_old() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("speaking", speaking("one"))]);
        let [alice, bob]: [_; 2] = world.connect_apart();
        world.call(&alice, "x@example.com", "d1");
        put(&mut world, "speaking", "v2", speaking("two"));
        world.call(&bob, "x@example.com", "d2");

        assert_eq!(info(&mut world, &alice, "d1", 3), "one");
        assert_eq!(info(&mut world, &bob, "d2", 3), "two");
        assert_eq!(counts(&world), [("built-in".to_owned(), 1), ("v2".to_owned(), 1)]);

        world.ask(&alice, &request("BYE", &alice, "x@example.com", "d1", 4));
        assert_eq!(counts(&world), [("v2".to_owned(), 1)]);
        world.ask(&bob, &request("BYE", &bob, "x@example.com", "d2", 4));
        world.assert_empty();
    }
}

#[test]
fn who_joins_a_room_meets_those_who_are_in_it_whatever_their_version() {
    fn room(_: &Request) -> Option<String> {
        Some("room".to_owned())
    }
    for shards in SHARDS {
        let mut world = World::new(shards, &[("room", keyed(room, || Box::new(|_, _| {})))]);
        let [alice, bob]: [_; 2] = world.connect_apart();
        world.send(&alice, &request("INVITE", &alice, "x@example.com", "d1", 1));
        put(&mut world, "room", "v2", keyed(room, || Box::new(|_, _| {})));
        world.send(&bob, &request("INVITE", &bob, "x@example.com", "d2", 1));
        assert_eq!(world.instances(), 1);
        assert_eq!(counts(&world), [("built-in".to_owned(), 1)]);
    }
}

#[test]
fn a_service_is_added_and_removed_while_its_calls_go_on() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("echo", echo())]);
        let [alice]: [_; 1] = world.connect_apart();
        let ask = |world: &mut World, dialog: &str| {
            let message = routed(message(&alice, "x@example.com", dialog, ""), "node;type=late");
            world.ask(&alice, &message)["Code"].clone()
        };
        assert_eq!(ask(&mut world, "m1"), 404);
        put(&mut world, "late", "v1", speaking("late"));
        assert_eq!(ask(&mut world, "m2"), 200);
        let invite = routed(
            request("INVITE", &alice, "x@example.com", "d1", 1),
            "node;type=late",
        );
        assert_eq!(world.ask(&alice, &invite)["Code"], 200);
        world.send(&alice, &request("ACK", &alice, "x@example.com", "d1", 2));

        world
            .node
            .change_services(|services| services.without("late"))
            .unwrap();
        assert_eq!(ask(&mut world, "m3"), 404);
        assert_eq!(info(&mut world, &alice, "d1", 3), "late");
        world.ask(&alice, &request("BYE", &alice, "x@example.com", "d1", 4));
        world.assert_empty();
    }
}

#[test]
fn the_default_service_can_be_another_one() {
    let mut world = World::new(2, &[("one", speaking("one")), ("two", speaking("two"))]);
    let [alice]: [_; 1] = world.connect_apart();
    let ask = |world: &mut World, dialog: &str| {
        world.ask(&alice, &message(&alice, "x@example.com", dialog, ""))["Body"].clone()
    };
    assert_eq!(ask(&mut world, "m1"), "one");
    world
        .node
        .change_services(|services| services.with_default("two"))
        .unwrap();
    assert_eq!(ask(&mut world, "m2"), "two");
    let failed = world.node.change_services(|services| services.without("two"));
    assert!(failed.is_err());
    assert_eq!(ask(&mut world, "m3"), "two");
}

#[test]
fn two_hundred_versions_under_calls_lose_no_message_and_keep_no_service() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("speaking", speaking("0"))]);
        let users: [_; 3] = world.connect_apart();
        let mut old = Vec::new();
        for version in 1..=200_u32 {
            let service = speaking("next");
            old.push(Arc::downgrade(&service));
            put(&mut world, "speaking", &version.to_string(), service);
            for user in &users {
                let dialog = format!("d{version}");
                world.call(user, "x@example.com", &dialog);
                // The call of the version before ends now.
                if version > 1 {
                    let bye = request("BYE", user, "x@example.com", &format!("d{}", version - 1), 3);
                    assert_eq!(world.ask(user, &bye)["Code"], 200);
                }
            }
            assert_eq!(counts(&world), [(version.to_string(), 3)]);
            world.advance(1);
        }
        for user in &users {
            world.ask(user, &request("BYE", user, "x@example.com", "d200", 3));
        }
        old.pop();
        assert!(old.iter().all(|service| service.strong_count() == 0));
        assert_eq!(world.count(|counters| counters.instances_failed), 0);
        world.assert_empty();
    }
}
