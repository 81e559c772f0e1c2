//! The acknowledged outbox of one channel (protocol section 1, Delivery).
//!
//! ```text
//!            take              Pong                response
//!  Queued ---------> Written ---------> Released ------------> Gone
//!                     |   ^  (a request)  |
//!         socket gone |   | take          | socket gone
//!                     v   |               v
//!                    Again +------------ Owed
//! ```
//!
//! Every entry has a sequence number; entries leave in the order of these numbers, whatever happens between. A Ping
//! behind each batch carries the number of the batch's last entry, so its Pong stands for all entries up to there.
//! When the socket goes, the place of writing moves back to the oldest entry: the next socket gets one pass over
//! everything that is not done, each entry once, and then what is new.
//!
//! No timer, no socket and no limit is in here: the owner of the outbox asks [`Outbox::fill`] and
//! [`Outbox::oldest_undelivered`], and forgets the sockets it no longer has.
//!
//! The table of the machine is [`cell`]; that of who gets in when room is short is [`admission`].

use std::collections::VecDeque;

use bytes::Bytes;
use strowger_time::Instant;

use crate::{Kind, Tag};

mod admission;
mod table;
#[cfg(test)]
mod tests;

pub use admission::{Admission, Fill, admission, admission_table};
pub use table::{Action, Cell, State, Trigger, cell, table};

/// Above this capacity an outbox that runs empty gives its memory back at once, below it at the next [`Outbox::trim`].
const KEPT_CAPACITY: usize = 64;

/// What an operation on the outbox led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Write this text next.
    Write(Bytes),
    /// The entry with this tag is written once more.
    Repeated(Tag),
    /// The peer has the final response with this tag.
    Released(Tag),
    /// A request that was never written is forgotten.
    Withdrawn(Tag),
    /// The INVITE may have reached the peer: its CANCEL has to follow.
    QueueCancel,
}

#[derive(Debug)]
struct Entry {
    text: Bytes,
    sequence: u64,
    tag: Tag,
    queued_at: Instant,
    kind: Kind,
    state: State,
    /// The peer acknowledged it on this socket or an earlier one.
    delivered: bool,
}

impl Entry {
    /// Moves the entry on. Whether it is still there.
    fn apply(&mut self, trigger: Trigger, effect: &mut impl FnMut(Effect)) -> bool {
        match cell(self.state, trigger) {
            Cell::Go(next, actions) => {
                self.state = next;
                for action in actions {
                    self.perform(*action, effect);
                }
            }
            Cell::Discard => {}
        }
        self.state != State::Gone
    }

    fn perform(&mut self, action: Action, effect: &mut impl FnMut(Effect)) {
        match action {
            Action::Write => effect(Effect::Write(self.text.clone())),
            Action::CountRepeat => effect(Effect::Repeated(self.tag)),
            Action::TellReleased => effect(Effect::Released(self.tag)),
            Action::TellWithdrawn => effect(Effect::Withdrawn(self.tag)),
            Action::QueueCancel => effect(Effect::QueueCancel),
            Action::StopAwaiting => self.kind = Kind::Other,
        }
    }

    const fn acknowledged(&self) -> Trigger {
        match self.kind {
            Kind::Request | Kind::Ending => Trigger::RequestAcknowledged,
            Kind::Final => Trigger::FinalAcknowledged,
            Kind::Other => Trigger::OtherAcknowledged,
        }
    }
}

/// The acknowledged outbox of one channel.
///
/// Owned by its channel and as old as it; sockets come and go. Invariants: sequence numbers rise from front to back;
/// before the place of writing everything is `Written` or `Released`, from there on nothing is.
#[derive(Debug, Default)]
pub struct Outbox {
    entries: VecDeque<Entry>,
    /// The sum of the lengths of all texts.
    bytes: usize,
    /// The sequence number of the newest entry ever; 0 before the first.
    newest: u64,
    /// The place of writing: the index of the next entry to take.
    next: usize,
    /// The sequence number of the last entry that this socket took; 0 for none.
    taken: u64,
    /// The same, once it was flushed.
    flushed: u64,
}

impl Outbox {
    /// An empty outbox. Takes no memory on the heap.
    pub const fn new() -> Self {
        Self {
            entries: VecDeque::new(),
            bytes: 0,
            newest: 0,
            next: 0,
            taken: 0,
            flushed: 0,
        }
    }

    /// How many entries are not done.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether everything is done.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The sum of the lengths of all texts.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// For how many entries memory is reserved.
    pub fn capacity(&self) -> usize {
        self.entries.capacity()
    }

    /// How full it would be with one more text.
    pub fn fill(&self, text_bytes: usize, most_messages: usize, most_bytes: usize) -> Fill {
        let bytes = self.bytes.saturating_add(text_bytes);
        Fill::of(self.len() + 1, bytes, most_messages, most_bytes)
    }

    /// Adds an entry at the end. The caller has asked [`Outbox::fill`].
    pub fn push(&mut self, now: Instant, text: Bytes, tag: Tag, kind: Kind) {
        self.newest += 1;
        self.bytes += text.len();
        let (sequence, state) = (self.newest, State::Queued);
        self.entries.push_back(Entry {
            text,
            sequence,
            tag,
            queued_at: now,
            kind,
            state,
            delivered: false,
        });
    }

    /// Whether there is something to take.
    pub fn has_unwritten(&self) -> bool {
        self.next < self.entries.len()
    }

    /// When the oldest entry that the peer has not acknowledged was queued; `None` if it has everything.
    pub fn oldest_unreleased(&self) -> Option<Instant> {
        let unreleased = |entry: &&Entry| !matches!(entry.state, State::Released | State::Owed);
        self.entries.iter().find(unreleased).map(|entry| entry.queued_at)
    }

    /// When the oldest entry that the peer never acknowledged was queued; `None` if there is none. A request that is
    /// written again because it has no response does not age: its transaction ends it.
    pub fn oldest_undelivered(&self) -> Option<Instant> {
        let undelivered = self.entries.iter().find(|entry| !entry.delivered);
        undelivered.map(|entry| entry.queued_at)
    }

    /// Takes entries for writing, in order, until they come to `max_bytes`; at least one if there is any. Whether any
    /// was taken.
    pub fn take(&mut self, max_bytes: usize, mut effect: impl FnMut(Effect)) -> bool {
        let mut bytes = 0;
        let from = self.next;
        while let Some(entry) = self.entries.get_mut(self.next) {
            if self.next > from && bytes + entry.text.len() > max_bytes {
                break;
            }
            bytes += entry.text.len();
            entry.apply(Trigger::Take, &mut effect);
            self.taken = entry.sequence;
            self.next += 1;
        }
        self.next > from
    }

    /// The sequence number of the last entry that this socket took, 0 for none: the payload of the next Ping.
    pub const fn taken(&self) -> u64 {
        self.taken
    }

    /// Everything taken so far was flushed into the socket.
    pub const fn note_flushed(&mut self) {
        self.flushed = self.taken;
    }

    /// The sequence number of the last entry that was flushed into this socket, 0 for none.
    pub const fn flushed(&self) -> u64 {
        self.flushed
    }

    /// The peer has everything that this socket took, up to this sequence number.
    pub fn acknowledge(&mut self, sequence: u64, mut effect: impl FnMut(Effect)) {
        let (mut kept, mut reached) = (0, 0);
        while reached < self.next && self.entries[reached].sequence <= sequence {
            let entry = &mut self.entries[reached];
            let trigger = entry.acknowledged();
            entry.delivered = true;
            if entry.apply(trigger, &mut effect) {
                self.entries.swap(kept, reached);
                kept += 1;
            } else {
                self.bytes -= entry.text.len();
            }
            reached += 1;
        }
        // Swapping has gathered the entries that are gone behind those that stay.
        self.entries.drain(kept..reached);
        self.next -= reached - kept;
        self.give_back();
    }

    /// The requests that this socket took, up to this sequence number, and that the peer has not acknowledged before.
    pub(crate) fn requests_up_to(&self, sequence: u64) -> impl Iterator<Item = Tag> {
        let taken = self.entries.range(..self.next);
        let covered = taken.take_while(move |entry| entry.sequence <= sequence);
        covered
            .filter(|entry| !entry.delivered && matches!(entry.kind, Kind::Request | Kind::Ending))
            .map(|entry| entry.tag)
    }

    /// A response to the request with this tag came.
    pub fn done(&mut self, tag: Tag) {
        self.with_request(tag, Trigger::Answered, |_| {});
    }

    /// The request with this tag timed out.
    pub fn withdraw(&mut self, tag: Tag, effect: impl FnMut(Effect)) {
        self.with_request(tag, Trigger::Withdraw, effect);
    }

    /// The INVITE with this tag is cancelled. Whether its CANCEL has to be queued; otherwise the INVITE is forgotten.
    #[must_use]
    pub fn cancel(&mut self, tag: Tag, mut effect: impl FnMut(Effect)) -> bool {
        let mut queue_cancel = false;
        let found = self.with_request(tag, Trigger::Cancel, |it| match it {
            Effect::QueueCancel => queue_cancel = true,
            other => effect(other),
        });
        // An INVITE that is done has a response, so the peer knows it.
        queue_cancel || !found
    }

    /// The socket is gone: what it took is to be taken once more.
    pub fn drop_socket(&mut self) {
        for entry in self.entries.range_mut(..self.next) {
            entry.apply(Trigger::SocketGone, &mut |_| {});
        }
        (self.next, self.taken, self.flushed) = (0, 0, 0);
    }

    /// Gives memory back that a quiet outbox does not need.
    pub fn trim(&mut self) {
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        } else if self.entries.capacity() > KEPT_CAPACITY && self.entries.len() < self.entries.capacity() / 4
        {
            self.entries.shrink_to(self.entries.len() * 2);
        }
    }

    /// Applies a trigger to the request with this tag. Whether there is one.
    fn with_request(&mut self, tag: Tag, trigger: Trigger, mut effect: impl FnMut(Effect)) -> bool {
        let wanted = |entry: &Entry| entry.tag == tag && matches!(entry.kind, Kind::Request | Kind::Ending);
        let Some(index) = self.entries.iter().position(wanted) else {
            return false;
        };
        let ending = self.entries[index].kind == Kind::Ending;
        let trigger = if ending && trigger == Trigger::Withdraw {
            Trigger::Expire
        } else {
            trigger
        };
        if !self.entries[index].apply(trigger, &mut effect)
            && let Some(gone) = self.entries.remove(index)
        {
            self.bytes -= gone.text.len();
            self.next -= usize::from(index < self.next);
            self.give_back();
        }
        true
    }

    fn give_back(&mut self) {
        if self.entries.is_empty() && self.entries.capacity() > KEPT_CAPACITY {
            self.entries = VecDeque::new();
        }
    }
}
