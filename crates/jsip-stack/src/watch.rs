//! What happens in dialogs, for whoever looks on.
//!
//! Whether a dialog is observed is decided when it begins, so whoever looks on sees the end of all that he has seen begin, and of
//! nothing else. While nobody does, all of it costs one look at a flag.

use jsip::{CSeq, DialogId, Message, Method, Request, Response, StatusCode};

use crate::dialog::Dialog;
use crate::transaction::ClientRecord;
use crate::{Channel, DialogKey, Encoded, EndCause, Stack};

mod closely;

pub use closely::{Detail, Named};

/// The longest `From`, `To` and identity that is told, in bytes; what is longer is cut.
const LONGEST_NAME: usize = 255;
/// When so many happenings wait to be taken, messages and transactions are not noted; begins, states and ends are, and dialogs bound those.
const MOST: usize = 65_536;

/// Whether somebody looks on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Watch {
    /// Nobody does.
    #[default]
    Off,
    /// Who does is behind: dialogs that begin now are counted and not observed. Those that are observed go on.
    Behind,
    /// Dialogs that begin now are observed.
    On,
    /// The same, and bodies of messages are told.
    WithBodies,
    /// As `On`, and what a ladder shows is told, too: see [`Detail`].
    Closely,
    /// The same with bodies.
    CloselyWithBodies,
}

impl Watch {
    /// Whether dialogs that begin now are observed.
    pub const fn is_on(self) -> bool {
        !matches!(self, Self::Off | Self::Behind)
    }

    /// Whether [`Detail`]s are told.
    pub const fn is_close(self) -> bool {
        matches!(self, Self::Closely | Self::CloselyWithBodies)
    }

    /// Whether bodies are.
    pub const fn tells_bodies(self) -> bool {
        matches!(self, Self::WithBodies | Self::CloselyWithBodies)
    }

    /// What serves both of two who look on.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        let bodies = self.tells_bodies() || other.tells_bodies();
        match (self.is_on() || other.is_on(), self.is_close() || other.is_close()) {
            (true, true) if bodies => Self::CloselyWithBodies,
            (true, true) => Self::Closely,
            (true, false) if bodies => Self::WithBodies,
            (true, false) => Self::On,
            (false, _) => match (self, other) {
                (Self::Off, Self::Off) => Self::Off,
                _ => Self::Behind,
            },
        }
    }
}

/// Something that happened in a dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// The dialog.
    pub dialog: DialogKey,
    /// What happened.
    pub what: What,
}

/// What may happen in a dialog. [`What::Begun`] comes first and [`What::Ended`] last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It began.
    Begun(Box<Begun>),
    /// The channel of a dialog that the peer did not begin is known.
    Bound(Channel),
    /// A message of the peer came in. Repeats are messages, too.
    Received(Passed),
    /// A message to the peer went out.
    Sent(Passed),
    /// A transaction began.
    TransactionBegun(Transaction),
    /// It has its final response, or was given up with this code. It may be said again with another one, which came too late.
    TransactionEnded(Transaction, StatusCode),
    /// The session is in another state.
    State {
        /// The state before.
        from: &'static str,
        /// The state now.
        to: &'static str,
    },
    /// What only who looks closely is told.
    Detail(Detail),
    /// It ended. Transactions that have not ended before have no final response.
    Ended(EndCause),
}

impl What {
    /// Whether who looks on would be misled without it.
    pub const fn is_essential(&self) -> bool {
        match self {
            Self::Begun(_) | Self::Bound(_) | Self::State { .. } | Self::Ended(_) => true,
            Self::Received(_)
            | Self::Sent(_)
            | Self::TransactionBegun(_)
            | Self::TransactionEnded(..)
            | Self::Detail(_) => false,
        }
    }
}

/// How a dialog began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// The `DialogueID` on its channel.
    pub id: DialogId,
    /// Its channel; `None` where the peer did not begin it.
    pub channel: Option<Channel>,
    /// Whether the peer of its channel began it.
    pub by_peer: bool,
    /// The method of its first request.
    pub method: Method,
    /// The `From` of that; cut at 255 bytes.
    pub from: Box<str>,
    /// The `To`, likewise.
    pub to: Box<str>,
    /// The `P-Asserted-Identity`, likewise.
    pub identity: Option<Box<str>>,
    /// Whom we sent it to, where the peer did not begin it; likewise.
    pub target: Option<Box<str>>,
}

/// A message that went one way or the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// What it is.
    pub line: Line,
    /// Its sequence number.
    pub cseq: CSeq,
    /// The method of the request that a response answers, for who looks closely.
    pub of: Option<Method>,
    /// Its `Reason`, for who looks closely; cut at 255 bytes.
    pub reason: Option<Box<str>>,
    /// Its body as JSON, where bodies are told.
    pub body: Option<Box<str>>,
}

/// The first line of a message, so to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// A request.
    Request(Method),
    /// A response.
    Response(StatusCode),
}

/// Names a transaction of a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The method of its request.
    pub method: Method,
    /// The sequence number of its request.
    pub cseq: CSeq,
    /// Whether the peer of the channel sent the request.
    pub by_peer: bool,
}

impl Stack {
    /// Says whether somebody looks on from now on.
    pub const fn set_watch(&mut self, watch: Watch) {
        self.watch = watch;
    }

    /// What happened since this was called last, in order.
    pub fn take_happenings(&mut self) -> Vec<Happening> {
        // The room goes with them: the busiest batch leaves nothing behind.
        std::mem::take(&mut self.happenings)
    }

    /// A leg begins: decides whether it is observed. `target` is whom we send its first request to.
    #[inline]
    pub(crate) fn note_begun(&mut self, index: usize, request: &Request, target: Option<&str>) {
        if self.watch != Watch::Off {
            self.watch_from_here(index, request, target);
        }
    }

    fn watch_from_here(&mut self, index: usize, request: &Request, target: Option<&str>) {
        let dialog = &mut self.dialogs[index];
        dialog.watched = self.watch.is_on();
        if !dialog.watched {
            self.counters.unobserved += 1;
            return;
        }
        let what = What::Begun(Box::new(Begun {
            id: dialog.id.clone(),
            channel: dialog.channel,
            by_peer: dialog.begun_by_peer,
            method: request.method(),
            from: cut(request.from()),
            to: cut(request.to()),
            identity: request.asserted_identity().map(cut),
            target: target.map(cut),
        }));
        let dialog = dialog.key();
        self.happenings.push(Happening { dialog, what });
    }

    /// Something happens in a leg that has not ended.
    #[inline]
    pub(crate) fn note(&mut self, index: usize, what: What) {
        // Before the look at the dialog, which may be in no cache yet.
        if self.watch != Watch::Off {
            self.note_of(index, what);
        }
    }

    fn note_of(&mut self, index: usize, what: What) {
        let dialog = &self.dialogs[index];
        if !dialog.watched || !dialog.alive {
            return;
        }
        if self.happenings.len() >= MOST && !what.is_essential() {
            self.counters.unnoted += 1;
            return;
        }
        let dialog = dialog.key();
        self.happenings.push(Happening { dialog, what });
    }

    #[inline]
    pub(crate) fn note_received_request(&mut self, index: usize, request: &Request) {
        if self.watch != Watch::Off {
            let passed = Self::passed(Line::Request(request.method()), request.cseq());
            let passed = self.told(passed, request.reason(), request.body());
            self.note_of(index, What::Received(passed));
        }
    }

    #[inline]
    pub(crate) fn note_received_response(&mut self, index: usize, response: &Response) {
        if self.watch != Watch::Off {
            let mut passed = Self::passed(Line::Response(response.code()), response.cseq());
            if self.watch.is_close() {
                let client = self.dialogs[index].client(response.cseq());
                passed.of = client.map(|client| client.method);
            }
            let passed = self.told(passed, response.reason(), response.body());
            self.note_of(index, What::Received(passed));
        }
    }

    #[inline]
    pub(crate) fn note_sent_request(&mut self, index: usize, request: &Request) {
        if self.watch != Watch::Off {
            let passed = Self::passed(Line::Request(request.method()), request.cseq());
            let passed = self.told(passed, request.reason(), request.body());
            self.note_of(index, What::Sent(passed));
        }
    }

    #[inline]
    pub(crate) fn note_sent_response(&mut self, index: usize, response: &Response) {
        if self.watch != Watch::Off {
            let mut passed = Self::passed(Line::Response(response.code()), response.cseq());
            if self.watch.is_close() {
                let server = self.dialogs[index].server(response.cseq());
                passed.of = server.map(|server| server.method);
            }
            let passed = self.told(passed, response.reason(), response.body());
            self.note_of(index, What::Sent(passed));
        }
    }

    /// A message goes out that was written down before.
    pub(crate) fn note_sent_again(&mut self, index: usize, message: &Encoded) {
        if self.watch != Watch::Off {
            match message.decode() {
                Some(Message::Request(request)) => self.note_sent_request(index, &request),
                Some(Message::Response(response)) => self.note_sent_response(index, &response),
                None => {}
            }
        }
    }

    const fn passed(line: Line, cseq: CSeq) -> Passed {
        Passed {
            line,
            cseq,
            of: None,
            reason: None,
            body: None,
        }
    }

    /// Adds what is told of the inside of a message.
    fn told(&self, mut passed: Passed, reason: Option<&str>, body: Option<&str>) -> Passed {
        if self.watch.is_close() {
            passed.reason = reason.map(cut);
        }
        if self.watch.tells_bodies() {
            passed.body = body.map(Into::into);
        }
        passed
    }

    /// What is open of ours ends with a code that no peer has sent.
    pub(crate) fn note_given_up(&mut self, index: usize, code: StatusCode) {
        if self.watch == Watch::Off {
            return;
        }
        let open: Vec<_> = open_clients(&self.dialogs[index]).collect();
        for transaction in open {
            self.note_of(index, What::TransactionEnded(transaction, code));
        }
    }
}

fn open_clients(dialog: &Dialog) -> impl Iterator<Item = Transaction> {
    let open = dialog.clients.iter().filter(|client| client.is_open());
    open.map(ClientRecord::name)
}

fn cut(text: &str) -> Box<str> {
    text[..text.floor_char_boundary(LONGEST_NAME)].into()
}
