//! Who watches a user, and what each watcher knows.

use std::collections::BTreeMap;
use std::time::Duration;

use strowger_service::jsip::{Method, Request, StatusCode, json_string};
use strowger_service::{Context, LegId};

/// The pause before a NOTIFY that a watcher did not answer is sent again; doubled each time, six times at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Those who have subscribed to `presence`, by their channel.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    watchers: BTreeMap<String, Watcher>,
    /// Counts the changes of what they are told.
    version: u64,
    /// How many devices the user has.
    devices: usize,
}

#[derive(Debug)]
struct Watcher {
    until: Duration,
    /// The version that he knows.
    knows: u64,
    /// The NOTIFY that he has not answered, and the version in it. One at a time: what changes meanwhile comes with the
    /// next.
    flight: Option<(LegId, u64)>,
    failures: u32,
    /// Nothing is sent to him before.
    pause: Duration,
}

impl Watchers {
    pub(crate) fn is_empty(&self) -> bool {
        self.watchers.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.watchers.len()
    }

    pub(crate) fn has(&self, channel: &str) -> bool {
        self.watchers.contains_key(channel)
    }

    /// Somebody subscribes, or does so again: he is told how it stands.
    pub(crate) fn put(&mut self, channel: String, until: Duration) {
        self.version = self.version.max(1);
        let watcher = self.watchers.entry(channel).or_insert(Watcher {
            until,
            knows: 0,
            flight: None,
            failures: 0,
            pause: Duration::ZERO,
        });
        (watcher.until, watcher.knows, watcher.failures) = (until, 0, 0);
        watcher.pause = Duration::ZERO;
    }

    pub(crate) fn remove(&mut self, channel: &str) {
        self.watchers.remove(channel);
    }

    pub(crate) fn expire(&mut self, now: Duration) {
        self.watchers.retain(|_, watcher| watcher.until > now);
    }

    /// When the next subscription is over, or a pause.
    pub(crate) fn next_end(&self, now: Duration) -> Option<Duration> {
        let watchers = self.watchers.values();
        watchers
            .flat_map(|watcher| [watcher.until, watcher.pause])
            .filter(|at| *at > now)
            .min()
    }

    /// Tells whoever does not know it how many devices the user has.
    pub(crate) fn tell(&mut self, user: &str, devices: usize, cx: &mut Context<'_>) {
        if self.devices != devices {
            self.devices = devices;
            self.version += 1;
        }
        let (now, version) = (cx.now(), self.version);
        for (channel, watcher) in &mut self.watchers {
            if watcher.flight.is_none() && watcher.knows < version && watcher.pause <= now {
                let (leg, _) = cx.open(notify(user, channel, devices));
                watcher.flight = Some((leg, version));
            }
        }
    }

    /// A NOTIFY has its final response; `false` if the leg carries none.
    pub(crate) fn outcome(&mut self, leg: LegId, answered: bool, now: Duration) -> bool {
        let is_it = |watcher: &&mut Watcher| watcher.flight.is_some_and(|(flight, _)| flight == leg);
        let Some(watcher) = self.watchers.values_mut().find(is_it) else {
            return false;
        };
        if let (Some((_, version)), true) = (watcher.flight.take(), answered) {
            (watcher.knows, watcher.failures) = (version, 0);
            return true;
        }
        watcher.pause = now + FIRST_PAUSE * (1 << watcher.failures.min(6));
        watcher.failures = watcher.failures.saturating_add(1);
        true
    }
}

fn notify(user: &str, watcher: &str, devices: usize) -> Request {
    let state = if devices == 0 { "offline" } else { "online" };
    let mut notify = Request::new(Method::Notify, watcher, user, watcher);
    notify.set_event("presence");
    notify.set_content_type("application/json");
    let user = json_string(user);
    // It is JSON.
    let _ = notify.set_body(&format!(
        r#"{{"user":{user},"state":"{state}","devices":{devices}}}"#
    ));
    notify
}

/// Whether a final response came from the peer, whatever it says; otherwise nobody is there just now.
pub(crate) fn is_answer(code: StatusCode) -> bool {
    ![
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::TEMPORARILY_UNAVAILABLE,
        StatusCode::SERVICE_UNAVAILABLE,
    ]
    .contains(&code)
}
