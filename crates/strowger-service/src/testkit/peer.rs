//! What peers do, and what the stack tells the service on their behalf.

use jsip::{CSeq, Method, Request, Response, StatusCode};

use super::leg::{Fate, Leg, State};
use super::{
    Due, INVITE_MAX, MAX_FORWARDS, PROVISIONAL, SESSION, TestKit, first_deadline, is_answered_by_the_stack,
};
use crate::{EndCause, Event, LegId, RequestId};

impl TestKit {
    /// A request begins a dialog with the service. The kit gives it its `DialogueID`; its CSeq stays.
    #[track_caller]
    pub fn incoming(&mut self, mut request: Request) -> LegId {
        assert!(self.over.is_none(), "the instance has ended: {:?}", self.over);
        let method = request.method();
        let begins = [
            Method::Invite,
            Method::Register,
            Method::Options,
            Method::Message,
            Method::Subscribe,
        ]
        .contains(&method);
        assert!(begins, "{method} begins no dialog: the stack answers it");
        let leg = self.ids.next_leg();
        if method == Method::Invite && request.expires().is_none() {
            request.set_expires(SESSION);
        }
        self.hops = request.max_forwards().unwrap_or(MAX_FORWARDS);
        self.keyed |= self.service.key(&request).is_some();
        let mut record = Leg::new(false, leg.number(), &request, self.now.saturating_add(INVITE_MAX));
        record.peer_next = request.cseq().next();
        request.set_dialog_id(&record.dialog_id);
        record.received.push(request.clone());
        self.legs.insert(leg, record);
        self.set_deadline(first_deadline(&request), Due::Received(leg, request.cseq()));
        self.pending.push_back(Event::Incoming { leg, request });
        self.run();
        leg
    }

    /// The peer sends a request on a leg. The kit gives it its `DialogueID` and the CSeq that it returns.
    ///
    /// # Panics
    ///
    /// If the stack would not pass it on to the service.
    #[track_caller]
    pub fn request(&mut self, leg: LegId, mut request: Request) -> CSeq {
        let give_up = self.now.saturating_add(INVITE_MAX);
        let record = self.live(leg);
        let state = record.state;
        let method = request.method();
        assert!(
            state != State::Over,
            "the session on leg {} is over: the stack answers {method} 481",
            leg.number()
        );
        record.stamp_received(&mut request);
        let cseq = request.cseq();
        match method {
            Method::Cancel => {
                let Some(invite) = record.received_invite().map(|invite| invite.cseq()) else {
                    panic!(
                        "CANCEL on leg {} finds no open INVITE: the stack answers it",
                        leg.number()
                    )
                };
                self.cancelled_by_peer(leg, invite, request);
                return cseq;
            }
            Method::Bye if state == State::Answered => {
                record.close(EndCause::Bye);
                self.pending.push_back(Event::Request { leg, request });
                self.settle(leg);
                self.run();
                return cseq;
            }
            Method::Bye if !record.opened && state.is_unanswered() => {
                let invite = record
                    .received_invite()
                    .map_or(CSeq::FIRST, |invite| invite.cseq());
                self.cancelled_by_peer(leg, invite, request.with_method(Method::Cancel));
                return cseq;
            }
            Method::Bye => panic!("the stack refuses a BYE in state {}", state.name()),
            Method::Invite => {
                let collides = record.open_invite().is_some() || record.received_invite().is_some();
                let legal = state == State::Answered && !collides;
                assert!(
                    legal,
                    "the stack refuses an INVITE in state {} or while another is open",
                    state.name()
                );
                record.give_up = give_up;
            }
            // A refresh: the stack answers it.
            Method::Update if state == State::Answered && request.body().is_none() => return cseq,
            _ => {}
        }
        if !is_answered_by_the_stack(method) {
            record.received.push(request.clone());
            self.set_deadline(first_deadline(&request), Due::Received(leg, cseq));
        }
        self.pending.push_back(Event::Request { leg, request });
        self.run();
        cseq
    }

    fn cancelled_by_peer(&mut self, leg: LegId, invite: CSeq, mut cancel: Request) {
        cancel.set_related_cseq(Some(invite));
        let Some(record) = self.legs.get_mut(&leg) else {
            return;
        };
        record.received.retain(|request| request.cseq() != invite);
        if record.state.is_unanswered() {
            record.close(EndCause::Cancelled);
        }
        self.forget_deadline(Due::Received(leg, invite));
        self.pending.push_back(Event::Request { leg, request: cancel });
        self.settle(leg);
        self.run();
    }

    /// The peer answers a request of the service with this code: `kit.answer(&sent, StatusCode::RINGING)`.
    #[track_caller]
    pub fn answer(&mut self, request: impl Into<RequestId>, code: StatusCode) {
        let id = request.into();
        let (_, request) = self.waiting(id);
        let response = Response::to(&request, code);
        self.respond(id, response);
    }

    /// The peer answers a request of the service; make the response with [`Response::to`] and what
    /// [`expect_open`](TestKit::expect_open) or [`expect_send`](TestKit::expect_send) gave.
    #[track_caller]
    pub fn respond(&mut self, request: impl Into<RequestId>, response: Response) {
        let id = request.into();
        let (leg, _) = self.waiting(id);
        self.receive_response(leg, id, response);
        self.run();
    }

    #[track_caller]
    fn waiting(&self, id: RequestId) -> (LegId, Request) {
        assert!(self.over.is_none(), "the instance has ended: {:?}", self.over);
        let found = self.legs.iter().find_map(|(leg, record)| {
            let (_, request) = record.sent.iter().find(|(sent, _)| *sent == id)?;
            Some((*leg, request.clone()))
        });
        found.unwrap_or_else(|| panic!("request {} waits for no response", id.number()))
    }

    pub(super) fn receive_final(&mut self, leg: LegId, id: RequestId, code: StatusCode) {
        let sent = self
            .legs
            .get(&leg)
            .and_then(|record| record.sent.iter().find(|(sent, _)| *sent == id));
        if let Some((_, request)) = sent {
            let response = Response::to(request, code);
            self.receive_response(leg, id, response);
        }
    }

    fn receive_response(&mut self, leg: LegId, id: RequestId, mut response: Response) {
        let now = self.now;
        let Some(record) = self.legs.get_mut(&leg) else {
            return;
        };
        let Some(at) = record.sent.iter().position(|(sent, _)| *sent == id) else {
            return;
        };
        let request = &record.sent[at].1;
        response.set_cseq(request.cseq());
        response.set_dialog_id(&record.dialog_id);
        let code = response.code();
        let is_invite = request.method() == Method::Invite;
        if code.is_provisional() {
            // The stack keeps a 100 for itself, and what rings after a CANCEL.
            if is_invite && (code == StatusCode::TRYING || record.state == State::Cancelling) {
                return;
            }
            if is_invite && record.state == State::Inviting {
                record.state = State::Early;
            }
            let left = if is_invite {
                record.give_up.saturating_sub(now)
            } else {
                PROVISIONAL
            };
            self.set_deadline(left.min(PROVISIONAL), Due::Sent(leg, id));
            self.pending.push_back(Event::Response {
                leg,
                to: id,
                response,
            });
            return;
        }
        if is_invite && record.state == State::Cancelling && code.is_success() {
            // The answer crossed the CANCEL: the stack sends ACK and BYE.
            response = Response::to(&record.sent[at].1, StatusCode::REQUEST_TERMINATED);
        }
        record.sent.remove(at);
        let mut gone = None;
        if is_invite {
            match record.state {
                State::Cancelling => record.close(EndCause::Cancelled),
                State::Inviting | State::Early if code.is_success() => {
                    record.state = State::Answered;
                    record.fate = Fate::WantsAck;
                }
                State::Inviting | State::Early => record.close(EndCause::Refused),
                State::Answered if code.is_success() => record.fate = Fate::WantsAck,
                State::Answered if code == StatusCode::NO_SUCH_SESSION => {
                    gone = Some(record.peer_request(Method::Bye));
                    record.close(EndCause::Refused);
                }
                State::Answered | State::Over | State::Single => {}
            }
        }
        self.forget_deadline(Due::Sent(leg, id));
        self.pending.push_back(Event::Response {
            leg,
            to: id,
            response,
        });
        if let Some(request) = gone {
            self.pending.push_back(Event::Request { leg, request });
        }
        self.settle(leg);
    }

    /// The peer hangs up: a CANCEL where he called and waits, a BYE once the call is answered.
    ///
    /// # Panics
    ///
    /// If there is no call, or the peer is called and has not answered: he [answers](TestKit::answer) 300 or above.
    #[track_caller]
    pub fn hang_up(&mut self, leg: LegId) {
        let record = self.live(leg);
        let method = match record.state {
            State::Inviting | State::Early if !record.opened => Method::Cancel,
            State::Answered => Method::Bye,
            state => panic!(
                "nobody can hang up leg {} in state {}",
                leg.number(),
                state.name()
            ),
        };
        let request = record.peer_request(method);
        self.request(leg, request);
    }

    /// The peer's channel is lost (protocol section 6).
    #[track_caller]
    pub fn lose(&mut self, leg: LegId) {
        let record = self.live(leg);
        let told = match record.state {
            State::Inviting | State::Early if !record.opened => Some(Method::Cancel),
            State::Answered => Some(Method::Bye),
            State::Inviting | State::Early | State::Cancelling | State::Single | State::Over => None,
        };
        let request = told.map(|method| {
            let mut request = record.peer_request(method);
            record.stamp_received(&mut request);
            request.set_reason("channel lost");
            request
        });
        let open = std::mem::take(&mut record.sent);
        record.close(EndCause::ChannelLost);
        for (to, request) in open {
            let response = Response::to(&request, StatusCode::TEMPORARILY_UNAVAILABLE);
            self.pending.push_back(Event::Response { leg, to, response });
        }
        if let Some(request) = request {
            self.pending.push_back(Event::Request { leg, request });
        }
        self.settle(leg);
        self.run();
    }

    /// The service did not answer in time.
    pub(super) fn expire_received(&mut self, leg: LegId, cseq: CSeq) {
        let Some(record) = self.legs.get_mut(&leg) else {
            return;
        };
        let Some(at) = record.received.iter().position(|request| request.cseq() == cseq) else {
            return;
        };
        let request = record.received.swap_remove(at);
        if request.method() != Method::Invite {
            if record.state == State::Single {
                record.cause = EndCause::TimedOut;
            }
            self.pending.push_back(Event::Expired { leg, cseq });
            return self.settle(leg);
        }
        let mut cancel = record.peer_request(Method::Cancel);
        cancel.set_cseq(cseq);
        cancel.set_related_cseq(Some(cseq));
        cancel.set_reason("timed out");
        if record.state.is_unanswered() {
            record.close(EndCause::TimedOut);
        }
        self.pending.push_back(Event::Request { leg, request: cancel });
        self.settle(leg);
    }

    /// The peer did not answer in time.
    pub(super) fn expire_sent(&mut self, leg: LegId, id: RequestId) {
        let Some(record) = self.legs.get_mut(&leg) else {
            return;
        };
        let cancelling = record.state == State::Cancelling;
        let code = if cancelling {
            StatusCode::REQUEST_TERMINATED
        } else {
            StatusCode::REQUEST_TIMEOUT
        };
        self.receive_final(leg, id, code);
        if let Some(record) = self.legs.get_mut(&leg)
            && !cancelling
            && matches!(record.state, State::Over | State::Single)
        {
            record.cause = EndCause::TimedOut;
            for event in &mut self.pending {
                if let Event::Ended { leg: ended, cause } = event
                    && *ended == leg
                {
                    *cause = EndCause::TimedOut;
                }
            }
        }
    }
}
