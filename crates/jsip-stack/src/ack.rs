//! ACKs, received and sent: a transaction of its own that nobody answers.

use jsip::{CSeq, Method, Request};
use strowger_time::Instant;

use crate::output::Kind;
use crate::perform::Cargo;
use crate::session::table::{Cell, Trigger, cell};
use crate::transaction::{ServerRecord, ServerState, invite_server};
use crate::watch::{Detail, Named};
use crate::{Stack, Tag};

impl Stack {
    /// An ACK on a known dialog: never answered.
    pub(crate) fn receive_ack(&mut self, now: Instant, index: usize, ack: Request) {
        let dialog = &mut self.dialogs[index];
        let related = ack.related_cseq();
        let Some(session) = &dialog.session else {
            return self.drop_ack(index, &ack);
        };
        let again = session.last_ack == Some(ack.cseq());
        let Some(invite) = awaiting_ack(dialog.servers.iter_mut(), related) else {
            return self.drop_ack(index, &ack);
        };
        if again {
            self.counters.retransmissions += 1;
            return self.note_detail(index, || Detail::Absorbed {
                message: Named::request(Method::Ack, ack.cseq()),
                answered_again: false,
            });
        }
        if let ServerState::Invite(state) = invite.state
            && let crate::transaction::Cell::Go(next, _) =
                invite_server::cell(state, invite_server::Trigger::Ack)
        {
            invite.state = ServerState::Invite(next);
        }
        let current = session.invite_received && session.invite == invite.cseq;
        if !current || !matches!(cell(session.state, Trigger::Ack), Cell::Go(..)) {
            // The ACK of an INVITE that collided: absorbed with its transaction.
            return;
        }
        let cseq: CSeq = ack.cseq();
        if let Some(session) = &mut self.dialogs[index].session {
            session.last_ack = Some(cseq);
        }
        self.fire(now, index, Trigger::Ack, Cargo::Received(ack));
        self.settle(now, index);
    }

    fn drop_ack(&mut self, index: usize, ack: &Request) {
        self.counters.stray_acks += 1;
        self.note_detail(index, || Detail::Dropped {
            message: Named::request(Method::Ack, ack.cseq()),
            why: "it acknowledges nothing",
        });
    }

    /// Acknowledges the final response to an INVITE of ours.
    pub(crate) fn send_ack(&mut self, index: usize, invite: CSeq) {
        let Some(client) = self.dialogs[index].client(invite) else {
            return;
        };
        let mut ack = client.stub.request(Method::Ack);
        ack.set_related_cseq(Some(invite));
        self.acknowledge(index, invite, ack);
    }

    pub(crate) fn transmit_ack(&mut self, index: usize, mut ack: Request) {
        let Some(invite) = self.dialogs[index].session.as_ref().map(|session| session.invite) else {
            return;
        };
        ack.set_related_cseq(Some(invite));
        self.acknowledge(index, invite, ack);
    }

    fn acknowledge(&mut self, index: usize, invite: CSeq, mut ack: Request) {
        self.stamp(index, &mut ack);
        let message = self.writing.request(&ack);
        if let Some(client) = self.dialogs[index].client(invite) {
            client.ack = Some(message.clone());
        }
        self.note_sent_request(index, &ack);
        self.transmit(index, message, Tag::NONE, Kind::Other);
    }

    pub(crate) fn is_unacknowledged(&self, index: usize) -> bool {
        let dialog = &self.dialogs[index];
        let Some(session) = &dialog.session else {
            return false;
        };
        dialog.clients.iter().any(|client| {
            client.method == Method::Invite && client.cseq == session.invite && client.ack.is_none()
        })
    }
}

/// The INVITE whose final response waits for an ACK: the one named, else the latest.
fn awaiting_ack<'a>(
    servers: impl DoubleEndedIterator<Item = &'a mut ServerRecord>,
    related: Option<CSeq>,
) -> Option<&'a mut ServerRecord> {
    servers
        .rev()
        .find(|server| server.awaits_ack() && related.is_none_or(|cseq| cseq == server.cseq))
}
