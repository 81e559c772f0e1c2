//! Two legs joined: what comes on one goes out on the other.

use jsip::{CSeq, Headers, Method, Request, Response, StatusCode, Uri, json_string};

use crate::{Context, Event, Instance, LegId, LogLevel, RequestId, SendError, TimerId};

mod call;
mod transfer;

use call::Call;
use transfer::Transfer;

/// Two legs of an instance joined: requests and responses of one side pass to the other with Body and headers as they
/// came, each leg keeping its own `DialogueID` and CSeqs.
///
/// Give it every event that the service does not handle itself. A request that cannot be passed is answered, so nobody
/// waits in vain; when one side ends, the other is ended: in the usual course by the BYE or CANCEL that passes through,
/// otherwise by one that the bridge makes.
///
/// # Transfer
///
/// Either side of an answered call may hand the other on: a REFER with `Refer-To` makes the bridge call that user with an
/// INVITE without Body. He offers in his 2xx, the other side is asked by re-INVITE to talk to him, and its answer goes to him
/// with the ACK. Who sent the REFER hears of it by NOTIFY and is sent a BYE when it is done; he may also hang up as soon as
/// he likes. Should the re-INVITE meet one of the other side's own (491), it is sent again a moment later, three times at most.
/// Where the transfer fails the two are as they were, or, where he is gone, the other one is sent a BYE. `Replaces` goes on
/// to the new user. A service that must not have that, or has a word in it, answers the REFER itself or says
/// [`Bridge::without_transfer`]: then a REFER passes like any other request.
///
/// # Collisions
///
/// A 491 passes to whose request it was, like every other refusal: he tries again when he sees fit (RFC 3261 §14.1). The bridge
/// repeats only the re-INVITE that it makes itself, that of a transfer.
///
/// The bridge does not finish the instance: one that has no leg, no timer, no relation id and no key ends by itself.
///
/// A service that only decides where a call goes needs none: [`Context::forward`] has the node run one.
///
/// ```
/// use strowger_service::{Bridge, Context, Event, Instance, LogLevel};
///
/// /// Passes a call on, and says how each went.
/// #[derive(Default)]
/// struct Call(Option<Bridge>);
///
/// impl Instance for Call {
///     fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
///         if let Event::Ended { cause, .. } = &event {
///             cx.log(LogLevel::Info, format!("a leg has ended: {cause:?}"));
///         }
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
    /// The call, until one side has been told that it is over; `None` where there is no INVITE.
    call: Option<Call>,
    /// Somebody is being called in the place of one side.
    transfer: Option<Box<Transfer>>,
    transfers: bool,
}

#[derive(Debug)]
struct Side {
    leg: LegId,
    ended: bool,
    /// He has hung up. His leg ends when what was sent to him before is answered, too.
    left: bool,
}

impl Side {
    const fn new(leg: LegId) -> Self {
        Self {
            leg,
            ended: false,
            left: false,
        }
    }

    const fn is_gone(&self) -> bool {
        self.ended || self.left
    }
}

/// A request that was passed from one leg to the other.
#[derive(Clone, Copy, Debug)]
struct Passed {
    from: LegId,
    cseq: CSeq,
    method: Method,
    id: RequestId,
    /// An INVITE whose sender wants it no more, and has its final response.
    cancelled: bool,
}

impl Bridge {
    /// Passes a first request on to a new leg and joins both.
    pub fn open(caller: LegId, request: Request, cx: &mut Context<'_>) -> Self {
        let (cseq, method) = (request.cseq(), request.method());
        let call = (method == Method::Invite).then(|| Call::new(&request));
        let (callee, id) = cx.open(forwarded(request, cx));
        Self::new(
            caller,
            callee,
            Passed {
                from: caller,
                cseq,
                method,
                id,
                cancelled: false,
            },
            call,
        )
    }

    /// Joins the leg of a caller, whose first request waits for an answer, with a leg that was opened for it by the
    /// request `id`. Give the bridge the response next; should the caller be gone by then, the callee is sent a BYE.
    pub fn joined(caller: LegId, request: &Request, callee: LegId, id: RequestId) -> Self {
        let (cseq, method) = (request.cseq(), request.method());
        let call = (method == Method::Invite).then(|| Call::new(request));
        Self::new(
            caller,
            callee,
            Passed {
                from: caller,
                cseq,
                method,
                id,
                cancelled: false,
            },
            call,
        )
    }

    /// For those who run instances: joins the leg of a caller with one that is opened next, with his request, by the request
    /// `id`.
    pub fn forwarding(caller: LegId, request: &mut Request, callee: LegId, id: RequestId) -> Self {
        name_own_dialog(request);
        Self::joined(caller, request, callee, id)
    }

    /// Joins two legs that are both answered and acknowledged: a call that the service has placed to both sides. `invite` is
    /// the INVITE that went to the callee.
    pub fn established(caller: LegId, invite: &Request, callee: LegId) -> Self {
        let call = Call::new(invite).established();
        Self::with(caller, callee, Vec::new(), Some(call))
    }

    fn new(caller: LegId, callee: LegId, first: Passed, call: Option<Call>) -> Self {
        Self::with(caller, callee, vec![first], call)
    }

    const fn with(caller: LegId, callee: LegId, open: Vec<Passed>, call: Option<Call>) -> Self {
        Self {
            caller: Side::new(caller),
            callee: Side::new(callee),
            open,
            call,
            transfer: None,
            transfers: true,
        }
    }

    /// Passes a REFER on like any other request.
    #[must_use]
    pub const fn without_transfer(mut self) -> Self {
        self.transfers = false;
        self
    }

    /// The leg of the caller.
    pub const fn caller(&self) -> LegId {
        self.caller.leg
    }

    /// The leg of the callee.
    pub const fn callee(&self) -> LegId {
        self.callee.leg
    }

    /// Whether events of this leg are for the bridge: caller, callee, and whoever one of them is being handed on to.
    pub fn owns(&self, leg: LegId) -> bool {
        self.side(leg).is_some() || self.transfer.as_ref().is_some_and(|transfer| transfer.is_to(leg))
    }

    /// Whether this timer is one of the bridge's.
    pub fn owns_timer(&self, timer: TimerId) -> bool {
        self.is_to_try_again(timer)
    }

    /// Whether all legs have ended: no event is for this bridge any more.
    pub const fn is_over(&self) -> bool {
        self.caller.ended && self.callee.ended && self.transfer.is_none()
    }

    /// Handles an event of one of its legs or timers; others are ignored.
    pub fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        let Some(event) = self.handle_transfer(event, cx) else {
            return;
        };
        match event {
            Event::Incoming { leg, request } | Event::Request { leg, request } => {
                self.on_request(leg, request, cx)
            }
            Event::Response { to, response, .. } => self.on_response(to, response, cx),
            Event::Refused { leg, request, error } => self.on_refused(leg, request, &error, cx),
            // The peer got 408 from the stack: there is nobody to pass a response to.
            Event::Expired { leg, cseq } => self
                .open
                .retain(|passed| passed.from != leg || passed.cseq != cseq),
            Event::Ended { leg, .. } => self.on_ended(leg, cx),
            _ => {}
        }
    }

    /// Ends the call: whoever is in it, or is being called in somebody's place, is sent a BYE or CANCEL, and a caller who waits is
    /// answered 480. Give the bridge the events that come of it, until it [is over](Self::is_over).
    pub fn end(&mut self, cx: &mut Context<'_>) {
        self.give_up(StatusCode::REQUEST_TERMINATED, cx);
        let waits = self.call.as_ref().is_some_and(|call| !call.answered);
        let invite = self
            .open
            .iter()
            .find(|passed| passed.is_invite_of(self.caller.leg));
        if let (true, Some(invite)) = (waits, invite) {
            let code = StatusCode::TEMPORARILY_UNAVAILABLE;
            cx.answer(invite.from, invite.cseq, code, "the call is ended");
        } else if let (false, Some(call)) = (self.caller.is_gone(), &self.call) {
            cx.send(self.caller.leg, call.to_caller(Method::Bye));
        }
        if !self.callee.is_gone() {
            self.hang_up(self.callee.leg, cx);
        }
        self.call = None;
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
        let (to, ended, gone) = (other.leg, other.ended, other.is_gone());
        let (cseq, method) = (request.cseq(), request.method());
        match method {
            Method::Ack => {
                if let (Some(call), true) = (&mut self.call, leg == self.caller.leg) {
                    call.acknowledged = true;
                }
                if !ended {
                    cx.send(to, forwarded(request, cx));
                }
            }
            Method::Cancel => {
                let open = self
                    .open
                    .iter_mut()
                    .find(|passed| passed.is_invite_of(leg) && !passed.cancelled);
                // Its final response is still awaited: a 2xx that crosses the CANCEL has to be dealt with.
                if let Some(invite) = open {
                    invite.cancelled = true;
                    if !ended {
                        cx.send(to, forwarded(request, cx));
                    }
                }
            }
            Method::Bye => {
                self.open.retain(|passed| !passed.is_invite_of(leg));
                if let Some(side) = self.side_mut(leg) {
                    side.left = true;
                }
                // Who has handed the other on may go.
                if !self.is_handed_on(to) {
                    self.call = None;
                    if !gone {
                        cx.send(to, forwarded(request, cx));
                    }
                }
            }
            // He is to talk to somebody else in a moment: a 481 would tell him that the call is over.
            _ if gone && self.is_handed_on(leg) => {
                let mut response = Response::to(&request, StatusCode::REQUEST_PENDING);
                response.set_reason("a transfer is under way");
                cx.respond(leg, response);
            }
            _ if ended => cx.respond(leg, Response::to(&request, StatusCode::NO_SUCH_SESSION)),
            _ => {
                let id = cx.send(to, forwarded(request, cx));
                self.open.push(Passed {
                    from: leg,
                    cseq,
                    method,
                    id,
                    cancelled: false,
                });
            }
        }
    }

    fn on_response(&mut self, to: RequestId, mut response: Response, cx: &mut Context<'_>) {
        let Some(at) = self.open.iter().position(|passed| passed.id == to) else {
            return;
        };
        let passed = self.open[at];
        let code = response.code();
        if code.is_final() {
            self.open.swap_remove(at);
        }
        let call = self
            .call
            .as_mut()
            .filter(|call| passed.method == Method::Invite && !call.answered);
        let first = call.is_some();
        match call {
            Some(call) if code.is_success() => call.answered = true,
            Some(_) if code.is_final() => self.call = None,
            _ => {}
        }
        if passed.cancelled {
            if code.is_success() {
                self.on_unwanted_success(passed, first, &response, cx);
            }
            return;
        }
        response.set_cseq(passed.cseq);
        let Some(sender) = self.side(passed.from) else {
            return;
        };
        if !sender.ended {
            if passed.method == Method::Invite && code.is_success() {
                let dialog = response.dialog_id().to_owned();
                name_dialog(&mut response, &dialog);
            }
            cx.respond(passed.from, response);
        } else if first {
            self.hang_up(self.callee.leg, cx);
        }
    }

    /// A 2xx to an INVITE that was cancelled: the peer must get its ACK, and a call that nobody wants its BYE.
    fn on_unwanted_success(
        &mut self,
        passed: Passed,
        first: bool,
        response: &Response,
        cx: &mut Context<'_>,
    ) {
        let Some(other) = self.other(passed.from) else {
            return;
        };
        let (leg, ended) = (other.leg, other.ended);
        if first {
            self.hang_up(leg, cx);
        } else if !ended && self.call.is_some() {
            cx.log(
                LogLevel::Debug,
                "a changed call was accepted although the change was cancelled",
            );
            cx.send(
                leg,
                Request::new(Method::Ack, response.to(), response.from(), response.to()),
            );
        }
    }

    /// A command was not carried out: whoever waits for what it would have led to is told.
    fn on_refused(
        &mut self,
        leg: LegId,
        request: Option<RequestId>,
        error: &SendError,
        cx: &mut Context<'_>,
    ) {
        let at = request.and_then(|id| self.open.iter().position(|passed| passed.id == id));
        if let Some(at) = at {
            let passed = self.open.swap_remove(at);
            if self.call.as_ref().is_some_and(|call| !call.answered) && passed.method == Method::Invite {
                self.call = None;
            }
            let code = code_of(error);
            if !passed.cancelled && self.side(passed.from).is_some_and(|side| !side.ended) {
                cx.answer(passed.from, passed.cseq, code, error.to_string());
            }
        }
        // A service that waits between its events may learn only now that a side is gone.
        if matches!(error, SendError::LegEnded | SendError::UnknownLeg) {
            self.on_ended(leg, cx);
        }
    }

    fn on_ended(&mut self, leg: LegId, cx: &mut Context<'_>) {
        let Some(side) = self.side_mut(leg) else { return };
        if std::mem::replace(&mut side.ended, true) {
            return;
        }
        let Some(other) = self.other(leg) else { return };
        let (other, other_gone) = (other.leg, other.is_gone());
        let waiting: Vec<Passed> = self
            .open
            .iter()
            .filter(|passed| passed.from == other && !passed.cancelled)
            .copied()
            .collect();
        self.open.retain(|passed| passed.is_invite_of(leg));
        if other_gone {
            return;
        }
        for passed in waiting {
            // The stack gives a final response for everything it sent before a leg ends; this is the last resort.
            let reason = "the other side is gone";
            cx.answer(
                passed.from,
                passed.cseq,
                StatusCode::TEMPORARILY_UNAVAILABLE,
                reason,
            );
        }
        if !self.is_handed_on(other) {
            self.hang_up(other, cx);
        }
    }

    /// Ends one side of a call whose other side is gone and has not said so.
    fn hang_up(&mut self, leg: LegId, cx: &mut Context<'_>) {
        let Some(call) = &self.call else { return };
        if !call.answered {
            // A caller who waits has been answered; a callee who rings is told that nobody waits, once.
            for invite in self
                .open
                .iter_mut()
                .filter(|passed| passed.from != leg && !passed.cancelled)
            {
                invite.cancelled = true;
                cx.send(leg, call.to_callee(Method::Cancel));
            }
            return;
        }
        if leg == self.callee.leg {
            if !call.acknowledged {
                cx.send(leg, call.to_callee(Method::Ack));
            }
            cx.send(leg, call.to_callee(Method::Bye));
        } else {
            cx.send(leg, call.to_caller(Method::Bye));
        }
        self.call = None;
    }

    fn side(&self, leg: LegId) -> Option<&Side> {
        [&self.caller, &self.callee]
            .into_iter()
            .find(|side| side.leg == leg)
    }

    fn side_mut(&mut self, leg: LegId) -> Option<&mut Side> {
        [&mut self.caller, &mut self.callee]
            .into_iter()
            .find(|side| side.leg == leg)
    }
}

/// An instance that is nothing but a bridge: what goes on where one was [forwarded](Context::forward).
impl Instance for Bridge {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        Self::handle(self, event, cx);
    }
}

impl Passed {
    fn is_invite_of(&self, leg: LegId) -> bool {
        self.method == Method::Invite && self.from == leg
    }
}

/// A request as it goes out on the other leg.
fn forwarded(request: Request, cx: &Context<'_>) -> Request {
    let mut request = routed(request, cx);
    name_own_dialog(&mut request);
    request
}

/// A request whose Router URI that led here is taken off.
pub(crate) fn routed(mut request: Request, cx: &Context<'_>) -> Request {
    let here = request
        .first_route()
        .is_some_and(|route| Uri::parse(route).is_ok_and(|uri| cx.addressed_here(&uri)));
    if here {
        request.pop_route();
    }
    request
}

fn name_own_dialog(request: &mut Request) {
    if request.method() == Method::Invite {
        let dialog = request.dialog_id().to_owned();
        name_dialog(request, &dialog);
    }
}

/// The header by which who can be replaced says what he calls a dialog.
const PEER_DIALOG: &str = "Peer-DialogueID";

/// Whoever says that he understands `Replaces` has his own name of the dialog told to the other side, who may put it into a
/// REFER: each leg has another one.
fn name_dialog(headers: &mut Headers, dialog: &str) {
    let supported = headers.extension_str("Supported");
    if supported.is_some_and(|names| names.split(',').any(|name| name.trim() == "replaces")) {
        // It fails only for a name or a value that is no header, and these are.
        let _ = headers.set_extension(PEER_DIALOG, &json_string(dialog));
    }
}

/// The status code by which who waits is told of a command that was not carried out.
const fn code_of(error: &SendError) -> StatusCode {
    match error {
        SendError::Illegal { .. } => StatusCode::REQUEST_PENDING,
        SendError::Syntax { .. } => StatusCode::BAD_REQUEST,
        SendError::UnknownLeg | SendError::LegEnded | SendError::Answered => StatusCode::NO_SUCH_SESSION,
        SendError::TooManyLegs | SendError::TooManyCommands | SendError::Other(_) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

#[cfg(test)]
mod tests;
