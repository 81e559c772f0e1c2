//! Users who have proven who they are: their identity, what they may do, and for how long.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use strowger_auth::{Credential, Grants, Refused};
use strowger_node::{Config, LinkPolicy};
use strowger_relay::Relay;
use strowger_service::Event;
use strowger_service::jsip::{Response, StatusCode, UserId};
use strowger_testkit::Arrived;

use crate::harness::{SHARDS, User, World, echo, keyed, message, name_on, request, routed};

fn world(shards: u16) -> World {
    let room = keyed(
        |request| Some(request.request_uri().to_owned()),
        || {
            Box::new(|event, cx| {
                if let Event::Incoming { leg, request } = event {
                    cx.respond(leg, Response::to(&request, StatusCode::OK));
                }
            })
        },
    );
    let services = [
        ("relay", Arc::new(Relay) as _),
        ("echo", echo()),
        ("chatroom", room),
    ];
    World::new(shards, &services)
}

fn credential(identity: &str, grants: Option<Value>) -> Credential {
    Credential {
        identity: UserId::new(identity).unwrap(),
        valid_for: None,
        grants: grants.map(|grants| Arc::new(serde_json::from_value::<Grants>(grants).unwrap())),
    }
}

impl World {
    fn admit_as(&mut self, name: &str, credential: &Credential) -> User {
        let conn = self.node.admit(&UserId::new(name).unwrap(), credential).unwrap();
        User {
            name: name.to_owned(),
            conn,
        }
    }

    fn admit(&mut self, name: &str, grants: Option<Value>) -> User {
        self.admit_as(name, &credential(name, grants))
    }
}

/// A REGISTER with a token, from a user to himself.
fn renewal(user: &User, dialog: &str) -> Value {
    let mut renewal = request("REGISTER", user, &user.name, dialog, 1);
    renewal["Authorization"] = "Bearer new-token".into();
    renewal
}

#[test]
fn an_identity_cannot_be_spoofed_in_any_header() {
    for shards in SHARDS {
        let mut world = world(shards);
        let eve = world.admit("eve@example.com", None);
        let bob = world.admit("bob@example.com", None);
        for (number, name) in [
            "P-Asserted-Identity",
            "p-asserted-identity",
            "P-ASSERTED-IDENTITY",
        ]
        .into_iter()
        .enumerate()
        {
            let mut spoofed = message(&eve, &bob.name, &format!("d{number}"), "hello");
            spoofed[name] = "alice@example.com".into();
            spoofed["From"] = "alice@example.com".into();
            world.send(&eve, &spoofed);
            let got = world.expect(&bob, "MESSAGE");
            assert_eq!(got["P-Asserted-Identity"], "eve@example.com", "{got}");
            assert!(name == "P-Asserted-Identity" || got.get(name).is_none(), "{got}");
            // The display name is his to choose.
            assert_eq!(got["From"], "alice@example.com");
            let mut answer = crate::harness::response(&got, 200);
            answer["P-Asserted-Identity"] = "alice@example.com".into();
            world.send(&bob, &answer);
            let answer = world.expect(&eve, 200);
            assert_ne!(
                answer.get("P-Asserted-Identity"),
                Some(&json!("alice@example.com"))
            );
        }
    }
}

#[test]
fn the_identity_of_both_sides_is_on_every_message_of_a_call() {
    for shards in SHARDS {
        let mut world = world(shards);
        let alice = world.admit("alice@example.com", None);
        let grants = json!({"userids": ["desk@example.com"]});
        let desk = world.admit_as("desk@example.com", &credential("bob@example.com", Some(grants)));
        world.send(&alice, &request("INVITE", &alice, &desk.name, "d1", 1));
        let invite = world.expect(&desk, "INVITE");
        assert_eq!(invite["P-Asserted-Identity"], "alice@example.com");
        world.respond(&desk, &invite, 200);
        world.expect(&alice, 200);
        world.send(&alice, &request("ACK", &alice, &desk.name, "d1", 2));
        world.expect(&desk, "ACK");
        let mut info = invite.clone();
        info["Type"] = "INFO".into();
        info["CSeq"] = 7.into();
        info["P-Asserted-Identity"] = "alice@example.com".into();
        world.send(&desk, &info);
        let info = world.expect(&alice, "INFO");
        // Not the name of the channel, but who is at its end.
        assert_eq!(info["P-Asserted-Identity"], "bob@example.com", "{info}");
    }
}

#[test]
fn without_authentication_an_identity_passes_untouched_and_none_is_added() {
    let mut world = world(1);
    let (alice, bob) = (
        world.connect("alice@example.com"),
        world.connect("bob@example.com"),
    );
    world.send(&alice, &message(&alice, &bob.name, "d1", "x"));
    assert_eq!(world.expect(&bob, "MESSAGE").get("P-Asserted-Identity"), None);
    let mut with = message(&alice, &bob.name, "d2", "x");
    with["P-Asserted-Identity"] = "carl@example.com".into();
    world.send(&alice, &with);
    let got = world.expect(&bob, "MESSAGE");
    assert_eq!(got["P-Asserted-Identity"], "carl@example.com");
}

#[test]
fn on_a_link_the_identity_of_the_other_nodes_user_is_kept() {
    let config = Config {
        links: LinkPolicy::new(vec!["far.example".parse().unwrap()]),
        ..Config::default()
    };
    let mut world = World::with_config(1, &[("relay", Arc::new(Relay))], config);
    let bob = world.admit("bob@example.com", None);
    let link = world.connect("n1@far.example");
    let mut from_far = message(&link, &bob.name, "d1", "x");
    from_far["P-Asserted-Identity"] = "carl@far.example".into();
    world.send(&link, &from_far);
    let got = world.expect(&bob, "MESSAGE");
    assert_eq!(got["P-Asserted-Identity"], "carl@far.example");
}

#[test]
fn a_channel_cannot_be_hijacked_by_another_identity_that_may_have_its_name() {
    for shards in SHARDS {
        let mut world = world(shards);
        let name = UserId::new("desk@example.com").unwrap();
        let grants = Some(json!({"userids": ["desk@example.com"]}));
        let bob = world.admit_as(name.as_str(), &credential("bob@example.com", grants.clone()));
        let eve = credential("eve@example.com", grants);
        assert!(world.node.admit(&name, &eve).is_err());
        let alice = world.admit("alice@example.com", None);
        world.send(&alice, &message(&alice, name.as_str(), "d1", "for bob"));
        world.expect(&bob, "MESSAGE");
        assert!(world.node.is_open(bob.conn));
    }
}

#[test]
fn a_request_that_no_grant_covers_gets_403_with_the_reason() {
    for shards in SHARDS {
        let mut world = world(shards);
        let grants =
            json!({"services": ["relay", "chatroom"], "may": ["message", "room"], "realms": ["example.com"]});
        // At home on each shard in turn, since the grants are held against requests wherever dialogs begin.
        for home in 0..shards {
            let name = name_on(home, shards, "eve");
            let eve = world.admit(&name, Some(grants.clone()));
            let refused = [
                (
                    request("INVITE", &eve, "bob@example.com", "d1", 1),
                    "`call` is not granted",
                ),
                (
                    routed(
                        message(&eve, "bob@example.com", "d2", "x"),
                        "echo.example.com;type=echo",
                    ),
                    "this service is not granted",
                ),
                (
                    message(&eve, "bob@echo.example.com", "d3", "x"),
                    "this service is not granted",
                ),
                (
                    message(&eve, "bob@evil.example", "d4", "x"),
                    "this realm is not granted",
                ),
                (
                    routed(
                        message(&eve, "bob@example.com", "d5", "x"),
                        "relay.evil.example;type=relay",
                    ),
                    "this realm is not granted",
                ),
                (
                    routed(
                        message(&eve, "bob@example.com", "d6", "x"),
                        "relay.example.com;type=relay,evil.example",
                    ),
                    "this realm is not granted",
                ),
                (
                    request("SUBSCRIBE", &eve, "bob@evil.example", "d7", 1),
                    "this realm is not granted",
                ),
            ];
            for (refused, reason) in refused {
                let answer = world.ask(&eve, &refused);
                assert_eq!(
                    (&answer["Code"], &answer["Reason"]),
                    (&json!(403), &json!(reason))
                );
            }
            // 480: it was let through, and nobody is there.
            assert_eq!(
                world.ask(&eve, &message(&eve, "bob@example.com", "d8", "x"))["Code"],
                480
            );
            let room = routed(
                request("INVITE", &eve, "room:1@example.com", "d9", 1),
                "chatroom.example.com",
            );
            assert_eq!(world.ask(&eve, &room)["Code"], 200);
            world.node.disconnect(eve.conn, Some(1000));
        }
        assert_eq!(world.count(|counters| counters.forbidden), 7 * u64::from(shards));
    }
}

#[test]
fn a_room_needs_its_own_grant() {
    let mut world = world(1);
    let eve = world.admit("eve@example.com", Some(json!({"may": ["call", "message"]})));
    for (number, method) in ["INVITE", "MESSAGE", "SUBSCRIBE"].into_iter().enumerate() {
        let dialog = format!("d{number}");
        let room = routed(
            request(method, &eve, "room:1@example.com", &dialog, 1),
            "x.example.com;type=ChatRoom",
        );
        assert_eq!(world.ask(&eve, &room)["Reason"], "`room` is not granted");
    }
}

#[test]
fn a_call_that_may_be_made_may_not_be_handed_on_to_where_none_may() {
    let mut world = world(1);
    let grants = json!({"realms": ["example.com"]});
    let alice = world.admit("alice@example.com", Some(grants));
    let bob = world.admit("bob@example.com", None);
    world.send(&alice, &request("INVITE", &alice, &bob.name, "d1", 1));
    let invite = world.expect(&bob, "INVITE");
    world.respond(&bob, &invite, 200);
    world.expect(&alice, 200);
    world.send(&alice, &request("ACK", &alice, &bob.name, "d1", 2));
    world.expect(&bob, "ACK");
    for (cseq, target) in [(3, "carl@evil.example"), (4, "<carl@example.com>"), (5, "")] {
        let mut refer = request("REFER", &alice, &bob.name, "d1", cseq);
        refer["Refer-To"] = target.into();
        let answer = world.ask(&alice, &refer);
        assert_eq!(
            (&answer["Code"], &answer["Reason"]),
            (&json!(403), &json!("this realm is not granted")),
            "{target}"
        );
    }
    let mut refer = request("REFER", &alice, &bob.name, "d1", 6);
    refer["Refer-To"] = "carl@example.com".into();
    assert_eq!(world.ask(&alice, &refer)["Code"], 202);
}

#[test]
fn who_is_granted_everything_leaves_nothing_behind_and_who_is_not_neither() {
    for shards in SHARDS {
        let mut world = world(shards);
        let eve = world.admit("eve@example.com", Some(json!({"may": []})));
        assert_eq!(
            world.ask(&eve, &message(&eve, "bob@example.com", "d1", "x"))["Code"],
            403
        );
        world.node.disconnect(eve.conn, Some(1000));
        // Another credential, and the channel is another one.
        let eve = world.admit("eve@example.com", None);
        assert_eq!(
            world.ask(&eve, &message(&eve, "bob@example.com", "d2", "x"))["Code"],
            480
        );
        // A socket that takes over brings its own.
        let eve = world.admit("eve@example.com", Some(json!({"may": []})));
        assert_eq!(
            world.ask(&eve, &message(&eve, "bob@example.com", "d3", "x"))["Code"],
            403
        );
        let eve = world.admit("eve@example.com", None);
        assert_eq!(
            world.ask(&eve, &message(&eve, "bob@example.com", "d4", "x"))["Code"],
            480
        );
    }
}

#[test]
fn a_user_renews_his_credential_within_the_channel() {
    for shards in SHARDS {
        let mut world = world(shards);
        let name = name_on(shards - 1, shards, "alice");
        let soon = Credential {
            valid_for: Some(Duration::from_secs(60)),
            ..credential(&name, Some(json!({"may": []})))
        };
        let alice = world.admit_as(&name, &soon);
        world.advance(50);
        world.send(&alice, &renewal(&alice, "r1"));
        let asked = world.node.next_renewal().unwrap();
        assert_eq!(
            (asked.name.as_str(), asked.token.as_str()),
            (name.as_str(), "new-token")
        );
        let later = Credential {
            valid_for: Some(Duration::from_secs(600)),
            ..credential(&name, None)
        };
        world.node.renewed(&asked, Ok(later));
        let answer = world.expect(&alice, 200);
        assert_eq!(answer["Expire"], 600);
        assert!(!answer.to_string().contains("new-token"));
        world.advance(20);
        assert!(world.node.is_open(alice.conn));
        // What it grants holds from here on.
        assert_eq!(
            world.ask(&alice, &message(&alice, "bob@example.com", "d1", "x"))["Code"],
            480
        );
        world.advance(580);
        let mut last = None;
        while let Some(arrived) = world.node.receive(alice.conn) {
            last = Some(arrived);
        }
        assert_eq!(last, Some(Arrived::Closed(4003)));
    }
}

#[test]
fn a_token_that_is_refused_changes_nothing() {
    let mut world = world(1);
    let soon = Credential {
        valid_for: Some(Duration::from_secs(60)),
        ..credential("alice@example.com", None)
    };
    let alice = world.admit_as("alice@example.com", &soon);
    let cases = [
        (Err(Refused::Signature), 401),
        (Err(Refused::NotYours), 403),
        (Err(Refused::NoKeys), 503),
        // It holds, and is somebody else's.
        (Ok(credential("eve@example.com", None)), 403),
    ];
    for (number, (result, code)) in cases.into_iter().enumerate() {
        world.send(&alice, &renewal(&alice, &format!("r{number}")));
        let asked = world.node.next_renewal().unwrap();
        world.node.renewed(&asked, result);
        world.expect(&alice, code);
    }
    world.advance(60);
    assert_eq!(world.node.receive(alice.conn), Some(Arrived::Closed(4003)));
}

#[test]
fn a_token_that_goes_astray_reaches_nobody() {
    for shards in SHARDS {
        let mut world = world(shards);
        let alice = world.admit("alice@example.com", None);
        let bob = world.admit("bob@example.com", None);
        let mut to_bob = renewal(&alice, "r1");
        to_bob["Request-URI"] = bob.name.clone().into();
        let mut without_scheme = renewal(&alice, "r2");
        without_scheme["Authorization"] = "new-token".into();
        let mut no_text = renewal(&alice, "r3");
        no_text["Authorization"] = json!({"Bearer": "new-token"});
        let to_service = routed(renewal(&alice, "r4"), "echo.example.com;type=echo");
        for astray in [to_bob, without_scheme, no_text, to_service] {
            let answer = world.ask(&alice, &astray);
            assert_eq!(answer["Code"], 400, "{answer}");
            assert!(!answer.to_string().contains("new-token"), "{answer}");
        }
        world.expect_nothing(&bob);
        assert!(world.node.next_renewal().is_none());
        assert_eq!(world.instances(), 0);
    }
}

#[test]
fn one_token_is_looked_at_at_a_time_and_a_late_answer_finds_nobody() {
    let mut world = world(1);
    let alice = world.admit("alice@example.com", None);
    world.send(&alice, &renewal(&alice, "r1"));
    assert_eq!(world.ask(&alice, &renewal(&alice, "r2"))["Code"], 503);
    let asked = world.node.next_renewal().unwrap();
    assert!(world.node.next_renewal().is_none());
    world.node.disconnect(alice.conn, Some(1000));
    world
        .node
        .renewed(&asked, Ok(credential("alice@example.com", None)));
    // Nobody answers in time: the transaction does.
    let alice = world.admit("alice@example.com", None);
    world.send(&alice, &renewal(&alice, "r3"));
    let asked = world.node.next_renewal().unwrap();
    world.advance(6);
    world.expect(&alice, 408);
    world.node.renewed(&asked, Err(Refused::NoAnswer));
    world.expect_nothing(&alice);
    world.send(&alice, &renewal(&alice, "r4"));
    assert!(world.node.next_renewal().is_some());
}

#[test]
fn without_authentication_a_register_with_authorization_is_like_any_other() {
    let mut world = world(1);
    let alice = world.connect("alice@example.com");
    let mut to_echo = routed(renewal(&alice, "r1"), "echo.example.com;type=echo");
    to_echo["Body"] = "x".into();
    assert_eq!(world.ask(&alice, &to_echo)["Code"], 200);
    assert!(world.node.next_renewal().is_none());
}
