//! Messages and calls, closed loop, on both servers in turn.

use std::time::Duration;

use crate::closed::{self, Measured, Work};
use crate::report::{Column, Table, column, median};
use crate::server::{Server, Settings};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) rounds: usize,
    pub(crate) span: Duration,
    pub(crate) pairs: u64,
    pub(crate) shards: usize,
}

const COLUMNS: [Column; 11] = [
    column("work", "work", 0),
    column("floor_per_second", "floor/s", 0),
    column("strowger_per_second", "strowger/s", 0),
    column("rate_ratio", "rate ratio", 2),
    column("floor_cpu_us", "floor CPU us", 2),
    column("strowger_cpu_us", "strowger CPU us", 2),
    column("cpu_ratio", "CPU ratio", 2),
    column("floor_p50_us", "floor p50 us", 0),
    column("strowger_p50_us", "strowger p50 us", 0),
    column("floor_p99_us", "floor p99 us", 0),
    column("strowger_p99_us", "strowger p99 us", 0),
];

pub(crate) async fn run(works: &[Work], extent: Extent) -> Result<Table, String> {
    let about = format!(
        "{} pairs, {} rounds of {} s; medians; CPU is the server's per operation, from /proc",
        extent.pairs,
        extent.rounds,
        extent.span.as_secs()
    );
    let mut table = Table::new("operations", about, &COLUMNS);
    for work in works {
        let (floor, own) = compare(*work, extent).await?;
        table.rows.push(vec![
            work.to_string().as_str().into(),
            floor.per_second.into(),
            own.per_second.into(),
            (own.per_second / floor.per_second).into(),
            floor.cpu_micros.into(),
            own.cpu_micros.into(),
            (own.cpu_micros / floor.cpu_micros).into(),
            floor.p50.into(),
            own.p50.into(),
            floor.p99.into(),
            own.p99.into(),
        ]);
    }
    Ok(table)
}

/// Measures both servers in turn, round by round, so that a drift of the machine meets both.
async fn compare(work: Work, extent: Extent) -> Result<(Median, Median), String> {
    let (mut floor, mut strowger) = (Vec::new(), Vec::new());
    for _ in 0..extent.rounds {
        let server = Server::floor()?;
        floor.push(
            measure(server, work, extent)
                .await
                .map_err(|error| format!("floor: {error}"))?,
        );
        let server = Server::strowger(Settings::shards(extent.shards))?;
        strowger.push(
            measure(server, work, extent)
                .await
                .map_err(|error| format!("strowger: {error}"))?,
        );
    }
    Ok((Median::new(&floor), Median::new(&strowger)))
}

async fn measure(server: Server, work: Work, extent: Extent) -> Result<Measured, String> {
    server.wait_until_ready().await?;
    closed::drive(&server, work, extent.pairs, extent.span).await
}

/// Medians of some rounds on one server.
#[derive(Debug)]
struct Median {
    per_second: f64,
    cpu_micros: f64,
    p50: f64,
    p99: f64,
}

impl Median {
    fn new(rounds: &[Measured]) -> Self {
        let of = |figure: fn(&Measured) -> f64| median(rounds.iter().map(figure).collect());
        Self {
            per_second: of(|round| operations(round) / round.span.as_secs_f64()),
            cpu_micros: of(|round| round.cpu.as_secs_f64() * 1e6 / operations(round)),
            p50: of(|round| round.latency.value_at_quantile(0.5) as f64),
            p99: of(|round| round.latency.value_at_quantile(0.99) as f64),
        }
    }
}

fn operations(round: &Measured) -> f64 {
    round.operations.max(1) as f64
}
