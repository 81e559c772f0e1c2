//! Dialogs that lose one of their ends: the instance is over, or the channel is lost.

use jsip::{Method, Request, StatusCode};
use strowger_time::Instant;

use crate::dialog::Dialog;
use crate::output::Delivery;
use crate::perform::{Cargo, reason_of};
use crate::session::Role;
use crate::session::table::{State, Trigger};
use crate::timer::At;
use crate::{DialogKey, EndCause, Stack};

/// How an instance gave its dialogs up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// It finished.
    Finished,
    /// It failed: an error, a panic, a limit.
    Failed,
}

impl Stack {
    /// The owner gives a dialog up: its instance has finished (`Finished`) or failed (`Failed`).
    ///
    /// Answered sessions get BYE, unanswered INVITEs of ours CANCEL, unanswered INVITEs of the peer 480 or, after a
    /// failure, 500; other open requests of the peer run on to 408 or, after a failure, get 500. Nothing more is
    /// delivered.
    pub fn release(&mut self, now: Instant, dialog: DialogKey, release: Release) {
        let Some(index) = self.leg(dialog) else { return };
        let at = self.dialogs[index].at;
        self.dialogs[index].owner = None;
        self.dialogs[index].cause = EndCause::Finished;
        if release == Release::Failed {
            self.refuse_open(now, at, StatusCode::SERVER_INTERNAL_ERROR, "the service failed");
        }
        if let Some(index) = self.at(at) {
            self.give_back(now, index);
        }
        if let Some(index) = self.at(at) {
            self.settle(now, index);
        }
    }

    /// Ends the session of a dialog that has no owner any more.
    fn give_back(&mut self, now: Instant, index: usize) {
        let Some(session) = &self.dialogs[index].session else {
            return;
        };
        let (state, role) = (session.state, session.role);
        let bye = session.towards_peer.request(Method::Bye);
        match (state, role) {
            (State::Inviting | State::Early | State::EarlyPrack | State::EarlyUpdate, Role::Uac) => {
                let cancel = bye.with_method(Method::Cancel);
                self.fire(now, index, Trigger::CancelSent, Cargo::Sent(cancel, None));
            }
            (State::Inviting | State::Early | State::EarlyPrack | State::EarlyUpdate, Role::Uas) => {
                self.refuse_invite(now, index, StatusCode::TEMPORARILY_UNAVAILABLE);
            }
            (
                State::Answered
                | State::Established
                | State::Reinviting
                | State::Rerefused
                | State::Reanswered,
                Role::Uac | Role::Uas,
            ) => self.finish_answered(now, index, bye),
            (
                State::Cancelling | State::Abandoned | State::Refused | State::Terminated,
                Role::Uac | Role::Uas,
            ) => {}
        }
    }

    /// Ends an answered session; a 2xx that the instance did not acknowledge is acknowledged first.
    fn finish_answered(&mut self, now: Instant, index: usize, bye: Request) {
        let Some(session) = &self.dialogs[index].session else {
            return;
        };
        let (role, received, invite) = (session.role, session.invite_received, session.invite);
        if !received && self.is_unacknowledged(index) && self.is_accepted(index) {
            self.send_ack(index, invite);
        }
        let trigger = match role {
            Role::Uac => Trigger::CallerByeSent,
            Role::Uas => Trigger::CalleeByeSent,
        };
        self.fire(now, index, trigger, Cargo::Sent(bye, None));
    }

    fn is_accepted(&self, index: usize) -> bool {
        matches!(
            self.dialogs[index].state(),
            Some(State::Answered | State::Reanswered)
        )
    }

    fn refuse_invite(&mut self, now: Instant, index: usize, code: StatusCode) {
        let dialog = &mut self.dialogs[index];
        let id = dialog.id.clone();
        let Some(invite) = dialog.open_server_invite() else {
            return;
        };
        let response = invite.stub.response(id.as_str(), invite.cseq, code);
        self.reply(now, index, response);
    }

    /// Somebody other than its ends ends a dialog. The peer gets BYE, CANCEL or 480, and the instance is told as if the
    /// peer had left: BYE or CANCEL with this reason, 480 for what it asked, and that the leg has ended. `false`: it had
    /// ended before.
    pub fn end(&mut self, now: Instant, dialog: DialogKey, reason: &str) -> bool {
        let Some(index) = self.leg(dialog) else {
            return false;
        };
        let at = self.dialogs[index].at;
        self.tell_end(index, StatusCode::TEMPORARILY_UNAVAILABLE, reason);
        let cause = match self.dialogs[index]
            .session
            .as_ref()
            .map(|session| (session.state, session.role))
        {
            None => EndCause::Completed,
            Some((State::Inviting | State::Early | State::EarlyPrack | State::EarlyUpdate, Role::Uac)) => {
                EndCause::Refused
            }
            Some((State::Inviting | State::Early | State::EarlyPrack | State::EarlyUpdate, Role::Uas)) => {
                EndCause::Cancelled
            }
            Some((
                State::Answered
                | State::Established
                | State::Reinviting
                | State::Rerefused
                | State::Reanswered,
                Role::Uac | Role::Uas,
            )) => EndCause::Bye,
            // What ended it was noted when that happened.
            Some((
                State::Cancelling | State::Abandoned | State::Refused | State::Terminated,
                Role::Uac | Role::Uas,
            )) => self.dialogs[index].cause,
        };
        self.deliver(index, Delivery::Ended(cause));
        self.dialogs[index].owner = None;
        self.dialogs[index].cause = EndCause::Finished;
        self.refuse_open(now, at, StatusCode::TEMPORARILY_UNAVAILABLE, reason);
        if let Some(index) = self.at(at) {
            self.give_back(now, index);
        }
        if let Some(index) = self.at(at) {
            self.settle(now, index);
        }
        true
    }

    /// Tells the instance that the peer has left: the final responses that it waits for, with this code, and the request that
    /// the peer would have ended the session with.
    fn tell_end(&mut self, index: usize, code: StatusCode, reason: &str) {
        self.note_given_up(index, code);
        let dialog = &mut self.dialogs[index];
        let id = dialog.id.clone();
        let mut deliveries = Vec::new();
        for client in dialog.clients.iter_mut().filter(|client| client.is_open()) {
            // Taking the token sees to it that the instance gets one final response.
            if let Some(to) = client.token.take() {
                let mut response = client.stub.response(id.as_str(), client.cseq, code);
                response.set_reason(reason);
                deliveries.push(Delivery::Response { to, response });
            }
        }
        deliveries.extend(parting(dialog, reason).map(Delivery::Request));
        for delivery in deliveries {
            self.deliver(index, delivery);
        }
    }

    /// Whatever of the peer waits for an answer of the instance gets this one.
    fn refuse_open(&mut self, now: Instant, at: At, code: StatusCode, reason: &str) {
        let Some(index) = self.at(at) else { return };
        let dialog = &self.dialogs[index];
        let open: Vec<_> = dialog
            .servers
            .iter()
            .filter(|server| server.is_open())
            .map(|server| server.cseq)
            .collect();
        for cseq in open {
            let Some(index) = self.at(at) else { return };
            let dialog = &mut self.dialogs[index];
            let id = dialog.id.clone();
            let Some(server) = dialog.server(cseq) else {
                continue;
            };
            let mut response = server.stub.response(id.as_str(), cseq, code);
            response.set_reason(reason);
            self.reply(now, index, response);
        }
    }

    /// Ends a dialog whose channel does not exist any more: nothing is sent, the instance is told what it must know.
    ///
    /// `code` is the final response to every request of ours that is open.
    pub(crate) fn lose(&mut self, index: usize, cause: EndCause, code: StatusCode) {
        if self.dialogs[index].cause == EndCause::Completed {
            self.dialogs[index].cause = cause;
        }
        self.note_given_up(index, code);
        let dialog = &mut self.dialogs[index];
        let id = dialog.id.clone();
        let open = dialog.clients.iter().filter(|client| client.is_open());
        let answers: Vec<_> = open
            .filter_map(|client| {
                let to = client.token?;
                let mut response = client.stub.response(id.as_str(), client.cseq, code);
                if code == StatusCode::SERVICE_UNAVAILABLE {
                    // No more than that: why is for the log of this node, not for peers.
                    response.set_reason("link failed");
                }
                Some(Delivery::Response { to, response })
            })
            .collect();
        let told = parting(dialog, reason_of(cause));
        for answer in answers {
            self.deliver(index, answer);
        }
        if let Some(request) = told {
            self.deliver(index, Delivery::Request(request));
        }
        if self.dialogs[index].alive {
            self.end_leg(index);
        }
        self.remove(index);
    }
}

/// The request by which the instance learns that the peer of a session has left, as if the peer had sent it; `None` where
/// there is nothing to end.
fn parting(dialog: &Dialog, reason: &str) -> Option<Request> {
    let session = dialog.session.as_ref()?;
    let method = match (session.state, session.role) {
        (State::Inviting | State::Early | State::EarlyPrack | State::EarlyUpdate, Role::Uas) => {
            Method::Cancel
        }
        (
            State::Answered | State::Established | State::Reinviting | State::Rerefused | State::Reanswered,
            Role::Uac | Role::Uas,
        ) => Method::Bye,
        _ => return None,
    };
    let mut request = session.from_peer.request(method);
    request.set_dialog_id(dialog.id.as_str());
    request.set_cseq(session.invite);
    request.set_reason(reason);
    if method == Method::Cancel {
        request.set_related_cseq(Some(session.invite));
    }
    Some(request)
}
