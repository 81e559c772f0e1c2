//! What the instances of a service remember together, on all shards of a node.
//!
//! It is in memory, and gone with the process.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use strowger_service::{Entry, Expected, Store, StoreError};
use strowger_time::Instant;

/// The longest key, in bytes.
const KEY_BYTES: usize = 512;
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
    /// As many as there were ever names of services at most.
    shelves: Arc<Mutex<BTreeMap<Arc<str>, Arc<Shelf>>>>,
}

impl Stores {
    /// Empty stores.
    pub fn new(limits: StoreLimits) -> Self {
        Self {
            limits,
            shelves: Arc::default(),
        }
    }

    /// The store of a service. Costs a lock and a look-up.
    pub(crate) fn of(&self, service: &Arc<str>) -> Arc<Shelf> {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        let shelf = shelves.entry(Arc::clone(service));
        Arc::clone(shelf.or_insert_with(|| Arc::new(Shelf::new(self.limits))))
    }
}

/// The store of one service.
pub(crate) struct Shelf {
    limits: StoreLimits,
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    entries: BTreeMap<String, Kept>,
    bytes: usize,
    /// Of the latest change.
    version: u64,
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

    fn remove(&mut self, key: &str) {
        if let Some(kept) = self.entries.remove(key) {
            self.bytes -= kept.bytes(key);
        }
    }

    /// Forgets what is over. Costs a pass over everything.
    fn sweep(&mut self, now: Instant) {
        let bytes = &mut self.bytes;
        self.entries.retain(|key, kept| {
            let stays = kept.is_there(now);
            if !stays {
                *bytes -= kept.bytes(key);
            }
            stays
        });
    }
}

impl Shelf {
    fn new(limits: StoreLimits) -> Self {
        Self {
            limits,
            inside: Mutex::default(),
        }
    }

    /// The store as it is at this time.
    pub(crate) const fn at(self: Arc<Self>, now: Instant) -> ShelfAt {
        ShelfAt { shelf: self, now }
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

/// The store of a service, as an event sees it.
#[derive(Clone, Debug)]
pub(crate) struct ShelfAt {
    shelf: Arc<Shelf>,
    now: Instant,
}

impl Store for ShelfAt {
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
        if !has_room(&inside) {
            return Err(StoreError::Full);
        }
        inside.remove(key);
        inside.version += 1;
        inside.bytes += kept.bytes(key);
        inside.entries.insert(key.to_owned(), kept);
        Ok(inside.version)
    }

    fn delete(&self, key: &str, expected: Expected) -> Result<(), StoreError> {
        let mut inside = self.shelf.inside();
        inside.check(self.now, key, expected)?;
        inside.remove(key);
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
        Some(Arc::new(self.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(secs: u64) -> Instant {
        Instant::from_micros(secs * 1_000_000)
    }

    fn stores() -> Stores {
        Stores::new(StoreLimits {
            entries: 3,
            bytes: 1000,
            value_bytes: 400,
        })
    }

    fn shelf(stores: &Stores, secs: u64) -> ShelfAt {
        stores.of(&"rooms".into()).at(at(secs))
    }

    fn put(shelf: &ShelfAt, key: &str, value: &[u8]) -> Result<u64, StoreError> {
        shelf.set(key, Expected::Anything, value, None)
    }

    #[test]
    fn what_one_puts_another_gets_and_other_services_do_not() {
        let stores = stores();
        put(&shelf(&stores, 0), "a", b"1").unwrap();
        assert_eq!(&*shelf(&stores, 1).get("a").unwrap().value, b"1");
        assert_eq!(stores.of(&"other".into()).at(at(1)).get("a"), None);
    }

    #[test]
    fn a_change_is_made_only_if_what_is_expected_is_there() {
        let stores = stores();
        let shelf = shelf(&stores, 0);
        let first = shelf.set("a", Expected::Nothing, b"1", None).unwrap();
        let changed = StoreError::Changed { version: Some(first) };
        assert_eq!(shelf.set("a", Expected::Nothing, b"2", None), Err(changed));
        let second = shelf.set("a", Expected::Version(first), b"2", None).unwrap();
        assert!(second > first);
        let changed = StoreError::Changed {
            version: Some(second),
        };
        assert_eq!(shelf.delete("a", Expected::Version(first)), Err(changed));
        assert_eq!(shelf.delete("a", Expected::Version(second)), Ok(()));
        let third = shelf.set("a", Expected::Nothing, b"3", None).unwrap();
        assert!(third > second, "no two changes have the same version");
    }

    #[test]
    fn what_is_kept_for_a_while_goes_by_itself_and_makes_room() {
        let stores = stores();
        let keep = Some(Duration::from_secs(10));
        for key in ["a", "b", "c"] {
            shelf(&stores, 0).set(key, Expected::Nothing, b"1", keep).unwrap();
        }
        assert_eq!(put(&shelf(&stores, 9), "d", b"1"), Err(StoreError::Full));
        assert_eq!(shelf(&stores, 9).keys("", 9).len(), 3);
        assert_eq!(shelf(&stores, 10).keys("", 9), [""; 0]);
        assert_eq!(shelf(&stores, 10).get("a"), None);
        put(&shelf(&stores, 10), "d", b"1").unwrap();
    }

    #[test]
    fn bounds_hold() {
        let stores = stores();
        let shelf = shelf(&stores, 0);
        assert_eq!(put(&shelf, &"k".repeat(513), b""), Err(StoreError::KeyTooLong));
        assert_eq!(put(&shelf, "a", &[0; 401]), Err(StoreError::ValueTooLarge));
        put(&shelf, "a", &[0; 400]).unwrap();
        put(&shelf, "b", &[0; 400]).unwrap();
        assert_eq!(put(&shelf, "c", &[0; 100]), Err(StoreError::Full));
        put(&shelf, "b", &[0; 10]).unwrap();
        put(&shelf, "c", &[0; 100]).unwrap();
        assert_eq!(put(&shelf, "d", b""), Err(StoreError::Full));
    }

    #[test]
    fn keys_come_in_their_order() {
        let stores = stores();
        let shelf = shelf(&stores, 0);
        for key in ["m/2", "m/1", "n"] {
            put(&shelf, key, b"").unwrap();
        }
        assert_eq!(shelf.keys("m/", 9), ["m/1", "m/2"]);
        assert_eq!(shelf.keys("m/", 1), ["m/1"]);
    }
}
