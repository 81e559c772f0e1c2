//! What a shard is given back while it plays a call again, and the comparison with what was written down.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use jsip::{CSeq, DialogId, Request, Uri, UserId};
use jsip_stack::DialogKey;
use strowger_journal::{Entry, Journal, Place, Record, Told};
use strowger_service::FetchError;
use strowger_time::Instant;

use super::Step;
use super::convert::{self, place_of};
use super::witness::{Recorded, Witness};
use crate::Registry;
use crate::instances::InstanceKey;

/// Names of what was not there when it was recorded count up from here.
const STRANGERS: u32 = u32::MAX / 2;

/// A leg that was opened when it was recorded.
#[derive(Debug)]
struct Opening {
    dialog: Place,
    id: String,
    to: Option<String>,
}

/// See the module's documentation. Its names are those of the recording wherever something has one.
#[derive(Debug)]
pub(crate) struct Player {
    pub(super) bodies: bool,
    /// What was told, each with what was done until the next.
    pub(super) inputs: VecDeque<Step>,
    pub(super) current: Step,
    pub(super) done: VecDeque<Step>,
    /// Whether the shard itself has said that a timer was due which `current` is about.
    seen: bool,
    pub(super) recorded: Place,
    instance: Option<Place>,
    strangers: u32,
    starts: VecDeque<(String, [u64; 2])>,
    openings: Vec<Opening>,
    /// The services as they are once the instance has gone over to this version.
    pub(super) versions: BTreeMap<String, Arc<Registry>>,
    reads: Arc<Mutex<Recorded>>,
    at_once: Vec<Told<'static>>,
    /// The name of a dialog in the recording, by its name here, and the other way round.
    names: BTreeMap<Place, Place>,
    dialogs: BTreeMap<Place, DialogKey>,
    /// Tags here, by those of the recording.
    pub(super) tags: BTreeMap<u64, u64>,
}

impl Player {
    pub(super) fn new(journal: &Journal, recorded: Place) -> Self {
        let mut player = Self {
            bodies: journal.header.bodies,
            inputs: VecDeque::new(),
            current: Step::default(),
            done: VecDeque::new(),
            seen: false,
            recorded,
            instance: None,
            strangers: STRANGERS,
            starts: VecDeque::new(),
            openings: Vec::new(),
            versions: BTreeMap::new(),
            reads: Arc::default(),
            at_once: Vec::new(),
            names: BTreeMap::new(),
            dialogs: BTreeMap::new(),
            tags: BTreeMap::new(),
        };
        for record in &journal.records {
            player.load(record);
        }
        player
    }

    fn load(&mut self, record: &Record<'static>) {
        match &record.entry {
            Entry::Started { prefix, seeds, .. } => self.starts.push_back((prefix.to_string(), *seeds)),
            Entry::Opened { dialog, id, .. } => self.openings.push(Opening {
                dialog: *dialog,
                id: id.to_string(),
                to: None,
            }),
            Entry::Read { asked, answer, .. } => {
                let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
                reads.answers.push_back((asked.clone(), answer.clone()));
            }
            Entry::Told { told, .. } if told.is_at_once() => self.at_once.push(told.clone()),
            Entry::Gap { .. } => {}
            entry if entry.is_input() => self.inputs.push_back(Step {
                number: self.inputs.len(),
                at: Instant::from_micros(record.at),
                input: Some(entry.clone()),
                ..Step::default()
            }),
            entry => {
                if let Entry::Sent {
                    dialog: Some(dialog),
                    to: Some(to),
                    ..
                } = entry
                    && let Some(opening) = self.openings.iter_mut().find(|opening| opening.dialog == *dialog)
                {
                    opening.to = Some(to.to_string());
                }
                if let Some(last) = self.inputs.back_mut() {
                    last.expected.push(entry.clone());
                }
            }
        }
    }

    /// The dialog here that the recording calls so.
    pub(super) fn dialog(&self, recorded: Place) -> Option<DialogKey> {
        self.dialogs.get(&recorded).copied()
    }

    /// The instance that plays the recorded one.
    pub(super) fn instance(&self) -> Option<InstanceKey> {
        self.instance.map(|place| InstanceKey {
            index: place.index as usize,
            epoch: place.count,
        })
    }

    /// Goes on to the next input.
    pub(super) fn advance(&mut self) -> Option<(Instant, Entry<'static>)> {
        let next = self.inputs.pop_front()?;
        let input = next.input.clone()?;
        let at = next.at;
        self.begin(next);
        Some((at, input))
    }

    /// Goes on to something that was not recorded.
    pub(super) fn begin(&mut self, next: Step) {
        self.seen = false;
        let last = std::mem::replace(&mut self.current, next);
        self.finish(last);
    }

    fn finish(&mut self, mut step: Step) {
        if step.input.is_none() && step.actual.is_empty() {
            return;
        }
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        for asked in reads.strangers.drain(..) {
            step.remarks
                .push(format!("asked the store what it had not asked: {asked:?}"));
        }
        drop(reads);
        self.done.push_back(step);
    }

    /// Nothing more comes.
    pub(super) fn end(&mut self) {
        self.begin(Step::default());
    }

    /// Whether what was done is what was recorded so far, and all of it.
    pub(super) fn is_complete(&self) -> bool {
        self.current.actual.len() >= self.current.expected.len() && self.current.is_same()
    }

    /// The shard was told, drew or did something.
    pub(super) fn note(&mut self, now: Instant, entry: &Entry<'_>) {
        match entry {
            Entry::Started { instance, .. } => {
                self.instance.get_or_insert(*instance);
            }
            Entry::Opened { dialog, id, .. } => {
                let key = key_of(*dialog);
                let opening = self.openings.iter().position(|opening| opening.id == **id);
                if let Some(opening) = opening {
                    let recorded = self.openings.remove(opening).dialog;
                    self.learn(recorded, *dialog, key);
                }
            }
            Entry::Due { dialog } => {
                let dialog = self.name(*dialog);
                self.on_due(now, Entry::Due { dialog });
            }
            Entry::Elapsed { instance, waited } => {
                let (instance, waited) = (self.name_instance(*instance), *waited);
                self.on_due(now, Entry::Elapsed { instance, waited });
            }
            entry if entry.is_output() => {
                let done = self.translate(entry);
                self.current.actual.push(done);
            }
            _ => {}
        }
    }

    /// A timer was due: that which is told now, or another one at the same time.
    fn on_due(&mut self, now: Instant, due: Entry<'static>) {
        if !self.seen && self.current.input.as_ref() == Some(&due) {
            self.seen = true;
            return;
        }
        // What lingers on several channels until the same time may be forgotten in another order: when the timer of a channel
        // was set depends on others.
        let mut together = self
            .inputs
            .iter()
            .take_while(|next| next.at == now && next.is_time());
        if let Some(at) = together.position(|next| next.input.as_ref() == Some(&due)) {
            if self.seen {
                let first = self.inputs[0].input.replace(due);
                if at > 0 {
                    self.inputs[at].input = first;
                }
                self.advance();
                self.seen = true;
                return;
            }
            if self.current.is_time() {
                self.inputs[at].input = self.current.input.replace(due);
                self.seen = true;
                return;
            }
        }
        // Two timers of one dialog at one time, of which the first ended what the second was for.
        if self.seen && self.current.at == now && self.current.input.as_ref() == Some(&due) {
            return;
        }
        self.current
            .remarks
            .push("a timer was due that was not when it was recorded".to_owned());
    }

    fn translate(&mut self, entry: &Entry<'_>) -> Entry<'static> {
        match entry {
            Entry::Served {
                instance,
                dialog,
                next_cseq,
            } => {
                let place = self.current.actual.len();
                if let Some(Entry::Served { dialog: recorded, .. }) = self.current.expected.get(place) {
                    let recorded = *recorded;
                    self.learn(recorded, *dialog, key_of(*dialog));
                }
                Entry::Served {
                    instance: self.name_instance(*instance),
                    dialog: self.name(*dialog),
                    next_cseq: *next_cseq,
                }
            }
            Entry::Handled {
                instance,
                event,
                leg,
                did,
                failure,
            } => owned(&Entry::Handled {
                instance: self.name_instance(*instance),
                event: event.clone(),
                leg: *leg,
                did: did.clone(),
                failure: failure.clone(),
            }),
            Entry::Sent {
                dialog,
                channel,
                to,
                tag,
                message,
            } => {
                let sent = owned(&Entry::Sent {
                    dialog: dialog.map(|dialog| self.name(dialog)),
                    channel: *channel,
                    to: to.clone(),
                    tag: 0,
                    message: message.clone(),
                });
                self.learn_tag(&sent, *tag);
                sent
            }
            Entry::Over { instance } => Entry::Over {
                instance: self.name_instance(*instance),
            },
            other => owned(other),
        }
    }

    fn learn(&mut self, recorded: Place, here: Place, key: DialogKey) {
        self.names.insert(here, recorded);
        self.dialogs.insert(recorded, key);
    }

    /// What the recording calls a message that was sent here.
    fn learn_tag(&mut self, sent: &Entry<'static>, here: u64) {
        let place = self.current.actual.len();
        let is_this = |expected: &&Entry<'static>| same(expected, sent);
        let at_place = self.current.expected.get(place).filter(is_this);
        let found = at_place.or_else(|| self.current.expected.iter().find(is_this));
        if let Some(Entry::Sent { tag, .. }) = found {
            self.tags.insert(*tag, here);
        }
    }

    fn name(&mut self, here: Place) -> Place {
        if let Some(name) = self.names.get(&here) {
            return *name;
        }
        self.strangers += 1;
        let name = Place {
            index: self.strangers,
            count: 0,
        };
        self.names.insert(here, name);
        name
    }

    fn name_instance(&self, here: Place) -> Place {
        if self.instance == Some(here) {
            self.recorded
        } else {
            Place {
                index: STRANGERS + here.index,
                count: here.count,
            }
        }
    }

    pub(super) fn next_start(&mut self) -> Option<(String, [u64; 2])> {
        self.starts.pop_front()
    }

    /// The id that the leg got when it was recorded: the next one to the same peer.
    pub(super) fn next_dialog_id(&mut self, request: &Request) -> Option<DialogId> {
        let target = request.first_route().unwrap_or_else(|| request.request_uri());
        let uri = Uri::parse(target).ok()?;
        let name = UserId::from_uri(&uri).ok()?;
        let is_to = |opening: &&Opening| opening.to.as_deref().is_none_or(|to| to == name.as_str());
        let opening = self.openings.iter().find(is_to)?;
        DialogId::new(&opening.id).ok()
    }

    /// The number that our next request has in the dialog that is about to become a leg.
    pub(super) fn served_from(&self) -> Option<CSeq> {
        let place = self.current.actual.len();
        match self.current.expected.get(place) {
            Some(Entry::Served { next_cseq, .. }) => CSeq::new(*next_cseq),
            _ => None,
        }
    }

    pub(super) fn witness(&self) -> Witness<'static> {
        Witness::from(Arc::clone(&self.reads), self.bodies)
    }

    pub(super) fn fetch_verdict(&mut self, id: u32) -> Result<(), FetchError> {
        let at = self
            .at_once
            .iter()
            .position(|told| matches!(told, Told::Fetched { id: refused, .. } if *refused == id));
        match at.map(|at| self.at_once.remove(at)) {
            Some(Told::Fetched {
                result: Err(failed), ..
            }) => Err(convert::to_error(&failed)),
            _ => Ok(()),
        }
    }

    pub(super) fn is_stored_at_once(&mut self, id: u32) -> bool {
        let at = self
            .at_once
            .iter()
            .position(|told| matches!(told, Told::Stored { id: stored, .. } if *stored == id));
        at.map(|at| self.at_once.remove(at)).is_some()
    }
}

/// Whether two outputs are the same, but for what they are called here.
pub(super) fn same(a: &Entry<'_>, b: &Entry<'_>) -> bool {
    match (a, b) {
        (
            Entry::Sent {
                dialog,
                channel,
                to,
                message,
                ..
            },
            Entry::Sent {
                dialog: other_dialog,
                channel: other_channel,
                to: other_to,
                message: other_message,
                ..
            },
        ) => (dialog, channel, to, message) == (other_dialog, other_channel, other_to, other_message),
        _ => a == b,
    }
}

fn key_of(place: Place) -> DialogKey {
    let key = DialogKey::from_numbers(place.index, place.count);
    debug_assert_eq!(place_of(key), place);
    key
}

/// The same, whoever it was borrowed from.
fn owned(entry: &Entry<'_>) -> Entry<'static> {
    entry.to_owned_entry()
}
