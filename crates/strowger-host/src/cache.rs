//! Compiled components on disk, so that a restart need not compile them again.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::digest::Digest;
use crate::error::HostError;

/// How many files are kept; the oldest go first.
const FILES: usize = 256;
const DIGEST_BYTES: usize = 32;
const EXTENSION: &str = "native";

/// A directory that nobody else may write to.
///
/// A file is named for the component's digest and for everything that its native code depends on: the version of
/// wasmtime, the settings of the engine and the features of the processor. It begins with the digest of the code, so that
/// what a full disk or a crash left half written is compiled anew.
#[derive(Debug)]
pub(crate) struct Cache {
    directory: PathBuf,
    engine: u64,
}

impl Cache {
    /// Opens a directory, made if there is none.
    pub(crate) fn open(directory: PathBuf, engine: &Engine) -> Result<Self, HostError> {
        if let Err(source) = open(&directory) {
            let path = directory;
            return Err(HostError::Cache { path, source });
        }
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self {
            directory,
            engine: hasher.finish(),
        })
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.directory
            .join(format!("{digest}-{:016x}.{EXTENSION}", self.engine))
    }

    /// What was kept for a component. A file that cannot be used is as good as none.
    pub(crate) fn get(&self, engine: &Engine, digest: Digest) -> Option<Component> {
        let file = fs::read(self.path(digest)).ok()?;
        let (check, code) = file.split_at_checked(DIGEST_BYTES)?;
        if check != Digest::of(code).as_bytes() {
            return None;
        }
        deserialize(engine, code)
    }

    /// Keeps a compiled component.
    ///
    /// # Errors
    ///
    /// What the operating system says; the component is as good without.
    pub(crate) fn put(&self, digest: Digest, component: &Component) -> io::Result<()> {
        let code = component.serialize().map_err(io::Error::other)?;
        let path = self.path(digest);
        let draft = path.with_extension(format!("draft-{}", std::process::id()));
        let written = write(&draft, Digest::of(&code).as_bytes(), &code);
        written
            .and_then(|()| fs::rename(&draft, &path))
            .inspect_err(|_| {
                // It may not even have been made.
                let _ = fs::remove_file(&draft);
            })?;
        self.prune()
    }

    fn prune(&self) -> io::Result<()> {
        let mut files: Vec<(SystemTime, PathBuf)> = fs::read_dir(&self.directory)?
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == EXTENSION))
            .filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path)))
            .collect();
        files.sort();
        let too_many = files.len().saturating_sub(FILES);
        files
            .drain(..too_many)
            .try_for_each(|(_, path)| fs::remove_file(path))
    }
}

/// Runs native code from the cache from here on.
#[allow(
    unsafe_code,
    reason = "native code cannot be validated; without the cache, a start with services from JavaScript takes seconds each"
)]
fn deserialize(engine: &Engine, code: &[u8]) -> Option<Component> {
    // SAFETY: the code must be what `Component::serialize` gave. It was written by `Cache::put`, under this name, into a
    // directory of which `open` made sure that it is ours and nobody else may write to it; its digest shows that it is
    // whole. That it fits version, settings and processor, wasmtime checks itself.
    unsafe { Component::deserialize(engine, code) }.ok()
}

/// Makes sure that the directory is there, is ours, and nobody else can write to it.
fn open(directory: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let found = fs::symlink_metadata(directory)?;
    if !found.is_dir() {
        return Err(io::Error::other("it is no directory"));
    }
    if found.mode() & 0o077 != 0 {
        return Err(io::Error::other(
            "others may use it: it needs the permissions 700",
        ));
    }
    // The owner of a new file is whoever runs this process.
    let probe = directory.join(format!("probe-{}", std::process::id()));
    let owner = draft(&probe).and_then(|file| Ok(file.metadata()?.uid()));
    let _ = fs::remove_file(&probe);
    if owner? == found.uid() {
        Ok(())
    } else {
        Err(io::Error::other("it belongs to somebody else"))
    }
}

fn draft(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

fn write(path: &Path, check: &[u8], code: &[u8]) -> io::Result<()> {
    let mut file = draft(path)?;
    file.write_all(check)?;
    file.write_all(code)
}
