//! The latest messages of a live dialog, for its operator: which, whose, when; nothing of what is in them.

use std::collections::{BTreeMap, VecDeque};

use jsip::CSeq;
use strowger_time::Instant;

use crate::{DialogKey, Line, Stack, Transmit};

/// A message that passed in a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted {
    /// When it came in, or was given to the outbox.
    pub at: Instant,
    /// Whether the peer of the dialog's channel sent it.
    pub by_peer: bool,
    /// What it was.
    pub line: Line,
    /// Its sequence number.
    pub cseq: CSeq,
}

/// The latest messages of each live dialog, by its place; empty where none are kept.
#[derive(Debug, Default)]
pub(crate) struct Trails(BTreeMap<usize, VecDeque<Noted>>);

impl Trails {
    fn note(&mut self, index: usize, passed: Noted, most: usize) {
        let kept = self.0.entry(index).or_default();
        if kept.capacity() < most {
            kept.reserve_exact(most - kept.len());
        }
        // The bound may have been lowered meanwhile.
        while kept.len() >= most {
            kept.pop_front();
        }
        kept.push_back(passed);
    }

    fn of(&self, index: usize) -> impl Iterator<Item = Noted> {
        self.0.get(&index).into_iter().flatten().copied()
    }

    /// Forgets those of one dialog.
    pub(crate) fn forget(&mut self, index: usize) {
        self.0.remove(&index);
    }
}

impl Stack {
    /// The latest messages of a live dialog, the oldest first, at most [`Config::messages_per_dialog`](crate::Config).
    pub fn trail(&self, key: DialogKey) -> Vec<Noted> {
        let index = self.leg(key);
        index
            .map(|index| self.trails.of(index).collect())
            .unwrap_or_default()
    }

    /// Notes a message that goes out, where messages are kept. The owner calls it when it carries out
    /// [`Output::Send`](crate::Output::Send), [`Output::SendTo`](crate::Output::SendTo) and
    /// [`Output::Cancel`](crate::Output::Cancel).
    #[inline]
    pub fn keep_sent(&mut self, now: Instant, transmit: &Transmit) {
        if self.config.messages_per_dialog > 0
            && let Some(index) = transmit.dialog.and_then(|dialog| self.leg(dialog))
        {
            let message = &transmit.message;
            self.keep_line(now, index, false, (message.line(), message.cseq()));
        }
    }

    /// Notes what the peer sent.
    pub(crate) fn keep_received(&mut self, now: Instant, index: usize, line: Line, cseq: CSeq) {
        if self.config.messages_per_dialog > 0 {
            self.keep_line(now, index, true, (line, cseq));
        }
    }

    fn keep_line(&mut self, at: Instant, index: usize, by_peer: bool, (line, cseq): (Line, CSeq)) {
        if self.dialogs[index].alive {
            let passed = Noted {
                at,
                by_peer,
                line,
                cseq,
            };
            self.trails.note(index, passed, self.config.messages_per_dialog);
        }
    }
}

#[cfg(test)]
mod tests {
    use jsip::Method;

    use super::*;

    fn passed(seconds: u64) -> Noted {
        Noted {
            at: Instant::ZERO + std::time::Duration::from_secs(seconds),
            by_peer: true,
            line: Line::Request(Method::Info),
            cseq: CSeq::FIRST,
        }
    }

    #[test]
    fn the_latest_are_kept_and_no_more_than_may_be() {
        let mut trails = Trails::default();
        let seconds = |trails: &Trails| -> Vec<u64> {
            let kept = trails.of(7);
            kept.map(|passed| passed.at.since(Instant::ZERO).as_secs())
                .collect()
        };
        for second in 0..10 {
            trails.note(7, passed(second), 4);
        }
        trails.note(8, passed(0), 4);
        assert_eq!(seconds(&trails), [6, 7, 8, 9]);
        assert_eq!(trails.0[&7].capacity(), 4);
        trails.note(7, passed(10), 2);
        assert_eq!(seconds(&trails), [9, 10]);
        trails.forget(7);
        assert!(seconds(&trails).is_empty() && trails.0.len() == 1);
    }

    #[test]
    fn a_message_takes_24_bytes() {
        assert!(size_of::<Noted>() <= 24, "{}", size_of::<Noted>());
    }
}
