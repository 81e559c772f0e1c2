//! What is asked for, and what has become of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use strowger_service::jsip::{StatusCode, Uri};

use crate::Settings;
use crate::settings::LONGEST_RING;

/// The body of a POST.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    /// Who is called first.
    pub(crate) from: String,
    /// Who is called when he has answered.
    pub(crate) to: String,
    /// How many seconds each rings.
    ring: Option<u64>,
    /// Who is told what becomes of the call.
    pub(crate) callback: Option<String>,
}

impl Order {
    pub(crate) fn read(body: &[u8]) -> Result<Self, String> {
        let order: Self = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        for (name, user) in [("from", &order.from), ("to", &order.to)] {
            if let Err(fault) = Uri::parse(user) {
                return Err(format!("`{name}` is no user: {fault}"));
            }
        }
        if order.ring.is_some_and(|ring| !(1..=LONGEST_RING).contains(&ring)) {
            return Err(format!("`ring` must be from 1 to {LONGEST_RING}"));
        }
        let is_http = |url: &String| url.starts_with("https://") || url.starts_with("http://");
        if order.callback.as_ref().is_some_and(|url| !is_http(url)) {
            return Err("`callback` must begin with https:// or http://".to_owned());
        }
        Ok(order)
    }

    pub(crate) fn ring(&self, settings: &Settings) -> Duration {
        Duration::from_secs(self.ring.unwrap_or(settings.ring))
    }
}

/// How far a call is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct State {
    pub(crate) id: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) state: Stage,
    /// Why it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cause: Option<Cause>,
    /// The code with which one of the two has refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stage {
    /// `from` is called.
    Calling,
    /// `from` has answered, `to` is called.
    Answered,
    /// They are joined.
    Connected,
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Cause {
    /// They have talked, and one has hung up.
    Completed,
    /// Somebody wanted it over HTTP.
    Cancelled,
    /// `from` did not answer, or refused.
    FromFailed,
    /// `to` did not answer, or refused.
    ToFailed,
    /// `from` hung up while `to` was called.
    FromLeft,
}

impl State {
    pub(crate) fn to_json(&self) -> String {
        // A struct of texts and numbers is JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(crate) fn end(&mut self, cause: Cause, code: Option<StatusCode>) {
        self.state = Stage::Ended;
        self.cause = Some(cause);
        self.code = code.map(StatusCode::as_u16);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_an_order_is_named() {
        let cases = [
            ("", "EOF"),
            (r#"{"from":"a@x"}"#, "missing field `to`"),
            (r#"{"from":"a@@x","to":"b@x"}"#, "`from` is no user"),
            (r#"{"from":"a@x","to":"b@x","ring":51}"#, "`ring` must be"),
            (
                r#"{"from":"a@x","to":"b@x","callback":"x"}"#,
                "`callback` must begin",
            ),
            (r#"{"from":"a@x","to":"b@x","when":1}"#, "unknown field `when`"),
        ];
        for (body, expected) in cases {
            let error = Order::read(body.as_bytes()).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn a_state_says_only_what_is_known() {
        let mut state = State {
            id: "1".to_owned(),
            from: "a@x".to_owned(),
            to: "b@x".to_owned(),
            state: Stage::Calling,
            cause: None,
            code: None,
        };
        assert_eq!(
            state.to_json(),
            r#"{"id":"1","from":"a@x","to":"b@x","state":"calling"}"#
        );
        state.end(Cause::ToFailed, Some(StatusCode::BUSY_HERE));
        assert_eq!(
            state.to_json(),
            r#"{"id":"1","from":"a@x","to":"b@x","state":"ended","cause":"to-failed","code":486}"#
        );
    }
}
