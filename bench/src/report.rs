//! What was measured, as a table.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

/// One round on one server.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) operations: u64,
    pub(crate) span: Duration,
    pub(crate) cpu: Duration,
    /// Microseconds per operation as the client saw it.
    pub(crate) latency: Histogram<u64>,
}

/// Medians of some rounds on one server.
#[derive(Debug)]
struct Median {
    per_second: f64,
    cpu_micros: f64,
    p99: u64,
}

impl Median {
    fn new(rounds: &[Measured]) -> Self {
        let operations = |round: &Measured| round.operations.max(1) as f64;
        Self {
            per_second: median(
                rounds
                    .iter()
                    .map(|round| operations(round) / round.span.as_secs_f64())
                    .collect(),
            ),
            cpu_micros: median(
                rounds
                    .iter()
                    .map(|round| round.cpu.as_secs_f64() * 1e6 / operations(round))
                    .collect(),
            ),
            p99: median(
                rounds
                    .iter()
                    .map(|round| round.latency.value_at_quantile(0.99) as f64)
                    .collect(),
            ) as u64,
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    name: String,
    floor: Median,
    strowger: Median,
}

impl Row {
    pub(crate) const HEAD: &'static str = "work                  floor/s  strowger/s  rate ratio  floor CPU us  \
                                           strowger CPU us  CPU ratio  floor p99 us  strowger p99 us";

    pub(crate) fn new(name: String, floor: &[Measured], strowger: &[Measured]) -> Self {
        Self {
            name,
            floor: Median::new(floor),
            strowger: Median::new(strowger),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (floor, own) = (&self.floor, &self.strowger);
        write!(
            f,
            "{:<20} {:>8.0}  {:>10.0}  {:>10.2}  {:>12.2}  {:>15.2}  {:>9.2}  {:>12}  {:>15}",
            self.name,
            floor.per_second,
            own.per_second,
            own.per_second / floor.per_second,
            floor.cpu_micros,
            own.cpu_micros,
            own.cpu_micros / floor.cpu_micros,
            floor.p99,
            own.p99,
        )
    }
}
