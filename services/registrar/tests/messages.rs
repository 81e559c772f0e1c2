//! The registrar service with the author's test kit: messages to users who are there, and to users who are away.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use strowger_registrar::Registrar;
use strowger_service::LegId;
use strowger_service::jsip::{Method, Request, StatusCode};
use strowger_service::testkit::{Sent, TestKit};

const ALICE: &str = "alice@example.com";
const PHONE: &str = "alice+phone@example.com";
const TABLET: &str = "alice+tablet@example.com";
const BOB: &str = "bob@example.com";
const SECOND: Duration = Duration::from_secs(1);

fn kit() -> TestKit {
    TestKit::new(Registrar).named("registrar")
}

fn register(device: &str) -> Request {
    let mut request = Request::new(Method::Register, "example.com", device, ALICE);
    request.set_expires(600);
    request
}

fn message(text: &str) -> Request {
    let mut request = Request::new(Method::Message, ALICE, BOB, ALICE);
    request.set_body_str(text);
    request.set_route("as.example.com;type=registrar");
    request
}

/// An instance that has nothing to do has ended: the next request begins another one.
fn begin(kit: &mut TestKit) {
    if kit.is_over() {
        kit.restart();
    }
}

#[track_caller]
fn registers(kit: &mut TestKit, device: &str) {
    begin(kit);
    let leg = kit.incoming(register(device));
    kit.expect_response(leg, StatusCode::OK);
}

#[track_caller]
fn kept(kit: &mut TestKit, text: &str) -> LegId {
    begin(kit);
    let leg = kit.incoming(message(text));
    assert!(kit.sync());
    kit.expect_response(leg, StatusCode::ACCEPTED);
    leg
}

#[track_caller]
fn gets(kit: &mut TestKit, device: &str, text: &str) -> Sent {
    let sent = kit.expect_open();
    assert_eq!((sent.request_uri(), sent.method()), (device, Method::Message));
    assert_eq!((sent.from(), sent.to(), sent.route()), (BOB, ALICE, None));
    assert_eq!(sent.body_str().as_deref(), Some(text));
    sent
}

fn id(sent: &Sent) -> String {
    sent.extension_str("Message-ID").unwrap().into_owned()
}

#[test]
fn a_message_to_who_is_there_goes_to_all_devices_and_the_first_answer_back() {
    let mut kit = kit();
    registers(&mut kit, PHONE);
    registers(&mut kit, TABLET);
    let bob = kit.incoming(message("hi"));
    let (phone, tablet) = (gets(&mut kit, PHONE, "hi"), gets(&mut kit, TABLET, "hi"));
    kit.answer(&phone, StatusCode::TEMPORARILY_UNAVAILABLE);
    kit.expect_nothing();
    kit.answer(&tablet, StatusCode::OK);
    kit.expect_response(bob, StatusCode::OK);
    assert!(!kit.sync());
}

#[test]
fn what_a_device_says_to_a_message_is_what_the_sender_gets() {
    let mut kit = kit();
    registers(&mut kit, PHONE);
    let bob = kit.incoming(message("hi"));
    let phone = gets(&mut kit, PHONE, "hi");
    kit.answer(&phone, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    kit.expect_response(bob, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[test]
fn a_message_to_who_is_away_is_kept_once_it_is_on_disk() {
    let mut kit = kit();
    let bob = kit.incoming(message("hi"));
    kit.expect_nothing();
    assert!(kit.sync());
    kit.expect_response(bob, StatusCode::ACCEPTED);
    kit.assert_finished();
}

#[test]
fn what_could_not_be_written_in_time_is_not_kept() {
    let mut kit = kit();
    let bob = kit.incoming(message("hi"));
    kit.advance(SECOND * 5);
    assert!(kit.has_ended(bob));
    kit.assert_finished();
    registers(&mut kit, PHONE);
    kit.expect_nothing();
}

#[test]
fn a_message_that_the_disk_does_not_take_is_refused_and_not_kept() {
    let mut kit = kit();
    let bob = kit.incoming(message("hi"));
    assert!(kit.sync_fails("no space left on device"));
    let refusal = kit.expect_response(bob, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refusal.reason(), Some("Not Stored"));
    registers(&mut kit, PHONE);
    kit.expect_nothing();
}

#[test]
fn kept_messages_come_in_their_order_at_the_next_register() {
    let mut kit = kit();
    for text in ["one", "two", "three"] {
        kept(&mut kit, text);
    }
    registers(&mut kit, PHONE);
    for text in ["one", "two", "three"] {
        let sent = gets(&mut kit, PHONE, text);
        kit.expect_nothing();
        kit.answer(&sent, StatusCode::OK);
    }
    kit.expect_nothing();
    registers(&mut kit, TABLET);
    kit.expect_nothing();
}

#[test]
fn what_a_device_has_answered_does_not_come_again_after_a_restart_and_what_it_has_not_does_under_the_same_name()
 {
    let mut kit = kit();
    kept(&mut kit, "one");
    kept(&mut kit, "two");
    registers(&mut kit, PHONE);
    let one = gets(&mut kit, PHONE, "one");
    kit.answer(&one, StatusCode::OK);
    let two = gets(&mut kit, PHONE, "two");
    kit.restart();
    registers(&mut kit, TABLET);
    let again = gets(&mut kit, TABLET, "two");
    assert_eq!(id(&two), id(&again));
    assert_ne!(id(&one), id(&two));
    kit.answer(&again, StatusCode::OK);
    kit.expect_nothing();
}

#[test]
fn a_message_that_its_sender_repeats_after_a_restart_is_kept_once() {
    let mut kit = kit();
    let mut request = message("hi");
    request.set_dialog_id("from-bob");
    // The node hands on what the sender chose; the kit makes names of its own, so the event is made by hand.
    for leg in [71, 72] {
        let leg = LegId::new(leg);
        kit.event(strowger_service::Event::Incoming {
            leg,
            request: request.clone(),
        });
        kit.restart();
    }
    registers(&mut kit, PHONE);
    let sent = gets(&mut kit, PHONE, "hi");
    kit.answer(&sent, StatusCode::OK);
    kit.expect_nothing();
}

#[test]
fn a_device_that_does_not_answer_gets_the_message_at_the_next_register() {
    let mut kit = kit();
    kept(&mut kit, "one");
    registers(&mut kit, PHONE);
    let sent = gets(&mut kit, PHONE, "one");
    kit.answer(&sent, StatusCode::TEMPORARILY_UNAVAILABLE);
    kit.expect_nothing();
    // Behind what is kept nothing overtakes.
    let bob = kit.incoming(message("two"));
    let sent = gets(&mut kit, PHONE, "one");
    kit.answer(&sent, StatusCode::REQUEST_TIMEOUT);
    kit.sync();
    kit.expect_response(bob, StatusCode::ACCEPTED);
    registers(&mut kit, TABLET);
    for text in ["one", "two"] {
        let sent = gets(&mut kit, TABLET, text);
        kit.answer(&sent, StatusCode::OK);
    }
    kit.expect_nothing();
}

#[test]
fn a_message_that_no_device_answers_in_time_is_kept_and_forgotten_when_one_does_after_all() {
    let mut kit = kit();
    registers(&mut kit, PHONE);
    let bob = kit.incoming(message("hi"));
    let late = gets(&mut kit, PHONE, "hi");
    kit.advance(SECOND * 3);
    kit.sync();
    kit.expect_response(bob, StatusCode::ACCEPTED);
    kit.answer(&late, StatusCode::OK);
    registers(&mut kit, PHONE);
    kit.expect_nothing();
}

#[test]
fn what_a_device_may_yet_answer_is_not_sent_a_second_time() {
    for answers in [true, false] {
        let mut kit = kit();
        registers(&mut kit, PHONE);
        let (bob, again) = (kit.incoming(message("one")), kit.incoming(message("two")));
        let (one, two) = (gets(&mut kit, PHONE, "one"), gets(&mut kit, PHONE, "two"));
        kit.advance(SECOND * 3);
        kit.sync();
        kit.sync();
        kit.expect_response(bob, StatusCode::ACCEPTED);
        kit.expect_response(again, StatusCode::ACCEPTED);
        // Her phone is back; what waited in its channel comes behind its REGISTER.
        registers(&mut kit, PHONE);
        kit.expect_nothing();
        if answers {
            kit.answer(&one, StatusCode::OK);
            kit.expect_nothing();
            kit.answer(&two, StatusCode::OK);
        } else {
            kit.answer(&one, StatusCode::TEMPORARILY_UNAVAILABLE);
            let sent = gets(&mut kit, PHONE, "one");
            assert_eq!(id(&sent), id(&one));
            kit.answer(&sent, StatusCode::OK);
            kit.expect_nothing();
            kit.answer(&two, StatusCode::REQUEST_TIMEOUT);
            let sent = gets(&mut kit, PHONE, "two");
            kit.answer(&sent, StatusCode::OK);
        }
        registers(&mut kit, PHONE);
        kit.expect_nothing();
    }
}

#[test]
fn a_message_that_its_sender_repeats_when_it_was_read_is_read_once() {
    let mut kit = kit();
    let mut request = message("hi");
    request.set_dialog_id("from-bob");
    let bob = |kit: &mut TestKit, leg| {
        let request = request.clone();
        let leg = LegId::new(leg);
        kit.event(strowger_service::Event::Incoming { leg, request });
    };
    bob(&mut kit, 71);
    kit.restart();
    registers(&mut kit, PHONE);
    let sent = gets(&mut kit, PHONE, "hi");
    kit.answer(&sent, StatusCode::OK);
    // He never heard that it is kept.
    bob(&mut kit, 72);
    kit.expect_nothing();
    kit.restart();
    bob(&mut kit, 73);
    registers(&mut kit, PHONE);
    kit.expect_nothing();
}

#[test]
fn the_name_of_a_message_is_its_senders_or_comes_of_where_it_comes_from() {
    let names = |own: Option<&str>| {
        let mut kit = kit();
        registers(&mut kit, PHONE);
        let mut request = message("hi");
        if let Some(own) = own {
            request.set_extension("Message-ID", own).unwrap();
        }
        kit.incoming(request);
        id(&gets(&mut kit, PHONE, "hi"))
    };
    assert_eq!(names(Some("\"m-7\"")), "m-7");
    assert_eq!(names(None), names(None));
    assert_eq!(names(None).len(), 32);

    // Sent again under his own name, in another dialog.
    let mut kit = kit();
    for _ in 0..2 {
        let mut request = message("hi");
        request.set_extension("Message-ID", "\"m-7\"").unwrap();
        begin(&mut kit);
        let bob = kit.incoming(request);
        kit.sync();
        kit.expect_response(bob, StatusCode::ACCEPTED);
    }
    registers(&mut kit, PHONE);
    let sent = gets(&mut kit, PHONE, "hi");
    kit.answer(&sent, StatusCode::OK);
    kit.expect_nothing();
}

#[test]
fn a_mailbox_has_a_quota_and_a_length_and_forgets_what_is_old() {
    let mut kit = kit().configured(r#"{"messages":2,"message_bytes":300,"keep":60}"#);
    let long = kit.incoming(message(&"x".repeat(300)));
    kit.expect_response(long, StatusCode::REQUEST_ENTITY_TOO_LARGE);
    kept(&mut kit, "one");
    kept(&mut kit, "two");
    begin(&mut kit);
    let full = kit.incoming(message("three"));
    let response = kit.expect_response(full, StatusCode::TEMPORARILY_UNAVAILABLE);
    assert_eq!(response.reason(), Some("Mailbox Full"));
    kit.restart();
    kit.advance(SECOND * 60);
    kept(&mut kit, "four");
    registers(&mut kit, PHONE);
    let sent = gets(&mut kit, PHONE, "four");
    kit.answer(&sent, StatusCode::OK);
    kit.expect_nothing();
}
