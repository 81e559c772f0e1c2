use super::*;

#[test]
fn a_channel_is_found_by_its_name_open_or_retained() {
    let (mut bed, bob) = Bed::bob();
    let name = UserId::new("bob@EXAMPLE.com").unwrap();
    assert_eq!(bed.channels.lookup(&name), Some(bob));
    assert_eq!(bob.shard(), 5);
    bed.channels.closed(bed.now, A, None);
    assert_eq!(bed.channels.lookup(&name), Some(bob));
    assert!(!bed.channels.is_up(bob));
    assert_eq!(bed.channels.user(bob), Some(&name));
}

#[test]
fn a_socket_closed_with_1000_ends_the_channel_at_once() {
    let (mut bed, bob) = Bed::bob();
    bed.channels.closed(bed.now, A, Some(1000));
    assert_eq!(bed.events(), ["Lost EndedByUser"]);
    assert!(bed.channels.is_empty());
    assert!(!bed.send(bob, 1, Kind::Other));
    assert_eq!(bed.channels.poll_timeout(), None, "no timer is left");
    assert_ne!(
        bed.connect("bob@example.com", B),
        bob,
        "a new channel is another one"
    );
}

#[test]
fn a_socket_that_ends_otherwise_leaves_the_channel_waiting() {
    for code in [None, Some(1001), Some(1005), Some(1006), Some(1008), Some(4001)] {
        let (mut bed, bob) = Bed::bob();
        bed.channels.closed(bed.now, A, code);
        assert_eq!(bed.events(), ["Dropped"]);
        bed.pass(secs(119));
        assert_eq!(bed.connect("bob@example.com", B), bob);
        assert_eq!(bed.events(), ["Resumed"]);
    }
}

#[test]
fn a_channel_nobody_comes_back_to_is_lost_after_its_retention() {
    let (mut bed, _) = Bed::bob();
    bed.channels.closed(bed.now, A, None);
    bed.pass(secs(119));
    assert_eq!(bed.events(), ["Dropped"]);
    bed.pass(secs(1));
    assert_eq!(bed.events(), ["Lost RetentionOver"]);
    assert_eq!((bed.channels.len(), bed.channels.poll_timeout()), (0, None));
}

#[test]
fn a_new_connection_takes_the_channel_over_and_the_old_one_is_closed_4001() {
    let (mut bed, bob) = Bed::bob();
    assert_eq!(bed.connect("bob@example.com", B), bob);
    assert_eq!(bed.events(), ["Close 1 4001 replaced", "Resumed"]);
    assert_eq!(bed.channels.counters().takeovers, 1);
}

#[test]
fn what_the_old_socket_did_not_get_is_sent_first_to_the_new_one() {
    let (mut bed, bob) = Bed::bob();
    for tag in 1..=3 {
        assert!(bed.send(bob, tag, Kind::Other));
    }
    let (_, ping) = bed.write(A);
    bed.connect("bob@example.com", B);
    assert!(bed.send(bob, 4, Kind::Other));
    assert_eq!(
        bed.events(),
        ["Wake 1", "Close 1 4001 replaced", "Resumed", "Wake 2"]
    );
    bed.pong(A, ping);
    assert_eq!(bed.write(B).0, [1, 2, 3, 4]);
    assert_eq!(bed.channels.counters().repeated, 3);
}

#[test]
fn a_late_frame_pong_or_close_of_a_replaced_socket_changes_nothing() {
    let (mut bed, bob) = Bed::bob();
    assert!(bed.send(bob, 1, Kind::Final));
    let (_, ping) = bed.write(A);
    bed.connect("bob@example.com", B);
    assert_eq!(bed.write(B).0, [1]);
    bed.events();
    bed.pong(A, ping);
    bed.channels
        .receive_text(bed.now, A, &message(Method::Info, 1).encode());
    bed.channels.receive_binary(bed.now, A);
    bed.channels.receive_oversize(bed.now, A);
    bed.channels.written(bed.now, A);
    assert_eq!(bed.take(A), (vec![], None));
    bed.channels.closed(bed.now, A, Some(1000));
    assert_eq!(bed.events(), [""; 0]);
    assert_eq!(
        (bed.outbox_len(bob), bed.channels.counters().stale_frames),
        (1, 4)
    );
    bed.pong(B, ping);
    assert_eq!(bed.events(), ["Released 1"]);
}

#[test]
fn a_silent_socket_is_pinged_after_an_interval_and_dead_after_two() {
    let (mut bed, _) = Bed::bob();
    bed.pass(secs(26));
    assert_eq!(bed.events(), ["Wake 1"]);
    assert!(matches!(bed.write(A), (texts, Some(_)) if texts.is_empty()));
    bed.pass(secs(23));
    assert_eq!(bed.events(), [""; 0]);
    bed.pass(secs(1));
    assert_eq!(bed.events(), ["Close 1 1001 no sign of life", "Dropped"]);
    assert_eq!(bed.channels.counters().dead, 1);
}

#[test]
fn sockets_that_came_together_are_not_pinged_together() {
    let mut bed = Bed::new();
    let conns = 1..=1000;
    for conn in conns.clone() {
        bed.connect(&format!("user{conn}@example.com"), ConnId(conn));
    }
    bed.events();
    let mut pings = 0;
    for second in 0..500 {
        bed.pass(secs(1));
        let woken = bed.events().len();
        // A thousand in 25 s are 40 in each; the first of each come in half that time.
        assert!(woken <= 120, "{woken} in second {second}");
        pings += woken;
        for conn in conns.clone() {
            let (_, ping) = bed.take(ConnId(conn));
            if ping.is_some() {
                bed.channels.written(bed.now, ConnId(conn));
                bed.pong(ConnId(conn), ping);
            }
        }
    }
    assert!((19_000..=23_000).contains(&pings), "{pings}");
    assert_eq!(bed.channels.counters().dead, 0);
}

#[test]
fn a_server_that_stood_still_asks_before_it_gives_a_socket_up() {
    let (mut bed, bob) = Bed::bob();
    bed.now = bed.now + secs(1000);
    bed.channels.handle_timeout(bed.now);
    assert_eq!(bed.events(), ["Wake 1"]);
    bed.deliver(A);
    bed.pass(secs(10));
    assert!(bed.channels.is_up(bob));
}

#[test]
fn a_socket_that_answers_pings_lives_on() {
    let (mut bed, _) = Bed::bob();
    for _ in 0..1000 {
        bed.pass(secs(1));
        if bed.events() == ["Wake 1"] {
            let (texts, ping) = bed.write(A);
            assert_eq!(texts, [0; 0]);
            bed.pong(A, ping);
        }
    }
    assert!(
        bed.channels.is_up(
            bed.channels
                .lookup(&UserId::new("bob@example.com").unwrap())
                .unwrap()
        )
    );
}

#[test]
fn a_socket_that_sends_frames_is_not_pinged_and_not_dead() {
    let (mut bed, bob) = Bed::bob();
    bed.pass_with_frames(secs(300), A);
    assert!(bed.channels.is_up(bob));
    assert!(bed.events().iter().all(|event| event == "INFO 1"));
}

#[test]
fn an_idle_channel_has_one_timer_and_no_memory_in_its_outbox() {
    let (mut bed, bob) = Bed::bob();
    for tag in 1..=50 {
        assert!(bed.send(bob, tag, Kind::Other));
    }
    bed.deliver(A);
    for _ in 0..3 {
        bed.pass(secs(50) - Duration::from_millis(1));
        bed.deliver(A);
    }
    let record = bed.channels.registry.get(bob).unwrap();
    assert_eq!((record.outbox.capacity(), record.age_timer), (0, None));
    assert_eq!(bed.channels.deadlines.len(), 1);
}

#[test]
fn an_operator_ends_a_channel_open_or_retained() {
    let (mut bed, bob) = Bed::bob();
    assert!(bed.channels.end(bob) && !bed.channels.end(bob));
    assert_eq!(
        bed.events(),
        [
            "Close 1 1008 channel lost: ended by the operator",
            "Lost EndedByOperator"
        ]
    );
    let bob = bed.connect("bob@example.com", B);
    bed.channels.closed(bed.now, B, None);
    assert!(bed.channels.end(bob) && bed.channels.is_empty());
    assert_eq!(bed.channels.counters().lost_ended_by_operator, 2);
    assert_eq!(bed.channels.poll_timeout(), None, "no timer is left");
}
