//! What an operator sees of what runs, channels, dialogs and instances, and how he ends one.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use jsip_stack::Release;
use strowger_time::Instant;

use crate::instances::{InstanceKey, Running};
use crate::{Shard, Version};

mod channels;
mod dialogs;
mod page;

pub use channels::ChannelLook;
pub use dialogs::{DialogFilter, DialogLook, DialogRef};
pub use page::{Cursor, CursorError, Page};

/// How many places are looked at for one page: a filter that fits few must not hold up a shard.
const LOOKS: usize = 10_000;

/// Names an instance among all that ever run on a node. Its text form is hexadecimal: node and shard, place, and the count that tells
/// it from earlier ones in the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InstanceId {
    node: u16,
    shard: u16,
    pub(crate) index: u32,
    pub(crate) epoch: u32,
}

impl InstanceId {
    pub(crate) const fn new(node: u16, shard: u16, index: u32, epoch: u32) -> Self {
        Self {
            node,
            shard,
            index,
            epoch,
        }
    }

    const fn number(self) -> u128 {
        (self.node as u128) << 80
            | (self.shard as u128) << 64
            | (self.index as u128) << 32
            | self.epoch as u128
    }

    /// The shard it runs on.
    pub const fn shard(self) -> u16 {
        self.shard
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:04x}{:02x}-{:x}-{:x}",
            self.node, self.shard, self.index, self.epoch
        )
    }
}

/// A text that names no instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no name of an instance")]
pub struct InstanceIdError;

impl FromStr for InstanceId {
    type Err = InstanceIdError;

    fn from_str(text: &str) -> Result<Self, InstanceIdError> {
        let read = || {
            let mut parts = text.split('-');
            let (place, index, epoch) = (parts.next()?, parts.next()?, parts.next()?);
            let (node, shard) = place.split_at_checked(4)?;
            let id = Self {
                node: u16::from_str_radix(node, 16).ok()?,
                shard: u16::from_str_radix(shard, 16).ok()?,
                index: u32::from_str_radix(index, 16).ok()?,
                epoch: u32::from_str_radix(epoch, 16).ok()?,
            };
            // One name for one instance: no signs, no capitals, no zeros in front.
            (parts.next().is_none() && id.to_string() == text).then_some(id)
        };
        read().ok_or(InstanceIdError)
    }
}

/// What can be seen of an instance from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceInfo {
    /// Its name.
    pub id: InstanceId,
    /// Its service.
    pub service: Arc<str>,
    /// The version that it runs on.
    pub version: Arc<Version>,
    /// How long it has run.
    pub age: Duration,
    /// Its legs.
    pub legs: usize,
    /// Its timers.
    pub timers: usize,
    /// The relation ids by which others may join it.
    pub relations: usize,
    /// The key by which requests reach it.
    pub key: Option<String>,
    /// Whether the service has forwarded the call and has no part in it any more.
    pub forwarded: bool,
}

/// Which instances are wanted: all that fit everything that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceFilter {
    /// Those of a service.
    pub service: Option<String>,
    /// Those of versions with this label.
    pub version: Option<String>,
}

impl InstanceFilter {
    fn fits(&self, running: &Running) -> bool {
        let service = self.service.as_ref();
        let version = self.version.as_ref();
        service.is_none_or(|name| name.eq_ignore_ascii_case(&running.kind.name))
            && version.is_none_or(|label| *label == running.kind.version.label)
    }
}

/// Part of a list of instances.
pub type InstancePage = Page<InstanceInfo>;

impl Shard {
    /// Up to `limit` of this shard's instances that fit, from a place on; looks at 10,000 places at most.
    pub fn instance_page(
        &self,
        now: Instant,
        filter: &InstanceFilter,
        from: u32,
        limit: usize,
    ) -> InstancePage {
        let mut page = InstancePage::default();
        let mut index = from as usize;
        let end = self.instances.places();
        while index < end {
            if page.items.len() >= limit || index - from as usize >= LOOKS {
                page.next = Some(Cursor {
                    shard: self.shard,
                    index: index as u32,
                });
                break;
            }
            let running = self.instances.at(index).filter(|running| filter.fits(running));
            page.items
                .extend(running.map(|running| self.info(now, index, running)));
            index += 1;
        }
        page
    }

    /// One instance, if it still runs.
    pub fn instance(&self, now: Instant, id: InstanceId) -> Option<InstanceInfo> {
        let key = self.key_of(id)?;
        let running = self.instances.get(key)?;
        Some(self.info(now, key.index, running))
    }

    /// Ends an instance as if it had finished: its legs get BYE or CANCEL, who waits for an answer 500. `false`: it runs no more.
    pub fn end_instance(&mut self, now: Instant, id: InstanceId) -> bool {
        let key = self.key_of(id).filter(|key| self.instances.get(*key).is_some());
        if let Some(key) = key {
            self.write_stopped(now, key, None);
            self.end(now, key, Release::Finished);
        }
        key.is_some()
    }

    /// The name of an instance of this shard.
    pub(crate) fn id_of(&self, key: InstanceKey) -> InstanceId {
        InstanceId::new(self.node, self.shard, key.index as u32, key.epoch)
    }

    fn key_of(&self, id: InstanceId) -> Option<InstanceKey> {
        (id.node == self.node && id.shard == self.shard).then_some(InstanceKey {
            index: id.index as usize,
            epoch: id.epoch,
        })
    }

    fn info(&self, now: Instant, index: usize, running: &Running) -> InstanceInfo {
        InstanceInfo {
            id: InstanceId {
                node: self.node,
                shard: self.shard,
                index: index as u32,
                epoch: running.epoch,
            },
            service: Arc::clone(&running.kind.name),
            version: Arc::clone(&running.kind.version),
            age: now.since(running.started),
            legs: running.legs.len(),
            timers: running.timers.len(),
            relations: running.relations.len(),
            key: running.key.clone(),
            forwarded: running.forwarded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_has_one_name() {
        let id = InstanceId {
            node: 0xbeef,
            shard: 3,
            index: 17,
            epoch: 0xfffff,
        };
        assert_eq!(id.to_string(), "beef03-11-fffff");
        assert_eq!("beef03-11-fffff".parse(), Ok(id));
        for bad in [
            "",
            "beef03",
            "beef03-11",
            "beef03-11-fffff-0",
            "BEEF03-11-fffff",
            "beef03-+11-fffff",
            "beef03-011-fffff",
            "éé-1-1",
        ] {
            assert_eq!(bad.parse::<InstanceId>(), Err(InstanceIdError), "{bad}");
        }
    }
}
