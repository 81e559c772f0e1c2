//! What events, instances and loading cost, without a server around them.

use std::time::{Duration, Instant};

use jsip::{Limits as MessageLimits, Message, Request};
use strowger_host::{Isolation, Limits, LoadedService, Settings};
use strowger_service::{Command, Context, Event, Facts, Ids, Instance, LegId, Service};

use super::{Figure, To, host};
use crate::report::median;
use crate::requests;

const EVENTS: usize = 10_000;
const INSTANCES: usize = 2_000;
/// Each takes more of everything.
const INSTANCES_OF_JAVASCRIPT: usize = 500;
const ROUNDS: usize = 5;
const LOADS: usize = 5;
/// Compiling takes seconds.
const LOADS_OF_JAVASCRIPT: usize = 2;

/// What one service costs; times in microseconds, memory in KiB.
struct Costs {
    event: f64,
    new: f64,
    fresh: f64,
    resident: f64,
}

pub(super) fn measure(rust: &[u8], javascript: &[u8]) -> Result<[Figure; 5], String> {
    let host = host(Settings::default())?;
    let load = |component, isolation| -> Result<LoadedService, String> {
        let limits = Limits {
            isolation,
            // It is the machine that is slow, if any is.
            budget: Duration::from_secs(1),
            ..Limits::default()
        };
        host.load(component, limits).map_err(|error| error.to_string())
    };
    let native = strowger_echo::Echo;
    let (own, shared) = (load(rust, Isolation::Own)?, load(rust, Isolation::Shared)?);
    let (own_js, shared_js) = (
        load(javascript, Isolation::Own)?,
        load(javascript, Isolation::Shared)?,
    );
    let services: [(&dyn Service, usize); 5] = [
        (&native, INSTANCES),
        (&own, INSTANCES),
        (&own_js, INSTANCES_OF_JAVASCRIPT),
        (&shared, INSTANCES),
        (&shared_js, INSTANCES_OF_JAVASCRIPT),
    ];
    let [native, rust, javascript, shared, shared_js] = costs(services)?;
    let figure = |name: &str, of: fn(&Costs) -> f64, to| Figure {
        name: name.to_owned(),
        native: Some(of(&native)),
        rust: Some(of(&rust)),
        javascript: Some(of(&javascript)),
        to,
        bar: None,
    };
    Ok([
        figure("event, us", |costs| costs.event, To::Difference).judged("service_event"),
        figure(
            "new instance with its first event, us",
            |costs| costs.new,
            To::Difference,
        ),
        figure(
            "the same where no ended instance left its memory, us",
            |costs| costs.fresh,
            To::Nothing,
        )
        .judged("service_new"),
        figure(
            "resident per idle instance, KiB",
            |costs| costs.resident,
            To::Nothing,
        )
        .judged("service_idle"),
        Figure {
            name: "the same, isolation = \"shared\"".to_owned(),
            native: None,
            rust: Some(shared.resident),
            javascript: Some(shared_js.resident),
            to: To::Nothing,
            bar: None,
        },
    ])
}

/// In turn, so that a drift of the machine meets all of them.
fn costs<const N: usize>(services: [(&dyn Service, usize); N]) -> Result<[Costs; N], String> {
    let request = request()?;
    let mut events = [(); N].map(|()| Vec::new());
    let mut firsts = [(); N].map(|()| Vec::new());
    for _ in 0..ROUNDS {
        for (place, (service, instances)) in services.into_iter().enumerate() {
            events[place].push(each(service, &request));
            firsts[place].push(new(service, instances, &request));
        }
    }
    let mut measured = Vec::new();
    for ((events, firsts), (service, instances)) in events.into_iter().zip(firsts).zip(services) {
        let (fresh, resident) = kept(service, instances, &request)?;
        measured.push(Costs {
            event: median(events),
            new: median(firsts),
            fresh,
            resident,
        });
    }
    measured
        .try_into()
        .map_err(|_| "a service was not measured".to_owned())
}

/// Milliseconds to load, with nothing in the cache and from it.
pub(super) fn loading(rust: &[u8], javascript: &[u8]) -> Result<[Figure; 2], String> {
    let (rust, javascript) = (times(rust, LOADS)?, times(javascript, LOADS_OF_JAVASCRIPT)?);
    let figure = |name: &str, place: usize| Figure {
        name: name.to_owned(),
        native: None,
        rust: Some(rust[place]),
        javascript: Some(javascript[place]),
        to: To::Nothing,
        bar: None,
    };
    Ok([
        figure("load, nothing in the cache, ms", 0).judged("service_load"),
        figure("load from the cache, ms", 1).judged("service_cached"),
    ])
}

fn times(component: &[u8], loads: usize) -> Result<[f64; 2], String> {
    let (mut fresh, mut cached) = (Vec::new(), Vec::new());
    for _ in 0..loads {
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
    let text = requests::message("alice@bench.example", "echo@bench.example", "d", 420);
    match Message::decode(&text, &MessageLimits::default()) {
        Ok(Message::Request(request)) => Ok(request),
        other => Err(format!("{other:?}")),
    }
}

/// An instance, and what a node keeps for it.
struct Running {
    instance: Box<dyn Instance>,
    ids: Ids,
    is_new: bool,
}

impl Running {
    fn new(service: &dyn Service) -> Self {
        Self {
            instance: service.start(),
            ids: Ids::new("rel".to_owned()),
            is_new: true,
        }
    }

    /// Has it answer the request.
    fn handle(&mut self, commands: &mut Vec<Command>, request: &Request) {
        let facts = Facts {
            now: Duration::ZERO,
            service: "echo",
            own_hosts: &[],
        };
        let (leg, request) = (LegId::new(1), request.clone());
        let event = match std::mem::take(&mut self.is_new) {
            true => Event::Incoming { leg, request },
            false => Event::Request { leg, request },
        };
        self.instance
            .handle(event, &mut Context::new(&mut self.ids, &facts, commands));
        commands.clear();
    }
}

fn micros(spans: Vec<Duration>) -> f64 {
    median(spans.into_iter().map(|span| span.as_secs_f64() * 1e6).collect())
}

/// The median time of an event, in microseconds.
fn each(service: &dyn Service, request: &Request) -> f64 {
    let (mut running, mut commands) = (Running::new(service), Vec::new());
    running.handle(&mut commands, request);
    let spans = (0..EVENTS).map(|_| {
        let start = Instant::now();
        running.handle(&mut commands, request);
        start.elapsed()
    });
    micros(spans.collect())
}

/// The median time of a new instance with its first event, in microseconds; each ends before the next begins.
fn new(service: &dyn Service, instances: usize, request: &Request) -> f64 {
    let mut commands = Vec::new();
    let spans = (0..instances).map(|_| {
        let start = Instant::now();
        let mut running = Running::new(service);
        running.handle(&mut commands, request);
        start.elapsed()
    });
    micros(spans.collect())
}

/// The same where none ends, and the resident memory of each after its event, in KiB.
fn kept(service: &dyn Service, instances: usize, request: &Request) -> Result<(f64, f64), String> {
    let (mut commands, mut spans) = (Vec::new(), Vec::with_capacity(instances));
    let mut all = Vec::with_capacity(instances);
    let before = resident()?;
    for _ in 0..instances {
        let start = Instant::now();
        let mut running = Running::new(service);
        running.handle(&mut commands, request);
        spans.push(start.elapsed());
        all.push(running);
    }
    let resident = resident()?.saturating_sub(before) as f64 / 1024.0 / instances as f64;
    Ok((micros(spans), resident))
}

/// Resident bytes of this process.
fn resident() -> Result<u64, String> {
    let text = std::fs::read_to_string("/proc/self/statm").map_err(|error| error.to_string())?;
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages
        .map(|pages| pages * 4096)
        .ok_or_else(|| "/proc/self/statm has no second field".to_owned())
}
