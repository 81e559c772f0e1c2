//! The time that guests are measured by.

use std::io;
use std::thread::Builder;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wasmtime::Engine;

/// How often running guests are looked at.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// Starts the thread that ticks for an engine. It ends with the engine.
pub(crate) fn start(engine: &Engine) -> io::Result<()> {
    let engine = engine.weak();
    Builder::new().name("wasm-ticker".to_owned()).spawn(move || {
        loop {
            std::thread::sleep(TICK);
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
        }
    })?;
    Ok(())
}

/// After so many ticks at least this time is over.
pub(crate) fn ticks(span: Duration) -> u64 {
    u64::try_from(span.as_micros().div_ceil(TICK.as_micros()))
        .unwrap_or(u64::MAX - 1)
        .saturating_add(1)
}

/// Processor time of this thread so far.
pub(crate) fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_ticks_take_at_least_the_span() {
        assert_eq!(ticks(Duration::ZERO), 1);
        assert_eq!(ticks(TICK), 2);
        assert_eq!(ticks(TICK + Duration::from_micros(1)), 3);
        assert_eq!(ticks(Duration::MAX), u64::MAX);
    }

    #[test]
    fn processor_time_goes_on_while_the_thread_works() {
        let start = processor_time();
        while processor_time() == start {}
        assert!(processor_time() > start);
    }
}
