//! Messages that came in on a channel.

use jsip::{DialogId, Header, Message, Method, Request, Response, StatusCode};
use strowger_time::Instant;

use crate::config::EXPIRES_MAX;
use crate::output::{Delivery, Kind};
use crate::perform::Cargo;
use crate::session::refresh::Refresh;
use crate::session::table::{Cell, Refusal, State, Trigger, cell};
use crate::session::{Role, Session, request_trigger};
use crate::stub::{Stub, set_retry_after};
use crate::timer::Timer;
use crate::transaction::ServerRecord;
use crate::watch::{Detail, Line, Named, What};
use crate::{Channel, DialogKey, EndCause, Output, Stack};

/// What the stack knows of the dialog that a message is for; good until the stack is told anything.
#[derive(Clone, Copy, Debug)]
pub struct Found(pub(crate) Option<usize>);

impl Stack {
    /// Takes a message that came in on a channel.
    ///
    /// What is legal comes back as [`Output::Incoming`] or [`Output::Deliver`]; what is not is answered, or counted
    /// and dropped.
    pub fn receive(&mut self, now: Instant, channel: Channel, message: Message) {
        let found = self.look_up(channel, &message);
        self.receive_found(now, channel, message, found);
    }

    /// Looks which dialog a message is for that came in on a channel.
    pub fn look_up(&self, channel: Channel, message: &Message) -> Found {
        Found(self.find(channel, message.dialog_id()))
    }

    /// Takes a message that came in on a channel and was looked up just now.
    pub fn receive_found(&mut self, now: Instant, channel: Channel, message: Message, found: Found) {
        match message {
            Message::Request(request) => self.receive_request(now, channel, request, found),
            Message::Response(response) => self.receive_response(now, response, found),
        }
    }

    fn receive_request(&mut self, now: Instant, channel: Channel, mut request: Request, found: Found) {
        let too_short = self.clamp_expires(&mut request);
        match found.0 {
            None => self.begin(now, channel, request, too_short),
            Some(index) => {
                self.keep_received(now, index, Line::Request(request.method()), request.cseq());
                self.note_received_request(index, &request);
                if request.method() == Method::Ack {
                    self.receive_ack(now, index, request);
                } else {
                    self.receive_inside(now, index, request, too_short);
                }
            }
        }
    }

    /// Cuts a too large `Expire`; says whether it is too small.
    fn clamp_expires(&self, request: &mut Request) -> bool {
        let (true, Some(expires)) = (
            matches!(request.method(), Method::Invite | Method::Update),
            request.expires(),
        ) else {
            return false;
        };
        if expires > EXPIRES_MAX {
            request.set_expires(EXPIRES_MAX);
        }
        expires < self.config.session_min.as_secs()
    }

    /// A request on an unknown dialog.
    fn begin(&mut self, now: Instant, channel: Channel, request: Request, too_short: bool) {
        if !begins(request.method()) {
            if request.method() == Method::Ack {
                self.counters.stray_acks += 1;
            } else {
                self.counters.illegal_requests += 1;
                self.answer_stateless(
                    channel,
                    &request,
                    StatusCode::NO_SUCH_SESSION,
                    "no such dialog",
                    None,
                );
            }
            return;
        }
        if too_short {
            self.counters.illegal_requests += 1;
            let reason = self.too_short();
            self.answer_stateless(channel, &request, StatusCode::BAD_REQUEST, &reason, None);
            return;
        }
        if self.is_full(channel) {
            self.counters.dialog_overflows += 1;
            self.answer_stateless(
                channel,
                &request,
                StatusCode::SERVICE_UNAVAILABLE,
                TOO_MANY_DIALOGS,
                Some(1),
            );
            return;
        }
        let Ok(id) = DialogId::new(request.dialog_id()) else {
            return;
        };
        let index = self.insert(Some(channel), id, true);
        self.admit(now, index, request);
    }

    fn is_full(&self, channel: Channel) -> bool {
        self.channels
            .get(channel)
            .is_some_and(|record| record.begun >= self.config.dialogs_on(channel))
    }

    fn too_short(&self) -> String {
        format!(
            "{}: must be at least {} s",
            Header::Expires.as_str(),
            self.config.session_min.as_secs()
        )
    }

    /// The first request of a leg: makes its transaction and, for an INVITE, its session, and asks for an instance.
    fn admit(&mut self, now: Instant, index: usize, mut request: Request) {
        self.keep_received(now, index, Line::Request(request.method()), request.cseq());
        self.note_begun(index, &request, None);
        self.note_received_request(index, &request);
        if request.method() == Method::Invite {
            self.begin_called_session(now, index, &mut request);
        } else {
            self.begin_server(now, index, &request);
        }
        let dialog = &self.dialogs[index];
        let (key, Some(channel)) = (dialog.key(), dialog.channel) else {
            return;
        };
        self.outputs.push_back(Output::Incoming {
            dialog: key,
            channel,
            request,
        });
    }

    fn begin_called_session(&mut self, now: Instant, index: usize, request: &mut Request) {
        let inserted = request.expires().is_none();
        if inserted {
            request.set_expires(self.config.session.as_secs());
        }
        let interval = std::time::Duration::from_secs(request.expires().unwrap_or(EXPIRES_MAX));
        self.add_server(index, ServerRecord::new(request));
        let from_peer = Stub::new(request);
        let give_up = now + self.config.invite_max;
        let timer = Timer::Session(self.dialogs[index].at);
        let first = now + self.config.provisional.min(self.config.invite_max);
        self.dialogs[index].session = Some(Box::new(Session {
            role: Role::Uas,
            state: State::Inviting,
            towards_peer: from_peer.reversed(),
            from_peer,
            timer: Some(self.deadlines.set(first, timer)),
            invite: request.cseq(),
            invite_received: true,
            give_up,
            last_ack: None,
            refresh: Refresh::new(interval, inserted),
        }));
    }

    /// Makes the transaction of a request that the instance will answer.
    fn begin_server(&mut self, now: Instant, index: usize, request: &Request) {
        let mut server = ServerRecord::new(request);
        server.expires = request.expires();
        if request.method() != Method::Invite {
            let timer = Timer::Server(self.dialogs[index].at, request.cseq());
            server.deadline = Some(self.deadlines.set(now + self.config.transaction, timer));
        }
        self.add_server(index, server);
    }

    /// Keeps the transaction of a request of the peer.
    fn add_server(&mut self, index: usize, server: ServerRecord) {
        self.note(index, What::TransactionBegun(server.name()));
        self.dialogs[index].add_server(server);
    }

    /// A request other than ACK on a known dialog.
    fn receive_inside(&mut self, now: Instant, index: usize, request: Request, too_short: bool) {
        if self.absorb(index, &request) {
            return;
        }
        if too_short {
            let reason = self.too_short();
            return self.refuse(index, &request, StatusCode::BAD_REQUEST, &reason);
        }
        if self.dialogs[index].servers.len() >= self.config.dialogs_per_channel && self.is_crowded(index) {
            let reason = "too many open requests in this dialog";
            return self.refuse_for_now(now, index, &request, reason);
        }
        match self.dialogs[index].state() {
            // The CANCEL of a finished instance is under way; nobody is there for anything else.
            Some(State::Cancelling) if self.dialogs[index].owner.is_none() => {
                self.refuse(
                    index,
                    &request,
                    StatusCode::NO_SUCH_SESSION,
                    "its service has finished",
                );
            }
            Some(state) => self.receive_in_session(now, index, request, state),
            None if !begins(request.method()) => {
                self.refuse(index, &request, StatusCode::NO_SUCH_SESSION, "no such session");
            }
            None if !self.dialogs[index].alive => self.renew(now, index, request),
            None if self.dialogs[index].owner.is_none() => {
                self.refuse(
                    index,
                    &request,
                    StatusCode::NO_SUCH_SESSION,
                    "its service has finished",
                );
            }
            None if request.method() == Method::Invite => {
                self.refuse(
                    index,
                    &request,
                    StatusCode::REQUEST_PENDING,
                    "a transaction of this dialog is open",
                );
            }
            None => {
                self.begin_server(now, index, &request);
                self.deliver(index, Delivery::Request(request));
            }
        }
    }

    /// Whether as many requests are open in one dialog as a channel may have dialogs.
    fn is_crowded(&self, index: usize) -> bool {
        let open = self.dialogs[index]
            .servers
            .iter()
            .filter(|server| server.is_open())
            .count();
        open >= self.config.dialogs_per_channel
    }

    /// 503 to a request on a known dialog; nothing is kept of it, and the record may be forgotten.
    fn refuse_for_now(&mut self, now: Instant, index: usize, request: &Request, reason: &str) {
        self.counters.dialog_overflows += 1;
        if let Some(channel) = self.dialogs[index].channel {
            self.answer_stateless(channel, request, StatusCode::SERVICE_UNAVAILABLE, reason, Some(1));
        }
        // The request may have taken the number of the last transaction that the record absorbed.
        self.settle(now, index);
    }

    /// The record only absorbs retransmissions of an earlier leg: this request begins a new one.
    fn renew(&mut self, now: Instant, index: usize, request: Request) {
        let Some(channel) = self.dialogs[index].channel else {
            return;
        };
        if self.is_full(channel) {
            return self.refuse_for_now(now, index, &request, TOO_MANY_DIALOGS);
        }
        let epoch = self.next_epoch();
        let dialog = &mut self.dialogs[index];
        dialog.epoch = epoch;
        dialog.alive = true;
        dialog.begun_by_peer = true;
        dialog.cause = EndCause::Completed;
        let record = self.channels.entry(channel);
        record.begun += 1;
        record.live += 1;
        self.live += 1;
        self.admit(now, index, request);
    }

    /// Absorbs a request that came before; refuses one that reuses the CSeq of an open transaction.
    fn absorb(&mut self, index: usize, request: &Request) -> bool {
        let dialog = &mut self.dialogs[index];
        let channel = dialog.channel;
        let Some(server) = dialog.server(request.cseq()) else {
            return false;
        };
        if server.method == request.method() && server.stub.request_uri() == request.request_uri() {
            self.counters.retransmissions += 1;
            let is_final = !server.is_open();
            let last = server.last.clone();
            let answered_again = last.is_some();
            self.note_detail(index, || Detail::Absorbed {
                message: Named::request(request.method(), request.cseq()),
                answered_again,
            });
            if let Some(last) = last {
                if is_final {
                    self.answer_again(index, request.cseq(), last);
                } else {
                    self.transmit_again(index, last, crate::Tag::NONE, Kind::Other);
                }
            }
            return true;
        }
        if server.is_open() || server.awaits_ack() {
            self.counters.illegal_requests += 1;
            if let Some(channel) = channel {
                let reason = format!(
                    "{}: the transaction with this number is open",
                    Header::CSeq.as_str()
                );
                self.answer_stateless(channel, request, StatusCode::BAD_REQUEST, &reason, None);
            }
            return true;
        }
        let cseq = request.cseq();
        dialog.servers.retain(|server| server.cseq != cseq);
        false
    }

    fn receive_in_session(&mut self, now: Instant, index: usize, request: Request, state: State) {
        let Some(session) = &self.dialogs[index].session else {
            return;
        };
        let (trigger, collides) = match request.method() {
            Method::Cancel => match self.cancel_trigger(index, &request) {
                Some(trigger) => (trigger, false),
                None => {
                    let reason = "CANCEL finds no INVITE";
                    return self.refuse(index, &request, StatusCode::NO_SUCH_SESSION, reason);
                }
            },
            Method::Bye if state == State::Terminated && self.has_open_bye(index) => {
                (Trigger::ByeCrossing, false)
            }
            Method::Update => {
                let trigger = request_trigger(&request, state, session.role, true);
                (
                    trigger,
                    trigger == Trigger::Update && self.dialogs[index].has_open(Method::Update),
                )
            }
            _ => (request_trigger(&request, state, session.role, true), false),
        };
        let outcome = if collides {
            Cell::Refuse(Refusal::Pending)
        } else {
            cell(state, trigger)
        };
        match outcome {
            Cell::Go(..) => {
                self.begin_server(now, index, &request);
                self.fire(now, index, trigger, Cargo::Received(request));
                self.settle(now, index);
            }
            Cell::Refuse(refusal) => {
                let (code, reason) = refusal_answer(refusal, request.method(), state);
                self.refuse(index, &request, code, &reason);
            }
            // No request is discarded by the table; an answer is owed all the same.
            Cell::Discard => self.refuse(index, &request, StatusCode::BAD_REQUEST, "not expected here"),
        }
    }

    /// What a CANCEL finds: the open INVITE, one that has its final response, or none.
    fn cancel_trigger(&self, index: usize, cancel: &Request) -> Option<Trigger> {
        let meant = |server: &&ServerRecord| {
            server.method == Method::Invite && cancel.related_cseq().is_none_or(|cseq| cseq == server.cseq)
        };
        let mut invites = self.dialogs[index].servers.iter().filter(meant);
        let open = self.dialogs[index]
            .servers
            .iter()
            .filter(meant)
            .any(ServerRecord::is_open);
        if open {
            Some(Trigger::CancelReceived)
        } else {
            invites.next().map(|_| Trigger::CancelLate)
        }
    }

    fn has_open_bye(&self, index: usize) -> bool {
        self.dialogs[index]
            .clients
            .iter()
            .any(|client| client.method == Method::Bye && client.is_open())
    }

    /// Refuses a request on a known dialog; the answer is kept to be given again.
    fn refuse(&mut self, index: usize, request: &Request, code: StatusCode, reason: &str) {
        self.counters.illegal_requests += 1;
        let cseq = request.cseq();
        self.add_server(index, ServerRecord::new(request));
        self.answer(index, cseq, code, Some(reason));
    }

    /// Refuses a new dialog that found no instance: the answer to [`Output::Incoming`]. `code` is 300 or above.
    pub fn reject(
        &mut self,
        now: Instant,
        dialog: DialogKey,
        code: StatusCode,
        reason: &str,
        retry_after: Option<u32>,
    ) {
        if let Some(index) = self.leg(dialog) {
            self.dialogs[index].cause = EndCause::Refused;
        }
        self.answer_first(now, dialog, code, |response| {
            response.set_reason(reason);
            if let Some(seconds) = retry_after {
                set_retry_after(response, seconds);
            }
        });
    }

    /// Answers the first request of a new dialog without an instance: another answer to [`Output::Incoming`]. `code`
    /// is final and, for an INVITE, 300 or above.
    pub fn answer_first(
        &mut self,
        now: Instant,
        dialog: DialogKey,
        code: StatusCode,
        fill: impl FnOnce(&mut Response),
    ) {
        let Some(index) = self.leg(dialog) else { return };
        let record = &self.dialogs[index];
        let Some(server) = record.servers.iter().rev().find(|server| server.is_open()) else {
            return;
        };
        let mut response = server.stub.response(record.id.as_str(), server.cseq, code);
        fill(&mut response);
        self.reply(now, index, response);
    }
}

const TOO_MANY_DIALOGS: &str = "too many dialogs on this channel";

/// Whether a request of a peer with this method may begin a dialog.
const fn begins(method: Method) -> bool {
    match method {
        Method::Invite | Method::Register | Method::Options | Method::Message | Method::Subscribe => true,
        Method::Ack
        | Method::Bye
        | Method::Cancel
        | Method::Info
        | Method::Update
        | Method::Prack
        | Method::Notify
        | Method::Refer => false,
    }
}

fn refusal_answer(refusal: Refusal, method: Method, state: State) -> (StatusCode, String) {
    let state = state.name();
    match refusal {
        Refusal::Pending => (
            StatusCode::REQUEST_PENDING,
            format!("{method} collides in state {state}"),
        ),
        Refusal::NoSession => (
            StatusCode::NO_SUCH_SESSION,
            format!("{method} finds no session in state {state}"),
        ),
        Refusal::Illegal => (
            StatusCode::BAD_REQUEST,
            format!("{method} is not legal in state {state}"),
        ),
    }
}
