use super::*;

#[test]
fn a_valid_message_is_passed_on() {
    let (mut bed, _) = Bed::bob();
    bed.channels
        .receive_text(bed.now, A, &message(Method::Invite, 3).encode());
    assert_eq!(bed.events(), ["INVITE 3"]);
}

#[test]
fn a_request_with_a_bad_header_is_answered_400_and_counted() {
    let (mut bed, _) = Bed::bob();
    let text = r#"{"Type":"INVITE","Request-URI":"","From":"a","To":"b","DialogueID":"d","CSeq":9}"#;
    bed.channels.receive_text(bed.now, A, text);
    assert_eq!(bed.events(), ["Wake 1"]);
    assert_eq!(bed.deliver(A), [9]);
    assert_eq!(bed.channels.counters().malformed, 1);
}

#[test]
fn what_cannot_be_answered_is_dropped_and_counted() {
    let (mut bed, _) = Bed::bob();
    for text in ["", "{", "[]", "no", r#"{"Type":"RESPONSE","CSeq":1}"#] {
        bed.channels.receive_text(bed.now, A, text);
    }
    assert_eq!((bed.events().len(), bed.channels.counters().malformed), (0, 5));
}

#[test]
fn the_tenth_malformed_message_closes_the_socket_but_keeps_the_channel() {
    let (mut bed, bob) = Bed::bob();
    for _ in 0..9 {
        bed.channels.receive_text(bed.now, A, "{");
    }
    assert_eq!(bed.events(), [""; 0]);
    bed.channels.receive_text(bed.now, A, "{");
    assert_eq!(
        bed.events(),
        ["Close 1 1008 too many malformed messages", "Dropped"]
    );
    assert_eq!(bed.connect("bob@example.com", B), bob);
    bed.channels.receive_text(bed.now, B, "{");
    assert_eq!(
        bed.events(),
        ["Resumed"],
        "the next connection counts from nothing"
    );
}

#[test]
fn an_unknown_method_is_answered_501_and_not_held_against_the_peer() {
    let (mut bed, bob) = Bed::bob();
    let text = r#"{"Type":"PUBLISH","Request-URI":"b","From":"a","To":"b","DialogueID":"d","CSeq":4}"#;
    for _ in 0..20 {
        bed.channels.receive_text(bed.now, A, text);
    }
    assert_eq!(bed.deliver(A), [4; 20]);
    assert!(bed.channels.is_up(bob));
    let counters = bed.channels.counters();
    assert_eq!((counters.malformed, counters.unknown_methods), (0, 20));
}

#[test]
fn a_binary_frame_closes_1003_and_an_oversized_message_1009() {
    let (mut bed, bob) = Bed::bob();
    bed.channels.receive_binary(bed.now, A);
    assert_eq!(bed.events(), ["Close 1 1003 binary frame", "Dropped"]);
    bed.connect("bob@example.com", B);
    bed.channels.receive_oversize(bed.now, B);
    assert_eq!(
        bed.events(),
        ["Resumed", "Close 2 1009 message too big", "Dropped"]
    );
    assert_eq!(bed.connect("bob@example.com", C), bob);
}

#[test]
fn requests_above_the_rate_get_503_with_retry_after() {
    let (mut bed, _) = Bed::bob();
    for _ in 0..400 {
        bed.channels
            .receive_text(bed.now, A, &message(Method::Message, 1).encode());
    }
    assert_eq!(bed.events().len(), 400);
    bed.channels
        .receive_text(bed.now, A, &message(Method::Message, 2).encode());
    assert_eq!(bed.events(), ["Wake 1"]);
    let mut frames = Vec::new();
    bed.channels.take_batch(bed.now, A, usize::MAX, &mut frames);
    let Frame::Text(text) = &frames[0] else {
        panic!("{frames:?}")
    };
    let text = std::str::from_utf8(text).unwrap();
    let Message::Response(response) = Message::decode(text, &jsip::Limits::default()).unwrap() else {
        panic!("{text}")
    };
    assert_eq!((response.code().as_u16(), response.cseq().get()), (503, 2));
    assert_eq!(response.extension("Retry-After"), Some("1"));
    assert_eq!(response.reason(), Some("too many messages per second"));
}

#[test]
fn responses_and_acks_pass_above_the_rate() {
    let (mut bed, _) = Bed::bob();
    let Message::Request(request) = message(Method::Message, 1) else {
        unreachable!()
    };
    let response = Message::Response(jsip::Response::to(&request, jsip::StatusCode::OK)).encode();
    let mut ack = message(Method::Ack, 2);
    if let Message::Request(ack) = &mut ack {
        ack.set_related_cseq(CSeq::new(1));
    }
    for _ in 0..500 {
        bed.channels.receive_text(bed.now, A, &response);
    }
    bed.channels.receive_text(bed.now, A, &ack.encode());
    let events = bed.events();
    assert_eq!(
        (events.len(), events.last().map(String::as_str)),
        (501, Some("ACK 2"))
    );
}

#[test]
fn too_many_frames_that_are_no_message_close_the_socket_at_once_and_keep_the_channel() {
    type Flood = fn(&mut Bed, ConnId);
    let ping: Flood = |bed, conn| bed.channels.receive_ping(bed.now, conn);
    let pong: Flood = |bed, conn| bed.channels.receive_pong(bed.now, conn, b"unasked");
    let old_pong: Flood = |bed, conn| bed.channels.receive_pong(bed.now, conn, &crate::ping::payload(1));
    let fragment: Flood = |bed, conn| bed.channels.receive_fragments(bed.now, conn, 1);
    for flood in [ping, pong, old_pong, fragment] {
        let (mut bed, bob) = Bed::bob();
        assert!(bed.send(bob, 1, Kind::Other));
        bed.deliver(A);
        bed.events();
        for _ in 0..4000 {
            flood(&mut bed, A);
        }
        assert_eq!(bed.events(), [""; 0]);
        flood(&mut bed, A);
        assert_eq!(bed.events(), ["Close 1 1008 too many frames", "Dropped"]);
        assert_eq!(bed.channels.counters().closed_frames, 1);
        assert_eq!(bed.connect("bob@example.com", B), bob);
    }
}

#[test]
fn frames_at_the_rate_and_pongs_that_were_asked_for_close_nothing() {
    let (mut bed, bob) = Bed::bob();
    for tag in 1..=10_000 {
        assert!(bed.send(bob, tag, Kind::Other));
        bed.deliver(A);
    }
    for _ in 0..100_000 {
        bed.pass(Duration::from_micros(500));
        bed.channels.receive_ping(bed.now, A);
    }
    assert!(bed.channels.is_up(bob));
}

#[test]
fn ten_seconds_above_the_rate_close_the_socket() {
    let (mut bed, bob) = Bed::bob();
    let text = message(Method::Message, 1).encode();
    for millis in 0..13_000 {
        if !bed.channels.is_up(bob) {
            assert!((10_400..10_600).contains(&millis), "{millis}");
            break;
        }
        bed.channels.receive_text(bed.now, A, &text);
        bed.write(A);
        bed.pong(
            A,
            Some(crate::ping::payload(
                bed.channels.registry.get(bob).unwrap().outbox.taken(),
            )),
        );
        bed.pass(Duration::from_millis(1));
    }
    assert!(!bed.channels.is_up(bob));
    assert!(
        bed.events()
            .contains(&"Close 1 1008 too many messages".to_owned())
    );
    assert_eq!(bed.connect("bob@example.com", B), bob);
}
