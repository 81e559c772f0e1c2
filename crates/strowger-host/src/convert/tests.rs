use jsip::Method;

use super::*;

const TICKET: &str = r#"{"Type":"MESSAGE","Request-URI":"bob@x.org","From":"alice@x.org","To":"bob@x.org","DialogueID":"d1","CSeq":1,"X-Ticket":12345678901234567890,"Body":{"b":  1,"a":[1.0e2]}}"#;

fn read(text: &str) -> Request {
    request(text, &jsip::Limits::default()).unwrap()
}

fn read_all(given: Vec<wit::Command>) -> Result<Vec<native::Command>, String> {
    commands(
        given,
        None,
        &mut Ids::new("rel-x".to_owned()),
        &jsip::Limits::default(),
    )
}

#[test]
fn what_is_forwarded_as_it_came_is_what_the_event_brought() {
    let forward = |leg| {
        wit::Command::Forward(types::Forwarding {
            leg,
            to: 1,
            id: 1,
            message: None,
        })
    };
    let read_with = |given| {
        let came = came(native::Event::Incoming {
            leg: LegId::new(3),
            request: read(TICKET),
        });
        commands(
            given,
            came,
            &mut Ids::new("rel-x".to_owned()),
            &jsip::Limits::default(),
        )
    };
    let [native::Command::Forward { leg, request, .. }] = &read_with(vec![forward(3)]).unwrap()[..] else {
        panic!("another command");
    };
    assert_eq!((leg.number(), request.encode().as_str()), (3, TICKET));
    for given in [vec![forward(2)], vec![forward(3), forward(3)]] {
        assert!(read_with(given).is_err());
    }
    assert!(read_all(vec![forward(3)]).is_err());
}

#[test]
fn what_nobody_changed_crosses_byte_for_byte_both_ways() {
    let event = native::Event::Incoming {
        leg: LegId::new(3),
        request: read(TICKET),
    };
    let Some(wit::Event::Incoming(given)) = super::event(&event) else {
        panic!("another event");
    };
    assert_eq!((given.leg, given.message.as_str()), (3, TICKET));
    let open = wit::Command::Open(types::Outgoing {
        leg: 1,
        id: 1,
        message: given.message,
    });
    let [native::Command::Open { request, .. }] = &read_all(vec![open]).unwrap()[..] else {
        panic!("another command");
    };
    assert_eq!(request.encode(), TICKET);
}

#[test]
fn commands_are_numbered_across_kinds_and_in_order() {
    let given = vec![
        wit::Command::Open(types::Outgoing {
            leg: 1,
            id: 1,
            message: TICKET.to_owned(),
        }),
        wit::Command::SetTimer(types::Alarm { timer: 1, after: 7 }),
        wit::Command::Send(types::Outgoing {
            leg: 1,
            id: 2,
            message: TICKET.to_owned(),
        }),
        wit::Command::Relate(1),
        wit::Command::Relate(2),
        wit::Command::Finish,
    ];
    let read = read_all(given).unwrap();
    assert_eq!(read.len(), 6);
    assert!(matches!(&read[4], native::Command::Relate { relid } if relid == "rel-x.2"));
}

#[test]
fn a_bad_command_takes_the_good_ones_and_their_numbers_with_it() {
    let mut ids = Ids::new(String::new());
    ids.next_leg();
    let before = ids.last();
    let given = vec![
        wit::Command::SetTimer(types::Alarm { timer: 1, after: 0 }),
        wit::Command::Relate(7),
    ];
    let error = commands(given, None, &mut ids, &jsip::Limits::default()).unwrap_err();
    assert_eq!(error, "number 2: relation 7, where 1 is next");
    assert_eq!(ids.last(), before);
}

#[test]
fn a_request_is_no_response_and_the_other_way_round() {
    let ok = Response::to(&read(TICKET), StatusCode::OK).encode();
    let limits = jsip::Limits::default();
    assert!(request(&ok, &limits).unwrap_err().contains("a response where"));
    assert!(response(TICKET, &limits).unwrap_err().contains("a request where"));
    assert!(request("{", &limits).is_err());
    let small = jsip::Limits {
        message_bytes: 10,
        ..limits
    };
    assert!(request(TICKET, &small).is_err());
}

#[test]
fn every_refusal_and_every_end_has_its_word() {
    let illegal = send_error(&SendError::Illegal {
        method: Method::Info,
        state: "Ringing",
    });
    assert!(matches!(illegal, types::SendError::Illegal(illegal) if illegal.method == "INFO"));
    let other = send_error(&SendError::Other("new".into()));
    assert!(matches!(other, types::SendError::Other(why) if why == "new"));
    assert_eq!(
        end_cause(EndCause::ChannelLost) as u8,
        types::EndCause::ChannelLost as u8
    );
    assert_eq!(end_cause(EndCause::Other) as u8, types::EndCause::Other as u8);
}
