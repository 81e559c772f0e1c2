//! What a shard asks of its driver.

use std::fmt;

use jsip::UserId;
use strowger_channel::{ChannelId, ConnId};
use strowger_service::{HttpRequest, HttpResponse, LogLevel};

use crate::{FetchTicket, HttpTicket, Mail, MessageAnswer, MessageTicket, RenewalTicket, SyncTicket};

/// One thing for the driver to do. Effects come in the order in which they must be done.
#[derive(Debug)]
pub enum Effect {
    /// Give the mail to another shard; mail between two shards must stay in order.
    Mail {
        /// The shard.
        to: u16,
        /// The mail.
        mail: Mail,
    },
    /// A socket has something to write.
    Wake(ConnId),
    /// Close a socket.
    Close {
        /// The socket.
        conn: ConnId,
        /// The close code.
        code: u16,
        /// The close reason.
        reason: &'static str,
    },
    /// Dial another node.
    Dial {
        /// The link's channel.
        channel: ChannelId,
        /// Host to dial.
        host: String,
        /// Port to dial.
        port: u16,
    },
    /// Write a log line.
    Log(LogLine),
    /// Find out whether this token is good for a channel of this name, and say so to
    /// [`Shard::renewed`](crate::Shard::renewed).
    Renew {
        /// Names the question.
        ticket: RenewalTicket,
        /// The channel's name.
        name: UserId,
        /// The token.
        token: Token,
    },
    /// Make an HTTP request for an instance; its result is [`Shard::fetched`](crate::Shard::fetched).
    Fetch {
        /// Names it.
        ticket: FetchTicket,
        /// The request, which the configuration grants. Addresses are still to be checked.
        request: HttpRequest,
    },
    /// Nobody waits for the result of a request any more; it comes all the same, as soon as may be.
    GiveUp(FetchTicket),
    /// Write what has changed in the [stores](crate::Stores) to disk, and say so to [`Shard::synced`](crate::Shard::synced).
    Sync(SyncTicket),
    /// Answer an HTTP request.
    HttpRespond {
        /// The request.
        ticket: HttpTicket,
        /// The response.
        response: HttpResponse,
    },
    /// A message of the operator has its final response.
    MessageAnswered {
        /// The message.
        ticket: MessageTicket,
        /// What became of it.
        answer: MessageAnswer,
    },
}

/// A token on its way to whoever verifies it. Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// One structured log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How serious it is.
    pub level: LogLevel,
    /// What it is about.
    pub subject: Subject,
    /// What happened.
    pub text: String,
}

/// What a log line is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A service, of this name, which wrote the line.
    Service(String),
    /// A link to another node.
    Link {
        /// The other node's host.
        host: String,
        /// The other node's port.
        port: u16,
        /// Why it is not up; empty if it is.
        reason: String,
    },
}
