//! The calls of one number: events find their call, agents are rung and released, who waits is served.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use strowger_service::jsip::{Method, Request, Response, StatusCode};
use strowger_service::{Bridge, Context, Event, Instance, LegId, TimerId};

use crate::agents::Agents;
use crate::call::{Call, Stage};
use crate::queue::Queue;
use crate::{Number, Settings};

mod rung;

use rung::{Fate, Rung};

/// All calls of one number.
#[derive(Debug)]
pub(crate) struct Line {
    settings: Arc<Settings>,
    number: Option<Number>,
    agents: Agents,
    /// By the caller's leg.
    calls: BTreeMap<LegId, Call>,
    queue: Queue,
    /// The legs of agents.
    rung: BTreeMap<LegId, Rung>,
    timers: BTreeMap<TimerId, Due>,
}

#[derive(Clone, Copy, Debug)]
enum Due {
    /// The ring time or the patience of a caller is over.
    Call(LegId),
    Reassurance(LegId),
    /// Somebody may be free.
    Agents,
}

impl Instance for Line {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        match event {
            Event::Incoming { leg, request } => self.on_incoming(leg, request, cx),
            Event::Timer { timer } => self.on_timer(timer, cx),
            event => self.on_event(event, cx),
        }
        self.serve(cx);
        for (caller, place) in self.queue.moved() {
            if let Some(call) = self.calls.get(&caller) {
                cx.send(caller, call.place(place));
            }
        }
        if self.calls.is_empty() && !self.agents.any_busy() {
            cx.finish();
        }
    }
}

impl Line {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self {
            settings,
            number: None,
            agents: Agents::default(),
            calls: BTreeMap::new(),
            queue: Queue::default(),
            rung: BTreeMap::new(),
            timers: BTreeMap::new(),
        }
    }

    fn on_incoming(&mut self, caller: LegId, request: Request, cx: &mut Context<'_>) {
        let refuse = |code, reason: &str| {
            let mut response = Response::to(&request, code);
            response.set_reason(reason);
            response
        };
        if request.method() != Method::Invite {
            return cx.respond(
                caller,
                refuse(StatusCode::NOT_IMPLEMENTED, "a hunt takes calls only"),
            );
        }
        if self.number.is_none() {
            if let Some(settings) = Settings::read_own(cx.config()) {
                self.settings = Arc::new(settings);
            }
            let Some(number) = Number::called(&request, &self.settings) else {
                let reason = format!("Router: more than {} agents", crate::MOST_AGENTS);
                return cx.respond(caller, refuse(StatusCode::BAD_REQUEST, &reason));
            };
            self.agents = Agents::new(&number);
            self.number = Some(number);
        }
        self.calls.insert(caller, Call::new(request, cx.now()));
        self.reassure_later(caller, cx);
        if self.queue.is_empty() && self.agents.any_free(false, cx.now()) {
            self.ring(caller, 0, cx);
        } else if self.agents.any_busy() {
            self.wait(caller, cx);
        } else {
            self.give_up(
                caller,
                StatusCode::TEMPORARILY_UNAVAILABLE,
                "no agent is free",
                cx,
            );
        }
    }

    /// Rings the free agents of this step, or of the first one behind it that has any.
    fn ring(&mut self, caller: LegId, from: usize, cx: &mut Context<'_>) {
        let Some(call) = self.calls.get_mut(&caller) else {
            return;
        };
        let patient = call.patience.is_some();
        let mut step = from;
        let agents = loop {
            match self.agents.free(step, patient, cx.now()) {
                None => return self.nobody_answered(caller, cx),
                Some(agents) if agents.is_empty() => step += 1,
                Some(agents) => break agents,
            }
        };
        call.stage = Stage::Hunting(step);
        for agent in agents {
            let (leg, invite) = cx.open(call.invite_for(self.agents.uri(agent)));
            let fate = Fate::Ringing;
            self.agents.is_called(agent);
            self.rung.insert(
                leg,
                Rung {
                    caller,
                    agent,
                    invite,
                    fate,
                },
            );
        }
        let ring = self
            .number
            .as_ref()
            .map_or(Duration::ZERO, |number| number.ring(step));
        self.set_timer(caller, ring, cx);
    }

    /// The last step is over.
    fn nobody_answered(&mut self, caller: LegId, cx: &mut Context<'_>) {
        let waited = self.calls.get(&caller).and_then(|call| call.patience);
        if waited.is_some_and(|until| until > cx.now()) || (waited.is_none() && self.agents.any_busy()) {
            return self.wait(caller, cx);
        }
        self.give_up(
            caller,
            StatusCode::TEMPORARILY_UNAVAILABLE,
            "no agent is free",
            cx,
        );
    }

    /// Puts a caller into the queue, to the front if he was there.
    fn wait(&mut self, caller: LegId, cx: &mut Context<'_>) {
        let (most, wait) = self
            .number
            .as_ref()
            .map_or((0, Duration::ZERO), |number| (number.queue, number.wait));
        let Some(call) = self.calls.get_mut(&caller) else {
            return;
        };
        let until = match call.patience {
            Some(until) => {
                self.queue.rejoin(caller);
                until
            }
            None if self.queue.len() >= most => {
                return self.give_up(caller, StatusCode::BUSY_HERE, "all agents are busy", cx);
            }
            None => {
                self.queue.join(caller);
                cx.now() + wait
            }
        };
        call.patience = Some(until);
        call.stage = Stage::Waiting;
        call.is_queued(caller, cx);
        self.set_timer(caller, until.saturating_sub(cx.now()), cx);
    }

    /// Callers who wait get the agents who are free.
    fn serve(&mut self, cx: &mut Context<'_>) {
        while !self.queue.is_empty() && self.agents.any_free(true, cx.now()) {
            if let Some(caller) = self.queue.take() {
                self.ring(caller, 0, cx);
            }
        }
    }

    /// No agent takes the call: somebody else gets it, or it is refused.
    fn give_up(&mut self, caller: LegId, code: StatusCode, reason: &str, cx: &mut Context<'_>) {
        let overflow = self.number.as_ref().and_then(|number| number.overflow.clone());
        self.forget_timers(caller, cx);
        let Some(call) = self.calls.get_mut(&caller) else {
            return;
        };
        if let Some(user) = overflow {
            let bridge = Bridge::open(caller, call.invite_for(&user), cx);
            call.stage = Stage::Joined(Box::new(bridge));
        } else {
            cx.respond(caller, call.refusal(code, reason));
            self.calls.remove(&caller);
        }
    }

    fn on_event(&mut self, event: Event, cx: &mut Context<'_>) {
        let Some(leg) = event.leg() else { return };
        if let Some(rung) = self.rung.get(&leg).copied() {
            return match rung.fate {
                Fate::Ringing => self.on_ringing(leg, rung, event, cx),
                Fate::Won => self.on_agent(leg, rung, event, cx),
                Fate::Lost => self.on_loser(leg, rung, event, cx),
            };
        }
        match self.calls.get(&leg).map(|call| &call.stage) {
            Some(Stage::Joined(_)) => self.pass(leg, event, cx),
            Some(_) => self.on_caller(leg, event, cx),
            None => {
                // Somebody whom one of the joined has called in.
                let owns = |call: &Call| matches!(&call.stage, Stage::Joined(bridge) if bridge.owns(leg));
                if let Some((caller, _)) = self.calls.iter().find(|(_, call)| owns(call)) {
                    self.pass(*caller, event, cx);
                }
            }
        }
    }

    /// Gives an event to those who are joined.
    fn pass(&mut self, caller: LegId, event: Event, cx: &mut Context<'_>) {
        let Some(call) = self.calls.get_mut(&caller) else {
            return;
        };
        let Stage::Joined(bridge) = &mut call.stage else {
            return;
        };
        bridge.handle(event, cx);
        if bridge.is_over() {
            self.calls.remove(&caller);
        }
    }

    /// Something of a caller who is not joined with anybody.
    fn on_caller(&mut self, caller: LegId, event: Event, cx: &mut Context<'_>) {
        match event {
            Event::Request { request, .. } => match request.method() {
                Method::Cancel | Method::Bye => self.leave(caller, cx),
                Method::Ack => {}
                _ => cx.respond(caller, Response::to(&request, StatusCode::REQUEST_PENDING)),
            },
            Event::Ended { .. } => self.leave(caller, cx),
            _ => {}
        }
    }

    /// The caller is gone.
    fn leave(&mut self, caller: LegId, cx: &mut Context<'_>) {
        self.forget_timers(caller, cx);
        self.queue.leave(caller);
        self.release(caller, None, cx);
        self.calls.remove(&caller);
    }

    fn on_timer(&mut self, timer: TimerId, cx: &mut Context<'_>) {
        match self.timers.remove(&timer) {
            Some(Due::Agents) => self.agents.look_at(cx.now()),
            Some(Due::Reassurance(caller)) => {
                if let Some(call) = self.calls.get_mut(&caller) {
                    call.reassurance = None;
                    call.reassure(caller, cx);
                    self.reassure_later(caller, cx);
                }
            }
            Some(Due::Call(caller)) => self.on_call_timer(caller, cx),
            None => {
                let owns =
                    |call: &Call| matches!(&call.stage, Stage::Joined(bridge) if bridge.owns_timer(timer));
                if let Some((caller, _)) = self.calls.iter().find(|(_, call)| owns(call)) {
                    self.pass(*caller, Event::Timer { timer }, cx);
                }
            }
        }
    }

    fn on_call_timer(&mut self, caller: LegId, cx: &mut Context<'_>) {
        let Some(call) = self.calls.get_mut(&caller) else {
            return;
        };
        call.timer = None;
        match call.stage {
            Stage::Hunting(step) => {
                let rang: Vec<usize> = self.ringing_for(caller).collect();
                self.release(caller, None, cx);
                for agent in rang {
                    self.rest(agent, cx);
                }
                self.ring(caller, step + 1, cx);
            }
            Stage::Waiting => {
                self.queue.leave(caller);
                self.give_up(
                    caller,
                    StatusCode::TEMPORARILY_UNAVAILABLE,
                    "no agent became free",
                    cx,
                );
            }
            Stage::Joined(_) => {}
        }
    }

    fn look_later(&mut self, after: Duration, cx: &mut Context<'_>) {
        if !after.is_zero() {
            self.timers.insert(cx.set_timer(after), Due::Agents);
        }
    }

    fn reassure_later(&mut self, caller: LegId, cx: &mut Context<'_>) {
        if let Some(call) = self.calls.get_mut(&caller) {
            let timer = cx.set_timer(call.silence_left(cx.now()));
            call.reassurance = Some(timer);
            self.timers.insert(timer, Due::Reassurance(caller));
        }
    }

    fn set_timer(&mut self, caller: LegId, after: Duration, cx: &mut Context<'_>) {
        let Some(call) = self.calls.get_mut(&caller) else {
            return;
        };
        let timer = cx.set_timer(after);
        if let Some(old) = call.timer.replace(timer) {
            self.timers.remove(&old);
            cx.cancel_timer(old);
        }
        self.timers.insert(timer, Due::Call(caller));
    }

    fn forget_timers(&mut self, caller: LegId, cx: &mut Context<'_>) {
        let Some(call) = self.calls.get_mut(&caller) else {
            return;
        };
        for timer in [call.timer.take(), call.reassurance.take()].into_iter().flatten() {
            self.timers.remove(&timer);
            cx.cancel_timer(timer);
        }
    }
}
