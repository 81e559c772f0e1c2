//! What is written is read, in both forms; what is damaged is refused where it is damaged, and never more than that.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::borrow::Cow;

use proptest::prelude::*;
use strowger_journal::frequent::{Frequent as _, Opened};
use strowger_journal::{Blob, Cut, Did, Entry, Header, Journal, Place, ReadError, Record, Said, Told};

const PLACE: Place = Place { index: 3, count: 17 };

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(r#"{"Type":"INVITE","CSeq":1,"Body":{"a":"\n \" é"}}"#.to_owned()),
        Just("{\n  \"Type\": \"BYE\"\n}".to_owned()),
        Just(r#""only a string""#.to_owned()),
        ".*",
    ]
}

fn entry() -> impl Strategy<Value = Entry<'static>> {
    let said = || text().prop_map(|text| Said(Cow::Owned(text)));
    let blob = || {
        prop_oneof![
            any::<Vec<u8>>().prop_map(|bytes| Blob::Kept(Cow::Owned(bytes))),
            any::<u64>().prop_map(Blob::Left),
        ]
    };
    prop_oneof![
        (any::<u64>(), said()).prop_map(|(channel, message)| Entry::Received {
            dialog: Some(PLACE),
            channel,
            message
        }),
        (text(), blob()).prop_map(|(topic, text)| Entry::Told {
            instance: PLACE,
            told: Told::Published {
                topic: Cow::Owned(topic),
                text
            }
        }),
        (any::<u64>(), said()).prop_map(|(tag, message)| Entry::Sent {
            dialog: None,
            channel: None,
            to: Some("bob".into()),
            tag,
            message
        }),
        (text(), any::<u64>()).prop_map(|(reason, after)| Entry::Handled {
            instance: PLACE,
            event: "incoming".into(),
            leg: 1,
            did: vec![
                Did::SetTimer { timer: 1, after },
                Did::Fail {
                    reason: reason.into()
                }
            ],
            failure: None
        }),
        Just(Entry::Bound {
            dialog: PLACE,
            channel: Some((1 << 63, false))
        }),
        Just(Entry::Due { dialog: PLACE }),
    ]
}

fn journal() -> impl Strategy<Value = Journal> {
    let records = prop::collection::vec((0_u64..1 << 40, entry()), 0..12);
    records.prop_map(|records| {
        let mut at = 0;
        let record = |(after, entry)| {
            at += after;
            Record { at, entry }
        };
        Journal {
            header: Header {
                call: Some("000100-0-1".to_owned()),
                cuts: vec![Cut::End],
                ..Header::default()
            },
            records: records.into_iter().map(record).collect(),
        }
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(journal in journal()) {
        prop_assert_eq!(&Journal::read(&journal.to_binary()).unwrap(), &journal);
        let text = journal.to_text();
        prop_assert_eq!(text.lines().count(), journal.records.len() + 3);
        prop_assert_eq!(&Journal::read(text.as_bytes()).unwrap(), &journal);
    }

    #[test]
    fn what_is_damaged_is_refused_or_read_and_nothing_worse(
        journal in journal(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()
    ) {
        for mut bytes in [journal.to_binary(), journal.to_text().into_bytes()] {
            let place = at.index(bytes.len());
            bytes[place] = byte;
            strowger_journal::fuzzing::journal(&bytes);
            bytes.truncate(cut.index(bytes.len()));
            strowger_journal::fuzzing::journal(&bytes);
        }
    }

    #[test]
    fn anything_else_is_refused(bytes in any::<Vec<u8>>()) {
        strowger_journal::fuzzing::journal(&bytes);
        let mut bytes = bytes;
        bytes.splice(0..0, *b"SWJ\x01");
        strowger_journal::fuzzing::journal(&bytes);
    }
}

fn two_records() -> Journal {
    let record = |at| Record {
        at,
        entry: Entry::Due { dialog: PLACE },
    };
    Journal {
        header: Header::default(),
        records: vec![record(1_000_000), record(1_250_000)],
    }
}

#[test]
fn a_fault_says_where_it_is() {
    let mut binary = two_records().to_binary();
    binary.pop();
    let ReadError::Truncated { number: 2, .. } = Journal::read(&binary).unwrap_err() else {
        panic!("{:?}", Journal::read(&binary));
    };
    let text = two_records().to_text().replace("0.250000 ", "0.250000 x");
    let error = Journal::read(text.as_bytes()).unwrap_err();
    assert!(matches!(error, ReadError::Line { line: 5, .. }), "{error}");
    assert!(error.to_string().starts_with("line 5: "), "{error}");
}

#[test]
fn lines_may_be_added_and_taken_out_by_hand() {
    let text = two_records().to_text() + "\n# three more seconds\n4 {\"due\":{\"dialog\":\"3.17\"}}\n";
    let journal = Journal::read(text.as_bytes()).unwrap();
    assert_eq!(journal.records.len(), 3);
    assert_eq!(journal.records[2].at, 5_000_000);
    let earlier = text + "1 {\"due\":{\"dialog\":\"3.17\"}}\n";
    assert!(matches!(
        Journal::read(earlier.as_bytes()),
        Err(ReadError::Line { line: 9, .. })
    ));
}

#[test]
fn another_version_is_not_guessed_at() {
    assert_eq!(
        Journal::read(b"SWJ\x03"),
        Err(ReadError::Version { found: 3, known: 2 })
    );
    assert_eq!(
        Journal::read(b"strowger journal 7\n{}\n"),
        Err(ReadError::Version { found: 7, known: 1 })
    );
    for none in [&b""[..], b"SW", b"PK\x03\x04", b"{}", b"\xff\xfe"] {
        assert_eq!(Journal::read(none), Err(ReadError::NoJournal), "{none:?}");
    }
}

#[test]
fn the_corpus_keeps_the_promises() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/journal");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        count += 1;
        strowger_journal::fuzzing::journal(&std::fs::read(entry.unwrap().path()).unwrap());
    }
    assert!(count >= 3);
}

#[test]
fn a_glance_sees_what_reading_finds() {
    use strowger_journal::binary::{self, Glance};
    let other = Place {
        index: 900,
        count: 70_000,
    };
    let (instance, dialog) = (PLACE, other);
    let said = || Said("{}".into());
    let entries = [
        (
            Entry::Opened {
                instance,
                dialog,
                id: "x".into(),
            },
            Some(Glance::Joined(PLACE, other)),
        ),
        (
            Entry::Served {
                instance,
                dialog,
                next_cseq: 1,
            },
            Some(Glance::Joined(PLACE, other)),
        ),
        (
            Entry::Received {
                dialog: Some(dialog),
                channel: 1,
                message: said(),
            },
            Some(Glance::Received(Some(other))),
        ),
        (
            Entry::Received {
                dialog: None,
                channel: 1,
                message: said(),
            },
            Some(Glance::Received(None)),
        ),
        (
            Entry::Sent {
                dialog: Some(dialog),
                channel: None,
                to: None,
                tag: 1,
                message: said(),
            },
            Some(Glance::Dialog(other)),
        ),
        (
            Entry::Sent {
                dialog: None,
                channel: None,
                to: None,
                tag: 1,
                message: said(),
            },
            None,
        ),
        (
            Entry::Bound {
                dialog,
                channel: None,
            },
            Some(Glance::Dialog(other)),
        ),
        (Entry::Released { dialog, tag: 1 }, Some(Glance::Dialog(other))),
        (Entry::Withdrawn { dialog, tag: 1 }, Some(Glance::Dialog(other))),
        (Entry::NoRoom { dialog, tag: 1 }, Some(Glance::Dialog(other))),
        (Entry::Due { dialog }, Some(Glance::Dialog(other))),
        (
            Entry::Ended {
                dialog,
                reason: "x".into(),
            },
            Some(Glance::Dialog(other)),
        ),
        (
            Entry::Channel {
                channel: 1,
                news: strowger_journal::ChannelNews::Up,
            },
            None,
        ),
        (
            Entry::Elapsed {
                instance,
                waited: strowger_journal::Waited::Timer(1),
            },
            Some(Glance::Instance(PLACE)),
        ),
        (
            Entry::Told {
                instance,
                told: Told::Shutdown { within: 1 },
            },
            Some(Glance::Instance(PLACE)),
        ),
        (
            Entry::Stopped {
                instance,
                failure: None,
            },
            Some(Glance::Instance(PLACE)),
        ),
        (
            Entry::Moved {
                instance,
                version: "x".into(),
            },
            Some(Glance::Instance(PLACE)),
        ),
        (
            Entry::Handled {
                instance,
                event: "x".into(),
                leg: 0,
                did: Vec::new(),
                failure: None,
            },
            Some(Glance::Instance(PLACE)),
        ),
        (Entry::Over { instance }, Some(Glance::Over(PLACE))),
        (Entry::Gap { records: 1 }, None),
    ];
    for (entry, seen) in entries {
        let mut records = binary::Records::default();
        assert!(records.push(0, &entry));
        let mut glances = Vec::new();
        binary::each(records.as_bytes(), 0, 0, |_, body| {
            glances.push(Glance::of(body));
            Ok(())
        })
        .unwrap();
        assert_eq!(glances, [seen], "{entry:?}");
    }
}

/// The length of a record stands before it and is written after it.
#[test]
fn records_of_any_length_come_back() {
    let mut records = strowger_journal::binary::Records::with_room(64);
    let ids = [0, 1, 100, 127, 128, 16_300, 16_384, 70_000, 3].map(|length| "x".repeat(length));
    let (instance, dialog) = (PLACE, PLACE);
    for id in &ids {
        let entry = Opened { instance, dialog, id };
        assert!(records.push_frequent(300, &entry));
        assert!(records.push(300, &entry.to_entry()));
    }
    let drained = records.drain(b"something else".to_vec());
    assert!(records.is_empty());
    assert!(records.push(5, &Entry::Over { instance }));
    let read = strowger_journal::binary::records(&drained, 7).unwrap();
    let times: Vec<_> = read.iter().map(|record| record.at).collect();
    assert_eq!(times, (1..=18).map(|number| 7 + 300 * number).collect::<Vec<_>>());
    for (place, record) in read.iter().enumerate() {
        let id = &ids[place / 2];
        assert_eq!(record.entry, Opened { instance, dialog, id }.to_entry());
    }
    let read = strowger_journal::binary::records(records.as_bytes(), 7).unwrap();
    let entry = Entry::Over { instance };
    assert_eq!(read, [Record { at: 12, entry }]);
}

#[test]
fn a_record_that_would_not_be_read_is_not_written() {
    let mut records = strowger_journal::binary::Records::default();
    let entry = |length: usize| Entry::Opened {
        instance: PLACE,
        dialog: PLACE,
        id: "x".repeat(length).into(),
    };
    let (short, long) = (entry(1), entry(17 << 20));
    assert!(records.push(0, &short));
    let before = records.len();
    assert!(!records.push(0, &long));
    assert_eq!(records.len(), before);
    assert!(records.push(0, &short));
    assert_eq!(
        strowger_journal::binary::records(records.as_bytes(), 0)
            .unwrap()
            .len(),
        2
    );
}
