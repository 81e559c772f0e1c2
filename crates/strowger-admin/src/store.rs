//! Where the bytes of versions and the manifest are kept: a directory, or memory alone.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::loader::Package;
use crate::names::Digest;

const MANIFEST: &str = "manifest.json";
const LOCK: &str = "lock";
const DRAFT: &str = "draft";
/// The largest manifest that is read: a thousand services with as many versions as may be kept are a quarter of it.
const MANIFEST_BYTES: u64 = 64 << 20;
/// How many bytes of components are kept where there is no directory for them.
const MEMORY_BYTES: usize = 256 << 20;

/// Why something cannot be kept, or not be read any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system refuses.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another server uses the directory.
    #[error("{}: another server uses this directory", .0.display())]
    InUse(PathBuf),
    /// A file is not what was put there.
    #[error("{}: the file is not what was loaded: its digest is another", .0.display())]
    Changed(PathBuf),
    /// There is no directory, and memory for no more.
    #[error(
        "without a data directory {MEMORY_BYTES} bytes of versions are kept at most; set `data`, or delete some"
    )]
    Full,
    /// It is not kept here.
    #[error("the version is not kept any more")]
    Gone,
}

/// Keeps components by their digests, and one manifest.
///
/// In a directory, whatever is written is complete or not there at all, also after a power cut: a draft is written and flushed,
/// renamed, and the directory flushed. Components are named by their digests alone, so no name that somebody chose becomes part of
/// a path. All methods block.
#[derive(Debug)]
pub struct Store(Place);

#[derive(Debug)]
enum Place {
    Directory {
        directory: PathBuf,
        /// Held as long as the store is: a second server would write another manifest.
        _lock: File,
    },
    Memory(Mutex<HashMap<Digest, Package>>),
}

impl Store {
    /// Keeps everything in memory, 256 MiB at most: it is gone with the process.
    pub fn in_memory() -> Self {
        Self(Place::Memory(Mutex::default()))
    }

    /// Opens a directory, made if there is none; only its owner may read it. No two stores have one directory open.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`], [`StoreError::InUse`].
    pub fn open(directory: PathBuf) -> Result<Self, StoreError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&directory);
        made.map_err(at(&directory))?;
        let path = directory.join(LOCK);
        let lock = create(&path).map_err(at(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(StoreError::InUse(directory)),
            Err(fs::TryLockError::Error(source)) => return Err(StoreError::Io { path, source }),
        }
        remove_drafts(&directory).map_err(at(&directory))?;
        Ok(Self(Place::Directory {
            directory,
            _lock: lock,
        }))
    }

    /// Whether what is kept outlives the process.
    pub const fn is_lasting(&self) -> bool {
        matches!(self.0, Place::Directory { .. })
    }

    /// The manifest that was written last; `None` if there was none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`].
    pub fn manifest(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let Place::Directory { directory, .. } = &self.0 else {
            return Ok(None);
        };
        let path = directory.join(MANIFEST);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::Io { path, source }),
        };
        let mut text = Vec::new();
        file.take(MANIFEST_BYTES)
            .read_to_end(&mut text)
            .map_err(at(&path))?;
        Ok(Some(text))
    }

    /// Where the manifest is, for messages.
    pub fn manifest_path(&self) -> PathBuf {
        match &self.0 {
            Place::Directory { directory, .. } => directory.join(MANIFEST),
            Place::Memory(_) => PathBuf::from(MANIFEST),
        }
    }

    /// Writes the manifest in place of the one before.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`]; the one before stands then.
    pub fn write_manifest(&self, text: &[u8]) -> Result<(), StoreError> {
        match &self.0 {
            Place::Directory { directory, .. } => write(directory, MANIFEST, text),
            Place::Memory(_) => Ok(()),
        }
    }

    /// Keeps a component.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`], [`StoreError::Full`].
    pub fn put(&self, digest: Digest, package: &Package) -> Result<(), StoreError> {
        match &self.0 {
            Place::Directory { directory, .. } => {
                if let Some(signature) = &package.signature {
                    write(directory, &signature_name(digest), signature)?;
                }
                write(directory, &file_name(digest), &package.bytes)
            }
            Place::Memory(kept) => {
                let mut kept = locked(kept);
                let others: usize = kept
                    .iter()
                    .filter(|(other, _)| **other != digest)
                    .map(|(_, kept)| kept.bytes.len())
                    .sum();
                if others + package.bytes.len() > MEMORY_BYTES {
                    return Err(StoreError::Full);
                }
                kept.insert(digest, package.clone());
                Ok(())
            }
        }
    }

    /// A component that was kept.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`], [`StoreError::Changed`], [`StoreError::Gone`].
    pub fn get(&self, digest: Digest) -> Result<Package, StoreError> {
        match &self.0 {
            Place::Directory { directory, .. } => {
                let path = directory.join(file_name(digest));
                let bytes = fs::read(&path).map_err(at(&path))?;
                if Digest::of(&bytes) != digest {
                    return Err(StoreError::Changed(path));
                }
                let path = directory.join(signature_name(digest));
                let signature = match fs::read(&path) {
                    Ok(signature) => Some(signature.into()),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                    Err(source) => return Err(StoreError::Io { path, source }),
                };
                Ok(Package {
                    bytes: bytes.into(),
                    signature,
                })
            }
            Place::Memory(kept) => locked(kept).get(&digest).cloned().ok_or(StoreError::Gone),
        }
    }

    /// Deletes a component; one that is not there is deleted.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`].
    pub fn delete(&self, digest: Digest) -> Result<(), StoreError> {
        match &self.0 {
            Place::Directory { directory, .. } => {
                remove(&directory.join(file_name(digest)))?;
                remove(&directory.join(signature_name(digest)))
            }
            Place::Memory(kept) => {
                locked(kept).remove(&digest);
                Ok(())
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    |source| StoreError::Io { path, source }
}

fn file_name(digest: Digest) -> String {
    format!("{digest}.wasm")
}

fn signature_name(digest: Digest) -> String {
    format!("{digest}.sig")
}

/// Removes a file; one that is not there is removed.
fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.map_err(at(path)),
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

/// Writes a file of the directory, whole or not at all.
fn write(directory: &Path, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let (path, draft) = (directory.join(name), directory.join(format!("{name}.{DRAFT}")));
    let written = (|| {
        let mut file = create(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&draft, &path)?;
        // The name is safe once its directory is.
        File::open(directory)?.sync_all()
    })();
    written.map_err(|error| {
        // It may not even have been made.
        let _ = fs::remove_file(&draft);
        at(&path)(error)
    })
}

/// What a crash left half written.
fn remove_drafts(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == DRAFT) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use bytes::Bytes;

    use super::*;

    fn component() -> (Digest, Package) {
        let bytes = Bytes::from_static(b"a component");
        let signature = Some(Bytes::from_static(b"its signature"));
        (Digest::of(&bytes), Package { bytes, signature })
    }

    #[test]
    fn what_was_kept_is_there_after_a_restart_and_half_written_files_are_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("services");
        let (digest, component) = component();
        let store = Store::open(path.clone()).unwrap();
        assert!(store.manifest().unwrap().is_none());
        store.put(digest, &component).unwrap();
        store.write_manifest(b"one").unwrap();
        store.write_manifest(b"two").unwrap();
        drop(store);
        fs::write(path.join("manifest.json.draft"), "half").unwrap();

        let store = Store::open(path.clone()).unwrap();
        assert_eq!(store.manifest().unwrap().unwrap(), b"two");
        assert_eq!(store.get(digest).unwrap(), component);
        store.delete(digest).unwrap();
        store.delete(digest).unwrap();
        assert!(matches!(store.get(digest), Err(StoreError::Io { .. })));
        let mut names: Vec<_> = fs::read_dir(&path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["lock", "manifest.json"]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_directory_is_one_servers() {
        let directory = tempfile::tempdir().unwrap();
        let first = Store::open(directory.path().to_owned()).unwrap();
        let second = Store::open(directory.path().to_owned());
        assert!(matches!(second, Err(StoreError::InUse(_))));
        drop(first);
        assert!(Store::open(directory.path().to_owned()).is_ok());
    }

    #[test]
    fn a_file_that_was_changed_is_not_run() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path().to_owned()).unwrap();
        let (digest, component) = component();
        store.put(digest, &component).unwrap();
        fs::write(directory.path().join(file_name(digest)), "another component").unwrap();
        assert!(matches!(store.get(digest), Err(StoreError::Changed(_))));
    }

    #[test]
    fn a_manifest_that_cannot_be_written_leaves_the_one_before() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path().to_owned()).unwrap();
        store.write_manifest(b"one").unwrap();
        // A directory in the place of the draft fails for every user, root included.
        fs::create_dir(directory.path().join("manifest.json.draft")).unwrap();
        assert!(store.write_manifest(b"two").is_err());
        assert_eq!(store.manifest().unwrap().unwrap(), b"one");
    }

    #[test]
    fn memory_is_bounded() {
        let store = Store::in_memory();
        let (digest, component) = component();
        store.put(digest, &component).unwrap();
        assert_eq!(store.get(digest).unwrap(), component);
        let large = Package {
            bytes: Bytes::from(vec![0; MEMORY_BYTES - component.bytes.len() + 1]),
            signature: None,
        };
        let other = Digest::of(b"large");
        assert!(matches!(store.put(other, &large), Err(StoreError::Full)));
        store.delete(digest).unwrap();
        assert!(matches!(store.get(digest), Err(StoreError::Gone)));
        store.put(other, &large).unwrap();
    }
}
