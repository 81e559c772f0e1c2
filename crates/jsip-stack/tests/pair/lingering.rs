//! How long what is finished stays, and what is left at the end.

use std::time::Duration;

use jsip::Method::{Ack, Bye, Info, Invite, Message, Options};
use jsip_stack::Config;

use crate::harness::{A, B, Pair, established, raw, request};

#[test]
fn a_finished_transaction_stays_until_its_response_was_released_and_timers_linger_more() {
    let mut pair = Pair::new();
    pair.releasing = false;
    pair.inject(B, raw(Message, "d", 1));
    pair.respond(B, Message, 200);
    pair.wait(1000);
    assert_eq!(pair.stack(B).len(), 1);
    pair.release_all(B);
    pair.wait(4);
    pair.inject(B, raw(Message, "d", 1));
    assert_eq!(pair.wire(), ["B: 200 1", "B: 200 1"]);
    pair.wait(1000);
    assert_eq!(
        pair.stack(B).len(),
        1,
        "the second copy may be lost like the first"
    );
    pair.release_all(B);
    pair.wait(4);
    assert_eq!(pair.stack(B).len(), 1);
    pair.wait(2);
    assert_eq!((pair.stack(B).len(), pair.stack(B).timers()), (0, 0));
}

#[test]
fn lingering_counts_only_with_a_socket_and_starts_again_with_it() {
    let mut pair = Pair::new();
    pair.inject(B, raw(Message, "d", 1));
    pair.respond(B, Message, 200);
    pair.wait(3);
    pair.down();
    pair.wait(100);
    assert_eq!(pair.stack(B).len(), 1);
    pair.up();
    pair.wait(4);
    assert_eq!(pair.stack(B).len(), 1);
    pair.wait(2);
    assert_eq!(pair.stack(B).len(), 0);
}

#[test]
fn an_invite_stays_as_long_as_its_session() {
    let mut pair = established();
    pair.wait(900);
    pair.hush();
    pair.inject(B, raw(Invite, "a0", 1));
    assert_eq!(pair.wire(), ["B: 200 1", "A: ACK 2"]);
    assert_eq!(pair.heard(B), [""; 0]);
}

#[test]
fn earlier_invites_and_other_requests_of_a_session_linger_like_any() {
    let mut pair = established();
    pair.send(A, request(Invite));
    pair.respond(B, Invite, 200);
    pair.send(A, request(Ack));
    pair.hush();
    pair.inject(B, raw(Invite, "a0", 1));
    assert_eq!(pair.wire(), ["B: 200 1"]);
    pair.wait(6);
    pair.inject(B, raw(Invite, "a0", 3));
    assert_eq!(pair.wire(), ["B: 200 3", "A: ACK 4"], "the latest stays");
}

#[test]
fn at_most_so_many_linger_and_the_oldest_go_first() {
    let config = Config {
        lingering_per_channel: 2,
        ..Config::default()
    };
    let mut pair = Pair::with(config);
    for dialog in ["d1", "d2", "d3"] {
        pair.inject(B, raw(Message, dialog, 1));
        pair.respond(B, Message, 200);
    }
    assert_eq!(pair.stack(B).len(), 2);
    assert_eq!(pair.stack(B).counters().linger_overflows, 1);
    pair.hush();
    pair.inject(B, raw(Message, "d2", 1));
    pair.inject(B, raw(Message, "d1", 1));
    assert_eq!(pair.wire(), ["B: 200 1"]);
    assert_eq!(pair.heard(B), ["MESSAGE"], "d1 is taken as new");
}

#[test]
fn reinvites_do_not_fill_the_queue_with_repetitions() {
    let config = Config {
        lingering_per_channel: 8,
        ..Config::default()
    };
    let mut pair = Pair::with(config);
    pair.open(A, request(Invite));
    pair.respond(B, Invite, 200);
    pair.send(A, request(Ack));
    for _ in 0..6 {
        pair.send(A, request(Invite));
        pair.respond(B, Invite, 200);
        pair.send(A, request(Ack));
    }
    assert_eq!(pair.stack(B).counters().linger_overflows, 0);
}

#[test]
fn a_finished_session_absorbs_for_a_while_and_is_gone() {
    let mut pair = established();
    pair.send(A, request(Bye));
    pair.hush();
    pair.inject(B, raw(Bye, "a0", 3));
    assert_eq!(pair.wire(), ["B: 200 3"]);
    pair.inject(B, raw(Info, "a0", 9));
    assert_eq!(pair.wire(), ["B: 481 9"]);
    pair.wait(11);
    assert!(pair.stack(A).is_empty() && pair.stack(B).is_empty());
    assert_eq!((pair.stack(A).timers(), pair.stack(B).timers()), (0, 0));
}

#[test]
fn two_thousand_calls_leave_nothing() {
    let mut pair = Pair::new();
    for _ in 0..2000 {
        pair.open(A, request(Invite));
        pair.respond(B, Invite, 200);
        pair.send(A, request(Ack));
        pair.send(A, request(Bye));
        pair.hush();
    }
    pair.wait(11);
    assert!(pair.stack(A).is_empty() && pair.stack(B).is_empty());
    assert_eq!((pair.stack(A).live(), pair.stack(B).timers()), (0, 0));
}

#[test]
fn without_lingering_nothing_breaks() {
    let config = Config {
        lingering_per_channel: 0,
        linger: Duration::ZERO,
        ..Config::default()
    };
    let mut pair = Pair::with(config);
    pair.open(A, request(Invite));
    pair.respond(B, Invite, 200);
    pair.send(A, request(Ack));
    pair.send(B, request(Bye));
    pair.open(A, request(Message));
    pair.respond(B, Message, 200);
    pair.wait(1);
    assert!(pair.stack(A).is_empty() && pair.stack(B).is_empty());
}

#[test]
fn a_finished_session_stays_until_its_responses_were_released() {
    let mut pair = established();
    pair.releasing = false;
    pair.send(A, request(Bye));
    pair.wait(1000);
    pair.hush();
    pair.inject(B, raw(Bye, "a0", 3));
    assert_eq!(pair.wire(), ["B: 200 3"]);
    pair.release_all(B);
    pair.wait(6);
    assert!(pair.stack(B).is_empty());
}

/// The finished transaction made way for a request that was then turned away: nothing was left to forget the record.
#[test]
fn a_record_whose_last_number_was_taken_by_a_refused_request_is_forgotten() {
    let mut pair = Pair::with(Config {
        dialogs_per_channel: 1,
        ..Config::default()
    });
    pair.releasing = false;
    pair.inject(B, raw(Message, "d", 1));
    pair.respond(B, Message, 200);
    pair.inject(B, raw(Message, "e", 1));
    pair.wire();
    pair.inject(B, raw(Options, "d", 1));
    assert_eq!(pair.wire(), ["B: 503 1"]);
    pair.respond(B, Message, 200);
    pair.release_all(B);
    pair.wait(6);
    assert!(pair.stack(B).is_empty());
}
