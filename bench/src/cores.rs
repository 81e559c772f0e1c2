//! Whether cores add up: processor time per message with two shards against one.

use crate::bars::judge;
use crate::closed::{self, Work};
use crate::compare::Extent;
use crate::figures::{CPU, RATE, Rounds};
use crate::meter::Calls;
use crate::report::{Column, Table, column, spread};
use crate::server::{Kind, Settings};

const COLUMNS: [Column; 8] = [
    column("work", "work", 0),
    column("cpu_1_us", "1 shard, CPU us", 2),
    column("cpu_1_spread_us", "spread", 2),
    column("cpu_2_us", "2 shards, CPU us", 2),
    column("cpu_2_spread_us", "spread", 2),
    column("cpu_ratio", "CPU ratio", 2),
    column("rate_1", "1 shard, per second", 0),
    column("rate_2", "2 shards, per second", 0),
];

pub(crate) async fn run(extent: Extent) -> Result<Table, String> {
    let pairs = extent.pairs(Work::Message(1));
    let about = format!(
        "messages with two shards against one, closed loop: {pairs} pairs, {} rounds of {} s; medians of the server's CPU per message; \
         the load generator runs on the same cores, so rates do not show what two shards can do",
        extent.rounds,
        extent.span.as_secs()
    );
    let mut table = Table::new("cores", about, &COLUMNS);
    let mut worst = 0.0_f64;
    for work in [Work::Message(1), Work::Message(32)] {
        let mut measured = [Rounds::default(), Rounds::default()];
        for _ in 0..extent.rounds {
            for (shards, rounds) in [1, 2].into_iter().zip(&mut measured) {
                let server = Kind::Strowger.start(Settings::shards(shards)).await?;
                let round = closed::measure(&server, work, pairs, extent.span, Calls::Leave).await?;
                rounds.timed.push(round);
            }
        }
        let [one, two] = measured;
        let ratio = two.median(CPU) / one.median(CPU);
        worst = worst.max(ratio);
        table.rows.push(vec![
            work.to_string().as_str().into(),
            one.median(CPU).into(),
            spread(&one.values(CPU)).into(),
            two.median(CPU).into(),
            spread(&two.values(CPU)).into(),
            ratio.into(),
            one.median(RATE).into(),
            two.median(RATE).into(),
        ]);
    }
    table
        .verdicts
        .push(judge("cores_cpu", worst).of_rounds(extent.rounds));
    Ok(table)
}
