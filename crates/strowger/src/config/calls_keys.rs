//! The keys of what is kept of calls to be shown: `[calls]`.

use super::Config;
use super::key::{Change, Field, Key, table};
use super::kind::{Choice, Counts, Sizes};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

table! {
    /// The latest calls and what happened in them, message by message, as the admin interface, its console and `strowger trace` show
    /// them: `docs/admin.md`. They are kept in memory.
    struct Calls, "calls", Config(calls) {
        /// How many are kept; the oldest that are over leave first. 0: none, and nothing is shown.
        kept: usize = 1000, &Counts(0, 100_000), Reload;
        /// How much memory they take at most.
        bytes: usize = 32 * MIB, &Sizes(64 * KIB, 1 << 34), Reload;
        /// How many events of one call are kept; the oldest leave first.
        events: usize = 500, &Counts(10, 100_000), Reload;
        /// When the server looks: `asked`, while somebody follows calls or has asked for them within ten minutes, so that it costs
        /// nothing otherwise, and only calls are known that began in such a time; or `always`.
        seen: bool = false, &Choice(&[("asked", false), ("always", true)]), Reload;
        /// Whether bodies of messages are kept as well, the first 16 KiB of each. They are shown to the roles `operate` and `deploy`.
        bodies: bool = false, &Choice(&[("on", true), ("off", false)]), Reload;
    }
}
