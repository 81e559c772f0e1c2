//! CANCEL and what it races with.

use jsip::Method::{Bye, Cancel, Info, Invite, Update};
use jsip_stack::SendError;

use crate::harness::{A, B, Pair, answer, established, raw, related, request, ringing};

#[test]
fn a_cancel_gets_200_and_the_invite_487() {
    let mut pair = ringing();
    pair.send(A, request(Cancel));
    assert_eq!(pair.heard(A), ["487 INVITE", "ended: Cancelled"]);
    assert_eq!(pair.heard(B), ["CANCEL", "ended: Cancelled"]);
    assert_eq!(pair.wire(), ["A: CANCEL 2", "B: 200 2", "B: 487 1", "A: ACK 3"]);
}

#[test]
fn a_cancel_before_any_response_works_as_well() {
    let mut pair = Pair::new();
    pair.open(A, request(Invite));
    pair.send(A, request(Cancel));
    assert_eq!(pair.heard(A), ["487 INVITE", "ended: Cancelled"]);
}

#[test]
fn a_2xx_that_crosses_the_cancel_is_acknowledged_and_ended_and_the_instance_sees_487() {
    let mut pair = ringing();
    pair.post(A, request(Cancel)).unwrap();
    pair.reply(B, Invite, 200).unwrap();
    pair.run();
    assert_eq!(pair.heard(A), ["487 INVITE", "ended: Cancelled"]);
    assert_eq!(pair.heard(B), ["ACK", "BYE: cancelled", "ended: Bye"]);
    assert_eq!(
        pair.wire(),
        [
            "A: CANCEL 2",
            "B: 200 1",
            "B: 200 2",
            "A: ACK 3",
            "A: BYE 4",
            "B: 200 4"
        ]
    );
}

#[test]
fn a_refusal_that_crosses_the_cancel_is_the_instances_final_response() {
    let mut pair = ringing();
    pair.post(A, request(Cancel)).unwrap();
    pair.reply(B, Invite, 486).unwrap();
    pair.run();
    assert_eq!(pair.heard(A), ["486 INVITE", "ended: Cancelled"]);
    assert_eq!(pair.heard(B), ["ended: Refused"]);
    assert_eq!(pair.wire(), ["A: CANCEL 2", "B: 486 1", "B: 200 2", "A: ACK 3"]);
}

#[test]
fn cancelling_gets_no_more_provisional_responses() {
    let mut pair = ringing();
    pair.post(A, request(Cancel)).unwrap();
    pair.reply(B, Invite, 183).unwrap();
    pair.run();
    assert_eq!(pair.heard(A), ["487 INVITE", "ended: Cancelled"]);
}

#[test]
fn cancelling_without_a_final_response_gives_487_and_a_late_2xx_is_acknowledged_and_ended() {
    let mut pair = Pair::new();
    pair.open(A, request(Invite));
    pair.silence(B);
    pair.post(A, request(Cancel)).unwrap();
    pair.wait(4);
    assert_eq!(pair.state(A), Some("Cancelling"));
    pair.wait(2);
    assert_eq!(pair.heard(A), ["487 INVITE", "408 CANCEL", "ended: Cancelled"]);
    pair.wire();
    pair.inject(A, answer(200, "a0", 1));
    assert_eq!(pair.wire()[..2], ["A: ACK 3", "A: BYE 4"]);
    assert_eq!(pair.heard(A), [""; 0]);
    pair.inject(A, answer(200, "a0", 1));
    assert_eq!(pair.wire(), ["A: ACK 3"], "the 2xx again gets its ACK again");
}

#[test]
fn a_late_refusal_after_the_487_is_acknowledged_only() {
    let mut pair = Pair::new();
    pair.open(A, request(Invite));
    pair.silence(B);
    pair.post(A, request(Cancel)).unwrap();
    pair.wait(6);
    pair.hush();
    pair.inject(A, answer(486, "a0", 1));
    assert_eq!(pair.wire(), ["A: ACK 3"]);
    pair.wait(6);
    assert!(pair.stack(A).is_empty());
}

#[test]
fn an_abandoned_invite_is_kept_for_a_while_and_no_longer() {
    let mut pair = Pair::new();
    pair.open(A, request(Invite));
    pair.silence(B);
    pair.post(A, request(Cancel)).unwrap();
    pair.wait(100);
    assert_eq!(pair.stack(A).len(), 1);
    pair.wait(100);
    assert_eq!(pair.stack(A).len(), 0);
}

#[test]
fn a_cancel_after_the_final_response_gets_200_and_changes_nothing() {
    let mut pair = ringing();
    pair.respond(B, Invite, 200);
    pair.hush();
    pair.inject(B, related(Cancel, "a0", 50, 1));
    assert_eq!(pair.wire(), ["B: 200 50"]);
    assert_eq!((pair.state(B), pair.heard(B).len()), (Some("Answered"), 0));
}

#[test]
fn a_cancel_of_a_refused_invite_gets_200_whatever_the_state() {
    // The second INVITE is refused with 491 while the first is open.
    let mut pair = ringing();
    pair.inject(B, raw(Invite, "a0", 60));
    pair.inject(B, related(Cancel, "a0", 61, 60));
    assert_eq!(pair.wire(), ["B: 491 60", "B: 200 61"]);
    assert_eq!(pair.state(B), Some("Early"));
    pair.post(A, request(Cancel)).unwrap();
    pair.inject(A, raw(Invite, "a0", 70));
    pair.inject(A, related(Cancel, "a0", 71, 70));
    assert!(pair.wire().contains(&"A: 200 71".to_owned()));
}

#[test]
fn a_cancel_that_finds_no_invite_gets_481() {
    let mut pair = ringing();
    pair.inject(B, related(Cancel, "a0", 50, 49));
    pair.inject(A, raw(Cancel, "a0", 51));
    assert_eq!(pair.wire(), ["B: 481 50", "A: 481 51"]);
    assert_eq!(pair.state(B), Some("Early"));
}

#[test]
fn the_callee_cannot_cancel_and_nobody_cancels_twice() {
    let mut pair = ringing();
    assert_eq!(
        pair.post(B, request(Cancel)),
        Err(SendError::Illegal {
            method: Cancel,
            state: "Early"
        })
    );
    pair.post(A, request(Cancel)).unwrap();
    assert_eq!(
        pair.post(A, request(Cancel)),
        Err(SendError::Illegal {
            method: Cancel,
            state: "Cancelling"
        })
    );
}

#[test]
fn the_callees_requests_that_cross_the_cancel_are_refused() {
    let mut pair = ringing();
    pair.post(A, request(Cancel)).unwrap();
    pair.inject(A, raw(Update, "a0", 70));
    let mut pair = ringing();
    pair.post(A, request(Cancel)).unwrap();
    pair.post(B, request(Update)).unwrap();
    pair.run();
    let wire = pair.wire();
    assert!(wire.contains(&"A: 491 1".to_owned()), "{wire:?}");
    let mut pair = Pair::new();
    pair.open(A, request(Invite));
    pair.silence(B);
    pair.post(A, request(Cancel)).unwrap();
    pair.wire();
    pair.inject(A, raw(Info, "a0", 70));
    pair.inject(A, raw(Bye, "a0", 71));
    pair.inject(A, raw(Invite, "a0", 72));
    let answers: Vec<_> = pair
        .wire()
        .into_iter()
        .filter(|line| line.starts_with("A: 4"))
        .collect();
    assert_eq!(answers, ["A: 400 70", "A: 400 71", "A: 491 72"]);
}

#[test]
fn an_invite_cancelled_before_it_was_written_is_withdrawn_and_gives_487() {
    let mut pair = Pair::new();
    pair.down();
    pair.open(A, request(Invite));
    // The channel is known to be down only when the dialog is bound to it.
    pair.send(A, request(Cancel));
    assert_eq!(pair.heard(A), ["487 INVITE", "ended: Cancelled"]);
    pair.up();
    assert_eq!(pair.wire(), [""; 0]);
    assert_eq!(pair.heard(B), [""; 0]);
}

#[test]
fn an_invite_cancelled_before_its_channel_is_known_is_cancelled_there() {
    let mut pair = Pair::new();
    pair.binding = false;
    pair.open(A, request(Invite));
    pair.send(A, request(Cancel));
    assert_eq!(pair.wire(), [""; 0]);
    pair.bind(A);
    pair.run();
    assert_eq!(pair.heard(A), ["487 INVITE", "ended: Cancelled"]);
    assert_eq!(pair.heard(B), ["INVITE", "CANCEL", "ended: Cancelled"]);
}

#[test]
fn a_reinvite_cancelled_by_its_sender_leaves_the_session_established() {
    let mut pair = established();
    pair.send(A, request(Invite));
    pair.send(A, request(Cancel));
    assert_eq!(pair.heard(A), ["487 INVITE"]);
    assert_eq!(pair.heard(B), ["INVITE", "CANCEL"]);
    assert_eq!(
        pair.wire(),
        ["A: INVITE 3", "A: CANCEL 4", "B: 200 4", "B: 487 3", "A: ACK 5"]
    );
    assert_eq!(
        (pair.state(A), pair.state(B)),
        (Some("Established"), Some("Established"))
    );
}
