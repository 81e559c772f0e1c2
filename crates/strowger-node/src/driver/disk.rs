//! The stores of services on disk: one file, written by a thread of its own, many changes at a time.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle, sleep};
use std::time::{Duration, Instant as Clock, SystemTime, UNIX_EPOCH};

use redb::backends::FileBackend;
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use strowger_time::Instant;
use tokio::sync::mpsc::UnboundedSender;

use super::letter::Letter;
use crate::{Change, Saved, StoreLimits, Stores, SyncTicket, Value};

/// Service and key; version, when it goes (milliseconds since 1970, 0: never), and value.
const ENTRIES: TableDefinition<'_, (&str, &str), (u64, u64, &[u8])> = TableDefinition::new("entries");

/// How often changes are written that nobody waits for.
const IDLE: Duration = Duration::from_secs(1);
/// How long to wait after changes could not be written.
const AFTER_A_FAULT: Duration = Duration::from_millis(500);
/// Pages of the file that are kept in memory, in bytes: what the stores hold is in memory anyhow.
const CACHE: usize = 8 << 20;

/// A wish of an instance: to be told when the stores as they are now are on disk.
pub(super) struct Wish {
    pub(super) ticket: SyncTicket,
    /// The shard of the instance.
    pub(super) letters: UnboundedSender<Letter>,
}

/// The file, and what it is the copy of.
pub(super) struct Disk {
    database: Database,
    stores: Stores,
    /// When the node's clock showed zero.
    started: Clock,
}

/// Opens the file, or makes it, and reads what is in it.
///
/// # Errors
///
/// What the operating system says, or that the file is damaged or in use.
pub(super) fn open(
    file: &Path,
    limits: StoreLimits,
    in_memory: BTreeSet<String>,
) -> io::Result<(Stores, Disk)> {
    let fault = |error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", file.display()));
    if let Some(directory) = file.parent() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(|error| fault(&error))?;
    }
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        // Messages of users are in it.
        .mode(0o600)
        .open(file)
        .map_err(|error| fault(&error))?;
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE);
    let file_backend = FileBackend::new(opened).map_err(|error| fault(&error))?;
    let database = builder.create_with_backend(file_backend);
    let database = database.map_err(|error| fault(&error))?;
    let started = Clock::now();
    let (saved, over) = read(&database).map_err(|error| fault(&error))?;
    let stores = Stores::durable(limits, in_memory, saved);
    stores.put_back(over);
    let disk = Disk {
        database,
        stores: stores.clone(),
        started,
    };
    Ok((stores, disk))
}

/// What is in the file, and what is no longer to be.
fn read(database: &Database) -> Result<(Vec<Saved>, Vec<Change>), redb::Error> {
    let (mut saved, mut over) = (Vec::new(), Vec::new());
    let transaction = database.begin_read()?;
    let table = match transaction.open_table(ENTRIES) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok((saved, over)),
        Err(error) => return Err(error.into()),
    };
    let now = unix_millis();
    let mut service: Arc<str> = "".into();
    for entry in table.iter()? {
        let (place, kept) = entry?;
        let (name, key) = place.value();
        let (version, until, bytes) = kept.value();
        if *service != *name {
            service = name.into();
        }
        let (service, key) = (Arc::clone(&service), key.to_owned());
        if until != 0 && until <= now {
            let value = None;
            over.push(Change { service, key, value });
            continue;
        }
        let left = (until != 0).then(|| Duration::from_millis(until - now));
        let value = Value {
            bytes: bytes.into(),
            version,
            until: left.map(|left| Instant::ZERO + left),
        };
        saved.push(Saved { service, key, value });
    }
    Ok((saved, over))
}

/// Starts the thread that writes. It ends, with everything written, when nobody can send it a wish.
pub(super) fn spawn(disk: Disk) -> io::Result<(Sender<Wish>, JoinHandle<()>)> {
    let (wishes, queue) = channel();
    let thread = Builder::new()
        .name("store".to_owned())
        .spawn(move || disk.run(&queue))?;
    Ok((wishes, thread))
}

impl Disk {
    fn run(&self, queue: &Receiver<Wish>) {
        let mut was_well = true;
        loop {
            let first = match queue.recv_timeout(IDLE) {
                Ok(wish) => Some(wish),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            // One write for all that came while the last one was made.
            let wishes: Vec<Wish> = first.into_iter().chain(queue.try_iter()).collect();
            let fault = self.save().err();
            if let Some(why) = fault.as_ref().filter(|_| was_well) {
                tracing::error!(
                    reason = why,
                    "the stores of services cannot be written; trying on"
                );
            } else if fault.is_none() && !was_well {
                tracing::info!("the stores of services are written again");
            }
            for Wish { ticket, letters } in wishes {
                // A shard that is gone is gone with the whole node.
                let _ = letters.send(Letter::Synced(ticket, fault.clone()));
            }
            was_well = fault.is_none();
            if !was_well {
                sleep(AFTER_A_FAULT);
            }
        }
        if let Err(why) = self.save() {
            tracing::error!(reason = why, "the last changes of the stores are lost");
        }
    }

    /// Writes what has changed; it is on disk when this returns.
    fn save(&self) -> Result<(), String> {
        let changes = self.stores.take_changes();
        if changes.is_empty() {
            return Ok(());
        }
        self.write(&changes).map_err(|error| {
            self.stores.put_back(changes);
            error.to_string()
        })
    }

    fn write(&self, changes: &[Change]) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        {
            let mut table = transaction.open_table(ENTRIES)?;
            for Change { service, key, value } in changes {
                let place = (&**service, key.as_str());
                match value {
                    Some(value) => {
                        let until = value.until.map_or(0, |until| self.unix(until));
                        table.insert(place, (value.version, until, &*value.bytes))?;
                    }
                    None => {
                        table.remove(place)?;
                    }
                }
            }
        }
        Ok(transaction.commit()?)
    }

    /// A time of the node's clock, in milliseconds since 1970.
    fn unix(&self, at: Instant) -> u64 {
        let since_start = at.since(Instant::ZERO);
        let ahead = since_start.saturating_sub(self.started.elapsed());
        let ahead = u64::try_from(ahead.as_millis()).unwrap_or(u64::MAX);
        // 0 stands for never.
        unix_millis().saturating_add(ahead).max(1)
    }
}

fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use strowger_service::{Expected, Store as _};

    use super::*;

    fn open_in(directory: &tempfile::TempDir) -> (Stores, Disk) {
        open(
            &directory.path().join("store"),
            StoreLimits::default(),
            BTreeSet::new(),
        )
        .unwrap()
    }

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    #[test]
    fn what_was_saved_is_there_after_a_crash_and_what_was_not_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let (stores, disk) = open_in(&directory);
        let rooms = stores.of(&"rooms".into());
        let shelf = rooms.lent(at(0));
        shelf.set("a", Expected::Anything, b"old", None).unwrap();
        shelf.set("gone", Expected::Anything, b"1", None).unwrap();
        disk.save().unwrap();
        let version = shelf.set("a", Expected::Anything, b"new", None).unwrap();
        shelf.delete("gone", Expected::Anything).unwrap();
        disk.save().unwrap();
        shelf.set("unsaved", Expected::Anything, b"1", None).unwrap();
        // The file as a crash would leave it.
        let crashed = directory.path().join("crashed");
        std::fs::copy(directory.path().join("store"), &crashed).unwrap();
        let (stores, _disk) = open(&crashed, StoreLimits::default(), BTreeSet::new()).unwrap();
        let rooms = stores.of(&"rooms".into());
        let shelf = rooms.lent(at(0));
        let entry = shelf.get("a").unwrap();
        assert_eq!((&*entry.value, entry.version), (&b"new"[..], version));
        assert_eq!(shelf.keys("", 9), ["a"]);
        assert_eq!(stores.of(&"other".into()).lent(at(0)).keys("", 9), [""; 0]);
    }

    #[test]
    fn what_is_kept_for_a_while_goes_while_the_node_is_down_too() {
        let directory = tempfile::tempdir().unwrap();
        let (stores, disk) = open_in(&directory);
        let rooms = stores.of(&"rooms".into());
        let shelf = rooms.lent(at(0));
        let keep = |millis| Some(Duration::from_millis(millis));
        shelf.set("short", Expected::Anything, b"1", keep(1)).unwrap();
        shelf
            .set("long", Expected::Anything, b"1", keep(3_600_000))
            .unwrap();
        disk.save().unwrap();
        drop(disk);
        sleep(Duration::from_millis(5));
        let (stores, disk) = open_in(&directory);
        let rooms: Arc<str> = "rooms".into();
        assert_eq!(stores.of(&rooms).lent(at(0)).keys("", 9), ["long"]);
        assert_eq!(stores.of(&rooms).lent(at(3_600_000)).keys("", 9), [""; 0]);
        disk.save().unwrap();
        let (_, over) = read(&disk.database).unwrap();
        assert_eq!(over, [], "what is over has gone from the disk");
    }

    #[test]
    fn a_file_that_is_in_use_or_no_store_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let (_stores, _disk) = open_in(&directory);
        let file = directory.path().join("store");
        let refused = open(&file, StoreLimits::default(), BTreeSet::new());
        assert!(refused.is_err_and(|error| error.to_string().starts_with(&file.display().to_string())));
        let other = directory.path().join("other");
        std::fs::write(&other, vec![7; 10_000]).unwrap();
        assert!(open(&other, StoreLimits::default(), BTreeSet::new()).is_err());
    }
}
