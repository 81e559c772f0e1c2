//! The two sides of a call: who began it, and who has answered for it.

use std::time::Duration;

use serde::Serialize;
use strowger_service::jsip::{Method, Request, Response, StatusCode};
use strowger_service::{Context, LegId, RequestId, TimerId};

/// A caller who was told nothing for so long is told again: the stack gives up an INVITE that hears nothing for
/// `timers.provisional`.
const SILENCE: Duration = Duration::from_secs(20);

/// How far a call is, as the endpoint is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// The request has no final response.
    Waiting,
    /// It was answered.
    Answered,
    /// The caller talks to somebody.
    Joined,
    /// It is over.
    Ended,
}

/// Who began it: the leg of the first request.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) leg: LegId,
    pub(crate) request: Request,
    pub(crate) state: State,
    /// Whether he has heard somebody ring.
    heard: bool,
    /// Whether he was told that he waits in line.
    pub(crate) on_hold: bool,
    reassurance: Option<TimerId>,
}

impl Caller {
    pub(crate) fn new(leg: LegId, request: Request, cx: &mut Context<'_>) -> Self {
        let mut caller = Self {
            leg,
            request,
            state: State::Waiting,
            heard: false,
            on_hold: false,
            reassurance: None,
        };
        if caller.is_call() {
            caller.reassurance = Some(cx.set_timer(SILENCE));
        } else {
            // It takes longer than the sender of a message would wait in silence.
            caller.respond(StatusCode::TRYING, None, cx);
        }
        caller
    }

    pub(crate) fn is_call(&self) -> bool {
        self.request.method() == Method::Invite
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.state == State::Waiting
    }

    pub(crate) fn respond(&self, code: StatusCode, reason: Option<&str>, cx: &mut Context<'_>) {
        let mut response = Response::to(&self.request, code);
        if let Some(reason) = reason {
            response.set_reason(reason);
        }
        cx.respond(self.leg, response);
    }

    /// Somebody rings: the caller hears the first as it is.
    pub(crate) fn hears(&mut self, mut ringing: Response, cx: &mut Context<'_>) {
        if self.is_waiting() && !std::mem::replace(&mut self.heard, true) {
            ringing.set_cseq(self.request.cseq());
            cx.respond(self.leg, ringing);
        }
    }

    /// Tells who waits that it goes on, where the timer is the one for it.
    pub(crate) fn on_timer(&mut self, timer: TimerId, cx: &mut Context<'_>) -> bool {
        if self.reassurance != Some(timer) {
            return false;
        }
        self.reassurance = None;
        if self.is_waiting() {
            let code = match (self.on_hold, self.heard) {
                (true, _) => StatusCode::QUEUED,
                (_, true) => StatusCode::RINGING,
                _ => StatusCode::SESSION_PROGRESS,
            };
            self.respond(code, None, cx);
            self.reassurance = Some(cx.set_timer(SILENCE));
        }
        true
    }

    /// Nothing more is to be told.
    pub(crate) fn forget_timer(&mut self, cx: &mut Context<'_>) {
        if let Some(timer) = self.reassurance.take() {
            cx.cancel_timer(timer);
        }
    }

    /// A request of the service's own to the caller.
    pub(crate) fn request_to(&self, method: Method) -> Request {
        let (from, to) = (self.request.to(), self.request.from());
        Request::new(method, to, from, to)
    }
}

/// Who has answered a call that was placed for the caller, and is not joined with him.
#[derive(Debug)]
pub(crate) struct Party {
    pub(crate) user: Box<str>,
    pub(crate) leg: LegId,
    pub(crate) id: RequestId,
    pub(crate) response: Response,
}

impl Party {
    /// A request of the service's own to him.
    pub(crate) fn request(&self, method: Method) -> Request {
        Request::new(method, &self.user, self.response.from(), self.response.to())
    }

    /// He has answered in vain.
    pub(crate) fn hang_up(&self, cx: &mut Context<'_>) {
        cx.send(self.leg, self.request(Method::Ack));
        cx.send(self.leg, self.request(Method::Bye));
    }
}
