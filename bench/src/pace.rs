//! An open loop: things are due at their times, whether or not earlier ones are done.

use std::time::{Duration, Instant};

/// Calls at a fixed rate, each time with its number and the time it is due. For a thread of its own: timers of the
/// runtime are too coarse. Who is late catches up, and what is due counts its time from then.
pub(crate) fn pace(start: Instant, span: Duration, rate: f64, mut call: impl FnMut(u64, Instant)) -> u64 {
    let calls = (span.as_secs_f64() * rate) as u64;
    for number in 0..calls {
        let due = start + Duration::from_secs_f64(number as f64 / rate);
        let early = due.saturating_duration_since(Instant::now());
        if !early.is_zero() {
            std::thread::sleep(early);
        }
        call(number, due);
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_has_its_own_time_however_late_it_is() {
        // Long ago, so nothing has to wait.
        let start = Instant::now() - Duration::from_secs(10);
        let mut due = Vec::new();
        let calls = pace(start, Duration::from_secs(2), 2.0, |number, at| {
            due.push((number, at - start));
        });
        assert_eq!(calls, 4);
        let expected = [0, 500, 1000, 1500].map(Duration::from_millis);
        assert_eq!(due, (0..).zip(expected).collect::<Vec<_>>());
    }
}
