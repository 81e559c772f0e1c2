//! Who still gets into an outbox that fills up, as a table.
//!
//! A request can be refused: its sender is told 503, and the channel goes on. What answers, acknowledges or ends
//! something cannot. So requests get the first half of the room, and the other half is left for what they lead to.

use crate::Kind;

/// How full the outbox would be with one more entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fill {
    /// Within half of each bound; or it would be the only entry, within the bounds.
    Half,
    /// Within the bounds.
    Full,
    /// Beyond a bound.
    Over,
}

/// What becomes of an entry that asks for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is queued.
    Queue,
    /// It is refused: its sender is told, the channel goes on.
    Refuse,
    /// The channel is lost.
    Lose,
}

impl Fill {
    /// Every fill, in the order of the table.
    pub const ALL: &'static [Self] = &[Self::Half, Self::Full, Self::Over];

    /// How full an outbox with bounds is that would hold so much.
    pub(super) fn of(messages: usize, bytes: usize, most_messages: usize, most_bytes: usize) -> Self {
        if messages > most_messages || bytes > most_bytes {
            Self::Over
        } else if messages > 1 && (messages > most_messages.div_ceil(2) || bytes > most_bytes / 2) {
            Self::Full
        } else {
            Self::Half
        }
    }
}

/// What becomes of an entry. Printed in `docs/protocol/outbox.md`.
pub const fn admission(kind: Kind, fill: Fill) -> Admission {
    use Admission::{Lose, Queue, Refuse};
    match kind {
        Kind::Request => match fill {
            Fill::Half => Queue,
            Fill::Full | Fill::Over => Refuse,
        },
        Kind::Ending | Kind::Final | Kind::Other => match fill {
            Fill::Half | Fill::Full => Queue,
            Fill::Over => Lose,
        },
    }
}

/// The table in Markdown.
pub fn admission_table() -> String {
    let mut text = String::from("| entry | within half | within the bounds | beyond |\n|---|---|---|---|\n");
    for kind in [Kind::Request, Kind::Ending, Kind::Final, Kind::Other] {
        text.push_str(&format!("| {kind:?} |"));
        for &fill in Fill::ALL {
            text.push_str(&format!(" {:?} |", admission(kind, fill)));
        }
        text.push('\n');
    }
    text
}
