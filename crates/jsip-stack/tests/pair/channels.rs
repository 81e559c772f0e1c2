//! Sockets that come and go, channels that are lost.

use jsip::Message as Wire;
use jsip::Method::{Ack, Bye, Cancel, Info, Invite, Message};
use jsip_stack::{Channel, Config, Output, Stack};
use strowger_time::Instant;

use crate::harness::{A, B, Pair, WIRE, answer, established, raw, request, ringing};

#[test]
fn a_lost_channel_gives_every_open_request_480_and_an_answered_session_a_bye() {
    let mut pair = established();
    pair.send(A, request(Info));
    pair.send(A, request(Invite));
    pair.hush();
    pair.lose(A);
    assert_eq!(
        pair.heard(A),
        [
            "480 INFO",
            "480 INVITE",
            "BYE: channel lost",
            "ended: ChannelLost"
        ]
    );
    assert_eq!(pair.wire(), [""; 0]);
    assert!(pair.stack(A).is_empty());
}

#[test]
fn a_lost_channel_is_the_final_response_to_an_unanswered_invite() {
    let mut pair = ringing();
    pair.lose(A);
    assert_eq!(pair.heard(A), ["480 INVITE", "ended: ChannelLost"]);
}

#[test]
fn a_lost_channel_cancels_the_unanswered_invite_of_the_instance() {
    let mut pair = ringing();
    pair.lose(B);
    assert_eq!(pair.heard(B), ["CANCEL: channel lost", "ended: ChannelLost"]);
}

#[test]
fn a_lost_channel_while_cancelling_gives_480_once() {
    let mut pair = Pair::new();
    pair.open(A, request(Invite));
    pair.silence(B);
    pair.post(A, request(Cancel)).unwrap();
    pair.hush();
    pair.lose(A);
    assert_eq!(pair.heard(A), ["480 INVITE", "480 CANCEL", "ended: Cancelled"]);
}

#[test]
fn a_link_that_fails_gives_503() {
    let mut pair = ringing();
    pair.fail_link(A);
    assert_eq!(pair.heard(A), ["503 INVITE", "ended: ChannelLost"]);
}

#[test]
fn a_dialog_of_one_transaction_on_a_lost_channel_just_ends() {
    let mut pair = Pair::new();
    pair.inject(B, raw(Message, "d", 1));
    pair.lose(B);
    assert_eq!(pair.heard(B), ["MESSAGE", "ended: ChannelLost"]);
    pair.wait(100);
    assert_eq!(pair.wire(), [""; 0]);
}

#[test]
fn the_wait_for_the_ack_counts_only_with_a_socket() {
    let mut pair = Pair::new();
    pair.open(A, request(Invite));
    pair.respond(B, Invite, 200);
    pair.hush();
    pair.wait(30);
    pair.down();
    pair.wait(100);
    assert_eq!(pair.state(B), Some("Answered"));
    pair.up();
    pair.wait(59);
    assert_eq!(pair.state(B), Some("Answered"));
    pair.wait(2);
    assert_eq!(pair.heard(B), ["BYE: timed out", "ended: TimedOut"]);
}

#[test]
fn an_answer_given_without_a_socket_waits_for_the_socket_too() {
    let mut pair = Pair::new();
    pair.inject(B, raw(Invite, "d", 1));
    pair.down();
    pair.reply(B, Invite, 200).unwrap();
    pair.wait(100);
    assert_eq!(pair.state(B), Some("Answered"));
    pair.up();
    pair.inject(B, raw(Ack, "d", 2));
    assert_eq!(pair.state(B), Some("Established"));
}

#[test]
fn the_wait_for_the_end_of_a_cancelled_invite_counts_only_with_a_socket() {
    let mut pair = ringing();
    pair.silence(B);
    pair.down();
    pair.post(A, request(Cancel)).unwrap();
    pair.wait(30);
    assert_eq!((pair.state(A), pair.heard(A)), (Some("Cancelling"), vec![]));
    pair.up();
    pair.wait(6);
    assert_eq!(pair.heard(A), ["487 INVITE", "408 CANCEL", "ended: Cancelled"]);
}

#[test]
fn a_call_goes_on_after_a_broken_socket() {
    let mut pair = established();
    pair.down();
    pair.post(A, request(Info)).unwrap();
    pair.wait(2);
    pair.up();
    pair.respond(B, Info, 200);
    assert_eq!(pair.heard(A), ["200 INFO"]);
}

#[test]
fn a_request_that_timed_out_before_it_was_written_is_withdrawn() {
    let mut pair = established();
    pair.down();
    pair.post(A, request(Info)).unwrap();
    pair.wait(6);
    assert_eq!(pair.heard(A), ["408 INFO"]);
    pair.up();
    assert_eq!((pair.wire().len(), pair.heard(B).len()), (0, 0));
}

#[test]
fn a_request_that_timed_out_before_its_channel_was_known_is_withdrawn_there() {
    let mut pair = Pair::new();
    pair.down();
    pair.binding = false;
    pair.open(A, request(Message));
    pair.wait(6);
    assert_eq!(pair.heard(A), ["408 MESSAGE", "ended: TimedOut"]);
    pair.bind(A);
    pair.up();
    assert_eq!((pair.wire().len(), pair.heard(B).len()), (0, 0));
    assert!(pair.stack(A).is_empty());
}

#[test]
fn an_invite_that_timed_out_before_it_was_written_is_withdrawn_with_its_cancel() {
    let mut pair = Pair::new();
    pair.down();
    pair.open(A, request(Invite));
    pair.wait(61);
    assert_eq!(pair.heard(A), ["408 INVITE", "ended: TimedOut"]);
    pair.up();
    assert_eq!(pair.wire(), [""; 0]);
    pair.wait(6);
    assert!(pair.stack(A).is_empty());
}

#[test]
fn a_bound_dialog_learns_that_its_channel_has_no_socket() {
    let mut pair = Pair::new();
    pair.open(A, request(Message));
    pair.down();
    pair.open(A, request(Invite));
    pair.wait(6);
    assert_eq!(pair.heard_on(A, 0), ["408 MESSAGE", "ended: TimedOut"]);
    pair.up();
    assert_eq!(pair.heard_on(B, 1), ["INVITE"]);
}

#[test]
fn two_users_with_the_same_dialog_id_never_meet() {
    let mut stack = Stack::new(Config::default(), 0, 1);
    let (one, two) = (WIRE, Channel::new(2));
    stack.receive(Instant::ZERO, one, Wire::Request(raw(Invite, "same", 1)));
    stack.receive(Instant::ZERO, two, Wire::Request(raw(Bye, "same", 2)));
    stack.receive(Instant::ZERO, two, Wire::Request(raw(Ack, "same", 3)));
    stack.receive(Instant::ZERO, two, Wire::Response(answer(200, "same", 1)));
    let mut outputs = Vec::new();
    while let Some(output) = stack.poll_output() {
        outputs.push(output);
    }
    assert_eq!(outputs.len(), 2, "{outputs:?}");
    assert!(matches!(&outputs[0], Output::Incoming { channel, .. } if *channel == one));
    assert!(matches!(&outputs[1], Output::Send { channel, .. } if *channel == two));
    stack.receive(Instant::ZERO, two, Wire::Request(raw(Invite, "same", 1)));
    assert!(matches!(stack.poll_output(), Some(Output::Incoming { channel, .. }) if channel == two));
    assert_eq!(stack.live(), 2);
    stack.channel_lost(Instant::ZERO, two);
    assert!(stack.knows(one, "same") && !stack.knows(two, "same"));
    assert!(stack.has_live_dialogs(one) && !stack.has_live_dialogs(two));
}

#[test]
fn a_late_bound_is_ignored_for_a_dialog_that_was_lost() {
    let mut pair = Pair::new();
    pair.binding = false;
    pair.open(A, request(Invite));
    pair.release(A, jsip_stack::Release::Finished);
    pair.bind(A);
    pair.run();
    assert_eq!(
        pair.wire(),
        ["A: INVITE 1", "A: CANCEL 2", "B: 200 2", "B: 487 1", "A: ACK 3"]
    );
    pair.bind(A);
    pair.wait(10);
    assert!(pair.stack(A).is_empty());
}
