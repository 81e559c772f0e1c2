//! What it costs to write calls down: the same load with the journal off, in memory, and in memory and files.

use crate::bars::judge;
use crate::closed::Work;
use crate::report::{Cell, Column, Table, column};
use crate::server::Settings;
use crate::ways::{self, Extent, ratio};

const COLUMNS: [Column; 6] = [
    column("work", "work", 0),
    column("journal", "journal", 0),
    column("per_s", "per second", 0),
    column("rate_to_off", "rate to off", 3),
    column("cpu_us", "server CPU, us", 2),
    column("cpu_to_off", "CPU to off", 3),
];

/// What is done, and the bar for the ring.
const WORK: [(Work, &str); 3] = [
    (Work::Message(1), "ring_message_1_rate"),
    (Work::Message(32), "ring_message_32_rate"),
    (Work::Call, "ring_call_rate"),
];

/// Messages and calls, round by round in turn.
pub(crate) async fn run(extent: Extent) -> Result<Table, String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let ring = "ring_bytes = \"16MiB\"\n";
    let files = format!(
        "{ring}directory = \"{}\"\nper_100000 = 1000\nfiles = 100\n",
        directory.path().display()
    );
    let journals = ["", ring, files.as_str()];
    let about = format!(
        "{} rounds of {} s; a ring of 16 MiB per shard, files of one call in a hundred; messages through relay, so many in flight per \
         pair; medians",
        extent.rounds,
        extent.span.as_secs()
    );
    let mut table = Table::new("journal", about, &COLUMNS);
    for (work, bar) in WORK {
        let settings = journals.map(|journal| Settings {
            journal,
            ..Settings::shards(extent.shards)
        });
        let measured = ways::measure(work, settings, extent).await?;
        let [off, in_ring, _] = &measured;
        for (name, rounds) in ["off", "ring", "ring and files"].iter().zip(&measured) {
            table.rows.push(vec![
                work.to_string().as_str().into(),
                (*name).into(),
                Cell::Number(rounds.rate()),
                Cell::Number(ratio(&rounds.rates, &off.rates)),
                Cell::Number(rounds.cpu()),
                Cell::Number(ratio(&rounds.cpus, &off.cpus)),
            ]);
        }
        let verdict = judge(bar, ratio(&in_ring.rates, &off.rates));
        table.verdicts.push(verdict.of_rounds(extent.rounds));
    }
    Ok(table)
}
