//! Files that may change while the server runs.

use std::fs::metadata;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What tells that a file is another one.
type Mark = Option<(SystemTime, u64)>;

/// Files, as they were when they were last looked at.
#[derive(Debug)]
pub struct WatchedFiles {
    paths: Vec<PathBuf>,
    marks: Vec<Mark>,
}

impl WatchedFiles {
    /// Looks at the files for the first time. Blocks on files.
    pub fn new(paths: Vec<PathBuf>) -> Self {
        let marks = marks(&paths);
        Self { paths, marks }
    }

    /// Whether any of them was written, replaced, or is gone since the last look. Blocks on files.
    pub fn have_changed(&mut self) -> bool {
        let before = std::mem::replace(&mut self.marks, marks(&self.paths));
        before != self.marks
    }
}

fn marks(paths: &[PathBuf]) -> Vec<Mark> {
    paths.iter().map(|path| mark(path)).collect()
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
        let directory = std::env::temp_dir().join(format!("strowger-watched-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let paths = ["certificate", "key"].map(|name| directory.join(name));
        let mut files = WatchedFiles::new(paths.to_vec());
        assert!(!files.have_changed());
        for path in &paths {
            std::fs::write(path, "one").unwrap();
            assert!(files.have_changed() && !files.have_changed());
        }
        let other = directory.join("other");
        std::fs::write(&other, "another").unwrap();
        std::fs::rename(&other, &paths[0]).unwrap();
        assert!(files.have_changed() && !files.have_changed());
        std::fs::remove_file(&paths[1]).unwrap();
        assert!(files.have_changed() && !files.have_changed());
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
