//! Journals of selected calls, each in a file of its own, written by a thread that no shard waits for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use strowger_journal::{Cut, Found, Journal, Place, Sorter};
use strowger_node::{Calls, InstanceId, IsWanted, Stretch};

/// Who may read the files: journals say who spoke with whom, and what if they were asked to.
const MODE: u32 = 0o640;
/// What journals are called at the end.
const ENDING: &str = ".journal";
/// How many stretches of all shards may wait for the thread; a stretch takes about 64 KiB.
const QUEUE: usize = 256;
/// How many bytes of records of running calls are kept; beyond it they are cut.
const MOST: usize = 128 << 20;
/// How often it is looked which calls are over.
const LOOK: Duration = Duration::from_secs(1);

/// Which calls are kept, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalFiles {
    /// The directory.
    pub directory: PathBuf,
    /// How many bytes of one call are kept; what comes after that is cut.
    pub file_bytes: usize,
    /// How many files there may be; the oldest goes first.
    pub files: usize,
    /// The calls in which one of these users takes part.
    pub users: Vec<String>,
    /// The calls of these services.
    pub services: Vec<String>,
    /// Of how many in a hundred thousand of the others.
    pub per_100000: usize,
}

/// The thread that writes them.
#[derive(Debug)]
pub struct JournalWriter(Mutex<Option<JoinHandle<()>>>);

impl JournalWriter {
    /// Waits until everything is written; whoever sends stretches must be gone. Another call waits for the first.
    pub fn join(&self) {
        let mut thread = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // A thread that panicked has written what it has.
            drop(thread.join());
        }
    }
}

/// Starts the thread, and gives what a shard sends its stretches with. It writes once the thread before it, if there is one, is
/// done, which may write into the same directory; until then, a queue keeps what comes.
///
/// # Errors
///
/// What the operating system says of the directory, which is made if there is none, or of the thread.
pub fn write_journals(
    settings: JournalFiles,
    before: Option<Arc<JournalWriter>>,
) -> io::Result<(SyncSender<Arc<Stretch>>, JournalWriter)> {
    let (sender, stretches) = sync_channel(QUEUE);
    let mut folder = Folder::open(settings)?;
    let work = move || {
        if let Some(before) = before {
            before.join();
            folder.look();
        }
        Writer::new(folder).run(&stretches);
    };
    let thread = Builder::new().name("journals".to_owned()).spawn(work)?;
    Ok((sender, JournalWriter(Mutex::new(Some(thread)))))
}

/// The files that there are.
struct Folder {
    settings: JournalFiles,
    /// They begin with the time.
    names: BTreeSet<String>,
}

impl Folder {
    fn open(settings: JournalFiles) -> io::Result<Self> {
        fs::create_dir_all(&settings.directory)?;
        let names = Self::names(&settings)?;
        Ok(Self { settings, names })
    }

    fn names(settings: &JournalFiles) -> io::Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for entry in fs::read_dir(&settings.directory)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.ends_with(ENDING) {
                names.insert(name);
            }
        }
        Ok(names)
    }

    /// Learns of files that somebody else has made.
    fn look(&mut self) {
        // A directory that cannot be read is told of when a file is to be written.
        if let Ok(names) = Self::names(&self.settings) {
            self.names = names;
        }
    }

    fn write(&mut self, journal: &Journal) -> io::Result<()> {
        while self.names.len() >= self.settings.files
            && let Some(oldest) = self.names.pop_first()
        {
            match fs::remove_file(self.settings.directory.join(oldest)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        let header = &journal.header;
        let began = (header.began_us + journal.start()) / 1000;
        let call = header.call.as_deref().unwrap_or("all");
        let name = format!("{began:013}-{call}{ENDING}");
        let (path, new) = (
            self.settings.directory.join(&name),
            self.settings.directory.join(format!("{name}.new")),
        );
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(MODE)
            .open(&new)?;
        file.write_all(&journal.to_binary())?;
        drop(file);
        fs::rename(new, path)?;
        self.names.insert(name);
        Ok(())
    }
}

/// What the thread knows of one shard.
struct Shard {
    calls: Calls,
    /// When its last stretch ended on the time line of the node, and when that came.
    last: (u64, Instant),
    /// For how long a call that is over may still be told something, in microseconds.
    lingers: u64,
    next: u64,
}

struct Writer {
    folder: Folder,
    shards: BTreeMap<u16, Shard>,
    /// Whether the last write failed: one warning is enough.
    fails: bool,
}

impl Writer {
    fn new(folder: Folder) -> Self {
        Self {
            folder,
            shards: BTreeMap::new(),
            fails: false,
        }
    }

    fn run(mut self, stretches: &Receiver<Arc<Stretch>>) {
        loop {
            match stretches.recv_timeout(LOOK) {
                Ok(stretch) => self.take(&stretch),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.file_ended();
        }
        self.file_all();
    }

    fn take(&mut self, stretch: &Stretch) {
        let most = self.folder.settings.file_bytes;
        let wanted = wanted(&self.folder.settings);
        let shard = self.shards.entry(stretch.shard).or_insert_with(|| Shard {
            calls: match wanted {
                Some(wanted) => Calls::new(Sorter::new(most)).only(wanted),
                None => Calls::new(Sorter::new(most)),
            },
            last: (0, Instant::now()),
            lingers: 0,
            next: stretch.number,
        });
        let settings = &stretch.header.settings;
        shard.lingers = 2 * settings.linger + settings.transaction;
        let is_missing = stretch.number != shard.next;
        shard.next = stretch.number + 1;
        if let Err(error) = shard.calls.push(stretch) {
            tracing::error!(%error, shard = stretch.shard, "a shard wrote a journal that cannot be read");
        }
        shard.last = (stretch.base, Instant::now());
        if is_missing || self.kept() > MOST {
            // What is cut cannot be played further than this.
            self.file_shard(stretch.shard);
        }
    }

    fn kept(&self) -> usize {
        let kept = self.shards.values().map(|shard| shard.calls.sorter().bytes());
        kept.sum()
    }

    /// Files the calls of which nothing more is to be expected.
    fn file_ended(&mut self) {
        let mut ended = Vec::new();
        for shard in self.shards.values_mut() {
            let (at, came) = shard.last;
            let now = at + u64::try_from(came.elapsed().as_micros()).unwrap_or(u64::MAX);
            ended.extend(shard.calls.take_ended(now.saturating_sub(shard.lingers)));
        }
        for (found, journal) in ended {
            self.file(&found, &journal);
        }
    }

    fn file_all(&mut self) {
        let shards: Vec<u16> = self.shards.keys().copied().collect();
        for shard in shards {
            self.file_shard(shard);
        }
    }

    /// Files all calls of a shard as far as they are known.
    fn file_shard(&mut self, shard: u16) {
        let Some(shard) = self.shards.get_mut(&shard) else {
            return;
        };
        let calls: Vec<Place> = shard.calls.sorter().calls().keys().copied().collect();
        let taken = calls.into_iter().filter_map(|call| shard.calls.take(call));
        let taken: Vec<_> = taken.collect();
        for (found, journal) in taken {
            self.file(&found, &journal);
        }
    }

    fn file(&mut self, found: &Found, journal: &Journal) {
        let has_begun = !journal.header.cuts.contains(&Cut::Beginning);
        if !has_begun || !self.is_wanted(found, journal) {
            return;
        }
        match self.folder.write(journal) {
            Ok(()) => self.fails = false,
            Err(error) => {
                if !std::mem::replace(&mut self.fails, true) {
                    let directory = self.folder.settings.directory.display();
                    tracing::warn!(%error, %directory, "a journal cannot be written; no more is said of this until one can be");
                }
            }
        }
    }

    fn is_wanted(&self, found: &Found, journal: &Journal) -> bool {
        let settings = &self.folder.settings;
        let of_user = settings.users.iter().any(|user| found.parties.contains(user));
        let of_service = settings
            .services
            .iter()
            .any(|service| service.eq_ignore_ascii_case(&found.service));
        // Where users are named it is known only now.
        of_user || of_service || settings.users.is_empty() || is_sampled(journal, settings.per_100000)
    }
}

/// What is known to be wanted when a call begins; `None`: it depends on who will take part.
fn wanted(settings: &JournalFiles) -> Option<IsWanted> {
    if !settings.users.is_empty() {
        return None;
    }
    let (services, per_100000) = (settings.services.clone(), settings.per_100000);
    Some(Box::new(move |service, instance, began| {
        let is_named = services.iter().any(|name| name.eq_ignore_ascii_case(service));
        is_named || is_one_of(instance, began, per_100000)
    }))
}

fn is_sampled(journal: &Journal, per_100000: usize) -> bool {
    let call = journal.header.call.as_deref().and_then(|call| call.parse().ok());
    call.is_some_and(|call: InstanceId| is_one_of(call.place(), journal.start(), per_100000))
}

/// Whether a call is one of so many in a hundred thousand: the same, whenever it is asked.
fn is_one_of(instance: Place, began: u64, per_100000: usize) -> bool {
    use sha2::Digest as _;
    let mut hasher = sha2::Sha256::new();
    hasher.update(instance.index.to_le_bytes());
    hasher.update(instance.count.to_le_bytes());
    hasher.update(began.to_le_bytes());
    let digest = hasher.finalize();
    let number = digest
        .iter()
        .take(8)
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    number % 100_000 < per_100000 as u64
}
