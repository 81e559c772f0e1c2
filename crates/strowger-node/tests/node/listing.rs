//! A user asks the node for his own live calls.

use std::sync::Arc;

use serde_json::{Value, json};
use strowger_node::{Config, LinkPolicy, Shard};
use strowger_relay::Relay;

use crate::harness::{SHARDS, User, World, answer, echo, keyed, request};
use strowger_service::Event;
use strowger_service::jsip::StatusCode;

fn relay(shards: u16) -> World {
    World::new(shards, &[("relay", Arc::new(Relay)), ("echo", echo())])
}

/// The question of a user about `of`.
fn question(user: &User, of: &str, dialog: &str) -> Value {
    let mut question = request("SUBSCRIBE", user, of, dialog, 1);
    question["Event"] = "dialog".into();
    question["Expire"] = 0.into();
    question
}

/// What a user is told about his own calls.
#[track_caller]
fn ask(world: &mut World, user: &User, dialog: &str) -> Value {
    world.send(user, &question(user, &user.name, dialog));
    let told = world.expect(user, 200);
    assert_eq!(
        (&told["Event"], &told["Content-Type"], &told["Expire"]),
        (
            &json!("dialog"),
            &json!("application/dialog-info+json"),
            &json!(0)
        )
    );
    for shard in world.node.shards() {
        assert_eq!(shard.questions(), 0);
    }
    told["Body"].clone()
}

/// A call through the relay up to its 200.
fn answered(world: &mut World, caller: &User, callee: &User) -> Value {
    world.send(caller, &request("INVITE", caller, &callee.name, "d1", 1));
    let invite = world.expect(callee, "INVITE");
    world.respond(callee, &invite, 200);
    world.expect(caller, 200);
    invite
}

#[test]
fn both_sides_of_a_call_are_told_of_it_in_their_own_terms() {
    for shards in SHARDS {
        let mut world = relay(shards);
        let [alice, bob]: [_; 2] = world.connect_apart();
        let invite = answered(&mut world, &alice, &bob);
        world.send(&alice, &request("ACK", &alice, &bob.name, "d1", 2));
        world.expect(&bob, "ACK");
        assert_eq!(
            ask(&mut world, &alice, "q1"),
            json!({
                "entity": alice.name, "state": "full", "version": 0,
                "dialogs": [{
                    "id": "d1", "direction": "initiator", "state": "confirmed",
                    "local": {"identity": alice.name, "cseq": 2},
                    "remote": {"identity": bob.name, "target": bob.name},
                    "expire": 600, "refresher": "remote", "open": []
                }]
            })
        );
        assert_eq!(
            ask(&mut world, &bob, "q1")["dialogs"],
            json!([{
                "id": invite["DialogueID"], "direction": "recipient", "state": "confirmed",
                "local": {"identity": bob.name},
                "remote": {"identity": alice.name, "target": alice.name, "cseq": 2},
                "expire": 600, "refresher": "remote", "open": []
            }])
        );
    }
}

#[test]
fn what_is_open_is_told_with_what_it_waits_for() {
    for shards in SHARDS {
        let mut world = relay(shards);
        let [alice, bob]: [_; 2] = world.connect_apart();
        let open = |world: &mut World, user: &User, dialog: &str| {
            let told = ask(world, user, dialog);
            (
                told["dialogs"][0]["state"].clone(),
                told["dialogs"][0]["open"].clone(),
            )
        };
        let entry = |method: &str, cseq: u32, from: &str, awaits: &str| json!({"method": method, "cseq": cseq, "from": from, "awaits": awaits});
        world.send(&alice, &request("INVITE", &alice, &bob.name, "d1", 7));
        let invite = world.expect(&bob, "INVITE");
        assert_eq!(
            open(&mut world, &alice, "q1"),
            (json!("trying"), json!([entry("INVITE", 7, "local", "response")]))
        );
        world.respond(&bob, &invite, 180);
        world.expect(&alice, 180);
        assert_eq!(
            open(&mut world, &bob, "q1"),
            (json!("early"), json!([entry("INVITE", 1, "remote", "response")]))
        );
        world.respond(&bob, &invite, 200);
        world.expect(&alice, 200);
        assert_eq!(
            open(&mut world, &alice, "q2"),
            (json!("confirmed"), json!([entry("INVITE", 7, "local", "ack")]))
        );
        assert_eq!(
            open(&mut world, &bob, "q2"),
            (json!("confirmed"), json!([entry("INVITE", 1, "remote", "ack")]))
        );
        world.send(&alice, &request("ACK", &alice, &bob.name, "d1", 8));
        world.expect(&bob, "ACK");
        world.send(&alice, &request("INFO", &alice, &bob.name, "d1", 9));
        world.expect(&bob, "INFO");
        assert_eq!(
            open(&mut world, &alice, "q3"),
            (json!("confirmed"), json!([entry("INFO", 9, "local", "response")]))
        );
        assert_eq!(
            open(&mut world, &bob, "q3"),
            (
                json!("confirmed"),
                json!([entry("INFO", 3, "remote", "response")])
            )
        );
    }
}

#[test]
fn calls_that_live_on_several_shards_are_told_together() {
    for shards in SHARDS {
        let key: fn(&_) -> _ = |request| crate::harness::body(request).into();
        let holding = keyed(key, || {
            Box::new(|event, cx| {
                if let Event::Incoming { leg, request } = event {
                    answer(leg, &request, StatusCode::OK, "", cx);
                }
            })
        });
        let mut world = World::new(shards, &[("hold", holding)]);
        let [alice]: [_; 1] = world.connect_apart();
        for number in 0..12 {
            let dialog = format!("d{number}");
            let mut invite = request("INVITE", &alice, "hold@example.com", &dialog, 1);
            invite["Body"] = number.to_string().into();
            world.send(&alice, &invite);
            world.expect(&alice, 200);
        }
        let spread = world.node.shards().iter().filter(|shard| shard.instances() > 0);
        assert_eq!(spread.count(), usize::from(shards));
        let told = ask(&mut world, &alice, "q1");
        let calls = told["dialogs"].as_array().unwrap();
        let mut ids: Vec<_> = calls.iter().map(|call| call["id"].as_str().unwrap()).collect();
        ids.sort_unstable();
        let mut all: Vec<_> = (0..12).map(|number| format!("d{number}")).collect();
        all.sort();
        assert_eq!(ids, all);
    }
}

#[test]
fn what_is_over_and_what_is_no_call_is_not_told() {
    for shards in SHARDS {
        let mut world = relay(shards);
        let [alice, bob]: [_; 2] = world.connect_apart();
        answered(&mut world, &alice, &bob);
        world.send(&alice, &request("ACK", &alice, &bob.name, "d1", 2));
        world.expect(&bob, "ACK");
        world.send(&alice, &request("MESSAGE", &alice, &bob.name, "m1", 1));
        let message = world.expect(&bob, "MESSAGE");
        assert_eq!(
            ask(&mut world, &alice, "q1")["dialogs"].as_array().unwrap().len(),
            1
        );
        world.respond(&bob, &message, 200);
        world.expect(&alice, 200);
        world.send(&alice, &request("BYE", &alice, &bob.name, "d1", 3));
        world.expect(&alice, 200);
        let bye = world.expect(&bob, "BYE");
        world.respond(&bob, &bye, 200);
        assert_eq!(ask(&mut world, &alice, "q2")["dialogs"], json!([]));
        assert_eq!(ask(&mut world, &bob, "q2")["dialogs"], json!([]));
        world.assert_empty();
    }
}

#[test]
fn more_calls_than_an_answer_holds_are_counted() {
    for shards in SHARDS {
        let mut config = Config::default();
        config.limits.dialogs_per_answer = 2;
        let mut world = World::with_config(shards, &[("echo", echo())], config);
        let [alice]: [_; 1] = world.connect_apart();
        for number in 0..5 {
            world.call(&alice, "echo@example.com", &format!("d{number}"));
        }
        let told = ask(&mut world, &alice, "q1");
        assert_eq!(told["dialogs"].as_array().unwrap().len(), 2);
        assert_eq!(told["more"], 3);
    }
}

#[test]
fn a_user_is_told_while_the_node_drains() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("echo", echo())]);
        let [alice]: [_; 1] = world.connect_apart();
        world.call(&alice, "echo@example.com", "d1");
        world.node.drain();
        assert_eq!(ask(&mut world, &alice, "q1")["dialogs"][0]["id"], "d1");
    }
}

/// Who asks for anybody else's calls, or over another's channel, asks the services.
#[test]
fn nobody_is_told_of_anothers_calls() {
    for shards in SHARDS {
        let mut world = World::new(shards, &[("echo", echo())]);
        let [alice, bob]: [_; 2] = world.connect_apart();
        world.call(&bob, "echo@example.com", "d1");
        let mut forwarded = question(&alice, &alice.name, "q2");
        forwarded["Max-Forwards"] = 19.into();
        let mut routed = question(&alice, &alice.name, "q3");
        routed["Router"] = "echo.example.com".into();
        for asked in [question(&alice, &bob.name, "q1"), forwarded, routed] {
            let told = world.ask(&alice, &asked);
            assert_eq!((&told["Code"], &told["Body"]), (&json!(200), &json!("")));
        }
        assert_eq!(ask(&mut world, &alice, "q4")["dialogs"], json!([]));
    }
}

/// The channel of a node carries the calls of that node's users.
#[test]
fn a_node_is_not_told_of_the_calls_on_its_link() {
    let config = Config {
        links: LinkPolicy::new(vec!["b.example".parse().unwrap()]),
        ..Config::default()
    };
    let mut world = World::with_config(1, &[("echo", echo())], config);
    let link = world.connect("node-b@b.example");
    world.call(&link, "echo@example.com", "d1");
    let told = world.ask(&link, &question(&link, &link.name, "q1"));
    assert_eq!((&told["Code"], &told["Body"]), (&json!(200), &json!("")));
}

#[test]
fn a_user_who_leaves_before_the_answer_leaves_nothing_behind() {
    for shards in SHARDS {
        let mut world = relay(shards);
        let [alice]: [_; 1] = world.connect_apart();
        world.send(&alice, &question(&alice, &alice.name, "q1"));
        world.node.disconnect(alice.conn, Some(1000));
        assert!(
            world
                .node
                .shards()
                .iter()
                .map(Shard::questions)
                .all(|open| open == 0)
        );
        world.assert_empty();
    }
}
