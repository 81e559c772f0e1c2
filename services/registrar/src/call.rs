//! One call to the user: his devices ring, and the first that answers has it.

use strowger_service::jsip::{Method, Request, Response, StatusCode};
use strowger_service::{Bridge, Context, Event, Fork, Forked, LegId, TimerId};

/// A call, from the first ringing until nothing more comes on its legs.
#[derive(Debug)]
pub(crate) struct Call {
    caller: LegId,
    invite: Request,
    fork: Fork,
    /// The end of the ring time, as long as the caller waits.
    timer: Option<TimerId>,
    /// Whether the caller has heard somebody ring.
    heard: bool,
    bridge: Option<Bridge>,
    /// Whether the caller is gone, or has his refusal.
    left: bool,
}

impl Call {
    /// Rings these devices; `timer` fires when they have rung long enough.
    pub(crate) fn begin(
        caller: LegId,
        invite: Request,
        devices: &[String],
        timer: TimerId,
        cx: &mut Context<'_>,
    ) -> Self {
        let mut fork = Fork::new(invite.clone());
        for device in devices {
            fork.ring(device, cx);
        }
        Self {
            caller,
            invite,
            fork,
            timer: Some(timer),
            heard: false,
            bridge: None,
            left: false,
        }
    }

    pub(crate) fn owns(&self, leg: LegId) -> bool {
        leg == self.caller
            || self.fork.owns(leg)
            || self.bridge.as_ref().is_some_and(|bridge| bridge.owns(leg))
    }

    pub(crate) fn is_over(&self) -> bool {
        let joined = self.bridge.as_ref().is_some_and(|bridge| !bridge.is_over());
        self.fork.is_over() && !joined && (self.left || self.bridge.is_some())
    }

    pub(crate) fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        let leg = event.leg();
        if leg.is_some_and(|leg| self.fork.owns(leg)) {
            return self.on_device(event, cx);
        }
        match &mut self.bridge {
            Some(bridge) => bridge.handle(event, cx),
            None if leg == Some(self.caller) => self.on_caller(event, cx),
            None => {}
        }
    }

    /// Whether this is a timer of the call: that of its ring time, which is over then, or one of those who are joined.
    pub(crate) fn on_timer(&mut self, timer: TimerId, cx: &mut Context<'_>) -> bool {
        if let Some(bridge) = self.bridge.as_mut().filter(|bridge| bridge.owns_timer(timer)) {
            bridge.handle(Event::Timer { timer }, cx);
            return true;
        }
        if self.timer != Some(timer) {
            return false;
        }
        self.timer = None;
        self.fork.stop(None, cx);
        self.refuse(StatusCode::TEMPORARILY_UNAVAILABLE, "no device answers", cx);
        true
    }

    fn on_device(&mut self, event: Event, cx: &mut Context<'_>) {
        match self.fork.handle(event, cx) {
            Forked::Ringing(mut response) if !self.heard && !self.left => {
                self.heard = true;
                response.set_cseq(self.invite.cseq());
                cx.respond(self.caller, response);
            }
            Forked::Answered {
                leg, id, response, ..
            } => {
                self.forget_timer(cx);
                let mut bridge = Bridge::joined(self.caller, &self.invite, leg, id);
                bridge.handle(
                    Event::Response {
                        leg,
                        to: id,
                        response,
                    },
                    cx,
                );
                self.bridge = Some(bridge);
            }
            // Who declines at one device is not asked at another.
            Forked::Refused(response) if response.code().as_u16() >= 600 => {
                self.fork.stop(None, cx);
                self.pass_refusal(response, cx);
            }
            Forked::Failed(response) => self.pass_refusal(response, cx),
            _ => {}
        }
    }

    fn on_caller(&mut self, event: Event, cx: &mut Context<'_>) {
        match event {
            Event::Request { request, .. } => match request.method() {
                Method::Cancel | Method::Bye => self.leave(cx),
                Method::Ack => {}
                _ => cx.respond(self.caller, Response::to(&request, StatusCode::REQUEST_PENDING)),
            },
            Event::Expired { .. } | Event::Ended { .. } => self.leave(cx),
            _ => {}
        }
    }

    fn leave(&mut self, cx: &mut Context<'_>) {
        self.left = true;
        self.forget_timer(cx);
        self.fork.stop(None, cx);
    }

    fn pass_refusal(&mut self, mut response: Response, cx: &mut Context<'_>) {
        if !self.left {
            self.left = true;
            self.forget_timer(cx);
            response.set_cseq(self.invite.cseq());
            cx.respond(self.caller, response);
        }
    }

    fn refuse(&mut self, code: StatusCode, reason: &str, cx: &mut Context<'_>) {
        let mut response = Response::to(&self.invite, code);
        response.set_reason(reason);
        self.pass_refusal(response, cx);
    }

    fn forget_timer(&mut self, cx: &mut Context<'_>) {
        if let Some(timer) = self.timer.take() {
            cx.cancel_timer(timer);
        }
    }
}
