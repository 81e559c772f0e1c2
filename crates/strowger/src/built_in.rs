//! The services that are compiled in, and those of their tables that a running server takes over.

use std::sync::{Arc, PoisonError, RwLock};

use strowger_service::jsip::Request;
use strowger_service::{Context, HttpRequest, Instance, Service};

use crate::config::{Config, HuntNumber};

/// A service and its name.
pub(crate) type Named = (String, Arc<dyn Service>);

/// The services that are compiled in. What is made of the same value changes together.
#[derive(Clone, Debug)]
pub(crate) struct BuiltIn {
    hunt: Arc<Exchangeable>,
    chatroom: Arc<Exchangeable>,
    conference: Arc<Exchangeable>,
}

impl BuiltIn {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            hunt: Exchangeable::new(hunt(config)),
            chatroom: Exchangeable::new(chatroom(config)),
            conference: Exchangeable::new(conference(config)),
        }
    }

    /// All of them, by name.
    pub(crate) fn services(&self) -> Vec<Named> {
        vec![
            ("relay".to_owned(), Arc::new(strowger_relay::Relay)),
            ("hunt".to_owned(), Arc::clone(&self.hunt) as _),
            ("echo".to_owned(), Arc::new(strowger_echo::Echo)),
            ("chatroom".to_owned(), Arc::clone(&self.chatroom) as _),
            ("conference".to_owned(), Arc::clone(&self.conference) as _),
            ("registrar".to_owned(), Arc::new(strowger_registrar::Registrar)),
            ("click2call".to_owned(), Arc::new(strowger_click2call::Click2Call)),
            ("webhook".to_owned(), Arc::new(strowger_webhook::Webhook)),
        ]
    }

    /// Has what begins from now on go by the tables of another configuration. Rooms and numbers that are in use go on as they began.
    pub(crate) fn take_over(&self, old: &Config, new: &Config) {
        if old.hunt_numbers != new.hunt_numbers {
            self.hunt.exchange(hunt(new));
        }
        if old.chatroom != new.chatroom {
            self.chatroom.exchange(chatroom(new));
        }
        if old.conference != new.conference {
            self.conference.exchange(conference(new));
        }
    }
}

/// A service in the place of which another can be put. Asked for each new dialog, not for each message.
struct Exchangeable(RwLock<Arc<dyn Service>>);

impl Exchangeable {
    fn new(service: Arc<dyn Service>) -> Arc<Self> {
        Arc::new(Self(RwLock::new(service)))
    }

    fn exchange(&self, service: Arc<dyn Service>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = service;
    }

    fn present(&self) -> Arc<dyn Service> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl std::fmt::Debug for Exchangeable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Exchangeable")
    }
}

impl Service for Exchangeable {
    fn start(&self) -> Box<dyn Instance> {
        self.present().start()
    }

    fn has_room(&self) -> bool {
        self.present().has_room()
    }

    fn key(&self, request: &Request) -> Option<String> {
        self.present().key(request)
    }

    fn key_by(&self, request: &Request, config: &str) -> Option<String> {
        self.present().key_by(request, config)
    }

    fn has_keys(&self) -> bool {
        self.present().has_keys()
    }

    fn hears_completed(&self) -> bool {
        self.present().hears_completed()
    }

    fn takes_http(&self) -> bool {
        self.present().takes_http()
    }

    fn http_key(&self, request: &HttpRequest) -> Option<String> {
        self.present().http_key(request)
    }

    fn try_http_key(&self, request: &HttpRequest) -> Result<Option<String>, String> {
        self.present().try_http_key(request)
    }

    fn check_config(&self, config: &str) -> Result<(), String> {
        self.present().check_config(config)
    }

    fn try_key(&self, request: &Request, config: &str) -> Result<Option<String>, String> {
        self.present().try_key(request, config)
    }

    fn restore(&self, saved: &[u8]) -> Option<Box<dyn Instance>> {
        self.present().restore(saved)
    }

    fn try_restore(&self, saved: &[u8], cx: &mut Context<'_>) -> Result<Box<dyn Instance>, String> {
        self.present().try_restore(saved, cx)
    }
}

fn hunt(config: &Config) -> Arc<dyn Service> {
    let numbers = config.hunt_numbers.iter();
    let numbers = numbers.map(|(number, hunt)| (number.clone(), hunt_number(hunt)));
    Arc::new(strowger_hunt::Hunt::new(strowger_hunt::Settings {
        numbers: numbers.collect(),
        ..strowger_hunt::Settings::default()
    }))
}

fn hunt_number(hunt: &HuntNumber) -> strowger_hunt::Number {
    strowger_hunt::Number {
        steps: hunt.agents.clone(),
        ring: hunt.ring.clone(),
        wrap_up: hunt.wrap_up,
        queue: hunt.queue,
        wait: hunt.wait,
        overflow: hunt.overflow.clone(),
    }
}

fn chatroom(config: &Config) -> Arc<dyn Service> {
    Arc::new(strowger_chatroom::Chatroom::new(chatroom_settings(config)))
}

fn chatroom_settings(config: &Config) -> strowger_chatroom::Settings {
    let room = &config.chatroom;
    strowger_chatroom::Settings {
        members: room.members,
        history: room.history,
        queue: room.queue,
        queue_bytes: room.queue_bytes,
        message_bytes: room.message_bytes,
        subscription: room.subscription,
    }
}

fn conference(config: &Config) -> Arc<dyn Service> {
    Arc::new(strowger_conference::Conference::new(conference_settings(config)))
}

fn conference_settings(config: &Config) -> strowger_conference::Settings {
    strowger_conference::Settings {
        members: config.conference.members,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_and_the_services_have_the_same_defaults() {
        let config = Config::default();
        assert_eq!(
            conference_settings(&config),
            strowger_conference::Settings::default()
        );
        assert_eq!(chatroom_settings(&config), strowger_chatroom::Settings::default());
    }

    #[test]
    fn what_is_exchanged_answers_for_itself_in_everything() {
        let request = |to: &str| Request::new(jsip::Method::Invite, to, "d@x", to);
        let old = Config::parse("[services.hunt.numbers.\"a@x\"]\nagents = \"c@x\"", "old").unwrap();
        let new = Config::parse("[services.hunt.numbers.\"b@x\"]\nagents = \"c@x\"", "new").unwrap();
        let built_in = BuiltIn::new(&old);
        let services = built_in.services();
        let (_, hunt) = services.iter().find(|(name, _)| name == "hunt").unwrap();
        let keys = || ["a@x", "b@x"].map(|to| hunt.try_key(&request(to), "{}").unwrap());
        assert_eq!(keys(), [Some("a@x".to_owned()), None]);
        built_in.take_over(&old, &new);
        assert_eq!(keys(), [None, Some("b@x".to_owned())]);
        // What the service itself says, not what the trait would.
        assert!(hunt.check_config("{\"ringing\": 1}").is_err());
        let (_, room) = services.iter().find(|(name, _)| name == "chatroom").unwrap();
        assert!(room.takes_http() && room.check_config("{\"member\": 1}").is_err());
    }
}
