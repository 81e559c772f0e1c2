//! What instances are told that nobody has asked for: other settings, and that the node ends.

use std::sync::Arc;
use std::time::Duration;

use strowger_node::{Config, Registry, RegistryError, Shard};
use strowger_service::{Context, Event, HttpRequest, HttpResponse, Instance, Service};
use strowger_testkit::SimNode;
use strowger_time::Instant;

/// More than are told at a time.
const MANY: usize = 100;

/// One instance per path, which answers with its settings and what it was told; at `/end` it ends.
struct Hearers;

#[derive(Default)]
struct Hearer(Vec<String>);

impl Service for Hearers {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(Hearer::default())
    }

    fn takes_http(&self) -> bool {
        true
    }

    fn http_key(&self, request: &HttpRequest) -> Option<String> {
        Some(request.url.clone())
    }

    fn check_config(&self, config: &str) -> Result<(), String> {
        if config.contains("wrong") {
            return Err("it is wrong".to_owned());
        }
        Ok(())
    }
}

impl Instance for Hearer {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        match event {
            Event::Http { id, .. } => {
                let text = format!("{} {}", cx.config(), self.0.join(","));
                cx.http_respond(id, HttpResponse::with_body(200, "text/plain", text));
            }
            Event::ConfigChanged => self.0.push("settings".to_owned()),
            Event::Shutdown { within } => {
                self.0.push(format!("ends in {}", within.as_millis()));
                if within < Duration::from_secs(30) {
                    cx.log(strowger_service::LogLevel::Info, "told later");
                }
            }
            _ => {}
        }
    }
}

fn node(shards: u16) -> SimNode {
    let mut config = Config::default();
    config.settings.insert("a".to_owned(), "{}".into());
    let service = |name: &str| (name.to_owned(), Arc::new(Hearers) as Arc<dyn Service>);
    let registry = Registry::new(vec![service("a"), service("b")], "a").unwrap();
    SimNode::new(config, registry, shards, 3)
}

fn ask(node: &mut SimNode, service: &str, number: usize) -> String {
    let ticket = node.http(service, HttpRequest::new("GET", &format!("/{number}")));
    String::from_utf8(node.http_answer(ticket).unwrap().body).unwrap()
}

#[test]
fn other_settings_are_checked_and_told_to_the_instances_of_their_service_alone() {
    for shards in [1, 3] {
        let mut node = node(shards);
        for number in 0..MANY {
            assert_eq!(ask(&mut node, "a", number), "{} ");
        }
        ask(&mut node, "b", 0);
        let wrong = node.change_services(|registry| registry.with_settings("a", "{\"wrong\":1}"));
        assert!(matches!(wrong, Err(RegistryError::Settings { .. })), "{wrong:?}");
        for settings in ["{\"x\":1}", "{\"x\":2}", "{\"x\":2}"] {
            node.change_services(|registry| registry.with_settings("A", settings))
                .unwrap();
        }
        node.advance_to(Instant::from_micros(100_000));
        for number in 0..MANY {
            assert_eq!(
                ask(&mut node, "a", number),
                "{\"x\":2} settings",
                "{number} of {shards}"
            );
        }
        assert_eq!(ask(&mut node, "a", MANY), "{\"x\":2} ", "a new one has them");
        assert_eq!(ask(&mut node, "b", 0), "{} ");
        // Another version keeps them.
        node.change_services(|registry| registry.with("a", "2", Arc::new(Hearers)))
            .unwrap();
        assert_eq!(ask(&mut node, "a", MANY + 1), "{\"x\":2} ");
    }
}

#[test]
fn a_drain_tells_every_instance_once_how_long_it_may_take_and_is_not_over_before() {
    for shards in [1, 3] {
        let mut node = node(shards);
        let is_drained = |node: &SimNode| node.shards().iter().all(Shard::is_drained);
        for number in 0..MANY {
            ask(&mut node, "a", number);
        }
        node.drain();
        assert_eq!(ask(&mut node, "a", 0), "{} ends in 30000");
        assert!(!is_drained(&node), "some are not told yet");
        node.drain();
        node.advance_to(Instant::from_micros(100_000));
        node.drain();
        for number in 0..MANY {
            let heard = ask(&mut node, "a", number);
            assert!(
                heard.starts_with("{} ends in ") && !heard.contains(','),
                "{heard}"
            );
        }
        assert!(is_drained(&node));
        let later = node.logs().iter().filter(|line| line.text == "told later");
        assert!(later.count() > 0, "the last of many are told what is left");
    }
}
