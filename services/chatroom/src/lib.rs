//! The chat room service: SUBSCRIBE joins a room, what a member says by MESSAGE goes to all the others.
//!
//! A room is the user whom a request names, `room:888@example.com` say, and one instance: all requests to it carry the
//! same [key](Service::key), so its state needs no lock and no store. It begins with its first member and ends with the
//! last.

mod notice;
mod posts;
mod room;
mod routes;
mod saved;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use strowger_service::jsip::{Request, Uri};
use strowger_service::{Context, HttpRequest, Instance, Service};

/// The bounds of each room: what the service is told at its start, or as settings in JSON ([`Settings::read`]), which go before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The most members. Default 200.
    ///
    /// A member has one request in flight at a time, and each is a leg: the node must allow a few legs more than this.
    pub members: usize,
    /// How many of the latest messages a new member with `Event` is told. Default 20.
    pub history: usize,
    /// How many messages and notices are kept for members who are behind; who falls further back loses the oldest, and is
    /// told how many. Default 256.
    pub queue: usize,
    /// The same in bytes. Default 1 MiB.
    pub queue_bytes: usize,
    /// The longest message, with its headers, in bytes; a longer one gets 413. Default 16 KiB.
    pub message_bytes: usize,
    /// The longest subscription; who asks for a longer one gets this. Default an hour.
    pub subscription: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            members: 200,
            history: 20,
            queue: 256,
            queue_bytes: 1 << 20,
            message_bytes: 16 << 10,
            subscription: Duration::from_secs(3600),
        }
    }
}

/// Rooms in which everybody reads what one writes.
#[derive(Clone, Debug, Default)]
pub struct Chatroom {
    settings: Arc<Settings>,
}

impl Chatroom {
    /// Rooms with these bounds.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings: Arc::new(settings),
        }
    }
}

impl Service for Chatroom {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(room::Room::new(Arc::clone(&self.settings)))
    }

    /// The room.
    fn key(&self, request: &Request) -> Option<String> {
        let uri = Uri::parse(request.request_uri()).ok()?;
        Some(uri.user_with_host().into_owned())
    }

    fn hears_completed(&self) -> bool {
        false
    }

    fn takes_http(&self) -> bool {
        true
    }

    /// The same room: it answers for itself.
    fn http_key(&self, request: &HttpRequest) -> Option<String> {
        routes::room_of(request)
    }

    fn check_config(&self, config: &str) -> Result<(), String> {
        Settings::read(config).map(|_| ())
    }

    fn restore(&self, saved: &[u8]) -> Option<Box<dyn Instance>> {
        let room = room::Room::from_bytes(Arc::clone(&self.settings), saved)?;
        Some(Box::new(room))
    }

    fn try_restore(&self, saved: &[u8], cx: &mut Context<'_>) -> Result<Box<dyn Instance>, String> {
        let bounds = Settings::read_own(cx.config()).map_or_else(|| self.clone(), Self::new);
        let room = bounds.restore(saved);
        room.ok_or_else(|| "it was not saved in a form that this version knows".to_owned())
    }
}
