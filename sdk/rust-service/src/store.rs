//! The node's store.

use std::sync::Arc;
use std::time::Duration;

use strowger_service::{Entry, Expected, Store, StoreError};

use crate::guest::strowger::service::store;

/// Every call is one of the host.
#[derive(Debug)]
pub(crate) struct HostStore;

impl Store for HostStore {
    fn get(&self, key: &str) -> Option<Entry> {
        let entry = store::get(key)?;
        Some(Entry {
            value: entry.value.into(),
            version: entry.version,
        })
    }

    fn set(
        &self,
        key: &str,
        expected: Expected,
        value: &[u8],
        keep: Option<Duration>,
    ) -> Result<u64, StoreError> {
        let keep = keep.map(|keep| u64::try_from(keep.as_micros()).unwrap_or(u64::MAX));
        store::set(key, told(expected), value, keep).map_err(error)
    }

    fn delete(&self, key: &str, expected: Expected) -> Result<(), StoreError> {
        store::delete(key, told(expected)).map_err(error)
    }

    fn keys(&self, prefix: &str, limit: usize) -> Vec<String> {
        store::keys(prefix, u32::try_from(limit).unwrap_or(u32::MAX))
    }

    fn shared(&self) -> Option<Arc<dyn Store + Send + Sync>> {
        Some(Arc::new(Self))
    }
}

fn told(expected: Expected) -> store::Expected {
    match expected {
        Expected::Anything => store::Expected::Anything,
        Expected::Nothing => store::Expected::Nothing,
        Expected::Version(version) => store::Expected::Version(version),
    }
}

/// What a newer node says that this kit has no word for is that nothing was changed.
fn error(error: store::StoreError) -> StoreError {
    match error {
        store::StoreError::Changed(version) => StoreError::Changed { version },
        store::StoreError::Full | store::StoreError::Other(_) => StoreError::Full,
        store::StoreError::KeyTooLong => StoreError::KeyTooLong,
        store::StoreError::ValueTooLarge => StoreError::ValueTooLarge,
    }
}
