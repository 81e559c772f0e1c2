//! The settings, as they stand in the configuration.

use serde::Deserialize;

/// `[services.click2call.settings]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How many seconds each of the two rings where the order does not say, 50 at most: who has answered waits no longer
    /// than `timers.provisional` for the other. Default 30.
    pub ring: u64,
    /// How many seconds it can be asked what has become of a call that is over. Default 600.
    pub keep: u64,
    /// How many times a callback is tried, 1 s, 2 s, 4 s... apart. Default 4.
    pub tries: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ring: 30,
            keep: 600,
            tries: 4,
        }
    }
}

/// The longest that each of the two may ring.
pub(crate) const LONGEST_RING: u64 = 50;

impl Settings {
    /// Reads them from JSON.
    ///
    /// # Errors
    ///
    /// What is wrong, for the operator.
    pub fn read(text: &str) -> Result<Self, String> {
        let settings: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let ranges = [
            ("ring", settings.ring, 1, LONGEST_RING),
            ("keep", settings.keep, 1, 86_400),
            ("tries", u64::from(settings.tries), 1, 10),
        ];
        for (name, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err(format!("`{name}` is {value}; it must be from {least} to {most}"));
            }
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_given_is_the_default_and_what_is_wrong_is_named() {
        assert_eq!(Settings::read("{}"), Ok(Settings::default()));
        let error = |text: &str| Settings::read(text).unwrap_err();
        assert_eq!(error(r#"{"ring":0}"#), "`ring` is 0; it must be from 1 to 50");
        assert!(error(r#"{"rings":5}"#).starts_with("unknown field `rings`"));
    }
}
