//! Calls out of what a shard has in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use strowger_journal::{Cut, Entry, Found, Header, Journal, Place, ReadError, Settings, Sorter, binary};

use super::{Desk, Stretch};
use crate::{InstanceId, Shard};

/// What a shard had in memory, and what must be known to make journals of it.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The stretches, the oldest first.
    pub stretches: Vec<Arc<Stretch>>,
    /// What holds for the journals.
    pub header: Header,
}

impl Shard {
    /// What is in memory; `None`: nothing is written down. Costs a copy of the latest stretch at most.
    pub fn taken(&self) -> Option<Taken> {
        let Desk::Writing(recorder) = &self.desk else {
            return None;
        };
        Some(Taken {
            stretches: recorder.kept(),
            header: self.journal_header(recorder.settings.began_us, recorder.settings.bodies),
        })
    }

    /// What holds for the journals of this shard.
    fn journal_header(&self, began_us: u64, bodies: bool) -> Header {
        let default = self.registry.default_place();
        Header {
            default_service: self.registry.name(default).to_string(),
            began_us,
            node: self.node,
            shard: self.shard,
            bodies,
            ..Header::default()
        }
    }

    /// What holds for the journals that are made elsewhere of what this shard sends there.
    pub fn header(&self) -> Option<Header> {
        let Desk::Writing(recorder) = &self.desk else {
            return None;
        };
        Some(self.journal_header(recorder.settings.began_us, recorder.settings.bodies))
    }
}

impl InstanceId {
    /// The name of the instance that a journal of a shard calls so.
    pub const fn of_place(node: u16, shard: u16, place: Place) -> Self {
        Self::new(node, shard, place.index, place.count)
    }

    /// What the journal of its shard calls it.
    pub const fn place(self) -> Place {
        Place {
            index: self.index,
            count: self.epoch,
        }
    }
}

impl Taken {
    /// The journal of a call; `None`: nothing is known of it.
    ///
    /// # Errors
    ///
    /// None that can happen with what shards write.
    pub fn journal(&self, call: InstanceId) -> Result<Option<Journal>, ReadError> {
        let mut calls = self.sort(Sorter::of(call.place()))?;
        let found = calls.remove(&call.place());
        Ok(found.map(|(found, settings)| self.header.journal(call, found, &settings)))
    }

    /// The journals of all calls.
    ///
    /// # Errors
    ///
    /// None that can happen with what shards write.
    pub fn journals(&self) -> Result<Vec<Journal>, ReadError> {
        let calls = self.sort(Sorter::new(usize::MAX))?;
        let (node, shard) = (self.header.node, self.header.shard);
        let journals = calls.into_iter().map(|(place, (found, settings))| {
            let call = InstanceId::of_place(node, shard, place);
            self.header.journal(call, found, &settings)
        });
        Ok(journals.collect())
    }

    fn sort(&self, mut sorter: Sorter) -> Result<BTreeMap<Place, (Found, Arc<Settings>)>, ReadError> {
        let mut settings = BTreeMap::new();
        for stretch in &self.stretches {
            for record in binary::records(&stretch.bytes, stretch.base)? {
                if let Entry::Started { instance, .. } = &record.entry {
                    settings.insert(*instance, Arc::clone(&stretch.settings));
                }
                sorter.push(record, 0);
            }
        }
        let calls: Vec<Place> = sorter.calls().keys().copied().collect();
        let take = |call: Place| {
            let found = sorter.take(call)?;
            let settings = settings.remove(&call).unwrap_or_default();
            Some((call, (found, settings)))
        };
        Ok(calls.into_iter().filter_map(take).collect())
    }
}

/// Makes journals of what was found.
pub trait ToJournal {
    /// The journal of a call.
    fn journal(&self, call: InstanceId, found: Found, settings: &Settings) -> Journal;
}

impl ToJournal for Header {
    fn journal(&self, call: InstanceId, found: Found, settings: &Settings) -> Journal {
        let known = |text: String| (!text.is_empty()).then_some(text);
        Journal {
            header: Self {
                call: Some(call.to_string()),
                service: known(found.service),
                version: known(found.version),
                cuts: found.cuts.iter().copied().collect::<Vec<Cut>>(),
                settings: settings.clone(),
                ..self.clone()
            },
            records: found.records,
        }
    }
}
