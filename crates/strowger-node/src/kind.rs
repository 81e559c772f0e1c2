//! What all instances of a version of a service on one shard share.

use std::sync::Arc;

use crate::stores::ShelfHere;
use crate::{Shard, Version};

/// What an instance is, and what it is given; a clone is cheap.
///
/// Each shard makes its own. Name and version belong to all shards: counting references to them for each instance
/// would pass the counters from core to core with each message.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    /// The service.
    pub(crate) name: Arc<str>,
    /// The version that made the instance; the registry may have another by now.
    pub(crate) version: Arc<Version>,
    /// The service's store.
    pub(crate) shelf: Arc<ShelfHere>,
    /// The service's settings, as JSON.
    pub(crate) settings: Arc<str>,
    /// Whether its instances are told of legs that are over in the usual course.
    pub(crate) hears_completed: bool,
}

/// The kinds of new instances, by the place of their service in the registry; `None`: not asked for since something changed.
#[derive(Debug, Default)]
pub(crate) struct Kinds(Vec<Option<Arc<Kind>>>);

impl Kinds {
    /// Services, their versions or their settings have changed.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }
}

impl Shard {
    /// What new instances of a service are.
    pub(crate) fn kind(&mut self, service: usize) -> Arc<Kind> {
        if let Some(Some(kind)) = self.kinds.0.get(service) {
            return Arc::clone(kind);
        }
        let kind = Arc::new(Kind {
            name: Arc::clone(self.registry.name(service)),
            version: Arc::clone(self.registry.version(service)),
            shelf: self.stores.of(self.registry.name(service)),
            settings: self.settings_of(service),
            hears_completed: self.registry.hears_completed(service),
        });
        if self.kinds.0.len() <= service {
            // As many as there are services at most.
            self.kinds.0.resize(service + 1, None);
        }
        self.kinds.0[service] = Some(Arc::clone(&kind));
        kind
    }
}
