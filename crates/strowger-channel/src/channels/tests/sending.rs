use super::*;

#[test]
fn a_batch_ends_with_one_ping_whose_pong_releases_it() {
    let (mut bed, bob) = Bed::bob();
    assert!(bed.send(bob, 1, Kind::Other) && bed.send(bob, 2, Kind::Final));
    let (texts, ping) = bed.write(A);
    assert_eq!(texts, [1, 2]);
    assert_eq!(bed.outbox_len(bob), 2);
    bed.pong(A, ping);
    assert_eq!(bed.events(), ["Wake 1", "Released 2"]);
    assert_eq!(bed.outbox_len(bob), 0);
}

#[test]
fn a_socket_is_woken_once_until_it_has_taken_everything() {
    let (mut bed, bob) = Bed::bob();
    assert!(bed.send(bob, 1, Kind::Other) && bed.send(bob, 2, Kind::Other));
    assert_eq!(bed.events(), ["Wake 1"]);
    bed.take(A);
    assert!(bed.send(bob, 3, Kind::Other));
    assert_eq!(bed.events(), [""; 0], "it will ask again when it has written");
    bed.channels.written(bed.now, A);
    assert_eq!(bed.events(), ["Wake 1"]);
    assert_eq!(bed.write(A).0, [3]);
    assert_eq!(bed.take(A), (vec![], None));
    assert!(bed.send(bob, 4, Kind::Other));
    assert_eq!(bed.events(), ["Wake 1"]);
}

#[test]
fn a_pong_with_a_foreign_payload_or_a_sequence_never_sent_releases_nothing() {
    let (mut bed, bob) = Bed::bob();
    assert!(bed.send(bob, 1, Kind::Final));
    bed.write(A);
    bed.events();
    bed.channels.receive_pong(bed.now, A, b"");
    bed.channels.receive_pong(bed.now, A, &1u64.to_be_bytes());
    bed.pong(A, Some(crate::ping::payload(2)));
    assert_eq!((bed.events().len(), bed.outbox_len(bob)), (0, 1));
    assert_eq!(bed.channels.counters().foreign_pongs, 3);
}

#[test]
fn what_is_sent_while_there_is_no_socket_waits_for_the_next() {
    let (mut bed, bob) = Bed::bob();
    bed.channels.closed(bed.now, A, None);
    assert!(bed.send(bob, 1, Kind::Request) && bed.send(bob, 2, Kind::Request));
    bed.connect("bob@example.com", B);
    assert_eq!(bed.events(), ["Dropped", "Resumed", "Wake 2"]);
    assert_eq!(bed.deliver(B), [1, 2]);
}

#[test]
fn a_request_without_response_is_sent_again_on_the_next_socket_even_if_acknowledged() {
    let (mut bed, bob) = Bed::bob();
    assert!(
        bed.send(bob, 1, Kind::Request) && bed.send(bob, 2, Kind::Request) && bed.send(bob, 3, Kind::Other)
    );
    assert_eq!(bed.deliver(A), [1, 2, 3]);
    bed.channels.done(bob, 1);
    bed.channels.closed(bed.now, A, None);
    bed.connect("bob@example.com", B);
    assert_eq!(bed.deliver(B), [2]);
    bed.channels.done(bob, 2);
    assert_eq!(bed.outbox_len(bob), 0);
}

#[test]
fn a_request_that_timed_out_unwritten_is_never_sent_and_nobody_is_told_twice() {
    let (mut bed, bob) = Bed::bob();
    bed.channels.closed(bed.now, A, None);
    bed.events();
    assert!(bed.send(bob, 1, Kind::Request));
    bed.channels.withdraw(bob, 1);
    bed.connect("bob@example.com", B);
    assert_eq!(bed.events(), ["Resumed"]);
    assert_eq!((bed.write(B).0, bed.channels.counters().withdrawn), (vec![], 1));
}

#[test]
fn an_invite_cancelled_unwritten_vanishes_with_its_cancel() {
    let (mut bed, bob) = Bed::bob();
    bed.channels.closed(bed.now, A, None);
    bed.events();
    assert!(bed.send(bob, 1, Kind::Request));
    let cancel = Outgoing {
        text: message(Method::Cancel, 2).encode().into(),
        tag: 2,
        kind: Kind::Request,
    };
    bed.channels.cancel(bed.now, bob, 1, cancel.clone());
    assert_eq!(bed.events(), ["Withdrawn 1"]);
    assert_eq!(bed.outbox_len(bob), 0);

    assert!(bed.send(bob, 1, Kind::Request));
    bed.connect("bob@example.com", B);
    bed.write(B);
    bed.channels.cancel(bed.now, bob, 1, cancel);
    assert_eq!(bed.write(B).0, [2]);
}

#[test]
fn a_burst_of_requests_is_refused_from_half_on_and_a_healthy_channel_goes_on() {
    let (mut bed, bob) = Bed::bob();
    assert!((1..=5000).all(|tag| bed.send(bob, tag, Kind::Request)));
    let events = bed.events();
    assert_eq!(events[0], "Wake 1");
    let refused: Vec<_> = (2049..=5000).map(|tag| format!("NoRoom {tag}")).collect();
    assert_eq!(events[1..], refused);
    let counters = bed.channels.counters();
    assert_eq!(
        (counters.refused_outbox_full, counters.lost_outbox_full),
        (2952, 0)
    );
    // What cannot be refused has the other half.
    assert!(bed.send(bob, 5001, Kind::Ending) && bed.send(bob, 5002, Kind::Final));
    assert_eq!(bed.deliver(A), (1..=2048).chain([5001, 5002]).collect::<Vec<_>>());
    (1..=2048).for_each(|tag| bed.channels.done(bob, tag));
    assert!(bed.send(bob, 5003, Kind::Request));
    assert_eq!(bed.deliver(A), [5003]);
}

#[test]
fn a_burst_of_bytes_is_refused_from_half_on() {
    let size = message(Method::Message, 1).encode().len();
    let mut bed = Bed::with(Settings {
        outbox_bytes: 4 * size,
        ..prompt()
    });
    let bob = bed.connect("bob@example.com", A);
    assert!((1..=3).all(|tag| bed.send(bob, tag, Kind::Request)));
    assert_eq!(bed.events(), ["Opened", "Wake 1", "NoRoom 3"]);
    assert_eq!(bed.outbox_len(bob), 2);
}

#[test]
fn while_all_outboxes_are_crowded_only_those_with_nothing_waiting_get_requests() {
    let size = message(Method::Message, 1).encode().len();
    let mut bed = Bed::with(Settings {
        outbox_bytes_in_all: 3 * size,
        ..prompt()
    });
    let bob = bed.connect("bob@example.com", A);
    let carol = bed.connect("carol@example.com", B);
    assert!((1..=4).all(|tag| bed.send(bob, tag, Kind::Request)));
    assert!(bed.send(carol, 5, Kind::Request) && bed.send(carol, 6, Kind::Request));
    assert!(bed.send(bob, 7, Kind::Final));
    let events = bed.events();
    assert_eq!(events[2..], ["Wake 1", "NoRoom 4", "Wake 2", "NoRoom 6"]);
    assert_eq!(bed.deliver(A), [1, 2, 3, 7]);
    bed.channels.closed(bed.now, A, Some(1000));
    assert_eq!(bed.channels.waiting_bytes(), size);
    assert!(bed.send(carol, 8, Kind::Request));
    assert_eq!(bed.deliver(B), [5, 8]);
}

#[test]
fn a_message_too_many_loses_the_channel_and_closes_its_socket() {
    let (mut bed, bob) = Bed::bob();
    assert!((1..=2048).all(|tag| bed.send(bob, tag, Kind::Request)));
    assert!((2049..=4096).all(|tag| bed.send(bob, tag, Kind::Final)));
    bed.events();
    assert!(!bed.send(bob, 4097, Kind::Ending));
    assert_eq!(
        bed.events(),
        ["Close 1 1008 channel lost: outbox full", "Lost OutboxFull"]
    );
    assert_eq!((bed.channels.len(), bed.channels.poll_timeout()), (0, None));
}

#[test]
fn a_byte_too_many_loses_the_channel() {
    let size = message(Method::Message, 1).encode().len();
    let mut bed = Bed::with(Settings {
        outbox_bytes: 2 * size,
        ..prompt()
    });
    let bob = bed.connect("bob@example.com", A);
    assert!(bed.send(bob, 1, Kind::Other) && bed.send(bob, 2, Kind::Other));
    assert!(!bed.send(bob, 3, Kind::Other));
    assert_eq!(bed.channels.counters().lost_outbox_full, 1);
}

#[test]
fn an_entry_that_nobody_acknowledges_in_time_loses_the_channel() {
    let (mut bed, bob) = Bed::bob();
    assert!(bed.send(bob, 1, Kind::Other));
    bed.take(A);
    // The socket takes the frame but never has it written: a reader that stands still, though it sends.
    bed.pass_with_frames(secs(119), A);
    assert!(bed.channels.is_up(bob));
    bed.pass_with_frames(secs(2), A);
    assert!(bed.events().contains(&"Lost OutboxFull".to_owned()));
}

#[test]
fn a_request_that_only_awaits_its_response_does_not_age() {
    let (mut bed, bob) = Bed::bob();
    assert!(bed.send(bob, 1, Kind::Request));
    bed.deliver(A);
    bed.pass_with_frames(secs(300), A);
    assert!(bed.channels.is_up(bob));
}

#[test]
fn a_request_that_waits_long_for_its_response_is_no_older_on_the_next_socket() {
    let (mut bed, bob) = Bed::bob();
    assert!(bed.send(bob, 1, Kind::Request));
    bed.deliver(A);
    bed.pass_with_frames(secs(121), A);
    assert!(bed.send(bob, 2, Kind::Request));
    bed.deliver(A);
    bed.pass_with_frames(secs(119), A);
    bed.connect("bob@example.com", B);
    assert_eq!(bed.write(B).0, [1, 2]);
    // The age of the second is looked at before the new socket had time to acknowledge anything.
    bed.pass(secs(1));
    assert!(bed.channels.is_up(bob));
}

#[test]
fn the_age_of_younger_entries_is_watched_after_older_ones_left() {
    let (mut bed, bob) = Bed::bob();
    assert!(bed.send(bob, 1, Kind::Other));
    bed.deliver(A);
    bed.pass_with_frames(secs(100), A);
    assert!(bed.send(bob, 2, Kind::Other));
    bed.take(A);
    bed.pass_with_frames(secs(119), A);
    assert!(bed.channels.is_up(bob));
    bed.pass_with_frames(secs(2), A);
    assert_eq!(bed.channels.counters().lost_outbox_full, 1);
}

#[test]
fn where_frames_come_but_pongs_do_not_writing_releases() {
    let (mut bed, bob) = Bed::bob();
    assert!(bed.send(bob, 1, Kind::Final));
    let (_, ping) = bed.write(A);
    bed.pass_with_frames(secs(49), A);
    assert_eq!(bed.outbox_len(bob), 1);
    bed.pass_with_frames(secs(30), A);
    assert_eq!(
        (bed.outbox_len(bob), bed.channels.counters().pong_fallback),
        (0, 1)
    );
    assert!(bed.events().contains(&"Released 1".to_owned()));
    assert!(bed.send(bob, 2, Kind::Final));
    bed.write(A);
    assert_eq!(bed.events(), ["Wake 1", "Released 2"]);
    // A Pong after all: from here on it is waited for again.
    bed.pong(A, ping);
    assert!(bed.send(bob, 3, Kind::Final));
    bed.write(A);
    assert_eq!(bed.outbox_len(bob), 1);
}

#[test]
fn a_socket_that_fell_silent_with_its_pongs_keeps_what_it_wrote_for_the_next() {
    // Whenever the last frame came, before the Ping or after.
    for last in 0..50 {
        let (mut bed, bob) = Bed::bob();
        bed.pass_with_frames(secs(7), A);
        assert!(bed.send(bob, 1, Kind::Final));
        bed.write(A);
        bed.pass_with_frames(secs(last), A);
        bed.pass(secs(60));
        assert!(!bed.channels.is_up(bob), "{last}");
        assert_eq!(
            (bed.outbox_len(bob), bed.channels.counters().pong_fallback),
            (1, 0),
            "{last}"
        );
    }
}

#[test]
fn a_bound_that_is_hit_at_once_proves_nothing_about_pongs() {
    let (mut bed, bob) = Bed::bob();
    assert!((1..=4096).all(|tag| bed.send(bob, tag, Kind::Other)));
    bed.write(A);
    bed.pass_with_frames(secs(1), A);
    bed.pass(secs(9));
    assert!(!bed.send(bob, 4097, Kind::Other));
    assert_eq!(bed.channels.counters().pong_fallback, 0);
}

#[test]
fn a_bound_that_is_hit_without_pongs_releases_what_was_written() {
    let (mut bed, bob) = Bed::bob();
    assert!((1..=4096).all(|tag| bed.send(bob, tag, Kind::Other)));
    bed.write(A);
    bed.pass_with_frames(secs(6), A);
    assert!(bed.send(bob, 4097, Kind::Other));
    assert_eq!(
        (bed.outbox_len(bob), bed.channels.counters().pong_fallback),
        (1, 1)
    );
}

#[test]
fn who_looks_closely_is_told_of_requests_that_arrived_and_of_what_is_written_again() {
    let (mut bed, bob) = Bed::bob();
    bed.channels.set_watched(true);
    assert!(bed.send(bob, 7, Kind::Request) && bed.send(bob, 8, Kind::Other));
    bed.deliver(A);
    assert_eq!(bed.events(), ["Wake 1", "Acknowledged 7"]);
    bed.channels.closed(bed.now, A, None);
    bed.connect("bob@example.com", B);
    assert_eq!(bed.deliver(B), [7]);
    // That it arrived once more is no news.
    assert_eq!(bed.events(), ["Dropped", "Resumed", "Wake 2", "Repeated 7"]);
}
