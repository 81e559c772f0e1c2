//! When a batch's Ping may wait for later ones.

use super::*;

const INTERVAL: Duration = Duration::from_millis(20);

fn bob() -> (Bed, ChannelId) {
    let mut bed = Bed::with(Settings {
        ack_interval: INTERVAL,
        outbox_messages: 80,
        ..Settings::default()
    });
    let bob = bed.connect("bob@example.com", A);
    bed.events();
    (bed, bob)
}

#[test]
fn a_message_after_a_quiet_time_has_its_ping_behind_it() {
    let (mut bed, bob) = bob();
    for tag in 1..=3 {
        assert!(bed.send(bob, tag, Kind::Other));
        assert!(bed.write(A).1.is_some());
        bed.pass(INTERVAL);
        assert_eq!(bed.events(), ["Wake 1"], "and none is owed");
    }
}

#[test]
fn batches_close_together_share_one_ping() {
    let (mut bed, bob) = bob();
    for (tag, pings) in [(1, true), (2, false), (3, false)] {
        assert!(bed.send(bob, tag, Kind::Final));
        assert_eq!(bed.write(A).1.is_some(), pings, "{tag}");
        bed.pass(Duration::from_millis(5));
    }
    bed.events();
    bed.pass(Duration::from_millis(5));
    assert_eq!(bed.events(), ["Wake 1"], "20 ms after the first one");
    let (texts, ping) = bed.write(A);
    assert_eq!(texts, [0; 0]);
    bed.pong(A, ping);
    assert_eq!(bed.events(), ["Released 1", "Released 2", "Released 3"]);
    bed.pass(INTERVAL);
    assert_eq!(bed.events(), [""; 0]);
}

#[test]
fn a_batch_that_comes_when_the_ping_is_due_brings_it_along() {
    let (mut bed, bob) = bob();
    for tag in 1..=2 {
        assert!(bed.send(bob, tag, Kind::Other));
        bed.write(A);
    }
    assert!(bed.send(bob, 3, Kind::Other));
    bed.events();
    bed.pass(INTERVAL);
    assert_eq!(
        bed.events(),
        [""; 0],
        "the socket knows that there is something to write"
    );
    let (texts, ping) = bed.write(A);
    assert_eq!((texts, ping.is_some()), (vec![3], true));
    assert_eq!(bed.write(A), (vec![], None));
}

#[test]
fn an_outbox_that_fills_waits_for_no_interval() {
    let (mut bed, bob) = bob();
    for tag in 1..=10 {
        assert!(bed.send(bob, tag, Kind::Other));
        assert_eq!(bed.write(A).1.is_some(), tag == 1, "{tag}");
    }
    assert!(bed.send(bob, 11, Kind::Other));
    assert!(bed.write(A).1.is_some(), "an eighth of 80 was there already");
}

#[test]
fn a_pong_for_frames_that_no_ping_follows_yet_is_not_believed() {
    let (mut bed, bob) = bob();
    for tag in 1..=2 {
        assert!(bed.send(bob, tag, Kind::Final));
        bed.write(A);
    }
    bed.events();
    bed.pong(A, Some(crate::ping::payload(2)));
    assert_eq!(bed.events(), [""; 0]);
    bed.pong(A, Some(crate::ping::payload(1)));
    assert_eq!(bed.events(), ["Released 1"]);
}

#[test]
fn a_ping_that_was_put_off_is_not_sent_on_the_next_socket() {
    let (mut bed, bob) = bob();
    for tag in 1..=2 {
        assert!(bed.send(bob, tag, Kind::Other));
        bed.write(A);
    }
    bed.connect("bob@example.com", B);
    assert_eq!(bed.deliver(B), [1, 2]);
    bed.events();
    bed.pass(INTERVAL * 2);
    assert_eq!(bed.events(), [""; 0]);
}
