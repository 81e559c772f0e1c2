//! What a service does beside talking to peers: its store, HTTP, and what it says to its siblings.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::TestKit;
use crate::{
    Entry, Event, Expected, FetchError, FetchId, HttpId, HttpRequest, HttpResponse, LastIds, Store,
    StoreError, Surroundings, SyncId,
};

/// What the instance has asked for and what surrounds it.
#[derive(Debug)]
pub(super) struct Effects {
    pub(super) store: Memory,
    config: String,
    pub(super) fetches: VecDeque<(FetchId, HttpRequest)>,
    /// Requests that the service has made and that have no response.
    open: BTreeSet<FetchId>,
    requests: u32,
    /// Requests that the service has not answered.
    unanswered: BTreeSet<HttpId>,
    answered: BTreeMap<HttpId, HttpResponse>,
    pub(super) topics: BTreeSet<String>,
    pub(super) published: VecDeque<(String, String)>,
    pub(super) syncs: VecDeque<SyncId>,
    watches: BTreeSet<String>,
}

impl Default for Effects {
    fn default() -> Self {
        Self {
            store: Memory::default(),
            config: "{}".to_owned(),
            fetches: VecDeque::new(),
            open: BTreeSet::new(),
            requests: 0,
            unanswered: BTreeSet::new(),
            answered: BTreeMap::new(),
            topics: BTreeSet::new(),
            published: VecDeque::new(),
            syncs: VecDeque::new(),
            watches: BTreeSet::new(),
        }
    }
}

impl Effects {
    pub(super) fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            store: &self.store,
            config: &self.config,
        }
    }

    /// Whether something comes for the instance although nobody does anything.
    pub(super) fn is_awaited(&self) -> bool {
        let nothing = self.fetches.is_empty()
            && self.open.is_empty()
            && self.unanswered.is_empty()
            && self.syncs.is_empty()
            && self.topics.is_empty()
            && self.watches.is_empty();
        !nothing
    }

    /// The service watches keys; what it is told at once.
    pub(super) fn watch(&mut self, prefix: String) -> Option<Event> {
        let version = self.store.get(&prefix).map(|entry| entry.version);
        let key = prefix.clone();
        let is_new = self.watches.insert(prefix);
        is_new.then_some(Event::StoreChanged { key, version })
    }

    pub(super) fn respond(&mut self, id: HttpId, response: HttpResponse) {
        if self.unanswered.remove(&id) {
            self.answered.insert(id, response);
        }
    }

    /// The instance leaves all that it asked for and was asked.
    pub(super) fn give_up(&mut self) {
        let published = std::mem::take(&mut self.published);
        self.begin_again();
        self.published = published;
    }

    /// A new instance begins: the store stays.
    pub(super) fn begin_again(&mut self) {
        *self = Self {
            store: std::mem::take(&mut self.store),
            config: std::mem::take(&mut self.config),
            requests: self.requests,
            answered: std::mem::take(&mut self.answered),
            ..Self::default()
        };
    }
}

impl TestKit {
    /// Gives the service settings, as JSON.
    ///
    /// # Panics
    ///
    /// Where the service says that they are wrong.
    #[must_use]
    #[track_caller]
    pub fn configured(mut self, config: &str) -> Self {
        self.set_config(config);
        self
    }

    /// Gives the service other settings while the instance runs: it is told.
    ///
    /// # Panics
    ///
    /// Where the service says that they are wrong.
    #[track_caller]
    pub fn configure(&mut self, config: &str) {
        self.set_config(config);
        self.event(Event::ConfigChanged);
    }

    /// The node begins to shut down: the instance is told.
    pub fn shut_down(&mut self, within: Duration) {
        self.event(Event::Shutdown { within });
    }

    #[track_caller]
    fn set_config(&mut self, config: &str) {
        if let Err(fault) = self.service.check_config(config) {
            panic!("the service does not run with {config}: {fault}");
        }
        config.clone_into(&mut self.effects.config);
    }

    /// The server ends and begins anew, or the instance has ended and another one begins: what is in the store stays,
    /// everything else is gone, and numbers of legs count on.
    pub fn restart(&mut self) {
        self.ids.go_on_from(LastIds {
            leg: self.ids.last().leg,
            ..LastIds::default()
        });
        self.legs.clear();
        self.deadlines.clear();
        self.pending.clear();
        self.seen.clear();
        self.relations.clear();
        self.refusals.clear();
        self.keyed = false;
        self.forwarded = false;
        self.over = None;
        self.effects.begin_again();
        self.instance = Some(self.service.start());
    }

    /// The store of the service.
    pub fn store(&self) -> &dyn Store {
        self.effects.store.set_now(self.now);
        &self.effects.store
    }

    /// The service must have made an HTTP request.
    #[track_caller]
    pub fn expect_fetch(&mut self) -> (FetchId, HttpRequest) {
        let Some((id, request)) = self.effects.fetches.pop_front() else {
            panic!("at {:?}: expected an HTTP request, found none", self.now)
        };
        self.effects.open.insert(id);
        (id, request)
    }

    /// How many HTTP requests of the service were not expected yet.
    pub fn fetches(&self) -> usize {
        self.effects.fetches.len()
    }

    /// The service must have made no HTTP request.
    #[track_caller]
    pub fn expect_no_fetch(&self) {
        if let Some((_, request)) = self.effects.fetches.front() {
            panic!("at {:?}: found a request to {}", self.now, request.url)
        }
    }

    /// What becomes of an HTTP request that was expected.
    #[track_caller]
    pub fn fetched(&mut self, id: FetchId, result: Result<HttpResponse, FetchError>) {
        assert!(
            self.effects.open.remove(&id),
            "request {} is not open",
            id.number()
        );
        self.event(Event::Fetched { id, result });
    }

    /// An HTTP request comes.
    pub fn http(&mut self, request: HttpRequest) -> HttpId {
        assert!(self.service.takes_http(), "the service takes no HTTP requests");
        self.keyed |= self.service.http_key(&request).is_some();
        self.effects.requests += 1;
        let id = HttpId::new(self.effects.requests);
        self.effects.unanswered.insert(id);
        self.event(Event::Http { id, request });
        id
    }

    /// The service must have answered an HTTP request with this status.
    #[track_caller]
    pub fn expect_http(&mut self, id: HttpId, status: u16) -> HttpResponse {
        match self.effects.answered.remove(&id) {
            Some(response) if response.status == status => response,
            other => panic!("at {:?}: expected status {status}, found {other:?}", self.now),
        }
    }

    /// The service must have published something.
    #[track_caller]
    pub fn expect_published(&mut self) -> (String, String) {
        match self.effects.published.pop_front() {
            Some(published) => published,
            None => panic!("at {:?}: nothing was published", self.now),
        }
    }

    /// A sibling publishes something; it comes only where the service listens.
    pub fn publish(&mut self, topic: &str, text: &str) {
        if self.effects.topics.contains(topic) {
            let (topic, text) = (topic.to_owned(), text.to_owned());
            self.event(Event::Published { topic, text });
        }
    }

    /// A sibling sets a key of the store, or with `None` removes it; the service is told where it watches.
    pub fn change_store(&mut self, key: &str, value: Option<&[u8]>) {
        self.effects.store.set_now(self.now);
        let changed = match value {
            // The store of the kit has no bounds.
            Some(value) => self.effects.store.set(key, Expected::Anything, value, None),
            None => self.effects.store.delete(key, Expected::Anything).map(|()| 0),
        };
        let version = changed.ok().filter(|_| value.is_some());
        if self.effects.watches.iter().any(|prefix| key.starts_with(prefix)) {
            let key = key.to_owned();
            self.event(Event::StoreChanged { key, version });
        }
    }

    /// What the service wants to have on disk is there; `false` where it wants nothing.
    pub fn sync(&mut self) -> bool {
        self.synced(None)
    }

    /// It cannot be written to disk; `false` where the service wants nothing there.
    pub fn sync_fails(&mut self, why: &str) -> bool {
        self.synced(Some(why.to_owned()))
    }

    fn synced(&mut self, fault: Option<String>) -> bool {
        let Some(id) = self.effects.syncs.pop_front() else {
            return false;
        };
        self.event(Event::Stored { id, fault });
        true
    }
}

type Entries = BTreeMap<String, (Entry, Option<Duration>)>;

/// A store in memory, without bounds. A clone is the same store.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    entries: Arc<Mutex<Entries>>,
    version: Arc<AtomicU64>,
    /// In microseconds.
    now: Arc<AtomicU64>,
}

impl Memory {
    pub(super) fn set_now(&self, now: Duration) {
        self.now
            .store(u64::try_from(now.as_micros()).unwrap_or(u64::MAX), Relaxed);
        let is_there = |until: &Option<Duration>| until.is_none_or(|until| until > now);
        self.entries().retain(|_, (_, until)| is_there(until));
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self, key: &str, expected: Expected) -> Result<(), StoreError> {
        let version = self.get(key).map(|entry| entry.version);
        let is_met = match expected {
            Expected::Anything => true,
            Expected::Nothing => version.is_none(),
            Expected::Version(wanted) => version == Some(wanted),
        };
        if is_met {
            Ok(())
        } else {
            Err(StoreError::Changed { version })
        }
    }
}

impl Store for Memory {
    fn get(&self, key: &str) -> Option<Entry> {
        self.entries().get(key).map(|(entry, _)| entry.clone())
    }

    fn set(
        &self,
        key: &str,
        expected: Expected,
        value: &[u8],
        keep: Option<Duration>,
    ) -> Result<u64, StoreError> {
        self.check(key, expected)?;
        let version = self.version.fetch_add(1, Relaxed) + 1;
        let entry = Entry {
            value: value.into(),
            version,
        };
        let until = keep.map(|keep| Duration::from_micros(self.now.load(Relaxed)) + keep);
        self.entries().insert(key.to_owned(), (entry, until));
        Ok(version)
    }

    fn delete(&self, key: &str, expected: Expected) -> Result<(), StoreError> {
        self.check(key, expected)?;
        self.entries().remove(key);
        Ok(())
    }

    fn keys(&self, prefix: &str, limit: usize) -> Vec<String> {
        let entries = self.entries();
        let keys = entries.keys().filter(|key| key.starts_with(prefix));
        keys.take(limit).cloned().collect()
    }

    fn shared(&self) -> Option<Arc<dyn Store + Send + Sync>> {
        Some(Arc::new(self.clone()))
    }
}
