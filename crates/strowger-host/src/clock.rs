//! The time that guests are measured by.

use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::Builder;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wasmtime::Engine;

use crate::guest::Guest;
use crate::service::Version;

/// How often running guests are looked at.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// After so many ticks what was kept for instances that did not come is given back: 5 s.
const SPAN: u32 = 1000;
/// How many guests are unmapped per tick: the shards wait for each.
const AT_A_TIME: usize = 8;

/// The versions that are there.
pub(crate) type Versions = Arc<Mutex<Vec<Weak<Version>>>>;

/// Starts the thread that ticks for an engine, and tidies up behind its versions. It ends with the engine.
pub(crate) fn start(engine: &Engine, versions: Versions) -> io::Result<()> {
    let engine = engine.weak();
    Builder::new().name("wasm-ticker".to_owned()).spawn(move || {
        let mut ticks = 0;
        let mut unused = Vec::new();
        loop {
            std::thread::sleep(TICK);
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
            ticks = (ticks + 1) % SPAN;
            if ticks == 0 {
                unused.extend(tidy(&versions));
            }
            unused.truncate(unused.len().saturating_sub(AT_A_TIME));
        }
    })?;
    Ok(())
}

/// What no version needs any more.
fn tidy(versions: &Versions) -> Vec<Guest> {
    let mut versions = versions.lock().unwrap_or_else(PoisonError::into_inner);
    versions.retain(|version| version.strong_count() > 0);
    let versions: Vec<_> = versions.iter().filter_map(Weak::upgrade).collect();
    versions.iter().flat_map(|version| version.tidy()).collect()
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
