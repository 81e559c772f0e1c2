//! What the endpoint is told.

use serde::Serialize;
use serde_json::value::RawValue;
use strowger_service::jsip::Request;

use crate::leg::State;

/// Something that has happened.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    pub(crate) call: &'a str,
    /// Counts the questions of a call, from 1. One that is asked again has the same.
    pub(crate) step: u32,
    pub(crate) event: What,
    pub(crate) state: State,
    pub(crate) request: About<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) result: Option<&'a Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) info: Option<About<'a>>,
}

/// Why the endpoint is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum What {
    /// A call or a message came.
    Incoming,
    /// All actions are done.
    Done,
    /// An action has failed; those behind it were dropped.
    Failed,
    /// The caller has sent an INFO or MESSAGE within the call.
    Info,
    /// The call is over.
    Ended,
}

/// A request, as far as an endpoint needs it.
#[derive(Debug, Serialize)]
pub(crate) struct About<'a> {
    #[serde(rename = "type")]
    method: &'a str,
    uri: &'a str,
    from: &'a str,
    to: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a RawValue>,
}

/// What has become of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Outcome {
    pub(crate) action: &'static str,
    /// The user who has answered or refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

impl Outcome {
    pub(crate) const fn of(action: &'static str) -> Self {
        Self {
            action,
            user: None,
            code: None,
            reason: None,
        }
    }
}

impl<'a> About<'a> {
    pub(crate) fn new(request: &'a Request) -> Self {
        Self {
            method: request.method().as_str(),
            uri: request.request_uri(),
            from: request.from(),
            to: request.to(),
            identity: request.asserted_identity(),
            content_type: request.content_type(),
            body: request.body().and_then(|body| serde_json::from_str(body).ok()),
        }
    }
}

impl Report<'_> {
    pub(crate) fn to_json(&self) -> String {
        // Texts, numbers and JSON are JSON.
        serde_json::to_string(self).unwrap_or_default()
    }
}
