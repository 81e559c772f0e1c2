//! Instances that are told what becomes of keys of their service's store.

use std::collections::BTreeSet;
use std::sync::Arc;

use strowger_service::{Event, Store as _};
use strowger_time::Instant;

use crate::instances::{InstanceKey, Running};
use crate::stores::{KEY_BYTES, News, Shelf, prefixes_of};
use crate::{Mail, Shard};

/// How many prefixes one instance may watch.
const WATCHES: usize = 100;

impl Shard {
    pub(crate) fn watch(&mut self, now: Instant, key: InstanceKey, prefix: String) {
        let Some(running) = self.instances.get_mut(key) else {
            return;
        };
        if running.watches.contains(&prefix) {
            return;
        }
        if running.watches.len() >= WATCHES || prefix.len() > KEY_BYTES {
            return self.fail(now, key, "watches too many prefixes, or one that is too long");
        }
        running.kind.shelf.watch(&prefix);
        self.watchers.add(running.service, &prefix, key);
        running.watches.push(prefix.clone());
        // Looked up behind the watch, so that no change falls between the two.
        let version = running.kind.shelf.lent(now).get(&prefix);
        let version = version.map(|entry| entry.version);
        let event = Event::StoreChanged { key: prefix, version };
        self.pending.push_back((key, event));
    }

    /// Tells who watches what an instance has changed; how many changes are its own.
    pub(crate) fn tell_changes(&mut self, service: usize, shelf: &Shelf, key: InstanceKey) -> usize {
        let news = shelf.take_news();
        if news.is_empty() {
            return 0;
        }
        let maker = Some((self.shard, key));
        let own = news.iter().filter(|news| news.maker == maker).count();
        for news in &news {
            let told = self.who_watches(service, news).into_iter();
            self.pending.extend(told.map(|watcher| (watcher, event(news))));
        }
        let (news, this): (Arc<[News]>, u16) = (news.into(), self.shard);
        for shard in (0..self.shards).filter(|shard| *shard != this) {
            let news = Arc::clone(&news);
            self.mail_to(shard, Mail::StoreChanged { service, news });
        }
        own
    }

    /// Instances of other shards have changed the store.
    pub(crate) fn on_store_changed(&mut self, now: Instant, service: usize, news: &[News]) {
        for news in news {
            for watcher in self.who_watches(service, news) {
                self.deliver(now, watcher, event(news));
            }
        }
    }

    fn who_watches(&self, service: usize, news: &News) -> BTreeSet<InstanceKey> {
        let watchers = prefixes_of(&news.key).flat_map(|prefix| self.watchers.of(service, prefix));
        watchers
            .filter(|watcher| news.maker != Some((self.shard, *watcher)))
            .collect()
    }

    /// An instance has ended.
    pub(crate) fn stop_watching(&mut self, key: InstanceKey, running: &Running) {
        for prefix in &running.watches {
            running.kind.shelf.unwatch(prefix);
            self.watchers.remove(running.service, prefix, key);
        }
    }
}

fn event(news: &News) -> Event {
    Event::StoreChanged {
        key: news.key.clone(),
        version: news.version,
    }
}
