//! The handshakes under way, and which of them makes room when there are too many.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

/// How long a handshake may take at least, however many wait. An honest one takes a round trip or two.
const GRACE: Duration = Duration::from_secs(1);
/// From so many on, those that are over are looked for.
const FIRST_SWEEP: usize = 64;

/// The handshakes under way, oldest first, among some that are over.
#[derive(Debug)]
pub(super) struct Pending {
    tasks: VecDeque<(Instant, AbortHandle)>,
    sweep_at: usize,
}

impl Default for Pending {
    fn default() -> Self {
        Self {
            tasks: VecDeque::new(),
            sweep_at: FIRST_SWEEP,
        }
    }
}

impl Pending {
    pub(super) fn push(&mut self, now: Instant, task: AbortHandle) {
        if self.tasks.len() >= self.sweep_at {
            self.tasks.retain(|(_, task)| !task.is_finished());
            self.sweep_at = FIRST_SWEEP.max(self.tasks.len() * 2);
        }
        self.tasks.push_back((now, task));
    }

    /// Waits for a permit; while there is none, ends the oldest handshake once its grace is over. So silent connections
    /// hold a listener up for the grace, and not for as long as a request may take. `None` once there are no permits.
    pub(super) async fn make_room(&mut self, permits: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        loop {
            let permit = Arc::clone(permits).acquire_owned();
            let Some(due) = self.oldest().map(|begun| begun + GRACE) else {
                return permit.await.ok();
            };
            tokio::select! {
                biased;
                permit = permit => return permit.ok(),
                () = sleep_until(due) => self.end_oldest(),
            }
        }
    }

    fn oldest(&mut self) -> Option<Instant> {
        while self.tasks.front().is_some_and(|(_, task)| task.is_finished()) {
            self.tasks.pop_front();
        }
        self.tasks.front().map(|(begun, _)| *begun)
    }

    fn end_oldest(&mut self) {
        if let Some((_, task)) = self.tasks.pop_front() {
            debug!("a handshake makes room for another");
            task.abort();
        }
    }
}
