//! Drain (protocol section 1).

use std::sync::Arc;

use strowger_node::Shard;
use strowger_relay::Relay;
use strowger_service::Service;

use crate::harness::{SHARDS, User, World, echo, message, name_on, request};

fn is_drained(world: &World) -> bool {
    world.node.shards().iter().all(Shard::is_drained)
}

fn two_calls(shards: u16) -> (World, [User; 3]) {
    let mut world = World::new(shards, &[("echo", echo())]);
    let users = world.connect_apart();
    world.call(&users[0], "x@example.com", "d1");
    world.call(&users[1], "x@example.com", "d1");
    world.node.drain();
    (world, users)
}

#[test]
fn a_node_that_drains_refuses_new_dialogs_and_lets_running_ones_go_on() {
    for shards in SHARDS {
        let (mut world, users) = two_calls(shards);
        for user in &users {
            let refused = world.ask(user, &message(user, "x@example.com", "d2", ""));
            assert_eq!(refused["Code"], 503);
            assert!(refused["Retry-After"].is_u64(), "{refused}");
        }
        assert_eq!(
            world.ask(&users[0], &request("INFO", &users[0], "x@example.com", "d1", 3))["Code"],
            200
        );
        assert!(!is_drained(&world));
        for user in &users[..2] {
            assert_eq!(
                world.ask(user, &request("BYE", user, "x@example.com", "d1", 4))["Code"],
                200
            );
        }
        assert!(is_drained(&world), "lingering transactions do not hold it");
        world.assert_empty();
    }
}

#[test]
fn a_node_that_does_not_drain_is_not_drained() {
    let world = World::new(1, &[("echo", echo())]);
    assert!(!is_drained(&world));
}

#[test]
fn what_a_slow_reader_has_not_got_holds_a_drain() {
    for shards in SHARDS {
        let (mut world, users) = two_calls(shards);
        for user in &users[..2] {
            world.node.set_reading(user.conn, false);
            world.send(user, &request("BYE", user, "x@example.com", "d1", 3));
        }
        assert!(!is_drained(&world));
        for user in &users[..2] {
            world.node.set_reading(user.conn, true);
            world.expect(user, 200);
        }
        assert!(is_drained(&world));
        world.assert_empty();
    }
}

fn relayed(shards: u16) -> (World, [User; 2]) {
    let relay: Arc<dyn Service> = Arc::new(Relay);
    let mut world = World::new(shards, &[("relay", relay)]);
    let users = world.connect_apart();
    (world, users)
}

#[test]
fn an_answer_that_waits_for_an_absent_user_does_not_hold_a_drain() {
    for shards in SHARDS {
        let (mut world, [alice, bob]) = relayed(shards);
        world.send(&bob, &message(&bob, &alice.name, "d1", ""));
        let asked = world.expect(&alice, "MESSAGE");
        world.node.disconnect(bob.conn, None);
        world.respond(&alice, &asked, 200);
        world.node.drain();
        assert!(is_drained(&world));
    }
}

#[test]
fn a_bye_that_waits_for_an_absent_user_holds_a_drain_for_its_transaction_only() {
    for shards in SHARDS {
        let (mut world, [alice, bob]) = relayed(shards);
        world.send(&alice, &request("INVITE", &alice, &bob.name, "d1", 1));
        let invite = world.expect(&bob, "INVITE");
        world.respond(&bob, &invite, 200);
        world.expect(&alice, 200);
        world.send(&alice, &request("ACK", &alice, &bob.name, "d1", 2));
        world.expect(&bob, "ACK");
        world.node.disconnect(bob.conn, None);
        world.send(&alice, &request("BYE", &alice, &bob.name, "d1", 3));
        world.expect(&alice, 200);
        world.node.drain();
        assert!(!is_drained(&world));
        world.advance(6);
        assert!(
            is_drained(&world),
            "no longer than any request waits for its response"
        );
    }
}

#[test]
fn a_message_that_waits_for_an_absent_user_holds_a_drain_for_its_transaction_only() {
    for shards in SHARDS {
        let (mut world, [alice, bob]) = relayed(shards);
        world.node.disconnect(bob.conn, None);
        world.send(&alice, &message(&alice, &bob.name, "d1", ""));
        world.node.drain();
        assert!(!is_drained(&world));
        world.advance(6);
        world.expect(&alice, 408);
        assert!(is_drained(&world));
    }
}

#[test]
fn those_who_own_dialogs_are_known_by_name_wherever_their_dialogs_live() {
    for shards in SHARDS {
        let (world, users) = two_calls(shards);
        let live: Vec<_> = world
            .node
            .shards()
            .iter()
            .flat_map(Shard::live_channels)
            .collect();
        let names = world.node.shards().iter().flat_map(|shard| shard.names(&live));
        let mut names: Vec<_> = names.map(|name| name.as_str().to_owned()).collect();
        names.sort_unstable();
        assert_eq!(names, [users[0].name.clone(), users[1].name.clone()]);
    }
}

#[test]
fn an_owner_who_was_cut_off_comes_back_during_a_drain() {
    for shards in SHARDS {
        let (mut world, users) = two_calls(shards);
        world.node.disconnect(users[0].conn, None);
        let name = name_on(0, shards, "user0");
        let again = world.connect(&name);
        for user in [&again, &users[1]] {
            assert_eq!(
                world.ask(user, &request("BYE", user, "x@example.com", "d1", 3))["Code"],
                200
            );
        }
        assert!(is_drained(&world));
        world.node.close_all();
        for user in [&again, &users[1], &users[2]] {
            assert_eq!(
                world.node.receive(user.conn),
                Some(strowger_testkit::Arrived::Closed(1012))
            );
        }
    }
}
