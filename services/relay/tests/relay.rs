//! The relay service with the author's test kit: the rules of the bridge.

use std::time::Duration;

use strowger_relay::Relay;
use strowger_service::LegId;
use strowger_service::jsip::{Method, Request, Response, StatusCode};
use strowger_service::testkit::{Sent, TestKit};

fn request(method: Method) -> Request {
    let mut request = Request::new(method, "bob@example.com", "alice@example.com", "bob@example.com");
    request.set_body_str("v=0 offer");
    request
}

fn kit() -> TestKit {
    TestKit::new(Relay).named("relay")
}

/// A call that was answered.
fn call() -> (TestKit, LegId, Sent) {
    let mut kit = kit();
    let alice = kit.incoming(request(Method::Invite));
    let bob = kit.expect_open();
    kit.answer(bob.id, StatusCode::OK);
    kit.expect_response(alice, StatusCode::OK);
    kit.request(alice, request(Method::Ack));
    kit.expect_send(bob.leg, Method::Ack);
    (kit, alice, bob)
}

#[test]
fn a_message_and_its_answer_pass() {
    let mut kit = kit();
    let alice = kit.incoming(request(Method::Message));
    let bob = kit.expect_open();
    assert_eq!(bob.request.body_str().as_deref(), Some("v=0 offer"));
    kit.answer(bob.id, StatusCode::ACCEPTED);
    kit.expect_response(alice, StatusCode::ACCEPTED);
    kit.assert_finished();
}

#[test]
fn early_media_and_the_answers_body_pass() {
    let mut kit = kit();
    let alice = kit.incoming(request(Method::Invite));
    let bob = kit.expect_open();
    let mut progress = Response::to(&bob.request, StatusCode::SESSION_PROGRESS);
    progress.set_body_str("v=0 early");
    progress.set_extension("X-Tone", "[1,2]").unwrap();
    kit.respond(bob.id, progress);
    let passed = kit.expect_response(alice, StatusCode::SESSION_PROGRESS);
    assert_eq!(
        (passed.body_str().as_deref(), passed.extension("X-Tone")),
        (Some("v=0 early"), Some("[1,2]"))
    );
}

#[test]
fn a_refusal_passes_with_its_reason() {
    let mut kit = kit();
    let alice = kit.incoming(request(Method::Invite));
    let bob = kit.expect_open();
    let mut busy = Response::to(&bob.request, StatusCode::BUSY_HERE);
    busy.set_reason("in a meeting");
    kit.respond(bob.id, busy);
    assert_eq!(
        kit.expect_response(alice, StatusCode::BUSY_HERE).reason(),
        Some("in a meeting")
    );
    kit.assert_finished();
}

#[test]
fn the_caller_gives_up_while_it_rings() {
    let mut kit = kit();
    let alice = kit.incoming(request(Method::Invite));
    let bob = kit.expect_open();
    kit.answer(bob.id, StatusCode::RINGING);
    kit.expect_response(alice, StatusCode::RINGING);
    kit.hang_up(alice);
    kit.expect_send(bob.leg, Method::Cancel);
    kit.answer(bob.id, StatusCode::REQUEST_TERMINATED);
    kit.assert_finished();
}

#[test]
fn requests_pass_both_ways_and_their_answers_come_back() {
    let (mut kit, alice, bob) = call();
    for method in [
        Method::Info,
        Method::Update,
        Method::Refer,
        Method::Notify,
        Method::Message,
        Method::Invite,
    ] {
        let cseq = kit.request(alice, request(method));
        let Sent {
            id, request: passed, ..
        } = kit.expect_send(bob.leg, method);
        assert_eq!(passed.body_str().as_deref(), Some("v=0 offer"));
        kit.answer(id, StatusCode::OK);
        assert_eq!(kit.expect_response(alice, StatusCode::OK).cseq(), cseq);
        let cseq = kit.request(bob.leg, request(method));
        let id = kit.expect_send(alice, method).id;
        kit.answer(id, StatusCode::OK);
        assert_eq!(kit.expect_response(bob.leg, StatusCode::OK).cseq(), cseq);
    }
    kit.expect_nothing();
}

#[test]
fn a_hang_up_of_either_side_reaches_the_other() {
    let (mut kit, alice, bob) = call();
    kit.hang_up(alice);
    kit.expect_send(bob.leg, Method::Bye);
    kit.assert_finished();
    let (mut kit, alice, bob) = call();
    kit.hang_up(bob.leg);
    kit.expect_send(alice, Method::Bye);
    kit.assert_finished();
}

#[test]
fn a_router_uri_that_led_here_is_taken_off_and_others_stay() {
    for (route, left) in [
        (
            "relay.example.com;type=relay, next.example.org",
            Some("next.example.org"),
        ),
        ("relay.example.com", None),
        ("next.example.org", Some("next.example.org")),
    ] {
        let mut kit = kit();
        let mut message = request(Method::Message);
        message.set_route(route);
        kit.incoming(message);
        assert_eq!(kit.expect_open().request.first_route(), left, "{route}");
    }
}

#[test]
fn a_request_open_when_the_other_side_vanishes_is_answered() {
    let (mut kit, alice, bob) = call();
    kit.request(alice, request(Method::Info));
    kit.expect_send(bob.leg, Method::Info);
    kit.lose(bob.leg);
    kit.expect_response(alice, StatusCode::TEMPORARILY_UNAVAILABLE);
    kit.expect_send(alice, Method::Bye);
    kit.assert_finished();
}

#[test]
fn a_user_who_is_not_there_is_480() {
    for method in [Method::Invite, Method::Message] {
        let mut kit = kit().offline("bob@example.com");
        let alice = kit.incoming(request(method));
        kit.expect_open();
        kit.expect_response(alice, StatusCode::TEMPORARILY_UNAVAILABLE);
        kit.assert_finished();
    }
}

#[test]
fn nobody_waits_for_a_user_who_does_not_answer() {
    let mut kit = kit();
    kit.incoming(request(Method::Message));
    kit.expect_open();
    kit.advance(Duration::from_secs(5));
    kit.assert_finished();

    let mut kit = self::kit();
    let alice = kit.incoming(request(Method::Invite));
    let bob = kit.expect_open();
    kit.advance(Duration::from_secs(60));
    assert!(kit.has_ended(alice), "the stack has answered 408");
    kit.expect_send(bob.leg, Method::Cancel);
    kit.advance(Duration::from_secs(5));
    kit.assert_finished();
}

#[test]
fn both_sides_may_hang_up_at_once() {
    let (mut kit, alice, bob) = call();
    kit.at_once(|kit| {
        kit.hang_up(alice);
        kit.hang_up(bob.leg);
    });
    kit.assert_finished();
}
