//! What the stack lets the outbox know of requests that it stops caring for.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use jsip::{CSeq, Message, Method, Request, Response, StatusCode};
use jsip_stack::{Channel, Config, DialogKey, Kind, Output, Owner, Release, Stack, Tag, Token};
use strowger_time::Instant;

const CHANNEL: Channel = Channel::new(1);

fn request(method: Method, cseq: u64) -> Request {
    let mut request = Request::new(method, "bob@example.com", "alice@example.com", "bob@example.com");
    request.set_dialog_id("d");
    request.set_cseq(CSeq::new(cseq).unwrap());
    request
}

fn outputs(stack: &mut Stack) -> Vec<Output> {
    std::iter::from_fn(|| stack.poll_output()).collect()
}

/// A call that the peer began and that is up; every response released.
fn called(stack: &mut Stack) -> DialogKey {
    let now = Instant::ZERO;
    stack.receive(now, CHANNEL, Message::Request(request(Method::Invite, 1)));
    let incoming = outputs(stack).into_iter().find_map(|output| match output {
        Output::Incoming { dialog, request, .. } => Some((dialog, request)),
        _ => None,
    });
    let (dialog, invite) = incoming.unwrap();
    stack.accept(dialog, Owner(1));
    stack
        .respond(now, dialog, Response::to(&invite, StatusCode::OK))
        .unwrap();
    for output in outputs(stack) {
        if let Output::Send { transmit, .. } = output {
            stack.released(now, transmit.tag);
        }
    }
    stack.receive(now, CHANNEL, Message::Request(request(Method::Ack, 2)));
    outputs(stack);
    dialog
}

fn sent(stack: &mut Stack) -> Vec<(Method, Kind, Tag)> {
    let sent = outputs(stack).into_iter().filter_map(|output| match output {
        Output::Send { transmit, .. } => match transmit.message.decode()? {
            Message::Request(request) => Some((request.method(), transmit.kind, transmit.tag)),
            Message::Response(_) => None,
        },
        _ => None,
    });
    sent.collect()
}

#[test]
fn a_record_that_goes_before_its_bye_is_answered_lets_the_outbox_know() {
    let mut stack = Stack::new(
        Config {
            linger: Duration::from_secs(1),
            ..Config::default()
        },
        0,
        1,
    );
    let dialog = called(&mut stack);
    // The instance finishes: nobody waits for the BYE, and its leg is over at once.
    stack.release(Instant::ZERO, dialog, Release::Finished);
    let [(Method::Bye, Kind::Ending, tag)] = sent(&mut stack)[..] else {
        panic!("a BYE goes out")
    };
    stack.handle_timeout(Instant::ZERO + Duration::from_secs(1));
    assert!(stack.is_empty());
    let let_go = |output: &Output| matches!(output, Output::Withdraw { tag: other, .. } if *other == tag);
    assert!(
        outputs(&mut stack).iter().any(let_go),
        "or it would wait for a response for ever"
    );
}

#[test]
fn of_the_requests_only_bye_and_cancel_outlive_their_transactions() {
    let mut stack = Stack::new(Config::default(), 0, 1);
    let dialog = called(&mut stack);
    for method in [Method::Info, Method::Bye] {
        stack
            .send(Instant::ZERO, dialog, request(method, 9), Token(1))
            .unwrap();
    }
    let kinds: Vec<_> = sent(&mut stack)
        .into_iter()
        .map(|(method, kind, _)| (method, kind))
        .collect();
    assert_eq!(
        kinds,
        [(Method::Info, Kind::Request), (Method::Bye, Kind::Ending)]
    );
}

#[test]
fn a_bye_that_finds_its_session_lingering_is_absorbed_as_long_as_its_answer_is_on_its_way() {
    let mut stack = Stack::new(Config::default(), 0, 1);
    let dialog = called(&mut stack);
    stack.release(Instant::ZERO, dialog, Release::Finished);
    outputs(&mut stack);
    let late = Instant::ZERO + Duration::from_secs(4);
    stack.receive(late, CHANNEL, Message::Request(request(Method::Bye, 3)));
    let answers = |stack: &mut Stack| {
        let tags = outputs(stack).into_iter().filter_map(|output| match output {
            Output::Send { transmit, .. } if transmit.kind == Kind::Final => Some(transmit.tag),
            _ => None,
        });
        tags.collect::<Vec<_>>()
    };
    assert_eq!(answers(&mut stack).len(), 1);
    let later = Instant::ZERO + Duration::from_secs(60);
    stack.handle_timeout(later);
    stack.receive(later, CHANNEL, Message::Request(request(Method::Bye, 3)));
    let [tag] = answers(&mut stack)[..] else {
        panic!("the same answer once more")
    };
    stack.released(later, tag);
    stack.handle_timeout(later + Duration::from_secs(5));
    assert!(stack.is_empty());
}

#[test]
fn a_cancel_stays_in_the_outbox_as_long_as_its_invite_may_be_written_and_both_go_when_it_is_given_up() {
    let mut stack = Stack::new(Config::default(), 0, 1);
    let id = jsip::DialogId::new("ours").unwrap();
    let invite = Request::new(
        Method::Invite,
        "bob@example.com",
        "alice@example.com",
        "bob@example.com",
    );
    let dialog = stack.open(Instant::ZERO, Owner(1), id, invite, Token(1)).unwrap();
    stack.bound(Instant::ZERO, dialog, Some((CHANNEL, false)));
    let first = outputs(&mut stack).into_iter().find_map(|output| match output {
        Output::SendTo { transmit, .. } => Some(transmit.tag),
        _ => None,
    });
    stack
        .send(Instant::ZERO, dialog, request(Method::Cancel, 9), Token(2))
        .unwrap();
    let withdrawn = |stack: &mut Stack| {
        let tags = outputs(stack).into_iter().filter_map(|output| match output {
            Output::Withdraw { tag, .. } => Some(tag),
            _ => None,
        });
        tags.collect::<Vec<_>>()
    };
    // Bob is away for a minute: neither counts as over.
    let minute = Instant::ZERO + Duration::from_secs(60);
    for seconds in 1..60 {
        stack.handle_timeout(Instant::ZERO + Duration::from_secs(seconds));
    }
    assert_eq!(withdrawn(&mut stack), []);
    // He is back, and his user agent says nothing.
    stack.channel_up(minute, CHANNEL);
    stack.handle_timeout(minute + Duration::from_secs(4));
    assert_eq!(withdrawn(&mut stack), []);
    stack.handle_timeout(minute + Duration::from_secs(5));
    let (given_up, rest) = (withdrawn(&mut stack), minute + Duration::from_secs(10));
    assert!(given_up.contains(&first.unwrap()));
    stack.handle_timeout(rest);
    assert_eq!(
        given_up.len() + withdrawn(&mut stack).len(),
        2,
        "the INVITE and the CANCEL"
    );
}
