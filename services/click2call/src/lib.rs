//! The click-to-call service: an HTTP request rings A, then B, and joins them.
//!
//! Each call is an instance of its own. What becomes of it stands in the service's store, where another instance, made for
//! the HTTP request that asks, finds it; who wants to end it publishes that to the call.

mod call;
mod callback;
mod desk;
mod order;
mod settings;

use strowger_service::{Instance, Service};

pub use settings::Settings;

/// Calls between two users that a third wants, over HTTP.
#[derive(Clone, Copy, Debug, Default)]
pub struct Click2Call;

impl Service for Click2Call {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(desk::Desk::default())
    }

    fn has_keys(&self) -> bool {
        false
    }

    fn takes_http(&self) -> bool {
        true
    }

    fn check_config(&self, config: &str) -> Result<(), String> {
        Settings::read(config).map(|_| ())
    }
}
