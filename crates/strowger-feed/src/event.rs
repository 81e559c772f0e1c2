//! One line of a ladder.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

/// Something that happened in a call. All text is plain text that peers may have chosen: whoever shows it escapes it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// Counts the events of the call, from 1.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: f64,
    /// The call.
    #[serde(serialize_with = "text")]
    pub call: Arc<str>,
    /// The dialog in which it happened; none where it happened to the whole call.
    #[serde(serialize_with = "some_text")]
    pub dialog: Option<Arc<str>>,
    /// Who is at the other end of that.
    #[serde(serialize_with = "some_text")]
    pub party: Option<Arc<str>>,
    /// What happened.
    #[serde(flatten)]
    pub kind: Kind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// A dialog began.
    Began {
        /// The method of its first request.
        method: &'static str,
        /// The `From` of that.
        from: Box<str>,
        /// The `To`.
        to: Box<str>,
        /// Whether the peer began it.
        by_peer: bool,
    },
    /// It became a leg of an instance.
    Served {
        /// The service.
        #[serde(serialize_with = "text")]
        service: Arc<str>,
        /// The version of it.
        #[serde(serialize_with = "text")]
        version: Arc<str>,
    },
    /// A message of the peer came in.
    Received(Box<Message>),
    /// A message went out to the peer, or to the outbox if it is away.
    Sent(Box<Message>),
    /// A message of the peer that came before was absorbed.
    Absorbed {
        /// The message.
        label: Box<str>,
        /// Whether it was answered as before.
        answered_again: bool,
    },
    /// A message of the peer had no effect.
    DroppedMessage {
        /// The message.
        label: Box<str>,
        /// Why.
        why: &'static str,
    },
    /// The peer has the message.
    Acknowledged {
        /// The message.
        label: Box<str>,
    },
    /// The message was forgotten before any socket had it.
    Withdrawn {
        /// The message.
        label: Box<str>,
    },
    /// The message was written again, to a new socket.
    Replayed {
        /// The message.
        label: Box<str>,
    },
    /// A timer fired.
    Timer {
        /// Which: what it guards in the stack, or `service`.
        name: &'static str,
        /// What that means.
        text: Box<str>,
    },
    /// The session is in another state.
    State {
        /// The state before.
        from: &'static str,
        /// The state now.
        to: &'static str,
    },
    /// A transaction began or ended.
    Transaction {
        /// The method of its request.
        method: &'static str,
        /// The number of that.
        cseq: u64,
        /// Whether the peer sent it.
        by_peer: bool,
        /// `open` or `ended`.
        state: &'static str,
        /// The code that it ended with.
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<u16>,
    },
    /// Something with the channel of the peer.
    Channel {
        /// `opened`, `resumed`, `takeover`, `dropped` or `lost`.
        state: &'static str,
        /// Why it was lost.
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<&'static str>,
    },
    /// The service has handled an event.
    Handled {
        /// The event.
        event: &'static str,
        /// How long that took, in microseconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        took_us: Option<u64>,
    },
    /// The service wants something done.
    Decided {
        /// The command.
        command: &'static str,
        /// The rest of it in words.
        text: Box<str>,
        /// The event that it follows.
        on: &'static str,
    },
    /// The service has written a log line.
    Logged {
        /// `error`, `warn`, `info` or `debug`.
        level: &'static str,
        /// The line.
        text: Box<str>,
    },
    /// A command of the service could not be carried out.
    Refused {
        /// The command.
        command: &'static str,
        /// The rest of it in words.
        text: Box<str>,
        /// Why.
        why: Box<str>,
    },
    /// The dialog is over; without a dialog, the instance.
    Ended {
        /// Why.
        cause: &'static str,
    },
}

/// A message that came or went.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message {
    /// What it is called in a ladder: `INVITE 1`, `180 INVITE 1`.
    pub label: Box<str>,
    /// Its method, or that of the request that it answers; empty where that is not known.
    pub method: &'static str,
    /// The code of a response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// Its number.
    pub cseq: u64,
    /// Its reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Box<str>>,
    /// Its body as JSON, where bodies are kept and shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Box<str>>,
}

impl Event {
    /// How many bytes it takes, about.
    pub(crate) fn weight(&self) -> usize {
        // Names and ids are shared with the call.
        size_of::<Self>() + 2 * size_of::<usize>() + self.kind.weight()
    }

    /// The same without a body, for those who may not read any.
    #[must_use]
    pub fn without_body(self: &Arc<Self>) -> Arc<Self> {
        let (Kind::Received(message) | Kind::Sent(message)) = &self.kind else {
            return Arc::clone(self);
        };
        if message.body.is_none() {
            return Arc::clone(self);
        }
        let mut bare = Self::clone(self);
        if let Kind::Received(message) | Kind::Sent(message) = &mut bare.kind {
            message.body = None;
        }
        Arc::new(bare)
    }
}

impl Kind {
    fn weight(&self) -> usize {
        match self {
            Self::Began { from, to, .. } => from.len() + to.len(),
            Self::Received(message) | Self::Sent(message) => {
                let texts = [message.reason.as_deref(), message.body.as_deref()];
                let texts = texts.into_iter().flatten().map(str::len).sum::<usize>();
                size_of::<Message>() + message.label.len() + texts
            }
            Self::Absorbed { label, .. }
            | Self::DroppedMessage { label, .. }
            | Self::Acknowledged { label }
            | Self::Withdrawn { label }
            | Self::Replayed { label } => label.len(),
            Self::Timer { text, .. } | Self::Decided { text, .. } | Self::Logged { text, .. } => text.len(),
            Self::Refused { text, why, .. } => text.len() + why.len(),
            Self::Served { .. }
            | Self::State { .. }
            | Self::Transaction { .. }
            | Self::Channel { .. }
            | Self::Handled { .. }
            | Self::Ended { .. } => 0,
        }
    }
}

/// A time of day in milliseconds since 1970.
pub(crate) fn millis(at: SystemTime) -> f64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_micros() as f64 / 1000.0
}

fn text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

fn some_text<S: Serializer>(text: &Option<Arc<str>>, serializer: S) -> Result<S::Ok, S::Error> {
    text.as_deref().serialize(serializer)
}
