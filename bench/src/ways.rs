//! The same load on servers that are started in several ways, round by round in turn.

use std::time::Duration;

use crate::closed::{self, Work};
use crate::meter::Calls;
use crate::report::median;
use crate::server::{Server, Settings};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) rounds: usize,
    pub(crate) span: Duration,
    pub(crate) pairs: u64,
    pub(crate) shards: usize,
}

/// What one way came to, a number a round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds {
    /// Operations per second.
    pub(crate) rates: Vec<f64>,
    /// Processor time of the server for each, us.
    pub(crate) cpus: Vec<f64>,
}

impl Rounds {
    pub(crate) fn rate(&self) -> f64 {
        median(self.rates.clone())
    }

    pub(crate) fn cpu(&self) -> f64 {
        median(self.cpus.clone())
    }
}

/// What a figure is, of another's: the median over the rounds. Two that were measured one after the other are compared, for
/// a machine is not always as fast as a minute ago.
pub(crate) fn ratio(of: &[f64], to: &[f64]) -> f64 {
    median(of.iter().zip(to).map(|(of, to)| of / to).collect())
}

pub(crate) async fn measure<const N: usize>(
    work: Work,
    ways: [Settings<'_>; N],
    extent: Extent,
) -> Result<[Rounds; N], String> {
    let mut measured = std::array::from_fn(|_| Rounds::default());
    for _ in 0..extent.rounds {
        for (settings, rounds) in ways.iter().zip(&mut measured) {
            let server = Server::strowger(*settings)?;
            server.wait_until_ready().await?;
            let round = closed::measure(&server, work, extent.pairs, extent.span, Calls::Leave).await?;
            let operations = round.operations as f64;
            rounds.rates.push(operations / round.spent.span.as_secs_f64());
            rounds.cpus.push(round.spent.cpu.as_secs_f64() * 1e6 / operations);
        }
    }
    Ok(measured)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_compared_each_with_its_neighbour() {
        // All became slower in the middle, and one is a tenth slower than the other throughout.
        let (to, of) = ([100.0, 50.0, 80.0], [90.0, 45.0, 72.0]);
        assert!((ratio(&of, &to) - 0.9).abs() < 1e-9);
        assert_eq!(ratio(&[], &[]), 0.0);
    }
}
