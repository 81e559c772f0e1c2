//! Drain (protocol section 1).

use strowger_node::Shard;

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
