//! Whether a message costs more where there are many channels and live dialogs, and what a live call takes in memory.
//!
//! A server grows step by step. After each step messages go round on it and on a second server that stays small, in turn, so that a
//! drift of the machine meets both.

mod turns;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::bars::judge;
use crate::client::{User, Witness, connect_named, name_of};
use crate::plot::{Axis, Panel, Plot, Scale, Series};
use crate::report::{Cell, Column, Table, column, median, spread};
use crate::requests::{self, partner};
use crate::server::{KINDS, Kind, Server, Settings};
use turns::Turns;

/// Where it begins, and where the other server stays.
const DIALOGS: u64 = 1000;
const CHANNELS: u64 = 100;
const STEPS: u32 = 4;
/// So many calls are set up at a time.
const AT_A_TIME: u64 = 500;
/// A safety net: how long those may take.
const PATIENCE: Duration = Duration::from_secs(60);

const COLUMNS: [Column; 8] = [
    column("server", "server", 0),
    column("dialogs", "dialogs", 0),
    column("channels", "channels", 0),
    column("cpu_us", "CPU us", 2),
    column("cpu_spread_us", "spread", 2),
    column("small_cpu_us", "small, CPU us", 2),
    column("small_cpu_spread_us", "spread", 2),
    column("cpu_ratio", "ratio", 3),
];

#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) rounds: usize,
    pub(crate) span: Duration,
    pub(crate) dialogs: u64,
    pub(crate) channels: u64,
    /// How many of the channels messages go round on.
    pub(crate) active: u64,
    pub(crate) shards: usize,
}

/// What was measured after a step, in microseconds of server CPU per message.
struct Step {
    kind: Kind,
    dialogs: u64,
    channels: u64,
    grown: Vec<f64>,
    small: Vec<f64>,
}

impl Step {
    fn ratio(&self) -> f64 {
        median(self.grown.clone()) / median(self.small.clone()).max(1e-9)
    }
}

pub(crate) async fn run(extent: Extent) -> Result<Table, String> {
    let (mut steps, mut call_kb) = (Vec::new(), None);
    for kind in KINDS {
        let grown = grow(kind, extent, &mut steps).await;
        let kb = grown.map_err(|error| format!("{}: {error}", kind.name()))?;
        if kind == Kind::Strowger {
            call_kb = kb;
        }
    }
    let about = format!(
        "server CPU per message at more and more live dialogs (two per call) and channels, beside a server of the same kind that stays at \
         {DIALOGS} and {CHANNELS}; {} messages in flight, each from the next of {} channels in turn; {} rounds of {} s in turn; medians. The \
         floor has channels only: it shows what sockets cost the system",
        turns::IN_FLIGHT,
        extent.active,
        extent.rounds,
        extent.span.as_secs()
    );
    let mut table = Table::new("growth", about, &COLUMNS);
    for step in &steps {
        let dialogs = match step.kind {
            Kind::Floor => Cell::None,
            Kind::Strowger => step.dialogs.into(),
        };
        table.rows.push(vec![
            step.kind.name().into(),
            dialogs,
            step.channels.into(),
            median(step.grown.clone()).into(),
            spread(&step.grown).into(),
            median(step.small.clone()).into(),
            spread(&step.small).into(),
            step.ratio().into(),
        ]);
    }
    let other = (extent.dialogs, extent.channels, extent.active) != (100_000, 15_000, CHANNELS);
    let last = steps.last().map_or(f64::NAN, Step::ratio);
    let verdict = judge("growth_cpu", last).of_rounds(extent.rounds);
    let why = "another number of dialogs or channels";
    table.verdicts.push(verdict.unless(other, why));
    if let Some(kb) = call_kb {
        table.notes.push(format!(
            "a live call takes {kb:.2} KB of the server's resident memory"
        ));
        table.verdicts.push(judge("call_kb", kb).unless(other, why));
    }
    table.plot = Some(plot(&steps));
    Ok(table)
}

/// Measures after each step; resolves to the KB that a live call takes, if the last step brings some.
async fn grow(kind: Kind, extent: Extent, steps: &mut Vec<Step>) -> Result<Option<f64>, String> {
    let mut small = Grown::start(kind, extent).await?;
    small.widen_to(CHANNELS).await?;
    small.fill_to(DIALOGS).await?;
    let mut grown = Grown::start(kind, extent).await?;
    let mut call_kb = None;
    for step in 0..=STEPS {
        let part = f64::from(step) / f64::from(STEPS);
        let (dialogs, channels) = (
            between(DIALOGS, extent.dialogs, part),
            between(CHANNELS, extent.channels, part),
        );
        grown.widen_to(channels).await?;
        let is_last = step == STEPS && kind == Kind::Strowger;
        let before = match is_last {
            true => Some((grown.server.settled().await?, grown.calls)),
            false => None,
        };
        grown.fill_to(dialogs).await?;
        if let Some((kb, calls)) = before
            && grown.calls > calls
        {
            let more = grown.server.settled().await?.saturating_sub(kb);
            call_kb = Some(more as f64 / (grown.calls - calls) as f64);
        }
        let mut measured = Step {
            kind,
            dialogs: 2 * grown.calls,
            channels,
            grown: Vec::new(),
            small: Vec::new(),
        };
        for _ in 0..extent.rounds {
            measured.grown.push(grown.measure(extent.span).await?);
            measured.small.push(small.measure(extent.span).await?);
        }
        steps.push(measured);
    }
    small.end().await;
    grown.end().await;
    Ok(call_kb)
}

/// Geometric: even steps on a logarithmic axis; even numbers.
fn between(from: u64, to: u64, part: f64) -> u64 {
    let (from, to) = (from as f64, to as f64);
    let value = from * (to / from).powf(part);
    (value / 2.0).round() as u64 * 2
}

/// A server with its channels and calls.
struct Grown {
    server: Server,
    turns: Arc<Turns>,
    calls: u64,
}

impl Grown {
    async fn start(kind: Kind, extent: Extent) -> Result<Self, String> {
        let server = kind.start(Settings {
            transaction: PATIENCE,
            ..Settings::shards(extent.shards)
        });
        Ok(Self {
            server: server.await?,
            turns: Arc::new(Turns::new(extent.active)),
            calls: 0,
        })
    }

    async fn widen_to(&mut self, channels: u64) -> Result<(), String> {
        let witness = Arc::clone(&self.turns) as Arc<dyn Witness>;
        let there = self.turns.users();
        if channels > there {
            let more = connect_named(self.server.address(), there..channels, name_of, &witness).await?;
            self.turns.admit(more);
        }
        Ok(())
    }

    /// Each pair gets as many calls as the others.
    async fn fill_to(&mut self, dialogs: u64) -> Result<(), String> {
        let pairs = (self.turns.users() / 2).max(1);
        while self.calls < dialogs / 2 {
            let until = (self.calls + AT_A_TIME).min(dialogs / 2);
            for call in self.calls..until {
                let caller = 2 * (call % pairs);
                let from = name_of(caller);
                let invite = requests::invite(&from, &partner(&from), &format!("o{call}"));
                self.turns.send(caller, invite);
            }
            self.calls = until;
            let started = Instant::now();
            while self.turns.calls()? < until {
                if started.elapsed() > PATIENCE {
                    return Err(format!("{} of {until} calls were answered", self.turns.calls()?));
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        Ok(())
    }

    /// Server CPU per message, in microseconds.
    async fn measure(&self, span: Duration) -> Result<f64, String> {
        self.turns.begin();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let (cpu, before) = (self.server.cpu()?, self.turns.messages());
        tokio::time::sleep(span).await;
        let messages = self.turns.messages() - before;
        let cpu = self.server.cpu()? - cpu;
        self.turns.end().await?;
        Ok(cpu.as_secs_f64() * 1e6 / messages.max(1) as f64)
    }

    /// Its sockets make room for those of the next.
    async fn end(self) {
        drop(self.server);
        let leaving: JoinSet<_> = self
            .turns
            .dismiss()
            .into_iter()
            .map(User::drop_connection)
            .collect();
        leaving.join_all().await;
    }
}

fn plot(steps: &[Step]) -> Plot {
    let series = |name: &str, kind: Kind, colour, dashed, of: fn(&Step) -> &Vec<f64>| Series {
        name: name.to_owned(),
        colour,
        dashed,
        points: steps
            .iter()
            .filter(|step| step.kind == kind)
            .map(|step| (step.channels as f64, median(of(step).clone())))
            .collect(),
    };
    let strowger = steps.iter().filter(|step| step.kind == Kind::Strowger);
    let by_dialogs = strowger.map(|step| (step.dialogs as f64, step.ratio())).collect();
    Plot {
        title: "server CPU per message against size".to_owned(),
        panels: vec![
            Panel {
                x: Axis::new("channels", Scale::Logarithmic),
                y: Axis::new("server CPU per message, us", Scale::Linear),
                series: vec![
                    series("Strowger", Kind::Strowger, 1, false, |step| &step.grown),
                    series("Strowger, small", Kind::Strowger, 1, true, |step| &step.small),
                    series("floor", Kind::Floor, 0, false, |step| &step.grown),
                    series("floor, small", Kind::Floor, 0, true, |step| &step.small),
                ],
            },
            Panel {
                x: Axis::new("live dialogs", Scale::Logarithmic),
                y: Axis::new("CPU, of the small server's", Scale::Linear),
                series: vec![Series {
                    name: "Strowger".to_owned(),
                    colour: 1,
                    dashed: false,
                    points: by_dialogs,
                }],
            },
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_lead_from_the_least_to_the_most_and_are_even() {
        assert_eq!(between(1000, 100_000, 0.0), 1000);
        assert_eq!(between(1000, 100_000, 0.5), 10_000);
        assert_eq!(between(100, 15_000, 1.0), 15_000);
        assert_eq!(between(100, 15_000, 0.25) % 2, 0);
    }
}
