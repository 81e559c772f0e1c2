//! Instances that finish or fail.

use jsip::Method::{Ack, Info, Invite, Message};
use jsip_stack::Release::{Failed, Finished};

use crate::harness::{A, B, Pair, established, raw, request, ringing};

#[test]
fn an_answered_leg_gets_a_bye() {
    for (how, side, other) in [(Finished, A, B), (Failed, B, A)] {
        let mut pair = established();
        pair.release(side, how);
        assert_eq!(pair.heard(other), ["BYE", "ended: Bye"]);
        assert_eq!(pair.heard(side), [""; 0]);
    }
}

#[test]
fn a_2xx_that_was_not_acknowledged_is_acknowledged_first() {
    let mut pair = Pair::new();
    pair.open(A, request(Invite));
    pair.respond(B, Invite, 200);
    pair.hush();
    pair.release(A, Finished);
    assert_eq!(pair.wire(), ["A: ACK 2", "A: BYE 3", "B: 200 3"]);
    assert_eq!(pair.heard(B), ["ACK", "BYE", "ended: Bye"]);
}

#[test]
fn an_unanswered_call_of_ours_is_cancelled() {
    let mut pair = ringing();
    pair.release(A, Failed);
    assert_eq!(pair.heard(B), ["CANCEL", "ended: Cancelled"]);
    assert_eq!(pair.heard(A), [""; 0]);
    pair.wait(11);
    assert!(pair.stack(A).is_empty() && pair.stack(B).is_empty());
}

#[test]
fn a_2xx_after_the_release_is_acknowledged_and_ended() {
    let mut pair = ringing();
    pair.reply(B, Invite, 200).unwrap();
    pair.release(A, Finished);
    assert_eq!(pair.heard(B), ["ACK", "BYE: cancelled", "ended: Bye"]);
    assert_eq!(pair.heard(A), [""; 0]);
}

#[test]
fn an_unanswered_call_of_the_peer_gets_480_or_500() {
    for (how, code) in [(Finished, 480), (Failed, 500)] {
        let mut pair = ringing();
        pair.release(B, how);
        assert_eq!(
            pair.heard(A),
            [format!("{code} INVITE"), "ended: Refused".to_owned()]
        );
        assert_eq!(pair.heard(B), [""; 0]);
    }
}

#[test]
fn open_requests_run_on_to_408_when_finished_and_get_500_when_failed() {
    let mut pair = Pair::new();
    pair.open(A, request(Message));
    pair.release(B, Finished);
    pair.heard(B);
    pair.wait(4);
    assert_eq!(pair.heard(A), [""; 0]);
    pair.wait(2);
    assert_eq!(pair.heard(A), ["408 MESSAGE", "ended: TimedOut"]);
    let mut pair = Pair::new();
    pair.open(A, request(Message));
    pair.release(B, Failed);
    assert_eq!(pair.heard(A), ["500 MESSAGE", "ended: Completed"]);
}

#[test]
fn every_open_request_of_a_failed_session_gets_its_answer() {
    let mut pair = established();
    pair.send(A, request(Info));
    pair.send(A, request(Invite));
    pair.hush();
    pair.release(B, Failed);
    let heard = pair.heard(A);
    assert_eq!(heard, ["500 INFO", "500 INVITE", "BYE", "ended: Bye"]);
    pair.wait(11);
    assert!(pair.stack(A).is_empty() && pair.stack(B).is_empty());
}

#[test]
fn later_requests_on_the_dialogs_of_a_finished_instance_get_481() {
    let mut pair = Pair::new();
    pair.inject(B, raw(Message, "d", 1));
    pair.release(B, Finished);
    pair.inject(B, raw(Message, "d", 2));
    assert_eq!(pair.wire(), ["B: 481 2"]);
    let mut pair = Pair::new();
    pair.open(A, request(Invite));
    pair.silence(B);
    pair.release(A, Finished);
    pair.wire();
    pair.inject(A, raw(Invite, "a0", 9));
    assert_eq!(pair.wire(), ["A: 481 9"]);
}

#[test]
fn a_release_before_the_channel_is_known_is_carried_out_there() {
    let mut pair = Pair::new();
    pair.binding = false;
    pair.open(A, request(Message));
    pair.open(A, request(Invite));
    pair.release(A, Failed);
    pair.bind(A);
    pair.run();
    assert_eq!(pair.heard_on(B, 1), ["INVITE", "CANCEL", "ended: Cancelled"]);
    let mut pair = Pair::new();
    pair.binding = false;
    let mut nobody = request(Invite);
    nobody.set_request_uri("nobody@x");
    pair.open(A, nobody);
    pair.release(A, Finished);
    pair.bind(A);
    assert_eq!(pair.heard(A), [""; 0]);
    assert!(pair.stack(A).is_empty());
}

#[test]
fn a_released_leg_ends_even_if_the_peer_acknowledges_nothing() {
    let mut pair = Pair::new();
    pair.inject(B, raw(Invite, "d", 1));
    pair.respond(B, Invite, 200);
    pair.release(B, Finished);
    pair.inject(B, raw(Ack, "d", 2));
    pair.wait(20);
    assert!(pair.stack(B).is_empty());
}
