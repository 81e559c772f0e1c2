//! What was sent, what became of it, and whether that may be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::rooms::Rooms;
use super::setup::Setup;

/// A write that was on its way when the sender was told may be late by this much: a shard may stall.
const CROSSING: Duration = Duration::from_secs(5);

/// Who comes at most so long after a message was sent is there before its time is over, however slow his socket.
const TO_BE_THERE: Duration = Duration::from_secs(1);

/// By then everybody has connected.
const BEGINNING: Duration = Duration::from_secs(10);

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Through the relay: in order.
    Relay,
    /// Through a service that may live anywhere or fail.
    Other,
    /// To the echo service and back.
    Echo,
    /// Within the call of this number.
    Call(usize),
}

/// What a fault is about, for the ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// A message, by its number.
    Message(usize),
    /// A call, by its number.
    Call(usize),
    /// What was said in a chat room, by its number.
    Post(usize),
    /// A dialog of a user.
    Dialog { user: usize, id: String },
    /// No message in particular.
    Run,
}

/// An invariant that does not hold.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) about: About,
    pub(super) text: String,
}

impl Fault {
    pub(super) fn of_run(text: impl Into<String>) -> Self {
        Self {
            about: About::Run,
            text: text.into(),
        }
    }
}

/// One message of a user.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) way: Way,
    pub(super) applied: u32,
    pub(super) result: Option<u16>,
    sent: Duration,
    /// When the result came.
    concluded: Duration,
    /// Its sender's channel was lost: nobody can know.
    pub(super) given_up: bool,
    /// Its sender sent it more than once.
    pub(super) repeated: bool,
    /// How often somebody who had it forgot it, while the one who sends it had not.
    pub(super) forgotten: u32,
}

/// The books of one run. The first fault stays.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) items: Vec<Item>,
    /// Nodes have limits that are hit: whoever repeats what a limit refused sends a new message, behind later ones.
    pub(super) limited: bool,
    /// Nothing is broken in this run, and no bound or limit is hit.
    pub(super) calm: bool,
    /// Outboxes, limits and drains refuse nothing.
    roomy: bool,
    /// The node of each user.
    homes: Vec<usize>,
    /// Since when each user has had a socket and a page with which nothing is wrong.
    there: Vec<Option<Duration>>,
    /// The latest item that was applied, by sender and receiver.
    latest: BTreeMap<(usize, usize), usize>,
    pub(super) calls: usize,
    /// Calls in which somebody tried to hand on the other: who talks to whom is open.
    referred: BTreeSet<usize>,
    pub(super) rooms: Rooms,
    pub(super) transfers: u64,
    /// When the caller of a call was refused.
    refused: BTreeMap<usize, Duration>,
    pub(super) now: Duration,
    pub(super) answered: u64,
    pub(super) fault: Option<Fault>,
}

impl Books {
    pub(super) fn new(setup: &Setup) -> Self {
        Self {
            limited: setup.limited,
            calm: setup.is_calm(),
            roomy: !setup.tight && !setup.limited && !setup.drains,
            there: vec![None; setup.homes.len()],
            homes: setup.homes.clone(),
            ..Self::default()
        }
    }

    pub(super) fn fault(&mut self, about: About, text: String) {
        self.fault.get_or_insert(Fault { about, text });
    }

    /// Where a limit refuses a request, the node keeps nothing of it: a copy that is still on its way begins anew, and
    /// what belongs to it, a CANCEL, finds nothing in between. Nor is a 481 kept where the whole dialog is forgotten: a
    /// re-INVITE may begin it anew between two copies of another request.
    pub(super) const fn is_kept_by_nobody(&self, code: u16) -> bool {
        code == 481 || (self.limited && code == 503)
    }

    fn item_fault(&mut self, number: usize, text: String) {
        self.fault(About::Message(number), text);
    }

    /// A message leaves; the number that names it.
    pub(super) fn send(&mut self, from: usize, to: usize, way: Way) -> usize {
        self.items.push(Item {
            from,
            to,
            way,
            applied: 0,
            result: None,
            sent: self.now,
            concluded: Duration::ZERO,
            given_up: false,
            repeated: false,
            forgotten: 0,
        });
        self.items.len() - 1
    }

    /// A user sees a message for the first time.
    pub(super) fn apply(&mut self, number: usize, user: usize) {
        let Some(item) = self.items.get_mut(number) else {
            let text = format!("user {user} saw message {number}, which nobody sent");
            return self.item_fault(number, text);
        };
        item.applied += 1;
        let (from, to, way, applied, forgotten) =
            (item.from, item.to, item.way, item.applied, item.forgotten);
        let ordered = item.way == Way::Relay && forgotten == 0 && !(item.repeated && self.limited);
        if to != user && !self.is_referred(way) {
            return self.item_fault(number, format!("user {user} saw message {number} for user {to}"));
        }
        if applied > 1 + forgotten {
            return self.item_fault(
                number,
                format!("user {user} saw message {number} of user {from} {applied} times"),
            );
        }
        if ordered {
            let latest = self.latest.entry((from, to)).or_insert(number);
            if *latest > number {
                let text = format!("user {user} saw message {number} of user {from} after {latest}");
                return self.item_fault(number, text);
            }
            *latest = number;
        }
    }

    /// The sender of a message has its final response.
    pub(super) fn conclude(&mut self, number: usize, code: u16) {
        let item = &mut self.items[number];
        item.result = Some(code);
        item.concluded = self.now;
        let (from, to, applied) = (item.from, item.to, item.applied);
        let in_time = self.there[to].is_some_and(|since| since <= item.sent + TO_BE_THERE);
        let near = item.way == Way::Relay && self.homes[from] == self.homes[to];
        if code == 408 && applied == 0 && near && in_time && self.roomy {
            let text = format!("message {number} timed out unseen, though user {to} was there in time");
            return self.item_fault(number, text);
        }
        // Over a link the slowest delays together may take longer than a transaction.
        let easy = self.calm && item.sent > BEGINNING && self.homes[from] == self.homes[to];
        if easy && item.way == Way::Relay && code >= 300 && applied == 0 {
            let text = format!("message {number} was refused {code} unseen, though nothing was broken");
            return self.item_fault(number, text);
        }
        let right = applied == 1 || (applied > 1 && item.forgotten > 0);
        if (200..300).contains(&code) && item.way != Way::Echo && !right {
            self.item_fault(
                number,
                format!("message {number} was answered {code} and applied {applied} times"),
            );
        }
    }

    /// A user has a new socket.
    pub(super) fn is_there(&mut self, user: usize) {
        self.there[user] = Some(self.now);
    }

    /// Something is wrong with a user's socket or page.
    pub(super) fn is_away(&mut self, user: usize) {
        self.there[user] = None;
    }

    /// A shard stalls: for so long nobody is sure to get anything.
    pub(super) fn all_wait(&mut self, span: Duration) {
        let until = self.now + span;
        for since in self.there.iter_mut().flatten() {
            *since = (*since).max(until);
        }
    }

    /// Somebody hands on the other side of a call.
    pub(super) fn refer(&mut self, call: usize) {
        self.referred.insert(call);
    }

    pub(super) fn is_referred(&self, way: Way) -> bool {
        matches!(way, Way::Call(number) if self.referred.contains(&number))
    }

    /// The caller of a call has its final refusal.
    pub(super) fn refuse(&mut self, call: usize) {
        self.refused.insert(call, self.now);
    }

    /// A node writes a message or call to a socket: nothing of which it told the sender that it failed. (Another node may
    /// have it from a link that hung, and learn nothing of that.)
    pub(super) fn written(&mut self, about: About, site: usize, first: bool) {
        let told = match about {
            About::Message(number) if !first => self
                .items
                .get(number)
                .filter(|item| self.homes[item.from] == site && item.way == Way::Relay)
                .filter(|item| item.result == Some(408) && item.forgotten == 0)
                .map(|item| item.concluded),
            _ if !first => None,
            About::Message(number) => self
                .items
                .get(number)
                .filter(|item| item.result.is_some() && !(item.repeated && self.limited))
                .map(|item| item.concluded),
            About::Call(_) if self.limited => None,
            About::Call(number) => self.refused.get(&number).copied(),
            About::Post(_) | About::Dialog { .. } | About::Run => None,
        };
        if let Some(told) = told.filter(|told| *told + CROSSING < self.now) {
            let late = (self.now - told).as_secs_f64();
            let text =
                format!("it was written to a socket {late:.1} s after its sender was told that it failed");
            self.fault(about, text);
        }
    }

    /// The sender of a message sends it once more.
    pub(super) fn repeat(&mut self, number: Option<usize>) {
        if let Some(number) = number {
            self.items[number].repeated = true;
        }
    }

    /// The channel of the sender was lost.
    pub(super) fn give_up(&mut self, number: usize) {
        self.items[number].given_up = true;
    }

    /// The sender's channel was lost, and it sends a message again on the next.
    pub(super) fn sends_anew(&mut self, number: usize) {
        self.items[number].forgotten += 1;
    }

    /// Somebody on the way of these messages has lost what it knew of them, and may be sent them once more. Not those
    /// that were answered 2xx: nobody sends them again.
    pub(super) fn forget(&mut self, concerned: impl Fn(&Item) -> bool) {
        for item in &mut self.items {
            if item.result.is_none_or(|code| code >= 300) && concerned(item) {
                item.forgotten += 1;
            }
        }
    }
}
