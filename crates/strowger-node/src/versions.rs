//! Services that change while the node runs.

use std::sync::Arc;

use crate::logs::LogBudget;
use crate::{Registry, Shard, Version};

/// How many instances of one version of a service run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionCount {
    /// The service.
    pub service: Arc<str>,
    /// The version.
    pub version: Arc<Version>,
    /// Instances that run.
    pub instances: usize,
}

impl Shard {
    /// Takes over another registry, made of the present one by [`Registry::with`] and its like: new instances are of its
    /// versions, and who has a key still reaches the instance that has it. Running instances that can be saved go over
    /// within the next [`handle_timeout`](Self::handle_timeout)s, the others stay with their version; those of a service
    /// with other settings are told then. `false`: it was not
    /// made of the present one, and nothing has changed.
    pub fn set_registry(&mut self, registry: Arc<Registry>) -> bool {
        let follows = registry.follows(&self.registry);
        if follows {
            self.log_budgets.resize(registry.len(), LogBudget::default());
            self.kinds.forget();
            let earlier = std::mem::replace(&mut self.registry, registry);
            self.plan_moves(&earlier);
            self.plan_settings(&earlier);
        }
        follows
    }

    /// How many instances of each version run, in the order of the versions. Costs a pass over all instances.
    pub fn version_counts(&self) -> Vec<VersionCount> {
        let mut counts = Vec::new();
        for running in self.instances.iter() {
            add(
                &mut counts,
                VersionCount {
                    service: Arc::clone(&running.kind.name),
                    version: Arc::clone(&running.kind.version),
                    instances: 1,
                },
            );
        }
        counts
    }
}

/// Adds a count to others, which are in the order of their versions.
pub(crate) fn add(counts: &mut Vec<VersionCount>, count: VersionCount) {
    match counts.binary_search_by_key(&count.version.number, |other| other.version.number) {
        Ok(at) => counts[at].instances += count.instances,
        Err(at) => counts.insert(at, count),
    }
}
