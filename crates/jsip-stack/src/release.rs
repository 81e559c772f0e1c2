//! Dialogs that lose one of their ends: the instance is over, or the channel is lost.

use jsip::{Method, Request, StatusCode};
use strowger_time::Instant;

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
            self.fail_open(now, at);
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

    /// The instance failed: whatever waits for its answer gets 500.
    fn fail_open(&mut self, now: Instant, at: At) {
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
            let mut response = server
                .stub
                .response(id.as_str(), cseq, StatusCode::SERVER_INTERNAL_ERROR);
            response.set_reason("the service failed");
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
        let told = dialog
            .session
            .as_ref()
            .and_then(|session| match (session.state, session.role) {
                (State::Inviting | State::Early | State::EarlyPrack | State::EarlyUpdate, Role::Uas) => {
                    Some((
                        Method::Cancel,
                        session.from_peer.request(Method::Cancel),
                        session.invite,
                    ))
                }
                (
                    State::Answered
                    | State::Established
                    | State::Reinviting
                    | State::Rerefused
                    | State::Reanswered,
                    _,
                ) => Some((
                    Method::Bye,
                    session.from_peer.request(Method::Bye),
                    session.invite,
                )),
                _ => None,
            });
        for answer in answers {
            self.deliver(index, answer);
        }
        if let Some((method, mut request, invite)) = told {
            request.set_dialog_id(id.as_str());
            request.set_cseq(invite);
            request.set_reason(reason_of(cause));
            if method == Method::Cancel {
                request.set_related_cseq(Some(invite));
            }
            self.deliver(index, Delivery::Request(request));
        }
        if self.dialogs[index].alive {
            self.end_leg(index);
        }
        self.remove(index);
    }
}
