//! What whoever writes a journal has to know of dialogs: whose timers were due, and whose a message is.

use jsip::CSeq;

use crate::receive::Found;
use crate::{DialogKey, Stack, Tag};

impl Stack {
    /// Says whether it is to be noted whose timers are due.
    pub const fn note_dues(&mut self, notes: bool) {
        self.notes_due = notes;
    }

    #[inline]
    pub(crate) fn note_due(&mut self, index: usize) {
        if self.notes_due {
            self.due.push_back(self.dialogs[index].key());
        }
    }

    /// The dialog that a message is for, also one whose leg has ended.
    pub fn dialog_of(&self, found: Found) -> Option<DialogKey> {
        Some(self.dialogs.get(found.0?)?.key())
    }

    /// The next of the dialogs whose timers were due, in order.
    pub fn pop_due(&mut self) -> Option<DialogKey> {
        self.due.pop_front()
    }

    /// The dialog that sent what has this tag, as long as there is a record of it.
    pub fn dialog_of_tag(&self, tag: Tag) -> Option<DialogKey> {
        if tag == Tag::NONE {
            return None;
        }
        self.dialogs.get(tag.index()).map(crate::dialog::Dialog::key)
    }

    /// The number that our next request in a dialog gets.
    pub fn next_cseq(&self, dialog: DialogKey) -> CSeq {
        let index = self.leg(dialog);
        index.map_or(CSeq::FIRST, |index| self.dialogs[index].next_cseq)
    }

    /// Lets our requests in a dialog go on from a number, as where the record was there before.
    pub fn go_on_from(&mut self, dialog: DialogKey, cseq: CSeq) {
        if let Some(index) = self.leg(dialog) {
            self.dialogs[index].next_cseq = cseq;
        }
    }
}
