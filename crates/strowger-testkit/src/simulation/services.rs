//! The services of the simulated nodes, and two that no real node has.

use std::sync::Arc;
use std::time::Duration;

use jsip::Request;
use strowger_chatroom::Chatroom;
use strowger_click2call::Click2Call;
use strowger_conference::Conference;
use strowger_hunt::{Hunt, Number};
use strowger_node::{Config, Registry, UrlPattern};
use strowger_registrar::Registrar;
use strowger_service::{Bridge, Context, Event, Instance, Service};
use strowger_webhook::Webhook;

use super::rooms::SUBSCRIPTION;

/// The header by which a request says at which event the service panics.
pub(super) const PANICS_AT: &str = "X-Panics-At";

/// What the users of a node call to reach any of them.
pub(super) const DESK: &str = "desk";

/// What users call for whom an HTTP endpoint says what to do.
pub(super) const HOOK: &str = "hook@";

/// Where the endpoint hears of calls that were ordered.
pub(super) const CALLBACK: &str = "http://web.example/told";

/// A user: a device of the team of his node.
pub(super) fn user_name(user: usize, host: &str) -> String {
    format!("team+{user}@{host}")
}

/// Whose devices all users of a node are.
pub(super) fn team(host: &str) -> String {
    format!("team@{host}")
}

/// What services may do, and their settings.
pub(super) fn configure(config: &mut Config) {
    let grant: UrlPattern = "http://web.example/*".parse().expect("it is a pattern of URLs");
    for service in ["click2call", "webhook"] {
        config.web.grants.insert(service.to_owned(), vec![grant.clone()]);
    }
    let hook = r#"{"url":"http://web.example/calls","fallback":"http://web.example/backup","retries":1,"timeout":3}"#;
    config.settings.insert("webhook".to_owned(), hook.into());
}

/// The services of every node; the numbers are those that hunts are configured with, each with its agents.
pub(super) fn registry(numbers: &[(String, Vec<String>)]) -> Registry {
    let numbers = numbers.iter().map(|(number, agents)| {
        let mut number_of = Number::in_turn(agents.iter().cloned(), Duration::from_secs(5));
        number_of.wrap_up = Duration::from_secs(2);
        number_of.queue = 2;
        number_of.wait = Duration::from_secs(20);
        (number.clone(), number_of)
    });
    let hunt = Hunt::new(strowger_hunt::Settings {
        numbers: numbers.collect(),
        ..strowger_hunt::Settings::default()
    });
    let chatroom = Chatroom::new(strowger_chatroom::Settings {
        subscription: Duration::from_secs(SUBSCRIPTION),
        ..strowger_chatroom::Settings::default()
    });
    let services: Vec<(String, Arc<dyn Service>)> = vec![
        ("relay".to_owned(), Arc::new(strowger_relay::Relay)),
        ("echo".to_owned(), Arc::new(strowger_echo::Echo)),
        ("hunt".to_owned(), Arc::new(hunt)),
        ("chatroom".to_owned(), Arc::new(chatroom)),
        ("conference".to_owned(), Arc::new(Conference::default())),
        ("registrar".to_owned(), Arc::new(Registrar)),
        ("click2call".to_owned(), Arc::new(Click2Call)),
        ("webhook".to_owned(), Arc::new(Webhook)),
        ("fragile".to_owned(), Arc::new(Fragile)),
        ("room".to_owned(), Arc::new(Room)),
    ];
    Registry::new(services, "relay").expect("the services have different names")
}

/// Passes on like a relay, and panics when it is told to.
#[derive(Debug)]
pub(super) struct Fragile;

impl Service for Fragile {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(Joined {
            bridge: None,
            events_left: None,
        })
    }
}

/// Passes on like a relay, on a shard that the dialog's id chooses.
#[derive(Debug)]
pub(super) struct Room;

impl Service for Room {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(Joined {
            bridge: None,
            events_left: None,
        })
    }

    fn key(&self, request: &Request) -> Option<String> {
        Some(request.dialog_id().to_owned())
    }
}

#[derive(Debug)]
struct Joined {
    bridge: Option<Bridge>,
    events_left: Option<u32>,
}

impl Instance for Joined {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        match self.events_left {
            // Without the message that a panic prints: it is meant.
            Some(0) => std::panic::resume_unwind(Box::new("told to")),
            Some(left) => self.events_left = Some(left - 1),
            None => {}
        }
        match (event, &mut self.bridge) {
            (Event::Incoming { leg, request }, None) => {
                self.events_left = request.extension(PANICS_AT).and_then(|at| at.parse().ok());
                if self.events_left == Some(0) {
                    std::panic::resume_unwind(Box::new("told to"));
                }
                self.bridge = Some(Bridge::open(leg, request, cx));
            }
            (event, Some(bridge)) => {
                bridge.handle(event, cx);
                // An instance with a key does not end by itself.
                if bridge.is_over() {
                    cx.finish();
                }
            }
            (_, None) => {}
        }
    }
}
