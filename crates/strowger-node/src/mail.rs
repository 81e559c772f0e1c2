//! What the halves of shards tell each other.

use std::sync::Arc;

use jsip::{DialogId, Message, UserId};
use jsip_stack::{Channel, DialogKey, Listing, Tag, Transmit};
use strowger_auth::Grants;

use crate::News;

/// A user's question for his live calls.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// The shard that asks: the home of the user's channel.
    pub from: u16,
    /// The dialog of the request.
    pub dialog: DialogKey,
    /// The user's channel.
    pub channel: Channel,
}

/// One piece of mail, from a half of a shard to a half of the same or another shard.
#[derive(Debug)]
pub enum Mail {
    /// To the dialog half: a message came in on a channel.
    Received {
        /// The channel.
        channel: Channel,
        /// The message.
        message: Message,
    },
    /// To the dialog half: where the first request of a dialog went, and whether there is a socket; `None`: nobody.
    Bound {
        /// The dialog.
        dialog: DialogKey,
        /// Its channel.
        channel: Option<(Channel, bool)>,
    },
    /// To the dialog half: the outbox released a final response.
    Released(Tag),
    /// To the dialog half, for who looks closely: the peer has a request.
    Acknowledged(Tag),
    /// To the dialog half, for who looks closely: a message was written to another socket than before.
    Repeated(Tag),
    /// To the dialog half: the outbox forgot a request that was never written.
    Withdrawn(Tag),
    /// To the dialog half: the outbox had no room for a request.
    NoRoom(Tag),
    /// To every dialog half: what the user of a channel may do from here on; `None`: everything.
    Rights(Channel, Option<Arc<Grants>>),
    /// To every dialog half: the channel has a socket again.
    ChannelUp(Channel),
    /// To every dialog half: the channel has no socket.
    ChannelDown(Channel),
    /// To every dialog half: the channel is lost.
    ChannelLost(Channel),
    /// To every dialog half: the channel was a link and failed for good.
    LinkFailed(Channel),
    /// To the channels half: send the first request of a dialog to whoever has this name.
    SendTo {
        /// The shard of the dialog.
        from: u16,
        /// The dialog.
        dialog: DialogKey,
        /// The URI as written.
        target: String,
        /// The name it stands for.
        name: UserId,
        /// The message.
        transmit: Transmit,
    },
    /// To the channels half that has the link to a node: send the first request of a dialog over it.
    SendOver {
        /// The shard of the dialog.
        from: u16,
        /// The dialog.
        dialog: DialogKey,
        /// The node's host, in lower case.
        host: String,
        /// The node's port.
        port: u16,
        /// The message.
        transmit: Transmit,
    },
    /// To the dialog half: which of these dialogs do you not know any more? Answered with [`Mail::Unknown`].
    Ask {
        /// The shard that asks: the channel's home.
        from: u16,
        /// The channel.
        channel: Channel,
        /// The dialogs.
        dialogs: Vec<DialogId>,
        /// When it was asked, as the channel's home counts.
        as_of: u64,
    },
    /// To the channel's home: these dialogs are not known any more.
    Unknown {
        /// The channel.
        channel: Channel,
        /// The dialogs.
        dialogs: Vec<DialogId>,
        /// When it was asked.
        as_of: u64,
    },
    /// To the dialog half: an instance of a service has said something on a topic.
    Published {
        /// The place of the service in the registry.
        service: usize,
        /// The topic.
        topic: Arc<str>,
        /// What was said.
        text: Arc<str>,
    },
    /// To the dialog half: watched keys of the store of a service have changed.
    StoreChanged {
        /// The place of the service in the registry.
        service: usize,
        /// What has changed.
        news: Arc<[News]>,
    },
    /// To the dialog half: which live calls of this channel are yours? Answered with [`Mail::Calls`].
    ListCalls(Question),
    /// To the channel's home: the live calls of a channel on one shard, for the request that began this dialog.
    Calls(DialogKey, Listing),
    /// To the channels half: send a message.
    Send(Channel, Transmit),
    /// To the channels half: send a CANCEL, or forget it together with its INVITE.
    Cancel {
        /// The channel.
        channel: Channel,
        /// The INVITE.
        invite: Tag,
        /// The CANCEL.
        transmit: Transmit,
    },
    /// To the channels half: a request timed out; forget it if it was never written.
    Withdraw(Channel, Tag),
    /// To the channels half: a request has a response.
    Done(Channel, Tag),
}
