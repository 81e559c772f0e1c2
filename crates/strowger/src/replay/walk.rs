//! A call played again event by event, with the state of everything after each.

use std::fmt::Write as _;

use strowger_journal::Journal;
use strowger_node::{Awaited, DialogLook, End, Replay, ReplayError, Step};

use strowger_journal::words::Words;

use super::Services;

/// A replay that is looked at after each event.
#[derive(Debug)]
pub struct Walk {
    words: Words,
    replay: Replay,
    start: u64,
}

impl Walk {
    /// Begins to play the call of a journal with these services.
    ///
    /// # Errors
    ///
    /// See [`ReplayError`].
    pub fn new(journal: &Journal, services: &Services) -> Result<Self, ReplayError> {
        Ok(Self {
            words: Words::of(journal),
            replay: services.replay(journal)?,
            start: journal.start(),
        })
    }

    /// The next event, what came of it, and how everything stands then; `None` at the end.
    pub fn go_on(&mut self) -> Option<String> {
        let step = self.replay.step()?;
        let mut out = String::new();
        let since = step.at.as_micros().saturating_sub(self.start) as f64 / 1e6;
        let event = match &step.input {
            Some(input) => self.words.tell(input),
            None => "a timer is due that was not when it was recorded".to_owned(),
        };
        let _ = writeln!(out, "event {} at {since:.3} s: {event}", step.number + 1);
        for done in &step.actual {
            let _ = writeln!(out, "    {}", self.words.tell(done));
        }
        if step.differs() {
            let _ = writeln!(out, "    ! not as it was recorded");
        }
        self.state(&mut out, &step);
        Some(out)
    }

    fn state(&self, out: &mut String, step: &Step) {
        for dialog in self.replay.dialogs(step.at) {
            self.dialog(out, &dialog);
        }
        for instance in self.replay.instances(step.at) {
            let _ = writeln!(
                out,
                "  instance {} of {} ({}): {} legs, {} timers",
                instance.id, instance.service, instance.version.label, instance.legs, instance.timers
            );
        }
    }

    fn dialog(&self, out: &mut String, look: &DialogLook) {
        let begun = if look.begun_by_peer { "from" } else { "to" };
        let peer = if look.begun_by_peer { &look.from } else { &look.to };
        let peer = peer.as_deref().unwrap_or("?");
        let _ = writeln!(
            out,
            "  dialog {begun} {peer}: {} ({})",
            look.state,
            look.dialog.as_str()
        );
        for open in &look.open {
            let whose = match open.from {
                End::Local => "theirs",
                End::Remote => "ours",
            };
            let awaits = match open.awaits {
                Awaited::Response => "a response",
                Awaited::Ack => "an ACK",
            };
            let _ = writeln!(
                out,
                "    open: {} {}, {whose}, waits for {awaits}",
                open.method,
                open.cseq.get()
            );
        }
        for (guards, left) in &look.timers {
            let _ = writeln!(out, "    timer {guards}: {:.3} s left", left.as_secs_f64());
        }
        for left in &look.instance_timers {
            let _ = writeln!(out, "    timer of the instance: {:.3} s left", left.as_secs_f64());
        }
    }
}
