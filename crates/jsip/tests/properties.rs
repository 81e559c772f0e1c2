//! Properties of the codec over arbitrary input, with `serde_json` as the second opinion.

use jsip::{Fault, Limits, Message, fuzzing};
use proptest::prelude::*;
use serde_json::Value;

/// Any JSON value, a few levels deep, numbers beyond `f64` and odd strings among it, as text.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?",
        string(),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(" , "))),
            prop::collection::vec((string(), inner), 0..4).prop_map(|members| {
                let members: Vec<String> = members
                    .iter()
                    .map(|(key, value)| format!("{key} :{value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

/// A JSON string, as text, some of its characters escaped that need not be.
fn string() -> impl Strategy<Value = String> {
    prop::collection::vec((any::<char>(), any::<bool>()), 0..12).prop_map(|characters| {
        let mut out = String::from("\"");
        for (character, escape) in characters {
            if escape || character < ' ' || character == '"' || character == '\\' {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04X}"));
                }
            } else {
                out.push(character);
            }
        }
        out + "\""
    })
}

fn message(extensions: &[(String, String)], body: &str, order: usize) -> String {
    let mut members = vec![
        r#""Type":"MESSAGE""#.to_owned(),
        r#""Request-URI":"bob@example.com""#.to_owned(),
        r#""From":"alice""#.to_owned(),
        r#""To":"bob""#.to_owned(),
        r#""DialogueID":"d1""#.to_owned(),
        r#""CSeq":1"#.to_owned(),
        format!("\"Body\":{body}"),
    ];
    members.extend(extensions.iter().enumerate().map(|(index, (name, value))| {
        // The number makes names differ.
        format!("\"{index}{}:{value}", &name[1..])
    }));
    let middle = order % members.len();
    members.rotate_left(middle);
    format!("{{{}}}", members.join(","))
}

/// Cuts, replaces and doubles pieces of a text.
fn damage(text: &str, cuts: &[(usize, usize, char)]) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for &(at, length, replacement) in cuts {
        let at = at % (characters.len() + 1);
        let end = (at + length % 4).min(characters.len());
        characters.splice(at..end, [replacement]);
    }
    characters.into_iter().collect()
}

fn replacement() -> impl Strategy<Value = char> {
    prop_oneof![
        prop::sample::select(vec![
            '"', '\\', '{', '}', '[', ']', ',', ':', ' ', '0', '-', '.', 'e', 'u', '\n', '\u{0}'
        ]),
        any::<char>()
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_body_and_extension_survives_byte_for_byte(
        extensions in prop::collection::vec((string(), json()), 0..6),
        body in json(),
        order in any::<usize>(),
    ) {
        let text = message(&extensions, &body, order);
        let decoded = Message::decode(&text, &Limits::default()).expect(&text);
        prop_assert_eq!(decoded.encode(), text.as_str());
        prop_assert_eq!(decoded.headers().body(), Some(body.as_str()));
        let mut seen: Vec<&str> = decoded.headers().extensions().map(|(_, raw)| raw).collect();
        let mut sent: Vec<&str> = extensions.iter().map(|(_, raw)| raw.as_str()).collect();
        seen.sort_unstable();
        sent.sort_unstable();
        prop_assert_eq!(seen, sent);

        let mut changed = decoded.clone();
        changed.headers_mut().set_dialog_id("another\n");
        let expected = text.replace(r#""DialogueID":"d1""#, r#""DialogueID":"another\n""#);
        prop_assert_eq!(changed.encode(), expected);
        fuzzing::decode(text.as_bytes());
    }

    #[test]
    fn texts_set_are_texts_read(text in any::<String>(), name in any::<String>(), raw in json()) {
        let mut request = jsip::Request::new(jsip::Method::Notify, &text, &text, &text);
        request.set_dialog_id("d");
        request.set_reason(&text);
        request.set_body_str(&text);
        let extension = request.set_extension(&name, &raw).is_ok();
        prop_assert_eq!(request.from(), text.as_str());
        let decoded = Message::decode(&request.encode(), &Limits::default());
        if text.is_empty() {
            prop_assert_eq!(decoded.map_err(|error| error.kind()), Err(Fault::Empty));
        } else {
            let decoded = decoded.expect("made of proper values");
            prop_assert_eq!(decoded.headers().reason(), Some(text.as_str()));
            let body = decoded.headers().body_str();
            prop_assert_eq!(body.as_deref(), Some(text.as_str()));
            prop_assert_eq!(decoded.headers().extension(&name), extension.then_some(raw.as_str()));
        }
    }

    #[test]
    fn strings_mean_what_serde_json_says(string in string()) {
        let text = message(&[], &string, 0);
        let decoded = Message::decode(&text, &Limits::default()).expect(&text);
        let expected: String = serde_json::from_str(&string).expect("a string");
        let body = decoded.headers().body_str();
        prop_assert_eq!(body.as_deref(), Some(expected.as_str()));
    }

    #[test]
    fn whatever_comes_nothing_panics(text in any::<String>(), bytes in any::<Vec<u8>>()) {
        fuzzing::decode(text.as_bytes());
        fuzzing::decode(&bytes);
        fuzzing::uri(text.as_bytes());
        fuzzing::uri(&bytes);
    }

    #[test]
    fn uris_of_likely_characters_do_not_panic(text in "[ab@:;=\\[\\]. ,%0-9A\t]{0,24}") {
        fuzzing::uri(text.as_bytes());
    }

    #[test]
    fn serde_json_agrees_on_what_is_json(
        extensions in prop::collection::vec((string(), json()), 0..3),
        body in json(),
        cuts in prop::collection::vec((any::<usize>(), any::<usize>(), replacement()), 0..4),
    ) {
        let text = damage(&message(&extensions, &body, 0), &cuts);
        fuzzing::decode(text.as_bytes());
        let ours = Message::decode(&text, &Limits::default());
        let theirs = serde_json::from_str::<Value>(&text);
        match (&ours, &theirs) {
            (Ok(_), Ok(value)) => prop_assert!(value.is_object()),
            (Ok(_), Err(error)) => {
                // JSON's grammar has no bound on numbers; that reader's numbers have one.
                prop_assert!(error.to_string().starts_with("number out of range"), "{}: {}", error, text);
            }
            (Err(error), Ok(value)) => {
                let rules = matches!(
                    error.kind(),
                    Fault::Duplicate | Fault::Missing | Fault::WrongType | Fault::Empty | Fault::TooLong
                        | Fault::OutOfRange | Fault::UnknownMethod
                );
                let not_object = error.kind() == Fault::NotAnObject && !value.is_object();
                prop_assert!(rules || not_object, "{}: {}", error, text);
            }
            (Err(_), Err(_)) => {}
        }
    }
}
