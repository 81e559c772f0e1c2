//! The hunt service: one number, several agents.
//!
//! A number has steps: the agents of a step are rung together, and when none of them answers in time the next step's are.
//! Busy, declining and absent agents are passed over at once; whoever answers first gets the call. When all are busy the
//! caller may wait in a queue.
//!
//! All calls of a configured number are one instance, found by its [key](Service::key): so which agent is busy and who
//! waits is plain state of one thread. A number that the caller makes up in his Router has an instance of its own and
//! knows only its own call.

mod agents;
mod call;
mod line;
mod number;
mod queue;
mod settings;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use strowger_service::jsip::{Request, Uri};
use strowger_service::{Instance, Service};

pub use number::{MOST_AGENTS, Number};

/// What the service is told at its start, or as settings in JSON ([`Settings::read`]), which go before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The numbers (`user@host`, host in lower case). A number that is not among them takes its agents from the Router:
    /// the URIs behind the first, with the ring time as parameter `ring` of the first, in seconds; with the parameter
    /// `all` they are rung together.
    pub numbers: BTreeMap<String, Number>,
    /// How long an agent of the Router is rung where it does not say. Default 15 s.
    pub ring: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            numbers: BTreeMap::new(),
            ring: Duration::from_secs(15),
        }
    }
}

/// One number, several agents.
#[derive(Clone, Debug, Default)]
pub struct Hunt {
    settings: Arc<Settings>,
}

impl Hunt {
    /// A hunt with these numbers.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings: Arc::new(settings),
        }
    }
}

impl Service for Hunt {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(line::Line::new(Arc::clone(&self.settings)))
    }

    /// The number, where it is configured.
    fn key(&self, request: &Request) -> Option<String> {
        configured(&self.settings, request)
    }

    fn key_by(&self, request: &Request, config: &str) -> Option<String> {
        match Settings::read_own(config) {
            Some(settings) => configured(&settings, request),
            None => self.key(request),
        }
    }

    fn check_config(&self, config: &str) -> Result<(), String> {
        Settings::read(config).map(|_| ())
    }
}

/// The number that is called, if it is among these.
fn configured(settings: &Settings, request: &Request) -> Option<String> {
    let called = Uri::parse(request.request_uri()).ok()?;
    let called = called.user_with_host().into_owned();
    settings.numbers.contains_key(&called).then_some(called)
}
