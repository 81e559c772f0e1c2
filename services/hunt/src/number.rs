//! Who answers for a number.

use std::time::Duration;

use strowger_service::jsip::{Request, Uri};

use crate::Settings;

/// How many agents a caller may name in the Router. The configuration may name more.
pub const MOST_AGENTS: usize = 32;

/// The agents of one number and how they are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    /// The users to call: those of one step together, one step after another.
    pub steps: Vec<Vec<String>>,
    /// How long each step is rung; the last one holds for all steps behind it, too.
    pub ring: Vec<Duration>,
    /// How long an agent is left in peace after a call. Default 0.
    pub wrap_up: Duration,
    /// How many callers may wait while all agents are busy. Default 0: they are refused with 486.
    pub queue: usize,
    /// How long each of them may wait. Default 60 s.
    pub wait: Duration,
    /// Who gets the calls that no agent takes, in place of a refusal.
    pub overflow: Option<String>,
}

impl Number {
    /// A number whose agents are rung one after another, with no queue.
    pub fn in_turn(agents: impl IntoIterator<Item = String>, ring: Duration) -> Self {
        Self {
            steps: agents.into_iter().map(|agent| vec![agent]).collect(),
            ring: vec![ring],
            wrap_up: Duration::ZERO,
            queue: 0,
            wait: Duration::from_secs(60),
            overflow: None,
        }
    }

    /// How long a step is rung.
    pub(crate) fn ring(&self, step: usize) -> Duration {
        let ring = self.ring.get(step).or(self.ring.last());
        ring.copied().unwrap_or(Duration::ZERO)
    }

    /// The number that was called; `None` if the Router names too many agents.
    pub(crate) fn called(invite: &Request, settings: &Settings) -> Option<Self> {
        let called = Uri::parse(invite.request_uri()).map(|uri| uri.user_with_host().into_owned());
        if let Some(number) = called.ok().and_then(|called| settings.numbers.get(&called)) {
            return Some(number.clone());
        }
        let mut uris = invite.route().unwrap_or_default().split(',').map(str::trim);
        let first = uris.next().and_then(|first| Uri::parse(first).ok());
        let ring = first.and_then(|first| first.param("ring")??.parse().ok());
        let agents = uris.filter(|uri| !uri.is_empty()).map(str::to_owned);
        let agents: Vec<String> = agents.take(MOST_AGENTS + 1).collect();
        if agents.len() > MOST_AGENTS {
            return None;
        }
        let mut number = Self::in_turn(agents, ring.map_or(settings.ring, Duration::from_secs));
        if first.is_some_and(|first| first.has_param("all")) {
            number.steps = vec![number.steps.concat()];
        }
        Some(number)
    }
}
