//! Events to instances: a new dialog finds its instance, an event is handled, an instance ends.

use std::sync::Arc;
use std::time::Duration;

use jsip::{Request, StatusCode};
use jsip_stack::{Channel, Delivery, DialogKey, EndCause as StackCause, Owner, Release};
use strowger_service::{
    Command, Context, EndCause, Event, Facts, HttpId, Ids, LegId, LogLevel, RequestId, Surroundings, TimerId,
};
use strowger_time::Instant;

use crate::Shard;
use crate::budget::Budget;
use crate::distribution::{Choice, choose};
use crate::guard::{dispose, guarded};
use crate::instances::{Hops, InstanceKey, Running};
use crate::legs::Legs;
use crate::watch::InstanceWhat;
use crate::web::Web;

/// Hops that a request without Max-Forwards may take.
const MAX_FORWARDS: u32 = 20;
/// `Retry-After` of a 503, in seconds.
pub(crate) const RETRY_AFTER: u32 = 2;

impl Shard {
    /// A request began a dialog: finds or makes its instance.
    pub(crate) fn distribute(&mut self, now: Instant, dialog: DialogKey, channel: Channel, request: Request) {
        // Its channel may be lost meanwhile: an instance made for it would wait for nothing.
        if self.stack.channel_of(dialog).is_none() {
            return;
        }
        // While the node drains too: calls run on, and their users come back to them.
        if let Some(user) = self.asks_for_own_calls(channel, &request).cloned() {
            return self.gather(now, dialog, channel, user);
        }
        if self.has_token(channel, &request) {
            return self.renew(now, dialog, channel, &request);
        }
        if self.draining {
            return self.unavailable(now, dialog, "the node is draining");
        }
        let choice = choose(&request, &self.registry);
        if let Err(denied) = self.permit(channel, &request, &choice) {
            self.counters.forbidden += 1;
            let reason = denied.to_string();
            return self
                .stack
                .reject(now, dialog, StatusCode::FORBIDDEN, &reason, None);
        }
        let instance = match choice {
            Choice::Relation(relation) => match self.instances.by_relation(&relation) {
                Some(instance) => instance,
                None => return self.not_found(now, dialog, "no instance owns this relid"),
            },
            Choice::Service(service) => match self.instance_of(now, service, &request) {
                Ok(Some(instance)) => instance,
                Ok(None) => {
                    let text = "no more instances may run; a request gets 503";
                    self.log(now, service, LogLevel::Warn, text);
                    return self.unavailable(now, dialog, "too many instances");
                }
                Err(panic) => return self.broken(now, dialog, service, &panic),
            },
            Choice::BadRoute(fault) => {
                let reason = format!("Router: {fault}");
                return self
                    .stack
                    .reject(now, dialog, StatusCode::BAD_REQUEST, &reason, None);
            }
            Choice::NoService(name) => {
                return self.not_found(now, dialog, &format!("no service is named {name:?}"));
            }
        };
        let limit = self.config.limits.most_legs();
        let Some(running) = self.instances.get_mut(instance) else {
            return;
        };
        if running.legs.len() >= limit {
            return self.unavailable(now, dialog, "too many legs");
        }
        let leg = running.ids.next_leg();
        let slot = running.legs.next_slot();
        running.legs.insert(leg, dialog);
        self.stack.accept(dialog, instance.owner(slot));
        self.note_served(now, dialog, instance);
        self.write_served(now, dialog, instance);
        self.deliver(now, instance, Event::Incoming { leg, request });
    }

    fn not_found(&mut self, now: Instant, dialog: DialogKey, reason: &str) {
        self.counters.not_found += 1;
        self.stack
            .reject(now, dialog, StatusCode::NOT_FOUND, reason, None);
    }

    fn unavailable(&mut self, now: Instant, dialog: DialogKey, reason: &str) {
        self.counters.unavailable += 1;
        let code = StatusCode::SERVICE_UNAVAILABLE;
        self.stack.reject(now, dialog, code, reason, Some(RETRY_AFTER));
    }

    /// A service panicked before it had an instance for the request.
    fn broken(&mut self, now: Instant, dialog: DialogKey, service: usize, panic: &str) {
        self.no_instance(now, service, panic);
        let code = StatusCode::SERVER_INTERNAL_ERROR;
        self.stack.reject(now, dialog, code, "the service failed", None);
    }

    /// A service failed before it had an instance.
    pub(crate) fn no_instance(&mut self, now: Instant, service: usize, why: &str) {
        self.counters.instances_failed += 1;
        self.log(now, service, LogLevel::Error, &format!("no instance: {why}"));
    }

    /// The instance already bound to the request's key, else a new one; `None` if there are too many.
    fn instance_of(
        &mut self,
        now: Instant,
        service: usize,
        request: &Request,
    ) -> Result<Option<InstanceKey>, String> {
        let key = self.request_key(service, request)?;
        if let Some(running) = key.as_deref().and_then(|key| self.instances.by_key(service, key)) {
            return Ok(Some(running));
        }
        self.start_instance(now, service, key)
    }

    /// A new instance; `None` if there are too many.
    pub(crate) fn start_instance(
        &mut self,
        now: Instant,
        service: usize,
        key: Option<String>,
    ) -> Result<Option<InstanceKey>, String> {
        if self.instances.len() >= self.config.limits.instances || !self.registry.has_room(service)? {
            return Ok(None);
        }
        let instance = self.registry.start(service)?;
        self.counters.instances_started += 1;
        let kind = self.kind(service);
        let (prefix, seeds) = self.chance();
        let ids = Ids::new(prefix).with_seed(seeds);
        let key = self.instances.insert(Running {
            instance: Some(instance),
            service,
            kind,
            epoch: 0,
            started: now,
            ids,
            legs: Legs::default(),
            timers: Vec::new(),
            key,
            relations: Vec::new(),
            hops: Hops { now: 0, most: 0 },
            budget: Budget::new(now),
            web: Web::default(),
            syncs: 0,
            topics: Vec::new(),
            watches: Vec::new(),
            forwarded: false,
            watched: self.looks_closely(),
        });
        self.note_instance(now, key, |_, running| InstanceWhat::Started {
            service: Arc::clone(&running.kind.name),
            version: Arc::clone(&running.kind.version),
        });
        self.write_started(now, key, seeds);
        Ok(Some(key))
    }

    /// The key of a request, which may depend on the service's settings.
    pub(crate) fn request_key(&self, service: usize, request: &Request) -> Result<Option<String>, String> {
        if self.config.settings.is_empty() && self.registry.settings(service).is_none() {
            // Most have none, and this is asked for each request that begins a dialog.
            return self.registry.key(service, request, "{}");
        }
        self.registry.key(service, request, &self.settings_of(service))
    }

    pub(crate) fn settings_of(&self, service: usize) -> Arc<str> {
        let settings = self.registry.settings(service);
        settings.unwrap_or_else(|| self.config.settings_of(self.registry.name(service)))
    }

    /// Something from the stack for the instance that owns a leg.
    pub(crate) fn on_delivery(&mut self, now: Instant, owner: Owner, delivery: Delivery) {
        let Some((instance, leg)) = self.instances.find(owner) else {
            return self.on_answer(owner, &delivery);
        };
        let event = match delivery {
            Delivery::Request(request) => Event::Request { leg, request },
            Delivery::Response { to, response } => Event::Response {
                leg,
                to: RequestId::new(to.0),
                response,
            },
            Delivery::Expired { cseq } => Event::Expired { leg, cseq },
            Delivery::Ended(cause) => return self.on_ended(now, instance, leg, end_cause(cause)),
        };
        self.deliver(now, instance, event);
    }

    /// A leg is over.
    fn on_ended(&mut self, now: Instant, instance: InstanceKey, leg: LegId, cause: EndCause) {
        let Some(running) = self.instances.get_mut(instance) else {
            return;
        };
        running.legs.remove(leg);
        if cause == EndCause::Completed && !running.kind.hears_completed {
            return self.end_if_unreachable(now, instance);
        }
        self.deliver(now, instance, Event::Ended { leg, cause });
    }

    /// Lets an instance handle an event, and everything that its own commands cause at once.
    pub(crate) fn deliver(&mut self, now: Instant, instance: InstanceKey, event: Event) {
        self.pending.push_back((instance, event));
        self.deliver_pending(now);
    }

    pub(crate) fn deliver_pending(&mut self, now: Instant) {
        while let Some((instance, event)) = self.pending.pop_front() {
            self.handle(now, instance, event);
            if self.desk.is_playing() {
                self.play_pushed(now);
            }
        }
    }

    fn handle(&mut self, now: Instant, key: InstanceKey, event: Event) {
        let (call, followed) = (self.begin_call(key, &event), self.follow(key, &event));
        let Some(running) = self.instances.get_mut(key) else {
            return;
        };
        let Some(mut instance) = running.instance.take() else {
            return;
        };
        running.budget.begin(now, &event);
        running.hops.now = match &event {
            Event::Incoming { request, .. } => {
                let hops = request.max_forwards().unwrap_or(MAX_FORWARDS);
                running.hops.most = running.hops.most.max(hops);
                hops
            }
            // Nobody has sent it on: what it leads to begins here.
            Event::Http { .. } => {
                running.hops.most = running.hops.most.max(MAX_FORWARDS);
                MAX_FORWARDS
            }
            _ => running.hops.most,
        };
        let mut commands = std::mem::take(&mut self.commands);
        let (service, kind) = (running.service, Arc::clone(&running.kind));
        let facts = Facts {
            now: now.since(Instant::ZERO),
            service: &kind.name,
            own_hosts: &self.config.realm,
        };
        let store = kind.shelf.lent(now).by((self.shard, key));
        let (witness, told) = (self.desk.witness(&store), self.desk.name_event(&event));
        let around = Surroundings {
            store: witness.as_ref().map_or(&store as _, |witness| witness as _),
            config: &kind.settings,
        };
        let result = {
            let context = Context::new(&mut running.ids, &facts, &mut commands);
            let mut context = context.in_surroundings(around);
            guarded(|| instance.handle(event, &mut context))
        };
        let took = self.end_call(now, call);
        self.note_handled(now, key, followed, took);
        self.write_read(now, key, witness);
        let limit = self.config.limits.commands_per_event;
        let changes = self.tell_changes(now, service, &kind.shelf, key);
        let Some(running) = self.instances.get_mut(key) else {
            return;
        };
        let result = match result {
            Ok(()) => {
                running.instance = Some(instance);
                let few = running.budget.spend(commands.len() + changes, limit);
                if few {
                    Ok(())
                } else {
                    Err("too many commands".to_owned())
                }
            }
            Err(panic) => {
                dispose(instance);
                Err(panic)
            }
        };
        self.write_handled(now, key, told, &commands, result.as_ref().err());
        if let Err(why) = result {
            commands.clear();
            self.fail(now, key, &why);
        }
        for command in commands.drain(..) {
            self.note_decided(now, key, followed, &command);
            let forwards = matches!(command, Command::Forward { .. });
            self.execute(now, key, command);
            if forwards && self.is_forwarded(key) {
                // Nothing is carried out behind what ends the instance.
                break;
            }
        }
        if commands.capacity() <= limit {
            self.commands = commands;
        }
        self.end_if_unreachable(now, key);
    }

    /// Ends an instance that nothing can reach any more.
    pub(crate) fn end_if_unreachable(&mut self, now: Instant, key: InstanceKey) {
        if self.instances.get(key).is_some_and(Running::is_unreachable) && !self.has_pending(key) {
            self.end(now, key, Release::Finished);
        }
    }

    fn has_pending(&self, key: InstanceKey) -> bool {
        self.pending.iter().any(|(instance, _)| *instance == key)
    }

    /// Ends an instance that failed, and those that went down with it.
    pub(crate) fn fail(&mut self, now: Instant, key: InstanceKey, why: &str) {
        let Some(running) = self.instances.get(key) else {
            return;
        };
        let with_it = match running.failure() {
            Some(_) => self.instances.failed_with(key),
            None => Vec::new(),
        };
        self.fail_alone(now, key, why);
        for (other, why) in with_it {
            self.write_stopped(now, other, Some(&why));
            self.fail_alone(now, other, &why);
        }
    }

    pub(crate) fn fail_alone(&mut self, now: Instant, key: InstanceKey, why: &str) {
        self.counters.instances_failed += 1;
        if let Some(running) = self.instances.get(key) {
            let service = running.service;
            self.log(now, service, LogLevel::Error, &format!("instance failed: {why}"));
            self.note_failed(now, key, why);
        }
        self.end(now, key, Release::Failed);
    }

    /// Ends an instance: its dialogs are released, its timers stopped, its names forgotten.
    pub(crate) fn end(&mut self, now: Instant, key: InstanceKey, release: Release) {
        let Some(mut running) = self.instances.remove(key) else {
            return;
        };
        self.write_over(now, key);
        self.give_up(key, &mut running);
        for dialog in running.legs.dialogs() {
            self.stack.release(now, dialog, release);
        }
        self.note_over(now, key, &running);
        dispose(running.instance.take());
    }

    /// What an instance had beside legs and names is over.
    pub(crate) fn give_up(&mut self, key: InstanceKey, running: &mut Running) {
        for (_, deadline) in &running.timers {
            self.deadlines.cancel(*deadline);
        }
        self.close_web(key, running);
        self.stop_listening(key, running);
        self.stop_watching(key, running);
    }

    /// The time of an instance has come.
    pub(crate) fn on_due(&mut self, now: Instant, due: InstanceTimer) {
        self.write_elapsed(now, due.instance, due.wanted);
        match due.wanted {
            Wanted::Timer(timer) => self.on_timer(now, due.instance, timer),
            Wanted::HttpAnswer(id) => self.http_overdue(now, due.instance, id),
        }
    }

    /// A timer of an instance fired.
    fn on_timer(&mut self, now: Instant, key: InstanceKey, timer: TimerId) {
        let Some(running) = self.instances.get_mut(key) else {
            return;
        };
        let before = running.timers.len();
        running.timers.retain(|(id, _)| *id != timer);
        if running.timers.len() != before {
            self.note_timer(now, key, timer);
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

/// Used by the shard for timers of instances.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InstanceTimer {
    pub(crate) instance: InstanceKey,
    pub(crate) wanted: Wanted,
}

/// What an instance is to be told, or was to do, at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    /// Its timer fires.
    Timer(TimerId),
    /// It was to answer an HTTP request.
    HttpAnswer(HttpId),
}

/// The longest timer an instance may set: more is cut to this.
pub(crate) const LONGEST_TIMER: Duration = Duration::from_secs(30 * 24 * 3600);
/// The shortest: a service that sets a timer whenever one fires must not keep its shard from everything else.
pub(crate) const SHORTEST_TIMER: Duration = Duration::from_millis(1);
