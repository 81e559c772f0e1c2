//! The keys of what the server tells of the dialogs on it: `[records]` and `[traces]`.

use std::path::PathBuf;
use std::time::Duration;

use strowger_channel::net::Network;
use strowger_observe::Of;

use super::key::{Change, Field, Key, table};
use super::keys::{FILE, NETWORK};
use super::kind::{Choice, Counts, Durations, List, Optional, Sizes, Text};
use super::{Config, rules};

const MIB: usize = 1 << 20;
const MILLISECOND: Duration = Duration::from_millis(1);

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

table! {
    /// Call records: one line of JSON for each dialog that ended, to a file, to an HTTP endpoint, or both; `docs/records.md` describes
    /// them. With neither `file` nor `url` there are none.
    struct Records, "records", Config(records) {
        /// Of which dialogs: `all`, or `calls`, those that begin with INVITE.
        of: Of = Of::All, &Choice(&[("all", Of::All), ("calls", Of::Calls)]), Restart;
        /// The file that they are written to.
        file: Option<PathBuf> = None, &Optional(&RECORDS), Restart;
        /// How large the file becomes before it is put aside and the next one begins.
        file_bytes: usize = 64 * MIB, &Sizes(64 << 10, 1 << 40), Restart;
        /// How many files are kept, that which is written to included.
        files: usize = 10, &Counts(1, 1000), Restart;
        /// The URL that they are sent to: a POST with up to 512 of them, one a line.
        url: Option<String> = None, &Optional(&URL), Restart;
        /// The file with the bearer token that the URL is shown. A newline at its end does not count.
        token: Option<PathBuf> = None, &Optional(&TOKEN), Restart;
        /// How long the URL may take to answer.
        timeout: Duration = secs(10), &Durations(MILLISECOND, secs(60)), Restart;
        /// How many records may wait to be sent; one more is dropped and counted.
        queue: usize = 10_000, &Counts(1, 1_000_000), Restart;
        /// The PEM file with the certificates of the authorities that vouch for an `https` URL; without it, those that the operating
        /// system trusts do.
        roots: Option<PathBuf> = None, &Optional(&FILE), Restart;
        /// The networks beside the public Internet in which the name in the URL may be. An address that stands in the URL itself is
        /// asked anyway.
        networks: Vec<Network> = Vec::new(), &List { of: &NETWORK, may_be_empty: true }, Restart;
    }
}

table! {
    /// Traces: one for each dialog, with spans for its transactions and for the calls into its service, sent to an OpenTelemetry
    /// collector (OTLP over HTTP, protobuf). Without `url` there are none.
    struct Traces, "traces", Config(traces) {
        /// The collector's URL for traces.
        url: Option<String> = None, &Optional(&COLLECTOR), Restart;
        /// Of how many dialogs in a hundred thousand there are traces; 100000 means all.
        per_100000: usize = 100_000, &Counts(0, 100_000), Restart;
        /// The file with headers that the collector is sent, one a line: `name: value`.
        headers: Option<PathBuf> = None, &Optional(&HEADERS), Restart;
        /// What this server is called in traces (`service.name`).
        service_name: String = "strowger".to_owned(), &NAME, Restart;
        /// How long the collector may take to answer.
        timeout: Duration = secs(10), &Durations(MILLISECOND, secs(60)), Restart;
        /// How many spans may wait to be sent; one more is dropped and counted.
        queue: usize = 20_000, &Counts(1, 1_000_000), Restart;
        /// As `records.roots`.
        roots: Option<PathBuf> = None, &Optional(&FILE), Restart;
        /// As `records.networks`.
        networks: Vec<Network> = Vec::new(), &List { of: &NETWORK, may_be_empty: true }, Restart;
    }
}

static RECORDS: Text<PathBuf> = super::keys::path(
    "the path of a file",
    "files",
    "\"/var/log/strowger/records.jsonl\"",
);

static TOKEN: Text<PathBuf> =
    super::keys::path("the path of a file", "files", "\"/etc/strowger/records.token\"");

static HEADERS: Text<PathBuf> =
    super::keys::path("the path of a file", "files", "\"/etc/strowger/traces.headers\"");

static URL: Text<String> = Text {
    parse: rules::url,
    show: String::clone,
    what: "an https URL, or an http URL with an IP address for its host",
    many: "such URLs",
    example: "\"https://billing.example.com/strowger\"",
};

static COLLECTOR: Text<String> = Text {
    parse: rules::url,
    show: String::clone,
    what: "an https URL, or an http URL with an IP address for its host",
    many: "such URLs",
    example: "\"http://127.0.0.1:4318/v1/traces\"",
};

static NAME: Text<String> = Text {
    parse: rules::line,
    show: String::clone,
    what: "a name such as \"strowger\"",
    many: "such names",
    example: "\"strowger\"",
};
