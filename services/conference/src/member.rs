//! One member: his leg, and whether he knows who is there.

use std::time::Duration;

use strowger_service::jsip::{Method, Request, Uri};
use strowger_service::{LegId, RequestId};

/// The pause before a NOTIFY that a member did not answer is sent again; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Somebody in a room.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) leg: LegId,
    /// `[user@]host`.
    pub(crate) user: String,
    /// What he calls himself.
    from: String,
    /// Whether he has acknowledged the answer: before that he may not be told anything.
    established: bool,
    /// The roster that he knows.
    knows: u64,
    /// The NOTIFY that he has not answered, and the roster in it.
    open: Option<(RequestId, u64)>,
    failures: u32,
    /// Nothing is sent to him before.
    pause: Duration,
}

impl Member {
    pub(crate) fn new(leg: LegId, user: String, invite: &Request) -> Self {
        Self {
            leg,
            user,
            from: invite.from().to_owned(),
            established: false,
            knows: 0,
            open: None,
            failures: 0,
            pause: Duration::ZERO,
        }
    }

    /// He has acknowledged the answer.
    pub(crate) fn is_established(&mut self) {
        self.established = true;
    }

    /// Whether he is to be sent this roster now. One NOTIFY is open at a time: what changes meanwhile comes with the next.
    pub(crate) fn wants(&self, version: u64, now: Duration) -> bool {
        self.established && self.open.is_none() && self.knows < version && self.pause <= now
    }

    pub(crate) fn was_sent(&mut self, id: RequestId, version: u64) {
        self.open = Some((id, version));
    }

    /// A NOTIFY has its final response; `false` if it was not his. Gives back nothing to wait for where he has it.
    pub(crate) fn outcome(
        &mut self,
        id: RequestId,
        answered: bool,
        now: Duration,
    ) -> Option<Option<Duration>> {
        let (_, version) = self.open.filter(|(open, _)| *open == id)?;
        self.open = None;
        if answered {
            (self.knows, self.failures) = (version, 0);
            return Some(None);
        }
        let pause = FIRST_PAUSE * (1 << self.failures.min(5));
        self.failures = self.failures.saturating_add(1);
        self.pause = now + pause;
        Some(Some(pause))
    }

    /// A request of the room's own to him.
    pub(crate) fn request(&self, method: Method, room: &str) -> Request {
        Request::new(method, &self.user, room, &self.from)
    }
}

/// Who sent a request: the asserted identity, else the name in `From` where it is one.
pub(crate) fn identity(request: &Request) -> Option<String> {
    let name = request.asserted_identity().unwrap_or_else(|| request.from());
    Some(Uri::parse(name).ok()?.user_with_host().into_owned())
}
