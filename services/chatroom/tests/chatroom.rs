//! The chat room service with the author's test kit.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use strowger_chatroom::{Chatroom, Settings};
use strowger_service::jsip::{Method, Request, Response, StatusCode};
use strowger_service::testkit::{Sent, TestKit};
use strowger_service::{HttpRequest, LegId, Service as _};

const ROOM: &str = "room:888@example.com";
const ANN: &str = "ann@example.com";
const BEN: &str = "ben@example.com";
const CARL: &str = "carl@example.com";

fn kit() -> TestKit {
    with(Settings::default())
}

fn with(settings: Settings) -> TestKit {
    TestKit::new(Chatroom::new(settings)).named("chatroom")
}

fn request(method: Method, user: &str) -> Request {
    let mut request = Request::new(method, ROOM, user, ROOM);
    request.set_asserted_identity(user);
    request
}

fn subscribe(user: &str, seconds: u64) -> Request {
    let mut request = request(Method::Subscribe, user);
    request.set_expires(seconds);
    request
}

fn watch(user: &str) -> Request {
    let mut request = subscribe(user, 600);
    request.set_event("chat");
    request
}

fn message(user: &str, text: &str) -> Request {
    let mut request = request(Method::Message, user);
    request.set_body_str(text);
    request
}

#[track_caller]
fn accepted(kit: &mut TestKit, request: Request) -> LegId {
    let leg = kit.incoming(request);
    kit.expect_response(leg, StatusCode::OK);
    leg
}

#[track_caller]
fn refused(kit: &mut TestKit, request: Request, code: StatusCode, reason: &str) {
    let leg = kit.incoming(request);
    assert_eq!(kit.expect_response(leg, code).reason(), Some(reason));
}

#[track_caller]
fn gets(kit: &mut TestKit, user: &str, text: &str) -> Sent {
    let sent = kit.expect_open();
    assert_eq!((sent.request_uri(), sent.method()), (user, Method::Message));
    assert_eq!(sent.body_str().as_deref(), Some(text));
    sent
}

#[track_caller]
fn is_told(kit: &mut TestKit, user: &str, body: &str) -> Sent {
    let sent = kit.expect_open();
    assert_eq!(
        (sent.request_uri(), sent.method(), sent.event()),
        (user, Method::Notify, Some("chat"))
    );
    assert_eq!(sent.body(), Some(body));
    sent
}

#[test]
fn a_message_goes_to_all_other_members_as_it_was_said() {
    let mut kit = kit();
    for user in [ANN, BEN, CARL] {
        accepted(&mut kit, subscribe(user, 600));
    }
    let mut said = message(ANN, "hello");
    said.set_from("Ann <3");
    said.set_route("chatroom.example.com;type=chatroom");
    said.set_extension("X-Mood", "[1.50]").unwrap();
    accepted(&mut kit, said);
    for user in [BEN, CARL] {
        let got = gets(&mut kit, user, "hello");
        assert_eq!(
            (got.from(), got.to(), got.asserted_identity()),
            ("Ann <3", ROOM, Some(ANN))
        );
        assert_eq!((got.extension("X-Mood"), got.route()), (Some("[1.50]"), None));
        kit.answer(&got, StatusCode::OK);
    }
    kit.expect_nothing();
}

#[test]
fn what_is_missing_is_named() {
    let mut kit = kit();
    let bad = StatusCode::BAD_REQUEST;
    refused(&mut kit, request(Method::Subscribe, ANN), bad, "No Expire");
    let mut nobody = Request::new(Method::Subscribe, ROOM, ANN, ROOM);
    nobody.set_expires(9);
    let mut kit = with(Settings::default());
    refused(&mut kit, nobody, bad, "No P-Asserted-Identity");
    let mut kit = with(Settings::default());
    refused(
        &mut kit,
        Request::new(Method::Message, ROOM, ANN, ROOM),
        bad,
        "No P-Asserted-Identity",
    );
    kit.assert_finished();
}

#[test]
fn who_is_no_member_and_what_is_no_room_gets_404() {
    for request in [message(ANN, "x"), subscribe(ANN, 0)] {
        let mut kit = kit();
        refused(&mut kit, request.clone(), StatusCode::NOT_FOUND, "Room Not Exist");
        kit.assert_finished();
        let mut kit = with(Settings::default());
        accepted(&mut kit, subscribe(BEN, 600));
        refused(&mut kit, request, StatusCode::NOT_FOUND, "User Not Exist");
    }
}

#[test]
fn the_room_ends_with_its_last_member() {
    let mut kit = kit();
    accepted(&mut kit, subscribe(ANN, 600));
    accepted(&mut kit, subscribe(BEN, 600));
    accepted(&mut kit, subscribe(ANN, 0));
    assert!(!kit.is_over());
    accepted(&mut kit, subscribe(BEN, 0));
    kit.assert_finished();
}

#[test]
fn coming_leaving_and_expiry_are_told_to_those_who_asked() {
    let mut kit = kit();
    accepted(&mut kit, watch(ANN));
    accepted(&mut kit, subscribe(CARL, 600));
    let told = is_told(
        &mut kit,
        ANN,
        r#"{"state":"joined","user":"carl@example.com","members":2}"#,
    );
    accepted(&mut kit, subscribe(BEN, 20));
    kit.answer(&told, StatusCode::OK);
    let told = is_told(
        &mut kit,
        ANN,
        r#"{"state":"joined","user":"ben@example.com","members":3}"#,
    );
    kit.answer(&told, StatusCode::OK);
    accepted(&mut kit, subscribe(CARL, 0));
    let told = is_told(
        &mut kit,
        ANN,
        r#"{"state":"left","user":"carl@example.com","members":2}"#,
    );
    kit.answer(&told, StatusCode::OK);
    kit.advance(Duration::from_secs(19));
    kit.expect_nothing();
    kit.advance(Duration::from_secs(1));
    is_told(
        &mut kit,
        ANN,
        r#"{"state":"expired","user":"ben@example.com","members":1}"#,
    );
}

#[test]
fn a_refresh_prolongs_and_says_how_long() {
    let mut kit = kit();
    accepted(&mut kit, subscribe(ANN, 600));
    let leg = kit.incoming(subscribe(BEN, 100_000));
    assert_eq!(
        kit.expect_response(leg, StatusCode::OK).extension("Expire"),
        Some("3600")
    );
    kit.advance(Duration::from_secs(599));
    accepted(&mut kit, subscribe(ANN, 60));
    kit.advance(Duration::from_secs(59));
    accepted(&mut kit, message(ANN, "still here"));
    let got = gets(&mut kit, BEN, "still here");
    kit.answer(&got, StatusCode::OK);
    kit.advance(Duration::from_secs(1));
    refused(
        &mut kit,
        message(ANN, "x"),
        StatusCode::NOT_FOUND,
        "User Not Exist",
    );
}

#[test]
fn who_comes_later_is_told_what_was_said_before() {
    let mut kit = with(Settings {
        history: 2,
        ..Settings::default()
    });
    accepted(&mut kit, subscribe(ANN, 600));
    for text in ["one", "two", "three"] {
        accepted(&mut kit, message(ANN, text));
    }
    accepted(&mut kit, watch(BEN));
    for text in ["two", "three"] {
        let body = format!(
            r#"{{"state":"history","from":"ann@example.com","user":"ann@example.com","body":"{text}"}}"#
        );
        let told = is_told(&mut kit, BEN, &body);
        kit.answer(&told, StatusCode::OK);
    }
    kit.expect_nothing();
    accepted(&mut kit, message(ANN, "four"));
    gets(&mut kit, BEN, "four");
    accepted(&mut kit, subscribe(CARL, 600));
    kit.expect_nothing();
}

#[test]
fn rooms_that_were_loaded_have_their_bounds_from_the_settings() {
    let mut kit = kit().configured(r#"{"history":1,"subscription":60}"#);
    let leg = kit.incoming(subscribe(ANN, 600));
    let granted = kit.expect_response(leg, StatusCode::OK);
    assert_eq!(granted.extension("Expire"), Some("60"));
    for text in ["one", "two"] {
        accepted(&mut kit, message(ANN, text));
    }
    accepted(&mut kit, watch(BEN));
    let body = r#"{"state":"history","from":"ann@example.com","user":"ann@example.com","body":"two"}"#;
    is_told(&mut kit, BEN, body);
    kit.expect_nothing();
}

#[test]
fn a_member_who_does_not_answer_is_tried_again_until_his_subscription_is_over() {
    let mut kit = kit().offline(BEN);
    accepted(&mut kit, subscribe(ANN, 600));
    accepted(&mut kit, subscribe(BEN, 10));
    accepted(&mut kit, message(ANN, "ben?"));
    for pause in [1, 2, 4] {
        gets(&mut kit, BEN, "ben?");
        kit.expect_nothing();
        kit.advance(Duration::from_secs(pause));
    }
    gets(&mut kit, BEN, "ben?");
    kit.advance(Duration::from_secs(30));
    kit.expect_nothing();
    refused(
        &mut kit,
        subscribe(BEN, 0),
        StatusCode::NOT_FOUND,
        "User Not Exist",
    );
}

#[test]
fn a_member_who_refreshes_is_tried_again_at_once_and_gets_all_in_order() {
    let mut kit = kit();
    accepted(&mut kit, subscribe(ANN, 600));
    accepted(&mut kit, subscribe(BEN, 600));
    accepted(&mut kit, message(ANN, "one"));
    let lost = gets(&mut kit, BEN, "one");
    accepted(&mut kit, message(ANN, "two"));
    kit.answer(&lost, StatusCode::TEMPORARILY_UNAVAILABLE);
    kit.expect_nothing();
    accepted(&mut kit, subscribe(BEN, 600));
    for text in ["one", "two"] {
        let got = gets(&mut kit, BEN, text);
        kit.answer(&got, StatusCode::OK);
    }
    kit.expect_nothing();
}

#[test]
fn who_refuses_a_message_has_got_it() {
    let mut kit = kit();
    accepted(&mut kit, subscribe(ANN, 600));
    accepted(&mut kit, subscribe(BEN, 600));
    accepted(&mut kit, message(ANN, "one"));
    let got = gets(&mut kit, BEN, "one");
    kit.answer(&got, StatusCode::DECLINE);
    kit.advance(Duration::from_secs(100));
    kit.expect_nothing();
}

#[test]
fn a_slow_member_delays_no_one_and_is_told_what_he_lost() {
    let mut kit = with(Settings {
        queue: 3,
        ..Settings::default()
    });
    accepted(&mut kit, subscribe(ANN, 600));
    accepted(&mut kit, watch(BEN));
    accepted(&mut kit, subscribe(CARL, 600));
    let slow = is_told(
        &mut kit,
        BEN,
        r#"{"state":"joined","user":"carl@example.com","members":3}"#,
    );
    for text in ["one", "two", "three", "four", "five"] {
        accepted(&mut kit, message(ANN, text));
        let got = gets(&mut kit, CARL, text);
        kit.answer(&got, StatusCode::OK);
    }
    kit.answer(&slow, StatusCode::OK);
    let told = is_told(&mut kit, BEN, r#"{"state":"lost","count":2}"#);
    kit.answer(&told, StatusCode::OK);
    for text in ["three", "four", "five"] {
        let got = gets(&mut kit, BEN, text);
        kit.answer(&got, StatusCode::OK);
    }
    kit.expect_nothing();
}

#[test]
fn a_room_has_bounds() {
    let mut kit = with(Settings {
        members: 1,
        message_bytes: 300,
        ..Settings::default()
    });
    accepted(&mut kit, subscribe(ANN, 600));
    refused(
        &mut kit,
        subscribe(BEN, 600),
        StatusCode::SERVICE_UNAVAILABLE,
        "Room Full",
    );
    let long = message(ANN, &"x".repeat(300));
    refused(
        &mut kit,
        long,
        StatusCode::REQUEST_ENTITY_TOO_LARGE,
        "Message Too Long",
    );
    let call = kit.incoming(request(Method::Invite, BEN));
    kit.expect_response(call, StatusCode::NOT_IMPLEMENTED);
}

#[test]
fn the_key_is_the_room_whatever_the_case_of_its_host() {
    let room = Chatroom::default();
    let key = |uri: &str| room.key(&Request::new(Method::Message, uri, ANN, uri));
    assert_eq!(key("room:888@Example.COM;x=1").as_deref(), Some(ROOM));
    assert_ne!(key("Room:888@example.com").as_deref(), Some(ROOM));
    assert_eq!(key("a@b@c"), None);
}

#[test]
fn what_a_member_sends_on_the_leg_of_a_message_gets_481() {
    let mut kit = kit();
    accepted(&mut kit, subscribe(ANN, 600));
    accepted(&mut kit, subscribe(BEN, 600));
    accepted(&mut kit, message(ANN, "one"));
    let got = gets(&mut kit, BEN, "one");
    kit.request(got.leg, Request::new(Method::Message, ROOM, BEN, ROOM));
    kit.expect_response(got.leg, StatusCode::NO_SUCH_SESSION);
    kit.respond(&got, Response::to(&got, StatusCode::OK));
    kit.expect_nothing();
}

#[test]
fn a_room_keeps_its_members_and_what_they_wait_for_across_an_upgrade() {
    let mut kit = kit();
    accepted(&mut kit, watch(ANN));
    accepted(&mut kit, watch(BEN));
    let told = is_told(
        &mut kit,
        ANN,
        r#"{"state":"joined","user":"ben@example.com","members":2}"#,
    );
    kit.upgrade(Chatroom::default()).unwrap();

    // What was under way goes on, and everybody is where he was.
    kit.answer(&told, StatusCode::OK);
    accepted(&mut kit, message(BEN, "before"));
    let first = gets(&mut kit, ANN, "before");
    accepted(&mut kit, message(BEN, "waits"));
    kit.expect_nothing();
    kit.upgrade(Chatroom::default()).unwrap();
    kit.answer(&first, StatusCode::OK);
    gets(&mut kit, ANN, "waits");
    assert_eq!(kit.failure(), None);
}

#[test]
fn subscriptions_run_out_across_an_upgrade() {
    let mut kit = kit();
    accepted(&mut kit, subscribe(ANN, 60));
    kit.upgrade(Chatroom::default()).unwrap();
    kit.advance(Duration::from_secs(60));
    kit.assert_finished();
}

#[test]
fn a_room_stays_as_it_is_where_another_version_does_not_take_it_over() {
    let mut kit = kit();
    accepted(&mut kit, subscribe(ANN, 60));
    assert!(kit.upgrade(Deaf).is_err());
    accepted(&mut kit, subscribe(BEN, 60));
    accepted(&mut kit, message(ANN, "still here"));
    gets(&mut kit, BEN, "still here");
    for other in ["", "{}", r#"{"form":2}"#] {
        assert!(Chatroom::default().restore(other.as_bytes()).is_none());
    }
}

struct Deaf;

impl strowger_service::Service for Deaf {
    fn start(&self) -> Box<dyn strowger_service::Instance> {
        unreachable!("nobody starts it")
    }
}

#[track_caller]
fn asks(kit: &mut TestKit, method: &str, path: &str, status: u16) -> serde_json::Value {
    let id = kit.http(HttpRequest::new(method, path));
    let response = kit.expect_http(id, status);
    serde_json::from_slice(&response.body).unwrap_or_default()
}

#[test]
fn an_operator_sees_the_rooms_and_who_is_in_one() {
    let mut kit = kit();
    accepted(&mut kit, subscribe(ANN, 600));
    accepted(&mut kit, watch(BEN));
    kit.advance(Duration::from_secs(10));
    let rooms = asks(&mut kit, "GET", "/rooms", 200);
    assert_eq!(
        rooms,
        serde_json::json!({ "rooms": [{ "room": ROOM, "members": 2 }], "all": true })
    );
    let room = asks(&mut kit, "GET", &format!("/rooms/{ROOM}"), 200);
    assert_eq!(
        room["members"][0],
        serde_json::json!({
            "user": ANN, "event": null, "expires_in": 590, "answers": true,
        })
    );
    assert_eq!(
        (&room["members"][1]["user"], &room["members"][1]["event"]),
        (&BEN.into(), &"chat".into())
    );
    asks(&mut kit, "POST", "/rooms", 405);
    asks(&mut kit, "GET", "/elsewhere", 404);
}

#[test]
fn who_is_removed_is_told_and_so_are_the_others() {
    let mut kit = kit();
    accepted(&mut kit, watch(ANN));
    accepted(&mut kit, watch(BEN));
    is_told(
        &mut kit,
        ANN,
        r#"{"state":"joined","user":"ben@example.com","members":2}"#,
    );
    asks(&mut kit, "DELETE", &format!("/rooms/{ROOM}/members/{CARL}"), 404);
    asks(&mut kit, "DELETE", &format!("/rooms/{ROOM}/members/{BEN}"), 204);
    is_told(
        &mut kit,
        BEN,
        r#"{"state":"removed","user":"ben@example.com","members":1}"#,
    );
    refused(
        &mut kit,
        message(BEN, "still here"),
        StatusCode::NOT_FOUND,
        "User Not Exist",
    );
    let room = asks(&mut kit, "GET", &format!("/rooms/{ROOM}"), 200);
    assert_eq!(room["members"].as_array().unwrap().len(), 1);
}

#[test]
fn a_room_that_nobody_is_in_is_in_no_list() {
    let mut kit = kit();
    accepted(&mut kit, subscribe(ANN, 600));
    accepted(&mut kit, subscribe(ANN, 0));
    kit.assert_finished();
    kit.restart();
    let rooms = asks(&mut kit, "GET", "/rooms", 200);
    assert_eq!(rooms["rooms"], serde_json::json!([]));
    kit.restart();
    asks(&mut kit, "GET", &format!("/rooms/{ROOM}"), 404);
    kit.assert_finished();
}
