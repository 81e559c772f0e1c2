//! Latency and processor time against load: open loop from a tenth of the floor's own rate to nine tenths.

use crate::closed::Work;
use crate::compare::{self, Extent};
use crate::figures::{CPU, Figure, P50, P99, RATE, Rounds};
use crate::open::{self, Offer};
use crate::plot::{Axis, Panel, Plot, Scale, Series};
use crate::report::{Column, Table, column, spread};
use crate::server::{KINDS, Settings};

/// Percent of the floor's rate.
const STEPS: [u32; 9] = [10, 20, 30, 40, 50, 60, 70, 80, 90];

const COLUMNS: [Column; 12] = [
    column("load_percent", "load %", 0),
    column("offered", "per second", 0),
    column("floor_p50_us", "floor p50 us", 0),
    column("floor_p99_us", "floor p99 us", 0),
    column("floor_p99_spread_us", "spread", 0),
    column("floor_cpu_us", "floor CPU us", 2),
    column("strowger_p50_us", "strowger p50 us", 0),
    column("strowger_p99_us", "strowger p99 us", 0),
    column("strowger_p99_spread_us", "spread", 0),
    column("strowger_cpu_us", "strowger CPU us", 2),
    column("cpu_ratio", "CPU ratio", 2),
    column("refused", "refused", 0),
];

/// Both servers at one load.
struct Step {
    percent: u32,
    rate: f64,
    servers: [Rounds; 2],
    refused: u64,
}

pub(crate) async fn run(work: Work, extent: Extent) -> Result<Table, String> {
    let [floor, _] = compare::closed(work, extent).await?;
    let full = floor.median(RATE);
    let mut steps = Vec::new();
    for percent in STEPS {
        let rate = full * f64::from(percent) / 100.0;
        steps.push(step(work, extent, percent, rate).await?);
    }
    let about = format!(
        "{work}, open loop: percent of the floor's closed-loop rate of {full:.0}/s; {} pairs, {} rounds of {} s; medians; latency \
         from when an operation was due",
        extent.pairs(work),
        extent.rounds,
        extent.span.as_secs()
    );
    let mut table = Table::new("load", about, &COLUMNS);
    for step in &steps {
        let [floor, own] = &step.servers;
        let mut row = vec![f64::from(step.percent).into(), step.rate.into()];
        for server in &step.servers {
            row.extend([
                server.median(P50).into(),
                server.median(P99).into(),
                spread(&server.values(P99)).into(),
                server.median(CPU).into(),
            ]);
        }
        row.extend([(own.median(CPU) / floor.median(CPU)).into(), step.refused.into()]);
        table.rows.push(row);
    }
    table.plot = Some(plot(work, &steps));
    Ok(table)
}

async fn step(work: Work, extent: Extent, percent: u32, rate: f64) -> Result<Step, String> {
    let offer = Offer {
        work,
        rate,
        pairs: extent.pairs(work),
        span: extent.span,
    };
    let mut servers = [Rounds::default(), Rounds::default()];
    let mut refused = 0;
    for _ in 0..extent.rounds {
        for (kind, rounds) in KINDS.into_iter().zip(&mut servers) {
            let server = kind.start(Settings::shards(extent.shards)).await?;
            let round = open::drive(&server, offer).await;
            let failed = |error| format!("{} at {percent} %: {error}", kind.name());
            let (round, more) = round.map_err(failed)?;
            rounds.timed.push(round);
            refused += more;
        }
    }
    Ok(Step {
        percent,
        rate,
        servers,
        refused,
    })
}

fn plot(work: Work, steps: &[Step]) -> Plot {
    let series = |name: &str, server: usize, figure: Figure, dashed| Series {
        name: name.to_owned(),
        colour: server,
        dashed,
        points: steps
            .iter()
            .map(|step| (f64::from(step.percent), step.servers[server].median(figure)))
            .collect(),
    };
    let load = || Axis::new("load, percent of the floor's closed-loop rate", Scale::Linear);
    Plot {
        title: format!("{work}: latency and processor time against load"),
        panels: vec![
            Panel {
                x: load(),
                y: Axis::new("latency, us", Scale::Logarithmic),
                series: vec![
                    series("floor, p50", 0, P50, true),
                    series("floor, p99", 0, P99, false),
                    series("Strowger, p50", 1, P50, true),
                    series("Strowger, p99", 1, P99, false),
                ],
            },
            Panel {
                x: load(),
                y: Axis::new("server CPU per operation, us", Scale::Linear),
                series: vec![series("floor", 0, CPU, false), series("Strowger", 1, CPU, false)],
            },
        ],
    }
}
