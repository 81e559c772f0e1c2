//! Messages and calls on both servers in turn: closed loop, and open loop at a fixed rate.

use std::time::Duration;

use crate::bars::judge;
use crate::closed::{self, Work};
use crate::figures::{self, ALL, CPU, P50, P99, P999, RATE, Rounds};
use crate::meter::Calls;
use crate::open::{self, Offer};
use crate::report::{Table, median};
use crate::server::{KINDS, Settings};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) rounds: usize,
    pub(crate) span: Duration,
    /// Pairs of users; without it so many as the bars speak of.
    pub(crate) pairs: Option<u64>,
    pub(crate) shards: usize,
    /// Operations per second, for an open loop beside the closed one.
    pub(crate) rate: Option<u64>,
}

impl Extent {
    /// 100 channels for messages, 100 pairs for calls.
    pub(crate) fn pairs(&self, work: Work) -> u64 {
        let usual = match work {
            Work::Message(_) => 50,
            Work::Call => 100,
        };
        self.pairs.unwrap_or(usual)
    }

    fn about(&self, work: Work, what: &str) -> String {
        format!(
            "{work}, {what}: {} pairs, {} rounds of {} s; medians, and the greatest less the least",
            self.pairs(work),
            self.rounds,
            self.span.as_secs()
        )
    }
}

pub(crate) async fn run(works: &[Work], extent: Extent) -> Result<Vec<Table>, String> {
    let mut tables = Vec::new();
    for work in works {
        let [floor, own] = closed(*work, extent).await?;
        tables.push(closed_table(*work, extent, &floor, &own));
        if matches!(work, Work::Call) {
            let half = own.median(RATE) / 2.0;
            tables.push(
                open(
                    *work,
                    extent,
                    half,
                    "half_load",
                    "open loop at half of Strowger's rate",
                )
                .await?,
            );
        }
        // At a given rate it makes no difference how many may be in flight.
        if let Some(rate) = extent.rate
            && !matches!(work, Work::Message(2..))
        {
            tables.push(open(*work, extent, rate as f64, "open_loop", "open loop").await?);
        }
    }
    Ok(tables)
}

/// Closed loops on both servers in turn, round by round, so that a drift of the machine meets both; and one more round of
/// each in which system calls are counted.
pub(crate) async fn closed(work: Work, extent: Extent) -> Result<[Rounds; 2], String> {
    let mut measured = [Rounds::default(), Rounds::default()];
    let timed = std::iter::repeat_n(Calls::Leave, extent.rounds);
    for calls in timed.chain([Calls::Count]) {
        for (kind, rounds) in KINDS.into_iter().zip(&mut measured) {
            let server = kind.start(Settings::shards(extent.shards)).await?;
            let round = closed::measure(&server, work, extent.pairs(work), extent.span, calls).await;
            let round = round.map_err(|error| format!("{}: {error}", kind.name()))?;
            match calls {
                Calls::Leave => rounds.timed.push(round),
                Calls::Count => rounds.counted.push(round),
            }
        }
    }
    Ok(measured)
}

fn closed_table(work: Work, extent: Extent, floor: &Rounds, own: &Rounds) -> Table {
    let name = match work {
        Work::Message(1) => "message_1",
        Work::Message(_) => "message_32",
        Work::Call => "call",
    };
    let about = extent.about(work, "closed loop");
    let mut table = figures::table(name, about, &ALL, floor, own);
    let ratio = |figure| own.median(figure) / floor.median(figure);
    let other_pairs = extent.pairs(work)
        != Extent {
            pairs: None,
            ..extent
        }
        .pairs(work);
    let bars = match work {
        Work::Message(1) => vec![("message_1_rate", RATE), ("message_1_cpu", CPU)],
        Work::Message(_) => vec![("message_32_rate", RATE), ("message_32_cpu", CPU)],
        Work::Call => vec![("call_rate", RATE)],
    };
    for (bar, figure) in bars {
        let verdict = judge(bar, ratio(figure)).of_rounds(extent.rounds);
        table
            .verdicts
            .push(verdict.unless(other_pairs, "another number of pairs"));
    }
    table
}

/// The same rate for both servers.
async fn open(
    work: Work,
    extent: Extent,
    rate: f64,
    name: &'static str,
    what: &str,
) -> Result<Table, String> {
    let offer = Offer {
        work,
        rate,
        pairs: extent.pairs(work),
        span: extent.span,
    };
    let (mut measured, mut refused) = ([Rounds::default(), Rounds::default()], [0, 0]);
    for _ in 0..extent.rounds {
        for (at, kind) in KINDS.into_iter().enumerate() {
            let server = kind.start(Settings::shards(extent.shards)).await?;
            let round = open::drive(&server, offer).await;
            let (round, more) = round.map_err(|error| format!("{}: {error}", kind.name()))?;
            measured[at].timed.push(round);
            refused[at] += more;
        }
    }
    let [floor, own] = measured;
    let what = format!("{what}, {rate:.0}/s");
    let until = match work {
        Work::Message(_) => "from when a message was due to its 200",
        Work::Call => "from when a call was due to the 200 to its INVITE",
    };
    let about = format!("{}; latency {until}", extent.about(work, &what));
    let mut table = figures::table(name, about, &[RATE, CPU, P50, P99, P999], &floor, &own);
    if refused != [0, 0] {
        let [floor, own] = refused;
        table
            .notes
            .push(format!("refused: {floor} by the floor, {own} by Strowger"));
    }
    if name == "half_load" {
        // Rounds on both servers alternate: the ratio is that of neighbours.
        let ratios = own.values(P99).into_iter().zip(floor.values(P99));
        let ratio = median(ratios.map(|(own, floor)| own / floor.max(1.0)).collect());
        let verdict = judge("call_setup_p99", ratio).of_rounds(extent.rounds);
        table.verdicts.push(verdict);
    }
    Ok(table)
}
