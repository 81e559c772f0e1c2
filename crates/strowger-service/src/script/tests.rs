use std::time::Duration;

use jsip::{Method, Request, Response, StatusCode};

use super::{Progress, Script, script};
use crate::testkit::TestKit;
use crate::{Event, Instance, LegId, Service};

/// A service that runs this function.
struct Plays<F>(F);

impl<F, Fut> Service for Plays<F>
where
    F: Fn(Script) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + 'static,
{
    fn start(&self) -> Box<dyn Instance> {
        script(self.0.clone())
    }
}

fn play<F, Fut>(author: F) -> TestKit
where
    F: Fn(Script) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + 'static,
{
    TestKit::new(Plays(author))
}

const SECOND: Duration = Duration::from_secs(1);

fn request(method: Method) -> Request {
    Request::new(method, "svc@x.org", "alice@x.org", "svc@x.org")
}

fn to_bob() -> Request {
    Request::new(Method::Invite, "bob@x.org", "alice@x.org", "bob@x.org")
}

async fn first(call: &Script) -> (LegId, Request) {
    match call.next().await {
        Event::Incoming { leg, request } => (leg, request),
        other => panic!("{other:?}"),
    }
}

/// Logs what becomes of a call to Bob who may ring for ten seconds, then waits for ever.
async fn dial_and_tell(call: Script) {
    let (caller, _) = first(&call).await;
    let mut dial = call.dial(caller, to_bob(), SECOND * 10);
    loop {
        let progress = dial.next().await;
        let text = match &progress {
            Progress::Ringing(response) => format!("ringing {}", response.code().as_u16()),
            Progress::Answered(response) => format!("answered {}", response.code().as_u16()),
            Progress::Failed(response) => format!("failed {}", response.code().as_u16()),
            Progress::NoAnswer => "no answer".to_owned(),
            Progress::CallerGone => "caller gone".to_owned(),
        };
        call.with(|cx| cx.log(crate::LogLevel::Info, text));
        if !matches!(progress, Progress::Ringing(_)) {
            break;
        }
    }
    tell_all(&call).await;
}

/// Logs every further event.
async fn tell_all(call: &Script) {
    loop {
        let text = match call.next().await {
            Event::Ended { leg, .. } => format!("ended {}", leg.number()),
            Event::Request { leg, request } => format!("{} {}", request.method(), leg.number()),
            other => format!("{other:?}"),
        };
        call.with(|cx| cx.log(crate::LogLevel::Info, text));
    }
}

fn told(kit: &TestKit) -> Vec<&str> {
    kit.logs().iter().map(|(_, text)| text.as_str()).collect()
}

#[test]
fn a_future_that_returns_finishes_the_instance() {
    let mut kit = play(|call| async move {
        let (leg, request) = first(&call).await;
        call.respond(leg, Response::to(&request, StatusCode::OK));
    });
    let leg = kit.incoming(request(Method::Invite));
    kit.expect_response(leg, StatusCode::OK);
    kit.expect_send(leg, Method::Bye);
    kit.assert_finished();
}

#[test]
fn sleep_wakes_in_time_and_loses_nothing() {
    let mut kit = play(|call| async move {
        let (leg, _) = first(&call).await;
        call.sleep(SECOND).await;
        let Event::Request { request, .. } = call.next().await else {
            panic!("no request")
        };
        call.respond(leg, Response::to(&request, StatusCode::OK));
        tell_all(&call).await;
    });
    let leg = kit.incoming(request(Method::Invite));
    kit.request(leg, request(Method::Info));
    kit.advance(SECOND - Duration::from_millis(1));
    kit.expect_nothing();
    kit.advance(Duration::from_millis(1));
    kit.expect_response(leg, StatusCode::OK);
}

#[test]
fn next_within_gives_the_event_or_nothing() {
    let mut kit = play(|call| async move {
        let (leg, invite) = first(&call).await;
        assert!(call.next_within(SECOND).await.is_none());
        call.respond(leg, Response::to(&invite, StatusCode::RINGING));
        assert!(matches!(
            call.next_within(SECOND).await,
            Some(Event::Request { .. })
        ));
        call.respond(leg, Response::to(&invite, StatusCode::OK));
        tell_all(&call).await;
    });
    let leg = kit.incoming(request(Method::Invite));
    kit.advance(SECOND);
    kit.expect_response(leg, StatusCode::RINGING);
    kit.request(leg, request(Method::Info));
    kit.expect_response(leg, StatusCode::OK);
    kit.advance(SECOND * 2);
    assert!(told(&kit).is_empty(), "the timer that was not needed is gone");
}

#[test]
fn a_wait_that_is_dropped_leaves_no_timer() {
    let mut kit = play(|call| async move {
        let _ = first(&call).await;
        {
            let mut sleep = Box::pin(call.sleep(SECOND));
            std::future::poll_fn(|cx| {
                let _ = sleep.as_mut().poll(cx);
                std::task::Poll::Ready(())
            })
            .await;
        }
        tell_all(&call).await;
    });
    kit.incoming(request(Method::Invite));
    kit.advance(SECOND * 2);
    assert!(told(&kit).is_empty());
}

#[test]
fn a_dial_rings_and_is_answered() {
    let mut kit = play(dial_and_tell);
    kit.incoming(request(Method::Invite));
    let bob = kit.expect_open();
    kit.answer(&bob, StatusCode::RINGING);
    kit.answer(&bob, StatusCode::OK);
    kit.advance(SECOND * 20);
    assert_eq!(told(&kit), ["ringing 180", "answered 200"]);
    kit.expect_nothing();
}

#[test]
fn a_dial_that_fails_leaves_no_events_behind() {
    let mut kit = play(dial_and_tell);
    kit.incoming(request(Method::Invite));
    let bob = kit.expect_open();
    kit.answer(&bob, StatusCode::BUSY_HERE);
    kit.advance(SECOND * 20);
    assert_eq!(told(&kit), ["failed 486"]);
}

#[test]
fn a_dial_to_nobody_fails_with_480() {
    let mut kit = play(dial_and_tell).offline("bob@x.org");
    kit.incoming(request(Method::Invite));
    assert_eq!(told(&kit), ["failed 480"]);
}

#[test]
fn a_dial_that_cannot_be_sent_fails() {
    let mut kit = play(|call| async move {
        let (caller, _) = first(&call).await;
        let mut invite = to_bob();
        invite.set_request_uri("a@b@c");
        let mut dial = call.dial(caller, invite, SECOND);
        let Progress::Failed(response) = dial.next().await else {
            panic!("it did not fail")
        };
        call.with(|cx| cx.log(crate::LogLevel::Info, response.reason().unwrap_or_default()));
        assert_eq!((response.from(), response.to()), ("alice@x.org", "bob@x.org"));
        tell_all(&call).await;
    });
    kit.incoming(request(Method::Invite));
    assert_eq!(told(&kit), ["header Request-URI: not a URI"]);
}

#[test]
fn a_dial_gives_up_after_the_ring_time() {
    let mut kit = play(dial_and_tell);
    kit.incoming(request(Method::Invite));
    let bob = kit.expect_open();
    kit.advance(SECOND * 10);
    kit.expect_send(bob.leg, Method::Cancel);
    kit.answer(&bob, StatusCode::REQUEST_TERMINATED);
    assert_eq!(told(&kit), ["no answer"]);
}

#[test]
fn a_dial_ends_with_its_caller_who_can_still_be_heard_of() {
    let mut kit = play(dial_and_tell);
    let alice = kit.incoming(request(Method::Invite));
    let bob = kit.expect_open();
    kit.hang_up(alice);
    kit.expect_send(bob.leg, Method::Cancel);
    assert_eq!(told(&kit), ["caller gone", "CANCEL 1", "ended 1"]);
}

#[test]
fn requests_while_it_rings_are_answered_491() {
    let mut kit = play(dial_and_tell);
    let alice = kit.incoming(request(Method::Invite));
    let bob = kit.expect_open();
    kit.request(alice, request(Method::Info));
    kit.expect_response(alice, StatusCode::REQUEST_PENDING);
    kit.answer(&bob, StatusCode::RINGING);
    kit.request(bob.leg, request(Method::Info));
    kit.expect_response(bob.leg, StatusCode::REQUEST_PENDING);
}

#[test]
fn a_dropped_dial_is_cancelled() {
    let mut kit = play(|call| async move {
        let (caller, _) = first(&call).await;
        drop(call.dial(caller, to_bob(), SECOND));
        tell_all(&call).await;
    });
    kit.incoming(request(Method::Invite));
    let bob = kit.expect_open();
    kit.expect_send(bob.leg, Method::Cancel);
    kit.answer(&bob, StatusCode::REQUEST_TERMINATED);
    kit.advance(SECOND * 5);
    assert!(told(&kit).is_empty(), "{:?}", told(&kit));
}

/// Dials, sleeps for five seconds, then looks.
async fn dial_and_sleep(call: Script) {
    let (caller, _) = first(&call).await;
    let mut dial = call.dial(caller, to_bob(), SECOND * 2);
    call.sleep(SECOND * 5).await;
    let progress = dial.next().await;
    call.with(|cx| {
        cx.log(
            crate::LogLevel::Info,
            format!("{progress:?}").split('(').next().unwrap_or_default(),
        )
    });
    tell_all(&call).await;
}

#[test]
fn an_answer_that_waits_is_not_cancelled_when_the_caller_is_gone() {
    let mut kit = play(dial_and_sleep);
    let alice = kit.incoming(request(Method::Invite));
    let bob = kit.expect_open();
    kit.hang_up(alice);
    kit.answer(&bob, StatusCode::OK);
    kit.advance(SECOND * 5);
    kit.expect_send(bob.leg, Method::Ack);
    kit.expect_send(bob.leg, Method::Bye);
    assert_eq!(told(&kit), ["CallerGone", "CANCEL 1", "ended 1"]);
    assert!(kit.refusals().is_empty());
}

#[test]
fn an_answer_that_waits_counts_although_the_ring_time_is_over() {
    let mut kit = play(dial_and_sleep);
    kit.incoming(request(Method::Invite));
    let bob = kit.expect_open();
    kit.advance(SECOND * 3);
    kit.answer(&bob, StatusCode::OK);
    kit.advance(SECOND * 2);
    assert_eq!(told(&kit), ["Answered"]);
    kit.expect_nothing();
}

#[test]
fn a_refusal_that_waits_needs_no_cancel() {
    let mut kit = play(dial_and_sleep);
    let alice = kit.incoming(request(Method::Invite));
    let bob = kit.expect_open();
    kit.answer(&bob, StatusCode::DECLINE);
    kit.hang_up(alice);
    kit.advance(SECOND * 5);
    assert_eq!(told(&kit), ["CallerGone", "CANCEL 1", "ended 1"]);
    kit.expect_nothing();
}

#[test]
fn a_dial_takes_no_event_of_another_one() {
    let mut kit = play(|call| async move {
        let (caller, _) = first(&call).await;
        let mut one = call.dial(caller, to_bob(), SECOND * 60);
        let mut two = call.dial(caller, to_bob(), SECOND * 60);
        let (one, two) = (one.next().await, two.next().await);
        assert!(matches!((one, two), (Progress::Failed(_), Progress::Answered(_))));
        call.with(|cx| cx.log(crate::LogLevel::Info, "both"));
        tell_all(&call).await;
    });
    kit.incoming(request(Method::Invite));
    let (one, two) = (kit.expect_open(), kit.expect_open());
    kit.answer(&two, StatusCode::OK);
    kit.answer(&one, StatusCode::BUSY_HERE);
    assert_eq!(told(&kit), ["both"]);
}

#[test]
fn every_dial_of_a_caller_learns_that_he_is_gone() {
    let mut kit = play(|call| async move {
        let (caller, _) = first(&call).await;
        let mut one = call.dial(caller, to_bob(), SECOND * 60);
        let mut two = call.dial(caller, to_bob(), SECOND * 60);
        assert!(matches!(
            (one.next().await, two.next().await),
            (Progress::CallerGone, Progress::CallerGone)
        ));
    });
    let alice = kit.incoming(request(Method::Invite));
    let (one, two) = (kit.expect_open(), kit.expect_open());
    kit.hang_up(alice);
    kit.expect_send(one.leg, Method::Cancel);
    kit.expect_send(two.leg, Method::Cancel);
    kit.assert_finished();
}

#[test]
fn a_script_that_takes_no_events_fails_rather_than_lose_one() {
    let mut kit = play(|call| async move { call.sleep(SECOND * 3600).await });
    let leg = kit.incoming(request(Method::Invite));
    for _ in 0..255 {
        kit.request(leg, request(Method::Info));
    }
    assert_eq!(kit.failure(), None);
    kit.request(leg, request(Method::Info));
    assert_eq!(
        kit.failure(),
        Some("256 events wait and the script takes none of them")
    );
}

#[test]
#[should_panic(expected = "the author's mistake")]
fn a_panic_passes_through() {
    play(|call| async move {
        let _ = first(&call).await;
        let _dial = call.dial(LegId::new(1), to_bob(), SECOND);
        panic!("the author's mistake");
    })
    .incoming(request(Method::Invite));
}

#[test]
fn numbers_go_on_from_event_to_event() {
    let mut kit = play(|call| async move {
        let (caller, _) = first(&call).await;
        let (leg, _) = call.with(|cx| cx.open(to_bob()));
        assert_eq!(leg.number(), caller.number() + 1);
        let _ = call.next().await;
        let (leg, _) = call.with(|cx| cx.open(to_bob()));
        assert_eq!(leg.number(), caller.number() + 2);
    });
    kit.incoming(request(Method::Invite));
    let bob = kit.expect_open();
    kit.answer(&bob, StatusCode::RINGING);
    assert_eq!(kit.expect_open().leg.number(), 3);
}

#[test]
fn a_script_has_the_store_and_the_settings_and_knows_when_the_node_ends() {
    let mut kit = play(|call: Script| async move {
        let (leg, request) = first(&call).await;
        call.with(|cx| cx.store().put("k", cx.config()).unwrap());
        assert_eq!(call.ends_at(), None);
        call.sleep(SECOND).await;
        assert_eq!(call.ends_at(), Some(SECOND * 30));
        let text = call.with(|cx| {
            let entry = cx.store().get("k").unwrap();
            format!("{} {}", String::from_utf8_lossy(&entry.value), cx.config())
        });
        let mut response = Response::to(&request, StatusCode::OK);
        response.set_reason(&text);
        call.respond(leg, response);
    })
    .configured("{\"a\":1}");
    let leg = kit.incoming(request(Method::Message));
    assert_eq!(&*kit.store().get("k").unwrap().value, b"{\"a\":1}");
    kit.configure("{\"a\":2}");
    kit.shut_down(SECOND * 30);
    kit.advance(SECOND);
    let response = kit.expect_response(leg, StatusCode::OK);
    assert_eq!(response.reason(), Some("{\"a\":1} {\"a\":2}"));
}
