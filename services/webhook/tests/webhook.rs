//! The webhook service with the author's test kit: the test plays the peers and the endpoint.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use strowger_service::jsip::{Method, Request, Response, StatusCode};
use strowger_service::testkit::{Sent, TestKit};
use strowger_service::{FetchError, FetchId, HttpRequest, HttpResponse, LegId};
use strowger_webhook::Webhook;

const CARL: &str = "carl@example.com";
const SHOP: &str = "shop@example.com";
const ANN: &str = "ann@example.com";
const BEN: &str = "ben@example.com";
const SECOND: Duration = Duration::from_secs(1);
const SETTINGS: &str = r#"{"url":"https://a.example.com/calls","fallback":"https://b.example.com/","secret":"0123456789abcdef"}"#;

fn kit() -> TestKit {
    TestKit::new(Webhook).named("webhook").configured(SETTINGS)
}

fn from_carl(method: Method) -> Request {
    let mut request = Request::new(method, SHOP, CARL, SHOP);
    request.set_body_str("offer");
    request
}

fn text(request: &HttpRequest) -> String {
    String::from_utf8(request.body.clone()).unwrap()
}

/// The endpoint is asked, and the question says this.
#[track_caller]
fn asked(kit: &mut TestKit, what: &[&str]) -> FetchId {
    let (id, request) = kit.expect_fetch();
    let text = text(&request);
    for part in what {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    id
}

fn says(kit: &mut TestKit, id: FetchId, actions: &str) {
    let mut response = HttpResponse::new(200);
    response.body = format!(r#"{{"actions":[{actions}]}}"#).into();
    kit.fetched(id, Ok(response));
}

/// Carl calls, and the endpoint says what to do.
#[track_caller]
fn called(actions: &str) -> (TestKit, LegId) {
    let mut kit = kit();
    let carl = kit.incoming(from_carl(Method::Invite));
    let id = asked(&mut kit, &[r#""event":"incoming","state":"waiting""#]);
    says(&mut kit, id, actions);
    (kit, carl)
}

#[track_caller]
fn rings(kit: &mut TestKit, user: &str, body: Option<&str>) -> Sent {
    let sent = kit.expect_open();
    assert_eq!(
        (sent.method(), sent.request_uri(), sent.from()),
        (Method::Invite, user, CARL)
    );
    assert_eq!(sent.body_str().as_deref(), body);
    sent
}

fn with_body(sent: &Sent, body: &str) -> Response {
    let mut response = Response::to(sent, StatusCode::OK);
    response.set_body_str(body);
    response
}

/// The call is over; the endpoint is told and has nothing more to say.
#[track_caller]
fn ends(kit: &mut TestKit) {
    let id = asked(kit, &[r#""event":"ended","state":"ended""#]);
    kit.fetched(id, Ok(HttpResponse::new(204)));
    kit.assert_finished();
}

#[test]
fn a_question_says_who_calls_whom_and_is_signed() {
    let mut kit = kit();
    kit.incoming(from_carl(Method::Invite));
    let (_, request) = kit.expect_fetch();
    assert_eq!(
        (&*request.url, &*request.method),
        ("https://a.example.com/calls", "POST")
    );
    let text = text(&request);
    let about = r#""request":{"type":"INVITE","uri":"shop@example.com","from":"carl@example.com","to":"shop@example.com","body":"offer"}}"#;
    assert!(text.ends_with(about), "{text}");
    assert!(text.starts_with(r#"{"call":""#) && text.contains(r#","step":1,"event":"incoming","#));
    let names: Vec<&str> = request.headers.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["content-type", "strowger-signature"]);
    assert!(request.headers[1].1.starts_with("sha256="));
}

#[test]
fn a_call_is_rung_answered_and_joined() {
    let (mut kit, carl) = called(r#"{"dial":{"to":"ann@example.com","ring":10}},{"bridge":{}}"#);
    let ann = rings(&mut kit, ANN, Some("offer"));
    kit.answer(&ann, StatusCode::RINGING);
    kit.expect_response(carl, StatusCode::RINGING);
    kit.respond(&ann, with_body(&ann, "answer"));
    let response = kit.expect_response(carl, StatusCode::OK);
    assert_eq!(response.body_str().as_deref(), Some("answer"));
    kit.request(carl, from_carl(Method::Ack));
    kit.expect_send(ann.leg, Method::Ack);
    kit.hang_up(carl);
    kit.expect_send(ann.leg, Method::Bye);
    ends(&mut kit);
}

#[test]
fn who_is_joined_may_hand_the_other_on_and_the_endpoint_hears_when_the_caller_is_gone() {
    let (mut kit, carl) = called(r#"{"dial":{"to":"ann@example.com"}},{"bridge":{}}"#);
    let ann = rings(&mut kit, ANN, Some("offer"));
    kit.answer(&ann, StatusCode::OK);
    kit.expect_response(carl, StatusCode::OK);
    kit.request(carl, from_carl(Method::Ack));
    kit.expect_send(ann.leg, Method::Ack);
    let mut refer = from_carl(Method::Refer);
    refer.set_extension("Refer-To", "\"ben@example.com\"").unwrap();
    kit.request(carl, refer);
    kit.expect_response(carl, StatusCode::ACCEPTED);
    let notify = kit.expect_send(carl, Method::Notify);
    kit.answer(&notify, StatusCode::OK);
    let ben = kit.expect_open();
    assert_eq!(ben.request_uri(), BEN);
    kit.respond(&ben, with_body(&ben, "his offer"));
    let again = kit.expect_send(ann.leg, Method::Invite);
    // The first time it meets something that is asked from there.
    kit.answer(&again, StatusCode::REQUEST_PENDING);
    kit.advance(SECOND * 4);
    let again = kit.expect_send(ann.leg, Method::Invite);
    kit.respond(&again, with_body(&again, "her answer"));
    kit.expect_send(ann.leg, Method::Ack);
    kit.expect_send(ben.leg, Method::Ack);
    let notify = kit.expect_send(carl, Method::Notify);
    kit.answer(&notify, StatusCode::OK);
    kit.expect_send(carl, Method::Bye);
    let id = asked(&mut kit, &[r#""event":"ended","state":"ended""#]);
    kit.fetched(id, Ok(HttpResponse::new(204)));
    kit.request(ann.leg, Request::new(Method::Info, BEN, ANN, BEN));
    let info = kit.expect_send(ben.leg, Method::Info);
    kit.answer(&info, StatusCode::OK);
    kit.expect_response(ann.leg, StatusCode::OK);
    kit.hang_up(ben.leg);
    kit.expect_send(ann.leg, Method::Bye);
    kit.expect_no_fetch();
    kit.assert_finished();
}

#[test]
fn without_a_bridge_the_endpoint_hears_who_has_answered_and_may_decide() {
    let (mut kit, carl) = called(r#"{"dial":{"to":"ann@example.com"}}"#);
    let ann = rings(&mut kit, ANN, Some("offer"));
    kit.answer(&ann, StatusCode::OK);
    let result = r#""result":{"action":"dial","user":"ann@example.com"}"#;
    let id = asked(&mut kit, &[r#""event":"done","state":"waiting""#, result]);
    says(&mut kit, id, r#"{"hangup":{"reason":"closed"}}"#);
    assert_eq!(
        kit.expect_response(carl, StatusCode::TEMPORARILY_UNAVAILABLE)
            .reason(),
        Some("closed")
    );
    kit.expect_send(ann.leg, Method::Ack);
    kit.expect_send(ann.leg, Method::Bye);
    kit.assert_finished();
}

#[test]
fn a_failed_action_drops_the_others_and_is_told_with_its_code() {
    let (mut kit, carl) = called(r#"{"dial":{"to":"ann@example.com"}},{"bridge":{}}"#);
    let ann = rings(&mut kit, ANN, Some("offer"));
    kit.answer(&ann, StatusCode::BUSY_HERE);
    let id = asked(
        &mut kit,
        &[r#""event":"failed""#, r#""result":{"action":"dial","code":486}"#],
    );
    says(&mut kit, id, r#"{"reject":{"code":600,"reason":"all busy"}}"#);
    assert_eq!(
        kit.expect_response(carl, StatusCode::BUSY_EVERYWHERE).reason(),
        Some("all busy")
    );
    kit.assert_finished();
}

#[test]
fn a_hunt_goes_through_the_users_and_ends_with_who_answers() {
    let (mut kit, carl) =
        called(r#"{"hunt":{"to":["ann@example.com","ben@example.com"],"ring":10}},{"bridge":{}}"#);
    let ann = rings(&mut kit, ANN, Some("offer"));
    kit.advance(SECOND * 10);
    kit.expect_send(ann.leg, Method::Cancel);
    let ben = rings(&mut kit, BEN, Some("offer"));
    kit.answer(&ann, StatusCode::REQUEST_TERMINATED);
    kit.answer(&ben, StatusCode::OK);
    kit.expect_response(carl, StatusCode::OK);
    kit.hang_up(ben.leg);
    kit.expect_send(carl, Method::Bye);
    ends(&mut kit);
}

#[test]
fn a_hunt_may_ring_all_together_and_fails_with_the_word_that_says_most() {
    let (mut kit, _) =
        called(r#"{"hunt":{"to":["ann@example.com","ben@example.com"],"ring":10,"together":true}}"#);
    let (ann, ben) = (
        rings(&mut kit, ANN, Some("offer")),
        rings(&mut kit, BEN, Some("offer")),
    );
    kit.answer(&ann, StatusCode::BUSY_HERE);
    kit.expect_no_fetch();
    kit.answer(&ben, StatusCode::TEMPORARILY_UNAVAILABLE);
    asked(&mut kit, &[r#""result":{"action":"hunt","code":486}"#]);
}

#[test]
fn an_answered_caller_can_be_joined_later() {
    let (mut kit, carl) = called(r#"{"answer":{"body":{"menu":1.50},"content_type":"application/json"}}"#);
    let response = kit.expect_response(carl, StatusCode::OK);
    assert_eq!(
        (response.body(), response.content_type()),
        (Some(r#"{"menu":1.50}"#), Some("application/json"))
    );
    let id = asked(&mut kit, &[r#""event":"done","state":"answered""#]);
    kit.request(carl, from_carl(Method::Ack));
    says(&mut kit, id, r#"{"dial":{"to":"ann@example.com"}},{"bridge":{}}"#);
    let ann = rings(&mut kit, ANN, None);
    kit.respond(&ann, with_body(&ann, "her offer"));
    let again = kit.expect_send(carl, Method::Invite);
    assert_eq!(again.body_str().as_deref(), Some("her offer"));
    kit.respond(&again, with_body(&again, "his answer"));
    kit.expect_send(carl, Method::Ack);
    assert_eq!(
        kit.expect_send(ann.leg, Method::Ack).body_str().as_deref(),
        Some("his answer")
    );
    kit.hang_up(carl);
    kit.expect_send(ann.leg, Method::Bye);
    ends(&mut kit);
}

#[test]
fn an_answered_caller_who_does_not_want_it_stays_with_the_endpoint() {
    let (mut kit, carl) = called(r#"{"answer":{}},{"dial":{"to":"ann@example.com"}},{"bridge":{}}"#);
    kit.expect_response(carl, StatusCode::OK);
    let ann = rings(&mut kit, ANN, None);
    kit.request(carl, from_carl(Method::Ack));
    kit.answer(&ann, StatusCode::OK);
    let again = kit.expect_send(carl, Method::Invite);
    kit.answer(&again, StatusCode::NOT_ACCEPTABLE_HERE);
    kit.expect_send(ann.leg, Method::Ack);
    kit.expect_send(ann.leg, Method::Bye);
    let id = asked(&mut kit, &[r#""result":{"action":"bridge","code":488}"#]);
    says(&mut kit, id, r#"{"dial":{"to":"ben@example.com"}}"#);
    rings(&mut kit, BEN, None);
}

#[test]
fn a_caller_on_hold_is_told_so_and_may_say_something_meanwhile() {
    let (mut kit, carl) = called(r#"{"dial":{"to":"ann@example.com"}},{"bridge":{}}"#);
    let ann = rings(&mut kit, ANN, Some("offer"));
    kit.answer(&ann, StatusCode::RINGING);
    kit.expect_response(carl, StatusCode::RINGING);
    kit.answer(&ann, StatusCode::BUSY_HERE);
    let id = asked(&mut kit, &[]);
    says(&mut kit, id, r#"{"hold":{"seconds":60}},{"reject":{}}"#);
    kit.expect_response(carl, StatusCode::QUEUED);
    kit.advance(SECOND * 20);
    kit.expect_response(carl, StatusCode::QUEUED);
    let mut info = Request::new(Method::Info, SHOP, CARL, SHOP);
    info.set_body(r#"{"key":5}"#).unwrap();
    kit.request(carl, info);
    kit.expect_response(carl, StatusCode::OK);
    let id = asked(
        &mut kit,
        &[
            r#""event":"info""#,
            r#""info":{"type":"INFO""#,
            r#""body":{"key":5}}"#,
        ],
    );
    says(&mut kit, id, r#"{"wait":{"seconds":5}},{"reject":{}}"#);
    kit.advance(SECOND * 4);
    kit.expect_nothing();
    kit.advance(SECOND);
    kit.expect_response(carl, StatusCode::DECLINE);
    kit.assert_finished();
}

#[test]
fn a_caller_who_leaves_ends_what_is_done_for_him_and_messages_may_follow() {
    let (mut kit, carl) = called(r#"{"dial":{"to":"ann@example.com"}},{"bridge":{}}"#);
    let ann = rings(&mut kit, ANN, Some("offer"));
    kit.request(carl, from_carl(Method::Cancel));
    kit.expect_send(ann.leg, Method::Cancel);
    kit.answer(&ann, StatusCode::REQUEST_TERMINATED);
    let id = asked(&mut kit, &[r#""event":"ended""#]);
    says(
        &mut kit,
        id,
        r#"{"message":{"to":"ann@example.com","body":"missed"}},{"dial":{"to":"ann@example.com"}}"#,
    );
    let message = kit.expect_open();
    assert_eq!(
        (message.method(), message.request_uri(), message.from()),
        (Method::Message, ANN, SHOP)
    );
    assert_eq!(message.body_str().as_deref(), Some("missed"));
    kit.answer(&message, StatusCode::OK);
    // There is nobody any more who could be joined with anybody.
    kit.assert_finished();
}

#[test]
fn a_caller_who_leaves_while_the_endpoint_thinks_is_gone() {
    let mut kit = kit();
    let carl = kit.incoming(from_carl(Method::Invite));
    let first = asked(&mut kit, &[]);
    kit.request(carl, from_carl(Method::Cancel));
    let second = asked(&mut kit, &[r#""step":2,"event":"ended""#]);
    says(&mut kit, first, r#"{"dial":{"to":"ann@example.com"}}"#);
    kit.expect_nothing();
    kit.fetched(second, Ok(HttpResponse::new(204)));
    kit.assert_finished();
}

#[test]
fn a_message_is_answered_and_passed_on() {
    let mut kit = kit();
    let mut said = from_carl(Method::Message);
    said.set_content_type("text/plain");
    let carl = kit.incoming(said);
    kit.expect_response(carl, StatusCode::TRYING);
    let id = asked(
        &mut kit,
        &[
            r#""request":{"type":"MESSAGE""#,
            r#""content_type":"text/plain","body":"offer""#,
        ],
    );
    says(
        &mut kit,
        id,
        r#"{"answer":{}},{"message":{"to":"ann@example.com","from":"carl@example.com"}}"#,
    );
    kit.expect_response(carl, StatusCode::OK);
    let passed = kit.expect_open();
    assert_eq!(
        (passed.request_uri(), passed.from(), passed.content_type()),
        (ANN, CARL, Some("text/plain"))
    );
    assert_eq!(passed.body_str().as_deref(), Some("offer"));
    kit.answer(&passed, StatusCode::TEMPORARILY_UNAVAILABLE);
    kit.assert_finished();
}

#[test]
fn an_endpoint_that_fails_is_asked_again_and_then_the_fallback() {
    let mut kit = kit();
    let carl = kit.incoming(from_carl(Method::Invite));
    let (mut id, first) = kit.expect_fetch();
    for pause in [1, 2] {
        kit.fetched(id, Err(FetchError::TimedOut));
        kit.expect_no_fetch();
        kit.advance(SECOND * pause);
        let (next, request) = kit.expect_fetch();
        assert_eq!(request, first);
        id = next;
    }
    kit.fetched(id, Ok(HttpResponse::new(503)));
    let (id, request) = kit.expect_fetch();
    assert_eq!(
        (&*request.url, request.body),
        ("https://b.example.com/", first.body)
    );
    says(&mut kit, id, r#"{"reject":{"code":480}}"#);
    kit.expect_response(carl, StatusCode::TEMPORARILY_UNAVAILABLE);
    kit.assert_finished();
}

#[test]
fn what_will_not_be_better_next_time_goes_to_the_fallback_at_once() {
    let bad = |body: &str| {
        let mut response = HttpResponse::new(200);
        response.body = body.into();
        response
    };
    let answers = [
        Ok(HttpResponse::new(404)),
        Err(FetchError::NotGranted),
        Ok(bad("sure!")),
        Ok(bad(r#"{"actions":[{"sing":{}}]}"#)),
    ];
    for answer in answers {
        let mut kit = kit();
        let carl = kit.incoming(from_carl(Method::Invite));
        let (id, _) = kit.expect_fetch();
        kit.fetched(id, answer);
        let (id, request) = kit.expect_fetch();
        assert_eq!(request.url, "https://b.example.com/");
        kit.fetched(id, Ok(HttpResponse::new(400)));
        let response = kit.expect_response(carl, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.reason(), Some("no instruction"));
        kit.assert_finished();
        assert_eq!(kit.logs().len(), 2);
    }
}

#[test]
fn an_answer_without_actions_ends_the_call() {
    let (mut kit, carl) = called("");
    kit.expect_response(carl, StatusCode::SERVICE_UNAVAILABLE);
    kit.assert_finished();
}

#[test]
fn what_is_not_possible_now_is_told() {
    let (mut kit, _) = called(r#"{"bridge":{}}"#);
    let result = r#""result":{"action":"bridge","reason":"not possible now"}"#;
    let id = asked(&mut kit, &[r#""event":"failed""#, result]);
    says(&mut kit, id, r#"{"answer":{}},{"reject":{}}"#);
    asked(
        &mut kit,
        &[r#""result":{"action":"reject","reason":"not possible now"}"#],
    );
}

#[test]
fn an_endpoint_that_never_comes_to_an_end_is_stopped() {
    let (mut kit, carl) = called(r#"{"bridge":{}}"#);
    for _ in 0..199 {
        let (id, _) = kit.expect_fetch();
        says(&mut kit, id, r#"{"bridge":{}}"#);
    }
    kit.expect_response(carl, StatusCode::SERVICE_UNAVAILABLE);
    kit.assert_finished();
}

#[test]
fn without_an_endpoint_calls_are_refused() {
    let mut kit = TestKit::new(Webhook);
    let carl = kit.incoming(from_carl(Method::Invite));
    let response = kit.expect_response(carl, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.reason(), Some("no endpoint is configured"));
    kit.assert_finished();
}
