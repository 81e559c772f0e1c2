//! What the stack keeps of a transaction beside its state.

use jsip::{CSeq, Method, Request};
use strowger_time::DeadlineId;

use super::{client, invite_client, invite_server, server};
use crate::stub::Stub;
use crate::watch::Transaction;
use crate::{Encoded, Token};

/// The state of a request of ours, by method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientState {
    Plain(client::State),
    Invite(invite_client::State),
}

/// A request of ours and what became of it.
#[derive(Debug)]
pub(crate) struct ClientRecord {
    pub(crate) cseq: CSeq,
    pub(crate) method: Method,
    pub(crate) serial: u32,
    /// The instance's name for the request; `None` if the stack sent it by itself.
    pub(crate) token: Option<Token>,
    pub(crate) stub: Stub,
    pub(crate) state: ClientState,
    pub(crate) deadline: Option<DeadlineId>,
    /// The `Expire` it carried.
    pub(crate) expires: Option<u64>,
    /// The ACK sent for its 2xx.
    pub(crate) ack: Option<Encoded>,
}

impl ClientRecord {
    /// What it is called towards whoever looks on.
    pub(crate) const fn name(&self) -> Transaction {
        Transaction {
            method: self.method,
            cseq: self.cseq,
            by_peer: false,
        }
    }

    pub(crate) const fn is_open(&self) -> bool {
        match self.state {
            ClientState::Plain(state) => match state {
                client::State::Trying | client::State::Proceeding => true,
                client::State::Completed => false,
            },
            ClientState::Invite(state) => match state {
                invite_client::State::Calling | invite_client::State::Proceeding => true,
                invite_client::State::Accepted
                | invite_client::State::Completed
                | invite_client::State::Abandoned => false,
            },
        }
    }

    /// Whether this is an INVITE that was given up and may still get its final response.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.state == ClientState::Invite(invite_client::State::Abandoned)
    }
}

/// The state of a request of the peer, by method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerState {
    Plain(server::State),
    Invite(invite_server::State),
}

/// Where the final response to a request of the peer is; the number is the serial of its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// Not sent yet.
    Unsent,
    /// In the outbox.
    Unreleased(u32),
    /// Released by the outbox; the transaction is kept as long as its session needs it.
    Released(u32),
    /// Released, and the transaction is in the channel's linger queue.
    Lingering(u32),
}

/// A request of the peer and what became of it.
#[derive(Debug)]
pub(crate) struct ServerRecord {
    pub(crate) cseq: CSeq,
    pub(crate) method: Method,
    pub(crate) stub: Stub,
    pub(crate) state: ServerState,
    pub(crate) deadline: Option<DeadlineId>,
    pub(crate) expires: Option<u64>,
    /// The latest response, to be sent again when the request comes again.
    pub(crate) last: Option<Encoded>,
    /// Where the final response is.
    pub(crate) reply: Reply,
}

impl ServerRecord {
    /// What it is called towards whoever looks on.
    pub(crate) const fn name(&self) -> Transaction {
        Transaction {
            method: self.method,
            cseq: self.cseq,
            by_peer: true,
        }
    }

    pub(crate) fn new(request: &Request) -> Self {
        let state = match request.method() {
            Method::Invite => ServerState::Invite(invite_server::State::Proceeding),
            _ => ServerState::Plain(server::State::Trying),
        };
        Self {
            cseq: request.cseq(),
            method: request.method(),
            stub: Stub::new(request),
            state,
            deadline: None,
            expires: None,
            last: None,
            reply: Reply::Unsent,
        }
    }

    /// Whether this is an INVITE whose final response waits for its ACK.
    pub(crate) const fn awaits_ack(&self) -> bool {
        matches!(
            self.state,
            ServerState::Invite(invite_server::State::Accepted | invite_server::State::Completed)
        )
    }

    /// Whether the final response is still to be sent.
    pub(crate) const fn is_open(&self) -> bool {
        match self.state {
            ServerState::Plain(state) => match state {
                server::State::Trying | server::State::Proceeding => true,
                server::State::Completed => false,
            },
            ServerState::Invite(state) => match state {
                invite_server::State::Proceeding => true,
                invite_server::State::Accepted
                | invite_server::State::Completed
                | invite_server::State::Confirmed => false,
            },
        }
    }
}
