//! PRACK and UPDATE before the answer.

use jsip::Method::{Invite, Prack, Update};
use jsip_stack::SendError;

use crate::harness::{A, B, raw, request, ringing, with_body};

#[test]
fn a_prack_passes_and_its_response_leads_back_to_early() {
    let mut pair = ringing();
    pair.send(A, request(Prack));
    assert_eq!(
        (pair.state(A), pair.state(B)),
        (Some("EarlyPrack"), Some("EarlyPrack"))
    );
    pair.respond(B, Prack, 200);
    assert_eq!((pair.state(A), pair.state(B)), (Some("Early"), Some("Early")));
    assert_eq!(pair.heard(A), ["200 PRACK"]);
    assert_eq!(pair.heard(B), ["PRACK"]);
}

#[test]
fn either_side_may_update_before_the_answer() {
    for (sender, other) in [(A, B), (B, A)] {
        let mut pair = ringing();
        pair.send(sender, with_body(Update));
        assert_eq!(
            (pair.state(A), pair.state(B)),
            (Some("EarlyUpdate"), Some("EarlyUpdate"))
        );
        pair.respond(other, Update, 200);
        assert_eq!((pair.state(A), pair.state(B)), (Some("Early"), Some("Early")));
        assert_eq!(pair.heard(sender), ["200 UPDATE"]);
        assert_eq!(pair.heard(other), ["UPDATE"]);
    }
}

#[test]
fn updates_that_cross_get_491() {
    let mut pair = ringing();
    pair.post(A, with_body(Update)).unwrap();
    pair.post(B, with_body(Update)).unwrap();
    pair.run();
    assert_eq!(pair.heard(A), ["491 UPDATE"]);
    assert_eq!(pair.heard(B), ["491 UPDATE"]);
    assert_eq!((pair.state(A), pair.state(B)), (Some("Early"), Some("Early")));
}

#[test]
fn the_invites_responses_pass_while_a_prack_or_update_is_open() {
    for method in [Prack, Update] {
        let mut pair = ringing();
        pair.send(A, request(method));
        let state = pair.state(B);
        pair.respond(B, Invite, 183);
        assert_eq!(pair.state(A), state);
        pair.respond(B, Invite, 200);
        assert_eq!(
            (pair.state(A), pair.state(B)),
            (Some("Answered"), Some("Answered"))
        );
        pair.respond(B, method, 200);
        assert_eq!(
            pair.heard(A),
            [
                "183 INVITE".to_owned(),
                "200 INVITE".to_owned(),
                format!("200 {method}")
            ]
        );
        assert_eq!(pair.state(A), Some("Answered"));
    }
}

#[test]
fn a_refusal_while_a_prack_is_open_answers_the_prack_487() {
    let mut pair = ringing();
    pair.send(A, request(Prack));
    pair.hush();
    pair.respond(B, Invite, 486);
    assert_eq!(pair.wire(), ["B: 486 1", "A: ACK 3", "B: 487 2"]);
    assert_eq!(pair.heard(A), ["486 INVITE", "487 PRACK", "ended: Refused"]);
    assert_eq!(pair.heard(B), ["ended: Refused"]);
}

#[test]
fn a_prack_or_update_that_collides_gets_491() {
    let mut pair = ringing();
    pair.send(A, request(Prack));
    pair.wire();
    pair.inject(B, raw(Prack, "a0", 30));
    pair.inject(B, raw(Update, "a0", 31));
    pair.inject(A, raw(Update, "a0", 32));
    assert_eq!(pair.wire(), ["B: 491 30", "B: 491 31", "A: 491 32"]);
}

#[test]
fn a_prack_of_the_callee_is_illegal() {
    let mut pair = ringing();
    assert_eq!(
        pair.post(B, request(Prack)),
        Err(SendError::Illegal {
            method: Prack,
            state: "Early"
        })
    );
    pair.inject(A, raw(Prack, "a0", 32));
    assert_eq!(pair.wire(), ["A: 400 32"]);
}

#[test]
fn a_prack_nobody_answers_gets_408_and_the_session_goes_on() {
    let mut pair = ringing();
    pair.send(A, request(Prack));
    pair.wait(6);
    assert_eq!(pair.heard(A), ["408 PRACK"]);
    assert_eq!(pair.heard(B), ["PRACK", "expired 2"]);
    assert_eq!((pair.state(A), pair.state(B)), (Some("Early"), Some("Early")));
    pair.send(A, request(Prack));
    assert_eq!(pair.state(A), Some("EarlyPrack"));
}
