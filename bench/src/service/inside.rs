//! What events, instances and loading cost, without a server around them.

use std::time::{Duration, Instant};

use jsip::{Limits as MessageLimits, Message, Request};
use strowger_host::{Isolation, Limits, LoadedService, Settings};
use strowger_service::{Command, Context, Event, Facts, Ids, Instance, LegId, Service};

use super::host;
use crate::report::median;
use crate::requests;

const EVENTS: usize = 20_000;
const INSTANCES: usize = 2_000;
const LOADS: usize = 5;

/// Figures by name, native and loaded.
type Figures = [(&'static str, f64, f64); 4];

pub(super) fn measure(component: &[u8]) -> Result<Figures, String> {
    let host = host(Settings::default())?;
    let load = |isolation| -> Result<LoadedService, String> {
        let limits = Limits {
            isolation,
            ..Limits::default()
        };
        host.load(component, limits).map_err(|error| error.to_string())
    };
    let (own, shared) = (load(Isolation::Own)?, load(Isolation::Shared)?);
    let native = strowger_echo::Echo;
    let request = request()?;
    // In turn, so that a drift of the machine meets both.
    let (events, first): (Vec<_>, Vec<_>) = (0..5)
        .map(|_| {
            (
                (each(&native, &request), each(&own, &request)),
                (new(&native, &request), new(&own, &request)),
            )
        })
        .unzip();
    let resident = [
        kept(&native, &request)?,
        kept(&own, &request)?,
        kept(&shared, &request)?,
    ];
    let [native_kept, own_kept, shared_kept] = resident;
    let medians = |pairs: Vec<(f64, f64)>| {
        let (native, loaded): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        (median(native), median(loaded))
    };
    let (events, first) = (medians(events), medians(first));
    Ok([
        ("event, us", events.0, events.1),
        ("new instance with its first event, us", first.0, first.1),
        ("resident per idle instance, KiB", native_kept, own_kept),
        (
            "the same with isolation = \"shared\", KiB",
            native_kept,
            shared_kept,
        ),
    ])
}

/// Milliseconds to load, with nothing in the cache and from it.
pub(super) fn loading(component: &[u8]) -> Result<[f64; 2], String> {
    let (mut fresh, mut cached) = (Vec::new(), Vec::new());
    for _ in 0..LOADS {
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        let host = host(Settings {
            cache: Some(directory.path().join("cache")),
            ..Settings::default()
        })?;
        for times in [&mut fresh, &mut cached] {
            let start = Instant::now();
            host.load(component, Limits::default())
                .map_err(|error| error.to_string())?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    Ok([median(fresh), median(cached)])
}

/// A request of about 600 bytes.
fn request() -> Result<Request, String> {
    let text = requests::message("alice@bench.example", "bob@bench.example", "d", 420);
    match Message::decode(&text, &MessageLimits::default()) {
        Ok(Message::Request(request)) => Ok(request),
        other => Err(format!("{other:?}")),
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
    commands.clear();
}

fn micros(spans: Vec<Duration>) -> f64 {
    median(spans.into_iter().map(|span| span.as_secs_f64() * 1e6).collect())
}

/// The median time of an event, in microseconds.
fn each(service: &dyn Service, request: &Request) -> f64 {
    let (mut instance, mut ids, mut commands) = (service.start(), Ids::default(), Vec::new());
    let spans = (0..EVENTS).map(|_| {
        let start = Instant::now();
        handle(&mut *instance, &mut ids, &mut commands, request);
        start.elapsed()
    });
    micros(spans.collect())
}

/// The median time of a new instance with its first event, in microseconds.
fn new(service: &dyn Service, request: &Request) -> f64 {
    let mut commands = Vec::new();
    let spans = (0..INSTANCES).map(|_| {
        let mut ids = Ids::new("rel".to_owned());
        let start = Instant::now();
        let mut instance = service.start();
        handle(&mut *instance, &mut ids, &mut commands, request);
        start.elapsed()
    });
    micros(spans.collect())
}

/// Resident memory of an instance after one event, in KiB.
fn kept(service: &dyn Service, request: &Request) -> Result<f64, String> {
    let mut commands = Vec::new();
    let mut instances = Vec::with_capacity(INSTANCES);
    let before = resident()?;
    for _ in 0..INSTANCES {
        let (mut instance, mut ids) = (service.start(), Ids::new("rel".to_owned()));
        handle(&mut *instance, &mut ids, &mut commands, request);
        instances.push(instance);
    }
    Ok(resident()?.saturating_sub(before) as f64 / 1024.0 / INSTANCES as f64)
}

/// Resident bytes of this process.
fn resident() -> Result<u64, String> {
    let text = std::fs::read_to_string("/proc/self/statm").map_err(|error| error.to_string())?;
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages
        .map(|pages| pages * 4096)
        .ok_or_else(|| "/proc/self/statm has no second field".to_owned())
}
