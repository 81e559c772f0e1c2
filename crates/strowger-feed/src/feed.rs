//! The latest calls and their ladders, in bounds.
//!
//! Pure: [`Feed::take_in`] is told what happened, [`Feed::list`] and [`Feed::one`] ask, [`Feed::follow`] and [`Feed::take`] are for
//! those who want to be told. Nobody waits for a follower: what he does not take in time is left out, and he is told how much.
//!
//! Calls are numbered as they come: their *place*. Those that are over leave first when there are too many, the oldest before others.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use strowger_node::{Channel, DialogRef};
use tokio::sync::Notify;

use crate::call::{Call, CallId, CallView, is_whole};
use crate::event::Event;
use crate::follower::{Follow, Follower, Told, Wish};

mod reading;
#[cfg(test)]
mod tests;
mod users;

use users::Users;

/// How many may follow at a time.
pub const FOLLOWERS: usize = 32;
/// How many calls are looked at for one part of a list.
const LOOKS: usize = 10_000;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The most calls.
    pub calls: usize,
    /// The most bytes of all calls together.
    pub bytes: usize,
    /// The most events of one call.
    pub events: usize,
}

/// Which calls are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Those in which this user takes part, or one whose name begins so where it is no whole userid.
    pub user: Option<String>,
    /// Those of this service.
    pub service: Option<String>,
    /// Those that live, or those that are over.
    pub live: Option<bool>,
}

/// Part of the list of calls.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calls {
    /// The calls, the latest first.
    pub items: Vec<CallView>,
    /// Where the list goes on; `None` at the end.
    pub next: Option<u64>,
}

/// Names one who follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FollowerId(u64);

/// Why nobody can follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FollowError {
    /// As many as may do.
    #[error("too many follow calls")]
    TooMany,
    /// There is no such call.
    #[error("this call is not kept (any more)")]
    NoCall,
}

/// A dialog that lives.
#[derive(Debug)]
struct Leg {
    place: u64,
    text: Arc<str>,
    name: Arc<str>,
    channel: Option<Channel>,
}

/// A channel that dialogs are on.
#[derive(Debug)]
struct Line {
    name: Arc<str>,
    up: bool,
    dialogs: Vec<DialogRef>,
}

/// The latest calls.
#[derive(Debug)]
pub struct Feed {
    bounds: Bounds,
    calls: BTreeMap<u64, Call>,
    places: HashMap<CallId, u64>,
    users: Users,
    /// Those that are over.
    over: BTreeSet<u64>,
    /// As many as the node has that are observed.
    legs: HashMap<DialogRef, Leg>,
    lines: HashMap<Channel, Line>,
    /// With more than so many lines, those without dialogs are forgotten.
    most_lines: usize,
    bytes: usize,
    next_place: u64,
    followers: BTreeMap<FollowerId, Follower>,
    next_follower: u64,
    closed: bool,
}

impl Feed {
    /// No calls yet.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            calls: BTreeMap::new(),
            places: HashMap::new(),
            users: Users::default(),
            over: BTreeSet::new(),
            legs: HashMap::new(),
            lines: HashMap::new(),
            most_lines: reading::LINES,
            bytes: 0,
            next_place: 1,
            followers: BTreeMap::new(),
            next_follower: 0,
            closed: false,
        }
    }

    /// Keeps so much from now on.
    pub fn set_bounds(&mut self, bounds: Bounds) {
        self.bounds = bounds;
        self.make_room();
    }

    /// How many calls are kept.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// How many bytes they take, about.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many follow.
    pub fn followers(&self) -> usize {
        self.followers.len()
    }

    /// Up to `limit` of the calls that fit, the latest first; `before` is where the part before ended.
    pub fn list(&self, wanted: &Wanted, before: Option<u64>, limit: usize) -> Calls {
        let mut part = Calls::default();
        for (looked, (place, call)) in self.candidates(wanted, before.unwrap_or(u64::MAX)).enumerate() {
            // The place of the last one that was looked at is one further.
            if part.items.len() >= limit || looked >= LOOKS {
                part.next = Some(place + 1);
                break;
            }
            if wanted.fits(call) {
                part.items.push(call.view());
            }
        }
        part
    }

    /// The calls among which those are that fit, the latest first.
    fn candidates<'a>(
        &'a self,
        wanted: &Wanted,
        before: u64,
    ) -> Box<dyn Iterator<Item = (u64, &'a Call)> + 'a> {
        match wanted.user.as_deref().filter(|user| is_whole(user)) {
            Some(user) => {
                let places = self.users.calls(user, before);
                Box::new(places.filter_map(|place| Some((place, self.calls.get(&place)?))))
            }
            None => {
                let calls = self.calls.range(..before).rev();
                Box::new(calls.map(|(place, call)| (*place, call)))
            }
        }
    }

    /// One call, and its events.
    pub fn one(&self, call: &str) -> Option<(CallView, Vec<Arc<Event>>)> {
        let call = &self.calls[&self.place(call)?];
        Some((call.view(), call.list.iter().cloned().collect()))
    }

    fn place(&self, call: &str) -> Option<u64> {
        self.places.get(&CallId::parse(call)?).copied()
    }

    /// Somebody follows from now on; what he is given wakes him when there is something to [`take`](Self::take).
    ///
    /// # Errors
    ///
    /// See [`FollowError`].
    pub fn follow(&mut self, follow: Follow) -> Result<(FollowerId, Arc<Notify>), FollowError> {
        if self.followers.len() >= FOLLOWERS {
            return Err(FollowError::TooMany);
        }
        let mut follower = match follow {
            Follow::Call { call, after } => {
                let place = self.place(&call).ok_or(FollowError::NoCall)?;
                let mut follower = Follower::new(Wish::One(place));
                let call = &self.calls[&place];
                follower.push_call(place);
                let missed = (call.total - call.list.len() as u64).saturating_sub(after);
                // Who knows nothing yet reads in the call that it is cut.
                follower.miss(if after > 0 { missed } else { 0 });
                let new = call.list.iter().filter(|event| event.seq > after);
                new.for_each(|event| follower.push_event(event));
                if call.ended_ms.is_some() {
                    follower.end();
                }
                follower
            }
            Follow::All {
                user,
                service,
                backlog,
            } => {
                let mut follower = Follower::new(Wish::All { user, service });
                for (place, call) in &self.calls {
                    if call.ended_ms.is_none() && follower.wants(*place, call) {
                        follower.fitting.insert(*place);
                        if backlog {
                            follower.push_call(*place);
                            call.list.iter().for_each(|event| follower.push_event(event));
                        }
                    }
                }
                follower
            }
        };
        if self.closed {
            follower.end();
        }
        let (id, news) = (FollowerId(self.next_follower), follower.news());
        self.next_follower += 1;
        self.followers.insert(id, follower);
        // There may be something to take at once.
        news.notify_one();
        Ok((id, news))
    }

    /// Up to so many of the things that one who follows is to be told, in order.
    pub fn take(&mut self, id: FollowerId, most: usize) -> Vec<Told> {
        let calls = &self.calls;
        let view = |place| calls.get(&place).map(Call::view);
        self.followers
            .get_mut(&id)
            .map(|follower| follower.take(most, view))
            .unwrap_or_default()
    }

    /// Somebody does not follow any more.
    pub fn leave(&mut self, id: FollowerId) {
        self.followers.remove(&id);
    }

    /// Nothing more happens: all who follow are told so.
    pub fn close(&mut self) {
        self.closed = true;
        self.followers.values_mut().for_each(Follower::end);
    }

    /// What is known of calls that live on a shard is not true any more.
    pub fn forget_live(&mut self, shard: u16) {
        self.forget_live_on(|of| of == shard);
    }

    /// Nobody looks from here on: what lives would seem to live for ever.
    pub fn look_away(&mut self) {
        self.forget_live_on(|_| true);
    }

    fn forget_live_on(&mut self, is_meant: impl Fn(u16) -> bool) {
        let live = self.calls.iter().filter(|(_, call)| call.ended_ms.is_none());
        let meant: Vec<u64> = live
            .filter(|(_, call)| is_meant(call.id.shard()))
            .map(|(place, _)| *place)
            .collect();
        for place in meant {
            self.remove(place);
        }
        self.legs.retain(|dialog, _| !is_meant(dialog.shard()));
        for line in self.lines.values_mut() {
            line.dialogs.retain(|dialog| !is_meant(dialog.shard()));
        }
    }

    /// A new call.
    fn insert(&mut self, id: CallId, at_ms: f64) -> u64 {
        let place = self.next_place;
        self.next_place += 1;
        let call = Call::new(id, at_ms);
        self.bytes += call.bytes;
        self.calls.insert(place, call);
        self.places.insert(id, place);
        place
    }

    fn remove(&mut self, place: u64) {
        let Some(call) = self.calls.remove(&place) else {
            return;
        };
        self.bytes -= call.bytes;
        self.over.remove(&place);
        for party in &call.parties {
            self.users.set(&party.name, place, false);
        }
        if self.places.get(&call.id) == Some(&place) {
            self.places.remove(&call.id);
        }
        if call.live > 0 {
            let (legs, lines) = (&mut self.legs, &mut self.lines);
            legs.retain(|dialog, leg| {
                let stays = leg.place != place;
                if let (false, Some(line)) = (stays, leg.channel.and_then(|channel| lines.get_mut(&channel)))
                {
                    line.dialogs.retain(|other| other != dialog);
                }
                stays
            });
        }
        for follower in self.followers.values_mut() {
            follower.forget(place);
        }
    }

    /// Lets calls go until the others fit.
    fn make_room(&mut self) {
        while self.calls.len() > self.bounds.calls || self.bytes > self.bounds.bytes {
            let oldest = self.over.first().or_else(|| self.calls.keys().next());
            let Some(place) = oldest.copied() else { return };
            self.remove(place);
        }
    }

    /// Something happened in a call.
    fn push(&mut self, place: u64, event: Event) {
        let Some(call) = self.calls.get_mut(&place) else {
            return;
        };
        let before = call.bytes;
        let event = call.push(event, self.bounds.events);
        let after = call.bytes;
        self.bytes = self.bytes + after - before;
        self.tell(place, Some(&event));
    }

    /// A call is not what it was.
    fn tell_call(&mut self, place: u64) {
        self.tell(place, None);
    }

    fn tell(&mut self, place: u64, event: Option<&Arc<Event>>) {
        let Some(call) = self.calls.get(&place) else {
            return;
        };
        for follower in self.followers.values_mut() {
            if !follower.wants(place, call) {
                continue;
            }
            let is_new = matches!(follower.wish, Wish::All { .. }) && follower.fitting.insert(place);
            match event {
                // It may fit only since somebody else takes part in it.
                _ if is_new => {
                    follower.push_call(place);
                    call.list.iter().for_each(|event| follower.push_event(event));
                }
                Some(event) => follower.push_event(event),
                None => follower.push_call(place),
            }
        }
    }

    /// A call is over.
    fn end(&mut self, place: u64, at_ms: f64) {
        let Some(call) = self.calls.get_mut(&place) else {
            return;
        };
        call.ended_ms = Some(at_ms);
        self.over.insert(place);
        for follower in self.followers.values_mut() {
            if follower.wants(place, call) {
                follower.push_end(place);
            }
            if matches!(follower.wish, Wish::One(one) if one == place) {
                follower.end();
            }
        }
    }
}

impl Wanted {
    fn fits(&self, call: &Call) -> bool {
        self.user.as_deref().is_none_or(|user| call.has(user))
            && self.service.as_deref().is_none_or(|service| call.is_of(service))
            && self.live.is_none_or(|live| live == call.ended_ms.is_none())
    }
}

impl Follower {
    /// Whether a call is what he wants to be told of.
    fn wants(&self, place: u64, call: &Call) -> bool {
        match &self.wish {
            Wish::One(one) => *one == place,
            Wish::All { user, service } => {
                self.fitting.contains(&place)
                    || (user.as_deref().is_none_or(|user| call.has(user))
                        && service.as_deref().is_none_or(|service| call.is_of(service)))
            }
        }
    }
}
