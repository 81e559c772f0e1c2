//! The steps of a scenario, after reading.

use std::time::Duration;

use crate::json::Json;

/// One step. Strings are templates.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Connect(Connect),
    /// JSON text without blanks.
    Send {
        user: String,
        message: String,
    },
    Raw {
        user: String,
        text: String,
    },
    Binary {
        user: String,
    },
    Expect(Expect),
    ExpectClose(ExpectClose),
    ExpectNothing {
        user: String,
        span: Option<Duration>,
    },
    /// From here on it does not matter what the user gets.
    Ignore {
        user: String,
    },
    Wait(Duration),
    Disconnect {
        user: String,
    },
    Drop {
        user: String,
    },
    Http(Http),
    /// The web peer asks a service.
    Ask(Ask),
    /// A service asks the web peer.
    Asked(Asked),
    /// Only [`Step::Expect`] and [`Step::ExpectClose`].
    Unordered(Vec<Self>),
    Repeat {
        times: u64,
        steps: Vec<Self>,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Connect {
    pub(crate) user: String,
    pub(crate) query: Query,
    /// Patterns of the status and the body of the refusal that must come.
    pub(crate) refusal: Option<(Json, Option<Json>)>,
}

#[derive(Clone, Debug)]
pub(crate) enum Query {
    /// The user id, not yet percent-encoded.
    UserId(String),
    /// The query as it is to stand in the request line.
    Verbatim(String),
}

/// When something may come, counted from the moment the step is reached.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Window {
    pub(crate) after: Option<Duration>,
    pub(crate) within: Option<Duration>,
}

#[derive(Clone, Debug)]
pub(crate) struct Expect {
    pub(crate) user: String,
    /// JSON text of the pattern, without blanks.
    pub(crate) pattern: String,
    /// Name and header.
    pub(crate) captures: Vec<(String, String)>,
    pub(crate) order: Vec<String>,
    /// Messages that match this pattern, as JSON text, are passed over.
    pub(crate) skip: Option<String>,
    pub(crate) window: Window,
}

#[derive(Clone, Debug)]
pub(crate) struct ExpectClose {
    pub(crate) user: String,
    pub(crate) code: u16,
    pub(crate) window: Window,
}

#[derive(Clone, Debug)]
pub(crate) struct Http {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) status: Json,
    pub(crate) body: Option<Json>,
}

#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) web: String,
    pub(crate) method: String,
    /// Below `/services`.
    pub(crate) path: String,
    /// JSON text.
    pub(crate) body: Option<String>,
    pub(crate) status: Json,
    /// JSON text of the pattern.
    pub(crate) answer: Option<String>,
    pub(crate) captures: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) web: String,
    pub(crate) method: String,
    pub(crate) path: String,
    /// JSON texts of the patterns.
    pub(crate) headers: Option<String>,
    pub(crate) body: Option<String>,
    pub(crate) captures: Vec<(String, String)>,
    pub(crate) window: Window,
    pub(crate) status: u16,
    /// JSON text.
    pub(crate) answer: Option<String>,
}

impl Step {
    /// Whether it opens a socket of this user: who has none is a name to be used in messages.
    pub(crate) fn connects(&self, user: &str) -> bool {
        match self {
            Self::Connect(connect) => connect.user == user,
            Self::Repeat { steps, .. } => steps.iter().any(|step| step.connects(user)),
            _ => false,
        }
    }

    /// The step in short, for reports.
    pub(crate) fn summary(&self) -> String {
        match self {
            Self::Connect(connect) => format!("connect {}", connect.user),
            Self::Send { user, message } => format!("send {user} {message}"),
            Self::Raw { user, text } => format!("raw {user} {text}"),
            Self::Binary { user } => format!("binary {user}"),
            Self::Expect(expect) => format!("expect {} {}", expect.user, expect.pattern),
            Self::ExpectClose(expect) => format!("expect_close {} {}", expect.user, expect.code),
            Self::ExpectNothing { user, .. } => format!("expect_nothing {user}"),
            Self::Ignore { user } => format!("ignore {user}"),
            Self::Wait(span) => format!("wait {span:?}"),
            Self::Disconnect { user } => format!("disconnect {user}"),
            Self::Drop { user } => format!("drop {user}"),
            Self::Http(http) => format!("http {} {}", http.method, http.path),
            Self::Ask(ask) => format!("ask {} {} {}", ask.web, ask.method, ask.path),
            Self::Asked(asked) => format!("asked {} {} {}", asked.web, asked.method, asked.path),
            Self::Unordered(steps) => {
                let steps: Vec<_> = steps.iter().map(Self::summary).collect();
                format!("unordered: {}", steps.join("; "))
            }
            Self::Repeat { times, .. } => format!("repeat {times}"),
        }
    }
}
