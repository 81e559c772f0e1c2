//! The settings, as they stand in the configuration.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

/// `[services.webhook.settings]`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The endpoint that is asked what to do.
    pub url: String,
    /// The endpoint that is asked when the first one does not answer. Default: none.
    #[serde(default)]
    pub fallback: Option<String>,
    /// The secret with which requests are signed, at least 16 bytes. Default: none, and no signature.
    #[serde(default)]
    pub secret: Option<String>,
    /// How many seconds an endpoint has for an answer. Default 5.
    #[serde(default = "five")]
    pub timeout: u64,
    /// How many times an endpoint that fails is asked again, after 1 s, 2 s, 4 s... Default 2.
    #[serde(default = "two")]
    pub retries: u32,
}

const fn five() -> u64 {
    5
}

const fn two() -> u32 {
    2
}

impl Settings {
    /// Reads them from JSON.
    ///
    /// # Errors
    ///
    /// What is wrong, for the operator.
    pub fn read(text: &str) -> Result<Self, String> {
        let settings: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        for (name, url) in [
            ("url", Some(&settings.url)),
            ("fallback", settings.fallback.as_ref()),
        ] {
            let is_http = |url: &String| url.starts_with("https://") || url.starts_with("http://");
            if url.is_some_and(|url| !is_http(url)) {
                return Err(format!("`{name}` must begin with https:// or http://"));
            }
        }
        if settings.secret.as_ref().is_some_and(|secret| secret.len() < 16) {
            return Err("`secret` must have at least 16 bytes".to_owned());
        }
        let ranges = [
            ("timeout", settings.timeout, 1, 30),
            ("retries", u64::from(settings.retries), 0, 5),
        ];
        for (name, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err(format!("`{name}` is {value}; it must be from {least} to {most}"));
            }
        }
        Ok(settings)
    }

    pub(crate) const fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

/// The secret is not shown.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("url", &self.url)
            .field("fallback", &self.fallback)
            .field("secret", &self.secret.as_ref().map(|_| "..."))
            .field("timeout", &self.timeout)
            .field("retries", &self.retries)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_url_is_enough() {
        let settings = Settings::read(r#"{"url":"https://a.org/calls"}"#).unwrap();
        assert_eq!((settings.timeout, settings.retries), (5, 2));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            ("{}", "missing field `url`"),
            (r#"{"url":"ftp://a"}"#, "`url` must begin with"),
            (
                r#"{"url":"http://a","fallback":"b"}"#,
                "`fallback` must begin with",
            ),
            (
                r#"{"url":"http://a","secret":"short"}"#,
                "`secret` must have at least 16 bytes",
            ),
            (
                r#"{"url":"http://a","timeout":31}"#,
                "`timeout` is 31; it must be from 1 to 30",
            ),
            (r#"{"url":"http://a","key":1}"#, "unknown field `key`"),
        ];
        for (text, expected) in cases {
            let error = Settings::read(text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn the_secret_is_not_shown() {
        let settings = Settings::read(r#"{"url":"http://a","secret":"0123456789abcdef"}"#).unwrap();
        assert!(!format!("{settings:?}").contains("0123"));
    }
}
