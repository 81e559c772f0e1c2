//! The record of one dialog. Its fields are described for readers in `docs/records.md`.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::ser::Serializer;

/// The version of the schema; it grows when a field changes its meaning or goes, not when one is added.
pub(crate) const VERSION: u8 = 1;

/// What is known of a dialog when it has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Record {
    /// The version of the schema.
    pub version: u8,
    /// The dialog's name towards the operator.
    pub dialog: String,
    /// Its `DialogueID`.
    pub id: String,
    /// The instance that it was a leg of: legs of one call have the same one.
    pub instance: Option<String>,
    /// The service of that.
    pub service: Option<String>,
    /// `in`: the peer began it; `out`: the service.
    pub direction: &'static str,
    /// The name of the channel: a userid, or a node's.
    pub userid: Option<String>,
    /// The proven identity in its first request.
    pub identity: Option<String>,
    /// The `From` of its first request.
    pub from: String,
    /// The `To` likewise.
    pub to: String,
    /// The method of its first request.
    pub method: &'static str,
    /// When it began.
    #[serde(serialize_with = "time")]
    pub begun: SystemTime,
    /// When its first request had a 2xx.
    #[serde(serialize_with = "maybe_time")]
    pub answered: Option<SystemTime>,
    /// When it ended.
    #[serde(serialize_with = "time")]
    pub ended: SystemTime,
    /// From its begin to its end.
    #[serde(rename = "duration_ms", serialize_with = "millis")]
    pub duration: Duration,
    /// From its begin to the answer.
    #[serde(rename = "setup_ms", serialize_with = "maybe_millis")]
    pub setup: Option<Duration>,
    /// From the answer to its end.
    #[serde(rename = "talk_ms", serialize_with = "maybe_millis")]
    pub talk: Option<Duration>,
    /// Why it ended.
    pub cause: &'static str,
    /// The final response to its first request.
    pub code: Option<u16>,
    /// Its first transactions.
    pub transactions: Vec<TransactionRecord>,
    /// How many there were beside those.
    pub more_transactions: u64,
    /// How many messages went which way.
    pub messages: Messages,
    /// The id of its trace, if it has one.
    pub trace: Option<String>,
}

/// A transaction in a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TransactionRecord {
    /// Its method.
    pub method: &'static str,
    /// Who sent the request: `peer` or `service`.
    pub by: &'static str,
    /// Its final response; `None` if it had none when the dialog ended.
    pub code: Option<u16>,
    /// From the request to that, or to the end of the dialog.
    #[serde(rename = "duration_ms", serialize_with = "millis")]
    pub duration: Duration,
}

/// How many messages of a dialog went which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Messages {
    /// From the peer; those that came again included.
    pub received: u64,
    /// To the peer.
    pub sent: u64,
}

impl Record {
    /// The record as one line of JSON, with its newline.
    pub fn line(&self) -> String {
        // It has no maps, whose keys might not be strings.
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        line
    }
}

fn time<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_rfc3339_millis(*time))
}

fn maybe_time<S: Serializer>(time: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(at) => self::time(at, serializer),
        None => serializer.serialize_none(),
    }
}

fn millis<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

fn maybe_millis<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match span {
        Some(span) => millis(span, serializer),
        None => serializer.serialize_none(),
    }
}
