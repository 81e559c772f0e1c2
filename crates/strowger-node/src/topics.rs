//! What instances of a service say to each other, on whichever shard they are.

use std::collections::BTreeMap;
use std::sync::Arc;

use strowger_service::Event;
use strowger_time::Instant;

use crate::instances::{InstanceKey, Running};
use crate::{Mail, Shard};

/// The longest topic, in bytes.
const TOPIC_BYTES: usize = 255;
/// The longest text, in bytes.
const TEXT_BYTES: usize = 64 << 10;
/// How many topics one instance may listen to.
const TOPICS: usize = 100;

/// Who listens to what on one shard, by the service's place in the registry and the topic.
#[derive(Debug, Default)]
pub(crate) struct Listeners(BTreeMap<(usize, String), Vec<InstanceKey>>);

impl Listeners {
    pub(crate) fn add(&mut self, service: usize, topic: &str, instance: InstanceKey) {
        let listeners = self.0.entry((service, topic.to_owned())).or_default();
        listeners.push(instance);
    }

    pub(crate) fn remove(&mut self, service: usize, topic: &str, instance: InstanceKey) {
        let name = (service, topic.to_owned());
        if let Some(listeners) = self.0.get_mut(&name) {
            listeners.retain(|listener| *listener != instance);
            if listeners.is_empty() {
                self.0.remove(&name);
            }
        }
    }

    pub(crate) fn of(&self, service: usize, topic: &str) -> Vec<InstanceKey> {
        self.0
            .get(&(service, topic.to_owned()))
            .cloned()
            .unwrap_or_default()
    }
}

impl Shard {
    pub(crate) fn listen(&mut self, now: Instant, key: InstanceKey, topic: String) {
        let Some(running) = self.instances.get_mut(key) else {
            return;
        };
        if running.topics.contains(&topic) {
            return;
        }
        if running.topics.len() >= TOPICS || topic.len() > TOPIC_BYTES {
            return self.fail(
                now,
                key,
                "listens to too many topics, or to one with too long a name",
            );
        }
        self.listeners.add(running.service, &topic, key);
        running.topics.push(topic);
    }

    /// An instance says something. Siblings of its own shard hear it behind this event, the others by mail.
    pub(crate) fn publish(&mut self, now: Instant, key: InstanceKey, topic: String, text: String) {
        let Some(running) = self.instances.get(key) else {
            return;
        };
        if topic.len() > TOPIC_BYTES || text.len() > TEXT_BYTES {
            return self.fail(now, key, "published too long a text, or on too long a topic");
        }
        let service = running.service;
        for listener in self.listeners.of(service, &topic) {
            if listener != key {
                self.write_published(now, listener, &topic, &text);
                let (topic, text) = (topic.clone(), text.clone());
                self.pending
                    .push_back((listener, Event::Published { topic, text }));
            }
        }
        let (topic, text): (Arc<str>, Arc<str>) = (topic.into(), text.into());
        let own = self.shard;
        for shard in (0..self.shards).filter(|shard| *shard != own) {
            let (topic, text) = (Arc::clone(&topic), Arc::clone(&text));
            self.mail_to(shard, Mail::Published { service, topic, text });
        }
    }

    /// An instance of another shard has said something.
    pub(crate) fn on_published(&mut self, now: Instant, service: usize, topic: &str, text: &str) {
        for listener in self.listeners.of(service, topic) {
            self.write_published(now, listener, topic, text);
            let (topic, text) = (topic.to_owned(), text.to_owned());
            self.deliver(now, listener, Event::Published { topic, text });
        }
    }

    /// An instance has ended.
    pub(crate) fn stop_listening(&mut self, key: InstanceKey, running: &Running) {
        for topic in &running.topics {
            self.listeners.remove(running.service, topic, key);
        }
    }
}
