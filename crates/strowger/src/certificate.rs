//! Has the certificate of the listener with TLS read again when its files change.

use std::sync::Arc;
use std::time::Duration;

use strowger_channel::net::{Identity, WatchedFiles};
use tokio::sync::{Notify, watch};

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(10);

/// The certificate of a running server. Dropped, it is no longer watched.
#[derive(Debug)]
pub(crate) struct Certificate {
    order: Arc<Notify>,
}

impl Certificate {
    /// Watches its files until `stopped`. Must be called within a tokio runtime.
    pub(crate) fn watch(identity: Identity, mut stopped: watch::Receiver<bool>) -> Self {
        let order = Arc::new(Notify::new());
        let ordered = Arc::clone(&order);
        let mut files = WatchedFiles::new(identity.files());
        tokio::spawn(async move {
            loop {
                let is_ordered = tokio::select! {
                    // The sender gone means the server is gone.
                    _ = stopped.wait_for(|stopped| *stopped) => return,
                    () = ordered.notified() => true,
                    () = tokio::time::sleep(EVERY) => false,
                };
                let identity = identity.clone();
                // Files block; a blocking thread of the runtime may.
                let looked = tokio::task::spawn_blocking(move || {
                    if files.have_changed() || is_ordered {
                        read(&identity);
                    }
                    files
                });
                let Ok(looked) = looked.await else { return };
                files = looked;
            }
        });
        Self { order }
    }

    /// Has it read again whether or not its files have changed.
    pub(crate) fn read_again(&self) {
        self.order.notify_one();
    }
}

fn read(identity: &Identity) {
    match identity.reload() {
        Ok(true) => tracing::info!("a new certificate is shown"),
        Ok(false) => tracing::info!("the certificate is the same"),
        Err(error) => tracing::error!(%error, "the certificate stays as it was"),
    }
}
