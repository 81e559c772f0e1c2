//! Several agents at once, several callers, and the queue, with the author's test kit.

use std::time::Duration;

use strowger_hunt::{Hunt, Number, Settings};
use strowger_service::jsip::{Method, Request, StatusCode};
use strowger_service::testkit::{Sent, TestKit};
use strowger_service::{LegId, Service as _};

const SALES: &str = "sales@example.com";
const ANN: &str = "ann@example.com";
const BEN: &str = "ben@example.com";
const DESK: &str = "desk@example.com";

fn number(steps: &[&[&str]]) -> Number {
    let mut number = Number::in_turn([], Duration::from_secs(10));
    number.steps = steps
        .iter()
        .map(|step| step.iter().map(|agent| (*agent).to_owned()).collect())
        .collect();
    number
}

fn kit(number: Number) -> TestKit {
    TestKit::new(Hunt::new(Settings {
        numbers: [(SALES.to_owned(), number)].into(),
        ..Settings::default()
    }))
}

fn call(caller: &str) -> Request {
    Request::new(Method::Invite, SALES, caller, SALES)
}

/// A caller and an agent who talk.
#[track_caller]
fn talk(kit: &mut TestKit, caller: LegId) -> Sent {
    let agent = kit.expect_open();
    kit.answer(&agent, StatusCode::OK);
    kit.expect_response(caller, StatusCode::OK);
    kit.request(caller, call("x").with_method(Method::Ack));
    kit.expect_send(agent.leg, Method::Ack);
    agent
}

#[track_caller]
fn is_at(kit: &mut TestKit, caller: LegId, place: usize) {
    let info = kit.expect_send(caller, Method::Info);
    assert_eq!(info.body(), Some(&*format!("{{\"position\":{place}}}")));
    kit.answer(&info, StatusCode::OK);
}

#[track_caller]
fn waits(kit: &mut TestKit, caller: LegId, place: usize) {
    kit.expect_response(caller, StatusCode::QUEUED);
    is_at(kit, caller, place);
}

#[test]
fn the_agents_of_a_step_ring_together_and_the_first_answer_wins() {
    let mut kit = kit(number(&[&[ANN, BEN]]));
    let carl = kit.incoming(call("carl@x"));
    let (ann, ben) = (kit.expect_open(), kit.expect_open());
    assert_eq!((ann.request_uri(), ben.request_uri()), (ANN, BEN));
    kit.answer(&ben, StatusCode::RINGING);
    kit.expect_response(carl, StatusCode::RINGING);
    kit.answer(&ann, StatusCode::RINGING);
    kit.answer(&ann, StatusCode::OK);
    let cancel = kit.expect_send(ben.leg, Method::Cancel);
    assert_eq!(cancel.reason(), Some("answered-elsewhere"));
    kit.expect_response(carl, StatusCode::OK);
    kit.answer(&ben, StatusCode::REQUEST_TERMINATED);
    kit.request(carl, call("x").with_method(Method::Ack));
    kit.expect_send(ann.leg, Method::Ack);
    kit.hang_up(ann.leg);
    kit.expect_send(carl, Method::Bye);
    kit.assert_finished();
}

#[test]
fn each_step_is_rung_for_its_own_time_and_the_last_time_holds_for_the_rest() {
    let second = Duration::from_secs(1);
    let mut number = number(&[&[ANN], &[BEN], &[DESK]]);
    number.ring = vec![second * 3, second * 7];
    let mut kit = kit(number);
    let carl = kit.incoming(call("carl@example.com"));
    for (seconds, agent) in [(3, ANN), (7, BEN), (7, DESK)] {
        let sent = kit.expect_open();
        assert_eq!(sent.request_uri(), agent);
        kit.advance(second * (seconds - 1));
        kit.expect_nothing();
        kit.advance(second);
        kit.expect_send(sent.leg, Method::Cancel);
    }
    kit.expect_response(carl, StatusCode::TEMPORARILY_UNAVAILABLE);
    kit.assert_finished();
}

#[test]
fn who_answers_a_moment_too_late_is_hung_up() {
    let mut kit = kit(number(&[&[ANN, BEN]]));
    let carl = kit.incoming(call("carl@x"));
    let (ann, ben) = (kit.expect_open(), kit.expect_open());
    kit.at_once(|kit| {
        kit.answer(&ann, StatusCode::OK);
        kit.answer(&ben, StatusCode::OK);
    });
    kit.expect_response(carl, StatusCode::OK);
    kit.expect_send(ben.leg, Method::Ack);
    let bye = kit.expect_send(ben.leg, Method::Bye);
    assert_eq!(bye.reason(), Some("answered-elsewhere"));
    kit.expect_nothing();
}

#[test]
fn a_step_is_over_when_all_of_it_have_refused() {
    let mut kit = kit(number(&[&[ANN, BEN], &[DESK]]));
    kit.incoming(call("carl@x"));
    let (ann, ben) = (kit.expect_open(), kit.expect_open());
    kit.answer(&ann, StatusCode::BUSY_HERE);
    kit.expect_nothing();
    kit.answer(&ben, StatusCode::DECLINE);
    assert_eq!(kit.expect_open().request_uri(), DESK);
}

#[test]
fn an_agent_who_talks_is_not_called_again() {
    let mut kit = kit(number(&[&[ANN], &[BEN]]));
    let carl = kit.incoming(call("carl@x"));
    talk(&mut kit, carl);
    let dora = kit.incoming(call("dora@x"));
    let ben = talk(&mut kit, dora);
    assert_eq!(ben.request_uri(), BEN);
    let emil = kit.incoming(call("emil@x"));
    let refused = kit.expect_response(emil, StatusCode::BUSY_HERE);
    assert_eq!(refused.reason(), Some("all agents are busy"));
    kit.hang_up(carl);
    kit.expect_send(LegId::new(2), Method::Bye);
    kit.incoming(call("emil@x"));
    assert_eq!(kit.expect_open().request_uri(), ANN);
}

fn with_queue() -> Number {
    Number {
        queue: 2,
        wait: Duration::from_secs(30),
        ..number(&[&[ANN]])
    }
}

#[test]
fn callers_wait_their_turn_and_are_told_their_place() {
    let mut kit = kit(with_queue());
    let carl = kit.incoming(call("carl@x"));
    let ann = talk(&mut kit, carl);
    let dora = kit.incoming(call("dora@x"));
    waits(&mut kit, dora, 1);
    let emil = kit.incoming(call("emil@x"));
    waits(&mut kit, emil, 2);
    let fred = kit.incoming(call("fred@x"));
    kit.expect_response(fred, StatusCode::BUSY_HERE);
    kit.hang_up(ann.leg);
    kit.expect_send(carl, Method::Bye);
    let again = kit.expect_open();
    assert_eq!((again.request_uri(), again.from()), (ANN, "dora@x"));
    is_at(&mut kit, emil, 1);
    kit.answer(&again, StatusCode::OK);
    kit.expect_response(dora, StatusCode::OK);
    kit.hang_up(emil);
    kit.hang_up(dora);
    kit.expect_send(again.leg, Method::Bye);
    kit.assert_finished();
}

#[test]
fn who_leaves_the_queue_moves_the_others_up() {
    let mut kit = kit(with_queue());
    let carl = kit.incoming(call("carl@x"));
    talk(&mut kit, carl);
    let dora = kit.incoming(call("dora@x"));
    waits(&mut kit, dora, 1);
    let emil = kit.incoming(call("emil@x"));
    waits(&mut kit, emil, 2);
    kit.hang_up(dora);
    is_at(&mut kit, emil, 1);
    kit.lose(emil);
    kit.expect_nothing();
}

#[test]
fn nobody_waits_longer_than_he_may() {
    let mut kit = kit(with_queue());
    let carl = kit.incoming(call("carl@x"));
    talk(&mut kit, carl);
    let dora = kit.incoming(call("dora@x"));
    waits(&mut kit, dora, 1);
    kit.advance(Duration::from_secs(29));
    kit.expect_response(dora, StatusCode::QUEUED);
    kit.advance(Duration::from_secs(1));
    let refused = kit.expect_response(dora, StatusCode::TEMPORARILY_UNAVAILABLE);
    assert_eq!(refused.reason(), Some("no agent became free"));
}

#[test]
fn an_agent_who_does_not_take_a_waiting_call_is_left_alone_for_a_while() {
    let mut kit = kit(with_queue());
    let carl = kit.incoming(call("carl@x"));
    let ann = talk(&mut kit, carl);
    let dora = kit.incoming(call("dora@x"));
    waits(&mut kit, dora, 1);
    kit.hang_up(ann.leg);
    kit.expect_send(carl, Method::Bye);
    let again = kit.expect_open();
    kit.answer(&again, StatusCode::DECLINE);
    waits(&mut kit, dora, 1);
    kit.advance(Duration::from_secs(9));
    kit.expect_nothing();
    kit.advance(Duration::from_secs(1));
    assert_eq!(kit.expect_open().from(), "dora@x");
}

#[test]
fn an_agent_winds_up_his_call_in_peace() {
    let mut kit = kit(Number {
        wrap_up: Duration::from_secs(8),
        ..with_queue()
    });
    let carl = kit.incoming(call("carl@x"));
    let ann = talk(&mut kit, carl);
    kit.hang_up(ann.leg);
    kit.expect_send(carl, Method::Bye);
    let dora = kit.incoming(call("dora@x"));
    waits(&mut kit, dora, 1);
    kit.advance(Duration::from_secs(7));
    kit.expect_nothing();
    kit.advance(Duration::from_secs(1));
    let ann = talk(&mut kit, dora);
    kit.hang_up(dora);
    kit.expect_send(ann.leg, Method::Bye);
    assert!(!kit.is_over(), "Ann winds up");
    kit.advance(Duration::from_secs(8));
    kit.assert_finished();
}

#[test]
fn what_no_agent_takes_goes_to_the_overflow() {
    let mut kit = kit(Number {
        overflow: Some(DESK.to_owned()),
        ..number(&[&[ANN]])
    });
    let carl = kit.incoming(call("carl@x"));
    let ann = kit.expect_open();
    kit.answer(&ann, StatusCode::DECLINE);
    let desk = talk(&mut kit, carl);
    assert_eq!(desk.request_uri(), DESK);
    kit.hang_up(carl);
    kit.expect_send(desk.leg, Method::Bye);
    kit.assert_finished();
}

#[test]
fn an_agent_who_hands_the_caller_on_is_free_again() {
    let mut kit = kit(number(&[&[ANN]]));
    let carl = kit.incoming(call("carl@x"));
    let ann = talk(&mut kit, carl);
    let mut refer = Request::new(Method::Refer, SALES, ANN, SALES);
    assert!(refer.set_extension("Refer-To", "\"desk@example.com\"").is_ok());
    kit.request(ann.leg, refer);
    kit.expect_response(ann.leg, StatusCode::ACCEPTED);
    let trying = kit.expect_send(ann.leg, Method::Notify);
    kit.answer(&trying, StatusCode::OK);
    let desk = kit.expect_open();
    kit.answer(&desk, StatusCode::OK);
    let again = kit.expect_send(carl, Method::Invite);
    // The first time it meets something that is asked from there.
    kit.answer(&again, StatusCode::REQUEST_PENDING);
    kit.advance(Duration::from_secs(4));
    let again = kit.expect_send(carl, Method::Invite);
    kit.answer(&again, StatusCode::OK);
    kit.expect_send(carl, Method::Ack);
    kit.expect_send(desk.leg, Method::Ack);
    let done = kit.expect_send(ann.leg, Method::Notify);
    kit.expect_send(ann.leg, Method::Bye);
    kit.answer(&done, StatusCode::OK);
    let dora = kit.incoming(call("dora@x"));
    assert_eq!(talk(&mut kit, dora).request_uri(), ANN);
    kit.hang_up(desk.leg);
    kit.expect_send(carl, Method::Bye);
    kit.expect_nothing();
}

#[test]
fn the_router_may_ask_for_all_agents_at_once() {
    let mut kit = TestKit::new(Hunt::default());
    let mut request = call("carl@x");
    request.set_route("hunt.example.com;type=hunt;all, ann@example.com, ben@example.com");
    kit.incoming(request);
    assert_eq!(
        (kit.expect_open().request_uri(), kit.expect_open().request_uri()),
        (ANN, BEN)
    );
}

#[test]
fn only_configured_numbers_have_a_key() {
    let hunt = Hunt::new(Settings {
        numbers: [(SALES.to_owned(), number(&[&[ANN]]))].into(),
        ..Settings::default()
    });
    let key = |uri: &str| hunt.key(&Request::new(Method::Invite, uri, ANN, uri));
    assert_eq!(key("sales@EXAMPLE.com").as_deref(), Some(SALES));
    assert_eq!(key("other@example.com"), None);
}

#[test]
fn a_hunt_that_was_loaded_has_its_numbers_from_its_settings() {
    let config = r#"{"numbers":{"sales@example.com":{"agents":["ann@example.com"],"queue":1}}}"#;
    let hunt = Hunt::default();
    assert_eq!(hunt.key_by(&call("carl@x"), config).as_deref(), Some(SALES));
    assert_eq!(hunt.key_by(&call("carl@x"), "{}"), None);
    let mut kit = TestKit::new(hunt).configured(config);
    let carl = kit.incoming(call("carl@x"));
    let ann = talk(&mut kit, carl);
    assert_eq!(ann.request_uri(), ANN);
    let dora = kit.incoming(call("dora@x"));
    waits(&mut kit, dora, 1);
}
