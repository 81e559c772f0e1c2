//! One INVITE to several users, of whom the first who answers has the call.

use jsip::{Header, Method, Request, Response, StatusCode};

use crate::{Context, Event, LegId, RequestId};

/// The `Reason` by which who rings, or answered a moment too late, is told that somebody else has the call.
const ANSWERED_ELSEWHERE: &str = "answered-elsewhere";

/// One call to several users at once: whoever answers first has it, the others get CANCEL with `Reason:
/// answered-elsewhere`, or BYE where they answered a moment later.
///
/// Give it every event of the legs that it [owns](Fork::owns), also after it was [answered](Forked::Answered): those who
/// were told to stop have yet to say so. The answered leg is the service's from then on, to be given to
/// [`Bridge::joined`](crate::Bridge::joined) for instance. A fork sets no timer: how long it rings is the service's
/// affair.
///
/// ```
/// use strowger_service::jsip::{Method, Request, Response, StatusCode};
/// use strowger_service::testkit::TestKit;
/// use strowger_service::{Bridge, Context, Event, Fork, Forked, Instance, LegId, Service};
///
/// /// Rings Ann and Ben for every call.
/// struct Office;
///
/// enum Call {
///     New,
///     Ringing { caller: LegId, invite: Request, fork: Fork },
///     Joined(Bridge),
/// }
///
/// impl Service for Office {
///     fn start(&self) -> Box<dyn Instance> {
///         Box::new(Call::New)
///     }
/// }
///
/// impl Instance for Call {
///     fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
///         match (&mut *self, event) {
///             (Self::New, Event::Incoming { leg, request }) => {
///                 let mut fork = Fork::new(request.clone());
///                 fork.ring("ann@example.com", cx);
///                 fork.ring("ben@example.com", cx);
///                 *self = Self::Ringing { caller: leg, invite: request, fork };
///             }
///             (Self::Ringing { caller, invite, fork }, event) => match fork.handle(event, cx) {
///                 Forked::Answered { leg, id, response, .. } => {
///                     let mut bridge = Bridge::joined(*caller, invite, leg, id);
///                     bridge.handle(Event::Response { leg, to: id, response }, cx);
///                     *self = Self::Joined(bridge);
///                 }
///                 Forked::Failed(response) => cx.respond(*caller, Response::to(invite, response.code())),
///                 _ => {}
///             },
///             (Self::Joined(bridge), event) => bridge.handle(event, cx),
///             _ => {}
///         }
///     }
/// }
///
/// let mut kit = TestKit::new(Office);
/// let carl = kit.incoming(Request::new(Method::Invite, "office@example.com", "carl@example.com", "office@example.com"));
/// let (ann, ben) = (kit.expect_open(), kit.expect_open());
/// kit.answer(&ben, StatusCode::OK);
/// let cancel = kit.expect_send(ann.leg, Method::Cancel);
/// assert_eq!(cancel.reason(), Some("answered-elsewhere"));
/// kit.expect_response(carl, StatusCode::OK);
/// ```
#[derive(Debug)]
pub struct Fork {
    invite: Request,
    branches: Vec<Branch>,
    /// The refusal that says most.
    refusal: Option<Response>,
}

#[derive(Debug)]
struct Branch {
    leg: LegId,
    id: RequestId,
    user: Box<str>,
    /// Whether he was told to stop, which he may not have known when he answered.
    lost: bool,
}

/// What an event was for a [`Fork`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Forked {
    /// Nothing to act upon.
    Nothing,
    /// Somebody rings: his provisional response.
    Ringing(Response),
    /// Somebody has answered; whoever else rings is told to stop. The leg is not the fork's any more.
    Answered {
        /// Who it is, as [`Fork::ring`] named him.
        user: Box<str>,
        /// His leg.
        leg: LegId,
        /// The INVITE.
        id: RequestId,
        /// His 2xx, which wants an ACK.
        response: Response,
    },
    /// Somebody has refused, or is not there; others still ring.
    Refused(Response),
    /// Nobody rings any more. Of all refusals this is the one that says most: that of a user who declines everywhere, else
    /// the last one of a user who is there, else the last one.
    Failed(Response),
}

impl Fork {
    /// A call to nobody yet. The Router of the INVITE is taken off: it led here.
    pub fn new(mut invite: Request) -> Self {
        invite.remove(Header::Route);
        Self {
            invite,
            branches: Vec::new(),
            refusal: None,
        }
    }

    /// Calls this user too. Who was called stays called until [`Fork::stop`].
    pub fn ring(&mut self, user: &str, cx: &mut Context<'_>) -> LegId {
        let mut invite = self.invite.clone();
        invite.set_request_uri(user);
        let (leg, id) = cx.open(invite);
        self.branches.push(Branch {
            leg,
            id,
            user: user.into(),
            lost: false,
        });
        leg
    }

    /// Whether events of this leg are for the fork.
    pub fn owns(&self, leg: LegId) -> bool {
        self.branches.iter().any(|branch| branch.leg == leg)
    }

    /// Whether anybody rings.
    pub fn is_ringing(&self) -> bool {
        self.branches.iter().any(|branch| !branch.lost)
    }

    /// Whether no event is for this fork any more.
    pub const fn is_over(&self) -> bool {
        self.branches.is_empty()
    }

    /// Tells whoever rings to stop: the caller is gone, or the ring time is over. What they still say leads to
    /// [`Forked::Nothing`].
    pub fn stop(&mut self, reason: Option<&str>, cx: &mut Context<'_>) {
        for branch in self.branches.iter_mut().filter(|branch| !branch.lost) {
            branch.lost = true;
            let (from, to) = (self.invite.from(), self.invite.to());
            let mut cancel = Request::new(Method::Cancel, &branch.user, from, to);
            if let Some(reason) = reason {
                cancel.set_reason(reason);
            }
            cx.send(branch.leg, cancel);
        }
    }

    /// Handles an event of one of its legs; others are ignored.
    pub fn handle(&mut self, event: Event, cx: &mut Context<'_>) -> Forked {
        let at = event
            .leg()
            .and_then(|leg| self.branches.iter().position(|branch| branch.leg == leg));
        match at {
            Some(at) if self.branches[at].lost => self.on_lost(at, event, cx),
            Some(at) => self.on_ringing(at, event, cx),
            None => Forked::Nothing,
        }
    }

    fn on_ringing(&mut self, at: usize, event: Event, cx: &mut Context<'_>) -> Forked {
        match event {
            Event::Response { response, .. } if response.code().is_provisional() => Forked::Ringing(response),
            Event::Response { response, .. } if response.code().is_success() => {
                let Branch { leg, id, user, .. } = self.branches.swap_remove(at);
                self.stop(Some(ANSWERED_ELSEWHERE), cx);
                Forked::Answered {
                    user,
                    leg,
                    id,
                    response,
                }
            }
            Event::Response { response, .. } => self.refused(at, response),
            Event::Refused { error, .. } => {
                let mut response = Response::to(&self.invite, StatusCode::TEMPORARILY_UNAVAILABLE);
                response.set_reason(&error.to_string());
                self.refused(at, response)
            }
            Event::Ended { .. } => {
                let response = Response::to(&self.invite, StatusCode::TEMPORARILY_UNAVAILABLE);
                self.refused(at, response)
            }
            Event::Request { leg, request } if wants_answer(&request) => {
                cx.respond(leg, Response::to(&request, StatusCode::REQUEST_PENDING));
                Forked::Nothing
            }
            _ => Forked::Nothing,
        }
    }

    fn refused(&mut self, at: usize, response: Response) -> Forked {
        self.branches.swap_remove(at);
        if self
            .refusal
            .as_ref()
            .is_none_or(|said| weight(&response) >= weight(said))
        {
            self.refusal = Some(response.clone());
        }
        if self.is_ringing() {
            return Forked::Refused(response);
        }
        Forked::Failed(self.refusal.take().unwrap_or(response))
    }

    /// Something of a user who was told to stop.
    fn on_lost(&mut self, at: usize, event: Event, cx: &mut Context<'_>) -> Forked {
        let branch = &self.branches[at];
        match event {
            Event::Response { to, response, .. } if to == branch.id && response.code().is_success() => {
                let request = |method| Request::new(method, response.to(), response.from(), response.to());
                let mut bye = request(Method::Bye);
                bye.set_reason(ANSWERED_ELSEWHERE);
                cx.send(branch.leg, request(Method::Ack));
                cx.send(branch.leg, bye);
            }
            Event::Request { leg, request } if wants_answer(&request) => {
                cx.respond(leg, Response::to(&request, StatusCode::NO_SUCH_SESSION));
            }
            Event::Ended { .. } => {
                self.branches.swap_remove(at);
            }
            _ => {}
        }
        Forked::Nothing
    }
}

/// How much a refusal says: that somebody declines everywhere, that he is there, or nothing.
fn weight(response: &Response) -> u8 {
    match response.code().as_u16() {
        600.. => 2,
        408 | 480 => 0,
        _ => 1,
    }
}

fn wants_answer(request: &Request) -> bool {
    !matches!(request.method(), Method::Ack | Method::Cancel | Method::Bye)
}

#[cfg(test)]
mod tests;
