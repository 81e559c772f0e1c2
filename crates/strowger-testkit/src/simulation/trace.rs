//! What the users saw, for the ladder and for telling runs apart.

use std::collections::VecDeque;
use std::time::Duration;

use strowger_scenario::{Ladder, label};

/// So many rows a reader may be asked to read.
const ROWS: usize = 400;

#[derive(Debug)]
enum Row {
    Sent(String),
    Received(String),
    Note(String),
}

/// The last rows of the ladder, and a sum over all.
#[derive(Debug)]
pub(super) struct Trace {
    names: Vec<String>,
    drawing: bool,
    rows: VecDeque<(Duration, usize, Row)>,
    pub(super) digest: u64,
}

impl Trace {
    pub(super) const fn new(names: Vec<String>, drawing: bool) -> Self {
        Self {
            names,
            drawing,
            rows: VecDeque::new(),
            digest: 0xcbf2_9ce4_8422_2325,
        }
    }

    pub(super) fn sent(&mut self, at: Duration, user: usize, text: &str) {
        self.sum(at, text);
        if self.drawing {
            self.push(at, user, Row::Sent(name(text)));
        }
    }

    pub(super) fn received(&mut self, at: Duration, user: usize, text: &str, seen: bool) {
        self.sum(at, text);
        if self.drawing {
            let row = if seen {
                Row::Received(name(text))
            } else {
                Row::Note(format!("lost at reload: {}", name(text)))
            };
            self.push(at, user, row);
        }
    }

    pub(super) fn note(&mut self, at: Duration, user: usize, text: &str) {
        self.sum(at, text);
        if self.drawing {
            self.push(at, user, Row::Note(text.to_owned()));
        }
    }

    fn push(&mut self, at: Duration, user: usize, row: Row) {
        if self.rows.len() == ROWS {
            self.rows.pop_front();
        }
        self.rows.push_back((at, user, row));
    }

    fn sum(&mut self, at: Duration, text: &str) {
        let time = (at.as_micros() as u64).to_le_bytes();
        for byte in time.iter().chain(text.as_bytes()) {
            self.digest = (self.digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(super) fn ladder(&self) -> Ladder {
        let mut ladder = Ladder::new(self.names.iter().cloned());
        for (at, user, row) in &self.rows {
            let user = &self.names[*user];
            match row {
                Row::Sent(text) => ladder.sent(*at, user, text),
                Row::Received(text) => ladder.received(*at, user, text),
                Row::Note(text) => ladder.note(*at, user, text),
            }
        }
        ladder
    }
}

/// Type or code, CSeq, the end of the dialog's id, and the body.
fn name(text: &str) -> String {
    let field = |key: &str| {
        let from = text.find(key)? + key.len();
        text[from..].split('"').next()
    };
    let dialog = field("\"DialogueID\":\"").unwrap_or("?");
    let tail = dialog.get(dialog.len().saturating_sub(6)..).unwrap_or(dialog);
    format!("{} {tail} {}", label(text), field("\"Body\":\"").unwrap_or(""))
}
