//! Carrying out what the session's table decided. Only this file and `answer` touch queues and timers for a session.

use jsip::{CSeq, Method, Request, Response, StatusCode};
use strowger_time::Instant;

use crate::output::Delivery;
use crate::session::refresh;
use crate::session::table::{Action, Cell, State, Trigger, cell};
use crate::timer::Timer;
use crate::transaction::{Cell as TransactionCell, ClientState, invite_client};
use crate::watch::What;
use crate::{EndCause, Stack, Token};

/// What a trigger is about; [`Action::Pass`] takes it.
#[derive(Debug)]
pub(crate) enum Cargo {
    /// Nothing, or nothing any more.
    None,
    /// A request of the peer.
    Received(Request),
    /// A request of the instance.
    Sent(Request, Option<Token>),
    /// A response of the peer, and the instance's name for the request.
    Answer(Response, Option<Token>),
    /// A response of the instance.
    Reply(Response),
}

impl Stack {
    /// Lets the session's table decide and carries it out.
    pub(crate) fn fire(&mut self, now: Instant, index: usize, trigger: Trigger, mut cargo: Cargo) {
        let Some(session) = self.dialogs[index].session.as_mut() else {
            return;
        };
        let before = session.state;
        let Cell::Go(next, actions) = cell(before, trigger) else {
            return;
        };
        session.state = next;
        if before != next {
            let (from, to) = (before.name(), next.name());
            self.note(index, What::State { from, to });
        }
        if trigger == Trigger::Invite
            && let Some(session) = &mut self.dialogs[index].session
        {
            session.give_up = now + self.config.invite_max;
            session.invite_received = matches!(cargo, Cargo::Received(_));
            if let Cargo::Received(request) = &cargo {
                session.invite = request.cseq();
            }
        }
        if let (true, Some(cause)) = (before.is_standing(), cause(trigger, next)) {
            self.dialogs[index].cause = cause;
        }
        for action in actions {
            self.perform(now, index, *action, &mut cargo);
        }
        if trigger == Trigger::Invite {
            self.retire_invites(now, index);
        }
    }

    fn perform(&mut self, now: Instant, index: usize, action: Action, cargo: &mut Cargo) {
        match action {
            Action::Pass => self.pass(now, index, std::mem::replace(cargo, Cargo::None)),
            Action::AnswerOk => {
                if let Cargo::Received(request) = cargo {
                    let cseq = request.cseq();
                    self.answer(index, cseq, StatusCode::OK, None);
                }
            }
            Action::AnswerTerminated => self.answer_invite(index, StatusCode::REQUEST_TERMINATED),
            Action::AnswerTimeout => self.answer_invite(index, StatusCode::REQUEST_TIMEOUT),
            Action::SendAck => {
                if let Cargo::Answer(response, _) = cargo {
                    let invite = response.cseq();
                    self.send_ack(index, invite);
                }
            }
            Action::SendBye => self.send_bye(now, index),
            Action::SendCancel => self.send_cancel(now, index, std::mem::replace(cargo, Cargo::None)),
            Action::DeliverCancel => {
                let request = match std::mem::replace(cargo, Cargo::None) {
                    Cargo::Received(request) if request.method() == Method::Cancel => Some(request),
                    Cargo::Received(bye) => Some(self.cancel_of(index, bye)),
                    _ => None,
                };
                self.deliver_made_up(index, Method::Cancel, request);
            }
            Action::DeliverBye => self.deliver_made_up(index, Method::Bye, None),
            Action::DeliverTerminated => self.give_up(index, StatusCode::REQUEST_TERMINATED),
            Action::DeliverTimeout => self.give_up(index, StatusCode::REQUEST_TIMEOUT),
            Action::ArmInvite => self.arm_invite(now, index),
            Action::ArmAnswer => self.arm(now, index, self.config.provisional),
            Action::ArmAck | Action::ArmCancel => self.arm(now, index, self.config.transaction),
            Action::ArmAbandoned => self.arm(now, index, self.config.invite_max),
            Action::Disarm => self.disarm(index),
            Action::StartRefresh => self.start_refresh(now, index),
            Action::Refreshed => {
                let expires = self.expires_of(index, cargo);
                self.refreshed(now, index, expires);
            }
            Action::End => self.end_session(now, index),
        }
    }

    fn pass(&mut self, now: Instant, index: usize, cargo: Cargo) {
        match cargo {
            Cargo::None => {}
            Cargo::Received(request) => self.deliver(index, Delivery::Request(request)),
            Cargo::Sent(request, token) => self.transmit_request(now, index, request, token),
            Cargo::Answer(response, Some(to)) => {
                if response.code().is_final()
                    && let Some(client) = self.dialogs[index].client(response.cseq())
                {
                    client.token = None;
                }
                self.deliver(index, Delivery::Response { to, response });
            }
            Cargo::Answer(_, None) => {}
            Cargo::Reply(response) => self.transmit_response(index, response),
        }
    }

    /// Gives the instance a request that the stack made up on the peer's behalf.
    fn deliver_made_up(&mut self, index: usize, method: Method, received: Option<Request>) {
        let dialog = &mut self.dialogs[index];
        let Some(session) = &dialog.session else { return };
        let request = received.unwrap_or_else(|| {
            let mut request = session.from_peer.request(method);
            request.set_dialog_id(dialog.id.as_str());
            request.set_cseq(session.invite);
            if method == Method::Cancel {
                request.set_related_cseq(Some(session.invite));
            }
            request.set_reason(reason_of(dialog.cause));
            request
        });
        self.deliver(index, Delivery::Request(request));
    }

    /// The caller's BYE before the answer, as the CANCEL that it means.
    fn cancel_of(&self, index: usize, bye: Request) -> Request {
        let mut cancel = bye.with_method(Method::Cancel);
        cancel.set_related_cseq(self.dialogs[index].session.as_ref().map(|session| session.invite));
        cancel
    }

    fn send_bye(&mut self, now: Instant, index: usize) {
        let dialog = &self.dialogs[index];
        let Some(session) = &dialog.session else { return };
        let mut bye = session.towards_peer.request(Method::Bye);
        bye.set_reason(reason_of(dialog.cause));
        self.transmit_request(now, index, bye, None);
    }

    /// Cancels our open INVITE; `cargo` may hold the caller's BYE that becomes the CANCEL.
    fn send_cancel(&mut self, now: Instant, index: usize, cargo: Cargo) {
        let (cancel, token) = match cargo {
            Cargo::Sent(request, token) => (request.with_method(Method::Cancel), token),
            _ => {
                let Some(session) = &self.dialogs[index].session else {
                    return;
                };
                (session.towards_peer.request(Method::Cancel), None)
            }
        };
        self.transmit_request(now, index, cancel, token);
    }

    /// Tells the instance that its INVITE failed; a later final response is only acknowledged.
    ///
    /// From here on the outbox does not write it to another socket: its CANCEL may be acknowledged by then and not written
    /// again, and it would ring for nobody.
    fn give_up(&mut self, index: usize, code: StatusCode) {
        let dialog = &mut self.dialogs[index];
        let Some(session) = &dialog.session else { return };
        if session.invite_received {
            return;
        }
        let invite = session.invite;
        let id = dialog.id.clone();
        let Some(client) = dialog.client(invite) else {
            return;
        };
        if let ClientState::Invite(state) = client.state
            && let TransactionCell::Go(next, _) = invite_client::cell(state, invite_client::Trigger::GiveUp)
        {
            client.state = ClientState::Invite(next);
        }
        let (serial, transaction) = (client.serial, client.name());
        let response = client.stub.response(id.as_str(), invite, code);
        // Taking the token sees to it that the instance gets one final response.
        if let Some(to) = client.token.take() {
            self.deliver(index, Delivery::Response { to, response });
        }
        self.note(index, What::TransactionEnded(transaction, code));
        self.withdraw(index, serial);
    }

    fn arm_invite(&mut self, now: Instant, index: usize) {
        let Some(session) = &self.dialogs[index].session else {
            return;
        };
        let left = session.give_up.since(now).min(self.config.provisional);
        self.arm(now, index, left);
    }

    fn arm(&mut self, now: Instant, index: usize, after: std::time::Duration) {
        self.disarm(index);
        if self.waits_for_socket(index) {
            return;
        }
        let dialog = &mut self.dialogs[index];
        let timer = Timer::Session(dialog.at);
        if let Some(session) = &mut dialog.session {
            session.timer = Some(self.deadlines.set(now + after, timer));
        }
    }

    pub(crate) fn disarm(&mut self, index: usize) {
        if let Some(timer) = self.dialogs[index]
            .session
            .as_mut()
            .and_then(|session| session.timer.take())
        {
            self.deadlines.cancel(timer);
        }
    }

    /// Whether the state's deadline counts only while the channel has a socket, and it has none.
    fn waits_for_socket(&self, index: usize) -> bool {
        let dialog = &self.dialogs[index];
        let counted = matches!(dialog.state(), Some(State::Answered | State::Cancelling));
        counted
            && dialog
                .channel
                .and_then(|channel| self.channels.get(channel))
                .is_some_and(|record| !record.up)
    }

    /// The channel has a socket again: the deadlines that count only then start anew.
    pub(crate) fn rearm(&mut self, now: Instant, index: usize) {
        let Some(session) = &self.dialogs[index].session else {
            return;
        };
        match session.state {
            State::Answered if !session.invite_received => {}
            State::Answered => self.arm(now, index, self.config.provisional),
            State::Cancelling => self.arm(now, index, self.config.transaction),
            State::Inviting
            | State::Early
            | State::EarlyPrack
            | State::EarlyUpdate
            | State::Abandoned
            | State::Established
            | State::Reinviting
            | State::Rerefused
            | State::Reanswered
            | State::Refused
            | State::Terminated => {}
        }
    }

    /// The channel has no socket: the deadlines that count only with one stop.
    pub(crate) fn suspend(&mut self, index: usize) {
        if self.waits_for_socket(index) {
            self.disarm(index);
        }
    }

    fn end_session(&mut self, now: Instant, index: usize) {
        self.disarm(index);
        self.refresh(now, index, refresh::Trigger::End);
        let open: Vec<CSeq> = self.dialogs[index]
            .servers
            .iter()
            .filter(|server| server.is_open())
            .map(|server| server.cseq)
            .collect();
        for cseq in open {
            self.answer(index, cseq, StatusCode::REQUEST_TERMINATED, None);
        }
        if self.dialogs[index].open_client_invite().is_some() {
            self.arm(now, index, self.config.transaction);
        }
    }

    /// The `Expire` of the request that a response answers, or of the request itself.
    fn expires_of(&mut self, index: usize, cargo: &Cargo) -> Option<u64> {
        let dialog = &mut self.dialogs[index];
        match cargo {
            Cargo::None => None,
            Cargo::Received(request) | Cargo::Sent(request, _) => request.expires(),
            Cargo::Answer(response, _) => dialog.client(response.cseq()).and_then(|client| client.expires),
            Cargo::Reply(response) => dialog.server(response.cseq()).and_then(|server| server.expires),
        }
    }

    /// Gives a request its `DialogueID` and `CSeq`.
    pub(crate) fn stamp(&mut self, index: usize, request: &mut Request) {
        let dialog = &mut self.dialogs[index];
        request.set_cseq(dialog.take_cseq());
        request.set_dialog_id(dialog.id.as_str());
    }
}

/// What the instance is told when the leg ends, as far as this trigger decides it.
const fn cause(trigger: Trigger, next: State) -> Option<EndCause> {
    match trigger {
        Trigger::CancelReceived | Trigger::CancelSent | Trigger::Withdrawn => match next {
            State::Refused | State::Cancelling | State::Terminated => Some(EndCause::Cancelled),
            _ => None,
        },
        Trigger::CallerByeReceived
        | Trigger::CallerByeSent
        | Trigger::CalleeByeReceived
        | Trigger::CalleeByeSent => match next {
            State::Refused | State::Cancelling => Some(EndCause::Cancelled),
            _ => Some(EndCause::Bye),
        },
        Trigger::FailureReceived
        | Trigger::FailureSent
        | Trigger::GoneReceived
        | Trigger::GoneSent
        | Trigger::NoRoom => match next {
            State::Refused | State::Terminated => Some(EndCause::Refused),
            _ => None,
        },
        Trigger::PeerTimeout | Trigger::LocalTimeout => match next {
            State::Refused | State::Abandoned | State::Terminated => Some(EndCause::TimedOut),
            _ => None,
        },
        Trigger::NotRefreshed => Some(EndCause::TimedOut),
        _ => None,
    }
}

/// The `Reason` of a request that the stack sends or makes up.
pub(crate) const fn reason_of(cause: EndCause) -> &'static str {
    match cause {
        EndCause::Bye => "ended",
        EndCause::Cancelled => "cancelled",
        EndCause::Refused => "no such session",
        EndCause::Completed => "completed",
        EndCause::TimedOut => "timed out",
        EndCause::ChannelLost => "channel lost",
        EndCause::Finished => "service finished",
    }
}
