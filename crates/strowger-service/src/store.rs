//! What all instances of a service remember together.

use std::sync::Arc;
use std::time::Duration;

/// A value of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The value.
    pub value: Arc<[u8]>,
    /// Counts up with each change of the store; no two changes of a key have the same.
    pub version: u64,
}

/// What must be there for a change to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It does not matter.
    Anything,
    /// Nothing.
    Nothing,
    /// The value with this version.
    Version(u64),
}

/// Why the store was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Somebody else has changed the key.
    #[error("changed meanwhile")]
    Changed {
        /// The version that is there; `None` where there is nothing.
        version: Option<u64>,
    },
    /// The service has as many entries or bytes as it may have.
    #[error("the store is full")]
    Full,
    /// The key is too long.
    #[error("the key is too long")]
    KeyTooLong,
    /// The value is too large.
    #[error("the value is too large")]
    ValueTooLarge,
}

/// One store, shared by all instances of a service on all shards. Whoever runs instances hands it to their
/// [`Context`](crate::Context).
pub trait Store {
    /// The value of a key.
    fn get(&self, key: &str) -> Option<Entry>;

    /// Sets a key and gives back its version. With `keep` it goes by itself after so long.
    ///
    /// # Errors
    ///
    /// Why nothing was changed.
    fn set(
        &self,
        key: &str,
        expected: Expected,
        value: &[u8],
        keep: Option<Duration>,
    ) -> Result<u64, StoreError>;

    /// Removes a key; nothing happens where it is not there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Changed`].
    fn delete(&self, key: &str, expected: Expected) -> Result<(), StoreError>;

    /// The first keys with this prefix, in their order.
    fn keys(&self, prefix: &str, limit: usize) -> Vec<String>;

    /// The same store for those who run instances elsewhere and cannot borrow it meanwhile. `None`, the default: their
    /// instances have no store.
    fn shared(&self) -> Option<Arc<dyn Store + Send + Sync>> {
        None
    }
}

/// A store that holds nothing: where a service runs without one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NoStore;

impl Store for NoStore {
    fn get(&self, _: &str) -> Option<Entry> {
        None
    }

    fn set(&self, _: &str, _: Expected, _: &[u8], _: Option<Duration>) -> Result<u64, StoreError> {
        Err(StoreError::Full)
    }

    fn delete(&self, _: &str, _: Expected) -> Result<(), StoreError> {
        Ok(())
    }

    fn keys(&self, _: &str, _: usize) -> Vec<String> {
        Vec::new()
    }
}
