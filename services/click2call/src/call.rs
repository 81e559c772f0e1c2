//! One call: A is called without an offer, what he offers in his answer goes to B, and B's answer to A with the ACK.

use std::time::Duration;

use strowger_service::jsip::{Method, Request, Response, StatusCode};
use strowger_service::{Bridge, Context, Event, Fork, Forked, LegId, LogLevel, TimerId};

use crate::Settings;
use crate::callback::Callback;
use crate::desk::{END, key};
use crate::order::{Cause, Order, Stage, State};

/// How long the state of a call that is not over is kept: should its instance fail, somebody has to forget it.
const DAY: Duration = Duration::from_secs(86_400);

/// One call.
#[derive(Debug)]
pub(crate) struct Call {
    state: State,
    ring: Duration,
    keep: Duration,
    /// Whoever rings, and who was told to stop.
    fork: Fork,
    timer: Option<TimerId>,
    /// The leg of A, with his answer, while B is called.
    waiting: Option<(LegId, Response)>,
    bridge: Option<Bridge>,
    callback: Callback,
}

impl Call {
    /// Calls A; fails where the store has no room for the call.
    pub(crate) fn begin(order: Order, settings: Settings, cx: &mut Context<'_>) -> Result<Self, String> {
        let id = format!("{:016x}{:016x}", cx.random(), cx.random());
        let ring = order.ring(&settings);
        let mut fork = Fork::new(Request::new(Method::Invite, &order.from, &order.to, &order.from));
        let state = State {
            id,
            from: order.from,
            to: order.to,
            state: Stage::Calling,
            cause: None,
            code: None,
        };
        let key = key(&state.id);
        cx.store()
            .put_for(&key, state.to_json(), DAY)
            .map_err(|error| error.to_string())?;
        cx.listen(key);
        fork.ring(&state.from, cx);
        Ok(Self {
            ring,
            keep: Duration::from_secs(settings.keep),
            fork,
            timer: Some(cx.set_timer(ring)),
            waiting: None,
            bridge: None,
            callback: Callback::new(order.callback, settings.tries),
            state,
        })
    }

    pub(crate) const fn state(&self) -> &State {
        &self.state
    }

    /// Whether nothing more comes, and everybody knows.
    pub(crate) fn is_over(&self) -> bool {
        self.state.state == Stage::Ended
            && self.callback.is_idle()
            && self.fork.is_over()
            && self.waiting.is_none()
            && self.bridge.as_ref().is_none_or(Bridge::is_over)
    }

    pub(crate) fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        match event {
            Event::Timer { timer } if self.timer == Some(timer) => {
                self.timer = None;
                self.fork.stop(None, cx);
                self.failed(StatusCode::REQUEST_TIMEOUT, cx);
            }
            Event::Timer { timer } => {
                self.callback.on_timer(timer, cx);
                if let Some(bridge) = &mut self.bridge {
                    bridge.handle(event, cx);
                }
            }
            Event::Fetched { id, result } => self.callback.on_fetched(id, result, cx),
            Event::Published { text, .. } if text == END => self.end(Cause::Cancelled, None, cx),
            event => self.on_leg(event, cx),
        }
    }

    fn on_leg(&mut self, event: Event, cx: &mut Context<'_>) {
        let Some(leg) = event.leg() else { return };
        if self.fork.owns(leg) {
            return match self.fork.handle(event, cx) {
                Forked::Answered { leg, response, .. } => self.answered(leg, response, cx),
                Forked::Failed(response) => self.failed(response.code(), cx),
                _ => {}
            };
        }
        if let Some(bridge) = &mut self.bridge {
            bridge.handle(event, cx);
            if bridge.is_over() {
                self.end(Cause::Completed, None, cx);
            }
            return;
        }
        if self.waiting.as_ref().is_some_and(|(waiting, _)| *waiting == leg) {
            self.on_waiting(leg, event, cx);
        }
    }

    /// Something of A while B is called.
    fn on_waiting(&mut self, leg: LegId, event: Event, cx: &mut Context<'_>) {
        match event {
            Event::Request { request, .. } => match request.method() {
                Method::Bye => self.end(Cause::FromLeft, None, cx),
                Method::Ack | Method::Cancel => {}
                _ => cx.respond(leg, Response::to(&request, StatusCode::REQUEST_PENDING)),
            },
            Event::Ended { .. } => {
                self.waiting = None;
                self.end(Cause::FromLeft, None, cx);
            }
            _ => {}
        }
    }

    fn answered(&mut self, leg: LegId, response: Response, cx: &mut Context<'_>) {
        self.forget_timer(cx);
        match self.waiting.take() {
            None => {
                let mut invite = self.invite_to_b();
                invite.copy_body_from(&response);
                if let Some(kind) = response.content_type() {
                    invite.set_content_type(kind);
                }
                self.fork = Fork::new(invite);
                self.fork.ring(&self.state.to, cx);
                self.timer = Some(cx.set_timer(self.ring));
                self.waiting = Some((leg, response));
                self.enter(Stage::Answered, cx);
            }
            Some((first, _)) => {
                cx.send(leg, self.to_b(Method::Ack));
                let mut ack = self.to_a(Method::Ack);
                ack.copy_body_from(&response);
                if let Some(kind) = response.content_type() {
                    ack.set_content_type(kind);
                }
                cx.send(first, ack);
                self.bridge = Some(Bridge::established(first, &self.invite_to_b(), leg));
                self.enter(Stage::Connected, cx);
            }
        }
    }

    /// Whoever was called does not come.
    fn failed(&mut self, code: StatusCode, cx: &mut Context<'_>) {
        let cause = if self.waiting.is_some() {
            Cause::ToFailed
        } else {
            Cause::FromFailed
        };
        self.end(cause, Some(code), cx);
    }

    /// Ends whatever there is.
    fn end(&mut self, cause: Cause, code: Option<StatusCode>, cx: &mut Context<'_>) {
        if self.state.state == Stage::Ended {
            return;
        }
        self.state.end(cause, code);
        self.forget_timer(cx);
        self.fork.stop(None, cx);
        if let Some((leg, _)) = &self.waiting
            && cause != Cause::FromLeft
        {
            cx.send(*leg, self.to_a(Method::Ack));
            cx.send(*leg, self.to_a(Method::Bye));
        }
        if let Some(bridge) = &mut self.bridge
            && cause == Cause::Cancelled
        {
            bridge.end(cx);
        }
        self.tell(self.keep, cx);
    }

    fn enter(&mut self, stage: Stage, cx: &mut Context<'_>) {
        self.state.state = stage;
        self.tell(DAY, cx);
    }

    /// Whoever asks, or wants to be told, learns how it stands.
    fn tell(&mut self, keep: Duration, cx: &mut Context<'_>) {
        let state = self.state.to_json();
        if let Err(error) = cx.store().put_for(&key(&self.state.id), &state, keep) {
            cx.log(
                LogLevel::Warn,
                format!("the state of a call is not kept: {error}"),
            );
        }
        self.callback.tell(state, cx);
    }

    fn forget_timer(&mut self, cx: &mut Context<'_>) {
        if let Some(timer) = self.timer.take() {
            cx.cancel_timer(timer);
        }
    }

    fn invite_to_b(&self) -> Request {
        self.to_b(Method::Invite)
    }

    fn to_a(&self, method: Method) -> Request {
        Request::new(method, &self.state.from, &self.state.to, &self.state.from)
    }

    fn to_b(&self, method: Method) -> Request {
        Request::new(method, &self.state.to, &self.state.from, &self.state.to)
    }
}
