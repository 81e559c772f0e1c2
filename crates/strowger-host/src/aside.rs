//! Work that takes long, on a thread behind which the shards need not wait.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use rustix::process::setpriority_process;
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};

use crate::error::LoadError;

/// The priority of the thread that is not idle, as `nice` counts.
const NICE: i32 = 10;
/// How long the idle thread has for any work.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it has beside that for each MiB.
const PATIENCE_PER_MIB: Duration = Duration::from_secs(10);

/// How much a thread gets of the cores.
#[derive(Clone, Copy)]
enum Share {
    /// What nobody else wants: whoever wakes up goes before it at once.
    Idle,
    /// A tenth of what a shard gets. It may hold the core for some milliseconds, though.
    Tenth,
}

/// How long work on so many bytes may get nothing but what nobody wants.
pub(crate) fn patience(bytes: usize) -> Duration {
    let mebibytes = u32::try_from(bytes >> 20).unwrap_or(u32::MAX);
    PATIENCE.saturating_add(PATIENCE_PER_MIB.saturating_mul(mebibytes))
}

/// Does work on a thread of its own, with what the shards leave of the cores. Where they leave nothing for so long, it is begun
/// once more, with a small share that it does get: the result is that of whoever is ready first.
///
/// # Errors
///
/// What the work says, or [`LoadError::Compiler`] where there is no thread or the work panicked.
pub(crate) fn aside<T: Send + 'static>(
    patience: Duration,
    work: impl Fn() -> Result<T, LoadError> + Send + Sync + 'static,
) -> Result<T, LoadError> {
    let work = Arc::new(work);
    let (done, results) = channel();
    begin(Share::Idle, &work, done.clone())?;
    if let Ok(result) = results.recv_timeout(patience) {
        return result;
    }
    begin(Share::Tenth, &work, done)?;
    let panicked = |_| LoadError::Compiler(std::io::Error::other("the compiler failed"));
    results.recv().map_err(panicked)?
}

fn begin<T: Send + 'static>(
    share: Share,
    work: &Arc<impl Fn() -> Result<T, LoadError> + Send + Sync + 'static>,
    done: Sender<Result<T, LoadError>>,
) -> Result<(), LoadError> {
    let work = Arc::clone(work);
    let thread = std::thread::Builder::new().name("wasm-compiler".to_owned());
    let spawned = thread.spawn(move || {
        share.take();
        // Somebody else may have been ready before.
        let _ = done.send(work());
    });
    spawned.map(drop).map_err(LoadError::Compiler)
}

impl Share {
    /// Nobody is worse off without it than with a plain thread.
    fn take(self) {
        match self {
            Self::Idle => {
                let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
                let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
            }
            Self::Tenth => {
                let _ = setpriority_process(None, NICE);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use thread_priority::thread_schedule_policy;

    use super::*;

    #[test]
    fn work_gets_what_nobody_else_wants() {
        let policy = aside(Duration::MAX, || Ok(thread_schedule_policy()));
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        assert_eq!(policy.unwrap().unwrap(), idle);
    }

    #[test]
    fn work_that_gets_nothing_is_begun_once_more() {
        let (release, released) = channel();
        let released = Mutex::new(released);
        let begun = AtomicUsize::new(0);
        let result = aside(Duration::ZERO, move || {
            if begun.fetch_add(1, Ordering::Relaxed) == 0 {
                // Until the second one has been ready for as long as this whole test.
                let _: Result<(), _> = released.lock().unwrap().recv();
                return Ok("first");
            }
            Ok("second")
        });
        assert_eq!(result.unwrap(), "second");
        drop::<Sender<()>>(release);
    }

    #[test]
    fn what_is_wrong_is_told() {
        let result: Result<(), _> = aside(Duration::MAX, || Err(LoadError::NotWebAssembly));
        assert!(matches!(result, Err(LoadError::NotWebAssembly)));
    }

    #[test]
    fn larger_components_have_more_time() {
        assert_eq!(patience(0), Duration::from_secs(5));
        assert_eq!(patience(3 << 20), Duration::from_secs(35));
    }
}
