//! The click-to-call service with the author's test kit.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use strowger_click2call::Click2Call;
use strowger_service::jsip::{Method, Request, Response, StatusCode};
use strowger_service::testkit::{Seen, Sent, TestKit};
use strowger_service::{FetchError, HttpRequest, HttpResponse};

const ANN: &str = "ann@example.com";
const BEN: &str = "ben@example.com";
const HOOK: &str = "https://shop.example.com/calls";
const SECOND: Duration = Duration::from_secs(1);

fn request(method: &str, path: &str, body: &str) -> HttpRequest {
    let mut request = HttpRequest::new(method, path);
    request.body = body.into();
    request
}

fn order(rest: &str) -> HttpRequest {
    let body = format!(r#"{{"from":"{ANN}","to":"{BEN}"{rest}}}"#);
    request("POST", "/calls", &body)
}

/// Orders a call; Ann is called.
#[track_caller]
fn ordered(rest: &str) -> (TestKit, String, Sent) {
    let mut kit = TestKit::new(Click2Call).named("click2call");
    let id = kit.http(order(rest));
    let response = kit.expect_http(id, 201);
    let location = &response
        .headers
        .iter()
        .find(|(name, _)| name == "location")
        .unwrap()
        .1;
    let ann = kit.expect_open();
    assert_eq!((ann.method(), ann.request_uri()), (Method::Invite, ANN));
    assert_eq!((ann.from(), ann.body()), (BEN, None));
    (kit, location.clone(), ann)
}

fn with_body(sent: &Sent, body: &str) -> Response {
    let mut response = Response::to(sent, StatusCode::OK);
    response.set_body_str(body);
    response.set_content_type("application/sdp");
    response
}

/// Ann has answered; Ben is called.
#[track_caller]
fn answered(rest: &str) -> (TestKit, String, Sent, Sent) {
    let (mut kit, call, ann) = ordered(rest);
    kit.answer(&ann, StatusCode::RINGING);
    kit.respond(&ann, with_body(&ann, "offer"));
    let ben = kit.expect_open();
    assert_eq!((ben.request_uri(), ben.from()), (BEN, ANN));
    assert_eq!(ben.body_str().as_deref(), Some("offer"));
    assert_eq!(ben.content_type(), Some("application/sdp"));
    (kit, call, ann, ben)
}

#[track_caller]
fn connected(rest: &str) -> (TestKit, String, Sent, Sent) {
    let (mut kit, call, ann, ben) = answered(rest);
    kit.answer(&ben, StatusCode::RINGING);
    kit.respond(&ben, with_body(&ben, "answer"));
    kit.expect_send(ben.leg, Method::Ack);
    let ack = kit.expect_send(ann.leg, Method::Ack);
    assert_eq!(ack.body_str().as_deref(), Some("answer"));
    (kit, call, ann, ben)
}

/// What has become of the call, as another instance says.
#[track_caller]
fn state(kit: &TestKit, call: &str) -> String {
    let key = call.replace("calls/", "call/");
    let entry = kit.store().get(&key).unwrap();
    let text = String::from_utf8(entry.value.to_vec()).unwrap();
    let (_, rest) = text.split_once(r#""state":"#).unwrap();
    rest.trim_end_matches('}').to_owned()
}

#[test]
fn the_two_are_called_one_after_the_other_and_joined() {
    let (mut kit, call, ann, ben) = connected("");
    assert_eq!(state(&kit, &call), r#""connected""#);
    kit.request(ann.leg, Request::new(Method::Info, BEN, ANN, BEN));
    let info = kit.expect_send(ben.leg, Method::Info);
    kit.answer(&info, StatusCode::OK);
    kit.expect_response(ann.leg, StatusCode::OK);
    kit.hang_up(ben.leg);
    kit.expect_send(ann.leg, Method::Bye);
    assert_eq!(state(&kit, &call), r#""ended","cause":"completed""#);
    kit.assert_finished();
}

#[test]
fn what_has_become_of_a_call_can_be_asked_and_is_forgotten_after_a_while() {
    let (mut kit, call, ann) = ordered("");
    kit.answer(&ann, StatusCode::BUSY_HERE);
    kit.assert_finished();
    let ask = |kit: &mut TestKit, status| {
        kit.restart();
        let id = kit.http(request("GET", &format!("/{call}"), ""));
        let response = kit.expect_http(id, status);
        kit.assert_finished();
        String::from_utf8(response.body).unwrap()
    };
    assert!(ask(&mut kit, 200).ends_with(r#""state":"ended","cause":"from-failed","code":486}"#));
    kit.advance(SECOND * 600);
    assert_eq!(ask(&mut kit, 404), r#"{"error":"no such call"}"#);
}

#[test]
fn an_order_that_makes_no_sense_is_refused_with_the_reason() {
    let cases = [
        (request("POST", "/calls", "{}"), 400),
        (request("GET", "/calls", ""), 405),
        (request("PUT", "/calls/1", ""), 405),
        (request("GET", "/nothing", ""), 404),
        (request("DELETE", "/calls/1", ""), 404),
    ];
    for (request, status) in cases {
        let mut kit = TestKit::new(Click2Call);
        let id = kit.http(request);
        kit.expect_http(id, status);
        kit.assert_finished();
    }
}

#[test]
fn when_the_second_does_not_come_the_first_is_sent_home() {
    let (mut kit, call, ann, ben) = answered("");
    kit.answer(&ben, StatusCode::DECLINE);
    kit.expect_send(ann.leg, Method::Ack);
    kit.expect_send(ann.leg, Method::Bye);
    assert_eq!(state(&kit, &call), r#""ended","cause":"to-failed","code":603"#);
    kit.assert_finished();
}

#[test]
fn each_rings_no_longer_than_the_order_says() {
    let (mut kit, call, ann) = ordered(r#","ring":10"#);
    kit.advance(SECOND * 9);
    kit.expect_nothing();
    kit.advance(SECOND);
    kit.expect_send(ann.leg, Method::Cancel);
    kit.answer(&ann, StatusCode::REQUEST_TERMINATED);
    assert_eq!(state(&kit, &call), r#""ended","cause":"from-failed","code":408"#);
    kit.assert_finished();

    let (mut kit, _, ann, ben) = answered(r#","ring":10"#);
    kit.advance(SECOND * 10);
    kit.expect_send(ben.leg, Method::Cancel);
    kit.expect_send(ann.leg, Method::Ack);
    kit.expect_send(ann.leg, Method::Bye);
}

#[test]
fn who_hangs_up_while_the_other_rings_ends_the_call() {
    let (mut kit, call, ann, ben) = answered("");
    kit.at_once(|kit| {
        kit.hang_up(ann.leg);
        kit.answer(&ben, StatusCode::OK);
    });
    kit.expect_send(ben.leg, Method::Ack);
    kit.expect_send(ben.leg, Method::Bye);
    assert_eq!(state(&kit, &call), r#""ended","cause":"from-left""#);
    kit.assert_finished();
}

#[test]
fn a_lost_channel_ends_the_call() {
    let (mut kit, call, ann, ben) = answered("");
    kit.lose(ann.leg);
    kit.expect_send(ben.leg, Method::Cancel);
    kit.answer(&ben, StatusCode::REQUEST_TERMINATED);
    assert_eq!(state(&kit, &call), r#""ended","cause":"from-left""#);
    kit.assert_finished();
}

/// Ann hands Ben on to Carl, who has answered.
fn handed_on() -> (TestKit, String, Sent, Sent, Sent) {
    let (mut kit, call, ann, ben) = connected("");
    let mut refer = Request::new(Method::Refer, BEN, ANN, BEN);
    refer.set_extension("Refer-To", "\"carl@example.com\"").unwrap();
    kit.request(ann.leg, refer);
    kit.expect_response(ann.leg, StatusCode::ACCEPTED);
    let notify = kit.expect_send(ann.leg, Method::Notify);
    kit.answer(&notify, StatusCode::OK);
    let carl = kit.expect_open();
    assert_eq!((carl.request_uri(), carl.from()), ("carl@example.com", BEN));
    kit.respond(&carl, with_body(&carl, "offer of carl"));
    (kit, call, ann, ben, carl)
}

#[test]
fn one_of_the_two_may_hand_the_other_on_and_the_call_is_over_when_nobody_is_left() {
    let (mut kit, call, ann, ben, carl) = handed_on();
    let again = kit.expect_send(ben.leg, Method::Invite);
    // The first time it meets something that is asked from there.
    kit.answer(&again, StatusCode::REQUEST_PENDING);
    kit.advance(SECOND * 4);
    let again = kit.expect_send(ben.leg, Method::Invite);
    kit.respond(&again, with_body(&again, "answer of ben"));
    kit.expect_send(ben.leg, Method::Ack);
    kit.expect_send(carl.leg, Method::Ack);
    let notify = kit.expect_send(ann.leg, Method::Notify);
    kit.answer(&notify, StatusCode::OK);
    kit.expect_send(ann.leg, Method::Bye);
    assert_eq!(state(&kit, &call), r#""connected""#);
    kit.hang_up(carl.leg);
    kit.expect_send(ben.leg, Method::Bye);
    assert_eq!(state(&kit, &call), r#""ended","cause":"completed""#);
    kit.assert_finished();
}

#[test]
fn a_call_that_is_ended_over_http_while_one_is_handed_on_leaves_nobody() {
    let (mut kit, call, ann, ben, carl) = handed_on();
    kit.expect_send(ben.leg, Method::Invite);
    kit.publish(&call.replace("calls/", "call/"), "end");
    let mut hung_up = Vec::new();
    while let Some(seen) = kit.next_seen() {
        if let Seen::Send(sent) = seen
            && sent.method() == Method::Bye
        {
            hung_up.push(sent.leg);
        }
    }
    hung_up.sort();
    assert_eq!(hung_up, [ann.leg, ben.leg, carl.leg]);
    assert_eq!(state(&kit, &call), r#""ended","cause":"cancelled""#);
    kit.advance(SECOND * 61);
    assert!(kit.is_over());
}

#[test]
fn a_call_can_be_ended_over_http_at_any_time() {
    let (mut kit, call, ann) = ordered("");
    let topic = call.replace("calls/", "call/");
    kit.publish(&topic, "end");
    kit.expect_send(ann.leg, Method::Cancel);
    kit.answer(&ann, StatusCode::REQUEST_TERMINATED);
    kit.assert_finished();
    assert_eq!(state(&kit, &call), r#""ended","cause":"cancelled""#);
    kit.restart();
    let id = kit.http(request("DELETE", &call, ""));
    kit.expect_http(id, 202);
    assert_eq!(kit.expect_published(), (topic, "end".to_owned()));

    let (mut kit, call, ann, ben) = answered("");
    kit.publish(&call.replace("calls/", "call/"), "end");
    kit.expect_send(ben.leg, Method::Cancel);
    kit.expect_send(ann.leg, Method::Ack);
    kit.expect_send(ann.leg, Method::Bye);

    let (mut kit, call, ann, ben) = connected("");
    kit.publish(&call.replace("calls/", "call/"), "end");
    kit.expect_send(ann.leg, Method::Bye);
    kit.expect_send(ben.leg, Method::Bye);
    kit.assert_finished();
}

#[test]
fn the_callback_is_told_each_state_in_order_and_again_until_it_answers() {
    let (mut kit, _, ann) = ordered(&format!(r#","callback":"{HOOK}""#));
    kit.respond(&ann, with_body(&ann, "offer"));
    let ben = kit.expect_open();
    let (first, told) = kit.expect_fetch();
    assert_eq!((&*told.url, &*told.method), (HOOK, "POST"));
    assert!(String::from_utf8_lossy(&told.body).contains(r#""state":"answered""#));
    kit.answer(&ben, StatusCode::BUSY_HERE);
    kit.expect_send(ann.leg, Method::Ack);
    kit.expect_send(ann.leg, Method::Bye);
    kit.expect_no_fetch();
    kit.fetched(first, Err(FetchError::TimedOut));
    kit.expect_no_fetch();
    kit.advance(SECOND);
    let (again, same) = kit.expect_fetch();
    assert_eq!(same, told);
    kit.fetched(again, Ok(HttpResponse::new(204)));
    let (last, told) = kit.expect_fetch();
    assert!(String::from_utf8_lossy(&told.body).contains(r#""cause":"to-failed""#));
    kit.fetched(last, Ok(HttpResponse::new(200)));
    kit.assert_finished();
}

#[test]
fn a_callback_that_never_answers_is_given_up() {
    let (mut kit, _, ann) = ordered(&format!(r#","callback":"{HOOK}""#));
    kit.answer(&ann, StatusCode::DECLINE);
    for pause in [1, 2, 4] {
        let (id, _) = kit.expect_fetch();
        kit.fetched(id, Ok(HttpResponse::new(500)));
        kit.advance(SECOND * pause);
    }
    let (id, _) = kit.expect_fetch();
    kit.fetched(id, Ok(HttpResponse::new(500)));
    kit.assert_finished();
    assert_eq!(kit.logs().len(), 1);

    let (mut kit, _, ann) = ordered(&format!(r#","callback":"{HOOK}""#));
    kit.answer(&ann, StatusCode::DECLINE);
    let (id, _) = kit.expect_fetch();
    kit.fetched(id, Err(FetchError::NotGranted));
    kit.assert_finished();
}
