//! A call that a script places for somebody.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use jsip::{Method, Request, Response, StatusCode};

use super::{Alarm, Script, wants_answer};
use crate::{Event, LegId, RequestId};

/// A call to one callee, as [`Script::dial`] began it.
///
/// Dropped before its final response was seen, it is given up: the callee gets CANCEL, or BYE where he has just answered.
/// Once it failed or was given up, nothing more of its leg reaches the script.
#[derive(Debug)]
pub struct Dial {
    script: Script,
    caller: LegId,
    leg: LegId,
    id: RequestId,
    ring: Alarm,
    /// Sent when the call is given up; `None` once it is settled what becomes of it.
    cancel: Option<Request>,
}

/// What became of a [`Dial`].
#[derive(Debug)]
pub enum Progress {
    /// A provisional response: it rings.
    Ringing(Response),
    /// A 2xx. Nothing more comes from this dial; its leg is the script's, which owes the callee an ACK.
    Answered(Response),
    /// Declined, busy, offline. Nothing more comes from this dial.
    Failed(Response),
    /// It rang long enough; the callee is told. Nothing more comes from this dial.
    NoAnswer,
    /// The caller hung up; the callee is told. Nothing more comes from this dial. The event that said so is still there
    /// for [`Script::next`], and for other dials of the same caller.
    CallerGone,
}

impl Dial {
    pub(super) fn begin(script: &Script, caller: LegId, invite: Request, ring: Duration) -> Self {
        let cancel = Request::new(Method::Cancel, invite.request_uri(), invite.from(), invite.to());
        let (leg, id) = script.with(|cx| cx.open(invite));
        Self {
            script: script.clone(),
            caller,
            leg,
            id,
            ring: Alarm::new(script, ring),
            cancel: Some(cancel),
        }
    }

    /// The callee's leg.
    pub const fn leg(&self) -> LegId {
        self.leg
    }

    /// The request that opened it.
    pub const fn request(&self) -> RequestId {
        self.id
    }

    /// Waits for what happens next. Events that have nothing to do with this call wait for [`Script::next`]; other
    /// requests of caller and callee are answered 491. Must not be called again when nothing more comes.
    pub async fn next(&mut self) -> Progress {
        loop {
            if self.caller_is_gone() {
                self.give_up();
                return Progress::CallerGone;
            }
            let event = poll_fn(|_| {
                if self.caller_is_gone() {
                    return Poll::Ready(None);
                }
                self.script
                    .take(|event| self.concerns(event))
                    .map_or(Poll::Pending, |event| Poll::Ready(Some(event)))
            });
            match event.await {
                Some(Event::Response { response, .. }) if response.code().is_provisional() => {
                    return Progress::Ringing(response);
                }
                Some(Event::Response { response, .. }) => return self.settle(response),
                Some(Event::Refused { error, .. }) => {
                    let mut response = self.response(StatusCode::TEMPORARILY_UNAVAILABLE);
                    response.set_reason(&error.to_string());
                    return self.settle(response);
                }
                Some(Event::Timer { .. }) => {
                    self.ring.fired = true;
                    // The script may have been busy while the callee answered: an answer is an answer.
                    if let Some(response) = self.take_final() {
                        return self.settle(response);
                    }
                    self.give_up();
                    return Progress::NoAnswer;
                }
                Some(Event::Request { leg, request }) if wants_answer(&request) => {
                    self.script
                        .respond(leg, Response::to(&request, StatusCode::REQUEST_PENDING));
                }
                _ => {}
            }
        }
    }

    fn concerns(&self, event: &Event) -> bool {
        match event {
            Event::Response { to, .. } => *to == self.id,
            Event::Refused { request, .. } => *request == Some(self.id),
            Event::Timer { .. } => self.ring.is(event),
            Event::Request { leg, .. } => *leg == self.caller || *leg == self.leg,
            _ => false,
        }
    }

    fn caller_is_gone(&self) -> bool {
        self.script
            .shared
            .borrow()
            .events
            .iter()
            .any(|event| match event {
                Event::Request { leg, request } => {
                    *leg == self.caller && matches!(request.method(), Method::Cancel | Method::Bye)
                }
                Event::Ended { leg, .. } => *leg == self.caller,
                _ => false,
            })
    }

    fn take_final(&self) -> Option<Response> {
        let event = self.script.take(
            |event| matches!(event, Event::Response { to, response, .. } if *to == self.id && response.code().is_final()),
        );
        match event {
            Some(Event::Response { response, .. }) => Some(response),
            _ => None,
        }
    }

    fn settle(&mut self, response: Response) -> Progress {
        self.cancel = None;
        self.ring.forget();
        if response.code().is_success() {
            return Progress::Answered(response);
        }
        self.script.disown(self.leg);
        Progress::Failed(response)
    }

    fn response(&self, code: StatusCode) -> Response {
        let fallback = Request::new(Method::Invite, "-", "-", "-");
        Response::to(self.cancel.as_ref().unwrap_or(&fallback), code)
    }

    fn give_up(&mut self) {
        self.ring.forget();
        let Some(cancel) = self.cancel.take() else { return };
        // He may have answered or declined while the script was busy: then a CANCEL comes too late.
        match self.take_final() {
            None => {
                self.script.with(|cx| cx.send(self.leg, cancel));
            }
            Some(response) if response.code().is_success() => self.script.with(|cx| {
                cx.send(self.leg, cancel.clone().with_method(Method::Ack));
                cx.send(self.leg, cancel.with_method(Method::Bye));
            }),
            Some(_) => {}
        }
        self.script.disown(self.leg);
    }
}

impl Drop for Dial {
    fn drop(&mut self) {
        self.give_up();
    }
}
