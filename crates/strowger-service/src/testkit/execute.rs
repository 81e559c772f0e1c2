//! Commands of the service.

use std::time::Duration;

use jsip::{Header, Method, Request, Response, StatusCode, Uri};

use super::expect::{Seen, Sent};
use super::leg::{Fate, Leg, State};
use super::{Due, INVITE_MAX, Over, PROVISIONAL, SESSION, TRANSACTION, TestKit, first_deadline};
use crate::{Bridge, Command, EndCause, Event, LegId, RequestId, SendError};

const SHORTEST_TIMER: Duration = Duration::from_millis(1);
const LONGEST_TIMER: Duration = Duration::from_secs(30 * 24 * 3600);
/// Names what the stack sends of its own.
const NOBODYS: RequestId = RequestId::new(0);

impl TestKit {
    pub(super) fn execute(&mut self, command: Command) {
        match command {
            Command::Open { leg, id, request } => self.open(leg, id, request),
            Command::Forward { leg, to, id, request } => self.forward(leg, to, id, request),
            Command::Send { leg, id, request } => {
                if let Err(error) = self.send(leg, id, request) {
                    self.refuse(leg, Some(id), error);
                }
            }
            Command::Respond { leg, response } => {
                if let Err(error) = self.reply(leg, response) {
                    self.refuse(leg, None, error);
                }
            }
            Command::Answer {
                leg,
                cseq,
                code,
                reason,
            } => {
                let received = self
                    .legs
                    .get(&leg)
                    .and_then(|leg| leg.received.iter().find(|r| r.cseq() == cseq));
                let result = match received.map(|request| Response::to(request, code)) {
                    Some(mut response) => {
                        response.set_reason(&reason);
                        self.reply(leg, response)
                    }
                    None if self.has_ended(leg) => Err(SendError::LegEnded),
                    None => Err(SendError::Answered),
                };
                if let Err(error) = result {
                    self.refuse(leg, None, error);
                }
            }
            Command::SetTimer { timer, after } => {
                self.set_deadline(after.clamp(SHORTEST_TIMER, LONGEST_TIMER), Due::Timer(timer));
            }
            Command::CancelTimer { timer } => self.forget_deadline(Due::Timer(timer)),
            Command::Relate { relid } => self.relations.push(relid),
            Command::Log { level, text } => self.logs.push((level, text)),
            Command::Fetch { id, request } => self.effects.fetches.push_back((id, request)),
            Command::HttpRespond { id, response } => self.effects.respond(id, response),
            Command::Listen { topic } => {
                self.effects.topics.insert(topic);
            }
            Command::Publish { topic, text } => self.effects.published.push_back((topic, text)),
            Command::Watch { prefix } => self.pending.extend(self.effects.watch(prefix)),
            Command::Sync { id } => self.effects.syncs.push_back(id),
            Command::Finish => self.finish(Over::Finished),
            Command::Fail { reason } => self.finish(Over::Failed(reason)),
        }
    }

    /// The instance is over but for this leg and the one it opens, which a bridge joins.
    fn forward(&mut self, leg: LegId, to: LegId, id: RequestId, mut request: Request) {
        if self.has_ended(leg) {
            return self.refuse(leg, Some(id), SendError::LegEnded);
        }
        let cseq = request.cseq();
        let record = self.legs.get(&leg);
        if record.is_none_or(|record| record.received.iter().all(|received| received.cseq() != cseq)) {
            return self.refuse(leg, Some(id), SendError::Answered);
        }
        let others: Vec<LegId> = self.legs.keys().copied().filter(|other| *other != leg).collect();
        for other in others {
            self.release(other, false);
        }
        let is_of_leg = |event: &Event| !matches!(event, Event::Refused { .. }) && event.leg() == Some(leg);
        self.pending.retain(is_of_leg);
        self.relations.clear();
        self.keyed = false;
        self.effects.give_up();
        self.deadlines.retain(|(_, due)| match due {
            Due::Received(other, _) | Due::Sent(other, _) => *other == leg,
            Due::Timer(_) => false,
        });
        self.instance = Some(Box::new(Bridge::forwarding(leg, &mut request, to, id)));
        self.forwarded = true;
        self.open(to, id, request);
    }

    fn refuse(&mut self, leg: LegId, request: Option<RequestId>, error: SendError) {
        self.refusals.push((leg, error.clone()));
        self.pending.push_back(Event::Refused { leg, request, error });
    }

    fn open(&mut self, leg: LegId, id: RequestId, mut request: Request) {
        if let Err(error) = may_open(&request) {
            self.refuse(leg, Some(id), error);
            self.pending.push_back(Event::Ended {
                leg,
                cause: EndCause::Refused,
            });
            return;
        }
        let Some(hops) = self.hops.checked_sub(1) else {
            let response = Response::to(&request, StatusCode::TOO_MANY_HOPS);
            self.pending.push_back(Event::Response {
                leg,
                to: id,
                response,
            });
            self.pending.push_back(Event::Ended {
                leg,
                cause: EndCause::Refused,
            });
            return;
        };
        request.set_max_forwards(hops);
        if request.method() == Method::Invite && request.expires().is_none() {
            request.set_expires(SESSION);
        }
        let mut record = Leg::new(true, leg.number(), &request, self.now.saturating_add(INVITE_MAX));
        record.stamp(&mut request);
        record.invite = request.cseq();
        record.sent.push((id, request.clone()));
        self.legs.insert(leg, record);
        self.set_deadline(first_deadline(&request), Due::Sent(leg, id));
        let is_offline = self.is_offline(&request);
        self.seen.push_back(Seen::Open(Sent { leg, id, request }));
        if is_offline {
            self.receive_final(leg, id, StatusCode::TEMPORARILY_UNAVAILABLE);
        }
    }

    fn is_offline(&self, request: &Request) -> bool {
        let target = request.first_route().unwrap_or_else(|| request.request_uri());
        Uri::parse(target).is_ok_and(|uri| self.offline.contains(&*uri.user_with_host()))
    }

    fn send(&mut self, leg: LegId, id: RequestId, mut request: Request) -> Result<(), SendError> {
        let record = self
            .legs
            .get_mut(&leg)
            .filter(|record| !record.ended)
            .ok_or(SendError::LegEnded)?;
        has_addresses(&request)?;
        let method = request.method();
        if !is_legal(record, method) {
            return Err(SendError::Illegal {
                method,
                state: record.state.name(),
            });
        }
        // The caller's BYE before the answer means CANCEL.
        if method == Method::Bye && record.state.is_unanswered() {
            request = request.with_method(Method::Cancel);
        }
        record.stamp(&mut request);
        let mut after = None;
        match request.method() {
            Method::Ack => {
                record.fate = Fate::Plain;
                request.set_related_cseq(Some(record.invite));
            }
            Method::Cancel => {
                request.set_related_cseq(Some(record.invite));
                record.fate = Fate::Cancelled;
                if record.state.is_unanswered() {
                    record.state = State::Cancelling;
                    record.cause = EndCause::Cancelled;
                    after = record.open_invite().map(|invite| (TRANSACTION, invite));
                }
            }
            Method::Bye => record.close(EndCause::Bye),
            _ => {
                if method == Method::Invite {
                    record.invite = request.cseq();
                    record.fate = Fate::Plain;
                    record.give_up = self.now.saturating_add(INVITE_MAX);
                }
                record.sent.push((id, request.clone()));
                after = Some((first_deadline(&request), id));
            }
        }
        self.seen.push_back(Seen::Send(Sent { leg, id, request }));
        if let Some((after, id)) = after {
            self.set_deadline(after, Due::Sent(leg, id));
        }
        self.settle(leg);
        Ok(())
    }

    fn reply(&mut self, leg: LegId, mut response: Response) -> Result<(), SendError> {
        let now = self.now;
        let record = self
            .legs
            .get_mut(&leg)
            .filter(|record| !record.ended)
            .ok_or(SendError::LegEnded)?;
        let cseq = response.cseq();
        let at = record
            .received
            .iter()
            .position(|request| request.cseq() == cseq)
            .ok_or(SendError::Answered)?;
        if response.from().is_empty() || response.to().is_empty() {
            return Err(SendError::Syntax {
                header: "From or To".into(),
                fault: "empty".into(),
            });
        }
        response.set_dialog_id(&record.dialog_id);
        let code = response.code();
        let is_invite = record.received[at].method() == Method::Invite;
        let due = Due::Received(leg, cseq);
        if code.is_final() {
            record.received.swap_remove(at);
            if is_invite && record.state.is_unanswered() {
                if code.is_success() {
                    record.state = State::Answered;
                } else {
                    record.close(EndCause::Refused);
                }
            }
            self.forget_deadline(due);
        } else if code != StatusCode::TRYING || !is_invite {
            let left = record.give_up.saturating_sub(now);
            if is_invite && record.state == State::Inviting {
                record.state = State::Early;
            }
            self.set_deadline(
                if is_invite {
                    left.min(PROVISIONAL)
                } else {
                    PROVISIONAL
                },
                due,
            );
        }
        self.seen.push_back(Seen::Response(leg, response));
        self.settle(leg);
        Ok(())
    }

    /// The instance is over: what a leg of its gets.
    pub(super) fn release(&mut self, leg: LegId, failed: bool) {
        let Some(record) = self.legs.get_mut(&leg) else {
            return;
        };
        let code = if failed {
            StatusCode::SERVER_INTERNAL_ERROR
        } else {
            StatusCode::TEMPORARILY_UNAVAILABLE
        };
        let unanswered = record.state.is_unanswered();
        let mut out = Vec::new();
        for request in &record.received {
            // Without a failure, what is no INVITE runs on to its 408.
            if failed || (unanswered && request.method() == Method::Invite) {
                out.push(Seen::Response(leg, Response::to(request, code)));
            }
        }
        let mut methods = Vec::new();
        match record.state {
            State::Inviting | State::Early if record.opened => methods.push(Method::Cancel),
            State::Answered => {
                if record.fate == Fate::WantsAck {
                    methods.push(Method::Ack);
                }
                methods.push(Method::Bye);
            }
            State::Inviting | State::Early | State::Single | State::Cancelling | State::Over => {}
        }
        for method in methods {
            let mut request = record.own_request(method);
            record.stamp(&mut request);
            if method != Method::Bye {
                request.set_related_cseq(Some(record.invite));
            }
            out.push(Seen::Send(Sent {
                leg,
                id: NOBODYS,
                request,
            }));
        }
        record.close(EndCause::Finished);
        record.ended = true;
        self.seen.extend(out);
    }
}

fn has_addresses(request: &Request) -> Result<(), SendError> {
    let fields = [
        (Header::RequestUri, request.request_uri()),
        (Header::From, request.from()),
        (Header::To, request.to()),
    ];
    match fields.iter().find(|(_, text)| text.is_empty()) {
        Some((header, _)) => Err(SendError::Syntax {
            header: header.as_str().into(),
            fault: "must not be empty".into(),
        }),
        None => Ok(()),
    }
}

fn may_open(request: &Request) -> Result<(), SendError> {
    let method = request.method();
    if !begins(method) {
        return Err(SendError::Illegal {
            method,
            state: "new dialog",
        });
    }
    has_addresses(request)?;
    let (header, target) = match request.first_route() {
        Some(route) => (Header::Route, route),
        None => (Header::RequestUri, request.request_uri()),
    };
    match Uri::parse(target) {
        Ok(_) => Ok(()),
        Err(_) => Err(SendError::Syntax {
            header: header.as_str().into(),
            fault: "not a URI".into(),
        }),
    }
}

const fn begins(method: Method) -> bool {
    matches!(
        method,
        Method::Invite
            | Method::Register
            | Method::Options
            | Method::Message
            | Method::Subscribe
            | Method::Notify
            | Method::Refer
    )
}

/// Protocol section 5, as far as the kit goes.
fn is_legal(leg: &Leg, method: Method) -> bool {
    let state = leg.state;
    let has_invite = leg.open_invite().is_some() || leg.received_invite().is_some();
    match method {
        _ if state == State::Over => false,
        _ if state == State::Single => begins(method) && method != Method::Invite,
        Method::Ack => leg.fate == Fate::WantsAck,
        Method::Cancel => leg.open_invite().is_some() && leg.fate != Fate::Cancelled,
        Method::Bye => state == State::Answered || (leg.opened && state != State::Cancelling),
        Method::Invite => state == State::Answered && !has_invite,
        Method::Prack => state == State::Early && leg.opened,
        Method::Update | Method::Info => matches!(state, State::Early | State::Answered),
        Method::Message | Method::Notify | Method::Refer => state == State::Answered,
        Method::Register | Method::Options | Method::Subscribe => false,
    }
}
