//! The registrar service: where a user's devices are, calls to all of them, presence, and messages that wait for him.
//!
//! A user is one instance: all requests to him and his own REGISTER carry the same [key](Service::key), so what is known
//! of him needs no lock. Messages for a user who is away are in the service's store, and outlive instance and server.

mod call;
mod devices;
mod mailbox;
mod message;
mod name;
mod presence;
mod settings;
mod user;

use strowger_service::jsip::Request;
use strowger_service::{Instance, Service};

pub use settings::Settings;

/// Users with several devices each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Registrar;

impl Service for Registrar {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(user::User::default())
    }

    /// The user, whichever of his devices is meant.
    fn key(&self, request: &Request) -> Option<String> {
        name::subject(request).map(|name| name::user_of(&name))
    }

    fn check_config(&self, config: &str) -> Result<(), String> {
        Settings::read(config).map(|_| ())
    }
}
