//! How long services take.

use std::sync::Arc;
use std::time::Duration;

use jsip_stack::DialogKey;
use strowger_service::Event;
use strowger_time::{Histogram, Instant, Scale};

use crate::Shard;
use crate::instances::InstanceKey;

/// A clock for measuring spans; the driver's, as a shard has none.
pub type Clock = fn() -> Duration;

/// What measures calls into services. Measures nothing without a clock.
#[derive(Debug, Default)]
pub(crate) struct Timing {
    clock: Option<Clock>,
    /// Somebody wants to know of each call.
    watched: bool,
    /// The calls of this batch are counted.
    sampled: bool,
    /// In services, since this was asked last; of what was sampled.
    spent: Duration,
    /// By the service's place in the registry.
    services: Vec<Histogram>,
}

impl Timing {
    pub(crate) const fn watch(&mut self, watched: bool) {
        self.watched = watched;
    }

    fn count(&mut self, service: usize, took: Duration) {
        self.spent += took;
        if service >= self.services.len() {
            // As many as there are services at most.
            self.services.resize(service + 1, Histogram::new(&Scale::WORK));
        }
        self.services[service].observe(took);
    }
}

/// A call into a service that has begun.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) dialog: Option<DialogKey>,
    pub(crate) event: &'static str,
    pub(crate) begun: Duration,
    clock: Clock,
    service: usize,
}

impl Shard {
    /// Gives the shard a clock, with which it measures how long services take and nothing else.
    pub const fn set_clock(&mut self, clock: Clock) {
        self.timing.clock = Some(clock);
    }

    /// Says whether calls into services are counted from now on.
    pub const fn set_sampled(&mut self, sampled: bool) {
        self.timing.sampled = sampled;
    }

    /// How long the calls took that were counted since this was asked last.
    pub const fn take_time_in_services(&mut self) -> Duration {
        std::mem::replace(&mut self.timing.spent, Duration::ZERO)
    }

    /// How long counted calls into each service took, also into those that none was counted of. A service may come twice, if it was
    /// taken out and came back.
    pub fn service_times(&self) -> impl Iterator<Item = (&Arc<str>, Histogram)> {
        (0..self.registry.len()).map(|place| {
            let times = self.timing.services.get(place);
            (self.registry.name(place), times.copied().unwrap_or_default())
        })
    }

    /// A call into an instance is about to begin.
    #[inline]
    pub(crate) fn begin_call(&self, key: InstanceKey, event: &Event) -> Option<Call> {
        if self.timing.sampled || self.timing.watched {
            self.measure_call(key, event)
        } else {
            None
        }
    }

    fn measure_call(&self, key: InstanceKey, event: &Event) -> Option<Call> {
        let (clock, running) = (self.timing.clock?, self.instances.get(key)?);
        Some(Call {
            dialog: event.leg().and_then(|leg| running.dialog(leg)),
            event: name(event),
            begun: clock(),
            clock,
            service: running.service,
        })
    }

    /// It is over; says how long it took, where that was measured.
    #[inline]
    pub(crate) fn end_call(&mut self, now: Instant, call: Option<Call>) -> Option<Duration> {
        let call = call?;
        let took = (call.clock)().saturating_sub(call.begun);
        if self.timing.sampled {
            self.timing.count(call.service, took);
        }
        self.note_called(now, &call, took);
        Some(took)
    }
}

pub(crate) const fn name(event: &Event) -> &'static str {
    match event {
        Event::Incoming { .. } => "incoming",
        Event::Request { .. } => "request",
        Event::Response { .. } => "response",
        Event::Expired { .. } => "expired",
        Event::Refused { .. } => "refused",
        Event::Ended { .. } => "ended",
        Event::Timer { .. } => "timer",
        Event::Fetched { .. } => "fetched",
        Event::Http { .. } => "http",
        Event::Published { .. } => "published",
        Event::StoreChanged { .. } => "store changed",
        Event::Stored { .. } => "stored",
        Event::ConfigChanged => "config changed",
        Event::Shutdown { .. } => "shutdown",
        _ => "other",
    }
}
