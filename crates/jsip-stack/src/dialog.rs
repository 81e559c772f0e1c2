//! One dialog: its transactions and, begun by INVITE, its session.

use jsip::{CSeq, DialogId, Method};

use crate::output::Transmit;
use crate::session::Session;
use crate::session::table::State;
use crate::timer::At;
use crate::transaction::{ClientRecord, Reply, ServerRecord};
use crate::{Channel, DialogKey, EndCause, Owner, Tag};

/// What waits for the channel of a new dialog to be known.
#[derive(Debug)]
pub(crate) enum Held {
    Send(Transmit),
    Cancel(Tag, Transmit),
    Withdraw(Tag),
}

/// One dialog.
///
/// The record outlives the leg that the instance sees, to absorb retransmissions. Outside an INVITE session each
/// transaction is a session of its own: a later request with the same `DialogueID` renews the record as a new leg.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that have nothing to do with each other, and little room"
)]
pub(crate) struct Dialog {
    pub(crate) at: At,
    /// Which leg this is; changes when the record is renewed.
    pub(crate) epoch: u32,
    /// `None` until the channel for a first request of ours is known.
    pub(crate) channel: Option<Channel>,
    /// Where the channel's record lists this dialog.
    pub(crate) slot: u32,
    pub(crate) id: DialogId,
    pub(crate) owner: Option<Owner>,
    /// Whether the leg has not ended for the instance.
    pub(crate) alive: bool,
    /// Whether somebody looks on; decided when the leg begins.
    pub(crate) watched: bool,
    pub(crate) begun_by_peer: bool,
    pub(crate) next_cseq: CSeq,
    pub(crate) session: Option<Box<Session>>,
    pub(crate) clients: Vec<ClientRecord>,
    pub(crate) servers: Vec<ServerRecord>,
    pub(crate) held: Vec<Held>,
    /// Why the leg ends, as far as it is known.
    pub(crate) cause: EndCause,
    /// Whether the record waits in the channel's linger queue to be removed.
    pub(crate) lingering: bool,
}

impl Dialog {
    pub(crate) const fn key(&self) -> DialogKey {
        DialogKey {
            index: self.at.index,
            epoch: self.epoch,
        }
    }

    pub(crate) fn state(&self) -> Option<State> {
        self.session.as_ref().map(|session| session.state)
    }

    pub(crate) fn take_cseq(&mut self) -> CSeq {
        let cseq = self.next_cseq;
        self.next_cseq = cseq.next();
        cseq
    }

    pub(crate) fn client(&mut self, cseq: CSeq) -> Option<&mut ClientRecord> {
        self.clients.iter_mut().rev().find(|client| client.cseq == cseq)
    }

    pub(crate) fn server(&mut self, cseq: CSeq) -> Option<&mut ServerRecord> {
        self.servers.iter_mut().rev().find(|server| server.cseq == cseq)
    }

    /// Adds a request of ours. Most dialogs have one, so room is made for one at first.
    pub(crate) fn add_client(&mut self, client: ClientRecord) {
        if self.clients.capacity() == 0 {
            self.clients.reserve_exact(1);
        }
        self.clients.push(client);
    }

    /// Adds a request of the peer; room as for ours.
    pub(crate) fn add_server(&mut self, server: ServerRecord) {
        if self.servers.capacity() == 0 {
            self.servers.reserve_exact(1);
        }
        self.servers.push(server);
    }

    /// Our INVITE that has no final response yet.
    pub(crate) fn open_client_invite(&mut self) -> Option<&mut ClientRecord> {
        self.clients
            .iter_mut()
            .rev()
            .find(|client| client.method == Method::Invite && client.is_open())
    }

    /// The peer's INVITE that has no final response yet.
    pub(crate) fn open_server_invite(&mut self) -> Option<&mut ServerRecord> {
        self.servers
            .iter_mut()
            .rev()
            .find(|server| server.method == Method::Invite && server.is_open())
    }

    /// Moves a request of the peer to the end of the list: an ACK that names no INVITE means the one whose final
    /// response is the latest.
    pub(crate) fn put_last(&mut self, cseq: CSeq) {
        if let Some(at) = self.servers.iter().rposition(|server| server.cseq == cseq) {
            self.servers[at..].rotate_left(1);
        }
    }

    pub(crate) fn has_open(&self, method: Method) -> bool {
        self.clients
            .iter()
            .any(|client| client.method == method && client.token.is_some() && client.is_open())
            || self
                .servers
                .iter()
                .any(|server| server.method == method && server.is_open())
    }

    /// Whether no transaction of either side waits for a final response that matters to the instance.
    pub(crate) fn is_quiet(&self) -> bool {
        !self
            .clients
            .iter()
            .any(|client| client.token.is_some() && client.is_open())
            && !self.servers.iter().any(ServerRecord::is_open)
    }

    /// Whether the session, if there is one, has nothing more for the instance.
    pub(crate) fn session_is_over(&self) -> bool {
        match self.state() {
            None | Some(State::Refused | State::Abandoned | State::Terminated) => true,
            Some(
                State::Inviting
                | State::Early
                | State::EarlyPrack
                | State::EarlyUpdate
                | State::Cancelling
                | State::Answered
                | State::Established
                | State::Reinviting
                | State::Rerefused
                | State::Reanswered,
            ) => false,
        }
    }

    /// Whether every final response of ours has been released by the outbox.
    pub(crate) fn is_released(&self) -> bool {
        !self
            .servers
            .iter()
            .any(|server| matches!(server.reply, Reply::Unreleased(_)))
    }
}

#[cfg(test)]
mod tests {
    use std::mem::size_of;

    use super::*;

    /// What a node holds a million times. A figure that grows is a decision, not an accident.
    #[test]
    fn records_stay_small() {
        let sizes = [
            ("Dialog", size_of::<Dialog>(), 160),
            ("Session", size_of::<Session>(), 152),
            ("ServerRecord", size_of::<ServerRecord>(), 152),
            ("ClientRecord", size_of::<ClientRecord>(), 152),
        ];
        for (name, size, bound) in sizes {
            println!("{name}: {size} bytes");
            assert!(size <= bound, "{name} takes {size} bytes, more than {bound}");
        }
    }
}
