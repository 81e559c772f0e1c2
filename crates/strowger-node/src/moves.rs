//! Running instances that go over to another version of their service, between two events.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use strowger_service::{Command, Context, Facts, LogLevel, Surroundings};
use strowger_time::Instant;

use crate::guard::{dispose, guarded};
use crate::instances::InstanceKey;
use crate::{Registry, Shard};

/// How many instances go over at a time: each may cost some hundred microseconds.
const AT_A_TIME: usize = 4;
/// Meanwhile others are served.
const PAUSE: Duration = Duration::from_millis(1);

/// Who has yet to be asked, and what became of the others.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    /// With the place of the service in the registry.
    waiting: VecDeque<(usize, InstanceKey)>,
    due: Option<Instant>,
    tallies: Vec<Tally>,
}

/// What became of the instances of one service.
#[derive(Debug)]
struct Tally {
    service: usize,
    moved: u64,
    stayed: u64,
    /// Why the first one stayed.
    why: Option<String>,
}

pub(crate) enum Outcome {
    Moved,
    /// It cannot be saved, or is gone.
    Left,
    Stayed(String),
}

impl Moves {
    pub(crate) const fn due(&self) -> Option<Instant> {
        self.due
    }

    fn tally(&mut self, service: usize) -> &mut Tally {
        let known = self.tallies.iter().position(|tally| tally.service == service);
        let at = known.unwrap_or_else(|| {
            self.tallies.push(Tally {
                service,
                moved: 0,
                stayed: 0,
                why: None,
            });
            self.tallies.len() - 1
        });
        &mut self.tallies[at]
    }
}

impl Shard {
    /// The registry has changed: instances of services with a new version are to go over.
    pub(crate) fn plan_moves(&mut self, earlier: &Registry) {
        let registry = Arc::clone(&self.registry);
        let has_changed = |service: usize| registry.has_changed(service, earlier);
        self.moves.waiting.retain(|(service, _)| !has_changed(*service));
        let wanted = self
            .instances
            .keyed()
            .filter(|(_, running)| has_changed(running.service));
        let wanted = wanted.map(|(key, running)| (running.service, key));
        self.moves.waiting.extend(wanted);
        if !self.moves.waiting.is_empty() {
            // At once: there is no clock here, and the driver asks for deadlines after each input.
            self.moves.due = Some(Instant::ZERO);
        }
    }

    /// Lets the next few instances go over.
    pub(crate) fn move_instances(&mut self, now: Instant) {
        if self.moves.due.is_none_or(|due| due > now) {
            return;
        }
        for _ in 0..AT_A_TIME {
            let Some((service, key)) = self.moves.waiting.pop_front() else {
                break;
            };
            let outcome = self.move_over(now, key);
            let tally = self.moves.tally(service);
            match outcome {
                Outcome::Moved => tally.moved += 1,
                Outcome::Left => {}
                Outcome::Stayed(why) => {
                    tally.stayed += 1;
                    tally.why.get_or_insert(why);
                    // What fails may have taken its whole budget.
                    break;
                }
            }
        }
        if self.moves.waiting.is_empty() {
            self.moves.waiting = VecDeque::new();
            self.moves.due = None;
            self.report_moves(now);
        } else {
            self.moves.due = Some(now + PAUSE);
        }
    }

    /// Lets one instance go over to the present version of its service.
    pub(crate) fn move_over(&mut self, now: Instant, key: InstanceKey) -> Outcome {
        let Some(running) = self.instances.get_mut(key) else {
            return Outcome::Left;
        };
        if running.forwarded {
            // A bridge is the same in every version.
            Arc::make_mut(&mut running.kind).version = Arc::clone(self.registry.version(running.service));
            self.counters.instances_moved += 1;
            return Outcome::Moved;
        }
        let Some(instance) = running.instance.as_mut() else {
            return Outcome::Left;
        };
        let saved = match guarded(|| instance.save()) {
            Ok(Some(saved)) => saved,
            Ok(None) => {
                if let Some(why) = running.failure() {
                    self.fail(now, key, &why);
                }
                return Outcome::Left;
            }
            Err(panic) => {
                dispose(running.instance.take());
                self.fail(now, key, &panic);
                return Outcome::Left;
            }
        };
        match self.restore(now, key, &saved) {
            Ok(()) => {
                self.counters.instances_moved += 1;
                self.write_moved(now, key);
                Outcome::Moved
            }
            Err(why) => {
                self.counters.instances_not_moved += 1;
                Outcome::Stayed(why)
            }
        }
    }

    /// Puts an instance of the present version in the place of one that was saved; where there is none, nothing changes.
    fn restore(&mut self, now: Instant, key: InstanceKey, saved: &[u8]) -> Result<(), String> {
        let registry = Arc::clone(&self.registry);
        let Some(running) = self.instances.get_mut(key) else {
            return Ok(());
        };
        let service = running.service;
        if !registry.has_room(service)? {
            return Err("the new version can have no more instances".to_owned());
        }
        let kind = Arc::clone(&running.kind);
        let facts = Facts {
            now: now.since(Instant::ZERO),
            service: &kind.name,
            own_hosts: &self.config.realm,
        };
        let (mut ids, mut commands) = (running.ids.clone(), Vec::new());
        let store = kind.shelf.lent(now).by((self.shard, key));
        let witness = self.desk.witness(&store);
        let around = Surroundings {
            store: witness.as_ref().map_or(&store as _, |witness| witness as _),
            config: &kind.settings,
        };
        let context = Context::new(&mut ids, &facts, &mut commands);
        let restored = registry.restore(service, saved, &mut context.in_surroundings(around));
        let restored = restored.map(|instance| {
            running.ids = ids;
            Arc::make_mut(&mut running.kind).version = Arc::clone(registry.version(service));
            dispose(running.instance.replace(instance));
        });
        if restored.is_ok() {
            self.write_read(now, key, witness);
        }
        self.tell_changes(now, service, &kind.shelf, key);
        self.deliver_pending(now);
        for command in commands {
            if let Command::Log { level, text } = command {
                self.log(now, service, level, &text);
            }
        }
        restored
    }

    /// Tells the operator what became of the instances of each service.
    fn report_moves(&mut self, now: Instant) {
        for tally in std::mem::take(&mut self.moves.tallies) {
            let Tally {
                service,
                moved,
                stayed,
                why,
            } = tally;
            let label = self.registry.version(service).label.clone();
            if moved > 0 {
                let text = format!("{moved} instances went over to version {label}");
                self.log(now, service, LogLevel::Info, &text);
            }
            if let Some(why) = why {
                let text = format!("{stayed} instances stay with their version: {label} says that {why}");
                self.log(now, service, LogLevel::Warn, &text);
            }
        }
    }
}
