//! What instances are told beside what happens on their legs, written down.

use std::borrow::Cow;

use strowger_journal::{Entry, Told};
use strowger_service::{Event, FetchError, HttpRequest, HttpResponse};
use strowger_time::Instant;

use super::Desk;
use super::convert::{self, instance_of};
use crate::Shard;
use crate::instances::InstanceKey;

impl Shard {
    fn write_told(&mut self, now: Instant, key: InstanceKey, told: Told<'_>) {
        let instance = instance_of(key);
        self.desk.note(now, &Entry::Told { instance, told });
    }

    /// An instance gets an HTTP request.
    pub(crate) fn write_http(&mut self, now: Instant, key: InstanceKey, request: &HttpRequest) {
        if self.desk.is_on() {
            let request = convert::request(request, self.desk.bodies());
            self.write_told(now, key, Told::Http { request });
        }
    }

    /// A request of an instance has its result.
    pub(crate) fn write_fetched(
        &mut self,
        now: Instant,
        key: InstanceKey,
        id: u32,
        result: &Result<HttpResponse, FetchError>,
        at_once: bool,
    ) {
        if self.desk.is_on() {
            let bodies = self.desk.bodies();
            let result = match result {
                Ok(response) => Ok(convert::response(response, bodies)),
                Err(error) => Err(convert::failed(error)),
            };
            self.write_told(now, key, Told::Fetched { id, at_once, result });
        }
    }

    /// Whether an instance may make a request; while it is played again, whether it might then.
    pub(crate) fn fetch_verdict(
        &mut self,
        now: Instant,
        key: InstanceKey,
        id: u32,
        verdict: Result<(), FetchError>,
    ) -> Result<(), FetchError> {
        if let Desk::Playing(player) = &mut self.desk {
            return player.fetch_verdict(id);
        }
        if let Err(error) = &verdict {
            self.write_fetched(now, key, id, &Err(error.clone()), true);
        }
        verdict
    }

    /// A wish of an instance is answered.
    pub(crate) fn write_stored(
        &mut self,
        now: Instant,
        key: InstanceKey,
        id: u32,
        fault: Option<&str>,
        at_once: bool,
    ) {
        if self.desk.is_on() {
            let fault = fault.map(Cow::Borrowed);
            self.write_told(now, key, Told::Stored { id, at_once, fault });
        }
    }

    /// Whether a wish is answered at once: as it was, while it is played again.
    pub(crate) fn is_stored_at_once(&mut self, id: u32, at_once: bool) -> bool {
        match &mut self.desk {
            Desk::Playing(player) => player.is_stored_at_once(id),
            Desk::Off | Desk::Writing(_) => at_once,
        }
    }

    /// A sibling has said something that an instance will hear.
    #[inline]
    pub(crate) fn write_published(&mut self, now: Instant, key: InstanceKey, topic: &str, text: &str) {
        if self.desk.is_on() {
            let text = convert::blob(text.as_bytes(), self.desk.bodies());
            let topic = Cow::Borrowed(topic);
            self.write_told(now, key, Told::Published { topic, text });
        }
    }

    /// An instance will be told of a change.
    #[inline]
    pub(crate) fn write_changed(&mut self, now: Instant, key: InstanceKey, name: &str, version: Option<u64>) {
        if self.desk.is_on() {
            let told = Told::StoreChanged {
                key: Cow::Borrowed(name),
                version,
            };
            self.write_told(now, key, told);
        }
    }

    /// An instance is told something by the node.
    pub(crate) fn write_round(&mut self, now: Instant, key: InstanceKey, event: &Event) {
        if !self.desk.is_on() {
            return;
        }
        let settings = self
            .instances
            .get(key)
            .map(|running| running.kind.settings.clone());
        let told = match event {
            Event::Shutdown { within } => Told::Shutdown {
                within: u64::try_from(within.as_micros()).unwrap_or(u64::MAX),
            },
            _ => Told::Settings {
                settings: Cow::Borrowed(settings.as_deref().unwrap_or("{}")),
            },
        };
        self.write_told(now, key, told);
    }
}
