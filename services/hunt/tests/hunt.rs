//! The hunt service with the author's test kit.

use std::time::Duration;

use strowger_hunt::{Hunt, MOST_AGENTS, Number, Settings};
use strowger_service::jsip::{Method, Request, Response, StatusCode};
use strowger_service::testkit::TestKit;

const ANN: &str = "ann@example.com";
const BEN: &str = "ben@example.com";

fn hunt() -> Hunt {
    let agents = vec![ANN.to_owned(), BEN.to_owned()];
    let number = Number::in_turn(agents, Duration::from_secs(10));
    Hunt::new(Settings {
        numbers: [("sales@example.com".to_owned(), number)].into(),
        ..Settings::default()
    })
}

fn invite() -> Request {
    let mut invite = Request::new(
        Method::Invite,
        "sales@example.com",
        "carl@example.com",
        "sales@example.com",
    );
    invite.set_body_str("v=0 offer");
    invite
}

#[test]
fn the_first_agent_who_answers_gets_the_call() {
    let mut kit = TestKit::new(hunt()).named("hunt");
    let carl = kit.incoming(invite());
    let ann = kit.expect_open();
    assert_eq!(
        (ann.request.request_uri(), ann.request.body_str().as_deref()),
        (ANN, Some("v=0 offer"))
    );
    kit.answer(ann.id, StatusCode::RINGING);
    kit.expect_response(carl, StatusCode::RINGING);
    kit.answer(ann.id, StatusCode::OK);
    kit.expect_response(carl, StatusCode::OK);
    kit.request(carl, Request::new(Method::Ack, ANN, "carl@example.com", ANN));
    kit.expect_send(ann.leg, Method::Ack);
    kit.hang_up(ann.leg);
    kit.expect_send(carl, Method::Bye);
    kit.assert_finished();
}

#[test]
fn a_busy_agent_is_passed_over_at_once_and_the_caller_hears_one_ringing() {
    let mut kit = TestKit::new(hunt()).named("hunt");
    let carl = kit.incoming(invite());
    let ann = kit.expect_open();
    kit.answer(ann.id, StatusCode::RINGING);
    kit.expect_response(carl, StatusCode::RINGING);
    kit.answer(ann.id, StatusCode::BUSY_HERE);
    let ben = kit.expect_open();
    assert_eq!(ben.request.request_uri(), BEN);
    kit.answer(ben.id, StatusCode::RINGING);
    kit.expect_nothing();
    kit.answer(ben.id, StatusCode::OK);
    kit.expect_response(carl, StatusCode::OK);
}

#[test]
fn an_agent_who_does_not_answer_is_cancelled_after_the_ring_time() {
    let mut kit = TestKit::new(hunt()).named("hunt");
    kit.incoming(invite());
    let ann = kit.expect_open();
    kit.advance(Duration::from_secs(9));
    kit.expect_nothing();
    kit.advance(Duration::from_secs(1));
    kit.expect_send(ann.leg, Method::Cancel);
    assert_eq!(kit.expect_open().request.request_uri(), BEN);
}

#[test]
fn when_nobody_answers_the_caller_gets_480_and_when_the_last_is_busy_486() {
    let mut kit = TestKit::new(hunt()).named("hunt");
    let carl = kit.incoming(invite());
    kit.advance(Duration::from_secs(20));
    let ann = kit.expect_open();
    kit.expect_send(ann.leg, Method::Cancel);
    let ben = kit.expect_open();
    kit.expect_response(carl, StatusCode::SESSION_PROGRESS);
    kit.expect_send(ben.leg, Method::Cancel);
    kit.expect_response(carl, StatusCode::TEMPORARILY_UNAVAILABLE);
    kit.assert_finished();

    let mut kit = TestKit::new(hunt()).named("hunt");
    let carl = kit.incoming(invite());
    for _ in 0..2 {
        let agent = kit.expect_open();
        kit.answer(agent.id, StatusCode::BUSY_HERE);
    }
    kit.expect_response(carl, StatusCode::BUSY_HERE);
    kit.assert_finished();
}

#[test]
fn a_caller_who_leaves_stops_the_hunt() {
    for lost in [false, true] {
        let mut kit = TestKit::new(hunt());
        let carl = kit.incoming(invite());
        let ann = kit.expect_open();
        if lost {
            kit.lose(carl);
        } else {
            kit.hang_up(carl);
        }
        kit.expect_send(ann.leg, Method::Cancel);
        kit.assert_finished();
    }
}

#[test]
fn an_agent_who_answers_as_the_caller_leaves_is_hung_up() {
    let mut kit = TestKit::new(hunt());
    let carl = kit.incoming(invite());
    let ann = kit.expect_open();
    kit.at_once(|kit| {
        kit.answer(&ann, StatusCode::OK);
        kit.hang_up(carl);
    });
    kit.expect_send(ann.leg, Method::Ack);
    kit.expect_send(ann.leg, Method::Bye);
    kit.assert_finished();
}

#[test]
fn an_agent_who_is_cancelled_too_late_is_hung_up_when_the_instance_ends() {
    let mut kit = TestKit::new(hunt());
    let carl = kit.incoming(invite());
    let ann = kit.expect_open();
    kit.at_once(|kit| {
        kit.hang_up(carl);
        kit.answer(&ann, StatusCode::OK);
    });
    kit.expect_send(ann.leg, Method::Ack);
    kit.expect_send(ann.leg, Method::Bye);
    kit.assert_finished();
}

#[test]
fn busy_declining_and_absent_agents_are_passed_over_at_once() {
    for code in [
        StatusCode::BUSY_HERE,
        StatusCode::DECLINE,
        StatusCode::TEMPORARILY_UNAVAILABLE,
    ] {
        let mut kit = TestKit::new(hunt());
        kit.incoming(invite());
        let ann = kit.expect_open();
        kit.answer(&ann, code);
        assert_eq!(
            (kit.expect_open().request_uri(), kit.now()),
            (BEN, Duration::ZERO)
        );
    }
    let mut kit = TestKit::new(hunt()).offline(ANN);
    kit.incoming(invite());
    kit.expect_open();
    assert_eq!(kit.expect_open().request_uri(), BEN);
}

#[test]
fn the_caller_gets_the_last_answer_that_says_something() {
    for absent in [false, true] {
        let mut kit = TestKit::new(hunt());
        if absent {
            kit = kit.offline(BEN);
        }
        let carl = kit.incoming(invite());
        let ann = kit.expect_open();
        kit.answer(&ann, StatusCode::BUSY_HERE);
        let ben = kit.expect_open();
        if !absent {
            kit.advance(Duration::from_secs(10));
            kit.expect_send(ben.leg, Method::Cancel);
        }
        kit.expect_response(carl, StatusCode::BUSY_HERE);
        kit.assert_finished();
    }
}

#[test]
fn after_the_answer_everything_is_bridged() {
    let mut kit = TestKit::new(hunt());
    let carl = kit.incoming(invite());
    let ann = kit.expect_open();
    let mut answer = Response::to(&ann, StatusCode::OK);
    answer.set_body_str("v=0 answer");
    kit.respond(&ann, answer);
    assert_eq!(
        kit.expect_response(carl, StatusCode::OK).body_str().as_deref(),
        Some("v=0 answer")
    );
    kit.request(carl, invite().with_method(Method::Ack));
    kit.expect_send(ann.leg, Method::Ack);
    let cseq = kit.request(carl, invite());
    let reinvite = kit.expect_send(ann.leg, Method::Invite);
    kit.answer(&reinvite, StatusCode::OK);
    assert_eq!(kit.expect_response(carl, StatusCode::OK).cseq(), cseq);
    kit.advance(Duration::from_secs(30));
    kit.expect_nothing();
    kit.hang_up(carl);
    kit.expect_send(ann.leg, Method::Bye);
    kit.assert_finished();
}

#[test]
fn a_number_that_is_not_configured_takes_its_agents_from_the_router() {
    let mut kit = TestKit::new(Hunt::default()).named("hunt");
    let mut request = invite();
    request.set_route("hunt.example.com;type=hunt;ring=3, ann@example.com, ben@example.com");
    kit.incoming(request);
    let ann = kit.expect_open();
    assert_eq!((ann.request.request_uri(), ann.request.route()), (ANN, None));
    kit.advance(Duration::from_secs(3));
    kit.expect_send(ann.leg, Method::Cancel);
    assert_eq!(kit.expect_open().request.request_uri(), BEN);
}

#[test]
fn a_number_without_agents_is_unavailable_and_a_message_is_refused() {
    let mut kit = TestKit::new(Hunt::default()).named("hunt");
    let carl = kit.incoming(invite());
    kit.expect_response(carl, StatusCode::TEMPORARILY_UNAVAILABLE);
    kit.assert_finished();

    let mut kit = TestKit::new(hunt()).named("hunt");
    let carl = kit.incoming(invite().with_method(Method::Message));
    kit.expect_response(carl, StatusCode::NOT_IMPLEMENTED);
    kit.assert_finished();
}

/// Numbers whose agents take 15 s each and longer than `timers.provisional` together.
fn six_agents() -> Hunt {
    let agents = (1..=6).map(|n| format!("agent{n}@example.com"));
    let number = Number::in_turn(agents, Duration::from_secs(15));
    Hunt::new(Settings {
        numbers: [("sales@example.com".to_owned(), number)].into(),
        ..Settings::default()
    })
}

#[test]
fn a_caller_is_told_again_that_it_rings_so_that_a_long_hunt_ends_in_its_own_time() {
    for rings in [true, false] {
        let mut kit = TestKit::new(six_agents());
        let carl = kit.incoming(invite());
        for round in 0..6 {
            let agent = kit.expect_open();
            if rings {
                kit.answer(&agent, StatusCode::RINGING);
                if round == 0 {
                    kit.expect_response(carl, StatusCode::RINGING);
                }
            }
            kit.advance(Duration::from_secs(15));
            // At 20, 40, 60 and 80 s.
            if [1, 2, 3, 5].contains(&round) {
                let code = if rings {
                    StatusCode::RINGING
                } else {
                    StatusCode::SESSION_PROGRESS
                };
                kit.expect_response(carl, code);
            }
            kit.expect_send(agent.leg, Method::Cancel);
        }
        kit.expect_response(carl, StatusCode::TEMPORARILY_UNAVAILABLE);
        kit.assert_finished();
        assert_eq!(kit.now(), Duration::from_secs(90));
    }
}

#[test]
fn an_agent_who_rings_silently_for_long_does_not_cost_the_caller_his_call() {
    let number = Number::in_turn([ANN.to_owned()], Duration::from_secs(70));
    let mut kit = TestKit::new(Hunt::new(Settings {
        numbers: [("sales@example.com".to_owned(), number)].into(),
        ..Settings::default()
    }));
    let carl = kit.incoming(invite());
    let ann = kit.expect_open();
    kit.advance(Duration::from_secs(59));
    kit.expect_response(carl, StatusCode::SESSION_PROGRESS);
    kit.expect_response(carl, StatusCode::SESSION_PROGRESS);
    kit.answer(&ann, StatusCode::OK);
    kit.expect_response(carl, StatusCode::OK);
}

#[test]
fn a_router_that_names_too_many_agents_is_refused_and_calls_nobody() {
    for (agents, code) in [
        (MOST_AGENTS, StatusCode::TEMPORARILY_UNAVAILABLE),
        (MOST_AGENTS + 1, StatusCode::BAD_REQUEST),
        (30_000, StatusCode::BAD_REQUEST),
    ] {
        let mut kit = TestKit::new(Hunt::default()).named("hunt").offline("a");
        let mut request = invite();
        request.set_route(&format!("hunt.example.com;type=hunt{}", ",a".repeat(agents)));
        let carl = kit.incoming(request);
        if code == StatusCode::TEMPORARILY_UNAVAILABLE {
            for _ in 0..agents {
                kit.expect_open();
            }
        }
        assert!(kit.expect_response(carl, code).reason().is_some());
        kit.assert_finished();
    }
}
