//! Dialogs of one transaction, and what the transaction layer does for everybody.

use jsip::Method::{Info, Invite, Message, Notify, Options, Refer, Register, Subscribe};
use jsip::{CSeq, Method};
use jsip_stack::SendError;

use crate::harness::{A, B, Pair, answer, established, raw, request};

#[test]
fn every_method_that_begins_a_dialog_is_a_session_of_one_transaction() {
    for method in [Register, Options, Message, Subscribe] {
        let mut pair = Pair::new();
        pair.open(A, request(method));
        pair.respond(B, method, 200);
        assert_eq!(
            pair.heard(A),
            [format!("200 {method}"), "ended: Completed".to_owned()]
        );
        assert_eq!(pair.heard(B), [method.to_string(), "ended: Completed".to_owned()]);
        assert!(pair.stack(A).is_empty());
        pair.wait(6);
        assert!(pair.stack(B).is_empty());
    }
}

#[test]
fn notify_and_refer_begin_a_dialog_from_an_instance_but_not_from_a_peer() {
    for method in [Notify, Refer] {
        let mut pair = Pair::new();
        pair.open(A, request(method));
        assert_eq!(pair.wire(), [format!("A: {method} 1"), "B: 481 1".to_owned()]);
        assert_eq!(
            pair.heard(A),
            [format!("481 {method}"), "ended: Completed".to_owned()]
        );
    }
}

#[test]
fn what_cannot_begin_a_dialog_gets_481_and_an_ack_is_dropped() {
    let mut pair = Pair::new();
    let mut cseq = 0;
    for method in [
        Method::Bye,
        Method::Cancel,
        Info,
        Method::Update,
        Method::Prack,
        Notify,
        Refer,
    ] {
        cseq += 1;
        pair.inject(B, raw(method, "d", cseq));
        assert_eq!(pair.wire(), [format!("B: 481 {cseq}")]);
    }
    pair.inject(B, raw(Method::Ack, "d", 99));
    assert_eq!(pair.wire(), [""; 0]);
    assert_eq!(pair.stack(B).counters().stray_acks, 1);
    assert!(pair.stack(B).is_empty());
}

#[test]
fn nobody_there_is_480_and_the_end() {
    let mut pair = Pair::new();
    let mut message = request(Message);
    message.set_request_uri("nobody@x");
    pair.open(A, message);
    assert_eq!(pair.heard(A), ["480 MESSAGE", "ended: Refused"]);
    let mut invite = request(Invite);
    invite.set_request_uri("nobody@x");
    pair.open(A, invite);
    assert_eq!(pair.heard(A), ["480 INVITE", "ended: Refused"]);
    assert!(pair.stack(A).is_empty());
}

#[test]
fn the_first_route_names_the_channel() {
    let mut pair = Pair::new();
    let mut message = request(Message);
    message.set_request_uri("nobody@x");
    message.set_route("them@X:8080;type=echo,other@y");
    pair.open(A, message);
    assert_eq!(pair.heard(B), ["MESSAGE"]);
}

#[test]
fn a_request_with_a_bad_target_or_empty_header_is_an_error_and_opens_nothing() {
    let mut pair = Pair::new();
    let mut message = request(Message);
    message.set_request_uri("a@b@c");
    let refused = pair.try_open(A, message.clone());
    assert_eq!(
        refused,
        Err(SendError::Syntax {
            header: "Request-URI",
            fault: "not a URI"
        })
    );
    message.set_request_uri("them@x");
    message.set_from("");
    assert!(matches!(
        pair.try_open(A, message),
        Err(SendError::Syntax { header: "From", .. })
    ));
    let mut invite = request(Invite);
    invite.set_expires(0);
    assert!(matches!(
        pair.try_open(A, invite),
        Err(SendError::Syntax { header: "Expire", .. })
    ));
    assert!(pair.stack(A).is_empty());
}

#[test]
fn a_retransmission_is_absorbed_and_answered_again() {
    let mut pair = Pair::new();
    pair.inject(B, raw(Message, "d", 1));
    pair.inject(B, raw(Message, "d", 1));
    assert_eq!(pair.wire(), [""; 0], "no response yet");
    pair.respond(B, Message, 200);
    pair.inject(B, raw(Message, "d", 1));
    assert_eq!(pair.wire(), ["B: 200 1", "B: 200 1"]);
    assert_eq!(pair.heard(B), ["MESSAGE", "ended: Completed"]);
    assert_eq!(pair.stack(B).counters().retransmissions, 2);
}

#[test]
fn an_invite_again_gets_its_latest_response_again() {
    let mut pair = Pair::new();
    pair.inject(B, raw(Invite, "d", 1));
    pair.respond(B, Invite, 180);
    pair.inject(B, raw(Invite, "d", 1));
    pair.respond(B, Invite, 200);
    pair.inject(B, raw(Invite, "d", 1));
    assert_eq!(pair.wire(), ["B: 180 1", "B: 180 1", "B: 200 1", "B: 200 1"]);
    pair.inject(B, raw(Method::Ack, "d", 2));
    pair.inject(B, raw(Method::Ack, "d", 2));
    assert_eq!(pair.heard(B), ["INVITE", "ACK"]);
}

#[test]
fn a_2xx_again_gets_its_ack_again() {
    let mut pair = established();
    pair.inject(A, answer(200, "a0", 1));
    assert_eq!(pair.wire(), ["A: ACK 2"]);
    assert_eq!((pair.heard(A).len(), pair.heard(B).len()), (0, 0));
}

#[test]
fn a_2xx_again_before_the_instance_acknowledged_waits_for_it() {
    let mut pair = Pair::new();
    pair.open(A, request(Invite));
    pair.respond(B, Invite, 200);
    pair.hush();
    pair.inject(A, answer(200, "a0", 1));
    assert_eq!((pair.wire().len(), pair.heard(A).len()), (0, 0));
}

#[test]
fn late_and_stray_responses_are_dropped_and_counted() {
    let mut pair = established();
    pair.send(A, request(Info));
    pair.respond(B, Info, 200);
    pair.hush();
    pair.inject(A, answer(486, "a0", 1));
    pair.inject(A, answer(180, "a0", 1));
    pair.inject(A, answer(200, "a0", 3));
    pair.inject(A, answer(200, "unknown", 3));
    pair.inject(B, answer(200, "a0", 1));
    assert_eq!(
        (pair.heard(A).len(), pair.heard(B).len(), pair.wire().len()),
        (0, 0, 0)
    );
    let (a, b) = (pair.stack(A).counters(), pair.stack(B).counters());
    assert_eq!(
        (a.late_responses, a.stray_responses, b.stray_responses),
        (2, 2, 1)
    );
}

#[test]
fn a_number_in_use_is_refused_and_a_finished_one_is_a_new_request() {
    let mut pair = established();
    pair.inject(B, raw(Info, "a0", 50));
    pair.inject(B, raw(Notify, "a0", 50));
    assert_eq!(pair.wire(), ["B: 400 50"]);
    let mut elsewhere = raw(Info, "a0", 50);
    elsewhere.set_request_uri("other@x");
    pair.inject(B, elsewhere);
    assert_eq!(pair.wire(), ["B: 400 50"]);
    pair.respond(B, Info, 200);
    pair.inject(B, raw(Notify, "a0", 50));
    assert_eq!(pair.heard(B), ["INFO", "NOTIFY"]);
    pair.respond(B, Notify, 202);
    assert_eq!(pair.wire(), ["B: 200 50", "B: 202 50"]);
}

#[test]
fn a_dialog_of_one_transaction_is_used_again_after_its_end() {
    let mut pair = Pair::new();
    pair.inject(B, raw(Message, "d", 1));
    pair.respond(B, Message, 200);
    pair.inject(B, raw(Message, "d", 2));
    pair.respond(B, Message, 200);
    assert_eq!(pair.heard_on(B, 0), ["MESSAGE", "ended: Completed"]);
    assert_eq!(pair.heard_on(B, 1), ["MESSAGE", "ended: Completed"]);
    pair.inject(B, raw(Invite, "d", 3));
    assert_eq!(pair.heard_on(B, 2), ["INVITE"]);
}

#[test]
fn a_second_request_while_the_first_is_open_goes_to_the_same_instance() {
    let mut pair = Pair::new();
    pair.inject(B, raw(Message, "d", 1));
    pair.inject(B, raw(Message, "d", 2));
    pair.inject(B, raw(Invite, "d", 3));
    assert_eq!(pair.wire(), ["B: 491 3"]);
    assert_eq!(pair.heard_on(B, 0), ["MESSAGE", "MESSAGE"]);
    pair.respond(B, Message, 200);
    pair.respond(B, Message, 200);
    assert_eq!(pair.heard(B), ["ended: Completed"]);
}

#[test]
fn numbers_of_both_sides_never_meet() {
    let mut pair = established();
    // B's first own request has the number of A's INVITE.
    pair.send(B, request(Info));
    pair.respond(A, Info, 200);
    assert_eq!(pair.wire(), ["B: INFO 1", "A: 200 1"]);
    assert_eq!(pair.heard(B), ["200 INFO"]);
}

#[test]
fn the_largest_number_works() {
    let mut pair = Pair::new();
    pair.inject(B, raw(Message, "d", CSeq::MAX.get()));
    pair.respond(B, Message, 200);
    assert_eq!(pair.wire(), ["B: 200 9007199254740991"]);
}

#[test]
fn an_instance_that_is_not_there_is_a_refusal() {
    let mut pair = Pair::new();
    pair.accepting = false;
    pair.open(A, request(Invite));
    assert_eq!(pair.heard(A), ["503 INVITE", "ended: Refused"]);
    assert_eq!(pair.wire(), ["A: INVITE 1", "B: 503 1", "A: ACK 2"]);
    pair.open(A, request(Message));
    assert_eq!(pair.heard(A), ["503 MESSAGE", "ended: Completed"]);
    pair.wait(6);
    assert!(pair.stack(B).is_empty());
}
