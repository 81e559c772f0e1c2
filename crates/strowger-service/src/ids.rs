//! Small numbers by which an instance names its legs, requests and timers.

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

/// The counters behind the numbers of one instance, kept by whoever runs it.
#[derive(Clone, Debug, Default)]
pub struct Ids {
    leg: u32,
    request: u32,
    timer: u32,
    relation: u32,
    relation_prefix: String,
}

impl Ids {
    /// Counters of a new instance; its relation ids begin with this unguessable text.
    pub fn new(relation_prefix: String) -> Self {
        Self {
            relation_prefix,
            ..Self::default()
        }
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

    /// The next relation id.
    pub fn next_relation(&mut self) -> String {
        self.relation += 1;
        format!("{}.{}", self.relation_prefix, self.relation)
    }
}
