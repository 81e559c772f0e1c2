//! Which shard a thing lives on.

use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use jsip::{DialogId, Message, Request, UserId};
use jsip_stack::Channel;

use crate::distribution::{Choice, choose};
use crate::ids::shard_of;
use crate::{Registry, Shard};

/// The hash that chooses shards must be the same on all of them.
const SEED: u64 = 0x5354_524f_5747_4552;

/// The shard that is home of a name: every shard computes the same.
pub(crate) fn home_of(name: &UserId, shards: u16) -> u16 {
    spread(name.as_str().as_bytes(), 0, shards)
}

fn spread(bytes: &[u8], salt: u64, shards: u16) -> u16 {
    if shards <= 1 {
        return 0;
    }
    let mut hasher = FixedState::with_seed(SEED ^ salt).build_hasher();
    hasher.write(bytes);
    (hasher.finish() % u64::from(shards)) as u16
}

/// Dialogs begun on the channels of this shard that live on another one, because an instance there was named by
/// `relid` or by a service's key. At most so many per channel as it may have dialogs, the least recently used forgotten first.
#[derive(Debug, Default)]
pub(crate) struct Elsewhere {
    channels: HashMap<Channel, Vec<(DialogId, u16)>, foldhash::quality::RandomState>,
}

impl Elsewhere {
    fn find(&mut self, channel: Channel, dialog: &str) -> Option<u16> {
        let dialogs = self.channels.get_mut(&channel)?;
        let at = dialogs.iter().position(|(id, _)| id.as_str() == dialog)?;
        let found = dialogs.remove(at);
        let shard = found.1;
        dialogs.push(found);
        Some(shard)
    }

    fn insert(&mut self, channel: Channel, dialog: &str, shard: u16, limit: usize) {
        let Ok(id) = DialogId::new(dialog) else { return };
        let dialogs = self.channels.entry(channel).or_default();
        if dialogs.len() >= limit {
            dialogs.remove(0);
        }
        dialogs.push((id, shard));
    }

    pub(crate) fn forget(&mut self, channel: Channel) {
        self.channels.remove(&channel);
    }
}

impl Shard {
    /// The shard whose dialog half gets a message that came in on a channel of this shard.
    pub(crate) fn shard_for(&mut self, channel: Channel, message: &Message) -> u16 {
        if self.shards <= 1 {
            return self.shard;
        }
        if let Some(shard) = shard_of(self.node, message.dialog_id()).filter(|shard| *shard < self.shards) {
            return shard;
        }
        if let Some(shard) = self.elsewhere.find(channel, message.dialog_id()) {
            return shard;
        }
        let Message::Request(request) = message else { return self.shard };
        if self.stack.knows(channel, request.dialog_id()) {
            return self.shard;
        }
        let shard = instance_shard(request, &self.registry, self.node, self.shards).unwrap_or(self.shard);
        if shard != self.shard {
            let limit = self.config.stack.dialogs_per_channel;
            self.elsewhere.insert(channel, request.dialog_id(), shard, limit);
        }
        shard
    }
}

/// The shard of the instance that a first request names by `relid` or by its service's key.
fn instance_shard(request: &Request, registry: &Registry, node: u16, shards: u16) -> Option<u16> {
    match choose(request, registry) {
        Choice::Relation(relation) => shard_of(node, &relation).filter(|shard| *shard < shards),
        Choice::Service(service) => {
            let key = registry.service(service).key(request)?;
            Some(spread(key.as_bytes(), service as u64 + 1, shards))
        }
        Choice::BadRoute(_) | Choice::NoService(_) => None,
    }
}
