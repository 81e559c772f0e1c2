//! What keeps a session alive.

use jsip::Method::{Ack, Bye, Invite, Update};

use crate::harness::{A, B, Pair, answer, established, established_with, lasting, raw, request, with_body};

#[test]
fn the_caller_sends_an_update_every_third_of_the_interval() {
    let mut pair = established_with(lasting(Invite, 30));
    pair.wait(35);
    assert_eq!(
        pair.wire(),
        [
            "A: UPDATE 3",
            "B: 200 3",
            "A: UPDATE 4",
            "B: 200 4",
            "A: UPDATE 5",
            "B: 200 5"
        ]
    );
    assert_eq!((pair.heard(A).len(), pair.heard(B).len()), (0, 0));
    pair.wait(3000);
    assert_eq!(
        (pair.state(A), pair.state(B)),
        (Some("Established"), Some("Established"))
    );
}

#[test]
fn an_invite_without_expire_gets_the_default_and_both_know_it() {
    let mut pair = established();
    pair.wait(199);
    assert_eq!(pair.wire(), [""; 0]);
    pair.wait(2);
    assert_eq!(pair.wire(), ["A: UPDATE 3", "B: 200 3"]);
}

#[test]
fn three_updates_without_a_200_end_the_session_both_ways() {
    let mut pair = established_with(lasting(Invite, 30));
    pair.silence(B);
    pair.hush();
    pair.wait(34);
    assert_eq!(pair.wire(), ["A: UPDATE 3", "A: UPDATE 4", "A: UPDATE 5"]);
    assert_eq!(pair.heard(A), [""; 0]);
    pair.wait(2);
    assert_eq!(pair.heard(A), ["BYE: timed out", "ended: TimedOut"]);
    assert_eq!(pair.wire(), ["A: BYE 6"]);
}

#[test]
fn a_200_after_two_misses_begins_the_count_again() {
    let mut pair = established_with(lasting(Invite, 30));
    pair.silence(B);
    pair.wait(21);
    pair.inject(A, answer(200, "a0", 4));
    pair.wait(33);
    assert_eq!(pair.state(A), Some("Established"));
    pair.wait(2);
    assert_eq!(pair.heard(A), ["BYE: timed out", "ended: TimedOut"]);
}

#[test]
fn a_session_outlives_a_broken_socket() {
    let mut pair = established_with(lasting(Invite, 30));
    pair.down();
    pair.wait(16);
    pair.up();
    pair.wait(300);
    assert_eq!(
        (pair.state(A), pair.state(B)),
        (Some("Established"), Some("Established"))
    );
}

#[test]
fn the_called_side_gives_up_when_nothing_refreshes_the_session() {
    let mut pair = established_with(lasting(Invite, 30));
    pair.silence(A);
    pair.hush();
    pair.wait(29);
    assert_eq!((pair.heard(B).len(), pair.state(B)), (0, Some("Established")));
    pair.wait(2);
    assert_eq!(pair.heard(B), ["BYE: timed out", "ended: TimedOut"]);
    assert_eq!(pair.wire()[0], "B: BYE 1");
}

#[test]
fn any_update_or_reinvite_answered_2xx_in_either_direction_is_a_refresh() {
    let mut pair = established_with(lasting(Invite, 30));
    pair.silence(A);
    pair.hush();
    pair.wait(20);
    pair.inject(B, raw(Update, "a0", 50));
    pair.wait(20);
    let mut update = raw(Update, "a0", 51);
    update.set_body_str("v=0");
    pair.inject(B, update);
    pair.respond(B, Update, 200);
    pair.wait(20);
    pair.inject(B, raw(Invite, "a0", 52));
    pair.respond(B, Invite, 200);
    pair.inject(B, raw(Ack, "a0", 53));
    pair.wait(29);
    assert_eq!(pair.state(B), Some("Established"));
    pair.wait(2);
    assert_eq!(
        pair.heard(B),
        ["UPDATE", "INVITE", "ACK", "BYE: timed out", "ended: TimedOut"]
    );
}

#[test]
fn an_update_answered_with_an_error_is_no_refresh() {
    let mut pair = established_with(lasting(Invite, 30));
    pair.silence(A);
    pair.hush();
    pair.wait(20);
    let mut update = raw(Update, "a0", 51);
    update.set_body_str("v=0");
    pair.inject(B, update);
    pair.respond(B, Update, 488);
    pair.wait(11);
    assert_eq!(pair.heard(B), ["UPDATE", "BYE: timed out", "ended: TimedOut"]);
}

#[test]
fn where_the_called_side_inserted_the_interval_it_sends_the_updates() {
    let mut pair = Pair::new();
    pair.inject(B, raw(Invite, "d", 1));
    pair.respond(B, Invite, 200);
    pair.inject(B, raw(Ack, "d", 2));
    pair.hush();
    pair.wait(201);
    assert_eq!(pair.wire()[0], "B: UPDATE 1");
}

#[test]
fn an_interval_named_by_a_refresh_counts_from_then_on() {
    let mut pair = established();
    let mut update = raw(Update, "a0", 50);
    update.set_expires(30);
    pair.inject(A, update.clone());
    pair.hush();
    pair.wait(11);
    assert_eq!(
        pair.wire(),
        ["A: UPDATE 3", "B: 200 3"],
        "the refreshing side follows at once"
    );
    pair.wait(1);
    pair.silence(A);
    pair.wait(27);
    assert_eq!(pair.state(B), Some("Established"));
    pair.wait(3);
    assert_eq!(pair.state(B), None, "the watching side as well");
}

#[test]
fn a_session_that_ended_is_not_refreshed() {
    let mut pair = established_with(lasting(Invite, 30));
    pair.send(A, request(Bye));
    pair.hush();
    pair.wait(100);
    assert_eq!(pair.wire(), [""; 0]);
    assert!(pair.stack(A).is_empty() && pair.stack(B).is_empty());
}

#[test]
fn refreshing_goes_on_while_a_reinvite_is_open() {
    let mut pair = established_with(lasting(Invite, 30));
    pair.send(A, with_body(Invite));
    pair.wire();
    pair.wait(11);
    assert_eq!(pair.wire(), ["A: UPDATE 4", "B: 200 4"]);
    assert_eq!(
        (pair.state(A), pair.state(B)),
        (Some("Reinviting"), Some("Reinviting"))
    );
}
