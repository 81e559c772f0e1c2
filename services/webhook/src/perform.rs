//! The actions, one by one.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::value::RawValue;
use strowger_service::jsip::{Headers, Method, Request, Response, StatusCode};
use strowger_service::{Bridge, Context, Event, Fork, RequestId, TimerId};

use crate::action::Action;
use crate::call::{Active, Task};
use crate::leg::State;
use crate::report::Outcome;

/// Users are rung.
#[derive(Debug)]
pub(crate) struct Ringing {
    pub(super) action: &'static str,
    /// Who is rung when those who ring do not answer.
    steps: VecDeque<Vec<String>>,
    ring: Duration,
    pub(super) timer: TimerId,
}

impl Active {
    pub(super) fn perform(&mut self, action: Action, cx: &mut Context<'_>) {
        let name = action.name();
        let is_allowed = match &action {
            Action::Answer { .. } | Action::Reject { .. } => self.caller.is_waiting(),
            Action::Dial { .. } | Action::Hunt { .. } => {
                self.caller.is_call() && !self.is_gone() && self.party.is_none()
            }
            Action::Bridge {} => self.party.is_some() && !self.is_gone(),
            Action::Hangup { .. } | Action::Hold { .. } => !self.is_gone(),
            Action::Message { .. } | Action::Wait { .. } => true,
        };
        if !is_allowed {
            let mut outcome = Outcome::of(name);
            outcome.reason = Some("not possible now".to_owned());
            return self.failed(outcome, cx);
        }
        let steps = action.steps();
        match action {
            Action::Answer { body, content_type } => {
                self.answer(body.as_deref(), content_type.as_deref(), cx)
            }
            Action::Reject { code, reason } => {
                self.hang_up(Action::code(code), reason.as_deref(), cx);
                self.done(Outcome::of(name), cx);
            }
            Action::Hangup { reason } => {
                self.hang_up(StatusCode::TEMPORARILY_UNAVAILABLE, reason.as_deref(), cx);
                self.done(Outcome::of(name), cx);
            }
            Action::Dial { .. } | Action::Hunt { .. } => {
                if let Some((steps, ring)) = steps {
                    self.ring(name, steps.into(), ring, cx);
                }
            }
            Action::Bridge {} => self.join(cx),
            Action::Message {
                to,
                from,
                body,
                content_type,
            } => {
                let message = self.message(&to, from.as_deref(), body.as_deref(), content_type.as_deref());
                let (leg, _) = cx.open(message);
                self.task = Task::Message(leg);
            }
            Action::Hold { seconds } => {
                self.caller.on_hold = true;
                if self.caller.is_waiting() && self.caller.is_call() {
                    self.caller.respond(StatusCode::QUEUED, None, cx);
                }
                self.pause(name, seconds, cx);
            }
            Action::Wait { seconds } => self.pause(name, seconds, cx),
        }
    }

    fn pause(&mut self, name: &'static str, seconds: u64, cx: &mut Context<'_>) {
        self.task = Task::Pause(name, cx.set_timer(Duration::from_secs(seconds)));
    }

    fn answer(&mut self, body: Option<&RawValue>, content_type: Option<&str>, cx: &mut Context<'_>) {
        let mut response = Response::to(&self.caller.request, StatusCode::OK);
        set_body(&mut response, body, content_type);
        self.caller.state = State::Answered;
        self.caller.forget_timer(cx);
        cx.respond(self.caller.leg, response);
        self.done(Outcome::of("answer"), cx);
    }

    /// Refuses who waits, or ends the call.
    pub(super) fn hang_up(&mut self, code: StatusCode, reason: Option<&str>, cx: &mut Context<'_>) {
        if self.is_gone() {
            return;
        }
        if self.caller.is_waiting() {
            self.caller.respond(code, reason, cx);
        } else if self.caller.is_call() {
            let mut bye = self.caller.request_to(Method::Bye);
            if let Some(reason) = reason {
                bye.set_reason(reason);
            }
            cx.send(self.caller.leg, bye);
        }
        self.end(cx);
    }

    fn ring(
        &mut self,
        action: &'static str,
        steps: VecDeque<Vec<String>>,
        ring: Duration,
        cx: &mut Context<'_>,
    ) {
        self.caller.on_hold = false;
        let mut invite = self.caller.request.clone();
        if self.caller.state == State::Answered {
            // His offer was answered: who is called makes one of his own.
            invite.remove_body();
        }
        let before = std::mem::replace(&mut self.fork, Fork::new(invite));
        self.forks.push(before);
        self.forks.retain(|fork| !fork.is_over());
        self.task = Task::Ringing(Ringing {
            action,
            steps,
            ring,
            timer: cx.set_timer(ring),
        });
        self.ring_step(cx);
    }

    /// Rings the users of the next step; `false` if there is none.
    fn ring_step(&mut self, cx: &mut Context<'_>) -> bool {
        let Task::Ringing(ringing) = &mut self.task else {
            return false;
        };
        let Some(users) = ringing.steps.pop_front() else {
            return false;
        };
        for user in users {
            self.fork.ring(&user, cx);
        }
        true
    }

    /// Nobody of this step answers.
    pub(super) fn ring_next(&mut self, code: StatusCode, cx: &mut Context<'_>) {
        let Task::Ringing(ringing) = &mut self.task else {
            return;
        };
        cx.cancel_timer(ringing.timer);
        if !ringing.steps.is_empty() {
            ringing.timer = cx.set_timer(ringing.ring);
            self.ring_step(cx);
            return;
        }
        let mut outcome = Outcome::of(ringing.action);
        outcome.code = Some(code.as_u16());
        self.failed(outcome, cx);
    }

    /// Joins the caller with who has answered.
    fn join(&mut self, cx: &mut Context<'_>) {
        let Some(party) = self.party.take_if(|_| self.caller.is_waiting()) else {
            return self.ask_caller(cx);
        };
        let (leg, id, response) = (party.leg, party.id, party.response);
        let mut bridge = Bridge::joined(self.caller.leg, &self.caller.request, leg, id);
        bridge.handle(
            Event::Response {
                leg,
                to: id,
                response,
            },
            cx,
        );
        self.joined(bridge, cx);
    }

    fn joined(&mut self, bridge: Bridge, cx: &mut Context<'_>) {
        self.bridge = Some(bridge);
        self.caller.state = State::Joined;
        self.caller.forget_timer(cx);
        self.actions.clear();
        self.task = Task::Joined;
    }

    /// Who was answered before is asked to talk to somebody.
    fn ask_caller(&mut self, cx: &mut Context<'_>) {
        let Some(party) = &self.party else { return };
        let mut invite = self.caller.request_to(Method::Invite);
        invite.copy_body_from(&party.response);
        if let Some(kind) = party.response.content_type() {
            invite.set_content_type(kind);
        }
        self.task = Task::Joining(cx.send(self.caller.leg, invite));
    }

    pub(super) fn is_joining(&self, request: Option<RequestId>) -> bool {
        matches!(&self.task, Task::Joining(id) if Some(*id) == request)
    }

    /// What the caller says to that.
    pub(super) fn on_joining(&mut self, to: RequestId, response: &Response, cx: &mut Context<'_>) {
        let code = response.code();
        if !self.is_joining(Some(to)) || !code.is_final() {
            return;
        }
        if !code.is_success() {
            return self.join_failed(code, cx);
        }
        let caller = &self.caller;
        cx.send(caller.leg, caller.request_to(Method::Ack));
        let Some(party) = self.party.take() else {
            return self.join_failed(StatusCode::TEMPORARILY_UNAVAILABLE, cx);
        };
        let mut ack = party.request(Method::Ack);
        ack.copy_body_from(response);
        if let Some(kind) = response.content_type() {
            ack.set_content_type(kind);
        }
        cx.send(party.leg, ack);
        let bridge = Bridge::established(caller.leg, &party.request(Method::Invite), party.leg);
        self.joined(bridge, cx);
    }

    pub(super) fn join_failed(&mut self, code: StatusCode, cx: &mut Context<'_>) {
        if let Some(party) = self.party.take() {
            party.hang_up(cx);
        }
        let mut outcome = Outcome::of("bridge");
        outcome.code = Some(code.as_u16());
        self.failed(outcome, cx);
    }

    /// A message in the name of the user who was called; without a body of its own it has that of the first request.
    fn message(
        &self,
        to: &str,
        from: Option<&str>,
        body: Option<&RawValue>,
        content_type: Option<&str>,
    ) -> Request {
        let first = &self.caller.request;
        let mut message = Request::new(Method::Message, to, from.unwrap_or(first.to()), to);
        if body.is_some() {
            set_body(&mut message, body, content_type);
            return message;
        }
        message.copy_body_from(first);
        if let Some(kind) = content_type.or(first.content_type()) {
            message.set_content_type(kind);
        }
        message
    }

    pub(super) fn on_message(&mut self, event: Event, cx: &mut Context<'_>) {
        let mut outcome = Outcome::of("message");
        match event {
            Event::Response { response, .. } if response.code().is_success() => self.done(outcome, cx),
            Event::Response { response, .. } if response.code().is_final() => {
                outcome.code = Some(response.code().as_u16());
                self.failed(outcome, cx);
            }
            Event::Refused { error, .. } => {
                outcome.reason = Some(error.to_string());
                self.failed(outcome, cx);
            }
            _ => {}
        }
    }
}

fn set_body(headers: &mut Headers, body: Option<&RawValue>, content_type: Option<&str>) {
    if let Some(body) = body {
        // It fails only where it is nested too deep; the body of a request to us never is.
        let _ = headers.set_body(body.get());
    }
    if let Some(kind) = content_type {
        headers.set_content_type(kind);
    }
}
