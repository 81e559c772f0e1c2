use jsip::{Method, Request, Response, StatusCode};

use super::{Fork, Forked};
use crate::testkit::{Sent, TestKit};
use crate::{Context, Event, Instance, LegId, Service};

const ANSWERED: Option<&str> = Some("answered-elsewhere");

/// Rings Ann and Ben for a caller, and tells him what the fork says.
struct Office;

#[derive(Default)]
struct Call {
    caller: Option<(LegId, Request)>,
    fork: Option<Fork>,
}

impl Service for Office {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(Call::default())
    }
}

impl Instance for Call {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        if let Event::Incoming { leg, request } = event {
            let mut fork = Fork::new(request.clone());
            fork.ring("ann@x.org", cx);
            fork.ring("ben@x.org", cx);
            (self.fork, self.caller) = (Some(fork), Some((leg, request)));
            return;
        }
        let (Some(fork), Some((caller, invite))) = (&mut self.fork, &self.caller) else {
            return;
        };
        if event.leg() == Some(*caller) {
            if matches!(&event, Event::Request { request, .. } if request.method() == Method::Cancel) {
                fork.stop(None, cx);
            }
            return;
        }
        let code = match fork.handle(event, cx) {
            Forked::Nothing => return,
            Forked::Ringing(response) | Forked::Answered { response, .. } => response.code(),
            Forked::Refused(_) => StatusCode::SESSION_PROGRESS,
            Forked::Failed(response) => response.code(),
        };
        cx.respond(*caller, Response::to(invite, code));
    }
}

fn ringing() -> (TestKit, LegId, Sent, Sent) {
    let mut kit = TestKit::new(Office);
    let mut invite = Request::new(Method::Invite, "office@x.org", "carl@x.org", "office@x.org");
    invite.set_route("as.x.org;type=office");
    let carl = kit.incoming(invite);
    let (ann, ben) = (kit.expect_open(), kit.expect_open());
    assert_eq!(
        (ann.request_uri(), ben.request_uri(), ann.route()),
        ("ann@x.org", "ben@x.org", None)
    );
    (kit, carl, ann, ben)
}

#[test]
fn the_first_answer_wins_and_the_others_are_told_why_they_stop() {
    let (mut kit, carl, ann, ben) = ringing();
    kit.answer(&ann, StatusCode::RINGING);
    kit.expect_response(carl, StatusCode::RINGING);
    kit.answer(&ben, StatusCode::OK);
    let cancel = kit.expect_send(ann.leg, Method::Cancel);
    assert_eq!((cancel.reason(), cancel.request_uri()), (ANSWERED, "ann@x.org"));
    kit.expect_response(carl, StatusCode::OK);
    kit.answer(&ann, StatusCode::REQUEST_TERMINATED);
    kit.expect_nothing();
    assert!(kit.has_ended(ann.leg) && !kit.has_ended(ben.leg));
}

#[test]
fn an_answer_a_moment_later_gets_its_ack_and_a_bye() {
    let (mut kit, carl, ann, ben) = ringing();
    kit.at_once(|kit| {
        kit.answer(&ben, StatusCode::OK);
        kit.answer(&ann, StatusCode::OK);
    });
    kit.expect_response(carl, StatusCode::OK);
    kit.expect_send(ann.leg, Method::Ack);
    assert_eq!(kit.expect_send(ann.leg, Method::Bye).reason(), ANSWERED);
    assert!(kit.has_ended(ann.leg) && !kit.has_ended(ben.leg));
}

#[test]
fn it_fails_with_the_refusal_that_says_most() {
    let cases = [
        (
            StatusCode::BUSY_HERE,
            StatusCode::TEMPORARILY_UNAVAILABLE,
            StatusCode::BUSY_HERE,
        ),
        (
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::TEMPORARILY_UNAVAILABLE,
            StatusCode::TEMPORARILY_UNAVAILABLE,
        ),
        (StatusCode::DECLINE, StatusCode::BUSY_HERE, StatusCode::DECLINE),
        (
            StatusCode::BUSY_HERE,
            StatusCode::FORBIDDEN,
            StatusCode::FORBIDDEN,
        ),
    ];
    for (first, last, told) in cases {
        let (mut kit, carl, ann, ben) = ringing();
        kit.answer(&ann, first);
        kit.expect_response(carl, StatusCode::SESSION_PROGRESS);
        kit.answer(&ben, last);
        kit.expect_response(carl, told);
        kit.assert_finished();
    }
}

#[test]
fn whoever_rings_is_told_to_stop_when_nobody_wants_him() {
    let (mut kit, carl, ann, ben) = ringing();
    kit.answer(&ann, StatusCode::BUSY_HERE);
    kit.expect_response(carl, StatusCode::SESSION_PROGRESS);
    kit.request(
        carl,
        Request::new(Method::Cancel, "office@x.org", "carl@x.org", "office@x.org"),
    );
    assert_eq!(kit.expect_send(ben.leg, Method::Cancel).reason(), None);
    kit.answer(&ben, StatusCode::REQUEST_TERMINATED);
    kit.assert_finished();
}

#[test]
fn requests_of_those_who_ring_are_answered() {
    let (mut kit, carl, ann, _) = ringing();
    kit.answer(&ann, StatusCode::RINGING);
    kit.expect_response(carl, StatusCode::RINGING);
    kit.request(
        ann.leg,
        Request::new(Method::Info, "carl@x.org", "ann@x.org", "carl@x.org"),
    );
    kit.expect_response(ann.leg, StatusCode::REQUEST_PENDING);
}
