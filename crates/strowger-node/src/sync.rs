//! Wishes of instances for the store to be on disk.

use strowger_service::{Event, SyncId};
use strowger_time::Instant;

use crate::instances::InstanceKey;
use crate::{Effect, Shard};

/// Wishes that one instance may have open.
const OPEN: usize = 1000;

/// Names a wish of an instance, for telling it what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncTicket {
    instance: InstanceKey,
    id: SyncId,
}

impl SyncTicket {
    /// The ticket of a wish that is played again.
    pub(crate) const fn of(instance: InstanceKey, id: SyncId) -> Self {
        Self { instance, id }
    }
}

impl Shard {
    /// An instance wants to know when the store as it is now is on disk.
    pub(crate) fn sync(&mut self, now: Instant, key: InstanceKey, id: SyncId) {
        let Some(running) = self.instances.get_mut(key) else {
            return;
        };
        let fault = (running.syncs >= OPEN).then(|| "too many wishes at a time".to_owned());
        let at_once = fault.is_some() || !self.stores.is_durable(&running.kind.name);
        if self.is_stored_at_once(id.number(), at_once) {
            self.write_stored(now, key, id.number(), fault.as_deref(), true);
            // What is in memory is as safe as it will be.
            return self.pending.push_back((key, Event::Stored { id, fault }));
        }
        let Some(running) = self.instances.get_mut(key) else {
            return;
        };
        running.syncs += 1;
        let ticket = SyncTicket { instance: key, id };
        self.effects.push_back(Effect::Sync(ticket));
    }

    /// What the stores were at the wish is on disk, or could not be written. Whose wish it was may be gone meanwhile.
    pub fn synced(&mut self, now: Instant, ticket: SyncTicket, fault: Option<String>) {
        let SyncTicket { instance, id } = ticket;
        let Some(running) = self.instances.get_mut(instance) else {
            return;
        };
        let Some(left) = running.syncs.checked_sub(1) else {
            // Whose wish it was has forwarded his call since.
            return;
        };
        running.syncs = left;
        self.write_stored(now, instance, id.number(), fault.as_deref(), false);
        self.deliver(now, instance, Event::Stored { id, fault });
    }
}
