//! What an endpoint can ask for: the vocabulary of its answers.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use strowger_service::jsip::{StatusCode, Uri};

/// How many actions one answer may have.
const MOST_ACTIONS: usize = 20;
/// How many users `hunt` may name.
const MOST_USERS: usize = 32;
/// The longest pause and the longest ringing, in seconds: the stack gives up a call that waits longer.
const LONGEST: u64 = 170;

/// One thing to do.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Action {
    /// Answers the call, or the message, with 200.
    Answer {
        #[serde(default)]
        body: Option<Box<RawValue>>,
        #[serde(default)]
        content_type: Option<String>,
    },
    /// Refuses it.
    Reject {
        #[serde(default = "decline")]
        code: u16,
        #[serde(default)]
        reason: Option<String>,
    },
    /// Rings a user.
    Dial {
        to: String,
        #[serde(default = "ring")]
        ring: u64,
    },
    /// Rings several users, one after another or together.
    Hunt {
        to: Vec<String>,
        #[serde(default = "ring")]
        ring: u64,
        #[serde(default)]
        together: bool,
    },
    /// Joins the caller with who has answered.
    Bridge {},
    /// Sends a message.
    Message {
        to: String,
        #[serde(default)]
        from: Option<String>,
        #[serde(default)]
        body: Option<Box<RawValue>>,
        #[serde(default)]
        content_type: Option<String>,
    },
    /// Lets the caller wait in line.
    Hold { seconds: u64 },
    /// Lets time pass.
    Wait { seconds: u64 },
    /// Ends the call.
    Hangup {
        #[serde(default)]
        reason: Option<String>,
    },
}

const fn decline() -> u16 {
    603
}

const fn ring() -> u64 {
    30
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    actions: Vec<Action>,
}

impl Action {
    /// Its name in the vocabulary.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Answer { .. } => "answer",
            Self::Reject { .. } => "reject",
            Self::Dial { .. } => "dial",
            Self::Hunt { .. } => "hunt",
            Self::Bridge {} => "bridge",
            Self::Message { .. } => "message",
            Self::Hold { .. } => "hold",
            Self::Wait { .. } => "wait",
            Self::Hangup { .. } => "hangup",
        }
    }

    /// Reads the answer of an endpoint.
    pub(crate) fn read_all(body: &[u8]) -> Result<Vec<Self>, String> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Vec::new());
        }
        let answer: Answer = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        if answer.actions.len() > MOST_ACTIONS {
            return Err(format!("more than {MOST_ACTIONS} actions"));
        }
        answer.actions.iter().try_for_each(Self::check)?;
        Ok(answer.actions)
    }

    fn check(&self) -> Result<(), String> {
        let name = self.name();
        match self {
            Self::Reject { code, .. } if !(300..=699).contains(code) => {
                return Err(format!("{name}: `code` must be from 300 to 699"));
            }
            Self::Hunt { to, .. } if to.is_empty() || to.len() > MOST_USERS => {
                return Err(format!("{name}: `to` must name 1 to {MOST_USERS} users"));
            }
            Self::Dial { ring: seconds, .. }
            | Self::Hunt { ring: seconds, .. }
            | Self::Hold { seconds }
            | Self::Wait { seconds }
                if !(1..=LONGEST).contains(seconds) =>
            {
                return Err(format!("{name}: seconds must be from 1 to {LONGEST}"));
            }
            _ => {}
        }
        match self.users().iter().find(|user| Uri::parse(user).is_err()) {
            Some(user) => Err(format!("{name}: `{user}` is no user")),
            None => Ok(()),
        }
    }

    fn users(&self) -> Cow<'_, [String]> {
        match self {
            Self::Dial { to, .. } | Self::Message { to, .. } => Cow::Borrowed(std::slice::from_ref(to)),
            Self::Hunt { to, .. } => Cow::Borrowed(to),
            _ => Cow::Borrowed(&[]),
        }
    }

    /// Whom it rings, step by step, and how long each step.
    pub(crate) fn steps(&self) -> Option<(Vec<Vec<String>>, Duration)> {
        Some(match self {
            Self::Dial { to, ring } => (vec![vec![to.clone()]], Duration::from_secs(*ring)),
            Self::Hunt {
                to,
                ring,
                together: true,
            } => (vec![to.clone()], Duration::from_secs(*ring)),
            Self::Hunt { to, ring, .. } => {
                let steps = to.iter().map(|user| vec![user.clone()]).collect();
                (steps, Duration::from_secs(*ring))
            }
            _ => return None,
        })
    }

    /// The code of a refusal, which was checked.
    pub(crate) fn code(code: u16) -> StatusCode {
        StatusCode::new(code).unwrap_or(StatusCode::DECLINE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_with_its_defaults() {
        let text = r#"{"actions":[{"answer":{"body":{"a":1.50}}},{"reject":{}},{"dial":{"to":"a@x"}},
            {"hunt":{"to":["a@x","b@x"],"together":true}},{"bridge":{}},{"message":{"to":"a@x","body":"hi"}},
            {"hold":{"seconds":20}},{"wait":{"seconds":1}},{"hangup":{}}]}"#;
        let actions = Action::read_all(text.as_bytes()).unwrap();
        let names: Vec<&str> = actions.iter().map(Action::name).collect();
        assert_eq!(
            names,
            [
                "answer", "reject", "dial", "hunt", "bridge", "message", "hold", "wait", "hangup"
            ]
        );
        assert!(
            matches!(&actions[0], Action::Answer { body: Some(body), .. } if body.get() == r#"{"a":1.50}"#)
        );
        assert!(matches!(actions[1], Action::Reject { code: 603, .. }));
        let ring = Duration::from_secs(30);
        assert_eq!(actions[2].steps(), Some((vec![vec!["a@x".to_owned()]], ring)));
        let together = vec![vec!["a@x".to_owned(), "b@x".to_owned()]];
        assert_eq!(actions[3].steps(), Some((together, ring)));
        assert_eq!(actions[4].steps(), None);
    }

    #[test]
    fn no_content_is_no_action() {
        assert!(Action::read_all(b" \n").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_answer_says_why() {
        let cases = [
            ("{}", "missing field `actions`"),
            ("[]", "invalid"),
            (r#"{"actions":[{"sing":{}}]}"#, "unknown variant `sing`"),
            (
                r#"{"actions":[{"reject":{"code":200}}]}"#,
                "reject: `code` must be from 300 to 699",
            ),
            (
                r#"{"actions":[{"hunt":{"to":[]}}]}"#,
                "hunt: `to` must name 1 to 32 users",
            ),
            (
                r#"{"actions":[{"wait":{"seconds":171}}]}"#,
                "wait: seconds must be from 1 to 170",
            ),
            (
                r#"{"actions":[{"dial":{"to":"a@@b"}}]}"#,
                "dial: `a@@b` is no user",
            ),
            (
                r#"{"actions":[{"dial":{"to":"a@b","rings":5}}]}"#,
                "unknown field `rings`",
            ),
        ];
        for (text, expected) in cases {
            let error = Action::read_all(text.as_bytes()).unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }
}
