//! Calls, found among the records of a shard.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::{Cut, Entry, Place, Record};

/// A call that was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Its service; empty where its beginning is missing.
    pub service: String,
    /// The version of that.
    pub version: String,
    /// Its records, in order.
    pub records: Vec<Record<'static>>,
    /// What is missing of it.
    pub cuts: BTreeSet<Cut>,
    /// Who took part: names in `From` and `To` of first requests, and whom legs were opened to.
    pub parties: BTreeSet<String>,
    /// When its instance ended.
    pub over: Option<u64>,
    /// How many bytes its records take in the compact form.
    pub bytes: usize,
    channels: BTreeSet<u64>,
    dialogs: BTreeSet<Place>,
}

/// Finds calls among the records of one shard, which it is given in their order.
#[derive(Debug)]
pub struct Sorter {
    calls: BTreeMap<Place, Found>,
    /// Which dialog is in which place, and whose it is.
    dialogs: BTreeMap<u32, (u32, Place)>,
    channels: BTreeMap<u64, BTreeSet<Place>>,
    /// A message of which it is not known yet whether it begins a leg.
    waiting: Option<(Record<'static>, usize)>,
    /// The only call whose records are kept.
    only: Option<Place>,
    bytes: usize,
    most_of_one: usize,
}

/// Who took part, as the first message of a leg says.
#[derive(Deserialize)]
struct Parties {
    #[serde(rename = "From")]
    from: String,
    #[serde(rename = "To")]
    to: String,
}

impl Sorter {
    /// A sorter that keeps so many bytes of one call; what comes after that is cut.
    pub const fn new(most_of_one: usize) -> Self {
        Self {
            calls: BTreeMap::new(),
            dialogs: BTreeMap::new(),
            channels: BTreeMap::new(),
            waiting: None,
            only: None,
            bytes: 0,
            most_of_one,
        }
    }

    /// One that keeps records of this call only; of others it knows that they are there.
    pub const fn of(call: Place) -> Self {
        let mut sorter = Self::new(usize::MAX);
        sorter.only = Some(call);
        sorter
    }

    /// How many bytes of records it keeps.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The calls that were found, by their instances.
    pub const fn calls(&self) -> &BTreeMap<Place, Found> {
        &self.calls
    }

    /// The next record, and how long it is in the compact form.
    pub fn push(&mut self, record: Record<'static>, bytes: usize) {
        match &record.entry {
            Entry::Received { .. } => {
                self.settle();
                self.waiting = Some((record, bytes));
                return;
            }
            Entry::Started {
                instance,
                service,
                version,
                ..
            } => {
                let found = self.calls.entry(*instance).or_default();
                found.service = service.to_string();
                found.version = version.to_string();
            }
            Entry::Served { instance, dialog, .. } => {
                let (instance, dialog) = (*instance, *dialog);
                if let Some((first, bytes)) = self.waiting.take() {
                    self.begin_leg(instance, &first);
                    self.keep(instance, first, bytes);
                }
                self.join(instance, dialog);
            }
            Entry::Gap { .. } => {
                self.waiting = None;
                for found in self.calls.values_mut() {
                    found.cuts.insert(Cut::Middle);
                }
                return;
            }
            _ => self.settle(),
        }
        match &record.entry {
            Entry::Opened { instance, dialog, .. } => {
                let (instance, dialog) = (*instance, *dialog);
                self.join(instance, dialog);
                self.keep(instance, record, bytes);
            }
            Entry::Started { instance, .. }
            | Entry::Served { instance, .. }
            | Entry::Read { instance, .. }
            | Entry::Elapsed { instance, .. }
            | Entry::Told { instance, .. }
            | Entry::Stopped { instance, .. }
            | Entry::Moved { instance, .. }
            | Entry::Handled { instance, .. } => {
                let instance = *instance;
                self.keep(instance, record, bytes);
            }
            Entry::Over { instance } => {
                let (instance, at) = (*instance, record.at);
                self.keep(instance, record, bytes);
                if let Some(found) = self.calls.get_mut(&instance) {
                    found.over = Some(at);
                }
            }
            Entry::Bound { dialog, channel } => {
                let Some(call) = self.call_of(*dialog) else { return };
                if let Some((channel, _)) = channel {
                    self.reach(call, *channel);
                }
                self.keep(call, record, bytes);
            }
            Entry::Released { dialog, .. }
            | Entry::Withdrawn { dialog, .. }
            | Entry::NoRoom { dialog, .. }
            | Entry::Due { dialog }
            | Entry::Ended { dialog, .. } => {
                if let Some(call) = self.call_of(*dialog) {
                    self.keep(call, record, bytes);
                }
            }
            Entry::Sent { dialog, to, .. } => {
                let Some(call) = dialog.and_then(|dialog| self.call_of(dialog)) else {
                    return;
                };
                if let (Some(to), Some(found)) = (to, self.calls.get_mut(&call)) {
                    found.parties.insert(to.to_string());
                }
                self.keep(call, record, bytes);
            }
            Entry::Channel { channel, .. } => {
                let calls = self.channels.get(channel).cloned().unwrap_or_default();
                for call in calls {
                    self.keep(call, record.clone(), bytes);
                }
            }
            Entry::Reconfigured { .. } => {
                let running = self.calls.iter().filter(|(_, found)| found.over.is_none());
                let running: Vec<Place> = running.map(|(call, _)| *call).collect();
                for call in running {
                    self.keep(call, record.clone(), bytes);
                }
            }
            Entry::Received { .. } | Entry::Gap { .. } => {}
        }
    }

    /// A message that began nothing belongs to its dialog.
    fn settle(&mut self) {
        let Some((record, bytes)) = self.waiting.take() else {
            return;
        };
        if let Entry::Received {
            dialog: Some(dialog), ..
        } = &record.entry
            && let Some(call) = self.call_of(*dialog)
        {
            self.keep(call, record, bytes);
        }
    }

    fn call_of(&self, dialog: Place) -> Option<Place> {
        let (count, call) = self.dialogs.get(&dialog.index)?;
        (*count == dialog.count).then_some(*call)
    }

    fn begin_leg(&mut self, call: Place, first: &Record<'static>) {
        let Entry::Received { channel, message, .. } = &first.entry else {
            return;
        };
        self.reach(call, *channel);
        if let (Ok(parties), Some(found)) = (
            serde_json::from_str::<Parties>(&message.0),
            self.calls.get_mut(&call),
        ) {
            found.parties.extend([parties.from, parties.to]);
        }
    }

    fn reach(&mut self, call: Place, channel: u64) {
        self.channels.entry(channel).or_default().insert(call);
        if let Some(found) = self.calls.get_mut(&call) {
            found.channels.insert(channel);
        }
    }

    fn join(&mut self, call: Place, dialog: Place) {
        self.dialogs.insert(dialog.index, (dialog.count, call));
        if let Some(found) = self.calls.get_mut(&call) {
            found.dialogs.insert(dialog);
        }
    }

    fn keep(&mut self, call: Place, record: Record<'static>, bytes: usize) {
        let found = self.calls.entry(call).or_insert_with(|| Found {
            cuts: BTreeSet::from([Cut::Beginning]),
            ..Found::default()
        });
        if self.only.is_some_and(|only| only != call) || found.cuts.contains(&Cut::Beginning) {
            return;
        }
        if found.bytes.saturating_add(bytes) > self.most_of_one {
            found.cuts.insert(Cut::End);
        }
        // What follows a cut cannot be run again, and would only take room.
        if found.cuts.is_empty() {
            found.bytes += bytes;
            self.bytes += bytes;
            found.records.push(record);
        }
    }

    /// Takes the calls that ended before this time, so that of those nothing more is to be expected.
    pub fn take_ended(&mut self, before: u64) -> Vec<(Place, Found)> {
        let is_over = |found: &Found| found.over.is_some_and(|over| over < before);
        let calls = self.calls.iter().filter(|(_, found)| is_over(found));
        let calls: Vec<Place> = calls.map(|(call, _)| *call).collect();
        calls
            .into_iter()
            .filter_map(|call| Some((call, self.take(call)?)))
            .collect()
    }

    /// Takes one call; what comes of it later is not kept.
    pub fn take(&mut self, call: Place) -> Option<Found> {
        self.settle();
        let mut found = self.calls.remove(&call)?;
        self.bytes -= found.bytes;
        for dialog in &found.dialogs {
            if self.call_of(*dialog) == Some(call) {
                self.dialogs.remove(&dialog.index);
            }
        }
        for channel in &found.channels {
            if let Some(calls) = self.channels.get_mut(channel) {
                calls.remove(&call);
                if calls.is_empty() {
                    self.channels.remove(channel);
                }
            }
        }
        if found.over.is_none() {
            found.cuts.insert(Cut::End);
        }
        Some(found)
    }
}
