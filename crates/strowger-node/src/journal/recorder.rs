//! Writing down what a shard is told and does: into memory, and from there to whoever takes it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

use strowger_journal::frequent::Frequent;
use strowger_journal::{Entry, Header, binary};
use strowger_time::Instant;

/// A stretch that is full goes to whoever takes stretches.
const STRETCH: usize = 64 << 10;
/// Room behind it for the record that makes it full, unless that is a long one.
const SLACK: usize = 4 << 10;
/// One that is not, after so long.
const LONGEST: Duration = Duration::from_secs(1);

/// What a shard writes down.
#[derive(Clone, Debug)]
pub struct JournalSettings {
    /// How many bytes of the latest records are kept in memory, about; 0: none.
    pub ring_bytes: usize,
    /// Whether bodies are written down; their lengths are in any case.
    pub bodies: bool,
    /// Where everything is to be sent as well. Where there is no room, it is left out, which the numbers of stretches tell.
    pub to: Option<SyncSender<Arc<Stretch>>>,
    /// When the shard's time line began: microseconds since 1970.
    pub began_us: u64,
}

/// Records of one shard, one behind the other.
#[derive(Debug)]
pub struct Stretch {
    /// The shard.
    pub shard: u16,
    /// Counts the stretches of the shard, from 0.
    pub number: u64,
    /// When the first record was written, in microseconds on the node's time line.
    pub base: u64,
    /// How many records there are.
    pub records: u64,
    /// The records ([`binary::records`]).
    pub bytes: Vec<u8>,
    /// What holds for journals of what begins in it.
    pub header: Arc<Header>,
}

/// How much was written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalCounters {
    /// Records.
    pub records: u64,
    /// Of these, not sent on for want of room.
    pub not_sent: u64,
}

#[derive(Debug)]
pub(crate) struct Recorder {
    pub(super) settings: JournalSettings,
    header: Arc<Header>,
    shard: u16,
    number: u64,
    base: u64,
    last: u64,
    records: u64,
    /// The present stretch, always in the same memory: that is in the processor's cache, and what was written long ago is
    /// not. It goes from here to where it is kept as a whole, which costs less than to write each record there.
    tape: binary::Records,
    /// Memory in which a full stretch can be kept.
    spare: Vec<u8>,
    kept: VecDeque<Arc<Stretch>>,
    kept_bytes: usize,
    /// Without those of the present stretch.
    counters: JournalCounters,
}

impl Recorder {
    pub(super) fn new(settings: JournalSettings, shard: u16, header: Header) -> Self {
        Self {
            settings,
            header: Arc::new(header),
            shard,
            number: 0,
            base: 0,
            last: 0,
            records: 0,
            tape: binary::Records::default(),
            spare: Vec::new(),
            kept: VecDeque::new(),
            kept_bytes: 0,
            counters: JournalCounters::default(),
        }
    }

    pub(super) fn write(&mut self, now: Instant, entry: &Entry<'_>) {
        let after = self.since_last(now);
        if self.tape.push(after, entry) {
            self.has_written(after);
        }
    }

    #[inline]
    pub(super) fn write_frequent(&mut self, now: Instant, entry: &impl Frequent) {
        let after = self.since_last(now);
        if self.tape.push_frequent(after, entry) {
            self.has_written(after);
        }
    }

    /// How long after the record before the next one is.
    #[inline]
    fn since_last(&mut self, now: Instant) -> u64 {
        if self.records == 0 {
            self.begin_stretch(now);
        }
        // The clock of a shard does not go back; a record that is as late as the one before is no harm.
        now.as_micros().saturating_sub(self.last)
    }

    #[cold]
    fn begin_stretch(&mut self, now: Instant) {
        (self.base, self.last) = (now.as_micros(), now.as_micros());
        // A long record makes it longer.
        if self.tape.room() != STRETCH + SLACK {
            self.tape = binary::Records::with_room(STRETCH + SLACK);
        }
    }

    #[inline]
    fn has_written(&mut self, after: u64) {
        self.last += after;
        self.records += 1;
        if self.tape.len() >= STRETCH {
            self.end_stretch();
        }
    }

    /// When the present stretch is to be sent on at the latest.
    pub(super) fn due(&self) -> Option<Instant> {
        let waits = self.settings.to.is_some() && self.records > 0;
        waits.then(|| Instant::from_micros(self.base) + LONGEST)
    }

    pub(super) fn end_stretch(&mut self) {
        if self.records == 0 {
            return;
        }
        let place = if self.tape.len() < STRETCH {
            // It ends before it is full: what is kept for long takes no more memory than is counted.
            Vec::new()
        } else {
            let mut place = std::mem::take(&mut self.spare);
            place.clear();
            place.reserve_exact(STRETCH + SLACK);
            place
        };
        let bytes = self.tape.drain(place);
        let stretch = Arc::new(self.stretch(bytes));
        self.number += 1;
        let records = std::mem::take(&mut self.records);
        self.counters.records += records;
        if let Some(to) = &self.settings.to {
            match to.try_send(Arc::clone(&stretch)) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => self.counters.not_sent += records,
                // Nobody takes them any more.
                Err(TrySendError::Disconnected(_)) => self.settings.to = None,
            }
        }
        self.kept_bytes += stretch.bytes.len();
        self.kept.push_back(stretch);
        self.make_room();
    }

    fn make_room(&mut self) {
        while self.kept_bytes > self.settings.ring_bytes
            && let Some(oldest) = self.kept.pop_front()
        {
            self.kept_bytes -= oldest.bytes.len();
            // Nobody else has it: the next stretch is written where it was.
            if let Ok(oldest) = Arc::try_unwrap(oldest)
                && oldest.bytes.capacity() <= STRETCH + 2 * SLACK
            {
                self.spare = oldest.bytes;
            }
        }
    }

    fn stretch(&self, bytes: Vec<u8>) -> Stretch {
        Stretch {
            shard: self.shard,
            number: self.number,
            base: self.base,
            records: self.records,
            bytes,
            header: Arc::clone(&self.header),
        }
    }

    /// What is in memory, the present stretch included.
    pub(super) fn kept(&self) -> Vec<Arc<Stretch>> {
        let mut kept: Vec<_> = self.kept.iter().cloned().collect();
        if self.settings.ring_bytes > 0 && self.records > 0 {
            kept.push(Arc::new(self.stretch(self.tape.as_bytes().to_vec())));
        }
        kept
    }

    /// Something else holds from here on; where it is about calls that run, that is written down.
    pub(super) fn reconfigure(&mut self, now: Instant, header: Header) {
        if self.header.settings != header.settings {
            let settings = Box::new(header.settings.clone());
            self.write(now, &Entry::Reconfigured { settings });
        }
        self.go_on_under(header);
    }

    /// What is written from here on begins under another header.
    pub(super) fn go_on_under(&mut self, header: Header) {
        if *self.header != header {
            self.end_stretch();
            self.header = Arc::new(header);
        }
    }

    pub(super) fn set(&mut self, settings: JournalSettings, header: Header) {
        self.end_stretch();
        if settings.bodies != self.settings.bodies {
            // Whoever reads it finds a gap: a call of which half is with bodies, and half without, cannot be played.
            self.number += 1;
        }
        self.settings = settings;
        self.header = Arc::new(header);
        self.make_room();
    }

    pub(super) const fn counters(&self) -> JournalCounters {
        JournalCounters {
            records: self.counters.records + self.records,
            ..self.counters
        }
    }
}
