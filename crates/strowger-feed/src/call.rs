//! One call: an instance of a service with its legs, or a dialog that no instance got.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use strowger_node::{DialogRef, InstanceId, Transaction};
use utoipa::ToSchema;

use crate::event::{Event, Kind};

/// How many legs of a call are listed. Those that are over make room for others.
const MOST_PARTIES: usize = 64;
/// About what a call takes without its events.
const WEIGHT: usize = 512;

/// What a call is named by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum CallId {
    Instance(InstanceId),
    Dialog(DialogRef),
}

impl CallId {
    /// The shard on which all of it happens.
    pub(crate) const fn shard(self) -> u16 {
        match self {
            Self::Instance(id) => id.shard(),
            Self::Dialog(dialog) => dialog.shard(),
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("d:") {
            Some(dialog) => dialog.parse().ok().map(Self::Dialog),
            None => text.parse().ok().map(Self::Instance),
        }
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instance(id) => id.fmt(f),
            Self::Dialog(dialog) => write!(f, "d:{dialog}"),
        }
    }
}

/// A call, as it is told.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(title = "Call")]
pub struct CallView {
    /// Its name: that of its instance, or `d:` and that of its dialog where no instance got it.
    #[schema(example = "beef00-2a-1")]
    pub call: String,
    /// The service.
    #[schema(example = "relay")]
    pub service: Option<String>,
    /// The version of that.
    #[schema(example = "built-in")]
    pub version: Option<String>,
    /// When it began, in milliseconds since 1970.
    pub began_ms: f64,
    /// When it ended; none while it lives.
    pub ended_ms: Option<f64>,
    /// Its legs, at most 64 of them.
    pub parties: Vec<PartyView>,
    /// The code that its first request was answered with.
    #[schema(example = "480")]
    pub outcome: Option<String>,
    /// How many events there were.
    pub events: u64,
    /// Whether earlier events, or its begin, are not kept.
    pub cut: bool,
}

/// A leg of a call.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(title = "Party")]
pub struct PartyView {
    /// The dialog.
    #[schema(example = "beef00-5-9")]
    pub dialog: String,
    /// Who is at the other end.
    #[schema(example = "alice@example.com")]
    pub party: String,
    /// Whether he began it.
    pub by_peer: bool,
    /// The method of its first request.
    #[schema(example = "INVITE")]
    pub method: String,
    /// The state of its session; none outside of one.
    #[schema(example = "Established")]
    pub state: Option<String>,
    /// Why it ended; none while it lives.
    #[schema(example = "bye")]
    pub cause: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Party {
    pub(crate) dialog: DialogRef,
    pub(crate) text: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) by_peer: bool,
    pub(crate) method: &'static str,
    pub(crate) state: Option<&'static str>,
    pub(crate) cause: Option<&'static str>,
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: CallId,
    pub(crate) text: Arc<str>,
    pub(crate) service: Option<Arc<str>>,
    pub(crate) version: Option<Arc<str>>,
    pub(crate) began_ms: f64,
    pub(crate) ended_ms: Option<f64>,
    pub(crate) parties: Vec<Party>,
    /// Its legs that live.
    pub(crate) live: usize,
    /// Its first transaction, and the dialog of that.
    pub(crate) first: Option<(DialogRef, Transaction)>,
    pub(crate) outcome: Option<u16>,
    /// Whether its begin was seen.
    pub(crate) is_whole: bool,
    /// How many events there were.
    pub(crate) total: u64,
    pub(crate) list: VecDeque<Arc<Event>>,
    /// The bytes of all that.
    pub(crate) bytes: usize,
}

impl Call {
    pub(crate) fn new(id: CallId, began_ms: f64) -> Self {
        Self {
            id,
            text: id.to_string().into(),
            service: None,
            version: None,
            began_ms,
            ended_ms: None,
            parties: Vec::new(),
            live: 0,
            first: None,
            outcome: None,
            is_whole: matches!(id, CallId::Dialog(_)),
            total: 0,
            list: VecDeque::new(),
            bytes: WEIGHT,
        }
    }

    pub(crate) fn view(&self) -> CallView {
        CallView {
            call: self.text.to_string(),
            service: self.service.as_deref().map(str::to_owned),
            version: self.version.as_deref().map(str::to_owned),
            began_ms: self.began_ms,
            ended_ms: self.ended_ms,
            parties: self.parties.iter().map(PartyView::from).collect(),
            outcome: self.outcome.map(|code| code.to_string()),
            events: self.total,
            cut: !self.is_whole || self.total > self.list.len() as u64,
        }
    }

    /// Adds an event; at most so many are kept.
    pub(crate) fn push(&mut self, mut event: Event, most: usize) -> Arc<Event> {
        self.total += 1;
        event.seq = self.total;
        event.call = Arc::clone(&self.text);
        let event = Arc::new(event);
        while self.list.len() >= most.max(1) {
            let first = self.list.pop_front();
            self.bytes -= first.map_or(0, |first| first.weight());
        }
        self.bytes += event.weight();
        self.list.push_back(Arc::clone(&event));
        event
    }

    /// Adds a leg, if there is room; gives back whose leg has made room for it.
    pub(crate) fn add(&mut self, party: Party) -> Option<Arc<str>> {
        self.live += 1;
        let mut left = None;
        if self.parties.len() >= MOST_PARTIES {
            let over = self.parties.iter().position(|party| party.cause.is_some())?;
            let over = self.parties.remove(over);
            self.bytes -= over.weight();
            left = Some(over.name);
        }
        self.bytes += party.weight();
        self.parties.push(party);
        left
    }

    pub(crate) fn party(&mut self, dialog: DialogRef) -> Option<&mut Party> {
        self.parties.iter_mut().find(|party| party.dialog == dialog)
    }

    /// Whether this user, or one whose name begins so where it is no whole one, takes part.
    pub(crate) fn has(&self, user: &str) -> bool {
        let is_whole = is_whole(user);
        self.parties.iter().any(|party| {
            if is_whole {
                &*party.name == user
            } else {
                party.name.starts_with(user)
            }
        })
    }

    pub(crate) fn is_of(&self, service: &str) -> bool {
        self.service
            .as_deref()
            .is_some_and(|own| own.eq_ignore_ascii_case(service))
    }
}

impl Party {
    fn weight(&self) -> usize {
        // With the entry by which its user finds the call.
        size_of::<Self>() + size_of::<(Arc<str>, u64)>() + self.text.len() + self.name.len()
    }
}

/// Whether a text names one user, not all whose names begin so.
pub(crate) fn is_whole(user: &str) -> bool {
    user.contains('@')
}

impl From<&Party> for PartyView {
    fn from(party: &Party) -> Self {
        Self {
            dialog: party.text.to_string(),
            party: party.name.to_string(),
            by_peer: party.by_peer,
            method: party.method.to_owned(),
            state: party.state.map(str::to_owned),
            cause: party.cause.map(str::to_owned),
        }
    }
}

/// An event whose number and call are not known yet.
pub(crate) fn event(at_ms: f64, dialog: Option<Arc<str>>, party: Option<Arc<str>>, kind: Kind) -> Event {
    Event {
        seq: 0,
        at_ms,
        call: Arc::default(),
        dialog,
        party,
        kind,
    }
}
