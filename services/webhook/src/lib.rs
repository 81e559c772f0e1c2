//! The webhook service: an HTTP endpoint is asked at each step what to do.
//!
//! Each call and each message is an instance. It tells the endpoint what has happened, gets a list of actions in a small
//! JSON vocabulary, does them one after another, and asks again when it is through or one has failed.

mod action;
mod ask;
mod call;
mod leg;
mod perform;
mod report;
mod settings;

use strowger_service::{Instance, Service};

pub use settings::Settings;

/// Calls and messages that are handled by somebody's web server.
#[derive(Clone, Copy, Debug, Default)]
pub struct Webhook;

impl Service for Webhook {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(call::Call::default())
    }

    fn has_keys(&self) -> bool {
        false
    }

    /// Without settings the service does not know whom to ask, and refuses what comes.
    fn check_config(&self, config: &str) -> Result<(), String> {
        if config == "{}" {
            return Ok(());
        }
        Settings::read(config).map(|_| ())
    }
}
