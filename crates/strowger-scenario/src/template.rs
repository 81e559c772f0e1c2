//! The `{{...}}` in the strings of a scenario.
//!
//! - `{{name}}`: the user id of a user, or a captured value;
//! - `{{i}}`: the round of the `repeat` it stands in, from 1;
//! - `{{text*1000}}`: the text a thousand times.
//!
//! Filling is done on the text of the JSON, so key order, digits and escapes stay as the file has them. A captured
//! value that is no string, put where `"{{name}}"` is the whole string, keeps its type.

use std::collections::BTreeMap;

/// No repetition may be longer, so that a slip in a file does not eat the memory.
const MAX_REPEATED_BYTES: usize = 16 << 20;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    /// JSON text of anything but a string.
    Raw(String),
}

/// What the names stand for.
pub(crate) type Scope = BTreeMap<String, Value>;

/// One piece of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    Literal(&'a str),
    Name(&'a str),
    Repeated(&'a str, usize),
}

/// Takes a text apart.
pub(crate) fn parts(text: &str) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let inner = &rest[start + 2..];
        let end = inner.find("}}").ok_or_else(|| "`{{` without `}}`".to_owned())?;
        if start > 0 {
            parts.push(Part::Literal(&rest[..start]));
        }
        parts.push(part(&inner[..end])?);
        rest = &inner[end + 2..];
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest));
    }
    Ok(parts)
}

fn part(inner: &str) -> Result<Part<'_>, String> {
    if let Some((text, times)) = inner.rsplit_once('*') {
        let times: usize = times
            .parse()
            .map_err(|_| format!("`{{{{{inner}}}}}` has no number after `*`"))?;
        if text.is_empty() || text.len().saturating_mul(times) > MAX_REPEATED_BYTES {
            return Err(format!("`{{{{{inner}}}}}` is empty or too long"));
        }
        return Ok(Part::Repeated(text, times));
    }
    if is_name(inner) {
        Ok(Part::Name(inner))
    } else {
        Err(format!("`{inner}` is not a name"))
    }
}

/// Whether `text` may be a name: letters, digits and `_`, not beginning with a digit.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The names a text uses.
pub(crate) fn names(text: &str) -> Result<Vec<&str>, String> {
    let names = parts(text)?.into_iter().filter_map(|part| match part {
        Part::Name(name) => Some(name),
        Part::Literal(_) | Part::Repeated(..) => None,
    });
    Ok(names.collect())
}

/// Fills plain text.
pub(crate) fn fill(text: &str, scope: &Scope) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    for part in parts(text)? {
        match part {
            Part::Literal(literal) => out.push_str(literal),
            Part::Repeated(text, times) => out.push_str(&text.repeat(times)),
            Part::Name(name) => match look_up(name, scope)? {
                Value::Text(value) | Value::Raw(value) => out.push_str(value),
            },
        }
    }
    Ok(out)
}

/// Fills the strings of a JSON text.
pub(crate) fn fill_json(text: &str, scope: &Scope) -> Result<String, String> {
    let parts = parts(text)?;
    let mut out = String::with_capacity(text.len());
    for (at, part) in parts.iter().enumerate() {
        match part {
            // The closing quote of a string that was replaced whole has been taken from `out` with the opening one.
            Part::Literal(literal) => {
                let replaced = at > 0 && whole_string(&parts, at - 1, scope);
                out.push_str(if replaced { &literal[1..] } else { literal });
            }
            Part::Repeated(text, times) => out.push_str(&text.repeat(*times)),
            Part::Name(name) => match look_up(name, scope)? {
                Value::Text(value) => out.push_str(&escaped(value)),
                Value::Raw(value) => {
                    if whole_string(&parts, at, scope) {
                        out.pop();
                    }
                    out.push_str(value);
                }
            },
        }
    }
    Ok(out)
}

/// Whether part `at` is a name that stands for no string and fills a string alone.
fn whole_string(parts: &[Part<'_>], at: usize, scope: &Scope) -> bool {
    let Part::Name(name) = parts[at] else { return false };
    let opens = at > 0
        && matches!(parts[at - 1], Part::Literal(before) if before.ends_with('"') && !before.ends_with("\\\""));
    let closes = matches!(parts.get(at + 1), Some(Part::Literal(after)) if after.starts_with('"'));
    opens && closes && matches!(scope.get(name), Some(Value::Raw(_)))
}

fn look_up<'a>(name: &str, scope: &'a Scope) -> Result<&'a Value, String> {
    scope
        .get(name)
        .ok_or_else(|| format!("`{{{{{name}}}}}` has no value"))
}

/// The text as the inside of a JSON string.
fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        Scope::from([
            ("alice".to_owned(), Value::Text("alice@example.com".to_owned())),
            ("c".to_owned(), Value::Raw("7".to_owned())),
            ("q".to_owned(), Value::Text("a\"b".to_owned())),
        ])
    }

    #[test]
    fn a_number_that_is_the_whole_string_keeps_its_type() {
        let filled = fill_json(
            r#"{"CSeq":"{{c}}","X":"{{c}}{{c}}","Y":"no {{c}}","Z":["{{c}}","{{c}}"]}"#,
            &scope(),
        );
        assert_eq!(filled.unwrap(), r#"{"CSeq":7,"X":"77","Y":"no 7","Z":[7,7]}"#);
    }

    #[test]
    fn text_is_escaped_in_json_and_left_alone_in_plain_text() {
        assert_eq!(
            fill_json(r#"{"To":"<{{q}}>"}"#, &scope()).unwrap(),
            r#"{"To":"<a\"b>"}"#
        );
        assert_eq!(
            fill("<{{q}}> {{alice}}", &scope()).unwrap(),
            "<a\"b> alice@example.com"
        );
    }

    #[test]
    fn a_text_is_repeated() {
        assert_eq!(fill("{{[*3}}1{{]*3}}", &scope()).unwrap(), "[[[1]]]");
        assert_eq!(
            fill_json(r#"{"a":"{{xy*2}}"}"#, &scope()).unwrap(),
            r#"{"a":"xyxy"}"#
        );
    }

    #[test]
    fn faults_are_named() {
        for bad in [
            "{{",
            "{{nobody}}",
            "{{a b}}",
            "{{x*y}}",
            "{{x*999999999999}}",
            "{{}}",
            "{{*3}}",
        ] {
            assert!(fill(bad, &scope()).is_err(), "{bad}");
        }
    }
}
