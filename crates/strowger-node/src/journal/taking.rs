//! Calls out of what a shard has in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use strowger_journal::binary::{self, Glance};
use strowger_journal::{Entry, Found, Header, Journal, Place, ReadError, Record, Sorter};

use super::convert;
use super::{Desk, JournalSettings, Stretch};
use crate::{InstanceId, Shard};

/// What a shard had in memory: stretches, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct Taken(pub Vec<Arc<Stretch>>);

impl Shard {
    /// What is in memory; `None`: nothing is written down. Costs a copy of the latest stretch at most.
    pub fn taken(&self) -> Option<Taken> {
        match &self.desk {
            Desk::Writing(recorder) => Some(Taken(recorder.kept())),
            Desk::Off | Desk::Playing(_) => None,
        }
    }

    /// What holds for the journals of this shard.
    pub(super) fn journal_header(&self, settings: &JournalSettings) -> Header {
        let default = self.registry.default_place();
        Header {
            default_service: self.registry.name(default).to_string(),
            began_us: settings.began_us,
            node: self.node,
            shard: self.shard,
            bodies: settings.bodies,
            settings: convert::settings(&self.config),
            ..Header::default()
        }
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
        let mut journals = self.sort(Sorter::of(call.place()))?;
        let name = call.to_string();
        journals.retain(|journal| journal.header.call.as_deref() == Some(&name));
        Ok(journals.pop())
    }

    /// The journals of all calls.
    ///
    /// # Errors
    ///
    /// None that can happen with what shards write.
    pub fn journals(&self) -> Result<Vec<Journal>, ReadError> {
        self.sort(Sorter::new(usize::MAX))
    }

    fn sort(&self, sorter: Sorter) -> Result<Vec<Journal>, ReadError> {
        let mut calls = Calls::new(sorter);
        for stretch in &self.0 {
            calls.push(stretch)?;
        }
        Ok(calls.take_all())
    }
}

/// Says whether a call of this service is wanted, of which the instance is called so and began at this time.
pub type IsWanted = Box<dyn Fn(&str, Place, u64) -> bool + Send>;

/// What is to become of a record.
enum Look {
    Keep,
    Drop,
    /// It is kept, if a leg that is wanted begins with it.
    Wait,
    /// A leg that is wanted begins.
    Join,
}

/// Finds calls in the stretches of a shard.
pub struct Calls {
    /// `None`: all are.
    wanted: Option<IsWanted>,
    /// Running calls that are not wanted, and the dialogs that were theirs, by their places.
    dropped: BTreeSet<Place>,
    dropped_dialogs: BTreeMap<u32, u32>,
    sorter: Sorter,
    /// By calls: what held when they began.
    headers: BTreeMap<Place, Arc<Header>>,
    last: Arc<Header>,
    /// The number that the next stretch must have, if nothing is missing.
    next: Option<u64>,
}

impl Calls {
    /// Calls that this sorter finds.
    pub fn new(sorter: Sorter) -> Self {
        Self {
            wanted: None,
            dropped: BTreeSet::new(),
            dropped_dialogs: BTreeMap::new(),
            sorter,
            headers: BTreeMap::new(),
            last: Arc::default(),
            next: None,
        }
    }

    /// Only those that are wanted: of the others hardly anything is read.
    #[must_use]
    pub fn only(mut self, wanted: IsWanted) -> Self {
        self.wanted = Some(wanted);
        self
    }

    /// The next stretch of the shard; where one is missing, calls that run are cut.
    ///
    /// # Errors
    ///
    /// None that can happen with what shards write.
    pub fn push(&mut self, stretch: &Stretch) -> Result<(), ReadError> {
        if self.next.is_some_and(|next| next != stretch.number) {
            let entry = Entry::Gap { records: 1 };
            let at = stretch.base;
            self.sorter.push(Record { at, entry }, 0);
            // The end of a call may be in what is missing.
            self.dropped.clear();
            self.dropped_dialogs.clear();
        }
        self.next = Some(stretch.number + 1);
        self.last = Arc::clone(&stretch.header);
        // A message of which it is not known yet whether it begins a leg that is wanted.
        let mut waiting = None;
        binary::each(&stretch.bytes, 0, stretch.base, |at, body| {
            match self.look(body) {
                Look::Keep => {}
                Look::Wait => {
                    waiting = Some((at, body.to_vec()));
                    return Ok(());
                }
                Look::Drop => return Ok(()),
                Look::Join => {
                    if let Some((at, first)) = waiting.take() {
                        self.sorter.push(binary::read_record(at, &first)?, first.len());
                    }
                }
            }
            self.take_in(stretch, binary::read_record(at, body)?, body.len());
            Ok(())
        })
    }

    fn take_in(&mut self, stretch: &Stretch, record: Record<'static>, bytes: usize) {
        if let Entry::Started {
            instance, service, ..
        } = &record.entry
        {
            let wanted = self.wanted.as_ref();
            if wanted.is_some_and(|wanted| !wanted(service, *instance, record.at)) {
                self.dropped.insert(*instance);
                return;
            }
            self.headers.insert(*instance, Arc::clone(&stretch.header));
        }
        self.sorter.push(record, bytes);
    }

    /// What is to become of a record, by its first bytes.
    fn look(&mut self, body: &[u8]) -> Look {
        if self.wanted.is_none() {
            return Look::Keep;
        }
        let is_dropped = |dialog: &Place| self.dropped_dialogs.get(&dialog.index) == Some(&dialog.count);
        match Glance::of(body) {
            Some(Glance::Joined(instance, dialog)) if self.dropped.contains(&instance) => {
                self.dropped_dialogs.insert(dialog.index, dialog.count);
                Look::Drop
            }
            Some(Glance::Joined(_, dialog)) => {
                self.dropped_dialogs.remove(&dialog.index);
                Look::Join
            }
            Some(Glance::Received(dialog)) if dialog.as_ref().is_none_or(is_dropped) => Look::Wait,
            Some(Glance::Dialog(dialog)) if is_dropped(&dialog) => Look::Drop,
            Some(Glance::Over(instance)) if self.dropped.remove(&instance) => Look::Drop,
            Some(Glance::Instance(instance)) if self.dropped.contains(&instance) => Look::Drop,
            _ => Look::Keep,
        }
    }

    /// What was found so far.
    pub const fn sorter(&self) -> &Sorter {
        &self.sorter
    }

    /// Takes the calls of which nothing more is to be expected, those that ended before this time, with who took part.
    pub fn take_ended(&mut self, before: u64) -> Vec<(Found, Journal)> {
        let ended = self.sorter.take_ended(before);
        ended
            .into_iter()
            .map(|(place, found)| self.journal(place, found))
            .collect()
    }

    /// Takes one call, whether it has ended or not.
    pub fn take(&mut self, call: Place) -> Option<(Found, Journal)> {
        let found = self.sorter.take(call)?;
        Some(self.journal(call, found))
    }

    fn take_all(mut self) -> Vec<Journal> {
        let calls: Vec<Place> = self.sorter.calls().keys().copied().collect();
        let taken = calls.into_iter().filter_map(|call| self.take(call));
        taken.map(|(_, journal)| journal).collect()
    }

    fn journal(&mut self, place: Place, mut found: Found) -> (Found, Journal) {
        let header = self.headers.remove(&place);
        let header = header.unwrap_or_else(|| Arc::clone(&self.last));
        let call = InstanceId::of_place(header.node, header.shard, place);
        let known = |text: &String| (!text.is_empty()).then(|| text.clone());
        let journal = Journal {
            header: Header {
                call: Some(call.to_string()),
                service: known(&found.service),
                version: known(&found.version),
                cuts: found.cuts.iter().copied().collect(),
                ..Header::clone(&header)
            },
            records: std::mem::take(&mut found.records),
        };
        (found, journal)
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls")
            .field("sorter", &self.sorter)
            .finish_non_exhaustive()
    }
}
