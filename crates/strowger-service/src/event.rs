//! What an instance is told.

use std::time::Duration;

use jsip::{CSeq, Request, Response};

use crate::{
    FetchError, FetchId, HttpId, HttpRequest, HttpResponse, LegId, RequestId, SendError, SyncId, TimerId,
};

/// Something that happened to an instance. Events of one leg come in the order in which they happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A request began a dialog: a new leg. Answer it, now or later.
    Incoming {
        /// The new leg.
        leg: LegId,
        /// Its first request.
        request: Request,
    },
    /// A request came within a dialog. ACK, CANCEL and BYE need no answer: the stack has given it.
    Request {
        /// The leg.
        leg: LegId,
        /// The request.
        request: Request,
    },
    /// A response came, or the stack made one up: 408 nobody answered in time, 480 nobody is there, 487 cancelled.
    Response {
        /// The leg.
        leg: LegId,
        /// The request it answers.
        to: RequestId,
        /// The response.
        response: Response,
    },
    /// A timer fired.
    Timer {
        /// The timer.
        timer: TimerId,
    },
    /// The instance did not answer a request in time: the peer got 408.
    Expired {
        /// The leg.
        leg: LegId,
        /// The request's CSeq.
        cseq: CSeq,
    },
    /// A command was not carried out; nothing went out on the wire.
    Refused {
        /// The leg of the command.
        leg: LegId,
        /// The request, if it was one.
        request: Option<RequestId>,
        /// Why.
        error: SendError,
    },
    /// A leg is over. Nothing more comes on it, and nothing can be sent on it.
    Ended {
        /// The leg.
        leg: LegId,
        /// Why it ended.
        cause: EndCause,
    },
    /// An HTTP request of the instance has its response, or none.
    Fetched {
        /// The request.
        id: FetchId,
        /// The response, whatever its status, or why there is none.
        result: Result<HttpResponse, FetchError>,
    },
    /// An HTTP request came; answer it with [`Context::http_respond`](crate::Context::http_respond).
    Http {
        /// Names it.
        id: HttpId,
        /// The request.
        request: HttpRequest,
    },
    /// A sibling has said something on a topic that the instance listens to.
    Published {
        /// The topic.
        topic: String,
        /// What was said.
        text: String,
    },
    /// A key of the store that the instance [watches](crate::Context::watch) has changed. Several changes may come as one,
    /// with the last version.
    StoreChanged {
        /// The key.
        key: String,
        /// The version that is there now; `None`: nothing is.
        version: Option<u64>,
    },
    /// What was in the store when [`Context::sync`](crate::Context::sync) was called is as safe as it will be: on disk,
    /// where the node keeps its stores there.
    Stored {
        /// What asked for it.
        id: SyncId,
        /// Why it could not be written, for people to read. It is still in the store, and the node goes on trying.
        fault: Option<String>,
    },
    /// The settings have changed; [`Context::config`](crate::Context::config) gives the new ones.
    ConfigChanged,
    /// The node shuts down: nothing new begins, and what is not over in time ends with it. Comes once.
    Shutdown {
        /// After how long at the latest; sooner, if every call is over.
        within: Duration,
    },
}

impl Event {
    /// The leg on which it happened.
    pub const fn leg(&self) -> Option<LegId> {
        match self {
            Self::Incoming { leg, .. }
            | Self::Request { leg, .. }
            | Self::Response { leg, .. }
            | Self::Expired { leg, .. }
            | Self::Refused { leg, .. }
            | Self::Ended { leg, .. } => Some(*leg),
            Self::Timer { .. }
            | Self::Fetched { .. }
            | Self::Http { .. }
            | Self::Published { .. }
            | Self::StoreChanged { .. }
            | Self::Stored { .. }
            | Self::ConfigChanged
            | Self::Shutdown { .. } => None,
        }
    }
}

/// Why a leg ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndCause {
    /// A BYE, from either side.
    Bye,
    /// The INVITE was cancelled.
    Cancelled,
    /// The request that began the leg was answered with 300 or above.
    Refused,
    /// The one transaction of a leg outside an INVITE session has its final response.
    Completed,
    /// Somebody did not answer, acknowledge or refresh in time.
    TimedOut,
    /// The peer's channel is lost.
    ChannelLost,
    /// The instance gave the leg up.
    Finished,
    /// Something that an interface between node and service has no other word for.
    Other,
}
