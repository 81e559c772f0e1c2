//! Who waits how long for what.

use jsip::Method::{Info, Invite, Message};

use crate::harness::{A, B, Pair, answer, established, raw, request};

#[test]
fn a_request_nobody_answers_gets_408_after_timers_transaction() {
    let mut pair = established();
    pair.silence(B);
    pair.hush();
    pair.send(A, request(Info));
    pair.wait(4);
    assert_eq!(pair.heard(A), [""; 0]);
    pair.wait(2);
    assert_eq!(pair.heard(A), ["408 INFO"]);
    pair.inject(A, answer(200, "a0", 3));
    assert_eq!(pair.heard(A), [""; 0], "too late");
}

#[test]
fn a_provisional_response_gives_it_timers_provisional() {
    let mut pair = established();
    pair.send(A, request(Info));
    pair.respond(B, Info, 183);
    pair.wait(59);
    pair.respond(B, Info, 183);
    pair.wait(59);
    assert_eq!(pair.heard(A), ["183 INFO", "183 INFO"]);
    pair.wait(2);
    assert_eq!(pair.heard(A), ["408 INFO"]);
    assert_eq!(pair.heard(B), ["INFO", "expired 3"]);
}

#[test]
fn an_instance_that_does_not_answer_is_told_and_the_peer_gets_408() {
    let mut pair = Pair::new();
    pair.inject(B, raw(Message, "d", 7));
    pair.wait(6);
    assert_eq!(pair.heard(B), ["MESSAGE", "expired 7", "ended: TimedOut"]);
    assert_eq!(pair.wire(), ["B: 408 7"]);
}

#[test]
fn an_invite_nobody_answers_is_cancelled_after_timers_provisional() {
    let mut pair = Pair::new();
    pair.open(A, request(Invite));
    pair.silence(B);
    pair.hush();
    pair.wait(59);
    assert_eq!(pair.heard(A), [""; 0]);
    pair.wait(2);
    assert_eq!(pair.heard(A), ["408 INVITE", "ended: TimedOut"]);
    assert_eq!(pair.wire(), ["A: CANCEL 2"]);
}

#[test]
fn a_provisional_response_starts_the_wait_again_and_a_100_does_not() {
    for (code, waits) in [(180, true), (100, false)] {
        let mut pair = Pair::new();
        pair.open(A, request(Invite));
        pair.silence(B);
        pair.wait(50);
        pair.inject(A, answer(code, "a0", 1));
        pair.hush();
        pair.wait(50);
        assert_eq!(pair.heard(A).is_empty(), waits, "{code}");
    }
}

#[test]
fn an_invite_may_take_timers_invite_max_in_all() {
    let mut pair = Pair::new();
    pair.open(A, request(Invite));
    for _ in 0..3 {
        pair.wait(50);
        pair.respond(B, Invite, 180);
    }
    pair.hush();
    pair.wait(29);
    assert_eq!((pair.heard(A).len(), pair.heard(B).len()), (0, 0));
    pair.wait(2);
    // The called side's time is over when the CANCEL arrives, or the other way round: nobody hears anything twice.
    assert_eq!(pair.heard(A), ["408 INVITE", "ended: TimedOut"]);
    assert_eq!(pair.heard(B).len(), 2);
    pair.wait(200);
    assert_eq!((pair.stack(A).len(), pair.stack(B).len()), (0, 0));
}

#[test]
fn an_instance_that_does_not_answer_an_invite_gets_a_cancel_and_the_peer_408() {
    let mut pair = Pair::new();
    pair.inject(B, raw(Invite, "d", 1));
    pair.wait(61);
    assert_eq!(pair.heard(B), ["INVITE", "CANCEL: timed out", "ended: TimedOut"]);
    assert_eq!(pair.wire(), ["B: 408 1"]);
    pair.wait(20);
    assert!(pair.stack(B).is_empty(), "without an ACK as well");
}

#[test]
fn a_response_of_the_instance_starts_the_wait_again_on_the_called_side() {
    let mut pair = Pair::new();
    pair.inject(B, raw(Invite, "d", 1));
    pair.wait(50);
    pair.respond(B, Invite, 180);
    pair.wait(50);
    assert_eq!(pair.heard(B), ["INVITE"]);
    pair.respond(B, Invite, 100);
    pair.wait(11);
    assert_eq!(
        pair.heard(B),
        ["CANCEL: timed out", "ended: TimedOut"],
        "a 100 does not"
    );
}

#[test]
fn a_late_2xx_after_the_408_is_acknowledged_and_ended() {
    let mut pair = Pair::new();
    pair.open(A, request(Invite));
    pair.silence(B);
    pair.wait(61);
    pair.hush();
    pair.inject(A, answer(200, "a0", 1));
    assert_eq!(pair.wire(), ["A: ACK 3", "A: BYE 4"]);
    assert_eq!(pair.heard(A), [""; 0]);
}

#[test]
fn a_refusal_without_its_ack_is_over_after_timers_transaction() {
    let mut pair = Pair::new();
    pair.inject(B, raw(Invite, "d", 1));
    pair.respond(B, Invite, 486);
    pair.wait(4);
    assert_eq!(pair.stack(B).len(), 1);
    pair.wait(7);
    assert_eq!(pair.stack(B).len(), 0);
}
