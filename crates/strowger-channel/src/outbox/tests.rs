use std::path::Path;

use super::*;

mod model;

const NOW: Instant = Instant::ZERO;

/// The next state for each trigger in the order of [`Trigger::ALL`]; a dot where nothing happens.
const NEXT: [(State, [&str; 9]); 6] = [
    (
        State::Queued,
        [
            "Written", ".", ".", ".", "Gone", "Gone", "Queued", "Gone", "Queued",
        ],
    ),
    (
        State::Written,
        [
            ".", "Released", "Gone", "Gone", "Gone", "Gone", "Written", "Written", "Again",
        ],
    ),
    (
        State::Released,
        [".", ".", ".", ".", "Gone", "Gone", "Gone", "Released", "Owed"],
    ),
    (
        State::Again,
        [
            "Written", ".", ".", ".", "Gone", "Gone", "Again", "Again", "Again",
        ],
    ),
    (
        State::Owed,
        ["Written", ".", ".", ".", "Gone", "Gone", "Again", "Owed", "Owed"],
    ),
    (State::Gone, [".", ".", ".", ".", ".", ".", ".", ".", "."]),
];

#[test]
fn every_cell_of_the_table_leads_where_it_should() {
    assert_eq!(NEXT.map(|(state, _)| state)[..], *State::ALL);
    for (state, row) in NEXT {
        for (&trigger, expected) in Trigger::ALL.iter().zip(row) {
            let next = match cell(state, trigger) {
                Cell::Go(next, _) => format!("{next:?}"),
                Cell::Discard => ".".to_owned(),
            };
            assert_eq!(next, expected, "{state:?} {trigger:?}");
        }
    }
}

#[test]
fn actions_are_performed_where_the_table_names_them() {
    let expected = |state, trigger| -> &'static [Action] {
        match (state, trigger) {
            (State::Queued, Trigger::Take) => &[Action::Write],
            (State::Again | State::Owed, Trigger::Take) => &[Action::Write, Action::CountRepeat],
            (State::Written, Trigger::FinalAcknowledged) => &[Action::TellReleased],
            (State::Queued, Trigger::Withdraw | Trigger::Cancel) => &[Action::TellWithdrawn],
            (State::Queued | State::Written | State::Again | State::Owed, Trigger::Expire) => {
                &[Action::StopAwaiting]
            }
            (State::Written | State::Released | State::Again | State::Owed, Trigger::Cancel) => {
                &[Action::QueueCancel]
            }
            _ => &[],
        }
    };
    for &state in State::ALL {
        for &trigger in Trigger::ALL {
            let actions = match cell(state, trigger) {
                Cell::Go(_, actions) => actions,
                Cell::Discard => &[],
            };
            assert_eq!(actions, expected(state, trigger), "{state:?} {trigger:?}");
        }
    }
}

#[test]
fn the_printed_table_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol/outbox.md");
    let printed = format!(
        "<!-- Printed from crates/strowger-channel/src/outbox/table.rs; `BLESS=1 cargo test -p strowger-channel` prints it \
         anew. -->\n\n# The outbox of a channel\n\nWhat happens to one entry of the acknowledged outbox (protocol section 1, \
         Delivery). Entries are taken in the order in\nwhich they were queued; `SocketGone` moves the place of writing back to \
         the oldest entry. What is not listed changes\nnothing.\n\n{}\n{}{}{}\n## Who gets in when room is short\n\n\
         Bounds are `channel.outbox_messages` and `channel.outbox_bytes`. *Refuse*: the sender gets 503 with `Retry-After`, \
         the\nchannel goes on. *Lose*: the channel is lost (protocol section 6). *Ending* is a BYE or CANCEL, *Final* a final \
         response,\n*Other* an ACK or a provisional response.\n\n{}",
        table(),
        described("State", State::ALL, describe_state),
        described("Trigger", Trigger::ALL, describe_trigger),
        described("Action", Action::ALL, describe_action),
        admission_table(),
    );
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &printed).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == printed,
        "docs/protocol/outbox.md is stale: BLESS=1 cargo test -p strowger-channel"
    );
}

fn described<T: Copy + std::fmt::Debug>(what: &str, all: &[T], describe: fn(T) -> &'static str) -> String {
    let rows: String = all
        .iter()
        .map(|&one| format!("| {one:?} | {} |\n", describe(one)))
        .collect();
    let tail = if what == "Action" { "" } else { "\n" };
    format!("| {} | meaning |\n|---|---|\n{rows}{tail}", what.to_lowercase())
}

const fn describe_state(state: State) -> &'static str {
    match state {
        State::Queued => "no socket ever took it",
        State::Written => "the present socket took it, the peer has not acknowledged it",
        State::Released => "a request that the peer acknowledged, without a response yet",
        State::Again => "an earlier socket took it and went before the peer acknowledged it",
        State::Owed => "a request that the peer acknowledged on an earlier socket, without a response yet",
        State::Gone => "done, no longer in the outbox",
    }
}

const fn describe_trigger(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Take => "the socket takes it for writing",
        Trigger::RequestAcknowledged => "a Pong (or the fall-back to release on write) covers it, a request",
        Trigger::FinalAcknowledged => "the same, a final response",
        Trigger::OtherAcknowledged => "the same, something else",
        Trigger::Answered => "a response to it came",
        Trigger::Withdraw => "it is a request that timed out",
        Trigger::Expire => "it is a BYE or CANCEL that timed out",
        Trigger::Cancel => "it is an INVITE that is cancelled",
        Trigger::SocketGone => "the socket is gone",
    }
}

const fn describe_action(action: Action) -> &'static str {
    match action {
        Action::Write => "hand the text to the socket",
        Action::CountRepeat => "count that it is written once more",
        Action::TellReleased => "tell the sender that the peer has it",
        Action::TellWithdrawn => "tell the sender that nobody will get it",
        Action::QueueCancel => "let the CANCEL follow it",
        Action::StopAwaiting => "no response is awaited any more: the acknowledgement is enough",
    }
}

/// An outbox with these entries, each with its index plus one as tag and text.
fn outbox(kinds: &[Kind]) -> Outbox {
    let mut outbox = Outbox::new();
    for (tag, kind) in (1..).zip(kinds) {
        outbox.push(NOW, Bytes::from(format!("m{tag}")), tag, *kind);
    }
    outbox
}

fn take(outbox: &mut Outbox) -> Vec<String> {
    let mut taken = Vec::new();
    outbox.take(usize::MAX, |effect| {
        if let Effect::Write(text) = effect {
            taken.push(String::from_utf8(text.to_vec()).unwrap());
        }
    });
    taken
}

fn acknowledge(outbox: &mut Outbox, sequence: u64) -> Vec<Tag> {
    let mut released = Vec::new();
    outbox.acknowledge(sequence, |effect| match effect {
        Effect::Released(tag) => released.push(tag),
        other => panic!("{other:?}"),
    });
    released
}

#[test]
fn a_pong_releases_everything_up_to_its_sequence() {
    let mut outbox = outbox(&[Kind::Other, Kind::Final, Kind::Other]);
    take(&mut outbox);
    assert_eq!(acknowledge(&mut outbox, 2), [2]);
    assert_eq!((outbox.len(), outbox.bytes()), (1, 2));
    assert_eq!(acknowledge(&mut outbox, 3), [0_u64; 0]);
    assert!(outbox.is_empty());
}

#[test]
fn a_pong_for_what_was_not_taken_releases_nothing() {
    let mut outbox = outbox(&[Kind::Final]);
    assert_eq!(acknowledge(&mut outbox, 9), [0_u64; 0]);
    assert_eq!(outbox.len(), 1);
}

#[test]
fn a_released_request_stays_until_its_response() {
    let mut outbox = outbox(&[Kind::Request]);
    take(&mut outbox);
    acknowledge(&mut outbox, 1);
    assert_eq!((outbox.len(), outbox.oldest_unreleased()), (1, None));
    outbox.done(1);
    assert_eq!((outbox.len(), outbox.bytes()), (0, 0));
}

#[test]
fn a_new_socket_gets_everything_not_done_in_the_original_order_and_then_what_is_new() {
    let mut outbox = outbox(&[
        Kind::Request,
        Kind::Final,
        Kind::Request,
        Kind::Other,
        Kind::Other,
    ]);
    take(&mut outbox);
    acknowledge(&mut outbox, 4);
    outbox.done(3);
    outbox.drop_socket();
    outbox.push(NOW, Bytes::from_static(b"new"), 9, Kind::Other);
    assert_eq!(take(&mut outbox), ["m1", "m5", "new"]);
    assert_eq!(take(&mut outbox), [""; 0]);
}

#[test]
fn an_outbox_cut_in_the_middle_of_its_pass_begins_it_again() {
    let mut outbox = outbox(&[Kind::Other, Kind::Other]);
    take(&mut outbox);
    outbox.drop_socket();
    outbox.take(1, |_| {});
    outbox.drop_socket();
    assert_eq!(take(&mut outbox), ["m1", "m2"]);
}

#[test]
fn a_new_socket_has_taken_and_flushed_nothing() {
    let mut outbox = outbox(&[Kind::Other]);
    take(&mut outbox);
    outbox.note_flushed();
    assert_eq!((outbox.taken(), outbox.flushed()), (1, 1));
    outbox.drop_socket();
    assert_eq!((outbox.taken(), outbox.flushed()), (0, 0));
    take(&mut outbox);
    assert_eq!((outbox.taken(), outbox.flushed()), (1, 0));
}

#[test]
fn a_request_that_timed_out_is_written_no_more_and_its_sender_hears_of_it_if_it_never_was() {
    let mut outbox = outbox(&[Kind::Request, Kind::Request, Kind::Request, Kind::Request]);
    outbox.take(6, |_| {});
    let mut withdrawn = Vec::new();
    for tag in [4, 2] {
        outbox.withdraw(tag, |effect| withdrawn.push(effect));
    }
    assert_eq!(withdrawn, [Effect::Withdrawn(4)]);
    acknowledge(&mut outbox, 1);
    outbox.drop_socket();
    outbox.withdraw(1, |effect| panic!("{effect:?}"));
    assert_eq!(
        take(&mut outbox),
        ["m3"],
        "neither what one socket had nor what none had"
    );
}

#[test]
fn a_request_that_the_peer_acknowledged_is_not_repeated_after_its_time_is_over() {
    let mut outbox = outbox(&[Kind::Request]);
    take(&mut outbox);
    acknowledge(&mut outbox, 1);
    outbox.drop_socket();
    outbox.withdraw(1, |_| {});
    assert!(outbox.is_empty());
}

#[test]
fn a_bye_arrives_even_after_its_time_is_over() {
    let mut outbox = outbox(&[Kind::Ending, Kind::Ending]);
    outbox.take(1, |_| {});
    acknowledge(&mut outbox, 1);
    outbox.drop_socket();
    for tag in [1, 2] {
        outbox.withdraw(tag, |effect| panic!("{effect:?}"));
    }
    assert_eq!(take(&mut outbox), ["m1", "m2"]);
    assert_eq!(acknowledge(&mut outbox, 2), [0_u64; 0]);
    assert!(outbox.is_empty(), "no response is awaited");
}

#[test]
fn a_cancelled_invite_that_no_socket_had_is_forgotten_with_its_cancel() {
    let mut outbox = outbox(&[Kind::Request]);
    let mut effects = Vec::new();
    assert!(!outbox.cancel(1, |effect| effects.push(effect)));
    assert_eq!(effects, [Effect::Withdrawn(1)]);
    assert!(outbox.is_empty());
}

#[test]
fn the_cancel_of_an_invite_that_a_socket_had_follows_it() {
    let mut outbox = outbox(&[Kind::Request, Kind::Request]);
    take(&mut outbox);
    assert!(outbox.cancel(1, |_| panic!("nothing to tell")));
    outbox.done(2);
    assert!(
        outbox.cancel(2, |_| panic!("nothing to tell")),
        "an answered INVITE is known to the peer"
    );
    outbox.drop_socket();
    assert!(outbox.cancel(1, |_| panic!("nothing to tell")));
}

#[test]
fn a_batch_ends_at_its_size_but_holds_at_least_one_entry() {
    let mut outbox = outbox(&[Kind::Other; 3]);
    let mut count = 0;
    assert!(outbox.take(1, |_| count += 1));
    assert_eq!((count, outbox.taken()), (1, 1));
    assert!(outbox.take(4, |_| count += 1));
    assert_eq!((count, outbox.taken()), (3, 3));
    assert!(!outbox.take(4, |_| count += 1));
}

#[test]
fn bounds_are_on_messages_and_on_bytes() {
    let outbox = outbox(&[Kind::Other; 3]);
    assert_eq!(outbox.fill(2, 4, 8), Fill::Full);
    assert_eq!(outbox.fill(2, 3, 8), Fill::Over);
    assert_eq!(outbox.fill(3, 4, 8), Fill::Over);
    assert_eq!(outbox.fill(usize::MAX, 4, 8), Fill::Over);
    assert_eq!(outbox.fill(2, 8, 16), Fill::Half);
    assert_eq!(outbox.fill(3, 8, 16), Fill::Full);
    assert_eq!(outbox.fill(2, 7, 16), Fill::Half);
    assert_eq!(outbox.fill(2, 6, 16), Fill::Full);
}

#[test]
fn an_empty_outbox_takes_whatever_keeps_the_bounds() {
    let outbox = Outbox::new();
    assert_eq!(outbox.fill(8, 1, 8), Fill::Half);
    assert_eq!(outbox.fill(9, 1, 8), Fill::Over);
}

#[test]
fn requests_are_refused_from_half_on_and_nothing_else_before_the_channel_is_lost() {
    use super::Admission::{Lose, Queue, Refuse};
    let row = |kind| {
        Fill::ALL
            .iter()
            .map(|&fill| admission(kind, fill))
            .collect::<Vec<_>>()
    };
    assert_eq!(row(Kind::Request), [Queue, Refuse, Refuse]);
    for kind in [Kind::Ending, Kind::Final, Kind::Other] {
        assert_eq!(row(kind), [Queue, Queue, Lose]);
    }
}

#[test]
fn an_outbox_that_ran_empty_gives_its_memory_back() {
    let mut small = outbox(&[Kind::Other; 3]);
    take(&mut small);
    acknowledge(&mut small, 3);
    small.trim();
    assert_eq!(small.capacity(), 0);
    let mut large = outbox(&[Kind::Other; 1000]);
    take(&mut large);
    acknowledge(&mut large, 1000);
    assert_eq!(large.capacity(), 0);
}

#[test]
fn an_entry_takes_64_bytes() {
    assert_eq!(size_of::<Entry>(), 64);
}
