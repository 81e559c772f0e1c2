//! What many instances are told that nobody has asked for: a few at a time, so that others are served meanwhile.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use strowger_service::Event;
use strowger_time::Instant;

use crate::instances::InstanceKey;
use crate::{Registry, Shard};

/// How many instances are told at a time: each may take some microseconds.
const AT_A_TIME: usize = 32;
/// Meanwhile others are served.
const PAUSE: Duration = Duration::from_millis(1);

/// What an instance is to be told.
#[derive(Clone, Copy, Debug)]
enum Told {
    /// Its service has other settings.
    Settings,
    /// The node ends at this time.
    Shutdown(Instant),
}

/// Who has yet to be told what: each instance at most once of either.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    waiting: VecDeque<(InstanceKey, Told)>,
    due: Option<Instant>,
}

impl Rounds {
    pub(crate) const fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(crate) fn is_over(&self) -> bool {
        self.waiting.is_empty()
    }
}

impl Shard {
    /// The node ends at this time: every instance is to know.
    pub(crate) fn plan_shutdown(&mut self, now: Instant, end: Instant) {
        let all = self.instances.keys().into_iter();
        self.rounds
            .waiting
            .extend(all.map(|key| (key, Told::Shutdown(end))));
        self.rounds.due = Some(now);
        self.go_round(now);
    }

    /// The registry has changed: instances of services with other settings are to know.
    pub(crate) fn plan_settings(&mut self, earlier: &Registry) {
        let registry = Arc::clone(&self.registry);
        let has_changed = |service: usize| registry.has_other_settings(service, earlier);
        if !(0..registry.len()).any(has_changed) {
            return;
        }
        let instances = &self.instances;
        let is_of_changed = |key: InstanceKey| {
            let running = instances.get(key);
            running.is_none_or(|running| has_changed(running.service))
        };
        self.rounds
            .waiting
            .retain(|(key, told)| !matches!(told, Told::Settings) || !is_of_changed(*key));
        let wanted = instances
            .keyed()
            .filter(|(_, running)| has_changed(running.service));
        let wanted = wanted.map(|(key, _)| (key, Told::Settings));
        self.rounds.waiting.extend(wanted);
        // At once: there is no clock here, and the driver asks for deadlines after each input.
        self.rounds.due = Some(Instant::ZERO);
    }

    /// Tells the next few instances.
    pub(crate) fn go_round(&mut self, now: Instant) {
        if self.rounds.due.is_none_or(|due| due > now) {
            return;
        }
        for _ in 0..AT_A_TIME {
            let Some((key, told)) = self.rounds.waiting.pop_front() else {
                break;
            };
            self.tell(now, key, told);
        }
        if self.rounds.waiting.is_empty() {
            self.rounds = Rounds::default();
        } else {
            self.rounds.due = Some(now + PAUSE);
        }
    }

    fn tell(&mut self, now: Instant, key: InstanceKey, told: Told) {
        let Some(running) = self.instances.get_mut(key) else {
            return;
        };
        let event = match told {
            Told::Settings => {
                let settings = self.registry.settings(running.service);
                let Some(settings) = settings.filter(|settings| **settings != *running.kind.settings) else {
                    return;
                };
                Arc::make_mut(&mut running.kind).settings = settings;
                Event::ConfigChanged
            }
            Told::Shutdown(end) => Event::Shutdown {
                within: end.since(now),
            },
        };
        self.deliver(now, key, event);
    }
}
