//! Small numbers by which an instance names its legs, requests and timers; and its chance.

use std::cell::OnceCell;
#[expect(
    deprecated,
    reason = "std has no other keyed hash whose result is the same everywhere and for ever"
)]
use std::hash::SipHasher;
use std::hash::{Hash as _, Hasher as _};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl $name {
            /// Makes it from its number.
            pub const fn new(number: u32) -> Self {
                Self(number)
            }

            /// Its number, counted from 1 within one instance.
            pub const fn number(self) -> u32 {
                self.0
            }
        }
    };
}

number! {
    /// One dialog of an instance.
    LegId
}
number! {
    /// A request that the instance sent; it comes back with each response.
    RequestId
}
number! {
    /// A timer that the instance set.
    TimerId
}

number! {
    /// An HTTP request that the instance made; it comes back with the response.
    FetchId
}
number! {
    /// An HTTP request that the instance got, to be answered once. Whoever runs the instance numbers them.
    HttpId
}
number! {
    /// What asks for the store to be on disk; it comes back once it is.
    SyncId
}

/// The counters behind the numbers of one instance, kept by whoever runs it.
#[derive(Clone, Debug, Default)]
pub struct Ids {
    leg: u32,
    request: u32,
    timer: u32,
    relation: u32,
    fetch: u32,
    sync: u32,
    relation_prefix: OnceCell<String>,
    /// Who tells what relation ids begin with, where it is not known yet.
    ask_prefix: Option<fn() -> String>,
    seed: [u64; 2],
    drawn: u64,
}

/// The last number given out of each kind; 0 before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastIds {
    /// The last leg.
    pub leg: u32,
    /// The last request.
    pub request: u32,
    /// The last timer.
    pub timer: u32,
    /// The last relation id.
    pub relation: u32,
    /// The last HTTP request of the instance.
    pub fetch: u32,
    /// The last wish for the store to be on disk.
    pub sync: u32,
}

impl Ids {
    /// Counters of a new instance; its relation ids begin with this unguessable text.
    pub fn new(relation_prefix: String) -> Self {
        Self {
            relation_prefix: relation_prefix.into(),
            ..Self::default()
        }
    }

    /// The same where that text is asked for when the first relation id is made.
    pub fn asking(relation_prefix: fn() -> String) -> Self {
        Self {
            ask_prefix: Some(relation_prefix),
            ..Self::default()
        }
    }

    /// The same counters with a seed for [`Context::random`](crate::Context::random); without one it is all zeros, which
    /// anybody can guess.
    #[must_use]
    pub fn with_seed(self, seed: [u64; 2]) -> Self {
        Self { seed, ..self }
    }

    /// The last number of each kind.
    pub const fn last(&self) -> LastIds {
        LastIds {
            leg: self.leg,
            request: self.request,
            timer: self.timer,
            relation: self.relation,
            fetch: self.fetch,
            sync: self.sync,
        }
    }

    /// Goes on from these numbers: for those who run one instance in two places, of which each gives out some.
    pub const fn go_on_from(&mut self, last: LastIds) {
        self.leg = last.leg;
        self.request = last.request;
        self.timer = last.timer;
        self.relation = last.relation;
        self.fetch = last.fetch;
        self.sync = last.sync;
    }

    /// What relation ids begin with.
    pub fn relation_prefix(&self) -> &str {
        let ask = || self.ask_prefix.map_or_else(String::new, |ask| ask());
        self.relation_prefix.get_or_init(ask)
    }

    /// The next number of a sequence that nobody can guess who does not know the seed.
    pub fn next_random(&mut self) -> u64 {
        self.drawn += 1;
        #[expect(deprecated, reason = "see above")]
        let mut hasher = SipHasher::new_with_keys(self.seed[0], self.seed[1]);
        self.drawn.hash(&mut hasher);
        hasher.finish()
    }

    /// Legs go on from this number: who runs the instance gives out some, too.
    pub const fn go_on_from_leg(&mut self, last: u32) {
        self.leg = last;
    }

    /// The next leg.
    pub const fn next_leg(&mut self) -> LegId {
        self.leg += 1;
        LegId(self.leg)
    }

    /// The next request.
    pub const fn next_request(&mut self) -> RequestId {
        self.request += 1;
        RequestId(self.request)
    }

    /// The next timer.
    pub const fn next_timer(&mut self) -> TimerId {
        self.timer += 1;
        TimerId(self.timer)
    }

    /// The next request over HTTP.
    pub const fn next_fetch(&mut self) -> FetchId {
        self.fetch += 1;
        FetchId(self.fetch)
    }

    /// The next wish for the store to be on disk.
    pub const fn next_sync(&mut self) -> SyncId {
        self.sync += 1;
        SyncId(self.sync)
    }

    /// The next relation id.
    pub fn next_relation(&mut self) -> String {
        self.relation += 1;
        format!("{}.{}", self.relation_prefix(), self.relation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_differs_by_seed_and_draw_and_is_the_same_again() {
        let draw = |seed| {
            let mut ids = Ids::new(String::new()).with_seed(seed);
            [ids.next_random(), ids.next_random()]
        };
        assert_eq!(draw([1, 2]), draw([1, 2]));
        assert_ne!(draw([1, 2]), draw([1, 3]));
        let [first, second] = draw([1, 2]);
        assert_ne!(first, second);
    }

    #[test]
    fn what_relation_ids_begin_with_is_asked_for_once_it_is_needed() {
        let mut ids = Ids::asking(|| "asked".to_owned());
        assert_eq!(ids.next_leg(), LegId(1));
        assert_eq!(ids.next_relation(), "asked.1");
        assert_eq!(ids.relation_prefix(), "asked");
    }

    #[test]
    fn two_places_number_one_instance_in_turns() {
        let (mut here, mut there) = (Ids::new("rel".to_owned()), Ids::new("rel".to_owned()));
        here.next_leg();
        here.next_relation();
        there.go_on_from(here.last());
        assert_eq!(there.next_leg(), LegId(2));
        assert_eq!(there.next_relation(), "rel.2");
        assert_eq!(there.last().leg, 2);
    }
}
