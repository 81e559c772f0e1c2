//! Tests a service with no server, no stack and no waiting.
//!
//! A [`TestKit`] runs one instance. The test plays everybody else: the peers on every leg, and time. It feeds what peers
//! do ([`incoming`](TestKit::incoming), [`request`](TestKit::request), [`answer`](TestKit::answer),
//! [`hang_up`](TestKit::hang_up), [`lose`](TestKit::lose)), lets time pass ([`advance`](TestKit::advance)), and says what
//! the service must have sent, in order ([`expect_open`](TestKit::expect_open), [`expect_send`](TestKit::expect_send),
//! [`expect_response`](TestKit::expect_response), [`expect_nothing`](TestKit::expect_nothing)). What is not as it should be
//! panics and says what was there instead.
//!
//! The kit does what a node does where a service can notice: numbers, `DialogueID` and CSeqs, `Max-Forwards`, commands
//! refused, CANCEL and BYE answered, 487, 480 for users who are not there, 408 for what nobody answers, legs that end, an
//! instance that ends by itself, and what its legs get when it finishes or fails. It does not check messages of peers
//! against the whole of protocol section 5, refreshes no sessions and does not miss an ACK.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::time::Duration;

use jsip::{Method, Request};

use crate::{
    Context, EndCause, Event, Facts, Ids, Instance, LegId, LogLevel, RequestId, SendError, Service, TimerId,
};

mod chance;
mod effects;
mod execute;
mod expect;
mod leg;
mod peer;
mod upgrade;

pub use chance::Chance;
pub use expect::{Seen, Sent};

use leg::Leg;

/// Runs one instance of a service in virtual time; see the [module](self).
pub struct TestKit {
    service: Box<dyn Service>,
    instance: Option<Box<dyn Instance>>,
    name: String,
    own_hosts: Vec<String>,
    offline: BTreeSet<String>,
    ids: Ids,
    now: Duration,
    legs: BTreeMap<LegId, Leg>,
    /// What waits for its time, in the order in which it was set.
    deadlines: Vec<(Duration, Due)>,
    pending: VecDeque<Event>,
    /// What went out and no expectation has taken.
    seen: VecDeque<Seen>,
    relations: Vec<String>,
    logs: Vec<(LogLevel, String)>,
    refusals: Vec<(LegId, SendError)>,
    keyed: bool,
    /// Whether events are kept back for the moment.
    held: bool,
    hops: u32,
    over: Option<Over>,
    /// Whether a bridge goes on where the instance was.
    forwarded: bool,
    effects: effects::Effects,
}

/// How an instance ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Over {
    Finished,
    Failed(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Timer(TimerId),
    /// The service owes the peer a final response.
    Received(LegId, jsip::CSeq),
    /// The peer owes the service a final response.
    Sent(LegId, RequestId),
}

/// Protocol section 9: `timers.transaction`.
const TRANSACTION: Duration = Duration::from_secs(5);
/// Protocol section 9: `timers.provisional`.
const PROVISIONAL: Duration = Duration::from_secs(60);
/// Protocol section 9: `timers.invite_max`.
const INVITE_MAX: Duration = Duration::from_secs(180);
/// Protocol section 9: `timers.session`, in seconds.
const SESSION: u64 = 600;
/// How many hops a request without `Max-Forwards` may take.
const MAX_FORWARDS: u32 = 20;

impl TestKit {
    /// Makes an instance of the service, which runs under the name `service` on a node that has no host names.
    pub fn new(service: impl Service) -> Self {
        let instance = Some(service.start());
        Self {
            service: Box::new(service),
            instance,
            name: "service".to_owned(),
            own_hosts: Vec::new(),
            offline: BTreeSet::new(),
            ids: Ids::new("relation".to_owned()),
            now: Duration::ZERO,
            legs: BTreeMap::new(),
            deadlines: Vec::new(),
            pending: VecDeque::new(),
            seen: VecDeque::new(),
            relations: Vec::new(),
            logs: Vec::new(),
            refusals: Vec::new(),
            keyed: false,
            held: false,
            hops: MAX_FORWARDS,
            over: None,
            forwarded: false,
            effects: effects::Effects::default(),
        }
    }

    /// Gives the service another name: a Router whose host begins with it is meant for the service.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Gives the node a host name of its own.
    #[must_use]
    pub fn on_host(mut self, host: &str) -> Self {
        self.own_hosts.push(host.to_owned());
        self
    }

    /// Takes a user off the network: who opens a leg to this `[user@]host` gets 480. Everybody else is there.
    #[must_use]
    pub fn offline(mut self, user: &str) -> Self {
        self.offline.insert(user.to_owned());
        self
    }

    /// The time since the start.
    pub const fn now(&self) -> Duration {
        self.now
    }

    /// Lets time pass: what is due fires in the order of its time, then of its setting.
    pub fn advance(&mut self, span: Duration) {
        let until = self.now.saturating_add(span);
        while let Some(at) = self.next_due(until) {
            let (due_at, due) = self.deadlines.remove(at);
            self.now = due_at;
            match due {
                Due::Timer(timer) => self.pending.push_back(Event::Timer { timer }),
                Due::Received(leg, cseq) => self.expire_received(leg, cseq),
                Due::Sent(leg, id) => self.expire_sent(leg, id),
            }
            self.run();
        }
        self.now = until;
    }

    fn next_due(&self, until: Duration) -> Option<usize> {
        let due = self
            .deadlines
            .iter()
            .enumerate()
            .filter(|(_, (at, _))| *at <= until);
        due.min_by_key(|(place, (at, _))| (*at, *place))
            .map(|(place, _)| place)
    }

    fn set_deadline(&mut self, after: Duration, due: Due) {
        self.forget_deadline(due);
        self.deadlines.push((self.now.saturating_add(after), due));
    }

    fn forget_deadline(&mut self, due: Due) {
        self.deadlines.retain(|(_, other)| *other != due);
    }

    /// Whether the instance has ended.
    pub const fn is_over(&self) -> bool {
        self.over.is_some()
    }

    /// Whether the leg has ended; a leg that never was counts as ended.
    pub fn has_ended(&self, leg: LegId) -> bool {
        self.legs.get(&leg).is_none_or(|leg| leg.ended)
    }

    /// The reason that the service gave when it failed.
    pub fn failure(&self) -> Option<&str> {
        match &self.over {
            Some(Over::Failed(reason)) => Some(reason),
            Some(Over::Finished) | None => None,
        }
    }

    /// The relation ids that the service has made.
    pub fn relations(&self) -> &[String] {
        &self.relations
    }

    /// The log lines that the service has written.
    pub fn logs(&self) -> &[(LogLevel, String)] {
        &self.logs
    }

    /// The commands of the service that were not carried out. Some are in the nature of things: what a service sends on a
    /// leg that ends in the same moment comes back.
    pub fn refusals(&self) -> &[(LegId, SendError)] {
        &self.refusals
    }

    /// Gives the service any event, as it is. The kit's notion of the legs stays as it was.
    pub fn event(&mut self, event: Event) {
        self.pending.push_back(event);
        self.run();
    }

    /// Lets several things happen at the same moment: the legs have gone through all of it before the service hears of the
    /// first. So a test makes messages cross.
    ///
    /// ```
    /// # use strowger_service::jsip::{Method, Request, StatusCode};
    /// # use strowger_service::{testkit::TestKit, Bridge, Context, Event, Instance, Service};
    /// # struct Relay;
    /// # struct Call(Option<Bridge>);
    /// # impl Service for Relay { fn start(&self) -> Box<dyn Instance> { Box::new(Call(None)) } }
    /// # impl Instance for Call {
    /// #     fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
    /// #         match (event, &mut self.0) {
    /// #             (Event::Incoming { leg, request }, None) => self.0 = Some(Bridge::open(leg, request, cx)),
    /// #             (event, Some(bridge)) => bridge.handle(event, cx),
    /// #             (_, None) => {}
    /// #         }
    /// #     }
    /// # }
    /// let mut kit = TestKit::new(Relay);
    /// let alice = kit.incoming(Request::new(Method::Invite, "bob@x.org", "alice@x.org", "bob@x.org"));
    /// let bob = kit.expect_open();
    /// kit.at_once(|kit| {
    ///     kit.answer(&bob, StatusCode::OK);
    ///     kit.hang_up(alice);
    /// });
    /// kit.expect_send(bob.leg, Method::Ack);
    /// kit.expect_send(bob.leg, Method::Bye);
    /// kit.assert_finished();
    /// ```
    pub fn at_once(&mut self, happen: impl FnOnce(&mut Self)) {
        self.held = true;
        happen(self);
        self.held = false;
        self.run();
    }

    /// Keeps events back, or lets them go: [`TestKit::at_once`] in two steps.
    #[cfg(test)]
    pub(crate) fn hold(&mut self, held: bool) {
        self.held = held;
        self.run();
    }

    /// Whether a request of the service has no final response: only then can it be [answered](TestKit::answer).
    pub fn awaits(&self, request: impl Into<RequestId>) -> bool {
        let id = request.into();
        self.legs
            .values()
            .any(|leg| leg.sent.iter().any(|(sent, _)| *sent == id))
    }

    /// Whether the service has cancelled the call on this leg and its final response is awaited.
    #[cfg(test)]
    pub(crate) fn is_cancelling(&self, leg: LegId) -> bool {
        self.legs
            .get(&leg)
            .is_some_and(|leg| leg.state == leg::State::Cancelling)
    }

    /// Whether the call on this leg was answered and is not over.
    #[cfg(test)]
    pub(crate) fn is_up(&self, leg: LegId) -> bool {
        self.legs
            .get(&leg)
            .is_some_and(|leg| leg.state == leg::State::Answered)
    }

    /// Lets the instance handle what waits, and what its commands lead to at once.
    fn run(&mut self) {
        if self.held {
            return;
        }
        while let Some(event) = self.pending.pop_front() {
            if self.over.is_some() {
                self.pending.clear();
                return;
            }
            if self.hears(&event) {
                self.handle(event);
            }
            let timers = self.deadlines.iter().any(|(_, due)| matches!(due, Due::Timer(_)));
            let reachable = self.legs.values().any(|leg| !leg.ended)
                || timers
                || self.keyed
                || self.effects.is_awaited()
                || !self.relations.is_empty();
            if self.over.is_none() && !reachable && self.pending.is_empty() {
                self.finish(Over::Finished);
            }
        }
    }

    /// Whether the service is told of an event ([`Service::hears_completed`]).
    fn hears(&self, event: &Event) -> bool {
        let is_usual = matches!(
            event,
            Event::Ended {
                cause: EndCause::Completed,
                ..
            }
        );
        !is_usual || self.service.hears_completed()
    }

    fn handle(&mut self, event: Event) {
        let Some(instance) = &mut self.instance else {
            return;
        };
        let facts = Facts {
            now: self.now,
            service: &self.name,
            own_hosts: &self.own_hosts,
        };
        let mut commands = Vec::new();
        self.effects.store.set_now(self.now);
        let context = Context::new(&mut self.ids, &facts, &mut commands);
        instance.handle(event, &mut context.in_surroundings(self.effects.surroundings()));
        let was_forwarded = self.forwarded;
        for command in commands {
            // Nothing is carried out behind what ends the instance.
            if self.over.is_none() && self.forwarded == was_forwarded {
                self.execute(command);
            }
        }
    }

    /// Ends the instance: its legs get what the stack sends them (protocol section 7).
    fn finish(&mut self, over: Over) {
        let failed = over != Over::Finished;
        self.over = Some(over);
        self.instance = None;
        self.pending.clear();
        self.deadlines.clear();
        let legs: Vec<LegId> = self
            .legs
            .iter()
            .filter(|(_, leg)| !leg.ended)
            .map(|(leg, _)| *leg)
            .collect();
        for leg in legs {
            self.release(leg, failed);
        }
    }

    /// A leg is over, as far as its session goes; it ends once nothing is open on it.
    fn settle(&mut self, leg: LegId) {
        let Some(record) = self.legs.get_mut(&leg) else {
            return;
        };
        if !record.ended && record.is_over() {
            record.ended = true;
            let cause = record.cause;
            self.pending.push_back(Event::Ended { leg, cause });
            self.deadlines.retain(|(_, due)| match due {
                Due::Received(other, _) | Due::Sent(other, _) => *other != leg,
                Due::Timer(_) => true,
            });
        }
    }

    /// Ends a leg with this cause: the next event is [`Event::Ended`].
    #[track_caller]
    pub fn end(&mut self, leg: LegId, cause: EndCause) {
        let record = self.live(leg);
        record.close(cause);
        record.sent.clear();
        self.settle(leg);
        self.run();
    }

    #[track_caller]
    fn live(&mut self, leg: LegId) -> &mut Leg {
        assert!(self.over.is_none(), "the instance has ended: {:?}", self.over);
        match self.legs.get_mut(&leg) {
            Some(record) if record.ended => {
                panic!(
                    "leg {} has ended ({:?}): nothing more reaches the service on it",
                    leg.number(),
                    record.cause
                )
            }
            Some(record) => record,
            None => panic!("there is no leg {}", leg.number()),
        }
    }
}

impl fmt::Debug for TestKit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestKit")
            .field("service", &self.name)
            .field("now", &self.now)
            .field("legs", &self.legs)
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}

/// Whether nobody answers a request with this method but the stack.
const fn is_answered_by_the_stack(method: Method) -> bool {
    matches!(method, Method::Ack | Method::Cancel | Method::Bye)
}

fn first_deadline(request: &Request) -> Duration {
    if request.method() == Method::Invite {
        PROVISIONAL
    } else {
        TRANSACTION
    }
}

#[cfg(test)]
mod tests;
