//! What a message must look like.
//!
//! A pattern is a JSON object: each of its headers must be in the message and match; other headers of the message
//! do not matter. Inside a header's value everything counts. An object with one of the [`MATCHERS`] as its only key
//! is not a value but a matcher.

use crate::json::{Json, Kind};
use crate::outcome::Difference;

/// The keys that make an object a matcher.
pub(crate) const MATCHERS: [&str; 10] = [
    "absent",
    "any",
    "contains",
    "exactly",
    "not",
    "number",
    "one_of",
    "raw",
    "starts_with",
    "string",
];

/// Finds a matcher that cannot work.
pub(crate) fn check(pattern: &Json) -> Result<(), String> {
    match &pattern.kind {
        Kind::Null | Kind::Bool(_) | Kind::Number | Kind::String(_) => Ok(()),
        Kind::Array(items) => items.iter().try_for_each(check),
        Kind::Object(entries) => match matcher(pattern) {
            Some(("absent" | "any" | "number" | "string", argument)) => match argument.kind {
                Kind::Bool(true) => Ok(()),
                Kind::Null
                | Kind::Bool(false)
                | Kind::Number
                | Kind::String(_)
                | Kind::Array(_)
                | Kind::Object(_) => Err(format!("{} must be `true` inside", pattern.raw)),
            },
            Some(("contains" | "starts_with" | "raw", argument)) if argument.as_str().is_none() => {
                Err(format!("{} must have a string inside", pattern.raw))
            }
            Some(("one_of", argument)) if !matches!(argument.kind, Kind::Array(_)) => {
                Err(format!("{} must have an array inside", pattern.raw))
            }
            Some(("exactly", _)) => Ok(()),
            Some(_) | None => entries.iter().try_for_each(|(_, value)| check(value)),
        },
    }
}

/// How `message` differs from `pattern`, header by header; empty if it matches.
///
/// The keys in `order` must also come in that order.
pub(crate) fn differences(pattern: &Json, message: &Json, order: &[String]) -> Vec<Difference> {
    let mut found = Vec::new();
    for (header, wanted) in pattern.entries().unwrap_or_default() {
        let got = message.get(header);
        if !matches(wanted, got) {
            let got = got.map_or_else(|| "absent".to_owned(), |value| value.raw.clone());
            found.push(Difference {
                header: header.clone(),
                expected: wanted.raw.clone(),
                got,
            });
        }
    }
    let keys = message.entries().unwrap_or_default().iter().map(|(key, _)| key);
    let keys: Vec<&String> = keys.filter(|key| order.contains(key)).collect();
    if !keys.iter().copied().eq(order) {
        let expected = format!("{order:?}");
        found.push(Difference {
            header: "order of keys".to_owned(),
            expected,
            got: format!("{keys:?}"),
        });
    }
    found
}

/// Whether a value, or its absence, matches a pattern.
pub(crate) fn matches(pattern: &Json, got: Option<&Json>) -> bool {
    if let Some((name, argument)) = matcher(pattern) {
        return matches_specially(name, argument, got);
    }
    got.is_some_and(|got| equals(pattern, got, matches))
}

fn matcher(pattern: &Json) -> Option<(&str, &Json)> {
    match pattern.entries()? {
        [(name, argument)] if MATCHERS.contains(&name.as_str()) => Some((name, argument)),
        _ => None,
    }
}

fn matches_specially(name: &str, argument: &Json, got: Option<&Json>) -> bool {
    let Some(got) = got else { return name == "absent" };
    let text = |test: fn(&str, &str) -> bool| match (got.as_str(), argument.as_str()) {
        (Some(got), Some(argument)) => test(got, argument),
        _ => false,
    };
    match name {
        "any" => true,
        "number" => matches!(got.kind, Kind::Number),
        "string" => matches!(got.kind, Kind::String(_)),
        "contains" => text(|got, part| got.contains(part)),
        "starts_with" => text(|got, start| got.starts_with(start)),
        "raw" => argument.as_str() == Some(&got.raw),
        "exactly" => equals_exactly(argument, Some(got)),
        "not" => !matches(argument, Some(got)),
        "one_of" => match &argument.kind {
            Kind::Array(choices) => choices.iter().any(|choice| matches(choice, Some(got))),
            Kind::Null | Kind::Bool(_) | Kind::Number | Kind::String(_) | Kind::Object(_) => false,
        },
        _ => false,
    }
}

fn equals_exactly(wanted: &Json, got: Option<&Json>) -> bool {
    got.is_some_and(|got| equals(wanted, got, equals_exactly))
}

/// Compares two values, their parts by `inner`. Numbers are equal if their digits are.
fn equals(wanted: &Json, got: &Json, inner: fn(&Json, Option<&Json>) -> bool) -> bool {
    match (&wanted.kind, &got.kind) {
        (Kind::Null, Kind::Null) => true,
        (Kind::Bool(wanted), Kind::Bool(got)) => wanted == got,
        (Kind::Number, Kind::Number) => wanted.raw == got.raw,
        (Kind::String(wanted), Kind::String(got)) => wanted == got,
        (Kind::Array(wanted), Kind::Array(got)) => {
            wanted.len() == got.len()
                && wanted
                    .iter()
                    .zip(got)
                    .all(|(wanted, got)| inner(wanted, Some(got)))
        }
        (Kind::Object(wanted), Kind::Object(entries)) => {
            wanted.iter().all(|(key, value)| inner(value, got.get(key)))
                && entries
                    .iter()
                    .all(|(key, _)| wanted.iter().any(|(name, _)| name == key))
        }
        (
            Kind::Null | Kind::Bool(_) | Kind::Number | Kind::String(_) | Kind::Array(_) | Kind::Object(_),
            _,
        ) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_match(pattern: &str, message: &str, expected: &[&str]) {
        let (pattern, message) = (Json::parse(pattern).unwrap(), Json::parse(message).unwrap());
        let found = differences(&pattern, &message, &[]);
        let headers: Vec<_> = found
            .iter()
            .map(|difference| difference.header.as_str())
            .collect();
        assert_eq!(headers, expected);
    }

    #[test]
    fn headers_that_the_pattern_does_not_name_do_not_matter() {
        check_match(r#"{"Code":200}"#, r#"{"Code":200,"Desc":"OK"}"#, &[]);
        check_match(
            r#"{"Code":200,"CSeq":1}"#,
            r#"{"Code":404,"Desc":"OK"}"#,
            &["Code", "CSeq"],
        );
        check_match(r#"{"Code":200}"#, r#"{"Code":"200"}"#, &["Code"]);
    }

    #[test]
    fn inside_a_value_everything_counts() {
        check_match(r#"{"Body":{"a":1}}"#, r#"{"Body":{"a":1,"b":2}}"#, &["Body"]);
        check_match(
            r#"{"Body":{"a":[1,{"b":null}]}}"#,
            r#"{"Body":{"a":[1,{"b":null}]}}"#,
            &[],
        );
        check_match(r#"{"Body":[1,2]}"#, r#"{"Body":[1]}"#, &["Body"]);
    }

    #[test]
    fn numbers_are_compared_by_their_digits() {
        check_match(r#"{"X":9007199254740993}"#, r#"{"X":9007199254740992}"#, &["X"]);
        check_match(r#"{"X":9007199254740993}"#, r#"{"X":9007199254740993}"#, &[]);
    }

    #[test]
    fn each_matcher_does_what_it_says() {
        let message = r#"{"n":1,"s":"hello","e":"\u0041","o":{"any":true}}"#;
        check_match(
            r#"{"n":{"number":true},"s":{"string":true},"z":{"absent":true}}"#,
            message,
            &[],
        );
        check_match(
            r#"{"s":{"number":true},"n":{"string":true},"s2":{"any":true}}"#,
            message,
            &["s", "n", "s2"],
        );
        check_match(
            r#"{"s":{"starts_with":"he"},"e":{"raw":"\"\\u0041\""}}"#,
            message,
            &[],
        );
        check_match(
            r#"{"s":{"contains":"xx"},"n":{"contains":"1"}}"#,
            message,
            &["s", "n"],
        );
        check_match(r#"{"n":{"one_of":[2,1]},"s":{"not":"bye"}}"#, message, &[]);
        check_match(
            r#"{"n":{"not":1},"x":{"not":1},"n2":{"one_of":[]}}"#,
            message,
            &["n", "x", "n2"],
        );
        check_match(r#"{"o":{"exactly":{"any":true}}}"#, message, &[]);
        check_match(r#"{"n":{"exactly":{"any":true}}}"#, message, &["n"]);
        check_match(r#"{"n":{"absent":true}}"#, message, &["n"]);
    }

    #[test]
    fn the_order_of_keys_can_be_asked_for() {
        let (pattern, message) = (
            Json::parse("{}").unwrap(),
            Json::parse(r#"{"b":1,"x":2,"a":3}"#).unwrap(),
        );
        let order = |keys: [&str; 2]| keys.map(str::to_owned).to_vec();
        assert!(differences(&pattern, &message, &order(["b", "a"])).is_empty());
        assert_eq!(differences(&pattern, &message, &order(["a", "b"])).len(), 1);
    }

    #[test]
    fn matchers_that_cannot_work_are_found() {
        for bad in [
            r#"{"a":{"any":1}}"#,
            r#"{"a":[{"contains":1}]}"#,
            r#"{"a":{"one_of":1}}"#,
        ] {
            assert!(check(&Json::parse(bad).unwrap()).is_err(), "{bad}");
        }
        assert_eq!(
            check(&Json::parse(r#"{"a":{"exactly":{"any":1}}}"#).unwrap()),
            Ok(())
        );
    }
}
