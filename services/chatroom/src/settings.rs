//! The settings as JSON: all that rooms have which were loaded.

use std::time::Duration;

use serde::Deserialize;

use crate::Settings;

/// What says nothing.
const NOTHING: &str = "{}";

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Shape {
    members: usize,
    history: usize,
    queue: usize,
    queue_bytes: usize,
    message_bytes: usize,
    subscription: u64,
}

impl Default for Shape {
    fn default() -> Self {
        let settings = Settings::default();
        Self {
            members: settings.members,
            history: settings.history,
            queue: settings.queue,
            queue_bytes: settings.queue_bytes,
            message_bytes: settings.message_bytes,
            subscription: settings.subscription.as_secs(),
        }
    }
}

impl Settings {
    /// Reads them from JSON; the keys are the fields, the subscription is in seconds.
    ///
    /// # Errors
    ///
    /// What is wrong, for the operator.
    pub fn read(text: &str) -> Result<Self, String> {
        let shape: Shape = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let ranges = [
            ("members", shape.members, 1, 100_000),
            ("history", shape.history, 0, 10_000),
            ("queue", shape.queue, 1, 100_000),
            ("queue_bytes", shape.queue_bytes, 1 << 10, 1 << 30),
            ("message_bytes", shape.message_bytes, 1 << 10, 16 << 20),
            ("subscription", shape.subscription as usize, 1, 86_400),
        ];
        for (name, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err(format!("`{name}` is {value}; it must be from {least} to {most}"));
            }
        }
        if shape.message_bytes > shape.queue_bytes {
            return Err("`queue_bytes` must have room for one message of `message_bytes`".to_owned());
        }
        Ok(Self {
            members: shape.members,
            history: shape.history,
            queue: shape.queue,
            queue_bytes: shape.queue_bytes,
            message_bytes: shape.message_bytes,
            subscription: Duration::from_secs(shape.subscription),
        })
    }

    /// The settings of an instance, where it has some. They were checked before it got them.
    pub(crate) fn read_own(config: &str) -> Option<Self> {
        (config != NOTHING).then(|| Self::read(config).ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_given_is_the_default_and_what_is_wrong_is_named() {
        assert_eq!(Settings::read("{}"), Ok(Settings::default()));
        let some = Settings::read(r#"{"history":2,"subscription":60}"#).unwrap();
        assert_eq!((some.history, some.subscription), (2, Duration::from_secs(60)));
        for (text, expected) in [
            (r#"{"member":1}"#, "unknown field `member`"),
            (r#"{"members":0}"#, "`members` is 0; it must be from 1 to 100000"),
            (r#"{"queue_bytes":1024}"#, "`queue_bytes` must have room"),
        ] {
            let error = Settings::read(text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
