//! A file of records that begins anew when it is large.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use crate::FileSettings;

/// Who may read the file: records say who spoke with whom.
const MODE: u32 = 0o640;

/// A file of records, and those before it.
#[derive(Debug)]
pub struct RecordFile {
    settings: FileSettings,
    /// `None` after a fault, until it can be opened again.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: BufWriter<File>,
    bytes: u64,
}

impl RecordFile {
    /// Opens the file; what is in it stays.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn open(settings: FileSettings) -> io::Result<Self> {
        let open = Some(Open::at(&settings)?);
        Ok(Self { settings, open })
    }

    /// Adds a line, which has its newline. It may wait in a buffer for [`RecordFile::flush`].
    ///
    /// # Errors
    ///
    /// What the operating system says; the line is lost then, or part of it written.
    pub fn write(&mut self, line: &str) -> io::Result<()> {
        let result = self.try_write(line);
        if result.is_err() {
            // A disk that was full has room again some time.
            self.drop_buffer();
        }
        result
    }

    fn try_write(&mut self, line: &str) -> io::Result<()> {
        let size = line.len() as u64;
        let most = self.settings.bytes;
        if self.opened()?.has_no_room(size, most) {
            self.turn()?;
        }
        let open = self.opened()?;
        open.file.write_all(line.as_bytes())?;
        open.bytes += size;
        Ok(())
    }

    fn opened(&mut self) -> io::Result<&mut Open> {
        let open = match self.open.take() {
            Some(open) => open,
            None => Open::at(&self.settings)?,
        };
        Ok(self.open.insert(open))
    }

    /// Hands everything to the operating system.
    ///
    /// # Errors
    ///
    /// What the operating system says; what waited is lost then.
    pub fn flush(&mut self) -> io::Result<()> {
        let result = self.open.as_mut().map_or(Ok(()), |open| open.file.flush());
        if result.is_err() {
            self.drop_buffer();
        }
        result
    }

    /// Ends the file and begins the next one.
    fn turn(&mut self) -> io::Result<()> {
        if let Some(mut open) = self.open.take() {
            open.file.flush()?;
        }
        if self.settings.files <= 1 {
            std::fs::remove_file(&self.settings.path)?;
            return Ok(());
        }
        // The last one is overwritten; those that are missing are no fault.
        for number in (1..self.settings.files - 1).rev() {
            let (from, to) = (self.earlier(number), self.earlier(number + 1));
            match std::fs::rename(from, to) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        std::fs::rename(&self.settings.path, self.earlier(1))
    }

    fn earlier(&self, number: usize) -> PathBuf {
        let mut name = OsString::from(&self.settings.path);
        name.push(format!(".{number}"));
        PathBuf::from(name)
    }

    /// What is in the buffer cannot be written, and must not be tried again when it is dropped.
    fn drop_buffer(&mut self) {
        if let Some(open) = self.open.take() {
            drop(open.file.into_parts());
        }
    }
}

impl Open {
    /// One line is written whatever its size.
    const fn has_no_room(&self, size: u64, most: u64) -> bool {
        self.bytes > 0 && self.bytes + size > most
    }

    fn at(settings: &FileSettings) -> io::Result<Self> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(MODE)
            .open(&settings.path)?;
        let bytes = file.metadata()?.len();
        let file = BufWriter::with_capacity(64 << 10, file);
        Ok(Self { file, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &std::path::Path, number: usize) -> Option<String> {
        let name = match number {
            0 => "records".to_owned(),
            number => format!("records.{number}"),
        };
        std::fs::read_to_string(path.join(name)).ok()
    }

    fn file(directory: &std::path::Path, bytes: u64, files: usize) -> RecordFile {
        let path = directory.join("records");
        RecordFile::open(FileSettings { path, bytes, files }).unwrap()
    }

    #[test]
    fn a_file_that_is_full_becomes_an_earlier_one_and_the_oldest_goes() {
        let directory = tempfile::tempdir().unwrap();
        let mut records = file(directory.path(), 8, 3);
        for line in ["one\n", "two\n", "three\n", "four\n", "five\n"] {
            records.write(line).unwrap();
        }
        records.flush().unwrap();
        let found: Vec<_> = (0..4).map(|number| read(directory.path(), number)).collect();
        let expected = [Some("five\n"), Some("four\n"), Some("three\n"), None];
        assert_eq!(found, expected.map(|text| text.map(str::to_owned)));
    }

    #[test]
    fn a_restart_goes_on_with_the_file() {
        let directory = tempfile::tempdir().unwrap();
        for line in ["one\n", "two\n"] {
            let mut records = file(directory.path(), 100, 1);
            records.write(line).unwrap();
            records.flush().unwrap();
        }
        assert_eq!(read(directory.path(), 0).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn a_line_longer_than_a_file_is_written_all_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let mut records = file(directory.path(), 3, 1);
        records.write("long line\n").unwrap();
        records.write("another\n").unwrap();
        records.flush().unwrap();
        assert_eq!(read(directory.path(), 0).unwrap(), "another\n");
    }

    #[test]
    fn a_file_that_cannot_be_turned_is_written_again_when_it_can() {
        let directory = tempfile::tempdir().unwrap();
        let mut records = file(directory.path(), 4, 2);
        records.write("one\n").unwrap();
        let in_the_way = directory.path().join("records.1");
        std::fs::create_dir_all(in_the_way.join("full")).unwrap();
        assert!(records.write("lost\n").is_err());
        std::fs::remove_dir_all(in_the_way).unwrap();
        records.write("two\n").unwrap();
        records.flush().unwrap();
        assert_eq!(read(directory.path(), 0).unwrap(), "two\n");
        assert_eq!(read(directory.path(), 1).unwrap(), "one\n");
    }

    #[test]
    fn others_cannot_read_the_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let _records = file(directory.path(), 4, 2);
        let mode = std::fs::metadata(directory.path().join("records"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o007, 0);
    }
}
