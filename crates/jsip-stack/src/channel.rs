//! What the stack knows of the channels its dialogs are on.

use std::collections::VecDeque;

use foldhash::quality::FixedState;
use hashbrown::HashMap;
use jsip::StatusCode;
use strowger_time::{DeadlineId, Instant};

use crate::linger::Linger;
use crate::timer::At;
use crate::{Channel, EndCause, Stack};

/// One channel that has dialogs.
#[derive(Debug)]
pub(crate) struct ChannelRecord {
    /// Whether the channel has a socket.
    pub(crate) up: bool,
    /// Places of its dialogs, lingering ones included.
    pub(crate) dialogs: Vec<u32>,
    /// How many live dialogs the peer began.
    pub(crate) begun: usize,
    /// How many live dialogs there are, whoever began them.
    pub(crate) live: usize,
    /// What absorbs retransmissions, oldest first.
    pub(crate) linger: VecDeque<Linger>,
    pub(crate) timer: Option<DeadlineId>,
}

/// The channels by number. Looked up, never iterated.
#[derive(Debug)]
pub(crate) struct ChannelTable {
    records: HashMap<Channel, ChannelRecord, FixedState>,
}

impl ChannelTable {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            records: HashMap::with_hasher(FixedState::with_seed(seed)),
        }
    }

    pub(crate) fn get(&self, channel: Channel) -> Option<&ChannelRecord> {
        self.records.get(&channel)
    }

    pub(crate) fn get_mut(&mut self, channel: Channel) -> Option<&mut ChannelRecord> {
        self.records.get_mut(&channel)
    }

    pub(crate) fn entry(&mut self, channel: Channel) -> &mut ChannelRecord {
        self.records.entry(channel).or_insert_with(|| ChannelRecord {
            up: true,
            dialogs: Vec::new(),
            begun: 0,
            live: 0,
            linger: VecDeque::new(),
            timer: None,
        })
    }

    /// In no particular order: for audits only.
    pub(crate) fn records(&self) -> impl Iterator<Item = &ChannelRecord> {
        self.records.values()
    }

    pub(crate) fn forget(&mut self, channel: Channel) {
        self.records.remove(&channel);
        if self.records.len() < self.records.capacity() / 4 {
            self.records.shrink_to(self.records.len() * 2);
        }
    }

    pub(crate) fn footprint(&self) -> usize {
        self.records.allocation_size()
    }
}

impl Stack {
    /// The channel has a socket (again): what counts only with one starts anew.
    pub fn channel_up(&mut self, now: Instant, channel: Channel) {
        let Some(record) = self.channels.get_mut(channel) else {
            return;
        };
        record.up = true;
        self.resume_linger(now, channel);
        for at in self.dialogs_in_order(channel) {
            if let Some(index) = self.at(at) {
                self.rearm(now, index);
            }
        }
    }

    /// The channel has no socket: what counts only with one stops.
    pub fn channel_down(&mut self, channel: Channel) {
        let Some(record) = self.channels.get_mut(channel) else {
            return;
        };
        record.up = false;
        let dialogs = record.dialogs.clone();
        self.pause_linger(channel);
        for index in dialogs {
            self.suspend(index as usize);
        }
    }

    /// The channel is lost (protocol section 6): every dialog on it ends, and its instances are told; what they sent
    /// and nobody answered gets 480.
    pub fn channel_lost(&mut self, _now: Instant, channel: Channel) {
        self.lose_all(channel, StatusCode::TEMPORARILY_UNAVAILABLE);
    }

    /// The channel was a link that failed for good: as [`Stack::channel_lost`], with 503.
    pub fn link_failed(&mut self, _now: Instant, channel: Channel) {
        self.lose_all(channel, StatusCode::SERVICE_UNAVAILABLE);
    }

    fn lose_all(&mut self, channel: Channel, code: StatusCode) {
        for at in self.dialogs_in_order(channel) {
            if let Some(index) = self.at(at) {
                self.lose(index, EndCause::ChannelLost, code);
            }
        }
    }

    /// The dialogs of a channel as their legs began: in which places they lie depends on others that came and went, and
    /// what happens to a call must not.
    fn dialogs_in_order(&self, channel: Channel) -> Vec<At> {
        let Some(record) = self.channels.get(channel) else {
            return Vec::new();
        };
        let dialogs = record.dialogs.iter().map(|index| &self.dialogs[*index as usize]);
        let mut dialogs: Vec<_> = dialogs.map(|dialog| (dialog.epoch, dialog.at)).collect();
        dialogs.sort_unstable_by_key(|(epoch, _)| *epoch);
        dialogs.into_iter().map(|(_, at)| at).collect()
    }
}
