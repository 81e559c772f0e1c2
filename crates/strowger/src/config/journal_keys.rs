//! The keys of what is written down of calls, to be played again: `[journal]`.

use std::path::PathBuf;

use super::Config;
use super::key::{Change, Field, Key, table};
use super::keys::{ONE_USER, SERVICE};
use super::kind::{Choice, Counts, List, Optional, Sizes, Text};

const MIB: usize = 1 << 20;

table! {
    /// The journal: what the services of calls were told and did, to be played again with `strowger replay`; `docs/debugging.md` shows how.
    /// With neither `ring_bytes` nor `directory` nothing is written down. It can be turned on and off while the server runs: calls that
    /// begin from then on can be played again.
    struct Journal, "journal", Config(journal) {
        /// How many bytes of the latest records of all calls each shard keeps in memory; 0 means none. A call that is in it from its
        /// beginning on can be had at `/v1/calls/CALL/journal` of the admin interface.
        ring_bytes: usize = 0, &Sizes(0, 1 << 32), Reload;
        /// Whether bodies of messages, of requests over HTTP and values of stores are written down as they are. Otherwise only their
        /// lengths are, and a service that reads them may decide otherwise when it is played again.
        bodies: bool = false, &Choice(&[("on", true), ("off", false)]), Reload;
        /// The directory in which journals of calls are kept, each in a file of its own; made if there is none. Which calls, the next
        /// three keys say; where they say nothing, all.
        directory: Option<PathBuf> = None, &Optional(&DIRECTORY), Reload;
        /// Calls in which one of these users takes part are kept in `directory`.
        users: Vec<String> = Vec::new(), &List { of: &ONE_USER, may_be_empty: true }, Reload;
        /// So are the calls of these services.
        services: Vec<String> = Vec::new(), &List { of: &SERVICE, may_be_empty: true }, Reload;
        /// So are this many in a hundred thousand of all others; 100000 means all.
        per_100000: usize = 0, &Counts(0, 100_000), Reload;
        /// How much of one call is kept in `directory`; what comes after that is cut, and said to be.
        file_bytes: usize = MIB, &Sizes(16 << 10, 1 << 30), Reload;
        /// How many files `directory` may hold; the oldest goes first.
        files: usize = 1000, &Counts(1, 1_000_000), Reload;
    }
}

static DIRECTORY: Text<PathBuf> = super::keys::path(
    "the path of a directory",
    "paths",
    "\"/var/lib/strowger/journals\"",
);
