//! The store as guests reach it.

use std::time::Duration;

use strowger_service::{Expected, Store, StoreError};

use crate::bindings::strowger::service::store;
use crate::state::State;

/// Keys that one question may bring.
const KEYS: usize = 1000;

impl State {
    /// The store of the instance that is called, if it has one.
    fn store(&self) -> Option<&(dyn Store + Send + Sync)> {
        self.around.store.as_deref()
    }
}

impl store::Host for State {
    fn get(&mut self, key: String) -> Option<store::Entry> {
        let entry = self.store()?.get(&key)?;
        Some(store::Entry {
            value: entry.value.to_vec(),
            version: entry.version,
        })
    }

    fn set(
        &mut self,
        key: String,
        expected: store::Expected,
        value: Vec<u8>,
        keep: Option<u64>,
    ) -> Result<u64, store::StoreError> {
        let store = self.store().ok_or(store::StoreError::Full)?;
        let keep = keep.map(Duration::from_micros);
        store.set(&key, native(expected), &value, keep).map_err(error)
    }

    fn delete(&mut self, key: String, expected: store::Expected) -> Result<(), store::StoreError> {
        match self.store() {
            Some(store) => store.delete(&key, native(expected)).map_err(error),
            None => Ok(()),
        }
    }

    fn keys(&mut self, prefix: String, limit: u32) -> Vec<String> {
        let limit = usize::try_from(limit).unwrap_or(KEYS).min(KEYS);
        self.store()
            .map_or_else(Vec::new, |store| store.keys(&prefix, limit))
    }
}

const fn native(expected: store::Expected) -> Expected {
    match expected {
        store::Expected::Anything => Expected::Anything,
        store::Expected::Nothing => Expected::Nothing,
        store::Expected::Version(version) => Expected::Version(version),
    }
}

fn error(error: StoreError) -> store::StoreError {
    match error {
        StoreError::Changed { version } => store::StoreError::Changed(version),
        StoreError::Full => store::StoreError::Full,
        StoreError::KeyTooLong => store::StoreError::KeyTooLong,
        StoreError::ValueTooLarge => store::StoreError::ValueTooLarge,
        other => store::StoreError::Other(other.to_string()),
    }
}
