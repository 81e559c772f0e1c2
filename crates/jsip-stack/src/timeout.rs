//! Deadlines that passed.

use jsip::{CSeq, Method, StatusCode};
use strowger_time::Instant;

use crate::Stack;
use crate::output::Delivery;
use crate::perform::Cargo;
use crate::session::refresh;
use crate::session::table::{State, Trigger};
use crate::timer::{At, Timer};
use crate::transaction::{Cell, ClientRecord, ClientState, ServerState, client, server};
use crate::watch::{Detail, Named, What};

impl Stack {
    /// Does everything that was due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.deadlines.pop_due(now) {
            match timer {
                Timer::Linger(channel) => self.handle_linger(now, channel),
                Timer::Client(at, cseq) => {
                    if let Some(index) = self.at(at) {
                        self.note_due(index);
                        self.client_timeout(now, index, at, cseq);
                    }
                }
                Timer::Server(at, cseq) => {
                    if let Some(index) = self.at(at) {
                        self.note_due(index);
                        self.server_timeout(now, index, cseq);
                    }
                }
                Timer::Session(at) => {
                    if let Some(index) = self.at(at) {
                        self.note_due(index);
                        self.session_timeout(now, index);
                    }
                }
                Timer::Refresh(at) => {
                    if let Some(index) = self.at(at) {
                        self.note_due(index);
                        self.refresh_timeout(now, index);
                    }
                }
            }
        }
    }

    fn client_timeout(&mut self, now: Instant, index: usize, at: At, cseq: CSeq) {
        let dialog = &mut self.dialogs[index];
        let id = dialog.id.clone();
        let is_cancelling = dialog.state() == Some(State::Cancelling);
        let Some(client) = dialog.client(cseq) else { return };
        if client.method == Method::Cancel && is_cancelling {
            // The outbox must not let go of it before its INVITE: what a new socket gets would ring and not stop.
            let again = Timer::Client(at, cseq);
            client.deadline = Some(self.deadlines.set(now + self.config.transaction, again));
            return;
        }
        client.deadline = None;
        let ClientState::Plain(state) = client.state else {
            return;
        };
        let of = Named::request(client.method, cseq);
        let Cell::Go(next, actions) = client::cell(state, client::Trigger::Timeout) else {
            return;
        };
        client.state = ClientState::Plain(next);
        let (serial, transaction) = (client.serial, client.name());
        let response = client
            .stub
            .response(id.as_str(), cseq, StatusCode::REQUEST_TIMEOUT);
        if dialog.session.is_none() {
            dialog.cause = crate::EndCause::TimedOut;
        }
        self.note_timer(index, "request", Some(of));
        self.note(
            index,
            What::TransactionEnded(transaction, StatusCode::REQUEST_TIMEOUT),
        );
        for action in actions {
            match action {
                client::Action::Withdraw => self.withdraw(index, serial),
                client::Action::DeliverTimeout => self.conclude_plain(now, index, response.clone()),
                client::Action::Done
                | client::Action::Deliver
                | client::Action::ArmProvisional
                | client::Action::Disarm => {}
            }
        }
        self.settle(now, index);
    }

    fn server_timeout(&mut self, now: Instant, index: usize, cseq: CSeq) {
        let dialog = &mut self.dialogs[index];
        let Some(record) = dialog.server(cseq) else { return };
        record.deadline = None;
        let ServerState::Plain(state) = record.state else {
            return;
        };
        let Cell::Go(_, actions) = server::cell(state, server::Trigger::Timeout) else {
            return;
        };
        let (method, expires) = (record.method, record.expires);
        let of = Named::request(method, cseq);
        if dialog.session.is_none() {
            dialog.cause = crate::EndCause::TimedOut;
        }
        self.note_timer(index, "response", Some(of));
        for action in actions {
            match action {
                server::Action::AnswerTimeout => {
                    self.answer(
                        index,
                        cseq,
                        StatusCode::REQUEST_TIMEOUT,
                        Some("the service did not answer in time"),
                    );
                    self.answered(now, index, method, StatusCode::REQUEST_TIMEOUT, expires);
                }
                server::Action::TellInstance => self.deliver(index, Delivery::Expired { cseq }),
                server::Action::Transmit
                | server::Action::Resend
                | server::Action::ArmProvisional
                | server::Action::Disarm => {}
            }
        }
        self.settle(now, index);
    }

    fn session_timeout(&mut self, now: Instant, index: usize) {
        let at = self.dialogs[index].at;
        let Some(session) = &mut self.dialogs[index].session else {
            return;
        };
        session.timer = None;
        let instance_owes = match session.state {
            State::Inviting | State::Early | State::EarlyPrack | State::EarlyUpdate | State::Reinviting => {
                session.invite_received
            }
            State::Cancelling
            | State::Abandoned
            | State::Answered
            | State::Established
            | State::Rerefused
            | State::Reanswered
            | State::Refused
            | State::Terminated => false,
        };
        let trigger = if instance_owes {
            Trigger::LocalTimeout
        } else {
            Trigger::PeerTimeout
        };
        let was_cancelling = session.state == State::Cancelling;
        self.note_timer(index, "session", None);
        self.fire(now, index, trigger, Cargo::None);
        if was_cancelling {
            return self.expire_cancel(now, at);
        }
        self.settle(now, index);
    }

    fn note_timer(&mut self, index: usize, guards: &'static str, of: Option<Named>) {
        let state = self.dialogs[index].state().map(State::name);
        self.note_detail(index, || Detail::Timer { guards, of, state });
    }

    /// The INVITE is given up, so nobody waits for the answer to its CANCEL either.
    fn expire_cancel(&mut self, now: Instant, at: At) {
        let Some(index) = self.at(at) else { return };
        let dialog = &mut self.dialogs[index];
        let cancel = |client: &&mut ClientRecord| client.method == Method::Cancel && client.is_open();
        if let Some(client) = dialog.clients.iter_mut().rev().find(cancel) {
            let (cseq, deadline) = (client.cseq, client.deadline.take());
            if let Some(deadline) = deadline {
                self.deadlines.cancel(deadline);
            }
            return self.client_timeout(now, index, at, cseq);
        }
        self.settle(now, index);
    }

    fn refresh_timeout(&mut self, now: Instant, index: usize) {
        if let Some(session) = &mut self.dialogs[index].session {
            session.refresh.timer = None;
        }
        self.note_timer(index, "refresh", None);
        self.refresh(now, index, refresh::Trigger::Tick);
        self.settle(now, index);
    }
}
