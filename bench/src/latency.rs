//! Histograms of latency in microseconds, of any length.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Exact to three digits; grows with what is recorded.
pub(crate) fn empty() -> Histogram<u64> {
    Histogram::new(3).expect("three digits are allowed")
}

pub(crate) fn record(latency: &mut Histogram<u64>, took: Duration) {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    // An hour is beyond all that is waited for; the histogram grows up to it.
    let recorded = latency.record(micros.min(HOUR));
    debug_assert!(recorded.is_ok(), "it has room for an hour");
}

const HOUR: u64 = 3_600_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_of_all_lengths_are_told_apart() {
        let mut latency = empty();
        for took in [
            Duration::from_micros(7),
            Duration::from_secs(2),
            Duration::from_secs(100_000),
        ] {
            record(&mut latency, took);
        }
        assert_eq!(latency.value_at_quantile(0.1), 7);
        assert_eq!(latency.value_at_quantile(0.5) / 10_000, 200);
        assert_eq!(latency.value_at_quantile(1.0) / 100_000_000, 36);
    }
}
