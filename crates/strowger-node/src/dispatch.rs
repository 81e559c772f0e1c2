//! Events to instances: a new dialog finds its instance, an event is handled, an instance ends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use jsip::{Request, StatusCode};
use jsip_stack::{Delivery, DialogKey, EndCause as StackCause, Owner, Release};
use strowger_service::{Context, EndCause, Event, Facts, Ids, LogLevel, RequestId};
use strowger_time::Instant;

use crate::distribution::{Choice, choose};
use crate::instances::{InstanceKey, Running};
use crate::{Effect, LogLine, Shard};

/// Hops that a request without Max-Forwards may take.
const MAX_FORWARDS: u32 = 20;
/// `Retry-After` of a 503, in seconds.
const RETRY_AFTER: u32 = 2;

impl Shard {
    /// A request began a dialog: finds or makes its instance.
    pub(crate) fn distribute(&mut self, now: Instant, dialog: DialogKey, request: Request) {
        if self.draining {
            self.counters.unavailable += 1;
            let code = StatusCode::SERVICE_UNAVAILABLE;
            return self.stack.reject(now, dialog, code, "the node is draining", Some(RETRY_AFTER));
        }
        let instance = match choose(&request, &self.registry) {
            Choice::Relation(relation) => match self.instances.by_relation(&relation) {
                Some(instance) => instance,
                None => return self.not_found(now, dialog, "no instance owns this relid"),
            },
            Choice::Service(service) => match self.instance_of(service, &request) {
                Some(instance) => instance,
                None => {
                    self.counters.unavailable += 1;
                    let code = StatusCode::SERVICE_UNAVAILABLE;
                    return self.stack.reject(now, dialog, code, "too many instances", Some(RETRY_AFTER));
                }
            },
            Choice::BadRoute(fault) => {
                let reason = format!("Router: {fault}");
                return self.stack.reject(now, dialog, StatusCode::BAD_REQUEST, &reason, None);
            }
            Choice::NoService(name) => {
                return self.not_found(now, dialog, &format!("no service is named {name:?}"));
            }
        };
        let Some(running) = self.instances.get_mut(instance) else { return };
        running.hops = request.max_forwards().unwrap_or(MAX_FORWARDS);
        let leg = running.ids.next_leg();
        running.legs.push((leg, dialog));
        self.stack.accept(dialog, instance.owner(leg));
        self.deliver(now, instance, Event::Incoming { leg, request });
    }

    fn not_found(&mut self, now: Instant, dialog: DialogKey, reason: &str) {
        self.counters.not_found += 1;
        self.stack.reject(now, dialog, StatusCode::NOT_FOUND, reason, None);
    }

    /// The instance already bound to the request's key, else a new one; `None` if there are too many.
    fn instance_of(&mut self, service: usize, request: &Request) -> Option<InstanceKey> {
        let key = self.registry.service(service).key(request);
        if let Some(running) = key.as_deref().and_then(|key| self.instances.by_key(service, key)) {
            return Some(running);
        }
        if self.instances.len() >= self.config.limits.instances {
            return None;
        }
        self.counters.instances_started += 1;
        let name = self.registry.name(service).clone();
        let ids = Ids::new(self.ids.relation_prefix());
        Some(self.instances.insert(Running {
            instance: Some(self.registry.service(service).start()),
            service,
            name,
            epoch: 0,
            ids,
            legs: Vec::new(),
            timers: Vec::new(),
            key,
            relations: Vec::new(),
            hops: MAX_FORWARDS,
            refusals: 0,
        }))
    }

    /// Something from the stack for the instance that owns a leg.
    pub(crate) fn on_delivery(&mut self, now: Instant, owner: Owner, delivery: Delivery) {
        let Some((instance, leg)) = self.instances.find(owner) else { return };
        let event = match delivery {
            Delivery::Request(request) => Event::Request { leg, request },
            Delivery::Response { to, response } => Event::Response { leg, to: RequestId::new(to.0), response },
            Delivery::Expired { cseq } => Event::Expired { leg, cseq },
            Delivery::Ended(cause) => {
                if let Some(running) = self.instances.get_mut(instance) {
                    running.legs.retain(|(id, _)| *id != leg);
                }
                Event::Ended { leg, cause: end_cause(cause) }
            }
        };
        self.deliver(now, instance, event);
    }

    /// Lets an instance handle an event from outside, and everything that its own commands cause at once.
    pub(crate) fn deliver(&mut self, now: Instant, instance: InstanceKey, event: Event) {
        if let Some(running) = self.instances.get_mut(instance) {
            running.refusals = 0;
        }
        self.pending.push_back((instance, event));
        if self.dispatching {
            return;
        }
        self.dispatching = true;
        while let Some((instance, event)) = self.pending.pop_front() {
            self.handle(now, instance, event);
        }
        self.dispatching = false;
    }

    fn handle(&mut self, now: Instant, key: InstanceKey, event: Event) {
        let Some(running) = self.instances.get_mut(key) else { return };
        let Some(mut instance) = running.instance.take() else { return };
        let mut commands = std::mem::take(&mut self.commands);
        let facts = Facts {
            now: now.since(Instant::ZERO),
            service: &running.name,
            own_hosts: &self.config.realm,
        };
        let result = {
            let mut context = Context::new(&mut running.ids, &facts, &mut commands);
            catch_unwind(AssertUnwindSafe(|| instance.handle(event, &mut context)))
        };
        if let Err(panic) = result {
            commands.clear();
            self.commands = commands;
            // Whatever state the panic left behind is never looked at again; dropping it may panic as well.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(instance)));
            self.fail(now, key, &format!("panicked: {}", panic_text(panic.as_ref())));
            return;
        }
        running.instance = Some(instance);
        if commands.len() > self.config.limits.commands_per_event {
            commands.clear();
            self.commands = commands;
            self.fail(now, key, "too many commands in one event");
            return;
        }
        for command in commands.drain(..) {
            self.execute(now, key, command);
        }
        self.commands = commands;
        if self.instances.get(key).is_some_and(Running::is_unreachable) && !self.has_pending(key) {
            self.end(now, key, Release::Finished);
        }
    }

    fn has_pending(&self, key: InstanceKey) -> bool {
        self.pending.iter().any(|(instance, _)| *instance == key)
    }

    /// Ends an instance that failed.
    pub(crate) fn fail(&mut self, now: Instant, key: InstanceKey, why: &str) {
        self.counters.instances_failed += 1;
        if let Some(running) = self.instances.get(key) {
            let line = LogLine {
                level: LogLevel::Error,
                service: running.name.to_string(),
                text: format!("instance failed: {why}"),
            };
            self.effects.push_back(Effect::Log(line));
        }
        self.end(now, key, Release::Failed);
    }

    /// Ends an instance: its dialogs are released, its timers stopped, its names forgotten.
    pub(crate) fn end(&mut self, now: Instant, key: InstanceKey, release: Release) {
        let Some(mut running) = self.instances.remove(key) else { return };
        for (_, deadline) in &running.timers {
            self.deadlines.cancel(*deadline);
        }
        for (_, dialog) in &running.legs {
            self.stack.release(now, *dialog, release);
        }
        if let Some(instance) = running.instance.take() {
            // A destructor of a service may panic; it must not end the shard.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(instance)));
        }
    }

    /// A timer of an instance fired.
    pub(crate) fn on_timer(&mut self, now: Instant, key: InstanceKey, timer: strowger_service::TimerId) {
        let Some(running) = self.instances.get_mut(key) else { return };
        let before = running.timers.len();
        running.timers.retain(|(id, _)| *id != timer);
        if running.timers.len() != before {
            self.deliver(now, key, Event::Timer { timer });
        }
    }
}

const fn end_cause(cause: StackCause) -> EndCause {
    match cause {
        StackCause::Bye => EndCause::Bye,
        StackCause::Cancelled => EndCause::Cancelled,
        StackCause::Refused => EndCause::Refused,
        StackCause::Completed => EndCause::Completed,
        StackCause::TimedOut => EndCause::TimedOut,
        StackCause::ChannelLost => EndCause::ChannelLost,
        StackCause::Finished => EndCause::Finished,
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// Used by the shard for timers of instances.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InstanceTimer {
    pub(crate) instance: InstanceKey,
    pub(crate) timer: strowger_service::TimerId,
}

/// The longest timer an instance may set: more is cut to this.
pub(crate) const LONGEST_TIMER: Duration = Duration::from_secs(30 * 24 * 3600);
