//! The legs of agents: who rings, who has the call, who was told to stop.

use std::time::Duration;

use strowger_service::jsip::{Method, Request, Response, StatusCode};
use strowger_service::{Bridge, Context, Event, LegId, RequestId};

use super::Line;
use crate::call::Stage;

/// Why an agent who rings gets a CANCEL, and one who was a moment too late a BYE.
const ANSWERED_ELSEWHERE: &str = "answered-elsewhere";

/// The leg of an agent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rung {
    pub(super) caller: LegId,
    pub(super) agent: usize,
    pub(super) invite: RequestId,
    pub(super) fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Ringing,
    /// He has the call.
    Won,
    /// He was told to stop, which he may not have known when he answered.
    Lost,
}

impl Line {
    /// Something of an agent who rings.
    pub(super) fn on_ringing(&mut self, leg: LegId, rung: Rung, event: Event, cx: &mut Context<'_>) {
        match event {
            Event::Response { response, .. } if response.code().is_provisional() => {
                if let Some(call) = self.calls.get_mut(&rung.caller) {
                    call.hears(rung.caller, response, cx);
                }
            }
            Event::Response { to, response, .. } if response.code().is_success() => {
                let event = Event::Response { leg, to, response };
                self.join(leg, rung, event, cx);
            }
            Event::Response { response, .. } => self.refused(leg, rung, response.code(), cx),
            Event::Refused { .. } | Event::Ended { .. } => {
                self.refused(leg, rung, StatusCode::TEMPORARILY_UNAVAILABLE, cx);
            }
            Event::Request { request, .. } if wants_answer(&request) => {
                cx.respond(leg, Response::to(&request, StatusCode::REQUEST_PENDING));
            }
            _ => {}
        }
    }

    /// An agent answers: the call is his.
    fn join(&mut self, leg: LegId, rung: Rung, event: Event, cx: &mut Context<'_>) {
        self.forget_timers(rung.caller, cx);
        if let Some(winner) = self.rung.get_mut(&leg) {
            winner.fate = Fate::Won;
        }
        self.release(rung.caller, Some(ANSWERED_ELSEWHERE), cx);
        if let Some(call) = self.calls.get_mut(&rung.caller) {
            let bridge = Bridge::joined(rung.caller, &call.invite, leg, rung.invite);
            call.stage = Stage::Joined(Box::new(bridge));
            self.pass(rung.caller, event, cx);
        }
    }

    /// An agent does not want the call, or is not there.
    fn refused(&mut self, leg: LegId, rung: Rung, code: StatusCode, cx: &mut Context<'_>) {
        self.rung.remove(&leg);
        self.rest(rung.agent, cx);
        let Some(call) = self.calls.get_mut(&rung.caller) else {
            return;
        };
        call.was_refused(code);
        let Stage::Hunting(step) = call.stage else { return };
        let others = |other: &Rung| other.caller == rung.caller && other.fate == Fate::Ringing;
        if !self.rung.values().any(others) {
            self.ring(rung.caller, step + 1, cx);
        }
    }

    /// Tells whoever still rings for a caller to stop.
    pub(super) fn release(&mut self, caller: LegId, reason: Option<&str>, cx: &mut Context<'_>) {
        let Some(call) = self.calls.get(&caller) else {
            return;
        };
        for (leg, rung) in &mut self.rung {
            if rung.caller == caller && rung.fate == Fate::Ringing {
                rung.fate = Fate::Lost;
                let mut cancel = call.request_for(self.agents.uri(rung.agent), Method::Cancel);
                if let Some(reason) = reason {
                    cancel.set_reason(reason);
                }
                cx.send(*leg, cancel);
                self.agents.was_released(rung.agent);
            }
        }
    }

    /// Something of the agent who has the call.
    pub(super) fn on_agent(&mut self, leg: LegId, rung: Rung, event: Event, cx: &mut Context<'_>) {
        if matches!(event, Event::Ended { .. }) {
            self.rung.remove(&leg);
            let wrap_up = self
                .number
                .as_ref()
                .map_or(Duration::ZERO, |number| number.wrap_up);
            self.agents.hung_up(rung.agent, cx.now(), wrap_up);
            self.look_later(wrap_up, cx);
        }
        self.pass(rung.caller, event, cx);
    }

    /// Something of an agent who was told to stop.
    pub(super) fn on_loser(&mut self, leg: LegId, rung: Rung, event: Event, cx: &mut Context<'_>) {
        match event {
            Event::Response { to, response, .. } if to == rung.invite && response.code().is_success() => {
                let request = |method| Request::new(method, response.to(), response.from(), response.to());
                let mut bye = request(Method::Bye);
                bye.set_reason(ANSWERED_ELSEWHERE);
                cx.send(leg, request(Method::Ack));
                cx.send(leg, bye);
            }
            Event::Request { request, .. } if wants_answer(&request) => {
                cx.respond(leg, Response::to(&request, StatusCode::NO_SUCH_SESSION));
            }
            Event::Ended { .. } => {
                self.rung.remove(&leg);
            }
            _ => {}
        }
    }

    pub(super) fn ringing_for(&self, caller: LegId) -> impl Iterator<Item = usize> + '_ {
        let rings = move |rung: &&Rung| rung.caller == caller && rung.fate == Fate::Ringing;
        self.rung.values().filter(rings).map(|rung| rung.agent)
    }

    /// An agent who did not take a call is free, but callers who wait leave him alone for a while.
    pub(super) fn rest(&mut self, agent: usize, cx: &mut Context<'_>) {
        let rest = self.agents.did_not_answer(agent, cx.now());
        if self.number.as_ref().is_some_and(|number| number.queue > 0) {
            self.look_later(rest, cx);
        }
    }
}

fn wants_answer(request: &Request) -> bool {
    !matches!(request.method(), Method::Ack | Method::Cancel | Method::Bye)
}
