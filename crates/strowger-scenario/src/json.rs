//! A JSON value that keeps what the wire said: key order, the digits of numbers, the text of strings.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Deeper values are refused, so that a hostile text cannot end the stack.
const MAX_DEPTH: usize = 200;

/// One value with its text as it came.
#[derive(Clone, Debug)]
pub(crate) struct Json {
    /// The text, without the blanks around it.
    pub(crate) raw: String,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    /// The digits are in `raw`.
    Number,
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    pub(crate) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        Self::from_raw(serde_json::from_str::<&RawValue>(text)?, 0)
    }

    fn from_raw(raw: &RawValue, depth: usize) -> Result<Self, serde_json::Error> {
        if depth > MAX_DEPTH {
            return Err(serde_json::Error::custom("nested too deep"));
        }
        let text = raw.get().trim();
        let kind = match text.as_bytes().first() {
            Some(b'n') => Kind::Null,
            Some(b't') => Kind::Bool(true),
            Some(b'f') => Kind::Bool(false),
            Some(b'"') => Kind::String(serde_json::from_str(text)?),
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(text)?;
                let items = items.into_iter().map(|item| Self::from_raw(item, depth + 1));
                Kind::Array(items.collect::<Result<_, _>>()?)
            }
            Some(b'{') => {
                let entries: Pairs<&RawValue> = serde_json::from_str(text)?;
                let entries = entries
                    .0
                    .into_iter()
                    .map(|(k, v)| Ok((k, Self::from_raw(v, depth + 1)?)));
                Kind::Object(entries.collect::<Result<_, serde_json::Error>>()?)
            }
            _ => Kind::Number,
        };
        Ok(Self {
            raw: text.to_owned(),
            kind,
        })
    }

    pub(crate) fn entries(&self) -> Option<&[(String, Self)]> {
        if let Kind::Object(entries) = &self.kind {
            Some(entries)
        } else {
            None
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entries()?
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        if let Kind::String(text) = &self.kind {
            Some(text)
        } else {
            None
        }
    }
}

/// The text without blanks outside strings.
pub(crate) fn minify(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut in_string, mut escaped) = (false, false);
    for c in text.chars() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            out.push(c);
        } else if !c.is_ascii_whitespace() {
            in_string = c == '"';
            out.push(c);
        }
    }
    out
}

/// The entries of an object in their order; a key that comes twice is an error.
#[derive(Clone, Debug)]
pub(crate) struct Pairs<V>(pub(crate) Vec<(String, V)>);

impl<V> Default for Pairs<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Pairs<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<V>(Vec<(String, V)>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for Entries<V> {
            type Value = Pairs<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Pairs<V>, A::Error> {
                while let Some((key, value)) = map.next_entry::<String, V>()? {
                    if self.0.iter().any(|(name, _)| *name == key) {
                        return Err(A::Error::custom(format_args!("key `{key}` comes twice")));
                    }
                    self.0.push((key, value));
                }
                Ok(Pairs(self.0))
            }
        }

        deserializer.deserialize_map(Entries(Vec::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_escapes_and_key_order_are_kept() {
        let json = Json::parse(r#" {"b": 123456789012345678901, "a": ["\u0041", {"x": 1.50}]} "#).unwrap();
        let keys: Vec<_> = json.entries().unwrap().iter().map(|(k, _)| k.as_str()).collect();
        assert_eq!(keys, ["b", "a"]);
        assert_eq!(json.get("b").unwrap().raw, "123456789012345678901");
        let Kind::Array(items) = &json.get("a").unwrap().kind else {
            panic!("an array")
        };
        assert_eq!(items[0].raw, r#""\u0041""#);
        assert_eq!(items[0].as_str(), Some("A"));
        assert_eq!(items[1].get("x").unwrap().raw, "1.50");
    }

    #[test]
    fn bad_texts_are_errors_not_panics() {
        let deep = "[".repeat(100_000);
        let deep_closed = format!("{}{}", "[".repeat(500), "]".repeat(500));
        for bad in [
            "",
            "{",
            "{\"a\":1,\"a\":2}",
            "nul",
            "\"\\ud800\"",
            "1 2",
            &deep,
            &deep_closed,
        ] {
            assert!(Json::parse(bad).is_err(), "{}", &bad[..bad.len().min(40)]);
        }
    }

    #[test]
    fn minify_leaves_strings_alone() {
        assert_eq!(
            minify("{ \"a b\" : \"c \\\" d\" ,\n \"e\\\\\" : 1 }"),
            r#"{"a b":"c \" d","e\\":1}"#
        );
    }
}
