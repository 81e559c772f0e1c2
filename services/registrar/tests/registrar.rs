//! The registrar service with the author's test kit: devices, calls, presence.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use strowger_registrar::Registrar;
use strowger_service::jsip::{Method, Request, StatusCode};
use strowger_service::testkit::{Sent, TestKit};
use strowger_service::{LegId, Service as _};

const ALICE: &str = "alice@example.com";
const PHONE: &str = "alice+phone@example.com";
const TABLET: &str = "alice+tablet@example.com";
const BOB: &str = "bob@example.com";
const SECOND: Duration = Duration::from_secs(1);

fn kit() -> TestKit {
    TestKit::new(Registrar).named("registrar")
}

fn register(device: &str, seconds: u64) -> Request {
    let mut request = Request::new(Method::Register, "example.com", device, ALICE);
    request.set_expires(seconds);
    request
}

fn from_bob(method: Method) -> Request {
    let mut request = Request::new(method, ALICE, BOB, ALICE);
    request.set_body_str("offer");
    request
}

fn watch(seconds: u64) -> Request {
    let mut request = from_bob(Method::Subscribe);
    request.set_expires(seconds);
    request.set_event("presence");
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
fn is_told(kit: &mut TestKit, state: &str, devices: usize) -> Sent {
    let sent = kit.expect_open();
    assert_eq!(
        (sent.method(), sent.request_uri(), sent.event()),
        (Method::Notify, BOB, Some("presence"))
    );
    let body = format!(r#"{{"user":"{ALICE}","state":"{state}","devices":{devices}}}"#);
    assert_eq!(sent.body(), Some(&*body));
    sent
}

/// Both devices of Alice are registered.
fn two() -> TestKit {
    let mut kit = kit();
    accepted(&mut kit, register(PHONE, 600));
    accepted(&mut kit, register(TABLET, 600));
    kit
}

#[test]
fn the_answer_to_a_register_lists_the_devices_and_says_what_is_granted() {
    let mut kit = kit();
    accepted(&mut kit, register(PHONE, 60));
    kit.advance(SECOND);
    let leg = kit.incoming(register(TABLET, 90_000));
    let response = kit.expect_response(leg, StatusCode::OK);
    assert_eq!(response.extension("Expire"), Some("3600"));
    let devices = r#"[{"contact":"alice+phone@example.com","expires":59},{"contact":"alice+tablet@example.com","expires":3600}]"#;
    assert_eq!(response.body(), Some(devices));
    for device in [PHONE, TABLET] {
        accepted(&mut kit, register(device, 0));
    }
    kit.assert_finished();
}

#[test]
fn nobody_registers_a_device_of_somebody_else() {
    let mut kit = two();
    refused(
        &mut kit,
        register(BOB, 60),
        StatusCode::FORBIDDEN,
        "Not Your Device",
    );
    let mut forged = register(PHONE, 60);
    forged.set_asserted_identity(BOB);
    refused(&mut kit, forged.clone(), StatusCode::FORBIDDEN, "Not Your Device");
    forged.set_extension("Contact", &format!("\"{PHONE}\"")).unwrap();
    refused(&mut kit, forged, StatusCode::FORBIDDEN, "Not Your Device");
}

#[test]
fn what_is_missing_or_too_much_is_named() {
    let mut kit = kit();
    let request = Request::new(Method::Register, "example.com", PHONE, ALICE);
    refused(&mut kit, request, StatusCode::BAD_REQUEST, "No Expire");
    let mut kit = self::kit();
    for number in 0..8 {
        accepted(&mut kit, register(&format!("alice+{number}@example.com"), 60));
    }
    let ninth = register(PHONE, 60);
    refused(
        &mut kit,
        ninth,
        StatusCode::SERVICE_UNAVAILABLE,
        "Too Many Devices",
    );
    let mut other = watch(60);
    other.set_event("dialog");
    refused(&mut kit, other, StatusCode::BAD_EVENT, "only presence");
    let options = Request::new(Method::Options, ALICE, BOB, ALICE);
    refused(
        &mut kit,
        options,
        StatusCode::NOT_IMPLEMENTED,
        "not at a registrar",
    );
}

#[test]
fn all_requests_to_a_user_and_his_devices_reach_one_instance() {
    let keys = [
        register(PHONE, 60),
        from_bob(Method::Message),
        Request::new(Method::Invite, PHONE, BOB, PHONE),
    ];
    for request in keys {
        assert_eq!(Registrar.key(&request).as_deref(), Some(ALICE));
    }
}

#[test]
fn a_call_rings_every_device_and_the_first_answer_wins() {
    let mut kit = two();
    let bob = kit.incoming(from_bob(Method::Invite));
    let (phone, tablet) = (kit.expect_open(), kit.expect_open());
    assert_eq!((phone.request_uri(), tablet.request_uri()), (PHONE, TABLET));
    assert_eq!((phone.to(), phone.body_str().as_deref()), (ALICE, Some("offer")));
    kit.answer(&phone, StatusCode::RINGING);
    kit.expect_response(bob, StatusCode::RINGING);
    kit.answer(&tablet, StatusCode::RINGING);
    kit.answer(&tablet, StatusCode::OK);
    let cancel = kit.expect_send(phone.leg, Method::Cancel);
    assert_eq!(cancel.reason(), Some("answered-elsewhere"));
    kit.expect_response(bob, StatusCode::OK);
    kit.answer(&phone, StatusCode::REQUEST_TERMINATED);
    kit.request(bob, from_bob(Method::Ack));
    kit.expect_send(tablet.leg, Method::Ack);
    kit.hang_up(tablet.leg);
    kit.expect_send(bob, Method::Bye);
    kit.advance(SECOND * 600);
    kit.assert_finished();
}

#[test]
fn a_call_to_one_device_rings_that_one_and_a_device_does_not_ring_itself() {
    let mut kit = two();
    kit.incoming(Request::new(Method::Invite, TABLET, BOB, TABLET));
    assert_eq!(kit.expect_open().request_uri(), TABLET);
    kit.expect_nothing();
    kit.incoming(Request::new(Method::Invite, ALICE, PHONE, ALICE));
    assert_eq!(kit.expect_open().request_uri(), TABLET);
    kit.expect_nothing();
}

#[test]
fn a_device_may_hand_the_caller_on_even_where_he_asks_for_something_himself() {
    let mut kit = two();
    let bob = kit.incoming(Request::new(Method::Invite, TABLET, BOB, TABLET));
    let tablet = kit.expect_open();
    kit.answer(&tablet, StatusCode::OK);
    kit.expect_response(bob, StatusCode::OK);
    kit.request(bob, from_bob(Method::Ack));
    kit.expect_send(tablet.leg, Method::Ack);
    let mut refer = Request::new(Method::Refer, BOB, TABLET, BOB);
    refer.set_extension("Refer-To", "\"carl@example.com\"").unwrap();
    kit.request(tablet.leg, refer);
    kit.expect_response(tablet.leg, StatusCode::ACCEPTED);
    let notify = kit.expect_send(tablet.leg, Method::Notify);
    kit.answer(&notify, StatusCode::OK);
    let carl = kit.expect_open();
    kit.answer(&carl, StatusCode::OK);
    let again = kit.expect_send(bob, Method::Invite);
    kit.answer(&again, StatusCode::REQUEST_PENDING);
    kit.advance(SECOND * 4);
    let again = kit.expect_send(bob, Method::Invite);
    kit.answer(&again, StatusCode::OK);
    kit.expect_send(bob, Method::Ack);
    kit.expect_send(carl.leg, Method::Ack);
}

#[test]
fn who_declines_at_one_device_is_not_asked_at_another() {
    let mut kit = two();
    let bob = kit.incoming(from_bob(Method::Invite));
    let (phone, tablet) = (kit.expect_open(), kit.expect_open());
    kit.answer(&phone, StatusCode::DECLINE);
    kit.expect_send(tablet.leg, Method::Cancel);
    kit.expect_response(bob, StatusCode::DECLINE);
}

#[test]
fn a_busy_device_leaves_the_others_ringing_and_the_caller_gets_the_word_that_says_most() {
    let mut kit = two();
    let bob = kit.incoming(from_bob(Method::Invite));
    let (phone, tablet) = (kit.expect_open(), kit.expect_open());
    kit.answer(&phone, StatusCode::BUSY_HERE);
    kit.expect_nothing();
    kit.answer(&tablet, StatusCode::TEMPORARILY_UNAVAILABLE);
    kit.expect_response(bob, StatusCode::BUSY_HERE);
}

#[test]
fn a_call_that_nobody_answers_ends_after_the_ring_time() {
    let mut kit = two();
    let bob = kit.incoming(from_bob(Method::Invite));
    let (phone, tablet) = (kit.expect_open(), kit.expect_open());
    kit.advance(SECOND * 44);
    kit.expect_nothing();
    kit.advance(SECOND);
    kit.expect_send(phone.leg, Method::Cancel);
    kit.expect_send(tablet.leg, Method::Cancel);
    let response = kit.expect_response(bob, StatusCode::TEMPORARILY_UNAVAILABLE);
    assert_eq!(response.reason(), Some("no device answers"));
}

#[test]
fn a_caller_may_leave_while_it_rings() {
    let mut kit = two();
    let bob = kit.incoming(from_bob(Method::Invite));
    let (phone, tablet) = (kit.expect_open(), kit.expect_open());
    kit.at_once(|kit| {
        kit.request(bob, from_bob(Method::Cancel));
        kit.answer(&tablet, StatusCode::OK);
    });
    kit.expect_send(phone.leg, Method::Cancel);
    kit.expect_send(tablet.leg, Method::Ack);
    kit.expect_send(tablet.leg, Method::Bye);
    kit.expect_nothing();
}

#[test]
fn a_user_without_a_device_cannot_be_called() {
    let mut kit = kit();
    let leg = kit.incoming(from_bob(Method::Invite));
    let response = kit.expect_response(leg, StatusCode::TEMPORARILY_UNAVAILABLE);
    assert_eq!(response.reason(), Some("Not Registered"));
    kit.assert_finished();
}

#[test]
fn a_watcher_is_told_how_it_stands_and_what_changes() {
    let mut kit = kit();
    accepted(&mut kit, watch(600));
    let told = is_told(&mut kit, "offline", 0);
    kit.answer(&told, StatusCode::OK);
    accepted(&mut kit, register(PHONE, 60));
    let told = is_told(&mut kit, "online", 1);
    // What changes meanwhile comes with the next.
    accepted(&mut kit, register(TABLET, 90));
    accepted(&mut kit, register(TABLET, 0));
    accepted(&mut kit, register(TABLET, 90));
    kit.answer(&told, StatusCode::OK);
    let told = is_told(&mut kit, "online", 2);
    kit.answer(&told, StatusCode::OK);
    kit.advance(SECOND * 60);
    let told = is_told(&mut kit, "online", 1);
    kit.answer(&told, StatusCode::OK);
    kit.advance(SECOND * 30);
    let told = is_told(&mut kit, "offline", 0);
    kit.answer(&told, StatusCode::OK);
    accepted(&mut kit, watch(0));
    kit.assert_finished();
}

#[test]
fn a_watcher_who_does_not_answer_is_told_again_until_his_subscription_is_over() {
    let mut kit = kit();
    accepted(&mut kit, watch(10));
    for pause in [1, 2, 4] {
        let told = is_told(&mut kit, "offline", 0);
        kit.answer(&told, StatusCode::TEMPORARILY_UNAVAILABLE);
        kit.expect_nothing();
        kit.advance(SECOND * pause);
    }
    let told = is_told(&mut kit, "offline", 0);
    kit.answer(&told, StatusCode::TEMPORARILY_UNAVAILABLE);
    kit.advance(SECOND * 3);
    kit.assert_finished();
}
