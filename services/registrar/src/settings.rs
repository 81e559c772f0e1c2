//! The settings, as they stand in the configuration.

use std::time::Duration;

use serde::Deserialize;

/// `[services.registrar.settings]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The most devices of a user; one more gets 503. Default 8.
    pub devices: usize,
    /// The longest registration and subscription in seconds; who asks for a longer one gets this. Default an hour.
    pub registration: u64,
    /// How many seconds a call rings, 50 at most: a caller who hears nothing for `timers.provisional` is given up by the
    /// stack. Default 45.
    pub ring: u64,
    /// The most who watch one user's presence; one more gets 503. Default 100.
    pub watchers: usize,
    /// How many messages are kept for a user who is away; 0 keeps none. Default 100.
    pub messages: usize,
    /// The longest message that is kept, headers included, in bytes. Default 16 KiB.
    pub message_bytes: usize,
    /// How many seconds a message is kept. Default 7 days.
    pub keep: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            devices: 8,
            registration: 3600,
            ring: 45,
            watchers: 100,
            messages: 100,
            message_bytes: 16 << 10,
            keep: 7 * 86_400,
        }
    }
}

impl Settings {
    /// Reads them from JSON.
    ///
    /// # Errors
    ///
    /// What is wrong, for the operator.
    pub fn read(text: &str) -> Result<Self, String> {
        let settings: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let ranges = [
            ("devices", settings.devices as u64, 1, 32),
            ("registration", settings.registration, 1, 86_400),
            ("ring", settings.ring, 1, 50),
            ("watchers", settings.watchers as u64, 0, 200),
            ("messages", settings.messages as u64, 0, 10_000),
            ("message_bytes", settings.message_bytes as u64, 256, 64 << 10),
            ("keep", settings.keep, 1, 366 * 86_400),
        ];
        for (name, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err(format!("`{name}` is {value}; it must be from {least} to {most}"));
            }
        }
        Ok(settings)
    }

    /// How long a registration or subscription of so many seconds lasts.
    pub(crate) fn granted(&self, seconds: u64) -> Duration {
        Duration::from_secs(seconds.min(self.registration))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_given_is_the_default() {
        assert_eq!(Settings::read("{}"), Ok(Settings::default()));
        assert_eq!(
            Settings::read(r#"{"ring":20}"#),
            Ok(Settings {
                ring: 20,
                ..Settings::default()
            })
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |text: &str| Settings::read(text).unwrap_err();
        assert_eq!(error(r#"{"ring":51}"#), "`ring` is 51; it must be from 1 to 50");
        assert!(error(r#"{"rings":5}"#).starts_with("unknown field `rings`"));
        assert!(error(r#"{"keep":"7d"}"#).starts_with("invalid type"));
    }
}
