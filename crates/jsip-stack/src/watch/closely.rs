//! What only who looks closely is told: what became of a message beside the way to its dialog, and which timers fired.

use jsip::{CSeq, Method, Response};

use super::{Line, What};
use crate::transaction::Reply;
use crate::{Stack, Tag};

/// Something that records, logs and traces leave out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Detail {
    /// A request of the peer came again and went no further.
    Absorbed {
        /// The request.
        message: Named,
        /// Whether it was answered as before; if not, there is no answer yet.
        answered_again: bool,
    },
    /// A message of the peer had no effect.
    Dropped {
        /// The message.
        message: Named,
        /// Why.
        why: &'static str,
    },
    /// The peer has this message: its Pong said so.
    Acknowledged(Named),
    /// The outbox has forgotten this message before any socket had it.
    Withdrawn(Named),
    /// This message was written again, to another socket than before.
    Replayed(Named),
    /// A timer fired.
    Timer {
        /// What it guards, as [`TimerInfo::guards`](crate::TimerInfo::guards) has it.
        guards: &'static str,
        /// The request that it waited for an answer to, where it did.
        of: Option<Named>,
        /// The state of the session at that time.
        state: Option<&'static str>,
    },
}

/// A message by what it is called in a ladder: `INVITE 1`, `180 INVITE 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// What it is.
    pub line: Line,
    /// The method of the request that a response answers, where that is known.
    pub of: Option<Method>,
    /// Its sequence number.
    pub cseq: CSeq,
}

impl Named {
    pub(crate) const fn request(method: Method, cseq: CSeq) -> Self {
        Self {
            line: Line::Request(method),
            of: None,
            cseq,
        }
    }
}

impl Stack {
    /// Something happens in a leg that only who looks closely is told.
    #[inline]
    pub(crate) fn note_detail(&mut self, index: usize, detail: impl FnOnce() -> Detail) {
        if self.watch.is_close() {
            self.note_of(index, What::Detail(detail()));
        }
    }

    /// A response of the peer has no effect.
    pub(crate) fn note_dropped_response(&mut self, index: usize, response: &Response, why: &'static str) {
        if self.watch.is_close() {
            let (code, cseq) = (response.code(), response.cseq());
            let of = self.dialogs[index].client(cseq).map(|client| client.method);
            let line = Line::Response(code);
            let message = Named { line, of, cseq };
            self.note_of(index, What::Detail(Detail::Dropped { message, why }));
        }
    }

    /// The peer has the message with this tag; of use only to who looks closely.
    pub fn acknowledged(&mut self, tag: Tag) {
        self.note_tagged(tag, Detail::Acknowledged);
    }

    /// The message with this tag was written to another socket than before; of use only to who looks closely.
    pub fn replayed(&mut self, tag: Tag) {
        self.note_tagged(tag, Detail::Replayed);
    }

    /// Something is said of the message with this tag.
    #[inline]
    pub(crate) fn note_tagged(&mut self, tag: Tag, detail: fn(Named) -> Detail) {
        if self.watch.is_close()
            && let Some(named) = self.named(tag)
        {
            self.note_of(tag.index(), What::Detail(detail(named)));
        }
    }

    fn named(&self, tag: Tag) -> Option<Named> {
        let dialog = self.dialogs.get(tag.index())?;
        let serial = tag.serial();
        if let Some(client) = dialog.clients.iter().find(|client| client.serial == serial) {
            return Some(Named::request(client.method, client.cseq));
        }
        let replies = [Reply::Unreleased(serial), Reply::Released(serial)];
        let server = dialog
            .servers
            .iter()
            .find(|server| replies.contains(&server.reply))?;
        let last = server.last.as_ref()?;
        Some(Named {
            line: last.line(),
            of: Some(server.method),
            cseq: server.cseq,
        })
    }
}
