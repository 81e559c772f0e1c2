//! One caller: what he wants, how far his hunt is, and what he hears meanwhile.

use std::time::Duration;

use strowger_service::jsip::{Header, Method, Request, Response, StatusCode};
use strowger_service::{Bridge, Context, LegId, TimerId};

/// One caller.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) invite: Request,
    pub(crate) stage: Stage,
    /// When he has waited long enough; `None` as long as he has not been in the queue.
    pub(crate) patience: Option<Duration>,
    /// For the end of the ring time, or of his patience.
    pub(crate) timer: Option<TimerId>,
    /// For telling him again that it goes on.
    pub(crate) reassurance: Option<TimerId>,
    /// When he was last told something.
    told: Duration,
    /// Whether he has heard somebody ring.
    heard: bool,
    /// The last refusal of an agent that says more than that he is not there.
    refusal: Option<StatusCode>,
}

#[derive(Debug)]
pub(crate) enum Stage {
    /// Agents of this step ring.
    Hunting(usize),
    /// All agents are busy.
    Waiting,
    /// He is joined with an agent, or with whoever gets what agents do not take.
    Joined(Box<Bridge>),
}

/// A caller who was told nothing for so long is told again: the stack gives up an INVITE that hears nothing for
/// `timers.provisional`.
pub(crate) const SILENCE: Duration = Duration::from_secs(20);

impl Call {
    pub(crate) fn new(mut invite: Request, now: Duration) -> Self {
        invite.remove(Header::Route);
        Self {
            invite,
            stage: Stage::Hunting(0),
            patience: None,
            timer: None,
            reassurance: None,
            told: now,
            heard: false,
            refusal: None,
        }
    }

    /// The INVITE for somebody.
    pub(crate) fn invite_for(&self, user: &str) -> Request {
        let mut invite = self.invite.clone();
        invite.set_request_uri(user);
        invite
    }

    /// The request by which an agent is told that he is not wanted any more, or is hung up.
    pub(crate) fn request_for(&self, user: &str, method: Method) -> Request {
        Request::new(method, user, self.invite.from(), self.invite.to())
    }

    /// An agent rings: the caller hears the first as it is, a later one when it is time to tell him something.
    pub(crate) fn hears(&mut self, caller: LegId, mut ringing: Response, cx: &mut Context<'_>) {
        if std::mem::replace(&mut self.heard, true) {
            return self.reassure(caller, cx);
        }
        ringing.set_cseq(self.invite.cseq());
        self.tell(caller, ringing, cx);
    }

    /// Tells the caller that it goes on, where he was told nothing for long.
    pub(crate) fn reassure(&mut self, caller: LegId, cx: &mut Context<'_>) {
        if cx.now().saturating_sub(self.told) < SILENCE {
            return;
        }
        let code = match self.stage {
            Stage::Waiting => StatusCode::QUEUED,
            _ if self.heard => StatusCode::RINGING,
            _ => StatusCode::SESSION_PROGRESS,
        };
        self.tell(caller, Response::to(&self.invite, code), cx);
    }

    /// Tells the caller that he waits.
    pub(crate) fn is_queued(&mut self, caller: LegId, cx: &mut Context<'_>) {
        self.tell(caller, Response::to(&self.invite, StatusCode::QUEUED), cx);
    }

    fn tell(&mut self, caller: LegId, response: Response, cx: &mut Context<'_>) {
        self.told = cx.now();
        cx.respond(caller, response);
    }

    /// How long until he has to be told something.
    pub(crate) fn silence_left(&self, now: Duration) -> Duration {
        (self.told + SILENCE).saturating_sub(now)
    }

    /// An agent has refused.
    pub(crate) fn was_refused(&mut self, code: StatusCode) {
        if ![StatusCode::TEMPORARILY_UNAVAILABLE, StatusCode::REQUEST_TIMEOUT].contains(&code) {
            self.refusal = Some(code);
        }
    }

    /// What the caller is refused with when nobody is left: the last agent's word, else this.
    pub(crate) fn refusal(&self, code: StatusCode, reason: &str) -> Response {
        let mut response = Response::to(&self.invite, self.refusal.unwrap_or(code));
        response.set_reason(reason);
        response
    }

    /// The INFO that tells the caller his place in the queue.
    pub(crate) fn place(&self, place: usize) -> Request {
        let (from, to) = (self.invite.to(), self.invite.from());
        let mut info = Request::new(Method::Info, to, from, to);
        info.set_content_type("application/json");
        // It is JSON.
        let _ = info.set_body(&format!(r#"{{"position":{place}}}"#));
        info
    }
}
