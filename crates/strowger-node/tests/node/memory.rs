//! What a shard keeps once everybody has left.

use std::time::Duration;

use strowger_node::{Config, Shard};
use strowger_service::Event;
use strowger_service::jsip::{Method, StatusCode};

use crate::harness::{SHARDS, User, World, answer, keyed, message, request};

/// What the tables and queues of one shard may take when they are empty.
const EMPTY: usize = 128 * 1024;
/// What is left of a channel in the tables of its shard.
const LEFT_OF_A_CHANNEL: usize = 32;

fn footprint(world: &World) -> usize {
    world.node.shards().iter().map(Shard::footprint).sum()
}

/// A world with a service that makes an instance for each dialog and gives it a key and a relation id.
fn world(shards: u16) -> World {
    let rooms = keyed(
        |request| Some(request.dialog_id().to_owned()),
        || {
            Box::new(|event, cx| match event {
                Event::Incoming { leg, request } => {
                    let relation = cx.relation();
                    answer(leg, &request, StatusCode::OK, relation.as_str(), cx);
                }
                Event::Ended { .. } => cx.finish(),
                _ => {}
            })
        },
    );
    let mut config = Config::default();
    config.limits.instances = 100_000;
    World::with_config(shards, &[("rooms", rooms)], config)
}

/// Everybody writes a few times and calls.
fn traffic(world: &mut World, users: &[User]) {
    for (number, user) in users.iter().enumerate() {
        for round in 0..5 {
            world.send(
                user,
                &message(user, "x@example.com", &format!("m{number}-{round}"), "hello"),
            );
            world.expect(user, 200);
        }
        world.call(user, "x@example.com", &format!("c{number}"));
    }
}

#[test]
fn the_tables_are_as_small_as_before_once_all_channels_and_dialogs_are_gone() {
    for shards in SHARDS {
        let mut world = world(shards);
        for round in 0..3 {
            let users: Vec<_> = (0..2000)
                .map(|number| world.connect(&format!("u{number}@example.com")))
                .collect();
            let connected = footprint(&world);
            traffic(&mut world, &users);
            let busy = footprint(&world);
            assert!(
                connected > 2000 * 20 && busy > connected + 2000 * 6 * 200,
                "{connected}, then {busy}"
            );
            for user in &users {
                world.node.disconnect(user.conn, Some(1000));
            }
            world.advance(600);
            let left = footprint(&world);
            let bound = usize::from(shards) * EMPTY + 2000 * LEFT_OF_A_CHANNEL;
            assert!(
                left <= bound,
                "round {round}: {connected}, {busy}, then {left} bytes"
            );
        }
    }
}

#[test]
fn the_tables_of_dialogs_shrink_while_the_channels_stay() {
    for shards in SHARDS {
        let mut world = world(shards);
        let users: Vec<_> = (0..2000)
            .map(|number| world.connect(&format!("u{number}@example.com")))
            .collect();
        let connected = footprint(&world);
        traffic(&mut world, &users);
        for (number, user) in users.iter().enumerate() {
            let bye = request(
                Method::Bye.as_str(),
                user,
                "x@example.com",
                &format!("c{number}"),
                3,
            );
            world.send(user, &bye);
            world.expect(user, 200);
        }
        let now = world.node.now();
        world.node.advance_to(now + Duration::from_secs(20));
        let quiet = footprint(&world);
        assert!(
            quiet <= connected + usize::from(shards) * EMPTY,
            "{connected}, then {quiet} bytes"
        );
    }
}
