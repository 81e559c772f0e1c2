//! The instances of services that run on a shard.

use std::sync::Arc;

use hashbrown::HashMap;
use jsip_stack::{DialogKey, Owner};
use slab::Slab;
use strowger_service::{Ids, Instance, LegId, TimerId};
use strowger_time::{DeadlineId, Instant};

use crate::budget::Budget;
use crate::guard::guarded;
use crate::kind::Kind;
use crate::legs::{Legs, Slot};
use crate::web::Web;

/// One running instance and what it owns.
pub(crate) struct Running {
    /// Taken out while it handles an event.
    pub(crate) instance: Option<Box<dyn Instance>>,
    /// The place of its service in the registry.
    pub(crate) service: usize,
    pub(crate) kind: Arc<Kind>,
    /// Tells this instance from earlier ones in the same place.
    pub(crate) epoch: u32,
    pub(crate) started: Instant,
    pub(crate) ids: Ids,
    pub(crate) legs: Legs,
    pub(crate) timers: Vec<(TimerId, DeadlineId)>,
    pub(crate) key: Option<String>,
    pub(crate) relations: Vec<String>,
    pub(crate) hops: Hops,
    pub(crate) budget: Budget,
    pub(crate) web: Web,
    /// Wishes for the store to be on disk that are not answered.
    pub(crate) syncs: usize,
    pub(crate) topics: Vec<String>,
    /// Prefixes of keys of the store that it is told of.
    pub(crate) watches: Vec<String>,
    /// Whether it is a bridge that goes on where an instance of the service was: no version of it is needed any more.
    pub(crate) forwarded: bool,
    /// Whether somebody looks closely at it.
    pub(crate) watched: bool,
}

/// How many more hops the legs that an instance opens may take (Max-Forwards).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hops {
    /// Of a leg opened because of the event that is handled now.
    pub(crate) now: u32,
    /// The most that any request which reached the instance had left; for what timers and answers lead to, so that
    /// nobody who joins an instance takes it away from the others.
    pub(crate) most: u32,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running")
            .field("service", &self.kind.name)
            .field("legs", &self.legs)
            .finish_non_exhaustive()
    }
}

impl Running {
    pub(crate) fn dialog(&self, leg: LegId) -> Option<DialogKey> {
        self.legs.dialog(leg)
    }

    /// Whether nothing can ever reach it again.
    pub(crate) fn is_unreachable(&self) -> bool {
        let is_idle = self.legs.is_empty()
            && self.timers.is_empty()
            && !self.web.is_open()
            && self.topics.is_empty()
            && self.watches.is_empty()
            && self.syncs == 0;
        is_idle && self.key.is_none() && self.relations.is_empty()
    }

    /// Another goes on in its place, with its legs and numbers; what it was and what else it had.
    pub(crate) fn forward(&mut self, next: Box<dyn Instance>) -> Self {
        self.forwarded = true;
        Self {
            instance: self.instance.replace(next),
            service: self.service,
            kind: Arc::clone(&self.kind),
            epoch: self.epoch,
            started: self.started,
            ids: Ids::default(),
            legs: Legs::default(),
            timers: std::mem::take(&mut self.timers),
            key: self.key.take(),
            relations: std::mem::take(&mut self.relations),
            hops: self.hops,
            budget: self.budget,
            web: std::mem::take(&mut self.web),
            syncs: std::mem::take(&mut self.syncs),
            topics: std::mem::take(&mut self.topics),
            watches: std::mem::take(&mut self.watches),
            forwarded: false,
            watched: self.watched,
        }
    }

    /// Why it can handle no more events, where that happened outside of one.
    pub(crate) fn failure(&self) -> Option<String> {
        let instance = self.instance.as_ref()?;
        guarded(|| instance.failure()).unwrap_or_else(Some)
    }
}

/// Names a running instance; outlived instances have names that find nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct InstanceKey {
    pub(crate) index: usize,
    pub(crate) epoch: u32,
}

const SLOT_BITS: u32 = 20;
const EPOCH_BITS: u32 = 20;
const SLOT_MASK: u64 = (1 << SLOT_BITS) - 1;
const EPOCH_MASK: u64 = (1 << EPOCH_BITS) - 1;

impl InstanceKey {
    /// The owner by which the stack knows the leg in this slot of the instance.
    pub(crate) const fn owner(self, slot: Slot) -> Owner {
        let epoch = self.epoch as u64 & EPOCH_MASK;
        Owner(
            (self.index as u64) << (SLOT_BITS + EPOCH_BITS) | epoch << SLOT_BITS | slot.0 as u64 & SLOT_MASK,
        )
    }
}

/// All instances of a shard, found by place, by relation id and by key.
#[derive(Debug, Default)]
pub(crate) struct Instances {
    slots: Slab<Running>,
    /// Since the places were looked at for room to give back.
    removals: usize,
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
        let instance = InstanceKey {
            index,
            epoch: self.epoch,
        };
        if let Some(key) = key {
            self.keys.insert((service, key), instance);
        }
        instance
    }

    pub(crate) fn get(&self, key: InstanceKey) -> Option<&Running> {
        self.slots
            .get(key.index)
            .filter(|running| running.epoch == key.epoch)
    }

    pub(crate) fn get_mut(&mut self, key: InstanceKey) -> Option<&mut Running> {
        self.slots
            .get_mut(key.index)
            .filter(|running| running.epoch == key.epoch)
    }

    /// The instance and leg of an owner, if both are still there.
    pub(crate) fn find(&self, owner: Owner) -> Option<(InstanceKey, LegId)> {
        let index = (owner.0 >> (SLOT_BITS + EPOCH_BITS)) as usize;
        let epoch = (owner.0 >> SLOT_BITS & EPOCH_MASK) as u32;
        let key = InstanceKey { index, epoch };
        let leg = self.get(key)?.legs.at(Slot((owner.0 & SLOT_MASK) as usize))?;
        Some((key, leg))
    }

    pub(crate) fn by_relation(&self, relation: &str) -> Option<InstanceKey> {
        self.relations.get(relation).copied()
    }

    pub(crate) fn by_key(&self, service: usize, key: &str) -> Option<InstanceKey> {
        self.keys.get(&(service, key.to_owned())).copied()
    }

    /// Lets peers reach the instance by a relation id; `false` if that is another instance's.
    pub(crate) fn relate(&mut self, key: InstanceKey, relation: String) -> bool {
        if let Some(owner) = self.relations.get(&relation) {
            return *owner == key;
        }
        if let Some(running) = self.get_mut(key) {
            running.relations.push(relation.clone());
            self.relations.insert(relation, key);
        }
        true
    }

    pub(crate) fn remove(&mut self, key: InstanceKey) -> Option<Running> {
        self.get(key)?;
        let running = self.slots.remove(key.index);
        self.forget_names(&running);
        self.give_back();
        Some(running)
    }

    /// An instance is not found by its key and relation ids any more.
    pub(crate) fn forget_names(&mut self, running: &Running) {
        for relation in &running.relations {
            self.relations.remove(relation);
        }
        if let Some(name) = &running.key {
            self.keys.remove(&(running.service, name.clone()));
        }
    }

    /// Gives back room in the tables that the busiest moment has left. Places keep their numbers, so only what lies behind
    /// the last instance can go, and looking for that costs a pass: not before an eighth of it was removed.
    fn give_back(&mut self) {
        let (len, capacity) = (self.slots.len(), self.slots.capacity());
        self.removals += 1;
        if len == 0 || len < capacity / 4 && self.removals >= capacity / 8 {
            self.removals = 0;
            self.slots.shrink_to_fit();
        }
        if self.relations.len() < self.relations.capacity() / 4 {
            self.relations.shrink_to(self.relations.len() * 2);
        }
        if self.keys.len() < self.keys.capacity() / 4 {
            self.keys.shrink_to(self.keys.len() * 2);
        }
    }

    /// How many bytes the tables take, used or not.
    pub(crate) fn footprint(&self) -> usize {
        self.slots.capacity() * size_of::<Running>()
            + self.relations.allocation_size()
            + self.keys.allocation_size()
    }

    /// How many places there are, empty ones included.
    pub(crate) fn places(&self) -> usize {
        self.slots.capacity()
    }

    /// The instance in a place.
    pub(crate) fn at(&self, index: usize) -> Option<&Running> {
        self.slots.get(index)
    }

    /// All instances, for counting them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Running> {
        self.slots.iter().map(|(_, running)| running)
    }

    /// Others of the same service that can handle no more events either. Costs a pass over all instances.
    pub(crate) fn failed_with(&self, key: InstanceKey) -> Vec<(InstanceKey, String)> {
        let Some(failed) = self.get(key) else {
            return Vec::new();
        };
        self.keyed()
            .filter(|(other, running)| *other != key && running.service == failed.service)
            .filter_map(|(other, running)| Some((other, running.failure()?)))
            .collect()
    }

    /// All instances with their names.
    pub(crate) fn keyed(&self) -> impl Iterator<Item = (InstanceKey, &Running)> {
        self.slots.iter().map(|(index, running)| {
            let epoch = running.epoch;
            (InstanceKey { index, epoch }, running)
        })
    }

    /// All instances, for ending them.
    pub(crate) fn keys(&self) -> Vec<InstanceKey> {
        self.keyed().map(|(key, _)| key).collect()
    }
}
