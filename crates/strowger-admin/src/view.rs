//! What the interface says, as JSON.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use strowger_node::{Registry, VersionCount};
use utoipa::ToSchema;

use crate::catalogue::{Choice, Entry, Record};
use crate::loader::Measured;
use crate::names::{BaseKind, Digest, ServiceName};

/// A service.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(title = "Service")]
pub struct ServiceView {
    /// Its name.
    #[schema(example = "rooms")]
    pub name: String,
    /// Whether it gets the requests that name no service.
    pub is_default_service: bool,
    /// The label of the version that new instances get; none if there are no new instances.
    pub default: Option<String>,
    /// How many instances run, whatever their version.
    pub instances: usize,
    /// Its versions, in the order in which they were loaded.
    pub versions: Vec<VersionView>,
    /// The labels of what new instances got before, the latest one last; a roll-back leads to it.
    pub history: Vec<String>,
}

/// A version of a service.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(title = "Version")]
pub struct VersionView {
    /// The SHA-256 of its bytes; `built-in` or `file` for what was not loaded.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    pub version: String,
    /// What the operator calls it.
    #[schema(example = "1.4.0")]
    pub label: String,
    /// Whether new instances get it.
    pub is_default: bool,
    /// How many instances of it run.
    pub instances: usize,
    /// How large it is, in bytes.
    pub bytes: Option<u64>,
    /// When it was loaded, as in RFC 3339.
    #[schema(format = DateTime)]
    pub loaded_at: Option<String>,
    /// What it did since the server started; none if it was not needed since.
    pub figures: Option<FiguresView>,
    /// Why it could not be loaded when the server started.
    pub fault: Option<String>,
}

/// What a version did since the server started.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[schema(title = "VersionFigures")]
pub struct FiguresView {
    /// Instances that were started.
    pub started: u64,
    /// Instances that failed: a trap, a limit, bad commands.
    pub failed: u64,
    /// Calls into it.
    pub calls: u64,
    /// Wall-clock time in it, in microseconds.
    pub time_us: u64,
    /// Bytes of memory of its instances, as large as they made them.
    pub memory_bytes: u64,
}

impl From<Measured> for FiguresView {
    fn from(measured: Measured) -> Self {
        Self {
            started: measured.started,
            failed: measured.failed,
            calls: measured.calls,
            time_us: u64::try_from(measured.time.as_micros()).unwrap_or(u64::MAX),
            memory_bytes: measured.memory,
        }
    }
}

/// What views are made of: how many instances of each version run.
pub(crate) struct Views {
    counts: HashMap<(String, String), usize>,
    default: Option<String>,
}

impl Views {
    pub(crate) fn new(counts: &[VersionCount], registry: &Registry) -> Self {
        let mut sums = HashMap::new();
        for count in counts {
            // The same bytes may have become the default more than once.
            let key = (count.service.to_ascii_lowercase(), count.version.label.clone());
            *sums.entry(key).or_insert(0) += count.instances;
        }
        let default = registry.services().find(|(_, _, is_default)| *is_default);
        Self {
            counts: sums,
            default: default.map(|(name, _, _)| name.to_ascii_lowercase()),
        }
    }

    pub(crate) fn running(&self, name: &ServiceName, version: &str) -> usize {
        let key = (name.to_string(), version.to_owned());
        self.counts.get(&key).copied().unwrap_or(0)
    }

    pub(crate) fn service(
        &self,
        name: &ServiceName,
        entry: &Entry,
        base: Option<BaseKind>,
        meter: impl Fn(Digest) -> Option<Measured>,
        fault: impl Fn(Digest) -> Option<String>,
    ) -> ServiceView {
        let default = entry.default_choice();
        let label = |choice: &Choice| match choice {
            Choice::Base => base.map(|kind| kind.label().to_owned()),
            Choice::Version(digest) => entry.version(*digest).map(|record| record.label.to_string()),
        };
        let base_version = base.map(|kind| VersionView {
            version: kind.label().to_owned(),
            label: kind.label().to_owned(),
            is_default: default == Some(Choice::Base),
            instances: self.running(name, kind.label()),
            bytes: None,
            loaded_at: None,
            figures: None,
            fault: None,
        });
        let loaded = |record: &Record| VersionView {
            version: record.digest.to_string(),
            label: record.label.to_string(),
            is_default: default == Some(Choice::Version(record.digest)),
            instances: self.running(name, &record.digest.to_string()),
            bytes: Some(record.bytes),
            loaded_at: Some(time(
                SystemTime::UNIX_EPOCH + Duration::from_secs(record.loaded_at.min(FAR)),
            )),
            figures: meter(record.digest).map(FiguresView::from),
            fault: fault(record.digest),
        };
        let own = self
            .counts
            .iter()
            .filter(|((service, _), _)| service == name.as_str());
        ServiceView {
            name: name.to_string(),
            is_default_service: self.default.as_deref() == Some(name.as_str()),
            default: default.as_ref().and_then(label),
            instances: own.map(|(_, count)| count).sum(),
            versions: base_version
                .into_iter()
                .chain(entry.versions().iter().map(loaded))
                .collect(),
            history: entry.history().iter().filter_map(label).collect(),
        }
    }
}

/// The end of the year 9999: RFC 3339 knows no later time.
const FAR: u64 = 253_402_300_799;

/// A time as in RFC 3339, to the millisecond.
pub(crate) fn time(at: SystemTime) -> String {
    humantime::format_rfc3339_millis(at).to_string()
}
