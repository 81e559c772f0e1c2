//! What a ladder shows of a call.

use strowger_node::Watch;

use crate::harness::{SHARDS, World, request, response};

const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";

#[test]
fn a_call_is_told_with_what_the_service_decided() {
    for shards in SHARDS {
        let mut world = World::new(shards);
        let (alice, bob) = (world.connect(ALICE), world.connect(BOB));
        world.send(alice, &request("INVITE", ALICE, BOB, "d1", 1));
        let invite = world.next(bob);
        world.send(bob, &response(&invite, 180));
        world.send(bob, &response(&invite, 200));
        world.send(alice, &request("ACK", ALICE, BOB, "d1", 2));
        world.send(alice, &request("BYE", ALICE, BOB, "d1", 3));
        let (_ack, bye) = (world.next(bob), world.next(bob));
        world.send(bob, &response(&bye, 200));
        let calls = world.calls();
        assert_eq!(calls.len(), 1, "{calls:?}");
        let call = &calls[0];
        assert_eq!(
            (call.service.as_deref(), call.outcome.as_deref(), call.cut),
            (Some("relay"), Some("200"), false)
        );
        assert!(call.ended_ms.is_some());
        let parties: Vec<_> = call
            .parties
            .iter()
            .map(|party| (party.party.as_str(), party.by_peer, party.cause.as_deref()))
            .collect();
        assert_eq!(parties, [(ALICE, true, Some("bye")), (BOB, false, Some("bye"))]);
        let ladder = world.latest();
        let has = |line: &str| assert!(ladder.iter().any(|other| other == line), "{line}: {ladder:#?}");
        for line in [
            "alice began alice@example.com bob@example.com INVITE",
            "alice received INVITE 1",
            "alice served",
            "alice handled incoming",
            "alice decided forward INVITE bob@example.com",
            "bob sent INVITE 1",
            "bob acknowledged INVITE 1",
            "bob received 180 INVITE 1",
            "alice decided respond 180 1",
            "alice sent 180 INVITE 1",
            "alice transaction ended INVITE 200",
            "alice acknowledged 200 INVITE 1",
            "alice state Answered Established",
            "alice ended bye",
            "- ended instance_over",
        ] {
            has(line);
        }
        assert_eq!(ladder.last().unwrap(), "- ended instance_over");
    }
}

#[test]
fn repeats_takeovers_and_what_has_no_effect_are_told() {
    for shards in SHARDS {
        let mut world = World::new(shards);
        let (alice, bob) = (world.connect(ALICE), world.connect(BOB));
        let invite = request("INVITE", ALICE, BOB, "d1", 1);
        world.send(alice, &invite);
        world.send(alice, &invite);
        let at_bob = world.next(bob);
        world.send(bob, &response(&at_bob, 180));
        world.send(alice, &invite);
        world.send(bob, &response(&at_bob, 486));
        world.send(bob, &response(&at_bob, 200));
        let ladder = world.latest();
        for line in ["alice absorbed INVITE 1 false", "alice absorbed INVITE 1 true"] {
            assert!(ladder.contains(&line.to_owned()), "{line}: {ladder:#?}");
        }
        world.send(alice, &request("INVITE", ALICE, BOB, "d2", 1));
        world.drop_socket(bob);
        world.connect(BOB);
        let again = world.connect(BOB);
        let at_bob = world.next(again);
        world.send(again, &response(&at_bob, 180));
        let ladder = world.latest();
        for line in [
            "bob channel dropped",
            "bob channel resumed",
            "bob channel takeover",
            "bob replayed INVITE 1",
        ] {
            assert!(ladder.contains(&line.to_owned()), "{line}: {ladder:#?}");
        }
    }
}

#[test]
fn timers_are_told_and_what_they_lead_to() {
    for shards in SHARDS {
        let mut world = World::new(shards);
        let (alice, _bob) = (world.connect(ALICE), world.connect(BOB));
        world.send(alice, &request("MESSAGE", ALICE, BOB, "d1", 1));
        world.advance(600);
        let ladder = world.latest();
        assert!(
            ladder.contains(&"bob timer request no final response to MESSAGE 1 in time".to_owned()),
            "{ladder:#?}"
        );
        assert_eq!(world.calls()[0].outcome.as_deref(), Some("408"));
        assert!(world.calls()[0].ended_ms.is_some());
    }
}

#[test]
fn what_no_instance_got_is_a_call_of_its_own() {
    let mut world = World::new(1);
    let alice = world.connect(ALICE);
    let mut message = request("MESSAGE", ALICE, BOB, "d1", 1);
    message["Router"] = "example.com;type=nothing".into();
    world.send(alice, &message);
    let calls = world.calls();
    assert!(calls[0].call.starts_with("d:"), "{calls:?}");
    assert_eq!(
        (calls[0].service.as_deref(), calls[0].outcome.as_deref()),
        (None, Some("404"))
    );
    let sent = world.latest();
    assert!(sent.contains(&"alice sent 404 MESSAGE 1".to_owned()), "{sent:#?}");
}

#[test]
fn who_came_before_anybody_looked_has_a_name_all_the_same() {
    for shards in SHARDS {
        let mut world = World::with(shards, Watch::Off);
        let (alice, bob) = (world.connect(ALICE), world.connect(BOB));
        world.send(alice, &request("INVITE", "me@example.com", BOB, "d1", 1));
        world.next(bob);
        assert_eq!(world.calls(), []);
        world.watch(Watch::Closely);
        world.send(alice, &request("INVITE", "me@example.com", BOB, "d2", 1));
        let parties: Vec<_> = world.calls()[0]
            .parties
            .iter()
            .map(|party| party.party.clone())
            .collect();
        assert_eq!(parties, [ALICE, BOB]);
        // What began before is not known, whatever happens in it.
        world.send(alice, &request("CANCEL", "me@example.com", BOB, "d1", 2));
        assert_eq!(world.calls().len(), 1);
    }
}

#[test]
fn bodies_are_there_only_where_they_are_wanted() {
    for (watch, expected) in [
        (Watch::Closely, None),
        (Watch::CloselyWithBodies, Some("\"hello\"")),
    ] {
        let mut world = World::with(1, watch);
        let alice = world.connect(ALICE);
        let mut message = request("MESSAGE", ALICE, BOB, "d1", 1);
        message["Body"] = "hello".into();
        world.send(alice, &message);
        let (_, list) = world.feed.one(&world.calls()[0].call).unwrap();
        let received = list
            .iter()
            .find(|event| matches!(event.kind, strowger_feed::Kind::Received(_)));
        let received = received.unwrap();
        let body = |event: &strowger_feed::Event| {
            let event = serde_json::to_value(event).unwrap();
            event["body"].as_str().map(str::to_owned)
        };
        assert_eq!(body(received).as_deref(), expected);
        assert_eq!(body(&received.without_body()), None);
    }
}
