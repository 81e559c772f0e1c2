//! Responses, of the peer and of the instance.

use jsip::{Method, Response, StatusCode};
use strowger_time::Instant;

use crate::output::{Delivery, Output};
use crate::perform::Cargo;
use crate::receive::Found;
use crate::session::table::{Cell as SessionCell, Trigger, cell as session_cell};
use crate::session::{refresh, response_trigger};
use crate::timer::Timer;
use crate::transaction::{Cell, ClientState, ServerState, client, invite_client};
use crate::watch::{Line, What};
use crate::{DialogKey, SendError, Stack, Tag};

/// Why a provisional response after a final one, and a second final one, have no effect.
const LATE: &str = "its request has a final response";

impl Stack {
    /// A response came in on a channel.
    pub(crate) fn receive_response(&mut self, now: Instant, response: Response, found: Found) {
        let Some(index) = found.0 else {
            self.counters.stray_responses += 1;
            return;
        };
        self.keep_received(now, index, Line::Response(response.code()), response.cseq());
        self.note_received_response(index, &response);
        match self.dialogs[index]
            .client(response.cseq())
            .map(|client| client.state)
        {
            None => {
                self.counters.stray_responses += 1;
                self.note_dropped_response(index, &response, "it answers no request");
            }
            Some(ClientState::Plain(state)) => self.receive_plain(now, index, response, state),
            Some(ClientState::Invite(state)) => self.receive_invite_response(now, index, response, state),
        }
    }

    pub(crate) fn receive_plain(
        &mut self,
        now: Instant,
        index: usize,
        response: Response,
        state: client::State,
    ) {
        let is_final = response.code().is_final();
        let trigger = if is_final {
            client::Trigger::Final
        } else {
            client::Trigger::Provisional
        };
        let Cell::Go(next, actions) = client::cell(state, trigger) else {
            self.counters.late_responses += 1;
            return self.note_dropped_response(index, &response, LATE);
        };
        let Some(client) = self.dialogs[index].client(response.cseq()) else {
            return;
        };
        client.state = ClientState::Plain(next);
        let (cseq, serial, transaction) = (client.cseq, client.serial, client.name());
        if is_final {
            self.note(index, What::TransactionEnded(transaction, response.code()));
        }
        let mut response = Some(response);
        for action in actions {
            match action {
                client::Action::Done => self.done(index, serial),
                client::Action::ArmProvisional => self.arm_client(now, index, cseq),
                client::Action::Disarm => self.disarm_client(index, cseq),
                client::Action::Deliver => {
                    if let Some(response) = response.take() {
                        self.conclude_plain(now, index, response);
                    }
                }
                client::Action::Withdraw | client::Action::DeliverTimeout => {}
            }
        }
        self.settle(now, index);
    }

    /// Gives a response to the instance, or absorbs it; a final one has its effect on the session.
    pub(crate) fn conclude_plain(&mut self, now: Instant, index: usize, response: Response) {
        let Some(client) = self.dialogs[index].client(response.cseq()) else {
            return;
        };
        let (method, token, expires, code) = (client.method, client.token, client.expires, response.code());
        let own_update = method == Method::Update && token.is_none();
        let latest = self.dialogs[index]
            .clients
            .iter()
            .rev()
            .find(|c| c.method == Method::Update && c.token.is_none());
        let is_latest = latest.is_some_and(|client| client.cseq == response.cseq());
        if code.is_final() {
            match method {
                Method::Prack => self.fire(now, index, Trigger::PrackDone, Cargo::None),
                Method::Update => {
                    self.fire(now, index, Trigger::UpdateDone, Cargo::None);
                    if code.is_success() {
                        self.refreshed(now, index, expires);
                    } else if own_update && is_latest {
                        self.refresh(now, index, refresh::Trigger::Failed);
                    }
                }
                _ => {}
            }
        }
        let absorbed = matches!(method, Method::Bye | Method::Cancel) && code.is_success();
        if let (Some(to), false) = (token, absorbed) {
            self.deliver(index, Delivery::Response { to, response });
        }
    }

    fn receive_invite_response(
        &mut self,
        now: Instant,
        index: usize,
        response: Response,
        state: invite_client::State,
    ) {
        let code = response.code();
        let trigger = match code.as_u16() {
            ..=199 => invite_client::Trigger::Provisional,
            200..=299 => invite_client::Trigger::Success,
            300.. => invite_client::Trigger::Failure,
        };
        let Cell::Go(next, actions) = invite_client::cell(state, trigger) else {
            self.counters.late_responses += 1;
            return self.note_dropped_response(index, &response, LATE);
        };
        let given_up = state == invite_client::State::Abandoned;
        let Some(client) = self.dialogs[index].client(response.cseq()) else {
            return;
        };
        let (was_open, transaction) = (client.is_open(), client.name());
        client.state = ClientState::Invite(next);
        let (cseq, serial, token) = (client.cseq, client.serial, client.token);
        if was_open && code.is_final() {
            self.note(index, What::TransactionEnded(transaction, code));
        }
        let mut cargo = Some(Cargo::Answer(response, token));
        for action in actions {
            match action {
                invite_client::Action::Done => self.done(index, serial),
                invite_client::Action::AckAgain => {
                    let ack = self.dialogs[index]
                        .client(cseq)
                        .and_then(|client| client.ack.clone());
                    if let Some(ack) = ack {
                        self.transmit_again(index, ack, Tag::NONE, crate::Kind::Other);
                    }
                }
                invite_client::Action::Ack => self.send_ack(index, cseq),
                invite_client::Action::ToSession => {
                    let trigger = match (given_up, code.is_success()) {
                        (false, _) => response_trigger(code, true),
                        (true, true) => Trigger::LateSuccess,
                        (true, false) => Trigger::LateFailure,
                    };
                    if let Some(cargo) = cargo.take() {
                        self.fire(now, index, trigger, cargo);
                    }
                }
            }
        }
        self.settle(now, index);
    }

    /// Tells the outbox that a request has a response.
    fn done(&mut self, index: usize, serial: u32) {
        if let Some(channel) = self.dialogs[index].channel {
            let tag = Tag::new(self.shard, index as u32, serial);
            self.outputs.push_back(Output::Done { channel, tag });
        }
    }

    fn arm_client(&mut self, now: Instant, index: usize, cseq: jsip::CSeq) {
        self.disarm_client(index, cseq);
        let at = self.dialogs[index].at;
        let deadline = self
            .deadlines
            .set(now + self.config.provisional, Timer::Client(at, cseq));
        if let Some(client) = self.dialogs[index].client(cseq) {
            client.deadline = Some(deadline);
        }
    }

    fn disarm_client(&mut self, index: usize, cseq: jsip::CSeq) {
        if let Some(deadline) = self.dialogs[index]
            .client(cseq)
            .and_then(|client| client.deadline.take())
        {
            self.deadlines.cancel(deadline);
        }
    }

    /// Sends a response of an instance.
    ///
    /// # Errors
    ///
    /// [`SendError::Ended`] if the leg has ended, [`SendError::NotOpen`] if no request with the response's CSeq waits
    /// for one, [`SendError::Illegal`] if the session's state does not allow it.
    pub fn respond(
        &mut self,
        now: Instant,
        dialog: DialogKey,
        mut response: Response,
    ) -> Result<(), SendError> {
        let index = self.leg(dialog).ok_or(SendError::Ended)?;
        let record = &mut self.dialogs[index];
        let id = record.id.clone();
        let server = record.server(response.cseq()).ok_or(SendError::NotOpen)?;
        if !server.is_open() {
            return Err(SendError::NotOpen);
        }
        let method = server.method;
        response.set_dialog_id(id.as_str());
        if response.from().is_empty() || response.to().is_empty() {
            return Err(SendError::Syntax {
                header: "From or To",
                fault: "empty",
            });
        }
        if let (Method::Invite, Some(state)) = (method, self.dialogs[index].state())
            && !matches!(
                session_cell(state, response_trigger(response.code(), false)),
                SessionCell::Go(..)
            )
        {
            return Err(SendError::Illegal {
                method,
                state: state.name(),
            });
        }
        self.reply(now, index, response);
        Ok(())
    }

    /// Answers a request of the peer of which the instance kept only the CSeq.
    ///
    /// # Errors
    ///
    /// As [`Stack::respond`].
    pub fn answer_request(
        &mut self,
        now: Instant,
        dialog: DialogKey,
        cseq: jsip::CSeq,
        code: StatusCode,
        reason: &str,
    ) -> Result<(), SendError> {
        let index = self.leg(dialog).ok_or(SendError::Ended)?;
        let record = &mut self.dialogs[index];
        let id = record.id.clone();
        let server = record.server(cseq).ok_or(SendError::NotOpen)?;
        let mut response = server.stub.response(id.as_str(), cseq, code);
        response.set_reason(reason);
        self.respond(now, dialog, response)
    }

    /// Whether a request of the peer still waits for its final response.
    ///
    /// # Errors
    ///
    /// [`SendError::Ended`] if the leg has ended, [`SendError::NotOpen`] if no request with this CSeq waits for one.
    pub fn awaits(&mut self, dialog: DialogKey, cseq: jsip::CSeq) -> Result<(), SendError> {
        let index = self.leg(dialog).ok_or(SendError::Ended)?;
        let server = self.dialogs[index].server(cseq);
        match server.is_some_and(|server| server.is_open()) {
            true => Ok(()),
            false => Err(SendError::NotOpen),
        }
    }

    /// Sends a response to an open request of the peer.
    pub(crate) fn reply(&mut self, now: Instant, index: usize, response: Response) {
        let (cseq, code) = (response.cseq(), response.code());
        let Some(server) = self.dialogs[index].server(cseq) else {
            return;
        };
        let (method, expires, state) = (server.method, server.expires, server.state);
        match state {
            ServerState::Invite(_) => {
                self.fire(now, index, response_trigger(code, false), Cargo::Reply(response));
            }
            ServerState::Plain(_) => {
                self.transmit_response(index, response);
                if code.is_final() {
                    self.answered(now, index, method, code, expires);
                } else {
                    self.arm_server(now, index, cseq);
                }
            }
        }
        self.settle(now, index);
    }

    /// A request of the peer other than INVITE has its final response: the effect on the session.
    pub(crate) fn answered(
        &mut self,
        now: Instant,
        index: usize,
        method: Method,
        code: StatusCode,
        expires: Option<u64>,
    ) {
        match method {
            Method::Prack => self.fire(now, index, Trigger::PrackDone, Cargo::None),
            Method::Update => {
                self.fire(now, index, Trigger::UpdateDone, Cargo::None);
                if code.is_success() {
                    self.refreshed(now, index, expires);
                }
            }
            _ => {}
        }
    }

    fn arm_server(&mut self, now: Instant, index: usize, cseq: jsip::CSeq) {
        let at = self.dialogs[index].at;
        let Some(server) = self.dialogs[index].server(cseq) else {
            return;
        };
        let old = server.deadline.take();
        if let Some(old) = old {
            self.deadlines.cancel(old);
        }
        let deadline = self
            .deadlines
            .set(now + self.config.provisional, Timer::Server(at, cseq));
        if let Some(server) = self.dialogs[index].server(cseq) {
            server.deadline = Some(deadline);
        }
    }
}
