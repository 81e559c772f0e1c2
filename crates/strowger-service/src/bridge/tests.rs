use jsip::{Method, Request, Response, StatusCode};

use super::Bridge;
use crate::testkit::{Sent, TestKit};
use crate::{Context, EndCause, Event, Instance, LegId, SendError, Service};

/// The smallest service with a bridge.
pub(super) struct Joined;

impl Service for Joined {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(Pair(None))
    }
}

struct Pair(Option<Bridge>);

impl Instance for Pair {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        match (event, &mut self.0) {
            (Event::Incoming { leg, request }, None) => self.0 = Some(Bridge::open(leg, request, cx)),
            (event, Some(bridge)) => bridge.handle(event, cx),
            (event, None) => panic!("{event:?}"),
        }
    }
}

pub(super) fn from_alice(method: Method) -> Request {
    Request::new(method, "bob@x.org", "alice@x.org", "bob@x.org")
}

pub(super) fn from_bob(method: Method) -> Request {
    Request::new(method, "alice@x.org", "bob@x.org", "alice@x.org")
}

fn calling() -> (TestKit, LegId, Sent) {
    let mut kit = TestKit::new(Joined).named("pair").on_host("node.example");
    let mut invite = from_alice(Method::Invite);
    invite.set_body("{\"big\":12345678901234567890}").unwrap();
    let alice = kit.incoming(invite);
    let bob = kit.expect_open();
    (kit, alice, bob)
}

pub(super) fn talking() -> (TestKit, LegId, LegId) {
    let (mut kit, alice, bob) = calling();
    kit.answer(&bob, StatusCode::OK);
    kit.expect_response(alice, StatusCode::OK);
    kit.request(alice, from_alice(Method::Ack));
    kit.expect_send(bob.leg, Method::Ack);
    (kit, alice, bob.leg)
}

#[test]
fn the_first_request_goes_out_on_a_leg_of_its_own_with_its_body() {
    let (_, _, bob) = calling();
    assert_eq!(bob.request_uri(), "bob@x.org");
    assert_eq!(bob.body(), Some("{\"big\":12345678901234567890}"));
    assert_eq!(bob.dialog_id(), "leg-2");
}

#[test]
fn responses_come_back_with_the_cseq_of_the_other_leg_and_their_body() {
    let mut kit = TestKit::new(Joined);
    let mut invite = from_alice(Method::Invite);
    invite.set_cseq(jsip::CSeq::new(71).unwrap());
    let alice = kit.incoming(invite);
    let bob = kit.expect_open();
    assert_eq!(bob.cseq().get(), 1);
    let mut progress = Response::to(&bob, StatusCode::SESSION_PROGRESS);
    progress.set_body_str("early media");
    kit.respond(&bob, progress);
    let early = kit.expect_response(alice, StatusCode::SESSION_PROGRESS);
    assert_eq!((early.cseq().get(), early.dialog_id()), (71, "leg-1"));
    assert_eq!(early.body_str().as_deref(), Some("early media"));
    kit.answer(&bob, StatusCode::OK);
    assert_eq!(kit.expect_response(alice, StatusCode::OK).cseq().get(), 71);
}

#[test]
fn requests_pass_from_the_caller_and_their_responses_back() {
    let (mut kit, alice, bob) = talking();
    for method in [
        Method::Info,
        Method::Update,
        Method::Message,
        Method::Refer,
        Method::Notify,
        Method::Invite,
    ] {
        let mut request = from_alice(method);
        request.set_body_str("x");
        let cseq = kit.request(alice, request);
        let sent = kit.expect_send(bob, method);
        assert_eq!(sent.body_str().as_deref(), Some("x"));
        kit.answer(&sent, StatusCode::ACCEPTED);
        assert_eq!(kit.expect_response(alice, StatusCode::ACCEPTED).cseq(), cseq);
        if method == Method::Invite {
            kit.request(alice, from_alice(Method::Ack));
            kit.expect_send(bob, Method::Ack);
        }
    }
    kit.expect_nothing();
}

#[test]
fn requests_pass_from_the_callee_and_their_responses_back() {
    let (mut kit, alice, bob) = talking();
    for method in [Method::Info, Method::Message, Method::Invite] {
        let cseq = kit.request(bob, from_bob(method));
        let sent = kit.expect_send(alice, method);
        kit.answer(&sent, StatusCode::FORBIDDEN);
        assert_eq!(kit.expect_response(bob, StatusCode::FORBIDDEN).cseq(), cseq);
    }
    kit.hang_up(bob);
    kit.expect_send(alice, Method::Bye);
    kit.assert_finished();
}

#[test]
fn prack_and_update_pass_while_it_rings() {
    let (mut kit, alice, bob) = calling();
    kit.answer(&bob, StatusCode::RINGING);
    kit.expect_response(alice, StatusCode::RINGING);
    kit.request(alice, from_alice(Method::Prack));
    let prack = kit.expect_send(bob.leg, Method::Prack);
    kit.answer(&prack, StatusCode::OK);
    kit.expect_response(alice, StatusCode::OK);
    kit.request(bob.leg, from_bob(Method::Update));
    let update = kit.expect_send(alice, Method::Update);
    kit.answer(&update, StatusCode::OK);
    kit.expect_response(bob.leg, StatusCode::OK);
}

#[test]
fn a_message_is_one_transaction_and_the_instance_ends_with_it() {
    let mut kit = TestKit::new(Joined);
    let alice = kit.incoming(from_alice(Method::Message));
    let bob = kit.expect_open();
    kit.answer(&bob, StatusCode::OK);
    kit.expect_response(alice, StatusCode::OK);
    kit.assert_finished();
}

#[test]
fn a_callee_who_is_not_there_is_480() {
    let mut kit = TestKit::new(Joined).offline("bob@x.org");
    let alice = kit.incoming(from_alice(Method::Invite));
    kit.expect_open();
    kit.expect_response(alice, StatusCode::TEMPORARILY_UNAVAILABLE);
    kit.assert_finished();
}

#[test]
fn a_callee_who_declines_ends_both_legs() {
    let (mut kit, alice, bob) = calling();
    kit.answer(&bob, StatusCode::DECLINE);
    kit.expect_response(alice, StatusCode::DECLINE);
    kit.assert_finished();
}

#[test]
fn a_cancel_passes_and_the_487_stays_here() {
    let (mut kit, alice, bob) = calling();
    kit.hang_up(alice);
    kit.expect_send(bob.leg, Method::Cancel);
    kit.answer(&bob, StatusCode::REQUEST_TERMINATED);
    kit.assert_finished();
}

#[test]
fn a_bye_of_the_caller_passes() {
    let (mut kit, alice, bob) = talking();
    let mut bye = from_alice(Method::Bye);
    bye.set_reason("enough");
    kit.request(alice, bye);
    assert_eq!(kit.expect_send(bob, Method::Bye).reason(), Some("enough"));
    kit.assert_finished();
}

#[test]
fn a_bye_of_the_caller_before_his_ack_passes_alone() {
    let (mut kit, alice, bob) = calling();
    kit.answer(&bob, StatusCode::OK);
    kit.expect_response(alice, StatusCode::OK);
    kit.hang_up(alice);
    kit.expect_send(bob.leg, Method::Bye);
    kit.assert_finished();
}

#[test]
fn a_lost_channel_of_either_side_ends_the_other() {
    let (mut kit, alice, bob) = talking();
    kit.lose(alice);
    assert_eq!(kit.expect_send(bob, Method::Bye).reason(), Some("channel lost"));
    kit.assert_finished();
    let (mut kit, alice, bob) = talking();
    kit.lose(bob);
    kit.expect_send(alice, Method::Bye);
    kit.assert_finished();
    let (mut kit, alice, bob) = calling();
    kit.lose(bob.leg);
    kit.expect_response(alice, StatusCode::TEMPORARILY_UNAVAILABLE);
    kit.assert_finished();
}

#[test]
fn a_request_that_the_other_leg_does_not_allow_is_answered_491() {
    let (mut kit, alice, bob) = talking();
    kit.request(alice, from_alice(Method::Invite));
    kit.expect_send(bob, Method::Invite);
    let cseq = kit.request(bob, from_bob(Method::Register));
    let refused = kit.expect_response(bob, StatusCode::REQUEST_PENDING);
    assert_eq!(refused.cseq(), cseq);
    assert!(
        refused.reason().unwrap().contains("REGISTER"),
        "{:?}",
        refused.reason()
    );
    assert!(matches!(
        kit.refusals(),
        [(
            _,
            SendError::Illegal {
                method: Method::Register,
                ..
            }
        )]
    ));
}

#[test]
fn a_reinvite_that_met_another_one_is_its_senders_to_try_again() {
    let (mut kit, alice, bob) = talking();
    let cseq = kit.request(alice, from_alice(Method::Invite));
    let reinvite = kit.expect_send(bob, Method::Invite);
    kit.answer(&reinvite, StatusCode::REQUEST_PENDING);
    assert_eq!(
        kit.expect_response(alice, StatusCode::REQUEST_PENDING).cseq(),
        cseq
    );
    kit.advance(std::time::Duration::from_secs(10));
    kit.expect_nothing();
    kit.request(alice, from_alice(Method::Invite));
    kit.expect_send(bob, Method::Invite);
}

#[test]
fn a_first_request_that_cannot_be_sent_is_answered() {
    let mut kit = TestKit::new(Joined);
    let mut invite = from_alice(Method::Invite);
    invite.set_request_uri("bob@x@y");
    let alice = kit.incoming(invite);
    let refused = kit.expect_response(alice, StatusCode::BAD_REQUEST);
    assert!(refused.reason().unwrap().contains("Request-URI"));
    kit.assert_finished();
}

#[test]
fn what_comes_for_a_side_that_is_gone_is_answered() {
    let mut kit = TestKit::new(Joined);
    let alice = kit.incoming(from_alice(Method::Message));
    let bob = kit.expect_open();
    // A second transaction of the same leg comes while the other leg ends.
    kit.request(alice, from_alice(Method::Message));
    kit.expect_send(bob.leg, Method::Message);
    kit.lose(bob.leg);
    kit.expect_response(alice, StatusCode::TEMPORARILY_UNAVAILABLE);
    kit.expect_response(alice, StatusCode::TEMPORARILY_UNAVAILABLE);
    kit.assert_finished();
    let (mut kit, alice, bob) = talking();
    kit.event(Event::Ended {
        leg: bob,
        cause: EndCause::Bye,
    });
    kit.expect_send(alice, Method::Bye);
    kit.event(Event::Request {
        leg: alice,
        request: from_alice(Method::Info),
    });
    assert_eq!(kit.refusals().len(), 1, "481 on a leg that has ended");
}

#[test]
fn what_still_waits_when_a_leg_ends_is_answered_480() {
    let (mut kit, alice, bob) = talking();
    kit.request(alice, from_alice(Method::Info));
    kit.expect_send(bob, Method::Info);
    kit.event(Event::Ended {
        leg: bob,
        cause: EndCause::TimedOut,
    });
    kit.expect_response(alice, StatusCode::TEMPORARILY_UNAVAILABLE);
    kit.expect_send(alice, Method::Bye);
}

#[test]
fn a_side_that_vanishes_without_a_word_takes_the_other_along() {
    let (mut kit, alice, bob) = talking();
    kit.end(alice, EndCause::ChannelLost);
    assert_eq!(kit.expect_send(bob, Method::Bye).request_uri(), "bob@x.org");
    kit.assert_finished();
    let (mut kit, alice, bob) = talking();
    kit.end(bob, EndCause::ChannelLost);
    assert_eq!(kit.expect_send(alice, Method::Bye).request_uri(), "alice@x.org");
    kit.assert_finished();
    let (mut kit, alice, bob) = calling();
    kit.end(alice, EndCause::ChannelLost);
    kit.expect_send(bob.leg, Method::Cancel);
    kit.answer(&bob, StatusCode::REQUEST_TERMINATED);
    kit.assert_finished();
}

#[test]
fn an_answer_for_a_caller_who_vanished_meanwhile_gets_ack_and_bye() {
    let (mut kit, alice, bob) = calling();
    // The answer is under way to the service when the caller's leg ends.
    let response = Response::to(&bob, StatusCode::OK);
    kit.at_once(|kit| {
        kit.respond(&bob, response);
        kit.hang_up(alice);
    });
    kit.expect_send(bob.leg, Method::Ack);
    kit.expect_send(bob.leg, Method::Bye);
    kit.assert_finished();
}

#[test]
fn a_cancel_that_is_too_late_for_the_callee_still_ends_the_call() {
    let (mut kit, alice, bob) = calling();
    let response = Response::to(&bob, StatusCode::OK);
    kit.at_once(|kit| {
        kit.hang_up(alice);
        kit.respond(&bob, response);
    });
    kit.expect_send(bob.leg, Method::Ack);
    kit.expect_send(bob.leg, Method::Bye);
    kit.assert_finished();
}

#[test]
fn a_cancelled_reinvite_that_is_accepted_all_the_same_gets_its_ack() {
    let (mut kit, alice, bob) = talking();
    kit.request(alice, from_alice(Method::Invite));
    let reinvite = kit.expect_send(bob, Method::Invite);
    kit.request(alice, from_alice(Method::Cancel));
    kit.expect_send(bob, Method::Cancel);
    kit.answer(&reinvite, StatusCode::OK);
    let ack = kit.expect_send(bob, Method::Ack);
    assert_eq!(ack.related_cseq(), Some(reinvite.cseq()));
    kit.expect_nothing();
    kit.request(alice, from_alice(Method::Info));
    kit.expect_send(bob, Method::Info);
}

#[test]
fn a_cancelled_reinvite_leaves_the_call_as_it_was() {
    let (mut kit, alice, bob) = talking();
    kit.request(bob, from_bob(Method::Invite));
    let reinvite = kit.expect_send(alice, Method::Invite);
    kit.request(bob, from_bob(Method::Cancel));
    kit.expect_send(alice, Method::Cancel);
    kit.answer(&reinvite, StatusCode::REQUEST_TERMINATED);
    kit.expect_nothing();
    kit.hang_up(alice);
    kit.expect_send(bob, Method::Bye);
    kit.assert_finished();
}

#[test]
fn what_expired_gets_no_second_answer() {
    let (mut kit, alice, bob) = talking();
    kit.request(alice, from_alice(Method::Info));
    let info = kit.expect_send(bob, Method::Info);
    // A 1xx gives the callee more time than the caller's leg has.
    kit.event(Event::Expired {
        leg: alice,
        cseq: jsip::CSeq::new(3).unwrap(),
    });
    kit.answer(&info, StatusCode::OK);
    kit.expect_nothing();
}

#[test]
fn the_router_is_popped_only_when_it_led_here() {
    for (route, left) in [
        ("pair.example.com;type=pair", None),
        ("other.example.com;type=pair,next.org", Some("next.org")),
        ("PAIR.example.com", None),
        ("node.example", None),
        ("next.org,last.org", Some("next.org,last.org")),
        ("as.org;relid=r1", None),
    ] {
        let mut kit = TestKit::new(Joined).named("pair").on_host("node.example");
        let mut request = from_alice(Method::Message);
        request.set_route(route);
        kit.incoming(request);
        assert_eq!(kit.expect_open().route(), left, "{route}");
    }
}

/// A service that ends its call when its only timer fires, after a minute.
struct Ending;

impl Service for Ending {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(EndingPair(Pair(None)))
    }
}

struct EndingPair(Pair);

impl Instance for EndingPair {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        match (&event, &mut self.0.0) {
            (Event::Timer { .. }, Some(bridge)) => return bridge.end(cx),
            (Event::Incoming { .. }, _) => {
                cx.set_timer(MINUTE / 2);
            }
            _ => {}
        }
        self.0.handle(event, cx);
    }
}

const MINUTE: std::time::Duration = std::time::Duration::from_secs(60);

#[test]
fn a_service_ends_a_call_for_all_who_are_in_it() {
    let call = || {
        let mut kit = TestKit::new(Ending);
        let alice = kit.incoming(from_alice(Method::Invite));
        let bob = kit.expect_open();
        (kit, alice, bob)
    };
    let (mut kit, alice, bob) = call();
    kit.advance(MINUTE / 2);
    kit.expect_response(alice, StatusCode::TEMPORARILY_UNAVAILABLE);
    kit.expect_send(bob.leg, Method::Cancel);
    kit.answer(&bob, StatusCode::REQUEST_TERMINATED);
    kit.assert_finished();

    let (mut kit, alice, bob) = call();
    kit.answer(&bob, StatusCode::OK);
    kit.expect_response(alice, StatusCode::OK);
    kit.advance(MINUTE / 2);
    kit.expect_send(alice, Method::Bye);
    kit.expect_send(bob.leg, Method::Ack);
    kit.expect_send(bob.leg, Method::Bye);
    kit.assert_finished();

    for answers in [true, false] {
        let (mut kit, alice, bob) = call();
        kit.answer(&bob, StatusCode::OK);
        kit.expect_response(alice, StatusCode::OK);
        kit.request(alice, from_alice(Method::Ack));
        kit.expect_send(bob.leg, Method::Ack);
        let mut refer = from_alice(Method::Refer);
        refer.set_extension("Refer-To", "\"carl@x.org\"").unwrap();
        kit.request(alice, refer);
        kit.expect_response(alice, StatusCode::ACCEPTED);
        kit.expect_send(alice, Method::Notify);
        let carl = kit.expect_open();
        if answers {
            kit.answer(&carl, StatusCode::OK);
            kit.expect_send(bob.leg, Method::Invite);
        }
        kit.advance(MINUTE / 2);
        if answers {
            kit.expect_send(carl.leg, Method::Ack);
            kit.expect_send(carl.leg, Method::Bye);
        } else {
            kit.expect_send(carl.leg, Method::Cancel);
        }
        kit.expect_send(alice, Method::Notify);
        kit.expect_send(alice, Method::Bye);
        kit.expect_send(bob.leg, Method::Bye);
        kit.advance(MINUTE);
        kit.assert_finished();
    }
}

#[test]
fn events_of_other_legs_and_timers_are_nothing_to_a_bridge() {
    let (mut kit, _, _) = talking();
    let other = LegId::new(77);
    kit.event(Event::Request {
        leg: other,
        request: from_alice(Method::Info),
    });
    kit.event(Event::Ended {
        leg: other,
        cause: EndCause::Bye,
    });
    kit.event(Event::Timer {
        timer: crate::TimerId::new(5),
    });
    kit.event(Event::Response {
        leg: other,
        to: crate::RequestId::new(77),
        response: Response::to(&from_alice(Method::Info), StatusCode::OK),
    });
    kit.expect_nothing();
}
