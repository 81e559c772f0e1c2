//! Notices a panic of our own on a shard's thread.

use tokio::sync::watch;

/// Rings when what it watches panics.
///
/// A panic of a service is caught where the service is called and never comes here. One of the server's own code may have
/// left a shard half changed, and a runtime swallows the panics of its tasks: without an alarm the node would go on
/// with users whom nothing answers.
#[derive(Clone, Debug)]
pub(super) struct Alarm {
    shard: u16,
    rung: watch::Sender<Option<u16>>,
}

/// Rings its alarm when it is dropped by a panic.
#[derive(Debug)]
pub(super) struct Watch(Alarm);

impl Alarm {
    pub(super) const fn new(shard: u16, rung: watch::Sender<Option<u16>>) -> Self {
        Self { shard, rung }
    }

    /// Watches until the value is dropped; a task or a thread holds it as long as it runs.
    pub(super) fn watch(&self) -> Watch {
        Watch(self.clone())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The first one tells most.
            self.0.rung.send_if_modified(|rung| {
                let first = rung.is_none();
                rung.get_or_insert(self.0.shard);
                first
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm() -> (Alarm, watch::Receiver<Option<u16>>) {
        let (rung, heard) = watch::channel(None);
        (Alarm::new(3, rung), heard)
    }

    #[test]
    fn a_panic_of_what_is_watched_rings() {
        let (alarm, heard) = alarm();
        let panicked = std::thread::spawn(move || {
            let _watch = alarm.watch();
            panic!("as planned by the test");
        });
        assert!(panicked.join().is_err());
        assert_eq!(*heard.borrow(), Some(3));
    }

    #[test]
    fn a_panic_of_a_task_rings_though_the_runtime_swallows_it() {
        let (alarm, heard) = alarm();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async move {
            let watch = alarm.watch();
            let task = tokio::spawn(async move {
                let _watch = watch;
                panic!("as planned by the test");
            });
            assert!(task.await.is_err());
        });
        assert_eq!(*heard.borrow(), Some(3));
    }

    #[test]
    fn an_end_without_a_panic_is_silent() {
        let (alarm, heard) = alarm();
        drop(alarm.watch());
        assert_eq!(*heard.borrow(), None);
    }
}
