//! The conference service: users call a room, and each talks to each.
//!
//! The room carries no media. It tells its members by NOTIFY who is there, and passes what they send each other by INFO
//! and MESSAGE from leg to leg: offers and answers of a mesh. A room is one instance, found by its
//! [key](Service::key); it begins with the first member and ends with the last.

mod member;
mod room;

use std::sync::Arc;

use strowger_service::jsip::{Request, Uri};
use strowger_service::{Instance, Service};

/// What the service is told at its start: the bounds of each room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The most members; one more gets 486. Default 50. Each has a leg.
    pub members: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { members: 50 }
    }
}

/// Rooms in which each member talks to each.
#[derive(Clone, Debug, Default)]
pub struct Conference {
    settings: Arc<Settings>,
}

impl Conference {
    /// Rooms with these bounds.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings: Arc::new(settings),
        }
    }
}

impl Service for Conference {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(room::Room::new(Arc::clone(&self.settings)))
    }

    /// The room.
    fn key(&self, request: &Request) -> Option<String> {
        let uri = Uri::parse(request.request_uri()).ok()?;
        Some(uri.user_with_host().into_owned())
    }
}
