//! Requests for which the outbox has no room.

use jsip::Method::{Bye, Cancel, Info, Invite, Message, Update};

use crate::harness::{A, B, Pair, established, request};

#[test]
fn a_request_without_room_gets_503_and_nothing_is_written() {
    let mut pair = Pair::new();
    pair.full = Some(A);
    pair.open(A, request(Message));
    assert_eq!(pair.heard(A), ["503 MESSAGE", "ended: Completed"]);
    assert_eq!(pair.wire(), [""; 0]);
    assert!(pair.stack(A).is_empty());
}

#[test]
fn an_invite_without_room_gets_503_and_the_peer_who_knows_of_none_gets_no_ack() {
    let mut pair = Pair::new();
    pair.full = Some(A);
    pair.open(A, request(Invite));
    assert_eq!(pair.heard(A), ["503 INVITE", "ended: Refused"]);
    assert_eq!(pair.wire(), [""; 0]);
    pair.wait(600);
    assert!(pair.stack(A).is_empty());
}

#[test]
fn an_invite_without_room_that_was_cancelled_meanwhile_has_one_final_response() {
    let mut pair = Pair::new();
    (pair.full, pair.reporting) = (Some(A), false);
    pair.open(A, request(Invite));
    pair.post(A, request(Cancel)).unwrap();
    pair.hush();
    pair.report();
    pair.run();
    assert_eq!(pair.heard(A), ["503 INVITE", "481 CANCEL", "ended: Cancelled"]);
    pair.wait(600);
    assert!(pair.stack(A).is_empty());
}

#[test]
fn an_invite_that_had_timed_out_when_it_was_refused_leaves_nothing() {
    let mut pair = Pair::new();
    (pair.full, pair.reporting) = (Some(A), false);
    pair.open(A, request(Invite));
    pair.wait(61);
    assert_eq!(pair.heard(A)[0], "408 INVITE");
    pair.report();
    pair.run();
    pair.wait(600);
    assert!(pair.stack(A).is_empty());
}

#[test]
fn a_call_goes_on_when_there_is_no_room_for_a_request_in_it() {
    let mut pair = established();
    pair.hush();
    pair.full = Some(A);
    for method in [Invite, Info, Update] {
        pair.send(A, request(method));
        assert_eq!(pair.heard(A), [format!("503 {method}")]);
        assert_eq!(pair.state(A), Some("Established"));
    }
    assert_eq!(pair.wire(), [""; 0]);
    pair.send(A, request(Bye));
    assert_eq!(pair.heard(B), ["BYE", "ended: Bye"]);
}
