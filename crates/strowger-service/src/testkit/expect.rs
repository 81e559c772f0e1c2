//! What the service must have sent.

use std::fmt;
use std::ops::Deref;

use jsip::{Method, Request, Response, StatusCode};

use super::{Over, TestKit};
use crate::{LegId, RequestId};

/// A request that the service sent. It is used as the [`Request`] that the peer sees.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The leg.
    pub leg: LegId,
    /// Names the request; [`TestKit::answer`] takes it.
    pub id: RequestId,
    /// The request, with its `DialogueID` and `CSeq`.
    pub request: Request,
}

impl Deref for Sent {
    type Target = Request;

    fn deref(&self) -> &Request {
        &self.request
    }
}

impl From<&Sent> for RequestId {
    fn from(sent: &Sent) -> Self {
        sent.id
    }
}

/// Something that the service sent.
#[derive(Clone, Debug)]
pub enum Seen {
    /// The first request of a new leg.
    Open(Sent),
    /// A request on a leg.
    Send(Sent),
    /// A response on a leg.
    Response(LegId, Response),
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(sent) => {
                write!(
                    f,
                    "{} to {} opened leg {}",
                    sent.method(),
                    sent.request_uri(),
                    sent.leg.number()
                )
            }
            Self::Send(sent) => write!(f, "{} on leg {}", sent.method(), sent.leg.number()),
            Self::Response(leg, response) => {
                let reason = response
                    .reason()
                    .map(|reason| format!(" ({reason})"))
                    .unwrap_or_default();
                write!(
                    f,
                    "response {} on leg {}{reason}",
                    response.code().as_u16(),
                    leg.number()
                )
            }
        }
    }
}

impl TestKit {
    /// The next thing that the service sent must be the first request of a new leg.
    #[track_caller]
    pub fn expect_open(&mut self) -> Sent {
        match self.seen.pop_front() {
            Some(Seen::Open(sent)) => sent,
            other => self.differs("a new leg", other),
        }
    }

    /// The next thing that the service sent must be a request with this method on this leg.
    #[track_caller]
    pub fn expect_send(&mut self, leg: LegId, method: Method) -> Sent {
        match self.seen.pop_front() {
            Some(Seen::Send(sent)) if sent.leg == leg && sent.method() == method => sent,
            other => self.differs(&format!("{method} on leg {}", leg.number()), other),
        }
    }

    /// The next thing that the service sent must be a response with this code on this leg.
    #[track_caller]
    pub fn expect_response(&mut self, leg: LegId, code: StatusCode) -> Response {
        match self.seen.pop_front() {
            Some(Seen::Response(on, response)) if on == leg && response.code() == code => response,
            other => self.differs(
                &format!("response {} on leg {}", code.as_u16(), leg.number()),
                other,
            ),
        }
    }

    /// The next thing that the service sent, whatever it is: for tests that go through many orders of what happens.
    pub fn next_seen(&mut self) -> Option<Seen> {
        self.seen.pop_front()
    }

    /// The service must have sent nothing more.
    #[track_caller]
    pub fn expect_nothing(&mut self) {
        if let Some(seen) = self.seen.pop_front() {
            self.differs("nothing", Some(seen))
        }
    }

    /// The instance must have ended without failing, and everything that was sent must have been expected.
    #[track_caller]
    pub fn assert_finished(&mut self) {
        self.expect_nothing();
        match &self.over {
            Some(Over::Finished) => {}
            Some(Over::Failed(reason)) => panic!("the instance failed: {reason}"),
            None => {
                let legs = self.legs.iter().filter(|(_, leg)| !leg.ended);
                let legs: Vec<_> = legs
                    .map(|(id, leg)| format!("leg {} {}", id.number(), leg.state.name()))
                    .collect();
                let timers = self
                    .deadlines
                    .iter()
                    .filter(|(_, due)| matches!(due, super::Due::Timer(_)))
                    .count();
                let (relations, keyed) = (self.relations.len(), self.keyed);
                panic!(
                    "the instance runs on: legs {legs:?}, {timers} timers, {relations} relations, key: {keyed}"
                )
            }
        }
    }

    #[track_caller]
    fn differs(&self, expected: &str, found: Option<Seen>) -> ! {
        let found = found.map_or_else(|| "nothing".to_owned(), |seen| seen.to_string());
        let then: Vec<String> = self.seen.iter().map(ToString::to_string).collect();
        let refused: Vec<String> = self
            .refusals
            .iter()
            .map(|(leg, error)| format!("on leg {}: {error}", leg.number()))
            .collect();
        panic!(
            "at {:?}: expected {expected}, found {found}\n  then: {then:?}\n  commands refused so far: {refused:?}\n  \
             instance over: {:?}",
            self.now, self.over
        )
    }
}
