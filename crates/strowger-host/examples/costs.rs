//! What a loaded service costs beside the same service native:
//! `cargo run --release -p strowger-host --example costs -- echo.wasm`, a module that `cargo xtask guests` built.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measurement prints and reads the clock"
)]

use std::time::{Duration, Instant};

use strowger_host::{Host, Limits, Settings};
use strowger_service::jsip::{Limits as MessageLimits, Message, Request};
use strowger_service::{Command, Context, Event, Facts, Ids, Instance, LegId, Service};

const EVENTS: u32 = 20_000;
const INSTANCES: usize = 1_000;

/// A MESSAGE of about 600 bytes.
fn request() -> Request {
    let text = format!(
        r#"{{"Type":"INFO","Request-URI":"bob@example.com","From":"alice@example.com","To":"bob@example.com","DialogueID":"a84b4c76e66710","CSeq":7,"Max-Forwards":20,"X-Ticket":12345678901234567890,"Body":"{}"}}"#,
        "v=0 o=- 4611731400430051336 2 IN IP4 127.0.0.1 ".repeat(9)
    );
    match Message::decode(&text, &MessageLimits::default()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn handle(instance: &mut dyn Instance, ids: &mut Ids, commands: &mut Vec<Command>, request: &Request) {
    let facts = Facts {
        now: Duration::ZERO,
        service: "echo",
        own_hosts: &[],
    };
    let event = Event::Request {
        leg: LegId::new(1),
        request: request.clone(),
    };
    instance.handle(event, &mut Context::new(ids, &facts, commands));
    assert!(
        matches!(commands.as_slice(), [Command::Respond { .. }]),
        "{commands:?}"
    );
    commands.clear();
}

/// The median time of an event, and of the first one with the making of its instance.
fn measure(service: &dyn Service) -> (Duration, Duration) {
    let request = request();
    let mut commands = Vec::new();
    let mut first: Vec<Duration> = (0..INSTANCES)
        .map(|_| {
            let mut ids = Ids::new("rel".to_owned());
            let start = Instant::now();
            let mut instance = service.start();
            handle(&mut *instance, &mut ids, &mut commands, &request);
            start.elapsed()
        })
        .collect();
    let (mut instance, mut ids) = (service.start(), Ids::new("rel".to_owned()));
    let mut each: Vec<Duration> = (0..EVENTS)
        .map(|_| {
            let start = Instant::now();
            handle(&mut *instance, &mut ids, &mut commands, &request);
            start.elapsed()
        })
        .collect();
    first.sort();
    each.sort();
    (each[each.len() / 2], first[first.len() / 2])
}

/// Resident bytes of this process.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

fn main() {
    let path = std::env::args().nth(1).expect("the path of a module");
    let module = std::fs::read(path).unwrap();
    let encoder = wit_component::ComponentEncoder::default()
        .module(&module)
        .unwrap();
    let component = encoder.validate(true).encode().unwrap();
    let cache = std::env::temp_dir().join(format!("strowger-costs-{}", std::process::id()));
    let settings = Settings {
        cache: Some(cache.clone()),
        ..Settings::default()
    };
    let host = Host::new(settings).unwrap();
    let load = || {
        let start = Instant::now();
        let service = host.load(&component, Limits::default()).unwrap();
        (service, start.elapsed())
    };
    let ((service, compiled), (_, kept)) = (load(), load());
    println!(
        "{} bytes; loaded in {compiled:?}, from the cache in {kept:?}",
        component.len()
    );
    for (name, (each, first)) in [
        ("native", measure(&strowger_echo::Echo)),
        ("loaded", measure(&service)),
    ] {
        println!("{name}: {each:?} per event, {first:?} for a new instance with its first event");
    }
    let before = resident();
    let (mut commands, request) = (Vec::new(), request());
    let instances: Vec<_> = (0..INSTANCES)
        .map(|_| {
            let (mut instance, mut ids) = (service.start(), Ids::new("rel".to_owned()));
            handle(&mut *instance, &mut ids, &mut commands, &request);
            instance
        })
        .collect();
    let each = (resident() - before) / instances.len() as u64;
    println!("resident: {each} bytes per instance after one event");
    std::fs::remove_dir_all(cache).unwrap();
}
