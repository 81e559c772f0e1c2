//! What the instances of a service remember together, on all shards of a node.
//!
//! It is answered from memory. A durable one tells its driver what has changed, which writes that to disk and gives it
//! back at the next start; another one is gone with the process.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::{Bound, Deref};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use strowger_service::{Entry, Expected, Store, StoreError};
use strowger_time::Instant;

mod watched;

pub use watched::News;
pub(crate) use watched::{Maker, prefixes_of};

use watched::Watched;

/// The longest key, in bytes.
pub(crate) const KEY_BYTES: usize = 512;
/// What an entry takes beside its key and its value.
const ENTRY_BYTES: usize = 64;
/// The most keys that are listed at once.
const LISTED: usize = 10_000;

/// Bounds of the store of each service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// How many entries. Default 100,000; one more is refused.
    pub entries: usize,
    /// How many bytes in all: keys, values, and 64 for each entry. Default 64 MiB; more is refused.
    pub bytes: usize,
    /// The largest value, in bytes. Default 256 KiB.
    pub value_bytes: usize,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            entries: 100_000,
            bytes: 64 << 20,
            value_bytes: 256 << 10,
        }
    }
}

/// The stores of all services of a node, by their names; a handle that its shards share.
#[derive(Clone, Debug, Default)]
pub struct Stores {
    limits: StoreLimits,
    /// `None`: no store is written to disk; else all but those of these services, in lower case, are.
    in_memory: Option<Arc<BTreeSet<String>>>,
    /// As many as there were ever names of services at most.
    shelves: Arc<Mutex<BTreeMap<Arc<str>, Arc<Shelf>>>>,
}

impl Stores {
    /// Empty stores, gone with the process.
    pub fn new(limits: StoreLimits) -> Self {
        Self {
            limits,
            in_memory: None,
            shelves: Arc::default(),
        }
    }

    /// Stores whose changes are to be written to disk, with what was written before. The bounds hold for changes only:
    /// what is there stays. Services `in_memory`, by their names in lower case, keep nothing and are given nothing.
    pub fn durable(
        limits: StoreLimits,
        in_memory: BTreeSet<String>,
        saved: impl IntoIterator<Item = Saved>,
    ) -> Self {
        let stores = Self {
            limits,
            in_memory: Some(Arc::new(in_memory)),
            shelves: Arc::default(),
        };
        for Saved { service, key, value } in saved {
            if !stores.is_durable(&service) {
                continue;
            }
            stores.of(&service).inside().put(key, value.into());
        }
        stores
    }

    /// Whether changes that a service makes are to be written to disk.
    pub fn is_durable(&self, service: &str) -> bool {
        let in_memory = self.in_memory.as_ref();
        in_memory.is_some_and(|services| !services.contains(&service.to_ascii_lowercase()))
    }

    /// What has changed since the last time, to be written to disk. Empty where the stores are not durable.
    pub fn take_changes(&self) -> Vec<Change> {
        let shelves = self
            .shelves
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut changes = Vec::new();
        for (service, shelf) in shelves {
            let changed = shelf.inside().changed.as_mut().map(std::mem::take);
            changes.extend(changed.into_iter().flatten().map(|(key, value)| Change {
                service: Arc::clone(&service),
                key,
                value,
            }));
        }
        changes
    }

    /// Takes changes back that could not be written, to be taken again; newer ones of the same keys stand.
    pub fn put_back(&self, changes: Vec<Change>) {
        for Change { service, key, value } in changes {
            if let Some(changed) = &mut self.of(&service).inside().changed {
                changed.entry(key).or_insert(value);
            }
        }
    }

    /// The store of a service, for one shard. Costs a lock and a look-up.
    pub(crate) fn of(&self, service: &Arc<str>) -> Arc<ShelfHere> {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        let shelf = shelves.entry(Arc::clone(service));
        let shelf = shelf.or_insert_with(|| Arc::new(Shelf::new(self.limits, self.is_durable(service))));
        Arc::new(ShelfHere(Arc::clone(shelf)))
    }
}

/// A value as it is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The value.
    pub bytes: Arc<[u8]>,
    /// Its version.
    pub version: u64,
    /// When it goes by itself, by the node's clock.
    pub until: Option<Instant>,
}

/// An entry that was on disk when the node started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// The service.
    pub service: Arc<str>,
    /// The key.
    pub key: String,
    /// The value.
    pub value: Value,
}

/// What has become of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The service.
    pub service: Arc<str>,
    /// The key.
    pub key: String,
    /// What is there now; `None`: nothing.
    pub value: Option<Value>,
}

/// The store of one service.
pub(crate) struct Shelf {
    limits: StoreLimits,
    inside: Mutex<Inside>,
    /// Whether there is something to be told, so that most events need no lock to know that there is not.
    has_news: AtomicBool,
}

#[derive(Default)]
struct Inside {
    entries: BTreeMap<String, Kept>,
    bytes: usize,
    /// Of the latest change.
    version: u64,
    /// What is to be written to disk; `None` where nothing is.
    changed: Option<BTreeMap<String, Option<Value>>>,
    watched: Watched,
}

struct Kept {
    value: Arc<[u8]>,
    version: u64,
    until: Option<Instant>,
}

impl Kept {
    fn is_there(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    fn bytes(&self, key: &str) -> usize {
        key.len() + self.value.len() + ENTRY_BYTES
    }

    fn saved(&self) -> Value {
        Value {
            bytes: Arc::clone(&self.value),
            version: self.version,
            until: self.until,
        }
    }
}

impl From<Value> for Kept {
    fn from(value: Value) -> Self {
        Self {
            value: value.bytes,
            version: value.version,
            until: value.until,
        }
    }
}

impl Inside {
    fn version_of(&self, now: Instant, key: &str) -> Option<u64> {
        let kept = self.entries.get(key).filter(|kept| kept.is_there(now));
        kept.map(|kept| kept.version)
    }

    fn check(&self, now: Instant, key: &str, expected: Expected) -> Result<(), StoreError> {
        let version = self.version_of(now, key);
        let holds = match expected {
            Expected::Anything => true,
            Expected::Nothing => version.is_none(),
            Expected::Version(expected) => version == Some(expected),
        };
        if holds {
            Ok(())
        } else {
            Err(StoreError::Changed { version })
        }
    }

    /// Removes an entry; whether there was one.
    fn remove(&mut self, key: &str) -> bool {
        let Some(kept) = self.entries.remove(key) else {
            return false;
        };
        self.bytes -= kept.bytes(key);
        if let Some(changed) = &mut self.changed {
            changed.insert(key.to_owned(), None);
        }
        true
    }

    /// Puts an entry where there is none.
    fn put(&mut self, key: String, kept: Kept) {
        self.version = self.version.max(kept.version);
        self.bytes += kept.bytes(&key);
        self.entries.insert(key, kept);
    }

    /// Whether so many changes wait for the disk, or to be told, that another key would be too much.
    fn is_behind(&self, key: &str, limit: usize) -> bool {
        let changed = self.changed.as_ref();
        let disk_is = changed.is_some_and(|changed| changed.len() >= limit && !changed.contains_key(key));
        disk_is || self.watched.is_behind(key, limit)
    }

    /// Forgets what is over. Costs a pass over everything.
    fn sweep(&mut self, now: Instant) {
        let (bytes, changed) = (&mut self.bytes, &mut self.changed);
        self.entries.retain(|key, kept| {
            let stays = kept.is_there(now);
            if !stays {
                *bytes -= kept.bytes(key);
                if let Some(changed) = changed {
                    changed.insert(key.clone(), None);
                }
            }
            stays
        });
    }
}

impl Shelf {
    fn new(limits: StoreLimits, is_durable: bool) -> Self {
        let inside = Inside {
            changed: is_durable.then(BTreeMap::new),
            ..Inside::default()
        };
        Self {
            limits,
            inside: Mutex::new(inside),
            has_news: AtomicBool::new(false),
        }
    }

    /// One more instance is told of changes of keys with this prefix.
    pub(crate) fn watch(&self, prefix: &str) {
        self.inside().watched.add(prefix);
    }

    /// One less is.
    pub(crate) fn unwatch(&self, prefix: &str) {
        self.inside().watched.remove(prefix);
    }

    /// Takes the changes that are to be told. Costs no lock where there are none.
    pub(crate) fn take_news(&self) -> Vec<News> {
        if !self.has_news.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut inside = self.inside();
        self.has_news.store(false, Ordering::Release);
        inside.watched.take()
    }

    fn note(&self, inside: &mut Inside, key: &str, version: Option<u64>, maker: Option<Maker>) {
        if inside.watched.note(key, version, maker) {
            self.has_news.store(true, Ordering::Release);
        }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inside = self.inside();
        f.debug_struct("Shelf")
            .field("entries", &inside.entries.len())
            .field("bytes", &inside.bytes)
            .finish_non_exhaustive()
    }
}

/// A store as one shard has it: references to it are counted for each event of a loaded service, and a count that all
/// shards have together would pass from core to core each time.
#[derive(Debug)]
pub(crate) struct ShelfHere(Arc<Shelf>);

impl ShelfHere {
    /// The store as it is at this time.
    pub(crate) const fn lent(self: &Arc<Self>, now: Instant) -> ShelfAt<'_> {
        ShelfAt {
            shelf: Held::Lent(self),
            now,
            maker: None,
        }
    }
}

impl Deref for ShelfHere {
    type Target = Shelf;

    fn deref(&self) -> &Shelf {
        &self.0
    }
}

/// A store for as long as an event is handled, or for longer.
#[derive(Clone, Debug)]
enum Held<'a> {
    Lent(&'a Arc<ShelfHere>),
    Kept(Arc<ShelfHere>),
}

impl Deref for Held<'_> {
    type Target = Arc<ShelfHere>;

    fn deref(&self) -> &Arc<ShelfHere> {
        match self {
            Self::Lent(shelf) => shelf,
            Self::Kept(shelf) => shelf,
        }
    }
}

/// The store of a service, as an event sees it.
#[derive(Clone, Debug)]
pub(crate) struct ShelfAt<'a> {
    shelf: Held<'a>,
    now: Instant,
    maker: Option<Maker>,
}

impl ShelfAt<'_> {
    /// The same, for this instance.
    pub(crate) const fn by(mut self, maker: Maker) -> Self {
        self.maker = Some(maker);
        self
    }

    /// The same for longer than the event.
    pub(crate) fn kept(&self) -> ShelfAt<'static> {
        ShelfAt {
            shelf: Held::Kept(Arc::clone(&self.shelf)),
            now: self.now,
            maker: self.maker,
        }
    }
}

impl Store for ShelfAt<'_> {
    fn get(&self, key: &str) -> Option<Entry> {
        let inside = self.shelf.inside();
        let kept = inside.entries.get(key).filter(|kept| kept.is_there(self.now))?;
        Some(Entry {
            value: Arc::clone(&kept.value),
            version: kept.version,
        })
    }

    fn set(
        &self,
        key: &str,
        expected: Expected,
        value: &[u8],
        keep: Option<Duration>,
    ) -> Result<u64, StoreError> {
        let limits = self.shelf.limits;
        if key.len() > KEY_BYTES {
            return Err(StoreError::KeyTooLong);
        }
        if value.len() > limits.value_bytes {
            return Err(StoreError::ValueTooLarge);
        }
        let mut inside = self.shelf.inside();
        inside.check(self.now, key, expected)?;
        let kept = Kept {
            value: value.into(),
            version: inside.version + 1,
            until: keep.map(|keep| self.now + keep),
        };
        let has_room = |inside: &Inside| {
            let before = inside.entries.get(key);
            let entries = inside.entries.len() + usize::from(before.is_none());
            let bytes = inside.bytes + kept.bytes(key) - before.map_or(0, |before| before.bytes(key));
            entries <= limits.entries && bytes <= limits.bytes
        };
        if !has_room(&inside) {
            inside.sweep(self.now);
        }
        if !has_room(&inside) || inside.is_behind(key, limits.entries.saturating_mul(2)) {
            return Err(StoreError::Full);
        }
        inside.remove(key);
        if let Some(changed) = &mut inside.changed {
            changed.insert(key.to_owned(), Some(kept.saved()));
        }
        inside.put(key.to_owned(), kept);
        let version = inside.version;
        self.shelf.note(&mut inside, key, Some(version), self.maker);
        Ok(version)
    }

    fn delete(&self, key: &str, expected: Expected) -> Result<(), StoreError> {
        let mut inside = self.shelf.inside();
        inside.check(self.now, key, expected)?;
        if inside.remove(key) {
            self.shelf.note(&mut inside, key, None, self.maker);
        }
        Ok(())
    }

    fn keys(&self, prefix: &str, limit: usize) -> Vec<String> {
        let inside = self.shelf.inside();
        let from = (Bound::Included(prefix), Bound::Unbounded);
        inside
            .entries
            .range::<str, _>(from)
            .take_while(|(key, _)| key.starts_with(prefix))
            .filter(|(_, kept)| kept.is_there(self.now))
            .map(|(key, _)| key.clone())
            .take(limit.min(LISTED))
            .collect()
    }

    fn shared(&self) -> Option<Arc<dyn Store + Send + Sync>> {
        Some(Arc::new(self.kept()))
    }
}

#[cfg(test)]
mod tests;
