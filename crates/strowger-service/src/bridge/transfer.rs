//! One side of a bridge hands the other on to somebody else.
//!
//! Three legs are in it: the referrer's, that of the one who is handed on, and the target's. Until the target has answered
//! and the one who is handed on has agreed, the first two are joined as ever.

use std::time::Duration;

use jsip::{Method, Request, Response, StatusCode, Uri, json_string};

use super::{Bridge, Side, code_of};
use crate::{Context, Event, LegId, RequestId, TimerId};

/// Whom to call.
const REFER_TO: &str = "Refer-To";
/// The call that the target is to end for the new one, in his own words.
const REPLACES: &str = "Replaces";
/// Who wanted it.
const REFERRED_BY: &str = "Referred-By";

/// How often the one who is handed on is asked again because he was asking for something himself.
const TRIES_AFTER_GLARE: u8 = 3;

/// A transfer that has begun and is not over.
#[derive(Debug)]
pub(super) struct Transfer {
    /// Who sent the REFER.
    referrer: LegId,
    target: LegId,
    invite: RequestId,
    /// The target's URI.
    uri: String,
    /// The name of the one who is handed on.
    name: String,
    /// Whether the target's leg is over, or ends by itself.
    ended: bool,
    /// The re-INVITE with the target's offer, once he has answered.
    offer: Option<Request>,
    /// How often it may be sent again.
    tries: u8,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The target is called.
    Ringing,
    /// The target has answered; the one who is handed on is asked to talk to him.
    Joining(RequestId),
    /// The re-INVITE met one of his own and was refused with 491; it is sent again when this fires.
    Colliding(TimerId),
    /// It has failed. Awaited are the end of the target's leg and perhaps what the one who stays says to the request.
    Undoing(Option<RequestId>),
}

impl Stage {
    fn awaits(self, id: Option<RequestId>) -> bool {
        match self {
            Self::Ringing | Self::Colliding(_) => false,
            Self::Joining(open) => Some(open) == id,
            Self::Undoing(open) => open.is_some() && open == id,
        }
    }
}

impl Bridge {
    /// Whether the other side hands this one on and nothing has failed yet: it stays when the other goes.
    pub(super) fn is_handed_on(&self, leg: LegId) -> bool {
        let transfer = self.transfer.as_ref();
        transfer
            .is_some_and(|transfer| transfer.referrer != leg && !matches!(transfer.stage, Stage::Undoing(_)))
    }

    /// Whether the transfer waits for this timer.
    pub(super) fn is_to_try_again(&self, timer: TimerId) -> bool {
        let transfer = self.transfer.as_ref();
        transfer.is_some_and(|transfer| transfer.stage == Stage::Colliding(timer))
    }

    /// Handles what has to do with a transfer; gives back what the joined legs are to see.
    pub(super) fn handle_transfer(&mut self, event: Event, cx: &mut Context<'_>) -> Option<Event> {
        if let Event::Request { leg, request } = &event
            && request.method() == Method::Refer
            && self.refer(*leg, request, cx)
        {
            return None;
        }
        let Some(transfer) = &self.transfer else {
            return Some(event);
        };
        let (target, invite, stage) = (transfer.target, transfer.invite, transfer.stage);
        let handed_on = self.handed_on();
        match event {
            Event::Response { to, response, .. } if to == invite => self.on_target_response(&response, cx),
            Event::Response { to, response, .. } if stage.awaits(Some(to)) => {
                self.on_agreement(&response, cx)
            }
            Event::Refused { request, error, .. } if request == Some(invite) => {
                self.on_target_gone(code_of(&error), cx);
            }
            Event::Refused { request, error, .. } if stage.awaits(request) => {
                self.on_disagreement(code_of(&error), cx)
            }
            Event::Timer { timer } if stage == Stage::Colliding(timer) => self.join(cx),
            Event::Request { leg, request } if leg == target => self.on_target_request(&request, cx),
            Event::Ended { leg, .. } if leg == target => {
                self.on_target_gone(StatusCode::TEMPORARILY_UNAVAILABLE, cx)
            }
            Event::Request { leg, ref request } if leg == handed_on && request.method() == Method::Bye => {
                self.give_up(StatusCode::REQUEST_TERMINATED, cx);
                return Some(event);
            }
            Event::Ended { leg, .. } if leg == handed_on => {
                self.give_up(StatusCode::REQUEST_TERMINATED, cx);
                self.settle(None);
                return Some(event);
            }
            Event::Refused { leg, .. } if leg == target => {}
            _ => return Some(event),
        }
        None
    }

    /// Begins a transfer, or refuses it; `false` where the REFER is to be passed on.
    fn refer(&mut self, leg: LegId, request: &Request, cx: &mut Context<'_>) -> bool {
        if !self.transfers || request.extension(REFER_TO).is_none() {
            return false;
        }
        let Some(other) = self.other(leg) else {
            return false;
        };
        let (Some(call), false) = (&self.call, other.is_gone()) else {
            return false;
        };
        let refuse = |code, reason: &str| {
            let mut response = Response::to(request, code);
            response.set_reason(reason);
            response
        };
        let uri = request.extension_str(REFER_TO).unwrap_or_default().into_owned();
        if let Err(fault) = Uri::parse(&uri) {
            cx.respond(
                leg,
                refuse(StatusCode::BAD_REQUEST, &format!("{REFER_TO}: {fault}")),
            );
            return true;
        }
        if self.transfer.is_some() || !call.acknowledged {
            cx.respond(
                leg,
                refuse(StatusCode::REQUEST_PENDING, "a transfer is under way"),
            );
            return true;
        }
        let name = if other.leg == self.caller.leg {
            call.from()
        } else {
            call.to()
        };
        let name = name.to_owned();
        let mut invite = Request::new(Method::Invite, &uri, &name, &uri);
        let referrer = request.asserted_identity().unwrap_or_else(|| request.from());
        // These fail only for names and values that are no headers.
        let _ = invite.set_extension(REFERRED_BY, &json_string(referrer));
        if let Some(replaced) = request.extension(REPLACES) {
            let _ = invite.set_extension(REPLACES, replaced);
        }
        cx.respond(leg, Response::to(request, StatusCode::ACCEPTED));
        self.tell(leg, StatusCode::TRYING, cx);
        let (target, invite) = cx.open(invite);
        self.transfer = Some(Box::new(Transfer {
            referrer: leg,
            target,
            invite,
            uri,
            name,
            ended: false,
            offer: None,
            tries: TRIES_AFTER_GLARE,
            stage: Stage::Ringing,
        }));
        true
    }

    /// The leg of the one who is handed on.
    fn handed_on(&self) -> LegId {
        match &self.transfer {
            Some(transfer) if transfer.referrer == self.caller.leg => self.callee.leg,
            _ => self.caller.leg,
        }
    }

    fn on_target_response(&mut self, response: &Response, cx: &mut Context<'_>) {
        let code = response.code();
        let handed_on = self.handed_on();
        let Some(transfer) = &mut self.transfer else {
            return;
        };
        let referrer = transfer.referrer;
        match transfer.stage {
            Stage::Ringing if code.is_provisional() => self.tell(referrer, code, cx),
            Stage::Ringing if code.is_success() => {
                let Some(mut invite) = self.request_to(handed_on, Method::Invite) else {
                    return;
                };
                if let Some(transfer) = &mut self.transfer {
                    invite.set_from(&transfer.uri);
                    invite.copy_body_from(response);
                    if let Some(identity) = response.asserted_identity() {
                        invite.set_asserted_identity(identity);
                    }
                    transfer.offer = Some(invite);
                }
                self.join(cx);
            }
            // It crossed the CANCEL.
            Stage::Undoing(_) if code.is_success() => self.end_target(cx),
            Stage::Ringing | Stage::Undoing(_) if code.is_final() => self.on_target_gone(code, cx),
            Stage::Ringing | Stage::Joining(_) | Stage::Colliding(_) | Stage::Undoing(_) => {}
        }
    }

    /// Asks the one who is handed on to talk to the target.
    fn join(&mut self, cx: &mut Context<'_>) {
        let handed_on = self.handed_on();
        if let Some(transfer) = &mut self.transfer
            && let Some(offer) = &transfer.offer
        {
            transfer.stage = Stage::Joining(cx.send(handed_on, offer.clone()));
        }
    }

    fn on_target_request(&mut self, request: &Request, cx: &mut Context<'_>) {
        let Some(transfer) = &self.transfer else { return };
        match request.method() {
            Method::Bye => self.on_target_gone(StatusCode::REQUEST_TERMINATED, cx),
            Method::Ack | Method::Cancel => {}
            _ => cx.respond(
                transfer.target,
                Response::to(request, StatusCode::REQUEST_PENDING),
            ),
        }
    }

    /// The target's leg is over, or about to be.
    fn on_target_gone(&mut self, code: StatusCode, cx: &mut Context<'_>) {
        let Some(transfer) = &mut self.transfer else {
            return;
        };
        transfer.ended = true;
        let (stage, referrer) = (transfer.stage, transfer.referrer);
        self.give_up(code, cx);
        let alone = self.side(referrer).is_none_or(Side::is_gone);
        if matches!(stage, Stage::Joining(_)) && !alone {
            // He may have agreed already; then he is told by the referrer whom he talks to.
            let handed_on = self.handed_on();
            if let Some(cancel) = self.request_to(handed_on, Method::Cancel) {
                cx.send(handed_on, cancel);
            }
        } else if !matches!(stage, Stage::Undoing(_)) {
            self.stay_or_hang_up(cx);
        }
        self.settle_if_over();
    }

    /// What the one who is handed on says.
    fn on_agreement(&mut self, response: &Response, cx: &mut Context<'_>) {
        let code = response.code();
        let Some(transfer) = &self.transfer else { return };
        match transfer.stage {
            _ if code.is_provisional() => {}
            Stage::Joining(_) if code.is_success() => self.complete(response, cx),
            Stage::Joining(_) => self.on_disagreement(code, cx),
            Stage::Ringing | Stage::Colliding(_) | Stage::Undoing(_) => {
                let handed_on = self.handed_on();
                if let (true, Some(ack)) = (code.is_success(), self.request_to(handed_on, Method::Ack)) {
                    cx.send(handed_on, ack);
                }
                self.settle(None);
            }
        }
    }

    fn on_disagreement(&mut self, code: StatusCode, cx: &mut Context<'_>) {
        if code == StatusCode::REQUEST_PENDING && self.try_again_later(cx) {
            return;
        }
        let undoing = self
            .transfer
            .as_ref()
            .is_some_and(|transfer| matches!(transfer.stage, Stage::Undoing(_)));
        self.give_up(code, cx);
        if !undoing {
            self.stay_or_hang_up(cx);
        }
        self.settle(None);
    }

    /// Sees to it that the one who is handed on is asked again; `false` where it is in vain.
    fn try_again_later(&mut self, cx: &mut Context<'_>) -> bool {
        // The leg to the callee was begun here.
        let began = self.handed_on() == self.callee.leg;
        let Some(transfer) = &mut self.transfer else {
            return false;
        };
        if !matches!(transfer.stage, Stage::Joining(_)) || transfer.tries == 0 {
            return false;
        }
        transfer.tries -= 1;
        let pause = pause_after_glare(began, cx.random());
        let timer = cx.set_timer(pause);
        transfer.stage = Stage::Colliding(timer);
        true
    }

    /// The transfer has failed: the target's leg is ended and the referrer told.
    pub(super) fn give_up(&mut self, code: StatusCode, cx: &mut Context<'_>) {
        let Some(transfer) = &mut self.transfer else {
            return;
        };
        let referrer = transfer.referrer;
        let answered = match transfer.stage {
            Stage::Undoing(_) => return,
            Stage::Joining(id) => {
                transfer.stage = Stage::Undoing(Some(id));
                true
            }
            Stage::Colliding(timer) => {
                cx.cancel_timer(timer);
                transfer.stage = Stage::Undoing(None);
                true
            }
            Stage::Ringing => {
                transfer.stage = Stage::Undoing(None);
                false
            }
        };
        if answered {
            self.end_target(cx);
        } else if !transfer.ended {
            let (target, cancel) = (transfer.target, transfer.request(Method::Cancel));
            cx.send(target, cancel);
        }
        self.tell(referrer, code, cx);
    }

    fn end_target(&self, cx: &mut Context<'_>) {
        let Some(transfer) = self.transfer.as_ref().filter(|transfer| !transfer.ended) else {
            return;
        };
        cx.send(transfer.target, transfer.request(Method::Ack));
        cx.send(transfer.target, transfer.request(Method::Bye));
    }

    /// After a failure: with the referrer gone there is nobody to talk to.
    fn stay_or_hang_up(&mut self, cx: &mut Context<'_>) {
        let handed_on = self.handed_on();
        let gone = self.other(handed_on).is_none_or(Side::is_gone);
        if gone && !self.side(handed_on).is_none_or(|side| side.ended) {
            self.hang_up(handed_on, cx);
        }
    }

    /// Nothing more is awaited of the one who stays, but perhaps the answer to this request.
    fn settle(&mut self, open: Option<RequestId>) {
        if let Some(transfer) = &mut self.transfer {
            transfer.stage = Stage::Undoing(open);
        }
        self.settle_if_over();
    }

    fn settle_if_over(&mut self) {
        let is_over = |transfer: &Transfer| transfer.ended && transfer.stage == Stage::Undoing(None);
        if self.transfer.as_deref().is_some_and(is_over) {
            self.transfer = None;
        }
    }

    /// Both have agreed: the target takes the referrer's place.
    fn complete(&mut self, agreement: &Response, cx: &mut Context<'_>) {
        let handed_on = self.handed_on();
        let Some(transfer) = self.transfer.take() else {
            return;
        };
        if let Some(ack) = self.request_to(handed_on, Method::Ack) {
            cx.send(handed_on, ack);
        }
        let mut ack = transfer.request(Method::Ack);
        ack.copy_body_from(agreement);
        cx.send(transfer.target, ack);
        self.tell(transfer.referrer, StatusCode::OK, cx);
        let gone = self.side(transfer.referrer).is_none_or(Side::is_gone);
        if let (false, Some(bye)) = (gone, self.request_to(transfer.referrer, Method::Bye)) {
            cx.send(transfer.referrer, bye);
        }
        self.open.retain(|passed| passed.from != transfer.referrer);
        let side = Side::new(transfer.target);
        let is_caller = transfer.referrer == self.caller.leg;
        if let Some(call) = &mut self.call {
            call.replace(is_caller, &transfer.uri);
        }
        if is_caller {
            self.caller = side;
        } else {
            self.callee = side;
        }
    }

    /// Tells the referrer how it goes.
    fn tell(&self, referrer: LegId, code: StatusCode, cx: &mut Context<'_>) {
        if self.side(referrer).is_none_or(Side::is_gone) {
            return;
        }
        let Some(mut notify) = self.request_to(referrer, Method::Notify) else {
            return;
        };
        notify.set_event("refer");
        notify.set_content_type("application/json");
        let reason = json_string(code.reason_phrase());
        // It is JSON.
        let _ = notify.set_body(&format!(r#"{{"code":{code},"reason":{reason}}}"#));
        cx.send(referrer, notify);
    }

    /// A request of the bridge's own to one of the joined legs.
    fn request_to(&self, leg: LegId, method: Method) -> Option<Request> {
        let call = self.call.as_ref()?;
        Some(if leg == self.caller.leg {
            call.to_caller(method)
        } else {
            call.to_callee(method)
        })
    }
}

impl Transfer {
    pub(super) fn is_to(&self, leg: LegId) -> bool {
        self.target == leg
    }

    /// A request to the target.
    fn request(&self, method: Method) -> Request {
        Request::new(method, &self.uri, &self.name, &self.uri)
    }
}

/// How long to wait after a 491 before asking again: longer where the dialog was begun here, so that the two sides do not meet
/// once more. RFC 3261 §14.1.
const fn pause_after_glare(began: bool, chance: u64) -> Duration {
    let steps = if began { 210 + chance % 191 } else { chance % 201 };
    Duration::from_millis(10 * steps)
}

#[cfg(test)]
mod tests;
