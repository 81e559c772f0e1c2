//! What the harness asks of a client process, and what the client reports.
//!
//! A client process reads one line with a [`Plan`] from its standard input and connects its users; at the second line,
//! `go`, they begin; at the third, `stop`, they leave. It writes one [`Line`] of JSON per event to its standard output. The
//! clients in `clients/` do the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What the users of one client process do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// Where to connect; the client adds `?userid=`.
    pub(crate) url: String,
    /// The users this process plays.
    pub(crate) users: Vec<String>,
    /// Everybody, this process's users included: each user writes to all others in turn.
    pub(crate) everybody: Vec<String>,
    /// How many MESSAGEs each user sends outside of calls.
    pub(crate) messages: usize,
    /// How many calls each user makes.
    pub(crate) calls: usize,
    /// How many messages and calls of one user may be open at a time.
    pub(crate) window: usize,
    /// After so many answers a user opens a second socket while the first is well; 0 for never.
    pub(crate) move_every: usize,
    pub(crate) seed: u64,
    /// Whether requests without a response are sent again after a reconnect. `false` breaks the client on purpose.
    pub(crate) resend: bool,
    /// Whether repeated requests are absorbed. `false` breaks the client on purpose.
    pub(crate) absorb: bool,
}

/// One line of a client process.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    /// Each of its users has had a socket, so that others reach him.
    Ready(bool),
    /// So many requests have had their final response.
    Answered(usize),
    /// Nothing is open at any of its users.
    Done(bool),
    /// The last line.
    Report(Vec<UserReport>),
}

/// The ledger that one user kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UserReport {
    pub(crate) name: String,
    /// Id and receiver of each message, in the order of first sending.
    pub(crate) sent: Vec<(String, String)>,
    /// Id and code of each final response; a second, different one of the same request stands there too.
    pub(crate) answers: Vec<(String, u16)>,
    /// The ids of messages handed to the application, in order; each as often as it was.
    pub(crate) applied: Vec<String>,
    /// Calls made, and how each ended: `ended`, `up`, `calling`, or the code that refused it.
    pub(crate) calls: BTreeMap<String, String>,
    /// Calls received, and how each ended: `ended`, `up` or `answered`.
    pub(crate) rung: BTreeMap<String, String>,
    /// The ids of calls received, in order; each as often as its INVITE was taken for a new one.
    pub(crate) taken: Vec<String>,
    /// Frames that were no JSON, or whose body was not as it was sent.
    pub(crate) damaged: usize,
    /// Sockets opened after the first.
    pub(crate) reconnects: usize,
    /// Requests sent again.
    pub(crate) resent: usize,
    /// Repeated requests that were absorbed.
    pub(crate) absorbed: usize,
    /// Sockets closed with 4001 because another one took over.
    pub(crate) replaced: usize,
}
