//! Users whose homes are different shards.

use std::sync::Arc;

use serde_json::Value;
use strowger_relay::Relay;

use crate::harness::{SHARDS, User, World, message, request, response};

fn relay(shards: u16) -> World {
    World::new(shards, &[("relay", Arc::new(Relay))])
}

/// A call through the relay, up to its ACK; answers the INVITE that the callee got.
fn call(world: &mut World, caller: &User, callee: &User) -> Value {
    world.send(caller, &request("INVITE", caller, &callee.name, "d1", 1));
    let invite = world.expect(callee, "INVITE");
    world.respond(callee, &invite, 180);
    world.expect(caller, 180);
    world.respond(callee, &invite, 200);
    world.expect(caller, 200);
    world.send(caller, &request("ACK", caller, &callee.name, "d1", 2));
    world.expect(callee, "ACK");
    invite
}

#[test]
fn users_of_different_shards_call_each_other() {
    for shards in SHARDS {
        let mut world = relay(shards);
        let users: [_; 3] = world.connect_apart();
        for (caller, callee) in [(0, 1), (1, 2), (2, 0)] {
            let (caller, callee) = (&users[caller], &users[callee]);
            call(&mut world, caller, callee);
            assert_eq!(
                world.ask(caller, &request("BYE", caller, &callee.name, "d1", 3))["Code"],
                200
            );
            let bye = world.expect(callee, "BYE");
            world.respond(callee, &bye, 200);
        }
        world.assert_empty();
    }
}

#[test]
fn messages_stay_in_order_between_shards() {
    for shards in SHARDS {
        let mut world = relay(shards);
        let [alice, bob]: [_; 2] = world.connect_apart();
        world.node.set_reading(bob.conn, false);
        for number in 0..300 {
            world.send(
                &alice,
                &message(&alice, &bob.name, &format!("d{number}"), &number.to_string()),
            );
        }
        world.node.set_reading(bob.conn, true);
        for number in 0..300 {
            let message = world.expect(&bob, "MESSAGE");
            assert_eq!(message["Body"], number.to_string());
            world.respond(&bob, &message, 200);
        }
        for number in 0..300 {
            assert_eq!(world.expect(&alice, 200)["DialogueID"], format!("d{number}"));
        }
        world.assert_empty();
    }
}

#[test]
fn a_call_survives_the_loss_of_both_sockets() {
    for shards in SHARDS {
        let mut world = relay(shards);
        let [alice, bob]: [_; 2] = world.connect_apart();
        let invite = call(&mut world, &alice, &bob);
        world.node.disconnect(alice.conn, None);
        world.node.disconnect(bob.conn, Some(1001));
        world.advance(60);
        let (alice, bob) = (world.connect(&alice.name), world.connect(&bob.name));
        let mut bye = response(&invite, 200);
        bye["Type"] = "BYE".into();
        bye["Request-URI"] = alice.name.as_str().into();
        bye["CSeq"] = 1.into();
        assert_eq!(world.ask(&bob, &bye)["Code"], 200);
        let bye = world.expect(&alice, "BYE");
        world.respond(&alice, &bye, 200);
        world.assert_empty();
    }
}

#[test]
fn a_lost_channel_ends_its_calls_on_every_shard() {
    for shards in SHARDS {
        let mut world = relay(shards);
        let users: [_; 3] = world.connect_apart();
        call(&mut world, &users[0], &users[1]);
        call(&mut world, &users[1], &users[2]);
        call(&mut world, &users[2], &users[1]);
        world.node.disconnect(users[1].conn, Some(1000));
        for (user, byes) in [(&users[0], 1), (&users[2], 2)] {
            for _ in 0..byes {
                let bye = world.expect(user, "BYE");
                world.respond(user, &bye, 200);
            }
        }
        world.assert_empty();
    }
}

#[test]
fn a_message_to_a_user_who_stays_away_fails_in_time_and_is_never_delivered() {
    for shards in SHARDS {
        let mut world = relay(shards);
        let [alice, bob]: [_; 2] = world.connect_apart();
        world.node.disconnect(bob.conn, None);
        world.send(&alice, &message(&alice, &bob.name, "d1", "late"));
        world.advance(5);
        world.expect(&alice, 408);
        let bob = world.connect(&bob.name);
        world.expect_nothing(&bob);
        world.assert_empty();
    }
}
