//! What a shard's thread does for those who look on: happenings are passed on, and time is measured.

use std::cell::{Cell, RefCell};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use strowger_time::{Histogram, Instant, Scale};

use super::Onlooker;
use super::onlooker::Batch;
use crate::Shard;

/// One batch of so many is measured: a look at the clock costs as much as a small part of a message.
const SAMPLED: u32 = 16;

/// How long since the first time that anybody asked; the clock of shards.
fn clock() -> Duration {
    static START: OnceLock<std::time::Instant> = OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}

/// What a shard's thread keeps for those who look on.
#[derive(Debug)]
pub(super) struct Looking {
    onlooker: Option<Onlooker>,
    number: u16,
    /// Who of those who look on has missed something, a bit for each.
    broken: Cell<u32>,
    batches: Cell<u32>,
    /// When the first input of the batch came, if the batch is measured.
    begun: Cell<Option<Instant>>,
    in_stack: RefCell<Histogram>,
}

impl Looking {
    pub(super) fn new(number: u16, onlooker: Option<Onlooker>, shard: &mut Shard) -> Self {
        shard.set_clock(clock);
        // From the start on: the first thing that comes may begin a dialog before anything is settled.
        let mut broken = 0;
        if let Some(onlooker) = &onlooker {
            shard.set_watch(onlooker.watch());
            broken = onlooker.blind();
        }
        Self {
            onlooker,
            number,
            broken: Cell::new(broken),
            batches: Cell::new(0),
            begun: Cell::new(None),
            in_stack: RefCell::new(Histogram::new(&Scale::WORK)),
        }
    }

    fn is_sampled(&self) -> bool {
        self.batches.get().is_multiple_of(SAMPLED)
    }

    /// A message has come in.
    pub(super) fn input(&self, now: Instant) {
        if self.is_sampled() && self.begun.get().is_none() {
            self.begun.set(Some(now));
        }
    }

    /// The shard is about to carry out what the inputs lead to.
    pub(super) fn before(&self, shard: &mut Shard) {
        shard.set_sampled(self.is_sampled());
        self.look(shard);
    }

    /// Something that came otherwise than from a socket is about to be done, and may begin a dialog at once.
    pub(super) fn look(&self, shard: &mut Shard) {
        if let Some(onlooker) = &self.onlooker {
            shard.set_watch(onlooker.watch());
            self.broken.set(self.broken.get() | onlooker.blind());
        }
    }

    /// It has done so.
    pub(super) fn after(&self, shard: &mut Shard, settled: Instant, now: impl Fn() -> Instant) {
        if self.is_sampled() {
            let in_services = shard.take_time_in_services();
            // Without a message there was a timer or a Pong, and often nothing at all.
            if let Some(begun) = self.begun.take() {
                let took = now().since(begun).saturating_sub(in_services);
                self.in_stack.borrow_mut().observe(took);
            }
        }
        self.batches.set(self.batches.get().wrapping_add(1));
        if let Some(onlooker) = &self.onlooker {
            self.pass_on(onlooker, shard, settled);
        }
    }

    fn pass_on(&self, onlooker: &Onlooker, shard: &mut Shard, now: Instant) {
        let mut happenings = Vec::new();
        shard.take_happenings(now, &mut happenings);
        if happenings.is_empty() {
            return;
        }
        let batch = Batch {
            shard: self.number,
            broken: false,
            wall: SystemTime::now(),
            now,
            clock: clock(),
            happenings,
        };
        self.broken.set(onlooker.tell(batch, self.broken.get()));
    }

    /// How long the stack took for batches of messages.
    pub(super) fn in_stack(&self) -> Histogram {
        *self.in_stack.borrow()
    }
}
