//! What a peer may not do, and the answers that say why.

use jsip::Method::{Ack, Info, Invite, Message, Options, Prack, Update};
use jsip::{Message as Wire, Request};
use jsip_stack::{Config, Output, Stack};
use strowger_time::Instant;

use crate::harness::{B, Pair, WIRE, lasting, raw};

/// Code, `Reason` and `Retry-After` of the answer to a request.
fn answer_to(stack: &mut Stack, request: Request) -> (u16, Option<String>, Option<String>) {
    stack.receive(Instant::ZERO, WIRE, Wire::Request(request));
    while let Some(output) = stack.poll_output() {
        if let Output::Send { transmit, .. } = output
            && let Wire::Response(response) = &transmit.message.decode().unwrap()
        {
            let retry = response.extension("Retry-After").map(str::to_owned);
            return (
                response.code().as_u16(),
                response.reason().map(str::to_owned),
                retry,
            );
        }
    }
    panic!("no answer");
}

fn stack_with_call() -> Stack {
    let mut stack = Stack::new(Config::default(), 0, 1);
    stack.receive(Instant::ZERO, WIRE, Wire::Request(raw(Invite, "d", 1)));
    while let Some(output) = stack.poll_output() {
        if let Output::Incoming { dialog, .. } = output {
            stack.accept(dialog, jsip_stack::Owner(0));
        }
    }
    stack
}

#[test]
fn a_refusal_names_method_and_state() {
    let mut stack = stack_with_call();
    let (code, reason, _) = answer_to(&mut stack, raw(Prack, "d", 2));
    assert_eq!(
        (code, reason.as_deref()),
        (400, Some("PRACK is not legal in state Inviting"))
    );
    let (code, reason, _) = answer_to(&mut stack, raw(Options, "d", 3));
    assert_eq!(
        (code, reason.as_deref()),
        (400, Some("OPTIONS is not legal in state Inviting"))
    );
    let (code, _, _) = answer_to(&mut stack, raw(Info, "d", 4));
    assert_eq!(code, 400);
    let (code, reason, _) = answer_to(&mut stack, raw(Invite, "d", 5));
    assert_eq!(
        (code, reason.as_deref()),
        (491, Some("INVITE collides in state Inviting"))
    );
    let (code, _, _) = answer_to(&mut stack, raw(Update, "d", 6));
    assert_eq!(code, 491);
    assert_eq!(stack.counters().illegal_requests, 5);
}

#[test]
fn a_reused_number_is_named() {
    let mut stack = stack_with_call();
    let (code, reason, _) = answer_to(&mut stack, raw(Info, "d", 1));
    assert_eq!(code, 400);
    assert!(reason.is_some_and(|reason| reason.contains("CSeq")));
}

#[test]
fn a_too_short_session_is_refused_and_a_too_long_one_cut() {
    let config = Config {
        session_min: std::time::Duration::from_secs(90),
        ..Config::default()
    };
    let mut stack = Stack::new(config, 0, 1);
    let short = |cseq| {
        let mut invite = raw(Invite, "d", cseq);
        invite.set_expires(89);
        invite
    };
    let (code, reason, _) = answer_to(&mut stack, short(1));
    assert_eq!(
        (code, reason.as_deref()),
        (400, Some("Expire: must be at least 90 s"))
    );
    assert!(stack.is_empty());
    let mut long = raw(Invite, "d", 2);
    long.set_expires(1 << 40);
    stack.receive(Instant::ZERO, WIRE, Wire::Request(long));
    let Some(Output::Incoming { request, .. }) = stack.poll_output() else {
        panic!("not delivered")
    };
    assert_eq!(request.expires(), Some(86_400));
    let mut update = raw(Update, "d", 3);
    update.set_expires(1);
    assert_eq!(answer_to(&mut stack, update).0, 400);
}

#[test]
fn a_first_invite_gets_an_expire_and_a_reinvite_does_not() {
    let mut stack = stack_with_call();
    stack.channel_lost(Instant::ZERO, WIRE);
    while stack.poll_output().is_some() {}
    stack.receive(Instant::ZERO, WIRE, Wire::Request(raw(Invite, "d", 1)));
    let Some(Output::Incoming { request, .. }) = stack.poll_output() else {
        panic!("not delivered")
    };
    assert_eq!(request.expires(), Some(600));
    let mut pair = Pair::new();
    pair.open(crate::harness::A, lasting(Invite, 100_000));
    assert_eq!(pair.heard(B), ["INVITE"], "an instance's Expire is cut as well");
    drop(request);
}

#[test]
fn too_many_dialogs_get_503_and_retry_after() {
    let mut stack = Stack::new(
        Config {
            dialogs_per_channel: 2,
            ..Config::default()
        },
        0,
        1,
    );
    for dialog in ["d1", "d2"] {
        stack.receive(Instant::ZERO, WIRE, Wire::Request(raw(Message, dialog, 1)));
    }
    let (code, _, retry) = answer_to(&mut stack, raw(Message, "d3", 1));
    assert_eq!((code, retry.as_deref()), (503, Some("1")));
    assert_eq!(stack.counters().dialog_overflows, 1);
    assert_eq!(stack.len(), 2);
    // Elsewhere there is room.
    stack.receive(
        Instant::ZERO,
        jsip_stack::Channel::new(9),
        Wire::Request(raw(Message, "d3", 1)),
    );
    assert_eq!(stack.len(), 3);
}

#[test]
fn a_link_carries_as_many_dialogs_as_links_may() {
    let config = Config {
        dialogs_per_channel: 1,
        dialogs_per_link: 3,
        ..Config::default()
    };
    let mut stack = Stack::new(config, 0, 1);
    let link = jsip_stack::Channel::new(1 << 63 | 7);
    for dialog in ["d1", "d2", "d3", "d4"] {
        stack.receive(Instant::ZERO, link, Wire::Request(raw(Message, dialog, 1)));
    }
    assert_eq!((stack.len(), stack.counters().dialog_overflows), (3, 1));
}

#[test]
fn an_ended_dialog_makes_room() {
    let mut pair = Pair::with(Config {
        dialogs_per_channel: 1,
        ..Config::default()
    });
    for number in 1..5 {
        pair.inject(B, raw(Message, "d", number));
        pair.respond(B, Message, 200);
        pair.inject(B, raw(Message, &format!("e{number}"), 1));
        pair.respond(B, Message, 200);
    }
    assert_eq!(pair.stack(B).counters().dialog_overflows, 0);
}

#[test]
fn open_requests_in_one_dialog_are_bounded_too() {
    let mut stack = Stack::new(
        Config {
            dialogs_per_channel: 3,
            ..Config::default()
        },
        0,
        1,
    );
    stack.receive(Instant::ZERO, WIRE, Wire::Request(raw(Message, "d", 1)));
    while let Some(output) = stack.poll_output() {
        if let Output::Incoming { dialog, .. } = output {
            stack.accept(dialog, jsip_stack::Owner(0));
        }
    }
    for number in 2..4 {
        stack.receive(Instant::ZERO, WIRE, Wire::Request(raw(Message, "d", number)));
    }
    while stack.poll_output().is_some() {}
    assert_eq!(answer_to(&mut stack, raw(Message, "d", 4)).0, 503);
}

#[test]
fn a_refused_request_is_absorbed_when_it_comes_again() {
    let mut pair = Pair::new();
    pair.inject(B, raw(Invite, "d", 1));
    pair.inject(B, raw(Info, "d", 2));
    pair.inject(B, raw(Info, "d", 2));
    assert_eq!(pair.wire(), ["B: 400 2", "B: 400 2"]);
    assert_eq!(pair.stack(B).counters().illegal_requests, 1);
}

#[test]
fn an_ack_that_acknowledges_nothing_is_dropped() {
    let mut pair = Pair::new();
    pair.inject(B, raw(Invite, "d", 1));
    pair.inject(B, raw(Ack, "d", 2));
    assert_eq!((pair.wire().len(), pair.state(B)), (0, Some("Inviting")));
    assert_eq!(pair.stack(B).counters().stray_acks, 1);
}

#[test]
fn a_flood_of_refused_requests_is_bounded_by_lingering() {
    let mut pair = Pair::with(Config {
        lingering_per_channel: 16,
        ..Config::default()
    });
    pair.inject(B, raw(Invite, "d", 1));
    for number in 2..2000 {
        pair.inject(B, raw(Info, "d", number));
    }
    assert_eq!(pair.stack(B).len(), 1);
    pair.hush();
    // Only the latest are still absorbed.
    pair.inject(B, raw(Info, "d", 1999));
    pair.inject(B, raw(Info, "d", 2));
    assert_eq!(pair.stack(B).counters().retransmissions, 1);
}
