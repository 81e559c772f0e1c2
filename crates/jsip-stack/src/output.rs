//! What the stack decides.

use jsip::{Message, Request, Response, UserId};

use crate::encoded::Encoded;
use crate::{Channel, DialogKey, Owner, Tag, Token};

/// What the outbox has to know of a message (protocol section 1, Delivery).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request other than ACK: done only with a response.
    Request,
    /// A BYE or CANCEL: a request that the peer must get even after the stack has stopped waiting for the response.
    Ending,
    /// A final response: its release is wanted, the transaction lingers until then.
    Final,
    /// An ACK, a provisional response, or a response without a transaction.
    Other,
}

/// A message on its way out.
#[derive(Clone, Debug)]
pub struct Transmit {
    /// What to send. Its text is shared with the transaction, which may have to send it again.
    pub message: Encoded,
    /// Names it towards the outbox.
    pub tag: Tag,
    /// What the outbox has to know of it.
    pub kind: Kind,
    /// The dialog that it belongs to, if there is a record of one.
    pub dialog: Option<DialogKey>,
}

impl Transmit {
    /// An answer that nobody has to remember.
    pub fn stateless(answer: Response) -> Self {
        Self {
            message: Encoded::new(&Message::Response(answer)),
            tag: Tag::NONE,
            kind: Kind::Other,
            dialog: None,
        }
    }
}

/// One decision of the stack. Decisions come in the order in which they must be carried out.
#[derive(Debug)]
pub enum Output {
    /// Send a message on a channel.
    Send {
        /// The dialog's channel.
        channel: Channel,
        /// The message.
        transmit: Transmit,
    },
    /// Send the first request of a dialog to whoever has this name, and call [`Stack::bound`](crate::Stack::bound).
    SendTo {
        /// The new dialog.
        dialog: DialogKey,
        /// The first Router URI, else the Request-URI, as written.
        target: String,
        /// The name it stands for.
        name: UserId,
        /// The message.
        transmit: Transmit,
    },
    /// Send a CANCEL; if the INVITE it cancels was never written to a socket, forget both and call
    /// [`Stack::withdrawn`](crate::Stack::withdrawn).
    Cancel {
        /// The dialog's channel.
        channel: Channel,
        /// The INVITE's tag.
        invite: Tag,
        /// The CANCEL.
        transmit: Transmit,
    },
    /// The request timed out: forget it if it was never written to a socket.
    Withdraw {
        /// The dialog's channel.
        channel: Channel,
        /// The request.
        tag: Tag,
    },
    /// A response to this request came: it is done.
    Done {
        /// The dialog's channel.
        channel: Channel,
        /// The request.
        tag: Tag,
    },
    /// A request began a dialog: find its instance, then call [`Stack::accept`](crate::Stack::accept) or
    /// [`Stack::reject`](crate::Stack::reject).
    Incoming {
        /// The new dialog.
        dialog: DialogKey,
        /// The channel it came from.
        channel: Channel,
        /// The request.
        request: Request,
    },
    /// Something for the instance that owns the dialog.
    Deliver {
        /// The leg.
        owner: Owner,
        /// What.
        delivery: Delivery,
    },
}

/// Something for the instance that owns a dialog.
#[derive(Debug)]
pub enum Delivery {
    /// A request within the dialog.
    Request(Request),
    /// A response to a request of the instance.
    Response {
        /// The request.
        to: Token,
        /// The response.
        response: Response,
    },
    /// The instance did not answer a request in time: the peer got 408.
    Expired {
        /// The request's CSeq.
        cseq: jsip::CSeq,
    },
    /// The dialog is over; nothing more comes on it.
    Ended(EndCause),
}

/// Why a dialog ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndCause {
    /// A BYE, from either side.
    Bye,
    /// The INVITE was cancelled.
    Cancelled,
    /// The INVITE was answered with 300 or above.
    Refused,
    /// The one transaction of a dialog outside an INVITE session has its final response.
    Completed,
    /// Somebody did not answer, acknowledge or refresh in time.
    TimedOut,
    /// The channel is lost.
    ChannelLost,
    /// The owner gave the dialog up.
    Finished,
}
