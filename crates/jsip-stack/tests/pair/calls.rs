//! Calls that are made, refused, answered and ended.

use jsip::Method::{Ack, Bye, Cancel, Info, Invite, Message, Notify, Prack, Refer, Update};
use jsip_stack::SendError;

use crate::harness::{A, B, Pair, established, raw, request, ringing, with_body};

#[test]
fn a_call_rings_is_answered_acknowledged_and_ended() {
    let mut pair = Pair::new();
    pair.open(A, with_body(Invite));
    pair.respond(B, Invite, 100);
    pair.respond(B, Invite, 180);
    pair.respond(B, Invite, 200);
    pair.send(A, request(Ack));
    pair.send(A, request(Bye));
    assert_eq!(pair.heard(A), ["180 INVITE", "200 INVITE", "ended: Bye"]);
    assert_eq!(pair.heard(B), ["INVITE", "ACK", "BYE", "ended: Bye"]);
    assert_eq!(
        pair.wire(),
        [
            "A: INVITE 1",
            "B: 100 1",
            "B: 180 1",
            "B: 200 1",
            "A: ACK 2",
            "A: BYE 3",
            "B: 200 3"
        ]
    );
}

#[test]
fn the_callee_may_end_the_call_too() {
    let mut pair = established();
    pair.send(B, request(Bye));
    assert_eq!(pair.heard(A), ["BYE", "ended: Bye"]);
    assert_eq!(pair.heard(B), ["ended: Bye"]);
    assert_eq!(pair.wire(), ["B: BYE 1", "A: 200 1"]);
}

#[test]
fn inviting_refused_acknowledges_and_terminates() {
    let mut pair = Pair::new();
    pair.open(A, request(Invite));
    pair.respond(B, Invite, 486);
    assert_eq!(pair.heard(A), ["486 INVITE", "ended: Refused"]);
    assert_eq!(pair.heard(B), ["INVITE", "ended: Refused"]);
    assert_eq!(pair.wire(), ["A: INVITE 1", "B: 486 1", "A: ACK 2"]);
}

#[test]
fn early_refused_acknowledges_and_terminates() {
    let mut pair = ringing();
    pair.respond(B, Invite, 603);
    assert_eq!(pair.heard(A), ["603 INVITE", "ended: Refused"]);
    assert_eq!(pair.wire(), ["B: 603 1", "A: ACK 2"]);
}

#[test]
fn answered_ended_by_either_side_before_the_ack_terminates() {
    for (ender, other) in [(A, B), (B, A)] {
        let mut pair = ringing();
        pair.respond(B, Invite, 200);
        assert_eq!(pair.state(B), Some("Answered"));
        pair.hush();
        pair.send(ender, request(Bye));
        assert_eq!(pair.heard(other), ["BYE", "ended: Bye"]);
        assert_eq!(pair.heard(ender), ["ended: Bye"]);
    }
}

#[test]
fn bye_crossing_bye_gets_200_on_both_sides() {
    let mut pair = established();
    pair.post(A, request(Bye)).unwrap();
    pair.post(B, request(Bye)).unwrap();
    pair.run();
    assert_eq!(pair.heard(A), ["ended: Bye"]);
    assert_eq!(pair.heard(B), ["ended: Bye"]);
    assert_eq!(pair.wire(), ["A: BYE 3", "B: BYE 1", "B: 200 3", "A: 200 1"]);
}

#[test]
fn the_callers_bye_before_the_answer_cancels_on_both_sides() {
    let mut pair = ringing();
    pair.send(A, request(Bye));
    assert_eq!(pair.heard(A), ["487 INVITE", "ended: Cancelled"]);
    assert_eq!(pair.heard(B), ["CANCEL", "ended: Cancelled"]);
    assert_eq!(pair.wire(), ["A: CANCEL 2", "B: 200 2", "B: 487 1", "A: ACK 3"]);
}

#[test]
fn a_bye_received_before_the_answer_gets_200_and_the_invite_487() {
    let mut pair = Pair::new();
    pair.inject(B, raw(Invite, "d", 1));
    pair.inject(B, raw(Bye, "d", 2));
    assert_eq!(pair.heard(B), ["INVITE", "CANCEL", "ended: Cancelled"]);
    assert_eq!(pair.wire(), ["B: 200 2", "B: 487 1"]);
}

#[test]
fn the_callees_bye_before_the_answer_is_an_error_and_400_from_a_peer() {
    let mut pair = ringing();
    let refused = pair.post(B, request(Bye));
    assert_eq!(
        refused,
        Err(SendError::Illegal {
            method: Bye,
            state: "Early"
        })
    );
    pair.inject(A, raw(Bye, "a0", 77));
    assert_eq!(pair.wire(), ["A: 400 77"]);
    assert_eq!(pair.state(A), Some("Early"));
}

#[test]
fn info_passes_from_early_to_reanswered_and_changes_no_state() {
    let mut pair = ringing();
    pair.send(A, request(Info));
    assert_eq!(
        (pair.heard(B), pair.state(B)),
        (vec!["INFO".to_owned()], Some("Early"))
    );
    pair.respond(B, Info, 200);
    pair.respond(B, Invite, 200);
    pair.send(B, request(Info));
    pair.respond(A, Info, 200);
    assert_eq!(pair.heard(A), ["200 INFO", "200 INVITE", "INFO"]);
    pair.send(A, request(Ack));
    pair.send(A, request(Invite));
    pair.send(A, request(Info));
    pair.respond(B, Invite, 200);
    pair.send(A, request(Info));
    assert_eq!(pair.heard(B), ["200 INFO", "ACK", "INVITE", "INFO", "INFO"]);
    assert_eq!(
        (pair.state(A), pair.state(B)),
        (Some("Reanswered"), Some("Reanswered"))
    );
}

#[test]
fn refer_notify_and_message_pass_from_established_on() {
    let mut pair = ringing();
    pair.respond(B, Invite, 200);
    for method in [Refer, Notify, Message] {
        assert_eq!(
            pair.post(A, request(method)),
            Err(SendError::Illegal {
                method,
                state: "Answered"
            })
        );
    }
    pair.send(A, request(Ack));
    pair.hush();
    for method in [Refer, Notify, Message] {
        pair.send(B, request(method));
        pair.respond(A, method, 202);
    }
    assert_eq!(pair.heard(A), ["REFER", "NOTIFY", "MESSAGE"]);
    assert_eq!(pair.heard(B), ["202 REFER", "202 NOTIFY", "202 MESSAGE"]);
}

#[test]
fn an_ack_lost_ends_the_call_on_the_callees_side() {
    let mut pair = ringing();
    pair.respond(B, Invite, 200);
    pair.hush();
    pair.wait(59);
    assert_eq!(pair.heard(B), [""; 0]);
    pair.wait(2);
    assert_eq!(pair.heard(B), ["BYE: timed out", "ended: TimedOut"]);
    assert_eq!(pair.heard(A), ["BYE: timed out", "ended: Bye"]);
    assert_eq!(pair.wire(), ["B: BYE 1", "A: 200 1"]);
}

#[test]
fn an_instance_cannot_send_what_is_not_legal_and_nothing_goes_out() {
    let mut pair = Pair::new();
    for method in [Ack, Bye, Cancel, Info, Update, Prack] {
        assert_eq!(
            pair.try_open(A, request(method)),
            Err(SendError::Illegal {
                method,
                state: "new dialog"
            })
        );
    }
    pair.open(A, request(Invite));
    pair.wire();
    for method in [Invite, Ack, Info, Prack, Update, Refer] {
        assert_eq!(
            pair.post(A, request(method)),
            Err(SendError::Illegal {
                method,
                state: "Inviting"
            })
        );
    }
    assert_eq!(pair.wire(), [""; 0]);
    pair.send(A, request(Bye));
    pair.hush();
    assert_eq!(pair.post(A, request(Info)), Err(SendError::Ended));
}

#[test]
fn an_instance_cannot_answer_twice() {
    let mut pair = ringing();
    let last = |pair: &mut Pair| pair.reply(B, Invite, 200);
    last(&mut pair).unwrap();
    pair.run();
    pair.hush();
    pair.inject(B, raw(Info, "a0", 9));
    pair.respond(B, Info, 200);
    assert_eq!(pair.wire(), ["B: 200 9"]);
}

#[test]
fn ring_without_a_final_answer_is_no_answer() {
    let mut pair = ringing();
    assert_eq!(pair.reply(B, Invite, 183), Ok(()));
    pair.run();
    assert_eq!(pair.heard(A), ["183 INVITE"]);
    assert_eq!(pair.state(A), Some("Early"));
}
