//! The responses to messages that could not be decoded.

use jsip::{Limits, Message, Response};

fn rejection(text: &str) -> Option<Response> {
    Message::decode(text, &Limits::default())
        .expect_err(text)
        .rejection()
}

#[track_caller]
fn check(text: &str, code: u16, reason: &str) {
    let response = rejection(text).unwrap_or_else(|| panic!("dropped: {text}"));
    assert_eq!(
        (response.code().as_u16(), response.reason()),
        (code, Some(reason)),
        "{text}"
    );
    assert_eq!((response.dialog_id(), response.cseq().get()), ("d1", 7), "{text}");
    assert_eq!((response.from(), response.to()), ("a", "b"), "{text}");
    let again = Message::decode(&response.encode(), &Limits::default()).expect("a rejection is a message");
    assert_eq!(again, Message::Response(response));
}

#[track_caller]
fn dropped(text: &str) {
    assert_eq!(rejection(text), None, "{text}");
}

const IDS: &str = r#""From":"a","To":"b","DialogueID":"d1","CSeq":7"#;

#[test]
fn the_reason_names_the_header_at_fault() {
    let check =
        |rest: &str, reason: &str| check(&format!(r#"{{"Type":"INVITE",{IDS},{rest}}}"#), 400, reason);
    check(r#""X":1"#, "Request-URI: missing");
    check(r#""Request-URI":"""#, "Request-URI: empty");
    check(
        r#""Request-URI":"u","Expire":"1""#,
        "Expire: wrong type, expected an integer from 0",
    );
    check(
        r#""Request-URI":"u","Expire":-1"#,
        "Expire: out of range, expected an integer from 0",
    );
    check(
        r#""Request-URI":"u","Reason":5"#,
        "Reason: wrong type, expected a string",
    );
    check(r#""Request-URI":"u","CSeq":8"#, "CSeq: duplicate");
    check(r#""Request-URI":"u","Body":{"a":tru}"#, "Body: malformed JSON");
    check(
        r#""Request-URI":"u","Body":"\ud800""#,
        "Body: lone surrogate in a string",
    );
}

#[test]
fn headers_behind_the_fault_are_found() {
    for (body, fault) in [
        ("[".repeat(500) + &"]".repeat(500), "nested too deeply"),
        (
            "{\"a\":".repeat(500) + "1" + &"}".repeat(500),
            "nested too deeply",
        ),
        (r#"{"a":tru,"b":[1,2,,3],"c":{}}"#.to_owned(), "malformed JSON"),
        (
            "\"line\nbreak, } ] \\\" quote\"".to_owned(),
            "control character in a string",
        ),
        (
            r#"["\ud800\",\"CSeq\":9",{"CSeq":10}]"#.to_owned(),
            "lone surrogate in a string",
        ),
        (r#""\q\\""#.to_owned(), "invalid escape in a string"),
        ("nonsense".to_owned(), "malformed JSON"),
        ("'CSeq'".to_owned(), "malformed JSON"),
        (String::new(), "malformed JSON"),
    ] {
        let reason = format!("Body: {fault}");
        check(
            &format!(r#"{{"Body":{body},"Type":"MESSAGE",{IDS},"Request-URI":"u"}}"#),
            400,
            &reason,
        );
        check(
            &format!(r#" {{ {IDS} , "Body" : {body} , "Type" : "MESSAGE" }} "#),
            400,
            &reason,
        );
    }
}

#[test]
fn a_message_that_is_cut_is_answered_once_its_ids_are_there() {
    check(
        &format!(r#"{{"Type":"MESSAGE",{IDS},"Body":"abc"#),
        400,
        "Body: truncated",
    );
    check(&format!(r#"{{"Type":"MESSAGE",{IDS},"Bo"#), 400, "truncated");
    check(
        &format!(r#"{{"Type":"MESSAGE",{IDS}}}{{}}"#),
        400,
        "trailing data",
    );
    check(&format!(r#"{{"Type":"MESSAGE",{IDS},}}"#), 400, "malformed JSON");
    dropped(r#"{"Type":"MESSAGE","From":"a","To":"b","DialogueID":"d1","CSeq":7"#.trim_end_matches(":7"));
}

#[test]
fn escaped_headers_are_understood() {
    let text =
        r#"{"T\u0079pe":"\u0042YE","From":"a","To":"b","Dialogue\u0049D":"d\u0031","CSeq":7,"Body":x}"#;
    check(text, 400, "Body: malformed JSON");
}

#[test]
fn unknown_request_types_get_501() {
    check(
        &format!(r#"{{"Type":"PUBLISH","Request-URI":"u",{IDS}}}"#),
        501,
        "Type: unknown request type",
    );
    check(
        &format!(r#"{{{IDS},"Type":"PUBLISH"}}"#),
        501,
        "Type: unknown request type",
    );
    check(
        &format!(r#"{{{IDS},"Type":"PUBLISH","Body":x}}"#),
        400,
        "Body: malformed JSON",
    );
}

#[test]
fn names_that_cannot_be_read_become_unknown() {
    let response = rejection(r#"{"Type":"BYE","From":5,"DialogueID":"d\n","CSeq":7}"#).expect("answered");
    assert_eq!(
        (response.from(), response.to(), response.dialog_id()),
        ("unknown", "unknown", "d\n")
    );
    assert_eq!(
        response.reason(),
        Some("From: wrong type, expected a string that is not empty")
    );
}

#[test]
fn what_cannot_be_answered_is_dropped() {
    for (kind, id, cseq) in [
        (r#""RESPONSE""#, r#""d1""#, "7"),
        (r#""ACK""#, r#""d1""#, "7"),
        (r#""""#, r#""d1""#, "7"),
        ("5", r#""d1""#, "7"),
        (r#""BYE""#, r#""""#, "7"),
        (r#""BYE""#, "5", "7"),
        (r#""BYE""#, r#""\ud800""#, "7"),
        (r#""BYE""#, r#""d1""#, "0"),
        (r#""BYE""#, r#""d1""#, "-1"),
        (r#""BYE""#, r#""d1""#, "1.5"),
        (r#""BYE""#, r#""d1""#, "1e3"),
        (r#""BYE""#, r#""d1""#, "1152921504606846976"),
        (r#""BYE""#, r#""d1""#, r#""1""#),
    ] {
        dropped(&format!(
            r#"{{"Type":{kind},"DialogueID":{id},"CSeq":{cseq},"From":5}}"#
        ));
    }
    dropped(&format!(
        r#"{{"Type":"BYE","DialogueID":"{}","CSeq":7}}"#,
        "d".repeat(10_000)
    ));
    for text in [
        "",
        "[]",
        "{",
        "{}",
        "}{",
        "{{{{",
        "{\"",
        "{\"\\",
        "{:,:,:}",
        "null",
        "[{\"Type\":\"BYE\"}]",
    ] {
        dropped(text);
    }
}

#[test]
fn a_message_that_is_too_large_is_dropped_unread() {
    dropped(&format!(
        r#"{{"Type":"MESSAGE",{IDS},"Body":"{}"}}"#,
        "x".repeat(1 << 20)
    ));
}
