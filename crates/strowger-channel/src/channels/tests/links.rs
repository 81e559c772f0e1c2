use super::*;

fn link() -> (Bed, ChannelId) {
    let mut bed = Bed::new();
    let link = bed.channels.link(bed.now, "Node2.Example.com", 8080);
    assert_eq!(bed.events(), ["Dial node2.example.com:8080"]);
    (bed, link)
}

#[test]
fn a_link_is_dialled_once_and_shared() {
    let (mut bed, link) = link();
    assert_eq!(bed.channels.link(bed.now, "node2.example.com", 8080), link);
    assert_eq!(bed.events(), [""; 0]);
    assert_ne!(bed.channels.link(bed.now, "node2.example.com", 8081), link);
}

#[test]
fn links_and_users_have_name_spaces_of_their_own() {
    let (mut bed, link) = link();
    let user = bed.connect("node2.example.com", A);
    assert_ne!(user, link);
    assert_eq!(bed.channels.user(link), None);
}

#[test]
fn what_is_sent_while_dialling_waits_in_order() {
    let (mut bed, link) = link();
    assert!(bed.send(link, 1, Kind::Request) && bed.send(link, 2, Kind::Other));
    bed.channels.dialled(bed.now, link, A);
    assert_eq!(bed.events(), ["Opened", "Wake 1"]);
    assert_eq!(bed.deliver(A), [1, 2]);
}

#[test]
fn a_link_that_nothing_is_sent_on_is_pinged_at_once() {
    let (mut bed, link) = link();
    bed.channels.dialled(bed.now, link, A);
    assert_eq!(bed.events(), ["Opened", "Wake 1"]);
    assert!(bed.write(A).1.is_some());
}

#[test]
fn a_failed_attempt_is_made_again_with_growing_pauses_and_then_the_link_is_lost() {
    let (mut bed, link) = link();
    let begin = bed.now;
    let mut pauses = Vec::new();
    for _ in 0..10 {
        bed.channels.dial_failed(bed.now, link, DialFailure::default());
        let at = bed.channels.poll_timeout().unwrap();
        pauses.push(at.since(bed.now).as_millis());
        bed.pass(at.since(bed.now));
        assert_eq!(bed.events(), ["Dial node2.example.com:8080"]);
    }
    bed.channels.dial_failed(bed.now, link, DialFailure::default());
    assert_eq!(bed.events(), ["Lost LinkFailed"]);
    for (pause, longest) in pauses
        .iter()
        .zip([200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000, 10_000])
    {
        assert!((longest / 2..=longest).contains(pause), "{pauses:?}");
    }
    assert!(bed.now.since(begin) < secs(53));
    assert_eq!((bed.channels.len(), bed.channels.poll_timeout()), (0, None));
}

#[test]
fn a_link_whose_socket_goes_is_dialled_again_and_resumes() {
    let (mut bed, link) = link();
    bed.channels.dialled(bed.now, link, A);
    assert!(bed.send(link, 1, Kind::Request));
    bed.deliver(A);
    bed.channels.closed(bed.now, A, Some(1012));
    bed.pass(secs(1));
    assert_eq!(
        bed.events(),
        ["Opened", "Wake 1", "Dropped", "Dial node2.example.com:8080"]
    );
    bed.channels.dialled(bed.now, link, B);
    assert_eq!(bed.events(), ["Resumed", "Wake 2"]);
    assert_eq!(bed.deliver(B), [1]);
}

#[test]
fn a_node_that_accepts_and_hangs_up_again_and_again_is_given_up() {
    let (mut bed, link) = link();
    for attempt in 1..100 {
        bed.channels.dialled(bed.now, link, ConnId(attempt));
        bed.channels.closed(bed.now, ConnId(attempt), None);
        bed.pass(secs(10));
        if bed.channels.is_empty() {
            assert_eq!(attempt, 11);
            break;
        }
    }
    assert_eq!(bed.channels.counters().lost_link_failed, 1);
}

#[test]
fn a_link_that_showed_life_has_all_its_retries_again() {
    let (mut bed, link) = link();
    for attempt in 1..100 {
        let conn = ConnId(attempt);
        bed.channels.dialled(bed.now, link, conn);
        bed.deliver(conn);
        bed.channels.closed(bed.now, conn, None);
        bed.pass(Duration::from_millis(200));
        assert_eq!(
            bed.events().last().map(String::as_str),
            Some("Dial node2.example.com:8080")
        );
    }
}

#[test]
fn a_link_that_was_replaced_by_another_of_ours_is_lost() {
    let (mut bed, link) = link();
    bed.channels.dialled(bed.now, link, A);
    bed.channels.closed(bed.now, A, Some(4001));
    assert_eq!(bed.events(), ["Opened", "Wake 1", "Lost LinkFailed"]);
}

#[test]
fn a_socket_for_a_link_that_is_lost_is_closed_again() {
    let mut bed = Bed::with(Settings {
        outbox_messages: 0,
        ..prompt()
    });
    let link = bed.channels.link(bed.now, "node2.example.com", 8080);
    assert!(!bed.send(link, 1, Kind::Other));
    bed.events();
    bed.channels.dialled(bed.now, link, A);
    bed.channels.dial_failed(bed.now, link, DialFailure::default());
    assert_eq!(bed.events(), ["Close 1 1001 link is not wanted any more"]);
}

#[test]
fn a_node_may_send_more_than_a_user_whoever_dialled() {
    let (mut bed, link) = link();
    bed.channels.dialled(bed.now, link, A);
    let node = UserId::new("n1@far.example").unwrap();
    bed.channels.connect_node(bed.now, node, B);
    for conn in [A, B] {
        for _ in 0..10_000 {
            bed.channels
                .receive_text(bed.now, conn, &message(Method::Message, 1).encode());
        }
    }
    assert_eq!(bed.channels.counters().rate_limited, 0);
}

#[test]
fn no_retries_means_one_attempt() {
    let settings = Settings {
        link: LinkSettings {
            retries: 0,
            ..LinkSettings::default()
        },
        ..prompt()
    };
    let mut bed = Bed::with(settings);
    let link = bed.channels.link(bed.now, "node2.example.com", 8080);
    bed.channels.dial_failed(bed.now, link, DialFailure::default());
    assert_eq!(bed.events(), ["Dial node2.example.com:8080", "Lost LinkFailed"]);
}

fn refused(lasting: bool) -> DialFailure {
    DialFailure {
        reason: "refused".to_owned(),
        lasting,
    }
}

#[test]
fn a_link_that_trying_again_does_not_help_is_lost_at_once() {
    let (mut bed, link) = link();
    assert!(bed.send(link, 1, Kind::Request));
    bed.channels.dial_failed(bed.now, link, refused(true));
    assert_eq!(bed.events(), ["Lost LinkFailed"]);
    assert_eq!(bed.news, ["Failed refused"]);
}

#[test]
fn a_link_that_once_stood_is_dialled_again_whatever_fails() {
    let (mut bed, link) = link();
    bed.channels.dialled(bed.now, link, A);
    bed.deliver(A);
    bed.channels.closed(bed.now, A, None);
    bed.pass(secs(1));
    bed.events();
    bed.channels.dial_failed(bed.now, link, refused(true));
    bed.pass(secs(1));
    assert_eq!(bed.events(), ["Dial node2.example.com:8080"]);
    assert_eq!(
        bed.news,
        ["Up ", "Lost the connection broke", "Unreachable refused"]
    );
}

#[test]
fn a_link_that_failed_for_good_is_left_alone_for_a_second() {
    let (mut bed, first) = link();
    bed.channels.dial_failed(bed.now, first, refused(true));
    bed.events();
    let held = bed.channels.link(bed.now, "node2.example.com", 8080);
    assert_ne!(held, first);
    assert_eq!(bed.events(), ["Lost LinkFailed"]);
    assert!(!bed.send(held, 1, Kind::Request));
    bed.pass(secs(1));
    bed.channels.link(bed.now, "node2.example.com", 8080);
    assert_eq!(bed.events(), ["Dial node2.example.com:8080"]);
    assert_eq!(bed.news, ["Failed refused"]);
}

#[test]
fn a_link_shows_what_it_is_doing() {
    let (mut bed, link) = link();
    let state = |bed: &Bed| bed.channels.links().map(|info| info.state).collect::<Vec<_>>();
    assert_eq!(state(&bed), [LinkState::Connecting]);
    for retry in 1..=10 {
        bed.channels.dial_failed(bed.now, link, refused(false));
        assert_eq!(state(&bed), [LinkState::Waiting { retry }]);
        bed.pass(secs(10));
        assert_eq!(state(&bed), [LinkState::Connecting]);
    }
    bed.channels.dial_failed(bed.now, link, refused(false));
    assert_eq!(state(&bed), [LinkState::Failed]);
    bed.pass(secs(1));
    let again = bed.channels.link(bed.now, "node2.example.com", 8080);
    bed.channels.dialled(bed.now, again, A);
    assert_eq!(state(&bed), [LinkState::Up]);
    bed.events();
    assert_eq!(bed.news, ["Unreachable refused", "Failed refused", "Up "]);
}

#[test]
fn a_half_open_link_is_dead_after_two_intervals_and_resumes_with_one_pass() {
    let (mut bed, link) = link();
    bed.channels.dialled(bed.now, link, A);
    bed.deliver(A);
    bed.events();
    for tag in 1..=3 {
        assert!(bed.send(link, tag, Kind::Request));
    }
    // Written, and never acknowledged; the second has its response, and the fourth comes too late to be written.
    bed.write(A);
    bed.channels.done(link, 2);
    assert!(bed.send(link, 4, Kind::Request));
    bed.pass(secs(80));
    let events = bed.events();
    let [.., close, dropped, dial] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(
        [close, dropped, dial],
        [
            "Close 1 1001 no sign of life",
            "Dropped",
            "Dial node2.example.com:8080"
        ]
    );
    assert_eq!(bed.channels.counters().dead, 1);
    bed.channels.dialled(bed.now, link, B);
    assert_eq!(bed.deliver(B), [1, 3, 4]);
    assert_eq!(bed.news[1], "Lost no sign of life");
}

#[test]
fn what_waits_for_a_link_is_bounded() {
    let mut bed = Bed::with(Settings {
        outbox_messages: 3,
        ..prompt()
    });
    let link = bed.channels.link(bed.now, "node2.example.com", 8080);
    assert!((1..=3).all(|tag| bed.send(link, tag, Kind::Request)));
    assert!(bed.send(link, 4, Kind::Final));
    assert!(!bed.send(link, 5, Kind::Final));
    assert_eq!(
        bed.events(),
        ["Dial node2.example.com:8080", "NoRoom 3", "Lost OutboxFull"]
    );
    assert_eq!(bed.news, ["Failed channel lost: outbox full"]);
}
