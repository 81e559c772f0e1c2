//! Messages and bodies, as they were or without what is in them.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A message as JSON. Where bodies are left out, the length of the body stands in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said<'a>(pub Cow<'a, str>);

impl Serialize for Said<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A message that was written over several lines must not look like several records.
        if !serializer.is_human_readable() || self.0.contains(['\n', '\r']) {
            return serializer.serialize_str(&self.0);
        }
        match serde_json::from_str::<&RawValue>(&self.0) {
            // Blanks around it are not part of a raw value.
            Ok(raw) if raw.get().starts_with('{') && raw.get().len() == self.0.len() => {
                raw.serialize(serializer)
            }
            _ => serializer.serialize_str(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Said<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return Ok(Self(Cow::Owned(String::deserialize(deserializer)?)));
        }
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = if raw.get().starts_with('"') {
            serde_json::from_str(raw.get()).map_err(serde::de::Error::custom)?
        } else {
            raw.get().to_owned()
        };
        Ok(Self(Cow::Owned(text)))
    }
}

/// The body of something, or what is left of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blob<'a> {
    /// The body.
    Kept(#[serde(with = "bytes")] Cow<'a, [u8]>),
    /// Its length.
    Left(u64),
}

impl Blob<'_> {
    /// The body; where it was left out, something else that is as long.
    pub fn fill(&self, most: usize) -> Vec<u8> {
        match self {
            Self::Kept(bytes) => bytes.to_vec(),
            Self::Left(length) => vec![b'x'; usize::try_from(*length).unwrap_or(most).min(most)],
        }
    }
}

mod bytes {
    use super::{Cow, Deserialize, Deserializer, Serializer};

    const HEX: &str = "hex:";

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return serializer.serialize_bytes(bytes);
        }
        match std::str::from_utf8(bytes) {
            Ok(text) if !text.starts_with(HEX) => serializer.serialize_str(text),
            _ => {
                let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
                serializer.serialize_str(&format!("{HEX}{}", digits.collect::<String>()))
            }
        }
    }

    pub(super) fn deserialize<'de, 'a, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Cow<'a, [u8]>, D::Error> {
        if !deserializer.is_human_readable() {
            return Ok(Cow::Owned(Vec::<u8>::deserialize(deserializer)?));
        }
        let text = String::deserialize(deserializer)?;
        let Some(digits) = text.strip_prefix(HEX) else {
            return Ok(Cow::Owned(text.into_bytes()));
        };
        let wrong = || serde::de::Error::custom("hexadecimal digits come in pairs");
        let pairs = digits.as_bytes().chunks(2);
        let read = |pair: &[u8]| {
            let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
            u8::from_str_radix(pair, 16).ok()
        };
        let bytes: Option<Vec<u8>> = pairs.map(read).collect();
        bytes.map(Cow::Owned).ok_or_else(wrong)
    }
}
