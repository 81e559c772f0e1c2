//! Figures of two servers side by side: a median with its spread each, and the ratio.

use hdrhistogram::Histogram;

use crate::meter::Spent;
use crate::report::{Cell, Column, Table, column, median, spread};

/// What is measured of an operation, whatever it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    decimals: usize,
    of: fn(&Round) -> Option<f64>,
}

/// One round on one server.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) operations: u64,
    pub(crate) spent: Spent,
    /// Microseconds, as the client saw it.
    pub(crate) latency: Histogram<u64>,
}

impl Round {
    fn each(&self, value: f64) -> f64 {
        value / self.operations.max(1) as f64
    }

    pub(crate) fn rate(&self) -> f64 {
        self.operations as f64 / self.spent.span.as_secs_f64().max(1e-9)
    }

    /// Server CPU per operation, in microseconds.
    pub(crate) fn cpu(&self) -> f64 {
        self.each(self.spent.cpu.as_secs_f64() * 1e6)
    }

    /// What of it was not the system's.
    pub(crate) fn user(&self) -> f64 {
        self.each(self.spent.user.as_secs_f64() * 1e6)
    }

    /// Microseconds.
    pub(crate) fn quantile(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64
    }
}

const fn figure(name: &'static str, decimals: usize, of: fn(&Round) -> Option<f64>) -> Figure {
    Figure { name, decimals, of }
}

pub(crate) const RATE: Figure = figure("per second", 0, |round| Some(round.rate()));
pub(crate) const CPU: Figure = figure("server CPU each, us", 2, |round| Some(round.cpu()));
const USER: Figure = figure("of it user, us", 2, |round| Some(round.user()));
pub(crate) const P50: Figure = figure("p50, us", 0, |round| Some(round.quantile(0.5)));
pub(crate) const P99: Figure = figure("p99, us", 0, |round| Some(round.quantile(0.99)));
pub(crate) const P999: Figure = figure("p99.9, us", 0, |round| Some(round.quantile(0.999)));
const CALLS: Figure = figure("system calls each", 2, |round| {
    round.spent.calls.map(|calls| round.each(calls as f64))
});
const INTO: Figure = figure("bytes in each", 0, |round| {
    Some(round.each(round.spent.traffic.into as f64))
});
const OUT: Figure = figure("bytes out each", 0, |round| {
    Some(round.each(round.spent.traffic.out as f64))
});
const RESIDENT: Figure = figure("resident, KB", 0, |round| Some(round.spent.resident as f64));
const DESCRIPTORS: Figure = figure("descriptors", 0, |round| Some(round.spent.descriptors as f64));

/// All that a round tells.
pub(crate) const ALL: [Figure; 11] = [
    RATE,
    CPU,
    USER,
    P50,
    P99,
    P999,
    CALLS,
    INTO,
    OUT,
    RESIDENT,
    DESCRIPTORS,
];

/// Rounds on one server. System calls were counted in rounds of their own, as counting costs processor time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds {
    pub(crate) timed: Vec<Round>,
    pub(crate) counted: Vec<Round>,
}

impl Rounds {
    /// One value per round that has it.
    pub(crate) fn values(&self, figure: Figure) -> Vec<f64> {
        let rounds = if figure.name == CALLS.name {
            &self.counted
        } else {
            &self.timed
        };
        rounds.iter().filter_map(figure.of).collect()
    }

    /// 0 where no round has it.
    pub(crate) fn median(&self, figure: Figure) -> f64 {
        median(self.values(figure))
    }
}

pub(crate) const COLUMNS: [Column; 6] = [
    column("figure", "figure", 0),
    column("floor", "floor", 2),
    column("floor_spread", "spread", 2),
    column("strowger", "strowger", 2),
    column("strowger_spread", "spread", 2),
    column("ratio", "ratio", 2),
];

/// A table with a row for each figure.
pub(crate) fn table(
    name: &'static str,
    about: String,
    figures: &[Figure],
    floor: &Rounds,
    own: &Rounds,
) -> Table {
    let mut table = Table::new(name, about, &COLUMNS);
    for figure in figures {
        let values = [floor, own].map(|rounds| rounds.values(*figure));
        table.rows.push(row(figure.name, figure.decimals, values));
    }
    table
}

/// Medians, spreads and the ratio of the medians; what was not measured is empty.
pub(crate) fn row(name: &str, decimals: usize, [floor, own]: [Vec<f64>; 2]) -> Vec<Cell> {
    let shown = |values: &[f64], of: fn(&[f64]) -> f64| match values {
        [] => Cell::None,
        values => Cell::Exact(of(values), decimals),
    };
    let middle = |values: &[f64]| median(values.to_vec());
    let ratio = match (middle(&floor), middle(&own)) {
        (floor_middle, own_middle) if floor_middle > 0.0 && !own.is_empty() => {
            Cell::Number(own_middle / floor_middle)
        }
        _ => Cell::None,
    };
    // One value has no spread.
    let spread = |values: &[f64]| match values.len() {
        0 | 1 => Cell::None,
        _ => shown(values, spread),
    };
    vec![
        name.into(),
        shown(&floor, middle),
        spread(&floor),
        shown(&own, middle),
        spread(&own),
        ratio,
    ]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::traffic::Traffic;

    fn round(operations: u64, cpu_ms: u64, calls: Option<u64>) -> Round {
        let mut latency = crate::latency::empty();
        crate::latency::record(&mut latency, Duration::from_micros(100));
        let spent = Spent {
            span: Duration::from_secs(2),
            cpu: Duration::from_millis(cpu_ms),
            user: Duration::ZERO,
            calls,
            traffic: Traffic { into: 1000, out: 500 },
            resident: 4096,
            descriptors: 7,
        };
        Round {
            operations,
            spent,
            latency,
        }
    }

    #[test]
    fn figures_are_per_operation_and_system_calls_come_from_rounds_of_their_own() {
        let floor = Rounds {
            timed: vec![round(100, 1, None), round(50, 1, None), round(200, 1, None)],
            counted: vec![round(10, 900, Some(40))],
        };
        assert_eq!(floor.median(RATE), 50.0);
        assert_eq!(floor.values(CPU), [10.0, 20.0, 5.0]);
        assert_eq!(floor.median(CALLS), 4.0);
        let text = table("x", String::new(), &ALL, &floor, &Rounds::default()).to_string();
        let line = |name: &str| {
            text.lines()
                .find(|line| line.starts_with(name))
                .map(str::to_owned)
        };
        let words = |name: &str| -> Vec<String> {
            let line = line(name).unwrap_or_default();
            line.split_ascii_whitespace().map(str::to_owned).collect()
        };
        assert_eq!(words("per second")[2..], ["50", "75", "-", "-", "-"]);
        assert_eq!(words("bytes in each")[3..], ["10", "15", "-", "-", "-"]);
        assert_eq!(words("system calls each")[3..], ["4.00", "-", "-", "-", "-"]);
    }

    #[test]
    fn a_row_has_the_ratio_of_the_medians() {
        let cells = row("x", 0, [vec![10.0, 20.0, 30.0], vec![30.0, 10.0, 50.0]]);
        assert!(matches!(cells.last(), Some(Cell::Number(ratio)) if *ratio == 1.5));
    }
}
