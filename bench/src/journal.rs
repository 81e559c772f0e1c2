//! What it costs to write calls down: the same load with the journal off, in memory, and in memory and files.

use std::time::Duration;

use crate::closed::{self, Work};
use crate::report::{Cell, Column, Table, column, median};
use crate::server::{Server, Settings};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) rounds: usize,
    pub(crate) span: Duration,
    pub(crate) pairs: u64,
    pub(crate) shards: usize,
}

const COLUMNS: [Column; 5] = [
    column("work", "work", 0),
    column("journal", "journal", 0),
    column("per_s", "per second", 0),
    column("cpu_us", "server CPU, us", 2),
    column("cpu_to_off", "CPU to off", 3),
];

/// Messages and calls, round by round in turn.
pub(crate) async fn run(extent: Extent) -> Result<Table, String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let ring = "ring_bytes = \"16MiB\"\n";
    let files = format!(
        "{ring}directory = \"{}\"\nper_100000 = 1000\nfiles = 100\n",
        directory.path().display()
    );
    let ways = [("off", ""), ("ring", ring), ("ring and files", files.as_str())];
    let about = format!(
        "{} rounds of {} s; a ring of 16 MiB per shard, files of one call in a hundred; messages through relay, so many in flight per \
         pair; medians",
        extent.rounds,
        extent.span.as_secs()
    );
    let mut table = Table::new("journal", about, &COLUMNS);
    for work in [Work::Message(1), Work::Message(32), Work::Call] {
        let mut measured = ways.map(|_| (Vec::new(), Vec::new()));
        for _ in 0..extent.rounds {
            for ((_, journal), (rates, cpus)) in ways.iter().zip(&mut measured) {
                let server = Server::strowger(Settings {
                    journal,
                    ..Settings::shards(extent.shards)
                })?;
                server.wait_until_ready().await?;
                let round = closed::drive(&server, work, extent.pairs, extent.span).await?;
                let operations = round.operations as f64;
                rates.push(operations / round.span.as_secs_f64());
                cpus.push(round.cpu.as_secs_f64() * 1e6 / operations);
            }
        }
        let medians = measured.map(|(rates, cpus)| (median(rates), median(cpus)));
        let off = medians[0].1;
        for ((name, _), (rate, cpu)) in ways.iter().zip(medians) {
            table.rows.push(vec![
                work.to_string().as_str().into(),
                (*name).into(),
                Cell::Number(rate),
                Cell::Number(cpu),
                Cell::Number(cpu / off),
            ]);
        }
    }
    Ok(table)
}
