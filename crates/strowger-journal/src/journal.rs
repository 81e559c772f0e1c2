//! A journal that was taken out of a shard: of one call, or of all.

use serde::{Deserialize, Serialize};

use crate::{Record, binary, text};

/// The records of a call, or of everything on a shard, and what must be known to run them again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// What holds for all of them.
    pub header: Header,
    /// What happened, in order.
    pub records: Vec<Record<'static>>,
}

/// What holds for all records of a journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The call: the name of its instance. `None`: everything on the shard.
    pub call: Option<String>,
    /// The service of the call.
    pub service: Option<String>,
    /// The version of that.
    pub version: Option<String>,
    /// The service that got what no other was named for.
    pub default_service: String,
    /// When the node's time line began: microseconds since 1970.
    pub began_us: u64,
    /// The number of the node.
    pub node: u16,
    /// The number of the shard.
    pub shard: u16,
    /// Whether bodies are as they were; only their lengths are there otherwise.
    pub bodies: bool,
    /// What is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cuts: Vec<Cut>,
    /// The settings in force when it began.
    pub settings: Settings,
}

/// What is missing in the journal of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// The beginning: it was overwritten, or was before recording began. Such a call cannot be run again.
    Beginning,
    /// Something between: the recorder had no room for it.
    Middle,
    /// The end: the call was still running, or took more room than one may.
    End,
}

/// Timers and limits by which a shard decided, as far as calls depend on them. Spans are in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "they are those of the configuration, by their names")]
pub struct Settings {
    pub realm: Vec<String>,
    pub transaction: u64,
    pub provisional: u64,
    pub invite_max: u64,
    pub session: u64,
    pub linger: u64,
    pub session_min: u64,
    pub dialogs_per_channel: u64,
    pub lingering_per_channel: u64,
    pub dialogs_per_link: u64,
    pub lingering_per_link: u64,
    pub legs_per_instance: u64,
    pub timers_per_instance: u64,
    pub relations_per_instance: u64,
    pub commands_per_event: u64,
    pub http_waiting: u64,
    pub http_answer_within: u64,
}

/// Why a journal cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It is none.
    #[error("this is no journal")]
    NoJournal,
    /// It is of a version that is not known here.
    #[error("the journal is of version {found}, and this program reads version {known}")]
    Version {
        /// The version that it is of.
        found: u32,
        /// The one that is read in this form.
        known: u32,
    },
    /// It is larger than what is read.
    #[error("the journal is larger than {0} bytes")]
    TooLarge(usize),
    /// Its header is none.
    #[error("the header of the journal: {0}")]
    Header(String),
    /// It ends within a record.
    #[error("record {number}, at byte {offset}: the journal ends within it")]
    Truncated {
        /// Which record, from 1.
        number: usize,
        /// Where it begins.
        offset: usize,
    },
    /// A record is none.
    #[error("record {number}, at byte {offset}: {why}")]
    Record {
        /// Which record, from 1.
        number: usize,
        /// Where it begins.
        offset: usize,
        /// What is wrong with it.
        why: String,
    },
    /// A line is no record.
    #[error("line {line}: {why}")]
    Line {
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
}

impl Journal {
    /// The most bytes that are read.
    pub const MOST_BYTES: usize = 256 << 20;

    /// Reads a journal in either form.
    ///
    /// # Errors
    ///
    /// See [`ReadError`].
    pub fn read(bytes: &[u8]) -> Result<Self, ReadError> {
        if bytes.len() > Self::MOST_BYTES {
            return Err(ReadError::TooLarge(Self::MOST_BYTES));
        }
        if bytes.starts_with(binary::MAGIC) {
            return binary::read(bytes);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ReadError::NoJournal)?;
        text::read(text)
    }

    /// The compact form.
    pub fn to_binary(&self) -> Vec<u8> {
        binary::write(self)
    }

    /// The form that people read.
    pub fn to_text(&self) -> String {
        text::write(self)
    }

    /// When the first record was written.
    pub fn start(&self) -> u64 {
        self.records.first().map_or(0, |record| record.at)
    }

    /// Whether it has been there from its first input on, without a gap: only such a journal can be run again.
    pub fn is_whole(&self) -> bool {
        !self.header.cuts.iter().any(|cut| *cut != Cut::End)
    }
}
