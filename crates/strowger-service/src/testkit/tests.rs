use std::time::Duration;

use jsip::{Method, Request, Response, StatusCode};

use super::TestKit;
use crate::{Context, EndCause, Event, Instance, LegId, SendError, Service};

/// Hands every event to a function.
#[derive(Clone)]
struct Does<F> {
    does: F,
    hears_completed: bool,
}

impl<F: FnMut(&Event, &mut Context<'_>) + Clone + Send + Sync + 'static> Service for Does<F> {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(self.clone())
    }

    fn hears_completed(&self) -> bool {
        self.hears_completed
    }
}

impl<F: FnMut(&Event, &mut Context<'_>)> Instance for Does<F> {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        cx.log(
            crate::LogLevel::Debug,
            format!("{event:?}").split(' ').next().unwrap_or_default(),
        );
        (self.does)(&event, cx);
    }
}

fn kit(does: impl FnMut(&Event, &mut Context<'_>) + Clone + Send + Sync + 'static) -> TestKit {
    TestKit::new(Does {
        does,
        hears_completed: true,
    })
}

fn request(method: Method) -> Request {
    Request::new(method, "bob@x.org", "alice@x.org", "bob@x.org")
}

fn heard(kit: &TestKit) -> Vec<&str> {
    kit.logs().iter().map(|(_, text)| text.as_str()).collect()
}

fn answer_ok(event: &Event, cx: &mut Context<'_>) {
    if let Event::Incoming { leg, request } = event {
        cx.respond(*leg, Response::to(request, StatusCode::OK));
    }
}

fn panic_of(run: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let panic = std::panic::catch_unwind(run).expect_err("it panics");
    panic
        .downcast_ref::<String>()
        .cloned()
        .unwrap_or_else(|| panic.downcast_ref::<&str>().unwrap().to_string())
}

#[test]
fn a_leg_of_one_transaction_ends_with_its_final_response() {
    let mut kit = kit(answer_ok);
    let leg = kit.incoming(request(Method::Message));
    kit.expect_response(leg, StatusCode::OK);
    assert_eq!(heard(&kit), ["Incoming", "Ended"]);
    kit.assert_finished();
}

#[test]
fn a_service_that_does_not_care_hears_of_no_leg_that_is_over_in_the_usual_course() {
    let mut kit = TestKit::new(Does {
        does: |event: &Event, cx: &mut Context<'_>| match event {
            Event::Incoming { .. } => drop(cx.open(request(Method::Message))),
            Event::Response { .. } => {
                cx.answer(LegId::new(1), jsip::CSeq::FIRST, StatusCode::OK, "");
            }
            _ => {}
        },
        hears_completed: false,
    });
    let leg = kit.incoming(request(Method::Message));
    let sent = kit.expect_open();
    kit.answer(&sent, StatusCode::OK);
    kit.expect_response(leg, StatusCode::OK);
    assert_eq!(heard(&kit), ["Incoming", "Response"]);
    kit.assert_finished();
}

#[test]
fn an_unexpected_message_is_named_in_the_panic() {
    let panic = panic_of(|| {
        let mut kit = kit(answer_ok);
        let leg = kit.incoming(request(Method::Message));
        kit.expect_response(leg, StatusCode::BUSY_HERE);
    });
    assert!(
        panic.contains("expected response 486 on leg 1, found response 200 on leg 1"),
        "{panic}"
    );
    let panic = panic_of(|| {
        let mut kit = kit(|_, _| {});
        kit.incoming(request(Method::Invite));
        kit.expect_open();
    });
    assert!(panic.contains("expected a new leg, found nothing"), "{panic}");
    let panic = panic_of(|| {
        let mut kit = kit(|_, _| {});
        kit.incoming(request(Method::Invite));
        kit.assert_finished();
    });
    assert!(
        panic.contains("runs on") && panic.contains("leg 1 Inviting"),
        "{panic}"
    );
}

#[test]
fn what_the_stack_keeps_from_a_service_is_a_mistake_of_the_test() {
    let panic = panic_of(|| {
        let mut kit = kit(|event, cx| {
            answer_ok(event, cx);
            cx.set_timer(Duration::from_secs(9));
        });
        let leg = kit.incoming(request(Method::Message));
        kit.request(leg, request(Method::Message));
    });
    assert!(panic.contains("leg 1 has ended (Completed)"), "{panic}");
    let panic = panic_of(|| {
        let mut kit = kit(|_, _| {});
        kit.incoming(request(Method::Info));
    });
    assert!(panic.contains("INFO begins no dialog"), "{panic}");
}

#[test]
fn timers_fire_in_the_order_of_their_time() {
    let mut kit = kit(|event, cx| match event {
        Event::Incoming { .. } => {
            for seconds in [3, 1, 2, 2] {
                cx.set_timer(Duration::from_secs(seconds));
            }
            let never = cx.set_timer(Duration::from_secs(1));
            cx.cancel_timer(never);
        }
        Event::Timer { timer } => cx.log(
            crate::LogLevel::Info,
            format!("{} at {:?}", timer.number(), cx.now()),
        ),
        _ => {}
    });
    kit.incoming(request(Method::Invite));
    kit.advance(Duration::from_secs(3));
    let fired: Vec<_> = heard(&kit)
        .into_iter()
        .filter(|line| line.contains(" at "))
        .collect();
    assert_eq!(fired, ["2 at 1s", "3 at 2s", "4 at 2s", "1 at 3s"]);
}

#[test]
fn what_is_not_answered_in_time_expires() {
    let mut kit = kit(|_, _| {});
    kit.incoming(request(Method::Message));
    kit.advance(Duration::from_secs(5));
    assert_eq!(heard(&kit), ["Incoming", "Expired", "Ended"]);
    kit.assert_finished();
}

#[test]
fn an_invite_that_is_not_answered_is_cancelled_by_the_stack() {
    let mut kit = kit(|_, _| {});
    kit.incoming(request(Method::Invite));
    kit.advance(Duration::from_secs(60));
    assert_eq!(heard(&kit), ["Incoming", "Request", "Ended"]);
    kit.assert_finished();
}

fn open_one(event: &Event, cx: &mut Context<'_>) {
    if let Event::Incoming { .. } = event {
        cx.open(request(Method::Invite));
    }
}

#[test]
fn ringing_gives_an_invite_more_time_but_not_for_ever() {
    let mut kit = kit(open_one);
    kit.incoming(request(Method::Message));
    let bob = kit.expect_open();
    kit.advance(Duration::from_secs(50));
    for _ in 0..3 {
        kit.answer(&bob, StatusCode::RINGING);
        kit.advance(Duration::from_secs(50));
        assert_eq!(kit.has_ended(bob.leg), kit.now() >= Duration::from_secs(180));
    }
}

#[test]
fn a_success_that_crosses_the_cancel_is_487_for_the_service() {
    let mut kit = kit(|event, cx| match event {
        Event::Incoming { .. } => {
            let (leg, _) = cx.open(request(Method::Invite));
            cx.send(leg, request(Method::Cancel));
        }
        Event::Response { response, .. } => assert_eq!(response.code(), StatusCode::REQUEST_TERMINATED),
        _ => {}
    });
    kit.incoming(request(Method::Subscribe));
    let bob = kit.expect_open();
    let cancel = kit.expect_send(bob.leg, Method::Cancel);
    assert_eq!(
        (cancel.cseq().get(), cancel.related_cseq()),
        (2, Some(bob.cseq()))
    );
    kit.answer(&bob, StatusCode::RINGING);
    kit.answer(&bob, StatusCode::OK);
    assert_eq!(heard(&kit), ["Incoming", "Response", "Ended"]);
}

#[test]
fn commands_that_the_stack_would_refuse_come_back() {
    let mut kit = kit(|event, cx| {
        if let Event::Incoming { leg, request: first } = event {
            cx.send(*leg, request(Method::Info));
            cx.open(request(Method::Bye));
            cx.respond(LegId::new(9), Response::to(first, StatusCode::OK));
            cx.respond(*leg, Response::to(first, StatusCode::BUSY_HERE));
            cx.respond(*leg, Response::to(first, StatusCode::OK));
        }
    });
    let leg = kit.incoming(request(Method::Invite));
    kit.expect_response(leg, StatusCode::BUSY_HERE);
    let refusals: Vec<_> = kit.refusals().iter().map(|(_, error)| error.clone()).collect();
    assert_eq!(
        refusals,
        [
            SendError::Illegal {
                method: Method::Info,
                state: "Inviting"
            },
            SendError::Illegal {
                method: Method::Bye,
                state: "new dialog"
            },
            SendError::LegEnded,
            SendError::LegEnded,
        ]
    );
    kit.assert_finished();
}

#[test]
fn hops_are_counted_and_end_with_483() {
    let mut kit = kit(open_one);
    let mut first = request(Method::Invite);
    first.set_max_forwards(1);
    kit.incoming(first.clone());
    assert_eq!(kit.expect_open().max_forwards(), Some(0));
    let mut kit = self::kit(open_one);
    first.set_max_forwards(0);
    kit.incoming(first);
    kit.expect_nothing();
    assert_eq!(heard(&kit), ["Incoming", "Response", "Ended"]);
}

#[test]
fn an_instance_that_finishes_or_fails_leaves_nobody_waiting() {
    for fails in [false, true] {
        let mut kit = kit(move |event, cx| match event {
            Event::Incoming { .. } => {
                cx.open(request(Method::Invite));
                cx.open(request(Method::Invite));
            }
            Event::Response { .. } if fails => cx.fail("broken"),
            Event::Response { .. } => cx.finish(),
            _ => {}
        });
        let alice = kit.incoming(request(Method::Invite));
        let (bob, carol) = (kit.expect_open(), kit.expect_open());
        kit.answer(&bob, StatusCode::OK);
        let code = if fails {
            StatusCode::SERVER_INTERNAL_ERROR
        } else {
            StatusCode::TEMPORARILY_UNAVAILABLE
        };
        kit.expect_response(alice, code);
        kit.expect_send(bob.leg, Method::Ack);
        kit.expect_send(bob.leg, Method::Bye);
        kit.expect_send(carol.leg, Method::Cancel);
        assert_eq!(kit.failure(), fails.then_some("broken"));
        assert!(kit.is_over());
    }
}

#[test]
fn a_relation_or_a_timer_keeps_an_instance() {
    let mut kit = kit(|event, cx| {
        answer_ok(event, cx);
        if let Event::Incoming { .. } = event {
            let relation = cx.relation();
            cx.log(crate::LogLevel::Info, relation);
        }
    });
    let leg = kit.incoming(request(Method::Message));
    kit.expect_response(leg, StatusCode::OK);
    assert!(!kit.is_over() && kit.has_ended(leg));
    assert_eq!(kit.relations(), ["relation.1"]);
    let second = kit.incoming(request(Method::Message));
    kit.expect_response(second, StatusCode::OK);
    assert_eq!(second.number(), 2);
}

#[test]
fn a_lost_channel_is_told_as_the_stack_tells_it() {
    let mut kit = kit(answer_ok);
    let leg = kit.incoming(request(Method::Invite));
    kit.expect_response(leg, StatusCode::OK);
    kit.lose(leg);
    assert_eq!(heard(&kit), ["Incoming", "Request", "Ended"]);
    let mut kit = self::kit(open_one);
    let alice = kit.incoming(request(Method::Invite));
    let bob = kit.expect_open();
    kit.lose(bob.leg);
    kit.end(alice, EndCause::ChannelLost);
    assert_eq!(heard(&kit), ["Incoming", "Response", "Ended", "Ended"]);
}

#[test]
fn what_is_forwarded_goes_on_without_the_instance() {
    let mut kit = kit(|event, cx| {
        if let Event::Incoming { leg, request } = event {
            cx.open(Request::new(
                Method::Invite,
                "carol@x.org",
                "alice@x.org",
                "carol@x.org",
            ));
            cx.set_timer(Duration::from_secs(1));
            let _ = cx.relation();
            cx.forward(*leg, request.clone());
            cx.fail("nothing is carried out behind it");
        }
    });
    let alice = kit.incoming(request(Method::Invite));
    let carol = kit.expect_open();
    kit.expect_send(carol.leg, Method::Cancel);
    let bob = kit.expect_open();
    assert_eq!(bob.request.request_uri(), "bob@x.org");
    kit.answer(&bob, StatusCode::OK);
    kit.expect_response(alice, StatusCode::OK);
    kit.advance(Duration::from_secs(2));
    kit.request(alice, request(Method::Ack));
    kit.expect_send(bob.leg, Method::Ack);
    kit.hang_up(bob.leg);
    kit.expect_send(alice, Method::Bye);
    kit.assert_finished();
    assert_eq!(heard(&kit), ["Incoming"]);
}

#[test]
fn an_instance_after_a_restart_forwards_as_the_first_did() {
    let mut kit = kit(|event, cx| {
        if let Event::Incoming { leg, request } = event {
            cx.forward(*leg, request.clone());
            cx.finish();
        }
    });
    for _ in 0..2 {
        let alice = kit.incoming(request(Method::Invite));
        let bob = kit.expect_open();
        kit.answer(&bob, StatusCode::RINGING);
        kit.expect_response(alice, StatusCode::RINGING);
        kit.restart();
    }
}

#[test]
fn what_has_come_on_the_leg_of_a_forwarded_call_is_not_lost() {
    let mut kit = kit(|event, cx| match event {
        Event::Incoming { request, .. } => {
            cx.open(request.clone());
        }
        Event::Response { response, .. } if response.code().is_final() => {
            cx.forward(LegId::new(1), request(Method::Invite));
        }
        _ => {}
    });
    let alice = kit.incoming(request(Method::Invite));
    let bob = kit.expect_open();
    kit.at_once(|kit| {
        kit.answer(&bob, StatusCode::BUSY_HERE);
        kit.request(alice, request(Method::Info));
    });
    let carol = kit.expect_open();
    // Nobody has answered yet who could take it.
    kit.expect_response(alice, StatusCode::REQUEST_PENDING);
    kit.answer(&carol, StatusCode::OK);
    kit.expect_response(alice, StatusCode::OK);
}

#[test]
fn what_is_forwarded_on_a_leg_that_has_ended_is_refused() {
    let mut kit = kit(|event, cx| match event {
        Event::Incoming { leg, request } => {
            cx.respond(*leg, Response::to(request, StatusCode::OK));
            cx.forward(*leg, request.clone());
        }
        Event::Refused { error, .. } => cx.log(crate::LogLevel::Info, error.to_string()),
        _ => {}
    });
    let leg = kit.incoming(request(Method::Message));
    kit.expect_response(leg, StatusCode::OK);
    kit.expect_nothing();
    assert_eq!(kit.refusals(), [(leg, SendError::LegEnded)]);
    assert_eq!(heard(&kit).last(), Some(&"the leg has ended"));
    kit.assert_finished();
}
