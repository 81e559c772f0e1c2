//! What the decoder refuses, with the header it names.

use jsip::{Fault, Limits, Message};

/// A proper request of each kind of header, as (name, value) to be changed at will.
const REQUEST: &[(&str, &str)] = &[
    ("Type", r#""INVITE""#),
    ("Request-URI", r#""bob@example.com""#),
    ("From", r#""alice@example.com""#),
    ("To", r#""bob@example.com""#),
    ("DialogueID", r#""d1""#),
    ("CSeq", "1"),
    ("Router", r#""as1.example.com;type=hunt""#),
    ("Expire", "300"),
    ("Max-Forwards", "20"),
    ("P-Asserted-Identity", r#""alice@example.com""#),
    ("Event", r#""presence""#),
    ("Reason", r#""because""#),
    ("Content-Type", r#""application/sdp""#),
    ("Body", r#""v=0""#),
];

const RESPONSE: &[(&str, &str)] = &[
    ("Type", r#""RESPONSE""#),
    ("Code", "200"),
    ("Desc", r#""OK""#),
    ("From", r#""alice@example.com""#),
    ("To", r#""bob@example.com""#),
    ("DialogueID", r#""d1""#),
    ("CSeq", "1"),
    ("P-Asserted-Identity", r#""alice@example.com""#),
    ("Event", r#""presence""#),
    ("Reason", r#""because""#),
    ("Content-Type", r#""application/sdp""#),
    ("Body", r#""v=0""#),
];

fn write(members: &[(&str, &str)]) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}}}", members.join(","))
}

/// The message with one value replaced, or added.
fn with(base: &[(&str, &str)], name: &str, value: &str) -> String {
    let mut members = base.to_vec();
    match members.iter_mut().find(|(other, _)| *other == name) {
        Some(member) => member.1 = value,
        None => members.push((name, value)),
    }
    write(&members)
}

fn without(base: &[(&str, &str)], name: &str) -> String {
    let members: Vec<_> = base.iter().copied().filter(|(other, _)| *other != name).collect();
    write(&members)
}

#[track_caller]
fn refused(text: &str, header: Option<&str>, fault: Fault) {
    let error = Message::decode(text, &Limits::default()).expect_err(text);
    assert_eq!((error.header(), error.kind()), (header, fault), "{text}");
    if let Some(header) = header {
        assert!(error.to_string().starts_with(&format!("{header}: ")), "{error}");
    }
}

#[track_caller]
fn accepted(text: &str) -> Message {
    Message::decode(text, &Limits::default()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn proper_messages_are_accepted() {
    accepted(&write(REQUEST));
    accepted(&write(RESPONSE));
}

#[test]
fn every_required_header_is_missed_by_name() {
    for name in ["Type", "Request-URI", "From", "To", "DialogueID", "CSeq"] {
        refused(&without(REQUEST, name), Some(name), Fault::Missing);
    }
    for name in ["Type", "Code", "From", "To", "DialogueID", "CSeq"] {
        refused(&without(RESPONSE, name), Some(name), Fault::Missing);
    }
    refused("{}", Some("Type"), Fault::Missing);
}

#[test]
fn wrong_types_of_every_header_are_refused() {
    for (base, integers) in [
        (REQUEST, &["CSeq", "Expire", "Max-Forwards"][..]),
        (RESPONSE, &["CSeq", "Code"]),
    ] {
        for &(name, _) in base.iter().filter(|(name, _)| *name != "Body") {
            for value in ["null", "true", "[]", "{}", r#"["x"]"#] {
                refused(&with(base, name, value), Some(name), Fault::WrongType);
            }
            if integers.contains(&name) {
                for value in [r#""1""#, "1.5", "1e3", "200.0", "1E0"] {
                    refused(&with(base, name, value), Some(name), Fault::WrongType);
                }
            } else {
                refused(&with(base, name, "1"), Some(name), Fault::WrongType);
            }
        }
    }
    for kind in [r#""ACK""#, r#""CANCEL""#] {
        for value in [r#""1""#, "null", "1.5"] {
            let text = with(REQUEST, "Type", kind)
                .replace("\"Expire\"", "\"RelatedID\"")
                .replace("300", value);
            refused(&text, Some("RelatedID"), Fault::WrongType);
        }
    }
}

#[test]
fn sequence_numbers_are_1_to_2_53_minus_1() {
    let beyond = [
        "0",
        "-1",
        "-0",
        "9007199254740992",
        "1152921504606846976",
        "99999999999999999999999999",
    ];
    for value in beyond {
        refused(&with(REQUEST, "CSeq", value), Some("CSeq"), Fault::OutOfRange);
        refused(&with(RESPONSE, "CSeq", value), Some("CSeq"), Fault::OutOfRange);
    }
    assert_eq!(
        accepted(&with(REQUEST, "CSeq", "9007199254740991")).cseq().get(),
        (1 << 53) - 1
    );
    for kind in ["ACK", "CANCEL"] {
        let base = with(REQUEST, "Type", &format!("\"{kind}\""));
        for value in beyond {
            let text = base.replace("\"Expire\":300", &format!("\"RelatedID\":{value}"));
            refused(&text, Some("RelatedID"), Fault::OutOfRange);
        }
    }
}

#[test]
fn codes_are_100_to_699() {
    for value in ["0", "99", "700", "-200", "65736", "4294967496"] {
        refused(&with(RESPONSE, "Code", value), Some("Code"), Fault::OutOfRange);
    }
    accepted(&with(RESPONSE, "Code", "100"));
    accepted(&with(RESPONSE, "Code", "699"));
}

#[test]
fn counts_are_not_negative_and_may_be_huge() {
    for name in ["Expire", "Max-Forwards"] {
        refused(&with(REQUEST, name, "-1"), Some(name), Fault::OutOfRange);
    }
    let Message::Request(request) = accepted(&with(REQUEST, "Expire", "99999999999999999999999")) else {
        panic!()
    };
    assert_eq!(request.expires(), Some(u64::MAX));
    let Message::Request(request) = accepted(&with(REQUEST, "Max-Forwards", "4294967296")) else {
        panic!()
    };
    assert_eq!(request.max_forwards(), Some(u32::MAX));
}

#[test]
fn names_must_not_be_empty() {
    for name in ["Request-URI", "From", "To", "DialogueID", "Type"] {
        refused(&with(REQUEST, name, r#""""#), Some(name), Fault::Empty);
    }
    for name in [
        "Router",
        "Reason",
        "Event",
        "Content-Type",
        "P-Asserted-Identity",
        "Body",
    ] {
        accepted(&with(REQUEST, name, r#""""#));
    }
}

#[test]
fn dialog_ids_have_at_most_255_bytes_whatever_their_spelling() {
    accepted(&with(REQUEST, "DialogueID", &format!("\"{}\"", "d".repeat(255))));
    accepted(&with(
        REQUEST,
        "DialogueID",
        &format!("\"{}\"", r"\u0064".repeat(255)),
    ));
    for long in [
        "d".repeat(256),
        r"\u0064".repeat(256),
        "é".repeat(128),
        "d".repeat(10_000),
    ] {
        refused(
            &with(REQUEST, "DialogueID", &format!("\"{long}\"")),
            Some("DialogueID"),
            Fault::TooLong,
        );
    }
}

#[test]
fn unknown_types_are_refused() {
    for kind in ["TERM", "invite", "RESPONSE ", "response", "INVITE\\u0000"] {
        refused(
            &with(REQUEST, "Type", &format!("\"{kind}\"")),
            Some("Type"),
            Fault::UnknownMethod,
        );
    }
}

#[test]
fn headers_without_a_meaning_in_the_message_may_hold_anything() {
    for (name, value) in [("Code", "[1]"), ("Desc", "null"), ("RelatedID", r#""x""#)] {
        assert_eq!(
            accepted(&with(REQUEST, name, value)).headers().extension(name),
            Some(value)
        );
    }
    let message = with(REQUEST, "Type", r#""MESSAGE""#);
    accepted(&message.replace("\"Expire\":300", "\"Expire\":null"));
    for (name, value) in [
        ("Request-URI", "0"),
        ("Router", "{}"),
        ("Expire", "-1"),
        ("Max-Forwards", r#""x""#),
    ] {
        assert_eq!(
            accepted(&with(RESPONSE, name, value)).headers().extension(name),
            Some(value)
        );
    }
}

#[test]
fn duplicate_keys_are_refused_however_they_are_spelled() {
    for &(name, value) in REQUEST.iter().chain(&[("X-Own", "1"), ("", "1"), ("é😀", "1")]) {
        let escaped: String = name.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        for again in [name, &escaped] {
            let text = with(REQUEST, name, value);
            let text = format!(
                "{},\"{again}\":{value}}}",
                text.strip_suffix('}').unwrap_or_default()
            );
            let error = Message::decode(&text, &Limits::default()).expect_err(&text);
            assert_eq!(
                (error.header(), error.kind()),
                (Some(name), Fault::Duplicate),
                "{text}"
            );
        }
    }
    refused(
        r#"{"Ty\u0070e":"BYE","Type":"BYE"}"#,
        Some("Type"),
        Fault::Duplicate,
    );
    refused(r#"{"Code":1,"Code":1}"#, Some("Code"), Fault::Duplicate);
    assert_eq!(
        Message::decode(r#"{"a\n":1,"a\u000a":1}"#, &Limits::default())
            .expect_err("twice")
            .header(),
        Some("a\n")
    );
}

#[test]
fn what_is_no_object_is_refused() {
    for text in [
        "[]",
        "1",
        "null",
        "\"{}\"",
        "hello",
        "\u{feff}{}",
        "[{}]",
        "}",
        "<xml/>",
    ] {
        refused(text, None, Fault::NotAnObject);
    }
    for text in ["", " ", "{", "{ ", "{\"", "{\"a", "{\"Type\"", "{\"Type\" "] {
        refused(text, None, Fault::Truncated);
    }
    for text in ["{,}", "{1:2}", "{'a':1}", "{a:1}", r#"{"a" 1}"#, r#"{"a":1,}"#] {
        refused(text, None, Fault::Syntax);
    }
    for text in ["{}x", "{} {}", "{}\u{0}", "{}}", "{},"] {
        refused(text, None, Fault::TrailingData);
    }
}

#[test]
fn faults_within_a_value_name_its_header() {
    for (value, fault) in [
        ("tru", Fault::Syntax),
        ("01", Fault::Syntax),
        ("{]", Fault::Syntax),
        ("\"a\" \"b\"", Fault::Syntax),
        ("", Fault::Syntax),
        ("\"a\nb\"", Fault::ControlCharacter),
        ("[\"\u{0}\"]", Fault::ControlCharacter),
        (r#""\x""#, Fault::InvalidEscape),
        (r#"{"a":"\ud800"}"#, Fault::LoneSurrogate),
        (r#"{"\udc00":1}"#, Fault::LoneSurrogate),
    ] {
        for name in ["Body", "X-Own", "From"] {
            refused(&with(REQUEST, name, value), Some(name), fault);
        }
    }
    let whole = write(REQUEST);
    refused(&whole[..whole.len() - 1], Some("Body"), Fault::Truncated);
    refused(&whole[..whole.len() - 2], Some("Body"), Fault::Truncated);
    refused("{\"Type\u{1}\":1}", None, Fault::ControlCharacter);
}

#[test]
fn every_cut_of_a_message_is_truncated() {
    for whole in [write(REQUEST), write(RESPONSE)] {
        for end in 0..whole.len() {
            let error = Message::decode(&whole[..end], &Limits::default()).expect_err("a cut");
            assert_eq!(error.kind(), Fault::Truncated, "{}", &whole[..end]);
        }
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    accepted(&with(REQUEST, "Body", &nested(63)));
    refused(&with(REQUEST, "Body", &nested(64)), Some("Body"), Fault::TooDeep);
    refused(&with(REQUEST, "X", &nested(10_000)), Some("X"), Fault::TooDeep);
    refused(
        &with(REQUEST, "CSeq", &"[".repeat(10_000)),
        Some("CSeq"),
        Fault::TooDeep,
    );

    let mut limits = Limits {
        depth: 1,
        ..Limits::default()
    };
    assert!(Message::decode(&write(REQUEST), &limits).is_ok());
    assert!(Message::decode(&with(REQUEST, "Body", "[]"), &limits).is_err());
    limits.depth = usize::MAX;
    assert!(Message::decode(&with(REQUEST, "Body", &nested(127)), &limits).is_ok());
    assert!(Message::decode(&with(REQUEST, "Body", &nested(128)), &limits).is_err());
}

#[test]
fn size_and_number_of_headers_are_bounded() {
    let text = write(REQUEST);
    let mut limits = Limits {
        message_bytes: text.len(),
        headers: REQUEST.len(),
        ..Limits::default()
    };
    assert!(Message::decode(&text, &limits).is_ok());
    limits.message_bytes -= 1;
    assert_eq!(
        Message::decode(&text, &limits).expect_err("too large").kind(),
        Fault::TooLarge
    );
    limits.message_bytes += 1;
    limits.headers -= 1;
    let error = Message::decode(&text, &limits).expect_err("too many");
    assert_eq!(
        (error.header(), error.kind()),
        (Some("Body"), Fault::TooManyHeaders)
    );

    let many: String = (0..5000).map(|number| format!("\"{number}\":0,")).collect();
    refused(&format!("{{{many}\"x\":1}}"), Some("128"), Fault::TooManyHeaders);
}

#[test]
fn a_long_name_is_cut_in_the_error() {
    let name = "é".repeat(1000);
    let error = Message::decode(&with(REQUEST, &name, "x"), &Limits::default()).expect_err("no JSON");
    assert_eq!(error.header(), Some("é".repeat(32).as_str()));
    let error = Message::decode("{\"a\\nb\":x}", &Limits::default()).expect_err("no JSON");
    assert_eq!(error.to_string(), "a\\nb: malformed JSON");
}
