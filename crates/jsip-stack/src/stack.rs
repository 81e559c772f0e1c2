//! The stack: its tables, and the calls that do not belong to one message.

use std::collections::VecDeque;
use std::hash::BuildHasher as _;

use foldhash::quality::FixedState;
use hashbrown::HashTable;
use jsip::{CSeq, DialogId, Method};
use slab::Slab;
use strowger_time::{Deadlines, Instant};

use crate::channel::ChannelTable;
use crate::dialog::Dialog;
use crate::encoded::Writing;
use crate::ids::SERIAL_MASK;
use crate::output::Delivery;
use crate::session::table::State;
use crate::shrinking::Shrinking;
use crate::timer::{At, Timer};
use crate::trail::Trails;
use crate::watch::What;
use crate::{Channel, Config, Counters, DialogKey, EndCause, Happening, Output, Owner, Tag, Watch};

/// Room for more outputs than this is given back when there are none.
const KEPT_OUTPUTS: usize = 256;

/// All dialogs of one shard: transactions, sessions and their timers.
///
/// See the [crate's documentation](crate) for how to drive it. Memory: at most 160 B per dialog, 152 per session
/// and 152 per transaction, beside their text and that of the latest
/// response of each transaction that still absorbs retransmissions.
#[derive(Debug)]
pub struct Stack {
    pub(crate) config: Config,
    pub(crate) shard: u8,
    pub(crate) dialogs: Slab<Dialog>,
    shrinking: Shrinking,
    /// Places in `dialogs`, by (channel, `DialogueID`).
    index: HashTable<u32>,
    hasher: FixedState,
    pub(crate) channels: ChannelTable,
    pub(crate) deadlines: Deadlines<Timer>,
    pub(crate) outputs: VecDeque<Output>,
    /// Where what goes out is written down.
    pub(crate) writing: Writing,
    pub(crate) counters: Counters,
    pub(crate) trails: Trails,
    pub(crate) watch: Watch,
    pub(crate) happenings: Vec<Happening>,
    /// Whether it is noted whose timers were due.
    pub(crate) notes_due: bool,
    pub(crate) due: VecDeque<DialogKey>,
    /// How many dialogs have a leg that has not ended.
    pub(crate) live: usize,
    epoch: u32,
    serial: u32,
}

impl Stack {
    /// An empty stack. `shard` goes into every [`Tag`]; `seed` should be random, so that peers cannot choose dialog
    /// ids that collide in the stack's tables.
    pub fn new(config: Config, shard: u8, seed: u64) -> Self {
        Self {
            config,
            shard,
            dialogs: Slab::new(),
            shrinking: Shrinking::default(),
            index: HashTable::new(),
            hasher: FixedState::with_seed(seed),
            channels: ChannelTable::new(seed),
            deadlines: Deadlines::new(),
            outputs: VecDeque::new(),
            writing: Writing::default(),
            counters: Counters::default(),
            trails: Trails::default(),
            watch: Watch::Off,
            happenings: Vec::new(),
            notes_due: false,
            due: VecDeque::new(),
            live: 0,
            epoch: 0,
            serial: 0,
        }
    }

    /// The next decision to carry out.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        if output.is_none() && self.outputs.capacity() > KEPT_OUTPUTS {
            self.outputs = VecDeque::new();
        }
        output
    }

    /// When [`Stack::handle_timeout`] must be called at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.earliest()
    }

    /// Changes timers and limits. Timers that run already run on.
    pub fn set_config(&mut self, config: Config) {
        self.config = config;
    }

    /// How many messages had no effect, and why.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How many dialog records there are, lingering ones included.
    pub fn len(&self) -> usize {
        self.dialogs.len()
    }

    /// Whether there is no dialog record.
    pub fn is_empty(&self) -> bool {
        self.dialogs.is_empty()
    }

    /// How many dialogs are alive for an instance, or about to be.
    pub const fn live(&self) -> usize {
        self.live
    }

    /// How many timers run.
    pub fn timers(&self) -> usize {
        self.deadlines.len()
    }

    /// How many bytes its tables take, used or not; what the records themselves own is not in it. Follows what is in
    /// the tables, down as well as up.
    pub fn footprint(&self) -> usize {
        self.dialogs.capacity() * size_of::<Dialog>()
            + self.index.allocation_size()
            + self.channels.footprint()
            + self.outputs.capacity() * size_of::<Output>()
    }

    /// The name of the state of a dialog's session; `None` outside a session or after the leg ended.
    pub fn state_name(&self, key: DialogKey) -> Option<&'static str> {
        self.leg(key)
            .and_then(|index| self.dialogs[index].state())
            .map(State::name)
    }

    /// The channel of a live dialog.
    pub fn channel_of(&self, key: DialogKey) -> Option<Channel> {
        self.leg(key).and_then(|index| self.dialogs[index].channel)
    }

    /// The channels that own live dialogs, each once.
    pub fn live_channels(&self) -> Vec<Channel> {
        let live = self.dialogs.iter().filter(|(_, dialog)| dialog.alive);
        let mut channels: Vec<_> = live.filter_map(|(_, dialog)| dialog.channel).collect();
        channels.sort_unstable();
        channels.dedup();
        channels
    }

    /// Whether there is a record of this dialog, alive or lingering.
    pub fn knows(&self, channel: Channel, dialog_id: &str) -> bool {
        self.find(channel, dialog_id).is_some()
    }

    /// Whether any dialog on this channel is alive.
    pub fn has_live_dialogs(&self, channel: Channel) -> bool {
        self.channels.get(channel).is_some_and(|record| record.live > 0)
    }

    /// The place of a leg that has not ended.
    pub(crate) fn leg(&self, key: DialogKey) -> Option<usize> {
        let index = key.index as usize;
        let dialog = self.dialogs.get(index)?;
        (dialog.epoch == key.epoch && dialog.alive).then_some(index)
    }

    /// The place of a record that has not been removed.
    pub(crate) fn at(&self, at: At) -> Option<usize> {
        let index = at.index as usize;
        (self.dialogs.get(index)?.at == at).then_some(index)
    }

    fn hash(&self, channel: Channel, id: &str) -> u64 {
        self.hasher.hash_one((channel, id))
    }

    pub(crate) fn find(&self, channel: Channel, id: &str) -> Option<usize> {
        let hash = self.hash(channel, id);
        self.index
            .find(hash, |index| {
                let dialog = &self.dialogs[*index as usize];
                dialog.channel == Some(channel) && dialog.id.as_str() == id
            })
            .map(|index| *index as usize)
    }

    /// How many dialogs can be found by their key.
    pub(crate) fn indexed(&self) -> usize {
        self.index.len()
    }

    pub(crate) fn next_epoch(&mut self) -> u32 {
        self.epoch = self.epoch.wrapping_add(1);
        self.epoch
    }

    pub(crate) fn next_tag(&mut self, index: usize) -> Tag {
        self.serial = (self.serial + 1) & SERIAL_MASK as u32;
        // Serial 0 of place 0 would be `Tag::NONE`.
        self.serial = self.serial.max(1);
        Tag::new(self.shard, index as u32, self.serial)
    }

    pub(crate) fn insert(&mut self, channel: Option<Channel>, id: DialogId, begun_by_peer: bool) -> usize {
        let epoch = self.next_epoch();
        let entry = self.dialogs.vacant_entry();
        let index = entry.key();
        entry.insert(Dialog {
            at: At {
                index: index as u32,
                uid: epoch,
            },
            epoch,
            channel: None,
            slot: 0,
            id,
            owner: None,
            alive: true,
            watched: false,
            begun_by_peer,
            next_cseq: CSeq::FIRST,
            session: None,
            clients: Vec::new(),
            servers: Vec::new(),
            held: Vec::new(),
            cause: EndCause::Completed,
            lingering: false,
        });
        self.live += 1;
        if let Some(channel) = channel {
            self.attach(index, channel);
        }
        index
    }

    /// Makes a dialog findable on its channel.
    pub(crate) fn attach(&mut self, index: usize, channel: Channel) {
        let record = self.channels.entry(channel);
        let slot = record.dialogs.len() as u32;
        record.dialogs.push(index as u32);
        record.begun += usize::from(self.dialogs[index].begun_by_peer);
        record.live += usize::from(self.dialogs[index].alive);
        self.dialogs[index].channel = Some(channel);
        self.dialogs[index].slot = slot;
        let hash = self.hash(channel, self.dialogs[index].id.as_str());
        let (dialogs, hasher) = (&self.dialogs, &self.hasher);
        self.index
            .insert_unique(hash, index as u32, |index| hash_of(dialogs, hasher, *index));
    }

    /// Gives back room in the tables that the busiest moment has left.
    fn shrink(&mut self) {
        self.shrinking.after_removal(&mut self.dialogs);
        if self.index.len() < self.index.capacity() / 4 {
            let (dialogs, hasher) = (&self.dialogs, &self.hasher);
            self.index
                .shrink_to(self.index.len() * 2, |index| hash_of(dialogs, hasher, *index));
        }
    }

    /// Forgets a dialog with all its timers.
    pub(crate) fn remove(&mut self, index: usize) {
        let mut dialog = self.dialogs.remove(index);
        self.trails.forget(index);
        self.live -= usize::from(dialog.alive);
        if let Some(channel) = dialog.channel {
            let hash = self.hash(channel, dialog.id.as_str());
            if let Ok(entry) = self.index.find_entry(hash, |other| *other as usize == index) {
                entry.remove();
            }
            self.detach(&dialog, channel);
        }
        self.shrink();
        let session = dialog.session.take();
        let timers = dialog.clients.iter().filter_map(|client| client.deadline);
        let timers = timers.chain(dialog.servers.iter().filter_map(|server| server.deadline));
        let timers = timers.chain(
            session
                .into_iter()
                .flat_map(|s| [s.timer, s.refresh.timer])
                .flatten(),
        );
        for timer in timers {
            self.deadlines.cancel(timer);
        }
    }

    fn detach(&mut self, dialog: &Dialog, channel: Channel) {
        let record = self.channels.entry(channel);
        record.dialogs.swap_remove(dialog.slot as usize);
        if let Some(moved) = record.dialogs.get(dialog.slot as usize) {
            self.dialogs[*moved as usize].slot = dialog.slot;
        }
        record.begun -= usize::from(dialog.begun_by_peer && dialog.alive);
        record.live -= usize::from(dialog.alive);
        if record.dialogs.is_empty() {
            if let Some(timer) = record.timer {
                self.deadlines.cancel(timer);
            }
            self.channels.forget(channel);
        }
    }

    pub(crate) fn deliver(&mut self, index: usize, delivery: Delivery) {
        if let Some(owner) = self.dialogs[index].owner {
            self.outputs.push_back(Output::Deliver { owner, delivery });
        }
    }

    /// Ends the leg if nothing more can come on it, and forgets the record if nothing is left to absorb.
    pub(crate) fn settle(&mut self, now: Instant, index: usize) {
        let dialog = &self.dialogs[index];
        if dialog.alive && dialog.session_is_over() && dialog.is_quiet() {
            self.end_leg(index);
        }
        let dialog = &mut self.dialogs[index];
        dialog
            .clients
            .retain(|client| client.method == Method::Invite || client.is_open());
        // A record whose channel is not known yet waits for it: what it holds may have to be withdrawn there.
        if dialog.alive || dialog.channel.is_none() {
            return;
        }
        match dialog.state() {
            None => {
                if dialog.servers.is_empty() && dialog.clients.is_empty() {
                    self.remove(index);
                }
            }
            Some(State::Terminated) => self.linger_session(now, index),
            Some(_) => {}
        }
    }

    /// Tells the instance that its leg is over.
    pub(crate) fn end_leg(&mut self, index: usize) {
        let cause = self.dialogs[index].cause;
        self.note(index, What::Ended(cause));
        self.deliver(index, Delivery::Ended(cause));
        self.trails.forget(index);
        let dialog = &mut self.dialogs[index];
        dialog.alive = false;
        dialog.owner = None;
        self.live -= 1;
        if let Some(channel) = dialog.channel {
            let begun = usize::from(dialog.begun_by_peer);
            let record = self.channels.entry(channel);
            record.begun -= begun;
            record.live -= 1;
        }
    }

    /// Binds a new dialog to the leg of an instance: the answer to [`Output::Incoming`].
    pub fn accept(&mut self, dialog: DialogKey, owner: Owner) {
        if let Some(index) = self.leg(dialog) {
            self.dialogs[index].owner = Some(owner);
        }
    }
}

fn hash_of(dialogs: &Slab<Dialog>, hasher: &FixedState, index: u32) -> u64 {
    let dialog = &dialogs[index as usize];
    hasher.hash_one((dialog.channel.unwrap_or(Channel::new(0)), dialog.id.as_str()))
}
