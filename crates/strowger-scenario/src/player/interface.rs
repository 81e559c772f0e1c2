//! What the driver and the player say to each other.

use std::time::Duration;

use strowger_time::Instant;

use crate::outcome::Outcome;

/// How a scenario is played.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Put into every user name (`alice` becomes `alice-7f3a`), so that two runs against one server never meet.
    /// Empty: the names as they are.
    pub suffix: String,
    /// Waits and windows are multiplied by it; the server's timers must be too (see [`Scenario::config`](crate::Scenario::config)).
    pub scale: f64,
    /// How long an expected message may take, beyond what the step itself allows. Not scaled.
    pub expect_limit: Duration,
    /// How long nothing may come where the file gives no span, before a `drop` and after the last step. Not scaled.
    pub quiet: Duration,
}

impl Options {
    /// For virtual time: 2 s for an answer, 100 ms of quiet.
    pub const fn virtual_time() -> Self {
        Self {
            suffix: String::new(),
            scale: 1.0,
            expect_limit: Duration::from_secs(2),
            quiet: Duration::from_millis(100),
        }
    }

    /// For a real network: 10 s for an answer, 100 ms of quiet.
    pub const fn real_time() -> Self {
        Self {
            suffix: String::new(),
            scale: 1.0,
            expect_limit: Duration::from_secs(10),
            quiet: Duration::from_millis(100),
        }
    }

    /// The same with a suffix.
    #[must_use]
    pub fn with_suffix(mut self, suffix: impl Into<String>) -> Self {
        self.suffix = suffix.into();
        self
    }

    /// The same with a time scale.
    #[must_use]
    pub const fn with_scale(mut self, scale: f64) -> Self {
        self.scale = scale;
        self
    }
}

/// What the driver has to do. `user` is the name in the file and means one socket; the user id is in the query.
#[derive(Clone, Debug)]
pub enum Action {
    /// Open a WebSocket at the server's path with this query (already percent-encoded); then give `Connected` or
    /// `Refused`.
    Connect {
        /// The socket's name.
        user: String,
        /// What stands behind the `?`.
        query: String,
    },
    /// Send a text frame.
    SendText {
        /// The socket's name.
        user: String,
        /// The frame.
        text: String,
    },
    /// Send a binary frame, of any content.
    SendBinary {
        /// The socket's name.
        user: String,
    },
    /// Close the socket with 1000.
    Close {
        /// The socket's name.
        user: String,
    },
    /// Cut the connection without a close frame.
    Drop {
        /// The socket's name.
        user: String,
    },
    /// Make a plain HTTP request on a connection of its own; then give `HttpAnswer`.
    Http {
        /// GET, POST and so on.
        method: String,
        /// Path and query.
        target: String,
        /// Headers beside the ones HTTP itself needs.
        headers: Vec<(String, String)>,
    },
    /// The web peer asks a service over HTTP; then give `HttpAnswer`.
    Ask {
        /// GET, POST and so on.
        method: String,
        /// Path and query at the administration's listener.
        target: String,
        /// JSON; `None`: no body.
        body: Option<String>,
    },
    /// The web peer answers what it was asked.
    Answer {
        /// The number that came with `Asked`.
        id: u64,
        /// The HTTP status.
        status: u16,
        /// JSON, or nothing.
        body: String,
    },
    /// Wait for this instant or for something to arrive, then poll again.
    WaitUntil(Instant),
    /// It is over. The driver closes what is still open, with 1000, so that the server keeps nothing.
    Done(Box<Outcome>),
}

/// What the driver reports. What comes from a socket that the player closed or dropped may be reported or not.
#[derive(Clone, Debug)]
pub enum Input {
    /// The WebSocket is open.
    Connected {
        /// The socket's name.
        user: String,
    },
    /// The handshake was answered with something other than 101, or not at all (status 0).
    Refused {
        /// The socket's name.
        user: String,
        /// The HTTP status.
        status: u16,
        /// The body of the answer.
        body: String,
    },
    /// A text frame came.
    Text {
        /// The socket's name.
        user: String,
        /// The frame.
        text: String,
    },
    /// The server closed the socket; `None` if without a close frame.
    Closed {
        /// The socket's name.
        user: String,
        /// The code of the close frame.
        code: Option<u16>,
    },
    /// A service asks the web peer.
    Asked {
        /// Tells it from others that are open.
        id: u64,
        /// GET, POST and so on.
        method: String,
        /// Path and query.
        target: String,
        /// Names, in lower case, and values.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// The answer to the HTTP request or to `Ask` (status 0: none came).
    HttpAnswer {
        /// The HTTP status.
        status: u16,
        /// The body of the answer.
        body: String,
    },
}
