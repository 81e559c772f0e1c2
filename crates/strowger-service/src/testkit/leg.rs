//! What the kit keeps of a leg.

use std::time::Duration;

use jsip::{CSeq, Method, Request};

use crate::{EndCause, RequestId};

/// Protocol section 5, as coarse as a service can notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// No INVITE session: each transaction stands alone.
    Single,
    Inviting,
    Early,
    /// The service has sent a CANCEL.
    Cancelling,
    Answered,
    Over,
}

impl State {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Single => "outside a session",
            Self::Inviting => "Inviting",
            Self::Early => "Early",
            Self::Cancelling => "Cancelling",
            Self::Answered => "Established",
            Self::Over => "Terminated",
        }
    }

    pub(super) const fn is_unanswered(self) -> bool {
        matches!(self, Self::Inviting | Self::Early | Self::Cancelling)
    }
}

/// What became of the latest INVITE of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing that matters.
    Plain,
    /// The service has cancelled it.
    Cancelled,
    /// It has its 2xx and wants an ACK.
    WantsAck,
}

/// One leg, seen from the node.
#[derive(Debug)]
pub(super) struct Leg {
    /// Whether the service opened it.
    pub(super) opened: bool,
    pub(super) dialog_id: String,
    pub(super) state: State,
    pub(super) cause: EndCause,
    pub(super) ended: bool,
    /// The CSeq of the next request of the service.
    pub(super) next: CSeq,
    /// The CSeq of the peer's next request, where the test gives none.
    pub(super) peer_next: CSeq,
    /// What began it: its addresses are those of what the kit makes up.
    pub(super) first: Request,
    /// Requests of the peer without a final response of the service.
    pub(super) received: Vec<Request>,
    /// Requests of the service without a final response.
    pub(super) sent: Vec<(RequestId, Request)>,
    /// The CSeq of the latest INVITE of the service.
    pub(super) invite: CSeq,
    pub(super) fate: Fate,
    /// When the INVITE that is open has rung long enough, whatever comes.
    pub(super) give_up: Duration,
}

impl Leg {
    pub(super) fn new(opened: bool, number: u32, first: &Request, give_up: Duration) -> Self {
        let state = if first.method() == Method::Invite {
            State::Inviting
        } else {
            State::Single
        };
        let addresses = Request::new(first.method(), first.request_uri(), first.from(), first.to());
        Self {
            opened,
            dialog_id: format!("leg-{number}"),
            state,
            cause: EndCause::Completed,
            ended: false,
            next: CSeq::FIRST,
            peer_next: CSeq::FIRST,
            first: addresses,
            received: Vec::new(),
            sent: Vec::new(),
            invite: CSeq::FIRST,
            fate: Fate::Plain,
            give_up,
        }
    }

    /// Gives a request of the service its ids.
    pub(super) fn stamp(&mut self, request: &mut Request) {
        request.set_cseq(self.next);
        request.set_dialog_id(&self.dialog_id);
        self.next = self.next.next();
    }

    /// Gives a request of the peer the ids that it does not have.
    pub(super) fn stamp_received(&mut self, request: &mut Request) {
        request.set_cseq(self.peer_next);
        request.set_dialog_id(&self.dialog_id);
        self.peer_next = self.peer_next.next();
    }

    /// A request of the peer that the kit makes up.
    pub(super) fn peer_request(&self, method: Method) -> Request {
        self.between(method, !self.opened)
    }

    /// A request of the service that the stack makes up.
    pub(super) fn own_request(&self, method: Method) -> Request {
        self.between(method, self.opened)
    }

    fn between(&self, method: Method, from_caller: bool) -> Request {
        let (uri, from, to) = (self.first.request_uri(), self.first.from(), self.first.to());
        let mut request = if from_caller {
            Request::new(method, uri, from, to)
        } else {
            Request::new(method, from, to, from)
        };
        request.set_dialog_id(&self.dialog_id);
        request
    }

    /// Ends the session; what the peer still waits for, the stack answers.
    pub(super) fn close(&mut self, cause: EndCause) {
        self.state = State::Over;
        self.cause = cause;
        self.received.clear();
    }

    /// Whether nothing more comes on it.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Over | State::Single) && self.received.is_empty() && self.sent.is_empty()
    }

    pub(super) fn open_invite(&self) -> Option<RequestId> {
        self.sent
            .iter()
            .find(|(_, request)| request.method() == Method::Invite)
            .map(|(id, _)| *id)
    }

    pub(super) fn received_invite(&self) -> Option<&Request> {
        self.received
            .iter()
            .find(|request| request.method() == Method::Invite)
    }
}
