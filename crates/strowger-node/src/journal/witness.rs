//! A store that remembers what it was asked and answered, and one that answers what another remembered.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use strowger_journal::{Read, Reading, Written};
use strowger_service::{Entry, Expected, Store, StoreError};

use super::convert::{MOST_FILLED, blob};
use crate::stores::ShelfAt;

type Asked = (Reading<'static>, Read<'static>);

/// Stands before the store of a service while an instance handles an event.
#[derive(Clone, Debug)]
pub(crate) struct Witness<'a> {
    source: Source<'a>,
    bodies: bool,
    /// Most events ask nothing, and no memory is asked for that.
    noted: OnceLock<Arc<Mutex<Vec<Asked>>>>,
}

#[derive(Clone, Debug)]
enum Source<'a> {
    Shelf(ShelfAt<'a>),
    /// What was answered when it was recorded, and what was asked that nobody had asked then.
    Recorded(Arc<Mutex<Recorded>>),
}

/// Answers that were recorded.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    pub(super) answers: VecDeque<Asked>,
    /// Questions that nobody asked when it was recorded.
    pub(super) strangers: Vec<Reading<'static>>,
}

impl<'a> Witness<'a> {
    pub(super) const fn of(shelf: ShelfAt<'a>, bodies: bool) -> Self {
        Self {
            source: Source::Shelf(shelf),
            bodies,
            noted: OnceLock::new(),
        }
    }

    pub(super) const fn from(recorded: Arc<Mutex<Recorded>>, bodies: bool) -> Self {
        Self {
            source: Source::Recorded(recorded),
            bodies,
            noted: OnceLock::new(),
        }
    }

    /// What it was asked; `None`: nothing.
    pub(super) fn take(&self) -> Option<Vec<Asked>> {
        let noted = self.noted.get()?;
        Some(std::mem::take(&mut lock(noted)))
    }

    fn noted(&self) -> &Arc<Mutex<Vec<Asked>>> {
        self.noted.get_or_init(Arc::default)
    }

    fn note(&self, asked: Reading<'static>, answer: Read<'static>) {
        if matches!(self.source, Source::Shelf(_)) {
            lock(self.noted()).push((asked, answer));
        }
    }

    /// The answer that was recorded; `None`: nobody asked this.
    fn recorded(&self, asked: Reading<'static>) -> Option<Read<'static>> {
        let Source::Recorded(recorded) = &self.source else {
            return None;
        };
        let mut recorded = lock(recorded);
        let at = recorded.answers.iter().position(|(reading, _)| *reading == asked);
        match at {
            Some(at) => recorded.answers.remove(at).map(|(_, answer)| answer),
            None => {
                recorded.strangers.push(asked);
                None
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn owned(bytes: &[u8], bodies: bool) -> strowger_journal::Blob<'static> {
    match blob(bytes, bodies) {
        strowger_journal::Blob::Kept(bytes) => strowger_journal::Blob::Kept(Cow::Owned(bytes.into_owned())),
        strowger_journal::Blob::Left(length) => strowger_journal::Blob::Left(length),
    }
}

fn written(error: &StoreError) -> Written {
    match error {
        StoreError::Changed { version } => Written::Changed(*version),
        StoreError::KeyTooLong => Written::KeyTooLong,
        StoreError::ValueTooLarge => Written::ValueTooLarge,
        _ => Written::Full,
    }
}

const fn to_error(written: Written) -> StoreError {
    match written {
        Written::Changed(version) => StoreError::Changed { version },
        Written::Full => StoreError::Full,
        Written::KeyTooLong => StoreError::KeyTooLong,
        Written::ValueTooLarge => StoreError::ValueTooLarge,
    }
}

impl Store for Witness<'_> {
    fn get(&self, key: &str) -> Option<Entry> {
        let asked = Reading::Get {
            key: Cow::Owned(key.to_owned()),
        };
        let Source::Shelf(shelf) = &self.source else {
            return match self.recorded(asked)? {
                Read::Value(value) => value.map(|(blob, version)| Entry {
                    value: blob.fill(MOST_FILLED).into(),
                    version,
                }),
                Read::Changed(_) | Read::Keys(_) => None,
            };
        };
        let entry = shelf.get(key);
        let answer = entry
            .as_ref()
            .map(|entry| (owned(&entry.value, self.bodies), entry.version));
        self.note(asked, Read::Value(answer));
        entry
    }

    fn set(
        &self,
        key: &str,
        expected: Expected,
        value: &[u8],
        keep: Option<Duration>,
    ) -> Result<u64, StoreError> {
        let asked = Reading::Set {
            key: Cow::Owned(key.to_owned()),
            value: owned(value, self.bodies),
        };
        let Source::Shelf(shelf) = &self.source else {
            return match self.recorded(asked) {
                Some(Read::Changed(result)) => result.map(Option::unwrap_or_default).map_err(to_error),
                _ => Ok(1),
            };
        };
        let result = shelf.set(key, expected, value, keep);
        let answer = result.as_ref().map(|version| Some(*version)).map_err(written);
        self.note(asked, Read::Changed(answer));
        result
    }

    fn delete(&self, key: &str, expected: Expected) -> Result<(), StoreError> {
        let asked = Reading::Delete {
            key: Cow::Owned(key.to_owned()),
        };
        let Source::Shelf(shelf) = &self.source else {
            return match self.recorded(asked) {
                Some(Read::Changed(result)) => result.map(|_| ()).map_err(to_error),
                _ => Ok(()),
            };
        };
        let result = shelf.delete(key, expected);
        let answer = result.as_ref().map(|()| None).map_err(written);
        self.note(asked, Read::Changed(answer));
        result
    }

    fn keys(&self, prefix: &str, limit: usize) -> Vec<String> {
        let asked = Reading::Keys {
            prefix: Cow::Owned(prefix.to_owned()),
        };
        let Source::Shelf(shelf) = &self.source else {
            return match self.recorded(asked) {
                Some(Read::Keys(keys)) => keys.into_iter().map(Cow::into_owned).take(limit).collect(),
                _ => Vec::new(),
            };
        };
        let keys = shelf.keys(prefix, limit);
        let answer = keys.iter().map(|key| Cow::Owned(key.clone())).collect();
        self.note(asked, Read::Keys(answer));
        keys
    }

    fn shared(&self) -> Option<Arc<dyn Store + Send + Sync>> {
        Some(Arc::new(Witness {
            source: match &self.source {
                Source::Shelf(shelf) => Source::Shelf(shelf.kept()),
                Source::Recorded(recorded) => Source::Recorded(Arc::clone(recorded)),
            },
            bodies: self.bodies,
            noted: Arc::clone(self.noted()).into(),
        }))
    }
}
