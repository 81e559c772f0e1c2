//! How much an instance may do without being asked.

use std::time::Duration;

use jsip::StatusCode;
use strowger_service::Event;
use strowger_time::Instant;

/// After so long the budget is full again, whatever happened.
const PERIOD: Duration = Duration::from_secs(1);
/// After so many commands that were refused although they were the answer to a refusal, a service is going round in
/// circles.
const REFUSALS: u32 = 100;

/// What an instance has done since somebody outside asked something of it.
///
/// Its own commands can lead to events at once: a refusal, a 480 because nobody is there, a 483. A service that answers
/// each of these with another such command would keep its shard busy for ever.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    since: Instant,
    commands: usize,
    refusals: u32,
    answers_refusal: bool,
}

impl Budget {
    pub(crate) const fn new(now: Instant) -> Self {
        Self {
            since: now,
            commands: 0,
            refusals: 0,
            answers_refusal: false,
        }
    }

    /// An event is about to be handled.
    pub(crate) fn begin(&mut self, now: Instant, event: &Event) {
        if is_from_outside(event) || now.since(self.since) >= PERIOD {
            *self = Self::new(now);
        }
        self.answers_refusal = matches!(event, Event::Refused { .. });
    }

    /// The event led to so many commands; `false` if that is too much.
    pub(crate) const fn spend(&mut self, commands: usize, limit: usize) -> bool {
        self.commands = self.commands.saturating_add(commands);
        self.commands <= limit
    }

    /// A command was refused; `false` if that happened too often. Many refusals at once are no fault: a service may learn
    /// only afterwards that many legs are gone.
    pub(crate) const fn refuse(&mut self) -> bool {
        if self.answers_refusal {
            self.refusals += 1;
        }
        self.refusals <= REFUSALS
    }
}

/// Whether somebody else must have done something for this to happen.
fn is_from_outside(event: &Event) -> bool {
    match event {
        Event::Incoming { .. }
        | Event::Request { .. }
        | Event::Timer { .. }
        | Event::Expired { .. }
        | Event::Http { .. }
        | Event::Fetched { result: Ok(_), .. } => true,
        // These may be made up by the node while it carries out a command.
        Event::Response { response, .. } => ![
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::TEMPORARILY_UNAVAILABLE,
            StatusCode::NO_SUCH_SESSION,
            StatusCode::TOO_MANY_HOPS,
            StatusCode::REQUEST_TERMINATED,
            StatusCode::SERVICE_UNAVAILABLE,
        ]
        .contains(&response.code()),
        _ => false,
    }
}
