//! The instances of services that run on a shard.

use std::sync::Arc;

use hashbrown::HashMap;
use jsip_stack::{DialogKey, Owner};
use slab::Slab;
use strowger_service::{Ids, Instance, LegId, TimerId};
use strowger_time::DeadlineId;

/// One running instance and what it owns.
pub(crate) struct Running {
    /// Taken out while it handles an event.
    pub(crate) instance: Option<Box<dyn Instance>>,
    /// The place of its service in the registry.
    pub(crate) service: usize,
    pub(crate) name: Arc<str>,
    /// Tells this instance from earlier ones in the same place.
    pub(crate) epoch: u32,
    pub(crate) ids: Ids,
    /// Legs that have not ended, in the order of their numbers.
    pub(crate) legs: Vec<(LegId, DialogKey)>,
    pub(crate) timers: Vec<(TimerId, DeadlineId)>,
    pub(crate) key: Option<String>,
    pub(crate) relations: Vec<String>,
    /// How many more hops the legs it opens may take (Max-Forwards).
    pub(crate) hops: u32,
    /// Commands refused since the last event from outside; a service that only causes more is stopped.
    pub(crate) refusals: u32,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("service", &self.name).field("legs", &self.legs).finish_non_exhaustive()
    }
}

impl Running {
    pub(crate) fn dialog(&self, leg: LegId) -> Option<DialogKey> {
        self.legs.iter().find(|(id, _)| *id == leg).map(|(_, dialog)| *dialog)
    }

    /// Whether nothing can ever reach it again.
    pub(crate) fn is_unreachable(&self) -> bool {
        self.legs.is_empty() && self.timers.is_empty() && self.key.is_none() && self.relations.is_empty()
    }
}

/// Names a running instance; outlived instances have names that find nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InstanceKey {
    pub(crate) index: usize,
    pub(crate) epoch: u32,
}

const LEG_BITS: u32 = 20;
const EPOCH_BITS: u32 = 20;
const LEG_MASK: u64 = (1 << LEG_BITS) - 1;
const EPOCH_MASK: u64 = (1 << EPOCH_BITS) - 1;

impl InstanceKey {
    /// The owner by which the stack knows a leg of this instance.
    pub(crate) fn owner(self, leg: LegId) -> Owner {
        let epoch = u64::from(self.epoch) & EPOCH_MASK;
        let leg = u64::from(leg.number()) & LEG_MASK;
        Owner((self.index as u64) << (LEG_BITS + EPOCH_BITS) | epoch << LEG_BITS | leg)
    }
}

/// All instances of a shard, found by place, by relation id and by key.
#[derive(Debug, Default)]
pub(crate) struct Instances {
    slots: Slab<Running>,
    epoch: u32,
    relations: HashMap<String, InstanceKey, foldhash::quality::RandomState>,
    keys: HashMap<(usize, String), InstanceKey, foldhash::quality::RandomState>,
}

impl Instances {
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn insert(&mut self, mut running: Running) -> InstanceKey {
        self.epoch = (self.epoch + 1) & EPOCH_MASK as u32;
        running.epoch = self.epoch;
        let key = running.key.clone();
        let service = running.service;
        let index = self.slots.insert(running);
        let instance = InstanceKey { index, epoch: self.epoch };
        if let Some(key) = key {
            self.keys.insert((service, key), instance);
        }
        instance
    }

    pub(crate) fn get(&self, key: InstanceKey) -> Option<&Running> {
        self.slots.get(key.index).filter(|running| running.epoch == key.epoch)
    }

    pub(crate) fn get_mut(&mut self, key: InstanceKey) -> Option<&mut Running> {
        self.slots.get_mut(key.index).filter(|running| running.epoch == key.epoch)
    }

    /// The instance and leg of an owner, if both are still there.
    pub(crate) fn find(&self, owner: Owner) -> Option<(InstanceKey, LegId)> {
        let index = (owner.0 >> (LEG_BITS + EPOCH_BITS)) as usize;
        let epoch = (owner.0 >> LEG_BITS & EPOCH_MASK) as u32;
        let key = InstanceKey { index, epoch };
        let number = (owner.0 & LEG_MASK) as u32;
        let running = self.get(key)?;
        let leg = running.legs.iter().find(|(leg, _)| u64::from(leg.number()) & LEG_MASK == u64::from(number))?;
        Some((key, leg.0))
    }

    pub(crate) fn by_relation(&self, relation: &str) -> Option<InstanceKey> {
        self.relations.get(relation).copied()
    }

    pub(crate) fn by_key(&self, service: usize, key: &str) -> Option<InstanceKey> {
        self.keys.get(&(service, key.to_owned())).copied()
    }

    /// Lets peers reach the instance by a relation id.
    pub(crate) fn relate(&mut self, key: InstanceKey, relation: String) {
        if let Some(running) = self.get_mut(key) {
            running.relations.push(relation.clone());
            self.relations.insert(relation, key);
        }
    }

    pub(crate) fn remove(&mut self, key: InstanceKey) -> Option<Running> {
        self.get(key)?;
        let running = self.slots.remove(key.index);
        for relation in &running.relations {
            self.relations.remove(relation);
        }
        if let Some(name) = &running.key {
            self.keys.remove(&(running.service, name.clone()));
        }
        if self.slots.is_empty() {
            self.slots.shrink_to_fit();
        }
        Some(running)
    }

    /// All instances, for ending them.
    pub(crate) fn keys(&self) -> Vec<InstanceKey> {
        self.slots.iter().map(|(index, running)| InstanceKey { index, epoch: running.epoch }).collect()
    }
}
