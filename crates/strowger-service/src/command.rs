//! What an instance may ask for. Authors use [`Context`](crate::Context); whoever runs instances reads these.

use std::time::Duration;

use jsip::{CSeq, Request, Response, StatusCode};

use crate::{FetchId, HttpId, HttpRequest, HttpResponse, LegId, RequestId, SyncId, TimerId};

/// One thing an instance asks for. Commands are carried out in order, after the event was handled.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Command {
    /// Open a leg with its first request.
    Open {
        /// The new leg.
        leg: LegId,
        /// Names the request.
        id: RequestId,
        /// The request.
        request: Request,
    },
    /// Send a request on a leg.
    Send {
        /// The leg.
        leg: LegId,
        /// Names the request.
        id: RequestId,
        /// The request.
        request: Request,
    },
    /// Open a leg with the first request of another, join both and leave them to whoever runs the instance, which ends but
    /// for these two ([`Context::forward`](crate::Context::forward)). Later commands are not carried out.
    Forward {
        /// The leg on which the request came.
        leg: LegId,
        /// The new leg.
        to: LegId,
        /// Names the request on the new leg.
        id: RequestId,
        /// The request, as it goes out there.
        request: Request,
    },
    /// Answer a request; the response's CSeq says which.
    Respond {
        /// The leg.
        leg: LegId,
        /// The response.
        response: Response,
    },
    /// Answer a request of which only the CSeq was kept.
    Answer {
        /// The leg.
        leg: LegId,
        /// The request's CSeq.
        cseq: CSeq,
        /// The status code.
        code: StatusCode,
        /// The `Reason`.
        reason: String,
    },
    /// Fire a timer once.
    SetTimer {
        /// The timer.
        timer: TimerId,
        /// After how long.
        after: Duration,
    },
    /// Forget a timer.
    CancelTimer {
        /// The timer.
        timer: TimerId,
    },
    /// Let requests whose first Router URI carries this `relid` reach the instance.
    Relate {
        /// The relation id.
        relid: String,
    },
    /// Write a log line.
    Log {
        /// How serious it is.
        level: LogLevel,
        /// The line.
        text: String,
    },
    /// Make an HTTP request.
    Fetch {
        /// Names it.
        id: FetchId,
        /// The request.
        request: HttpRequest,
    },
    /// Answer an HTTP request.
    HttpRespond {
        /// The request.
        id: HttpId,
        /// The response.
        response: HttpResponse,
    },
    /// Let the instance hear what siblings publish on a topic.
    Listen {
        /// The topic.
        topic: String,
    },
    /// Tell siblings that listen.
    Publish {
        /// The topic.
        topic: String,
        /// What is said.
        text: String,
    },
    /// Tell the instance of each change of a key of the store.
    Watch {
        /// What the key begins with.
        prefix: String,
    },
    /// Say when the store as it is now is on disk.
    Sync {
        /// Names the wish.
        id: SyncId,
    },
    /// End the instance: answered legs get BYE, unanswered ones 480 or CANCEL.
    Finish,
    /// End the instance as failed: what waits for its answer gets 500.
    Fail {
        /// What went wrong, for the operator.
        reason: String,
    },
}

/// How serious a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Somebody should look at once.
    Error,
    /// Odd, but served.
    Warn,
    /// A change of state of the service.
    Info,
    /// A change of state of a call.
    Debug,
}

impl LogLevel {
    /// Its name: `error`, `warn`, `info` or `debug`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}
