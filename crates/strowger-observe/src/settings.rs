//! What is told, and where it goes.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use strowger_node::driver::WebSettings;

/// What is told. [`start`](crate::start) needs one of the three.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// One record for each dialog that ended.
    pub records: Option<RecordSettings>,
    /// A log line for each change of the state of a dialog, transaction or channel.
    pub states: bool,
    /// With the bodies of messages in it.
    pub bodies: bool,
    /// A trace for each dialog.
    pub traces: Option<TraceSettings>,
    /// What tells the traces of this process from those of others. Random.
    pub seed: u64,
}

/// Of which dialogs there are records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Of {
    /// Of all.
    #[default]
    All,
    /// Of those that began with INVITE.
    Calls,
}

/// Call records.
#[derive(Clone, Debug, Default)]
pub struct RecordSettings {
    /// Of which dialogs.
    pub of: Of,
    /// The file that they are written to.
    pub file: Option<FileSettings>,
    /// The endpoint that they are sent to.
    pub http: Option<PostSettings>,
}

/// A file with one line for each record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSettings {
    /// Its path. Earlier ones have `.1`, `.2` and so on behind it.
    pub path: PathBuf,
    /// How large it becomes before the next one begins, in bytes.
    pub bytes: u64,
    /// How many files are kept, the one that is written to included.
    pub files: usize,
}

/// An endpoint that gets POST requests.
#[derive(Clone)]
pub struct PostSettings {
    /// Its URL.
    pub url: String,
    /// Headers of the requests, beside `Content-Type`; they may be secret.
    pub headers: Vec<(String, String)>,
    /// How connections are opened.
    pub web: WebSettings,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How many items may wait; one more is dropped.
    pub queue: usize,
}

impl fmt::Debug for PostSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostSettings")
            .field("timeout", &self.timeout)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

/// Traces, as OTLP over HTTP in protobuf.
#[derive(Clone, Debug)]
pub struct TraceSettings {
    /// The collector.
    pub post: PostSettings,
    /// Of how many dialogs in a million there are traces.
    pub per_million: u32,
    /// What the server is called in them (`service.name`).
    pub service_name: String,
}
