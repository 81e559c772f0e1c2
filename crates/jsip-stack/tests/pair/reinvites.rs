//! Re-INVITE and UPDATE in a session that stands.

use jsip::Method::{Ack, Bye, Cancel, Invite, Update};
use jsip_stack::SendError;

use crate::harness::{A, B, answer, established, raw, related, request, ringing, with_body};

#[test]
fn either_side_may_reinvite() {
    for (sender, other) in [(A, B), (B, A)] {
        let mut pair = established();
        pair.send(sender, with_body(Invite));
        assert_eq!(
            (pair.state(A), pair.state(B)),
            (Some("Reinviting"), Some("Reinviting"))
        );
        pair.respond(other, Invite, 183);
        pair.respond(other, Invite, 200);
        assert_eq!(
            (pair.state(A), pair.state(B)),
            (Some("Reanswered"), Some("Reanswered"))
        );
        pair.send(sender, request(Ack));
        assert_eq!(
            (pair.state(A), pair.state(B)),
            (Some("Established"), Some("Established"))
        );
        assert_eq!(pair.heard(sender), ["183 INVITE", "200 INVITE"]);
        assert_eq!(pair.heard(other), ["INVITE", "ACK"]);
    }
}

#[test]
fn a_refused_reinvite_leaves_the_session_established() {
    let mut pair = established();
    pair.send(B, request(Invite));
    pair.respond(A, Invite, 488);
    assert_eq!(pair.heard(B), ["488 INVITE"]);
    assert_eq!(pair.wire(), ["B: INVITE 1", "A: 488 1", "B: ACK 2"]);
    assert_eq!(
        (pair.state(A), pair.state(B)),
        (Some("Established"), Some("Established"))
    );
    assert_eq!(pair.heard(A), ["INVITE"], "the ACK of a refusal is absorbed");
}

#[test]
fn a_reinvite_refused_with_481_ends_the_session_of_its_sender() {
    let mut pair = established();
    pair.send(B, request(Invite));
    pair.respond(A, Invite, 481);
    assert_eq!(
        pair.heard(B),
        ["481 INVITE", "BYE: no such session", "ended: Refused"]
    );
    assert_eq!(pair.wire(), ["B: INVITE 1", "A: 481 1", "B: ACK 2"]);
    // Who answers so says BYE as well.
    pair.send(A, request(Bye));
    assert_eq!(pair.wire(), ["A: BYE 3", "B: 481 3"]);
    assert_eq!(pair.heard(A), ["INVITE", "481 BYE", "ended: Bye"]);
}

#[test]
fn reinvites_that_cross_get_491_on_both_sides_and_the_session_goes_on() {
    let mut pair = established();
    pair.post(A, request(Invite)).unwrap();
    pair.post(B, request(Invite)).unwrap();
    pair.run();
    assert_eq!(pair.heard(A), ["491 INVITE"]);
    assert_eq!(pair.heard(B), ["491 INVITE"]);
    let wire = pair.wire();
    assert_eq!(
        wire,
        [
            "A: INVITE 3",
            "B: INVITE 1",
            "B: 491 3",
            "A: 491 1",
            "A: ACK 4",
            "B: ACK 2"
        ]
    );
    assert_eq!(
        (pair.state(A), pair.state(B)),
        (Some("Established"), Some("Established"))
    );
    pair.send(B, request(Invite));
    pair.respond(A, Invite, 200);
    pair.send(B, request(Ack));
    assert_eq!(
        (pair.state(A), pair.state(B)),
        (Some("Established"), Some("Established"))
    );
}

#[test]
fn an_ack_without_related_id_means_the_latest_final_response() {
    let mut pair = established();
    pair.inject(B, raw(Invite, "a0", 20));
    pair.inject(B, raw(Invite, "a0", 21));
    pair.respond(B, Invite, 200);
    assert_eq!(pair.state(B), Some("Reanswered"));
    pair.inject(B, raw(Ack, "a0", 22));
    assert_eq!(pair.heard(B), ["INVITE", "ACK"]);
    assert_eq!(pair.state(B), Some("Established"));
    // The refusal of the other INVITE is acknowledged later, and absorbed.
    pair.inject(B, raw(Ack, "a0", 23));
    assert_eq!(pair.heard(B), [""; 0]);
    pair.inject(B, raw(Ack, "a0", 24));
    assert_eq!(pair.stack(B).counters().stray_acks, 1);
}

#[test]
fn a_bye_while_a_reinvite_is_open_ends_both() {
    let mut pair = established();
    pair.send(A, request(Invite));
    pair.send(B, request(Bye));
    assert_eq!(pair.heard(A), ["BYE", "487 INVITE", "ended: Bye"]);
    assert_eq!(pair.heard(B), ["INVITE", "ended: Bye"]);
    assert_eq!(
        pair.wire(),
        ["A: INVITE 3", "B: BYE 1", "B: 487 3", "A: 200 1", "A: ACK 4"]
    );
}

#[test]
fn a_reinvite_open_when_its_sender_ends_the_session_gets_its_final_response() {
    let mut pair = established();
    pair.send(A, request(Invite));
    pair.send(A, request(Bye));
    assert_eq!(pair.heard(A), ["487 INVITE", "ended: Bye"]);
    assert_eq!(pair.heard(B), ["INVITE", "BYE", "ended: Bye"]);
}

#[test]
fn a_reinvite_open_at_the_end_that_nobody_answers_gets_408() {
    let mut pair = established();
    pair.silence(B);
    pair.hush();
    pair.send(A, request(Invite));
    pair.inject(A, raw(Bye, "a0", 1));
    assert_eq!(pair.heard(A), ["BYE"]);
    pair.wait(6);
    assert_eq!(pair.heard(A), ["408 INVITE", "ended: Bye"]);
}

#[test]
fn a_reinvite_cancelled_and_withdrawn_after_the_end_still_gets_its_final_response() {
    let mut pair = established();
    pair.down();
    pair.post(A, request(Invite)).unwrap();
    // The peer's BYE was under way when the socket broke.
    pair.inject(A, raw(Bye, "a0", 1));
    assert_eq!(pair.heard(A), ["BYE"]);
    pair.wait(6);
    assert_eq!(pair.heard(A), ["408 INVITE", "ended: Bye"]);
}

#[test]
fn a_reinvite_that_nobody_answers_is_cancelled_and_leaves_the_session_established() {
    let mut pair = established();
    pair.silence(B);
    pair.hush();
    pair.send(A, request(Invite));
    pair.wait(61);
    assert_eq!(pair.heard(A), ["408 INVITE"]);
    assert_eq!(pair.wire(), ["A: INVITE 3", "A: CANCEL 4"]);
    assert_eq!(pair.state(A), Some("Established"));
}

#[test]
fn a_late_answer_to_a_given_up_reinvite_is_acknowledged_by_its_own_number() {
    let mut pair = established();
    pair.silence(B);
    pair.hush();
    pair.send(A, request(Invite));
    pair.wait(61);
    pair.send(A, request(Invite));
    pair.hush();
    pair.inject(A, answer(200, "a0", 3));
    assert_eq!(pair.wire(), ["A: ACK 6"]);
    assert_eq!((pair.heard(A).len(), pair.state(A)), (0, Some("Reinviting")));
    pair.inject(A, answer(200, "a0", 5));
    assert_eq!(pair.heard(A), ["200 INVITE"]);
    pair.send(A, request(Ack));
    assert_eq!(
        (pair.wire(), pair.state(A)),
        (vec!["A: ACK 7".to_owned()], Some("Established"))
    );
}

#[test]
fn given_up_reinvites_do_not_pile_up() {
    let mut pair = established();
    pair.silence(B);
    for _ in 0..5 {
        pair.send(A, request(Invite));
        pair.wait(61);
        if pair.state(A).is_none() {
            return;
        }
    }
    pair.hush();
    pair.inject(A, answer(200, "a0", 3));
    assert_eq!(pair.wire(), [""; 0]);
    assert_eq!(pair.stack(A).counters().stray_responses, 1);
}

#[test]
fn a_reinvite_the_instance_does_not_answer_gets_408_and_the_instance_a_cancel() {
    let mut pair = established();
    pair.inject(B, raw(Invite, "a0", 20));
    pair.wait(61);
    assert_eq!(pair.heard(B), ["INVITE", "CANCEL: completed"]);
    assert_eq!(pair.wire(), ["B: 408 20"]);
    assert_eq!(pair.state(B), Some("Rerefused"));
    pair.wait(6);
    assert_eq!(pair.state(B), Some("Established"));
}

#[test]
fn a_reinvite_is_legal_before_the_ack_of_the_first() {
    let mut pair = ringing();
    pair.respond(B, Invite, 200);
    pair.send(B, request(Invite));
    assert_eq!(
        (pair.state(A), pair.state(B)),
        (Some("Reinviting"), Some("Reinviting"))
    );
    pair.respond(A, Invite, 200);
    pair.send(B, request(Ack));
    assert_eq!(
        (pair.state(A), pair.state(B)),
        (Some("Established"), Some("Established"))
    );
}

#[test]
fn a_reinvite_in_reanswered_is_legal() {
    let mut pair = established();
    pair.send(A, request(Invite));
    pair.respond(B, Invite, 200);
    pair.send(B, request(Invite));
    assert_eq!(
        (pair.state(A), pair.state(B)),
        (Some("Reinviting"), Some("Reinviting"))
    );
}

#[test]
fn an_update_with_body_is_delivered_in_answered_and_established() {
    let mut pair = ringing();
    pair.respond(B, Invite, 200);
    pair.hush();
    pair.send(A, with_body(Update));
    pair.respond(B, Update, 200);
    pair.send(A, request(Ack));
    pair.send(B, with_body(Update));
    pair.respond(A, Update, 488);
    assert_eq!(pair.heard(A), ["200 UPDATE", "UPDATE"]);
    assert_eq!(pair.heard(B), ["UPDATE", "ACK", "488 UPDATE"]);
}

#[test]
fn an_update_with_body_gets_491_while_a_reinvite_or_another_update_is_open() {
    let mut pair = established();
    pair.send(A, with_body(Update));
    assert!(matches!(
        pair.post(B, with_body(Update)),
        Err(SendError::Illegal { .. })
    ));
    let mut other = raw(Update, "a0", 40);
    other.set_body_str("v=0");
    pair.hush();
    pair.inject(B, other.clone());
    assert_eq!(pair.wire(), ["B: 491 40"]);
    pair.respond(B, Update, 200);
    pair.send(A, request(Invite));
    pair.hush();
    other.set_cseq(jsip::CSeq::new(41).unwrap());
    pair.inject(B, other);
    assert_eq!(pair.wire(), ["B: 491 41"]);
}

#[test]
fn an_update_without_body_is_answered_by_the_stack_in_every_answered_state() {
    let mut pair = ringing();
    pair.respond(B, Invite, 200);
    pair.hush();
    pair.inject(B, raw(Update, "a0", 40));
    pair.send(A, request(Ack));
    pair.inject(B, raw(Update, "a0", 41));
    pair.send(A, request(Invite));
    pair.inject(B, raw(Update, "a0", 42));
    pair.respond(B, Invite, 200);
    pair.inject(B, raw(Update, "a0", 43));
    let answers: Vec<_> = pair
        .wire()
        .into_iter()
        .filter(|line| line.starts_with("B: 200 4"))
        .collect();
    assert_eq!(answers, ["B: 200 40", "B: 200 41", "B: 200 42", "B: 200 43"]);
    assert_eq!(pair.heard(B), ["ACK", "INVITE"]);
}

#[test]
fn a_late_cancel_of_the_first_invite_gets_200_during_a_reinvite() {
    let mut pair = established();
    pair.send(B, request(Invite));
    pair.wire();
    pair.inject(B, related(Cancel, "a0", 90, 1));
    assert_eq!(pair.wire(), ["B: 200 90"]);
    assert_eq!(pair.state(B), Some("Reinviting"));
}

#[test]
fn a_number_whose_invite_waits_for_its_ack_is_not_reused() {
    let mut pair = ringing();
    pair.respond(B, Invite, 200);
    pair.hush();
    pair.inject(B, raw(jsip::Method::Info, "a0", 1));
    assert_eq!(pair.wire(), ["B: 400 1"]);
    pair.send(A, request(Ack));
    assert_eq!(pair.heard(B), ["ACK"]);
}

#[test]
fn a_reinvite_withdrawn_after_the_end_gets_487_once() {
    let mut pair = established();
    pair.down();
    pair.reporting = false;
    pair.post(A, request(Invite)).unwrap();
    pair.post(A, request(Cancel)).unwrap();
    pair.inject(A, raw(Bye, "a0", 1));
    assert_eq!(pair.heard(A), ["BYE"]);
    pair.report();
    assert_eq!(pair.heard(A), ["487 INVITE", "ended: Bye"]);
}

#[test]
fn a_reinvite_withdrawn_after_it_timed_out_is_no_news() {
    let mut pair = established();
    pair.down();
    pair.reporting = false;
    pair.post(A, request(Invite)).unwrap();
    pair.post(A, request(Cancel)).unwrap();
    pair.inject(A, raw(Bye, "a0", 1));
    pair.wait(6);
    assert_eq!(pair.heard(A), ["BYE", "408 CANCEL", "408 INVITE", "ended: Bye"]);
    pair.report();
    assert_eq!(pair.heard(A), [""; 0]);
}

#[test]
fn an_ack_of_a_refused_invite_never_counts_for_one_of_ours_with_the_same_number() {
    let mut pair = established();
    pair.send(A, request(Invite));
    pair.inject(A, raw(Invite, "a0", 3));
    pair.respond(B, Invite, 200);
    pair.hush();
    pair.inject(A, related(Ack, "a0", 4, 3));
    assert_eq!((pair.state(A), pair.heard(A).len()), (Some("Reanswered"), 0));
}

#[test]
fn a_refused_invite_with_the_number_of_one_of_ours_lingers_like_any() {
    let mut pair = established();
    pair.send(A, request(Invite));
    pair.inject(A, raw(Invite, "a0", 3));
    pair.respond(B, Invite, 200);
    pair.send(A, request(Ack));
    pair.inject(A, related(Ack, "a0", 4, 3));
    pair.wait(6);
    pair.hush();
    pair.inject(A, raw(Invite, "a0", 3));
    assert_eq!(pair.heard(A), ["INVITE"], "forgotten, so it is a new one");
}
