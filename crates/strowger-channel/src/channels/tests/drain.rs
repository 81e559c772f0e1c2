use super::*;

#[test]
fn a_flushed_channel_is_closed_with_1012_at_once() {
    let (mut bed, _) = Bed::bob();
    assert!(bed.channels.is_flushed());
    bed.channels.drain(bed.now);
    assert_eq!(bed.events(), ["Close 1 1012 server restarts", "Dropped"]);
}

#[test]
fn a_channel_with_something_to_write_is_closed_when_its_peer_has_it() {
    let (mut bed, bob) = Bed::bob();
    assert!(bed.send(bob, 1, Kind::Final));
    assert!(!bed.channels.is_flushed());
    bed.channels.drain(bed.now);
    let (_, ping) = bed.write(A);
    assert_eq!(bed.events(), ["Wake 1"]);
    assert!(!bed.channels.is_flushed());
    bed.pong(A, ping);
    assert_eq!(
        bed.events(),
        ["Released 1", "Close 1 1012 server restarts", "Dropped"]
    );
    assert!(bed.channels.is_flushed());
}

#[test]
fn a_request_that_only_awaits_its_response_does_not_hold_the_drain() {
    let (mut bed, bob) = Bed::bob();
    assert!(bed.send(bob, 1, Kind::Request));
    bed.deliver(A);
    assert!(bed.channels.is_flushed());
}

#[test]
fn a_peer_that_does_not_read_is_closed_after_two_seconds() {
    let (mut bed, bob) = Bed::bob();
    assert!(bed.send(bob, 1, Kind::Other));
    bed.channels.drain(bed.now);
    bed.pass(secs(1));
    assert_eq!(bed.events(), ["Wake 1"]);
    bed.pass(secs(1));
    assert_eq!(bed.events(), ["Close 1 1012 server restarts", "Dropped"]);
}

#[test]
fn links_are_not_dialled_again() {
    let mut bed = Bed::new();
    let open = bed.channels.link(bed.now, "a.example.com", 1);
    let dialling = bed.channels.link(bed.now, "b.example.com", 2);
    bed.channels.dialled(bed.now, open, A);
    bed.write(A);
    bed.events();
    bed.channels.drain(bed.now);
    bed.channels
        .dial_failed(bed.now, dialling, DialFailure::default());
    assert_eq!(
        bed.events(),
        ["Close 1 1012 server restarts", "Dropped", "Lost LinkFailed"]
    );
    bed.pass(secs(200));
    assert_eq!(bed.events(), ["Lost RetentionOver"]);
}
