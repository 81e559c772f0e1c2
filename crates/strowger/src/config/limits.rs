//! The limits and timers of a configuration, for its operator to see.

use strowger_admin::api::Setting;

use super::Config;
use super::read::keys;

/// The tables that are about limits and timers.
const TABLES: [&str; 6] = ["timers", "channel", "link", "limits", "http", "drain"];

impl Config {
    /// The limits and timers, in the order of the reference.
    pub fn limits_and_timers(&self) -> Vec<Setting> {
        let default = Self::default();
        keys()
            .filter(|key| TABLES.contains(&key.table) && !key.value.is_secret())
            .map(|key| {
                let value = key.value.write(self);
                Setting {
                    key: key.path(),
                    is_changed: value != key.value.write(&default),
                    value,
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_as_they_are_and_secrets_are_not() {
        let config = Config::parse("[timers]\ntransaction = \"7s\"\n", "test").unwrap();
        let limits = config.limits_and_timers();
        let of = |key: &str| limits.iter().find(|setting| setting.key == key);
        let transaction = of("timers.transaction").unwrap();
        assert_eq!(
            (transaction.value.as_deref(), transaction.is_changed),
            (Some("\"7s\""), true)
        );
        assert!(!of("limits.malformed").unwrap().is_changed);
        assert!(of("links.token").is_none() && of("admin.tokens").is_none());
    }
}
