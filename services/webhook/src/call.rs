//! One call or message: what happens to it, and what the endpoint says about it.

use std::collections::VecDeque;

use strowger_service::jsip::{Method, Request, Response, StatusCode};
use strowger_service::{Bridge, Context, Event, Fork, Forked, Instance, LegId, LogLevel, RequestId, TimerId};

use crate::Settings;
use crate::action::Action;
use crate::ask::{Asked, Question};
use crate::leg::{Caller, Party, State};
use crate::perform::Ringing;
use crate::report::{About, Outcome, Report, What};

/// How many questions a call may cost.
const MOST_STEPS: u32 = 200;

/// One call or message. It has a caller from its first event on.
#[derive(Debug, Default)]
pub(crate) struct Call {
    active: Option<Active>,
}

/// A call or message that is being handled.
#[derive(Debug)]
pub(crate) struct Active {
    pub(super) settings: Settings,
    id: String,
    step: u32,
    pub(super) caller: Caller,
    pub(super) actions: VecDeque<Action>,
    pub(super) task: Task,
    question: Option<Question>,
    outcome: Option<Outcome>,
    /// Who rings, and who was told to stop.
    pub(super) fork: Fork,
    /// Who was told to stop before that, and has not said so.
    pub(super) forks: Vec<Fork>,
    pub(super) party: Option<Party>,
    pub(super) bridge: Option<Bridge>,
}

/// The action that is being done.
#[derive(Debug)]
pub(crate) enum Task {
    Nothing,
    Ringing(Ringing),
    /// The message on this leg has no final response.
    Message(LegId),
    /// `hold` or `wait`.
    Pause(&'static str, TimerId),
    /// The caller was asked by this request to talk to who has answered.
    Joining(RequestId),
    Joined,
}

impl Instance for Call {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        match (event, &mut self.active) {
            (Event::Incoming { leg, request }, None) => self.active = Active::begin(leg, request, cx),
            (event, Some(active)) => active.handle(event, cx),
            _ => {}
        }
        if self.active.as_ref().is_none_or(Active::is_over) {
            cx.finish();
        }
    }
}

impl Active {
    fn begin(leg: LegId, request: Request, cx: &mut Context<'_>) -> Option<Self> {
        let refuse = |code, reason: &str, cx: &mut Context<'_>| {
            let mut response = Response::to(&request, code);
            response.set_reason(reason);
            cx.respond(leg, response);
            None
        };
        if !matches!(request.method(), Method::Invite | Method::Message) {
            return refuse(
                StatusCode::NOT_IMPLEMENTED,
                "a webhook takes calls and messages",
                cx,
            );
        }
        let Ok(settings) = Settings::read(cx.config()) else {
            return refuse(StatusCode::SERVICE_UNAVAILABLE, "no endpoint is configured", cx);
        };
        let mut active = Self {
            settings,
            id: format!("{:016x}{:016x}", cx.random(), cx.random()),
            step: 0,
            fork: Fork::new(request.clone()),
            forks: Vec::new(),
            caller: Caller::new(leg, request, cx),
            actions: VecDeque::new(),
            task: Task::Nothing,
            question: None,
            outcome: None,
            party: None,
            bridge: None,
        };
        active.ask(What::Incoming, None, cx);
        Some(active)
    }

    /// Whether nothing more comes.
    fn is_over(&self) -> bool {
        let is_done = match self.caller.state {
            State::Ended => true,
            State::Answered => !self.caller.is_call(),
            State::Waiting | State::Joined => false,
        };
        is_done
            && self.question.is_none()
            && self.actions.is_empty()
            && matches!(self.task, Task::Nothing)
            && self.fork.is_over()
            && self.forks.iter().all(Fork::is_over)
            && self.party.is_none()
            && self.bridge.as_ref().is_none_or(Bridge::is_over)
    }

    /// Whether there is nobody left for whom anything is to be done, but perhaps messages to be sent.
    pub(super) fn is_gone(&self) -> bool {
        self.caller.state == State::Ended
    }

    fn ask(&mut self, event: What, info: Option<&Request>, cx: &mut Context<'_>) {
        self.step += 1;
        if self.step > MOST_STEPS {
            cx.log(LogLevel::Warn, "a call that costs too many questions is ended");
            return self.give_up(cx);
        }
        let report = Report {
            call: &self.id,
            step: self.step,
            event,
            state: self.caller.state,
            request: About::new(&self.caller.request),
            result: self.outcome.as_ref(),
            info: info.map(About::new),
        };
        self.question = Some(Question::ask(report.to_json(), &self.settings, cx));
    }

    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        match event {
            Event::Fetched { id, result } => {
                let Some(question) = &mut self.question else {
                    return;
                };
                match question.on_fetched(id, result, &self.settings, cx) {
                    Asked::Nothing => {}
                    Asked::Answer(actions) => self.on_answer(actions, cx),
                    Asked::GivenUp => {
                        self.question = None;
                        self.give_up(cx);
                    }
                }
            }
            Event::Timer { timer } => self.on_timer(timer, cx),
            event => self.on_leg(event, cx),
        }
    }

    fn on_answer(&mut self, actions: Vec<Action>, cx: &mut Context<'_>) {
        self.question = None;
        if actions.is_empty() && !self.is_gone() {
            return self.give_up(cx);
        }
        self.actions = actions.into();
        self.go_on(cx);
    }

    /// Nobody says what to do.
    fn give_up(&mut self, cx: &mut Context<'_>) {
        self.actions.clear();
        self.hang_up(StatusCode::SERVICE_UNAVAILABLE, Some("no instruction"), cx);
    }

    fn on_timer(&mut self, timer: TimerId, cx: &mut Context<'_>) {
        if self.caller.on_timer(timer, cx) {
            return;
        }
        if let Some(bridge) = &mut self.bridge {
            bridge.handle(Event::Timer { timer }, cx);
        }
        if let Some(question) = &mut self.question {
            question.on_timer(timer, &self.settings, cx);
        }
        match &self.task {
            Task::Pause(action, pause) if *pause == timer => {
                let action = *action;
                self.done(Outcome::of(action), cx);
            }
            Task::Ringing(ringing) if ringing.timer == timer => {
                self.fork.stop(None, cx);
                self.ring_next(StatusCode::REQUEST_TIMEOUT, cx);
            }
            _ => {}
        }
    }

    fn on_leg(&mut self, event: Event, cx: &mut Context<'_>) {
        let Some(leg) = event.leg() else { return };
        if self.fork.owns(leg) {
            let forked = self.fork.handle(event, cx);
            return self.on_forked(forked, cx);
        }
        if let Some(fork) = self.forks.iter_mut().find(|fork| fork.owns(leg)) {
            fork.handle(event, cx);
            return;
        }
        if let Some(bridge) = self.bridge.as_mut().filter(|bridge| bridge.owns(leg)) {
            bridge.handle(event, cx);
            if bridge.is_over() {
                self.bridge = None;
                self.task = Task::Nothing;
                self.caller_gone(cx);
            }
            return;
        }
        if leg == self.caller.leg {
            return self.on_caller(event, cx);
        }
        if self.party.as_ref().is_some_and(|party| party.leg == leg) {
            return self.on_party(event, cx);
        }
        if matches!(self.task, Task::Message(message) if message == leg) {
            self.on_message(event, cx);
        }
    }

    fn on_forked(&mut self, forked: Forked, cx: &mut Context<'_>) {
        match forked {
            Forked::Ringing(response) => self.caller.hears(response, cx),
            Forked::Answered {
                user,
                leg,
                id,
                response,
            } => {
                let Task::Ringing(ringing) = &self.task else {
                    return;
                };
                cx.cancel_timer(ringing.timer);
                let mut outcome = Outcome::of(ringing.action);
                outcome.user = Some(user.to_string());
                self.party = Some(Party {
                    user,
                    leg,
                    id,
                    response,
                });
                self.done(outcome, cx);
            }
            Forked::Failed(response) => self.ring_next(response.code(), cx),
            _ => {}
        }
    }

    /// Something of the caller, who is not joined with anybody.
    fn on_caller(&mut self, event: Event, cx: &mut Context<'_>) {
        match event {
            Event::Request { request, .. } => match request.method() {
                Method::Cancel | Method::Bye => self.caller_gone(cx),
                Method::Ack => {}
                Method::Info | Method::Message => self.on_info(&request, cx),
                _ => cx.respond(
                    self.caller.leg,
                    Response::to(&request, StatusCode::REQUEST_PENDING),
                ),
            },
            Event::Response { to, response, .. } => self.on_joining(to, &response, cx),
            Event::Refused { request, .. } if self.is_joining(request) => {
                self.join_failed(StatusCode::REQUEST_PENDING, cx);
            }
            Event::Expired { .. } => self.caller_gone(cx),
            // A message that was answered is over, and what is to be done for it is not.
            Event::Ended { .. } if self.caller.is_call() || self.caller.is_waiting() => self.caller_gone(cx),
            _ => {}
        }
    }

    /// The caller says something: what is being waited for is broken off.
    fn on_info(&mut self, request: &Request, cx: &mut Context<'_>) {
        let leg = self.caller.leg;
        if self.question.is_some() || !matches!(self.task, Task::Nothing | Task::Pause(..)) {
            return cx.respond(leg, Response::to(request, StatusCode::REQUEST_PENDING));
        }
        cx.respond(leg, Response::to(request, StatusCode::OK));
        if let Task::Pause(_, timer) = std::mem::replace(&mut self.task, Task::Nothing) {
            cx.cancel_timer(timer);
        }
        self.actions.clear();
        self.ask(What::Info, Some(request), cx);
    }

    /// Something of who has answered and is not joined.
    fn on_party(&mut self, event: Event, cx: &mut Context<'_>) {
        match event {
            Event::Request { leg, request } => match request.method() {
                Method::Ack | Method::Cancel | Method::Bye => {}
                _ => cx.respond(leg, Response::to(&request, StatusCode::REQUEST_PENDING)),
            },
            Event::Ended { .. } => self.party = None,
            _ => {}
        }
    }

    /// An action is done.
    pub(super) fn done(&mut self, outcome: Outcome, cx: &mut Context<'_>) {
        self.task = Task::Nothing;
        self.outcome = Some(outcome);
        self.go_on(cx);
    }

    /// An action has failed; those behind it are dropped.
    pub(super) fn failed(&mut self, outcome: Outcome, cx: &mut Context<'_>) {
        self.task = Task::Nothing;
        self.outcome = Some(outcome);
        self.actions.clear();
        if !self.has_nobody() {
            self.ask(What::Failed, None, cx);
        }
    }

    /// Does what is to be done next; asks when all is done.
    fn go_on(&mut self, cx: &mut Context<'_>) {
        if let Some(action) = self.actions.pop_front() {
            return self.perform(action, cx);
        }
        if !self.has_nobody() && matches!(self.task, Task::Nothing) {
            self.ask(What::Done, None, cx);
        }
    }

    /// Whether there is nobody about whom the endpoint could be asked.
    fn has_nobody(&self) -> bool {
        self.is_gone() || !self.caller.is_call() && !self.caller.is_waiting()
    }

    /// The caller is gone: what is being done for him ends, and the endpoint is told.
    fn caller_gone(&mut self, cx: &mut Context<'_>) {
        if self.is_gone() {
            return;
        }
        self.actions.clear();
        self.end(cx);
        self.outcome = None;
        self.ask(What::Ended, None, cx);
    }

    /// Nothing is done for the caller any more.
    pub(super) fn end(&mut self, cx: &mut Context<'_>) {
        self.caller.state = State::Ended;
        self.caller.forget_timer(cx);
        self.question = None;
        self.fork.stop(None, cx);
        match std::mem::replace(&mut self.task, Task::Nothing) {
            Task::Ringing(ringing) => cx.cancel_timer(ringing.timer),
            Task::Pause(_, timer) => cx.cancel_timer(timer),
            _ => {}
        }
        if let Some(party) = self.party.take() {
            party.hang_up(cx);
        }
    }
}
