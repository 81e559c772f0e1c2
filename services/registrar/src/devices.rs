//! The devices at which a user is registered.

use std::time::Duration;

/// One device: a channel, and until when it is registered.
#[derive(Debug)]
struct Device {
    channel: String,
    until: Duration,
}

/// The devices of a user, in the order of their last REGISTER.
#[derive(Debug, Default)]
pub(crate) struct Devices {
    devices: Vec<Device>,
}

impl Devices {
    pub(crate) const fn is_empty(&self) -> bool {
        self.devices.is_empty()
    }

    pub(crate) const fn len(&self) -> usize {
        self.devices.len()
    }

    pub(crate) fn has(&self, channel: &str) -> bool {
        self.devices.iter().any(|device| device.channel == channel)
    }

    pub(crate) fn channels(&self) -> impl Iterator<Item = &str> {
        self.devices.iter().map(|device| &*device.channel)
    }

    /// The device that was registered last.
    pub(crate) fn latest(&self) -> Option<&str> {
        self.devices.last().map(|device| &*device.channel)
    }

    /// Registers a device, or does so again.
    pub(crate) fn put(&mut self, channel: &str, until: Duration) {
        self.remove(channel);
        self.devices.push(Device {
            channel: channel.to_owned(),
            until,
        });
    }

    pub(crate) fn remove(&mut self, channel: &str) {
        self.devices.retain(|device| device.channel != channel);
    }

    /// Forgets those whose time is over.
    pub(crate) fn expire(&mut self, now: Duration) {
        self.devices.retain(|device| device.until > now);
    }

    /// When the next one's time is over.
    pub(crate) fn next_end(&self) -> Option<Duration> {
        self.devices.iter().map(|device| device.until).min()
    }

    /// The devices and how many seconds each is registered yet, as JSON.
    pub(crate) fn to_json(&self, now: Duration) -> String {
        let device = |device: &Device| {
            serde_json::json!({
                "contact": device.channel,
                "expires": device.until.saturating_sub(now).as_secs(),
            })
        };
        serde_json::Value::from_iter(self.devices.iter().map(device)).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_device_is_listed_once_and_the_latest_last() {
        let mut devices = Devices::default();
        devices.put("a@x", SECOND);
        devices.put("b@x", SECOND * 3);
        devices.put("a@x", SECOND * 2);
        assert_eq!(devices.channels().collect::<Vec<_>>(), ["b@x", "a@x"]);
        assert_eq!(
            devices.to_json(SECOND),
            r#"[{"contact":"b@x","expires":2},{"contact":"a@x","expires":1}]"#
        );
        assert_eq!(devices.next_end(), Some(SECOND * 2));
        devices.expire(SECOND * 2);
        assert_eq!((devices.latest(), devices.len()), (Some("b@x"), 1));
    }
}
