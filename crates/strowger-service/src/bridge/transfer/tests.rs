use std::time::Duration;

use jsip::{Method, Request, Response, StatusCode};

use super::super::tests::{Joined, from_alice, from_bob, talking};
use crate::testkit::{Seen, Sent, TestKit};
use crate::{Bridge, Command, Context, Event, Facts, Ids, LegId, RequestId, SendError};

mod orders;

const CARL: &str = "carl@x.org";

fn refer(mut request: Request) -> Request {
    request.set_extension("Refer-To", "\"carl@x.org\"").unwrap();
    request
}

#[track_caller]
fn is_told(kit: &mut TestKit, leg: LegId, code: u16) {
    let notify = kit.expect_send(leg, Method::Notify);
    assert_eq!(notify.event(), Some("refer"));
    let body = notify.body().unwrap_or_default();
    assert!(body.starts_with(&format!("{{\"code\":{code},")), "{body}");
    kit.answer(&notify, StatusCode::OK);
}

/// A call in which Alice has handed Bob on to Carl, who rings.
fn handing_on() -> (TestKit, LegId, LegId, Sent) {
    let (mut kit, alice, bob) = talking();
    kit.request(alice, refer(from_alice(Method::Refer)));
    kit.expect_response(alice, StatusCode::ACCEPTED);
    is_told(&mut kit, alice, 100);
    let carl = kit.expect_open();
    (kit, alice, bob, carl)
}

fn answer_with(sent: &Sent, body: &str) -> Response {
    let mut response = Response::to(sent, StatusCode::OK);
    response.set_body_str(body);
    response
}

#[test]
fn a_blind_transfer_joins_the_other_side_with_the_target() {
    let (mut kit, alice, bob, carl) = handing_on();
    assert_eq!(
        (carl.request_uri(), carl.from(), carl.to()),
        (CARL, "bob@x.org", CARL)
    );
    assert_eq!(
        (carl.body(), carl.extension("Referred-By")),
        (None, Some("\"alice@x.org\""))
    );
    kit.answer(&carl, StatusCode::RINGING);
    is_told(&mut kit, alice, 180);
    kit.respond(&carl, answer_with(&carl, "carl's offer"));
    let again = kit.expect_send(bob, Method::Invite);
    assert_eq!(
        (again.from(), again.body_str().as_deref()),
        (CARL, Some("carl's offer"))
    );
    kit.respond(&again, answer_with(&again, "bob's answer"));
    kit.expect_send(bob, Method::Ack);
    let ack = kit.expect_send(carl.leg, Method::Ack);
    assert_eq!(ack.body_str().as_deref(), Some("bob's answer"));
    is_told(&mut kit, alice, 200);
    kit.expect_send(alice, Method::Bye);

    kit.request(bob, from_bob(Method::Info));
    let info = kit.expect_send(carl.leg, Method::Info);
    kit.answer(&info, StatusCode::OK);
    kit.expect_response(bob, StatusCode::OK);
    kit.hang_up(carl.leg);
    kit.expect_send(bob, Method::Bye);
    kit.assert_finished();
}

#[test]
fn the_callee_may_hand_the_caller_on() {
    let (mut kit, alice, bob) = talking();
    kit.request(bob, refer(from_bob(Method::Refer)));
    kit.expect_response(bob, StatusCode::ACCEPTED);
    is_told(&mut kit, bob, 100);
    let carl = kit.expect_open();
    assert_eq!(carl.from(), "alice@x.org");
    kit.answer(&carl, StatusCode::OK);
    let again = kit.expect_send(alice, Method::Invite);
    assert_eq!(
        (again.request_uri(), again.from(), again.to()),
        ("alice@x.org", CARL, "alice@x.org")
    );
    kit.answer(&again, StatusCode::OK);
    kit.expect_send(alice, Method::Ack);
    kit.expect_send(carl.leg, Method::Ack);
    is_told(&mut kit, bob, 200);
    kit.expect_send(bob, Method::Bye);
    kit.lose(alice);
    let bye = kit.expect_send(carl.leg, Method::Bye);
    assert_eq!(bye.reason(), Some("channel lost"));
    kit.assert_finished();
}

#[test]
fn a_referrer_who_goes_at_once_leaves_the_other_on_hold() {
    let (mut kit, alice, bob, carl) = handing_on();
    kit.hang_up(alice);
    kit.expect_nothing();
    kit.answer(&carl, StatusCode::OK);
    let again = kit.expect_send(bob, Method::Invite);
    kit.answer(&again, StatusCode::OK);
    kit.expect_send(bob, Method::Ack);
    kit.expect_send(carl.leg, Method::Ack);
    kit.hang_up(bob);
    kit.expect_send(carl.leg, Method::Bye);
    kit.assert_finished();
}

#[test]
fn a_failure_returns_the_parties_to_each_other() {
    let (mut kit, alice, bob, carl) = handing_on();
    kit.answer(&carl, StatusCode::BUSY_HERE);
    is_told(&mut kit, alice, 486);
    kit.request(bob, from_bob(Method::Info));
    kit.expect_send(alice, Method::Info);

    let (mut kit, alice, bob, carl) = handing_on();
    kit.answer(&carl, StatusCode::OK);
    let again = kit.expect_send(bob, Method::Invite);
    kit.answer(&again, StatusCode::NOT_ACCEPTABLE_HERE);
    kit.expect_send(carl.leg, Method::Ack);
    kit.expect_send(carl.leg, Method::Bye);
    is_told(&mut kit, alice, 488);
    kit.hang_up(alice);
    kit.expect_send(bob, Method::Bye);
    kit.assert_finished();
}

#[test]
fn a_failure_without_a_referrer_ends_the_call() {
    let (mut kit, alice, bob, carl) = handing_on();
    kit.hang_up(alice);
    kit.answer(&carl, StatusCode::DECLINE);
    kit.expect_send(bob, Method::Bye);
    kit.assert_finished();
}

#[test]
fn who_is_handed_on_may_hang_up_meanwhile() {
    let (mut kit, alice, bob, carl) = handing_on();
    kit.hang_up(bob);
    kit.expect_send(carl.leg, Method::Cancel);
    is_told(&mut kit, alice, 487);
    kit.expect_send(alice, Method::Bye);
    kit.answer(&carl, StatusCode::REQUEST_TERMINATED);
    kit.assert_finished();
}

#[test]
fn a_target_who_does_not_answer_is_given_up() {
    let (mut kit, alice, bob, _) = handing_on();
    kit.advance(Duration::from_secs(60));
    is_told(&mut kit, alice, 408);
    kit.hang_up(bob);
    kit.expect_send(alice, Method::Bye);
}

#[test]
fn a_target_who_leaves_while_the_other_is_asked_is_told_of() {
    let (mut kit, alice, bob, carl) = handing_on();
    kit.answer(&carl, StatusCode::OK);
    let again = kit.expect_send(bob, Method::Invite);
    kit.hang_up(carl.leg);
    is_told(&mut kit, alice, 487);
    kit.expect_send(bob, Method::Cancel);
    kit.answer(&again, StatusCode::REQUEST_TERMINATED);
    kit.request(alice, from_alice(Method::Info));
    kit.expect_send(bob, Method::Info);
}

/// Answers the bridge's re-INVITE with 491; gives how long it waits until it sends it again.
#[track_caller]
fn pause_after_glare(kit: &mut TestKit, again: &Sent) -> (Duration, Sent) {
    kit.answer(again, StatusCode::REQUEST_PENDING);
    kit.expect_nothing();
    let start = kit.now();
    while kit.now() - start < Duration::from_secs(5) {
        kit.advance(Duration::from_millis(10));
        if let Some(Seen::Send(sent)) = kit.next_seen() {
            assert_eq!((sent.leg, sent.method()), (again.leg, Method::Invite));
            assert_eq!(sent.body(), again.body());
            return (kit.now() - start, sent);
        }
    }
    panic!("it is not sent again")
}

#[test]
fn a_reinvite_that_meets_another_one_is_sent_again_a_moment_later() {
    let (mut kit, alice, bob, carl) = handing_on();
    kit.respond(&carl, answer_with(&carl, "carl's offer"));
    let mut again = kit.expect_send(bob, Method::Invite);
    for _ in 0..3 {
        // The bridge has called Bob, so the longer pause is its own.
        let pause;
        (pause, again) = pause_after_glare(&mut kit, &again);
        assert!((2100..=4000).contains(&pause.as_millis()), "{pause:?}");
    }
    kit.answer(&again, StatusCode::OK);
    kit.expect_send(bob, Method::Ack);
    kit.expect_send(carl.leg, Method::Ack);
    is_told(&mut kit, alice, 200);
    kit.expect_send(alice, Method::Bye);
}

#[test]
fn who_was_called_by_the_other_side_is_asked_again_sooner() {
    let (mut kit, alice, bob) = talking();
    kit.request(bob, refer(from_bob(Method::Refer)));
    kit.expect_response(bob, StatusCode::ACCEPTED);
    is_told(&mut kit, bob, 100);
    let carl = kit.expect_open();
    kit.answer(&carl, StatusCode::OK);
    let again = kit.expect_send(alice, Method::Invite);
    let (pause, _) = pause_after_glare(&mut kit, &again);
    assert!(pause <= Duration::from_millis(2010), "{pause:?}");
}

#[test]
fn a_transfer_fails_with_the_fourth_collision() {
    let (mut kit, alice, bob, carl) = handing_on();
    kit.answer(&carl, StatusCode::OK);
    let mut again = kit.expect_send(bob, Method::Invite);
    for _ in 0..3 {
        (_, again) = pause_after_glare(&mut kit, &again);
    }
    kit.answer(&again, StatusCode::REQUEST_PENDING);
    kit.expect_send(carl.leg, Method::Ack);
    kit.expect_send(carl.leg, Method::Bye);
    is_told(&mut kit, alice, 491);
    kit.hang_up(alice);
    kit.expect_send(bob, Method::Bye);
    kit.assert_finished();
}

#[test]
fn a_reinvite_waits_for_the_one_that_is_on_its_way() {
    let (mut kit, alice, bob, carl) = handing_on();
    kit.request(bob, from_bob(Method::Invite));
    let asked = kit.expect_send(alice, Method::Invite);
    kit.answer(&carl, StatusCode::OK);
    assert!(matches!(kit.refusals(), [(leg, SendError::Illegal { .. })] if *leg == bob));
    kit.answer(&asked, StatusCode::OK);
    kit.expect_response(bob, StatusCode::OK);
    kit.request(bob, from_bob(Method::Ack));
    kit.expect_send(alice, Method::Ack);
    kit.advance(Duration::from_secs(4));
    let again = kit.expect_send(bob, Method::Invite);
    kit.answer(&again, StatusCode::OK);
    kit.expect_send(bob, Method::Ack);
    kit.expect_send(carl.leg, Method::Ack);
    is_told(&mut kit, alice, 200);
}

#[test]
fn one_transfer_at_a_time_and_only_to_a_uri() {
    let (mut kit, alice, bob, _) = handing_on();
    for (leg, request) in [(alice, from_alice(Method::Refer)), (bob, from_bob(Method::Refer))] {
        kit.request(leg, refer(request));
        kit.expect_response(leg, StatusCode::REQUEST_PENDING);
    }
    let (mut kit, alice, _) = talking();
    for value in ["7", "\"a@b@c\""] {
        let mut bad = from_alice(Method::Refer);
        bad.set_extension("Refer-To", value).unwrap();
        kit.request(alice, bad);
        let refused = kit.expect_response(alice, StatusCode::BAD_REQUEST);
        assert!(
            refused
                .reason()
                .is_some_and(|reason| reason.starts_with("Refer-To: "))
        );
    }
}

#[test]
fn a_refer_passes_where_the_service_says_so_or_it_names_nobody() {
    let (mut kit, alice, bob) = talking();
    kit.request(alice, from_alice(Method::Refer));
    kit.expect_send(bob, Method::Refer);

    let mut bridge =
        Bridge::joined(alice, &from_alice(Method::Invite), bob, RequestId::new(1)).without_transfer();
    let (mut ids, mut commands) = (Ids::default(), Vec::new());
    let facts = Facts {
        now: Duration::ZERO,
        service: "pair",
        own_hosts: &[],
    };
    let request = refer(from_alice(Method::Refer));
    let event = Event::Request { leg: alice, request };
    bridge.handle(event, &mut Context::new(&mut ids, &facts, &mut commands));
    assert!(matches!(&commands[..], [Command::Send { leg, .. }] if *leg == bob));
}

#[test]
fn an_attended_transfer_names_the_call_that_is_replaced() {
    // Carl says in his answer that he understands Replaces, so Alice learns how he calls the dialog.
    let mut kit = TestKit::new(Joined);
    let alice = kit.incoming(from_alice(Method::Invite));
    let carl = kit.expect_open();
    let mut answer = Response::to(&carl, StatusCode::OK);
    answer.set_extension("Supported", "\"timer, replaces\"").unwrap();
    kit.respond(&carl, answer);
    let answer = kit.expect_response(alice, StatusCode::OK);
    assert_eq!(
        answer.extension_str("Peer-DialogueID").as_deref(),
        Some(carl.dialog_id())
    );
    // With it she hands Bob on, in another call.
    let (mut kit, alice, _) = talking();
    let mut request = refer(from_alice(Method::Refer));
    request.set_extension("Replaces", "\"leg-2\"").unwrap();
    kit.request(alice, request);
    kit.expect_response(alice, StatusCode::ACCEPTED);
    is_told(&mut kit, alice, 100);
    assert_eq!(kit.expect_open().extension("Replaces"), Some("\"leg-2\""));
}

#[test]
fn a_callee_learns_the_name_of_the_dialog_from_a_caller_who_can_be_replaced() {
    let mut kit = TestKit::new(Joined);
    let mut invite = from_alice(Method::Invite);
    invite.set_extension("Supported", "\"replaces\"").unwrap();
    kit.incoming(invite);
    let bob = kit.expect_open();
    assert_eq!(bob.extension("Peer-DialogueID"), Some("\"leg-1\""));
    let mut kit = TestKit::new(Joined);
    kit.incoming(from_alice(Method::Invite));
    assert_eq!(kit.expect_open().extension("Peer-DialogueID"), None);
}
