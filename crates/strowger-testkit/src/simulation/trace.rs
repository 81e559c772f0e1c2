//! What users and nodes saw, for the ladder and for telling runs apart.

use std::collections::BTreeSet;
use std::time::Duration;

use strowger_scenario::label;

use super::books::About;
use super::ladder::{Column, Columns, Row};

/// So many rows a reader may be asked to read.
const ROWS: usize = 250;
/// Where no dialog is at fault, the last of everything.
const LAST: usize = 80;
/// Faults this long before a dialog began may have to do with it.
const BEFORE: Duration = Duration::from_secs(2);

/// A dialog as one of its ends names it: users choose the same ids, nodes never do.
type Leg = (Option<usize>, String);

#[derive(Debug)]
enum Entry {
    Frame {
        leg: Leg,
        body: String,
        row: Row,
    },
    /// What the network did, or what a user did to it.
    Note(Row),
}

/// Everything that happened, if somebody will read it, and a sum over all.
#[derive(Debug)]
pub(super) struct Trace {
    columns: Columns,
    drawing: bool,
    entries: Vec<Entry>,
    pub(super) digest: u64,
}

impl Trace {
    pub(super) const fn new(columns: Columns, drawing: bool) -> Self {
        Self {
            columns,
            drawing,
            entries: Vec::new(),
            digest: 0xcbf2_9ce4_8422_2325,
        }
    }

    /// A frame goes from one column to another.
    pub(super) fn frame(&mut self, at: Duration, from: Column, to: Column, text: &str) {
        self.sum(at, text);
        if self.drawing {
            self.push(at, from, Some(to), text, "");
        }
    }

    /// A frame does not get where it was going; `why` says what became of it.
    pub(super) fn lost(&mut self, at: Duration, column: Column, text: &str, why: &str) {
        self.sum(at, text);
        if self.drawing {
            self.push(at, column, None, text, why);
        }
    }

    pub(super) fn note(&mut self, at: Duration, column: Column, text: &str) {
        self.sum(at, text);
        if self.drawing {
            self.entries.push(Entry::Note(Row {
                at,
                from: column,
                to: None,
                label: text.to_owned(),
            }));
        }
    }

    fn push(&mut self, at: Duration, from: Column, to: Option<Column>, text: &str, why: &str) {
        let field = |key: &str| {
            let start = text.find(key)? + key.len();
            text[start..].split('"').next()
        };
        let dialog = field("\"DialogueID\":\"").unwrap_or("?").to_owned();
        let ordered = || Some(format!("c{}", field(";call=")?));
        let body = field("\"Body\":\"").map(str::to_owned);
        let body = body.or_else(ordered).unwrap_or_default();
        let user = [Some(from), to].into_iter().flatten().find_map(Column::user);
        // Users count theirs; of the long ones of nodes the end is enough to tell them apart.
        let short = dialog.strip_prefix("dialog-").map(|number| format!("d{number}"));
        let end = || {
            dialog
                .get(dialog.len().saturating_sub(6)..)
                .unwrap_or(&dialog)
                .to_owned()
        };
        let tail = short.unwrap_or_else(end);
        let label = format!("{why}{} {tail} {body}", label(text));
        let leg = (user.filter(|_| dialog.starts_with("dialog-")), dialog);
        let label = label.trim_end().to_owned();
        self.entries.push(Entry::Frame {
            leg,
            body,
            row: Row { at, from, to, label },
        });
    }

    fn sum(&mut self, at: Duration, text: &str) {
        let time = (at.as_micros() as u64).to_le_bytes();
        for byte in time.iter().chain(text.as_bytes()) {
            self.digest = (self.digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// The ladder of the dialogs that a fault is about, with everything that was done to the network meanwhile.
    pub(super) fn ladder(&self, about: &About) -> String {
        let legs = self.legs(about);
        let mine = |entry: &&Entry| matches!(entry, Entry::Frame { leg, .. } if legs.contains(leg));
        let Some(begin) = self.entries.iter().find(mine).map(Entry::row) else {
            let rows: Vec<&Row> = self.entries.iter().map(Entry::row).collect();
            return self.columns.draw(&rows[rows.len().saturating_sub(LAST)..]);
        };
        let from = begin.at.saturating_sub(BEFORE);
        let kept = |entry: &&Entry| match entry {
            Entry::Frame { leg, .. } => legs.contains(leg),
            Entry::Note(row) => row.at >= from,
        };
        let rows: Vec<&Row> = self.entries.iter().filter(kept).map(Entry::row).collect();
        self.columns.draw(&rows[rows.len().saturating_sub(ROWS)..])
    }

    /// The dialogs that carried what the fault is about, on every leg of its way.
    fn legs(&self, about: &About) -> BTreeSet<&Leg> {
        let wanted = match about {
            About::Message(number) => format!("m{number}"),
            About::Call(number) => format!("c{number}"),
            About::Post(number) => format!("p{number}"),
            About::Dialog { .. } | About::Run => String::new(),
        };
        let frames = self.entries.iter().filter_map(|entry| match entry {
            Entry::Frame { leg, body, .. } => Some((leg, body)),
            Entry::Note(_) => None,
        });
        let named = |(owner, id): &Leg| match about {
            About::Dialog { user, id: wanted } => id == wanted && owner.is_none_or(|owner| owner == *user),
            About::Message(_) | About::Call(_) | About::Post(_) | About::Run => false,
        };
        let mut legs = BTreeSet::new();
        let mut bodies = BTreeSet::new();
        for (leg, body) in frames.clone() {
            if (!wanted.is_empty() && *body == wanted) || named(leg) {
                legs.insert(leg);
                bodies.insert(body);
            }
        }
        if wanted.is_empty() {
            // The other legs of the same way carry the same bodies.
            bodies.retain(|body| !body.is_empty());
            legs.extend(
                frames
                    .filter(|(_, body)| bodies.contains(body))
                    .map(|(leg, _)| leg),
            );
        }
        legs
    }
}

impl Entry {
    const fn row(&self) -> &Row {
        match self {
            Self::Frame { row, .. } | Self::Note(row) => row,
        }
    }
}
