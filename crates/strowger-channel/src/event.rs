//! What goes into the channels and what comes out.

use bytes::Bytes;
use jsip::Message;

use crate::{ChannelId, ConnId, LinkNews, PingPayload, Tag};

/// What the outbox has to know of a message (protocol section 1, Delivery).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request other than ACK: done only with a response.
    Request,
    /// A BYE or CANCEL: a request that the peer must get even when its sender has stopped waiting, lest a call stay up or
    /// ring on at one end.
    Ending,
    /// A final response: its sender wants to know of its release.
    Final,
    /// An ACK, a provisional response, or whatever else nobody asks about.
    Other,
}

/// A message on its way out.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The text of what to send: a message, in UTF-8.
    pub text: Bytes,
    /// Names it towards its sender; unique among the requests and final responses of a channel.
    pub tag: Tag,
    /// What the outbox has to know of it.
    pub kind: Kind,
}

/// There is no such channel, or the message hit a bound of its outbox and the channel is lost with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the channel is lost")]
pub struct Unreachable;

/// A frame to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A text frame with one message; always UTF-8.
    Text(Bytes),
    /// A binary frame. JSIP has none, so no outbox makes one; it is there for other owners of sockets.
    Binary(Bytes),
    /// A Ping frame.
    Ping(PingPayload),
}

/// Why a channel was lost (protocol section 6, Channel lost).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LostCause {
    /// No socket came back within `channel.retention`.
    RetentionOver,
    /// The outbox hit one of its bounds.
    OutboxFull,
    /// The peer closed its socket with 1000.
    EndedByUser,
    /// The operator ended it.
    EndedByOperator,
    /// The other node could not be reached, or has another link from us.
    LinkFailed,
}

impl LostCause {
    /// The cause in words, as the close reason of the socket.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RetentionOver => "channel lost: nobody came back",
            Self::OutboxFull => "channel lost: outbox full",
            Self::EndedByUser => "channel lost: ended by its user",
            Self::EndedByOperator => "channel lost: ended by the operator",
            Self::LinkFailed => "channel lost: link failed",
        }
    }
}

/// What happened, in the order in which it happened.
#[derive(Debug)]
pub enum ChannelEvent {
    /// The channel has its first socket.
    Opened {
        /// The channel.
        channel: ChannelId,
    },
    /// The channel has another socket than before.
    Resumed {
        /// The channel.
        channel: ChannelId,
    },
    /// The channel has no socket and waits for the next one.
    Dropped {
        /// The channel.
        channel: ChannelId,
    },
    /// The channel is gone, and its outbox with it. Nothing more is said of it.
    Lost {
        /// The channel.
        channel: ChannelId,
        /// Why.
        cause: LostCause,
    },
    /// A message came in.
    Message {
        /// The channel.
        channel: ChannelId,
        /// The message.
        message: Message,
    },
    /// A final response is out of the outbox: the peer has it.
    Released {
        /// The channel.
        channel: ChannelId,
        /// The response.
        tag: Tag,
    },
    /// The peer has a request, for who looks closely.
    Acknowledged {
        /// The channel.
        channel: ChannelId,
        /// The request.
        tag: Tag,
    },
    /// A message was written once more, to another socket than before, for who looks closely.
    Repeated {
        /// The channel.
        channel: ChannelId,
        /// The message; not every kind has a tag of its own.
        tag: Tag,
    },
    /// An INVITE was cancelled before any socket had it: neither it nor its CANCEL will be written.
    Withdrawn {
        /// The channel.
        channel: ChannelId,
        /// The INVITE.
        tag: Tag,
    },
    /// A request found the outbox more than half full and was not taken: nobody will receive it.
    NoRoom {
        /// The channel.
        channel: ChannelId,
        /// The request.
        tag: Tag,
    },
    /// For the driver: the socket has something to write.
    Wake {
        /// The socket.
        conn: ConnId,
    },
    /// For the driver: close the socket. Nothing it still sends counts.
    Close {
        /// The socket.
        conn: ConnId,
        /// The close code.
        code: u16,
        /// The close reason.
        reason: &'static str,
    },
    /// For the driver: connect to another node; answer with `dialled` or `dial_failed`.
    Dial {
        /// The link's channel.
        channel: ChannelId,
        /// Host to dial, in lower case.
        host: String,
        /// Port to dial.
        port: u16,
    },
    /// For the log: how a link fares.
    Link(LinkNews),
}
