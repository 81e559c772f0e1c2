//! Two legs joined: what comes on one goes out on the other.

use jsip::{CSeq, Method, Request, Response, StatusCode, Uri};

use crate::{Context, Event, LegId, RequestId, SendError};

/// Two legs of an instance joined: requests and responses of one side pass to the other with Body and headers as they
/// came, each leg keeping its own `DialogueID` and CSeqs.
///
/// Give it every event that the service does not handle itself. A request that cannot be passed is answered, so nobody
/// waits in vain; when one side ends, the other is ended.
///
/// ```
/// use strowger_service::{Bridge, Context, Event, Instance};
///
/// #[derive(Default)]
/// struct Call(Option<Bridge>);
///
/// impl Instance for Call {
///     fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
///         match (event, &mut self.0) {
///             (Event::Incoming { leg, request }, None) => self.0 = Some(Bridge::open(leg, request, cx)),
///             (event, Some(bridge)) => bridge.handle(event, cx),
///             (_, None) => {}
///         }
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Bridge {
    caller: Side,
    callee: Side,
    /// Requests that were passed on and have no final response.
    open: Vec<Passed>,
}

#[derive(Debug)]
struct Side {
    leg: LegId,
    ended: bool,
}

/// A request that was passed from one leg to the other.
#[derive(Clone, Copy, Debug)]
struct Passed {
    from: LegId,
    cseq: CSeq,
    method: Method,
    id: RequestId,
}

impl Bridge {
    /// Passes a first request on to a new leg and joins both.
    pub fn open(caller: LegId, request: Request, cx: &mut Context<'_>) -> Self {
        let (cseq, method) = (request.cseq(), request.method());
        let (callee, id) = cx.open(forwarded(request, cx));
        Self::joined(caller, cseq, method, callee, id)
    }

    /// Joins the leg of a caller, whose first request has this CSeq and waits for an answer, with a leg that was opened
    /// for it by the request `id`. Give the bridge the response next.
    pub fn joined(caller: LegId, cseq: CSeq, method: Method, callee: LegId, id: RequestId) -> Self {
        let side = |leg| Side { leg, ended: false };
        let open = vec![Passed { from: caller, cseq, method, id }];
        Self { caller: side(caller), callee: side(callee), open }
    }

    /// The leg of the caller.
    pub const fn caller(&self) -> LegId {
        self.caller.leg
    }

    /// The leg of the callee.
    pub const fn callee(&self) -> LegId {
        self.callee.leg
    }

    /// Handles an event of either leg; events of other legs and timers are ignored. Finishes the instance when both
    /// legs have ended.
    pub fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        match event {
            Event::Incoming { leg, request } | Event::Request { leg, request } => self.on_request(leg, request, cx),
            Event::Response { to, response, .. } => self.on_response(to, response, cx),
            Event::Refused { request: Some(id), error, .. } => self.on_refused(id, &error, cx),
            // The peer got 408 from the stack: there is nobody to pass a response to.
            Event::Expired { leg, cseq } => self.open.retain(|passed| passed.from != leg || passed.cseq != cseq),
            Event::Ended { leg, .. } => self.on_ended(leg, cx),
            Event::Refused { request: None, .. } | Event::Timer { .. } => {}
        }
    }

    fn other(&self, leg: LegId) -> Option<&Side> {
        if leg == self.caller.leg {
            Some(&self.callee)
        } else if leg == self.callee.leg {
            Some(&self.caller)
        } else {
            None
        }
    }

    fn on_request(&mut self, leg: LegId, request: Request, cx: &mut Context<'_>) {
        let Some(other) = self.other(leg) else { return };
        let (to, ended) = (other.leg, other.ended);
        let (cseq, method) = (request.cseq(), request.method());
        match method {
            Method::Ack => {
                if !ended {
                    cx.send(to, forwarded(request, cx));
                }
            }
            Method::Cancel | Method::Bye => {
                let first = self.open.iter().any(|passed| passed.method == Method::Invite && passed.from == leg);
                self.open.retain(|passed| passed.method != Method::Invite || passed.from != leg);
                if !ended && (method == Method::Bye || first) {
                    cx.send(to, forwarded(request, cx));
                }
            }
            _ if ended => cx.respond(leg, Response::to(&request, StatusCode::NO_SUCH_SESSION)),
            _ => {
                let id = cx.send(to, forwarded(request, cx));
                self.open.push(Passed { from: leg, cseq, method, id });
            }
        }
    }

    fn on_response(&mut self, to: RequestId, mut response: Response, cx: &mut Context<'_>) {
        let Some(at) = self.open.iter().position(|passed| passed.id == to) else { return };
        let passed = self.open[at];
        if response.code().is_final() {
            self.open.swap_remove(at);
        }
        response.set_cseq(passed.cseq);
        cx.respond(passed.from, response);
    }

    /// A passed request could not be sent: whoever sent it is told.
    fn on_refused(&mut self, id: RequestId, error: &SendError, cx: &mut Context<'_>) {
        let Some(at) = self.open.iter().position(|passed| passed.id == id) else { return };
        let passed = self.open.swap_remove(at);
        let code = match error {
            SendError::Illegal { .. } => StatusCode::REQUEST_PENDING,
            SendError::Syntax { .. } => StatusCode::BAD_REQUEST,
            SendError::UnknownLeg | SendError::LegEnded | SendError::Answered => StatusCode::NO_SUCH_SESSION,
            SendError::TooManyLegs | SendError::TooManyCommands => StatusCode::SERVICE_UNAVAILABLE,
        };
        cx.answer(passed.from, passed.cseq, code, error.to_string());
    }

    fn on_ended(&mut self, leg: LegId, cx: &mut Context<'_>) {
        if leg == self.caller.leg {
            self.caller.ended = true;
        } else if leg == self.callee.leg {
            self.callee.ended = true;
        } else {
            return;
        }
        let waiting: Vec<Passed> = self.open.iter().filter(|passed| passed.from != leg).copied().collect();
        self.open.clear();
        if self.caller.ended && self.callee.ended {
            cx.finish();
            return;
        }
        for passed in waiting {
            // The stack gives a final response for everything it sent before a leg ends; this is the last resort.
            cx.answer(passed.from, passed.cseq, StatusCode::TEMPORARILY_UNAVAILABLE, "the other side is gone");
        }
    }
}

/// A request as it goes out on the other leg: the Router URI that led here is taken off.
fn forwarded(mut request: Request, cx: &Context<'_>) -> Request {
    let here = request.first_route().is_some_and(|route| Uri::parse(route).is_ok_and(|uri| cx.addressed_here(&uri)));
    if here {
        request.pop_route();
    }
    request
}
