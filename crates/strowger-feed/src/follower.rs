//! Somebody who follows calls: what he has not been told yet, in bounds.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use tokio::sync::Notify;

use crate::CallView;
use crate::event::Event;

/// How much may wait for one who follows; what is more is left out, and he is told how much.
pub(crate) const QUEUE: usize = 2048;

/// Which calls somebody follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Follow {
    /// One call, and of it the events behind this one.
    Call {
        /// Its name.
        call: String,
        /// The last event that is known already; 0: none.
        after: u64,
    },
    /// All that fit.
    All {
        /// Those in which this user takes part, or one whose name begins so where it is no whole userid.
        user: Option<String>,
        /// Those of this service.
        service: Option<String>,
        /// With what happened before in those that live.
        backlog: bool,
    },
}

/// What one who follows is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// The call as it is now.
    Call(Box<CallView>),
    /// Something happened.
    Event(Arc<Event>),
    /// He was too slow, and this many things were left out.
    Gap(u64),
    /// The call that he follows is over, or is not kept any more; nothing more comes.
    End,
}

#[derive(Debug)]
enum Item {
    Call(u64),
    Event(Arc<Event>),
}

/// What he wants, by the calls' places.
#[derive(Debug)]
pub(crate) enum Wish {
    One(u64),
    All {
        user: Option<String>,
        service: Option<String>,
    },
}

#[derive(Debug)]
pub(crate) struct Follower {
    pub(crate) wish: Wish,
    /// The calls that fit, of those that there are.
    pub(crate) fitting: HashSet<u64>,
    queue: VecDeque<Item>,
    /// The calls that are in the queue as such, and how often.
    marked: HashMap<u64, usize>,
    left_out: u64,
    over: bool,
    news: Arc<Notify>,
}

impl Follower {
    pub(crate) fn new(wish: Wish) -> Self {
        Self {
            wish,
            fitting: HashSet::new(),
            queue: VecDeque::new(),
            marked: HashMap::new(),
            left_out: 0,
            over: false,
            news: Arc::default(),
        }
    }

    pub(crate) fn news(&self) -> Arc<Notify> {
        Arc::clone(&self.news)
    }

    pub(crate) fn push_event(&mut self, event: &Arc<Event>) {
        self.push(Item::Event(Arc::clone(event)));
    }

    /// A call is not what it was; what it is then, is told when it is his turn.
    pub(crate) fn push_call(&mut self, place: u64) {
        if !self.marked.contains_key(&place) {
            self.push_end(place);
        }
    }

    /// The same where a call has ended: that is told behind all its events.
    pub(crate) fn push_end(&mut self, place: u64) {
        if self.push(Item::Call(place)) {
            *self.marked.entry(place).or_default() += 1;
        }
    }

    fn push(&mut self, item: Item) -> bool {
        let has_room = self.queue.len() < QUEUE;
        if has_room {
            self.queue.push_back(item);
        } else {
            self.left_out += 1;
        }
        self.news.notify_one();
        has_room
    }

    /// Something is missing that was there once.
    pub(crate) const fn miss(&mut self, events: u64) {
        self.left_out += events;
    }

    /// Nothing more comes.
    pub(crate) fn end(&mut self) {
        self.over = true;
        self.news.notify_one();
    }

    /// A call is not kept any more.
    pub(crate) fn forget(&mut self, place: u64) {
        self.fitting.remove(&place);
        if matches!(self.wish, Wish::One(one) if one == place) {
            self.end();
        }
    }

    /// Up to so many things, in order.
    pub(crate) fn take(&mut self, most: usize, view: impl Fn(u64) -> Option<CallView>) -> Vec<Told> {
        let count = most.min(self.queue.len());
        let mut told = Vec::with_capacity(count);
        for item in self.queue.drain(..count) {
            match item {
                Item::Event(event) => told.push(Told::Event(event)),
                Item::Call(place) => {
                    let left = self.marked.get(&place).map_or(0, |count| count - 1);
                    if left > 0 {
                        self.marked.insert(place, left);
                    } else {
                        self.marked.remove(&place);
                    }
                    told.extend(view(place).map(|mut call| {
                        if left > 0 {
                            // Its end is still to be told.
                            call.ended_ms = None;
                        }
                        Told::Call(Box::new(call))
                    }));
                }
            }
        }
        if self.queue.is_empty() {
            self.queue.shrink_to(64);
            if self.left_out > 0 {
                told.push(Told::Gap(std::mem::take(&mut self.left_out)));
            }
            if self.over {
                told.push(Told::End);
            }
        }
        told
    }
}
