//! Services that are added, replaced and removed while calls run.

use std::sync::Arc;
use std::time::Duration;

use strowger_service::jsip::{Method, Request, StatusCode};
use strowger_service::{Context, Event, Instance, Service};

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

/// A room whose instance counts its requests, and may be saved: what it says is its version and the count.
struct Counting {
    version: &'static str,
    saves: bool,
    takes_over: bool,
}

struct Count {
    version: &'static str,
    saves: bool,
    count: u8,
}

impl Instance for Count {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        if let Event::Incoming { leg, request } | Event::Request { leg, request } = event
            && !matches!(request.method(), Method::Ack | Method::Bye | Method::Cancel)
        {
            self.count += 1;
            let text = format!("{} {}", self.version, self.count);
            answer(leg, &request, StatusCode::OK, &text, cx);
            cx.set_timer(Duration::from_secs(100));
        }
    }

    fn save(&mut self) -> Option<Vec<u8>> {
        self.saves.then(|| vec![self.count])
    }
}

impl Service for Counting {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(Count {
            version: self.version,
            saves: self.saves,
            count: 0,
        })
    }

    fn key(&self, _: &Request) -> Option<String> {
        Some("room".to_owned())
    }

    fn restore(&self, saved: &[u8]) -> Option<Box<dyn Instance>> {
        let count = *saved.first()?;
        assert!(count < 100, "on purpose");
        self.takes_over.then(|| -> Box<dyn Instance> {
            Box::new(Count {
                version: self.version,
                saves: self.saves,
                count,
            })
        })
    }
}

fn counting(version: &'static str) -> Arc<dyn Service> {
    Arc::new(Counting {
        version,
        saves: true,
        takes_over: true,
    })
}

#[test]
fn an_instance_that_can_be_saved_goes_over_with_its_legs_timers_and_key() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("room", counting("one"))]);
        let [alice, bob]: [_; 2] = world.connect_apart();
        world.call(&alice, "x@example.com", "d1");
        put(&mut world, "room", "v2", counting("two"));
        world.advance(1);
        assert_eq!(counts(&world), [("v2".to_owned(), 1)]);
        assert_eq!(info(&mut world, &alice, "d1", 3), "two 2");
        world.call(&bob, "x@example.com", "d2");
        assert_eq!(info(&mut world, &bob, "d2", 3), "two 4");
        assert_eq!(world.instances(), 1);
        let timers: usize = world
            .node
            .shards()
            .iter()
            .map(strowger_node::Shard::instance_timers)
            .sum();
        assert_eq!(timers, 4);
        assert_eq!(world.count(|counters| counters.instances_moved), 1);
        let logs = world.node.logs();
        assert_eq!(logs.last().unwrap().text, "1 instances went over to version v2");
    }
}

#[test]
fn an_instance_that_is_not_taken_over_goes_on_as_it_was() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("room", counting("one"))]);
        let [alice]: [_; 1] = world.connect_apart();
        world.call(&alice, "x@example.com", "d1");
        let refusing = Counting {
            version: "two",
            saves: true,
            takes_over: false,
        };
        put(&mut world, "room", "v2", Arc::new(refusing));
        world.advance(1);
        assert_eq!(info(&mut world, &alice, "d1", 3), "one 2");
        assert_eq!(world.count(|counters| counters.instances_not_moved), 1);
        assert_eq!(world.count(|counters| counters.instances_failed), 0);
        assert_eq!(
            world.node.logs().last().unwrap().text,
            "1 instances stay with their version: v2 says that the new version does not take over what was saved"
        );
        // The next version does.
        put(&mut world, "room", "v3", counting("three"));
        world.advance(1);
        assert_eq!(info(&mut world, &alice, "d1", 4), "three 3");
        // And after a roll-back the old one again.
        put(&mut world, "room", "v1", counting("one"));
        world.advance(1);
        assert_eq!(info(&mut world, &alice, "d1", 5), "one 4");
    }
}

#[test]
fn an_instance_whose_restoring_panics_goes_on_as_it_was() {
    let mut world = World::new(2, &[("room", counting("one"))]);
    let [alice]: [_; 1] = world.connect_apart();
    world.call(&alice, "x@example.com", "d1");
    for cseq in 3..110 {
        info(&mut world, &alice, "d1", cseq);
    }
    put(&mut world, "room", "v2", counting("two"));
    world.advance(1);
    assert_eq!(info(&mut world, &alice, "d1", 110), "one 109");
    let log = &world.node.logs().last().unwrap().text;
    assert!(log.contains("panicked: on purpose"), "{log}");
}

#[test]
fn an_instance_that_cannot_be_saved_finishes_on_its_version() {
    let staying = |version| {
        Arc::new(Counting {
            version,
            saves: false,
            takes_over: true,
        })
    };
    let mut world = World::new(2, &[("room", staying("one"))]);
    let [alice]: [_; 1] = world.connect_apart();
    world.call(&alice, "x@example.com", "d1");
    put(&mut world, "room", "v2", staying("two"));
    world.advance(1);
    assert_eq!(info(&mut world, &alice, "d1", 3), "one 2");
    assert_eq!(counts(&world), [("built-in".to_owned(), 1)]);
    assert!(world.node.logs().is_empty());
}

#[test]
fn many_instances_go_over_a_few_at_a_time_while_others_are_served() {
    for shards in SHARDS {
        let speaking = |version| Arc::new(Moving { version });
        let mut world = World::new(shards, &[("many", speaking("one"))]);
        let users: [_; 3] = world.connect_apart();
        for number in 0..100 {
            for user in &users {
                world.call(user, "x@example.com", &format!("d{number}"));
            }
        }
        put(&mut world, "many", "v2", speaking("two"));
        let mut moved = 0;
        while moved < 300 {
            let target = world.node.now() + Duration::from_millis(1);
            world.node.advance_to(target);
            let before = moved;
            moved = world.count(|counters| counters.instances_moved);
            assert!(
                moved > before && moved - before <= 4 * 2 * u64::from(shards),
                "{moved}"
            );
            let cseq = 10 + u32::try_from(moved).unwrap();
            assert!(!info(&mut world, &users[0], "d99", cseq).is_empty());
        }
        assert_eq!(counts(&world), [("v2".to_owned(), 300)]);
        world.node.end_instances();
        assert_eq!(world.instances(), 0);
    }
}

/// One instance for each call; it has no state.
struct Moving {
    version: &'static str,
}

impl Service for Moving {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(Count {
            version: self.version,
            saves: true,
            count: 0,
        })
    }

    fn restore(&self, _: &[u8]) -> Option<Box<dyn Instance>> {
        Some(self.start())
    }
}
