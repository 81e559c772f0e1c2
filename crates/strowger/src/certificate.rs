//! Has the certificate of the listener with TLS read again when its files change.

use std::fs::metadata;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use strowger_channel::net::{Identity, IdentityFiles};
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
        let mut files = Files::new(identity.files().clone());
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

/// What tells that a file is another one.
type Mark = Option<(SystemTime, u64)>;

/// Two files, as they were when they were last looked at.
struct Files {
    paths: IdentityFiles,
    marks: [Mark; 2],
}

impl Files {
    fn new(paths: IdentityFiles) -> Self {
        let marks = marks(&paths);
        Self { paths, marks }
    }

    fn have_changed(&mut self) -> bool {
        let before = std::mem::replace(&mut self.marks, marks(&self.paths));
        before != self.marks
    }
}

fn marks(paths: &IdentityFiles) -> [Mark; 2] {
    [&paths.certificate, &paths.key].map(|path| mark(path))
}

/// A file that is not there has no mark. A link is followed: what renews certificates often changes that alone.
fn mark(path: &Path) -> Mark {
    let metadata = metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_written_replaced_or_gone_has_changed_once() {
        let directory = tempfile::tempdir().unwrap();
        let paths = IdentityFiles {
            certificate: directory.path().join("certificate"),
            key: directory.path().join("key"),
        };
        let mut files = Files::new(paths.clone());
        assert!(!files.have_changed());
        std::fs::write(&paths.certificate, "one").unwrap();
        assert!(files.have_changed() && !files.have_changed());
        std::fs::write(&paths.key, "a key").unwrap();
        assert!(files.have_changed() && !files.have_changed());
        let other = directory.path().join("other");
        std::fs::write(&other, "another").unwrap();
        std::fs::rename(&other, &paths.certificate).unwrap();
        assert!(files.have_changed() && !files.have_changed());
        std::fs::remove_file(&paths.key).unwrap();
        assert!(files.have_changed() && !files.have_changed());
    }
}
