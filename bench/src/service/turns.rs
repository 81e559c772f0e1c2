//! What a message costs while many others are on their way: each is an instance whose memory others have pushed out.

use std::collections::VecDeque;
use std::time::Duration;

use jsip::{Limits as MessageLimits, Message, Request, Response, StatusCode};
use rustix::time::{ClockId, clock_gettime};
use strowger_host::{Isolation, Limits, Settings};
use strowger_service::{
    Bridge, Command, Context, EndCause, Event, Facts, Ids, Instance, LegId, RequestId, Service,
};

use super::{Figure, To, host};
use crate::report::median;
use crate::requests;

/// As many shards as a machine of two cores has.
const SHARDS: usize = 2;
/// On each shard; together as many as 50 pairs have with 32 each.
const IN_FLIGHT: usize = 800;
/// Messages of one shard in one round.
const MESSAGES: usize = 20_000;
const ROUNDS: usize = 5;

/// Microseconds of processor time that one message takes through a service that stays in it, native, loaded, and loaded
/// with shared isolation.
pub(super) fn measure(bridge: &[u8]) -> Result<[Figure; 2], String> {
    let host = host(Settings::default())?;
    let load = |isolation| {
        let limits = Limits {
            isolation,
            // It is the machine that is slow, if any is.
            budget: Duration::from_secs(1),
            ..Limits::default()
        };
        host.load(bridge, limits).map_err(|error| error.to_string())
    };
    let (own, shared) = (load(Isolation::Own)?, load(Isolation::Shared)?);
    let services: [&dyn Service; 3] = [&Staying, &own, &shared];
    let message = message()?;
    let mut spans = [(); 3].map(|()| Vec::new());
    for _ in 0..ROUNDS {
        for (service, spans) in services.into_iter().zip(&mut spans) {
            spans.push(round(service, &message)?);
        }
    }
    let [native, own, shared] = spans.map(median);
    let figure = |name: &str, rust| Figure {
        name: name.to_owned(),
        native: Some(native),
        rust: Some(rust),
        javascript: None,
        to: To::Difference,
        bar: None,
    };
    Ok([
        figure("message, 1,600 in flight, us", own),
        figure("the same, isolation = \"shared\"", shared),
    ])
}

fn message() -> Result<Request, String> {
    let text = requests::message("a1@bench.example", "b1@bench.example", "d", 104);
    match Message::decode(&text, &MessageLimits::default()) {
        Ok(Message::Request(request)) => Ok(request),
        other => Err(format!("{other:?}")),
    }
}

/// The mean of a message in one round.
fn round(service: &dyn Service, message: &Request) -> Result<f64, String> {
    std::thread::scope(|scope| {
        let shards = [(); SHARDS].map(|()| scope.spawn(|| shard(service, message)));
        let mut sum = 0.0;
        for shard in shards {
            sum += shard.join().map_err(|_| "a shard failed")?;
        }
        Ok(sum / SHARDS as f64)
    })
}

/// The mean of a message on one shard.
fn shard(service: &dyn Service, message: &Request) -> f64 {
    let mut commands = Vec::new();
    let mut on_the_way: VecDeque<_> = (0..IN_FLIGHT)
        .map(|_| OnTheWay::begin(service, message, &mut commands))
        .collect();
    let start = processor_time();
    for _ in 0..MESSAGES {
        if let Some(first) = on_the_way.pop_front() {
            first.end(&mut commands);
        }
        on_the_way.push_back(OnTheWay::begin(service, message, &mut commands));
    }
    (processor_time() - start).as_secs_f64() * 1e6 / MESSAGES as f64
}

/// What the component does, native.
struct Staying;

impl Service for Staying {
    fn start(&self) -> Box<dyn Instance> {
        Box::new(Call(None))
    }

    fn hears_completed(&self) -> bool {
        false
    }
}

struct Call(Option<Bridge>);

impl Instance for Call {
    fn handle(&mut self, event: Event, cx: &mut Context<'_>) {
        match (event, &mut self.0) {
            (Event::Incoming { leg, request }, None) => self.0 = Some(Bridge::open(leg, request, cx)),
            (event, Some(bridge)) => bridge.handle(event, cx),
            (_, None) => {}
        }
    }
}

/// Processor time of this thread so far: what others do on the machine meanwhile is not in it.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

/// A message that has reached its receiver, and what a node keeps for its instance.
struct OnTheWay {
    instance: Box<dyn Instance>,
    /// Whether it is told that its legs are over.
    hears_completed: bool,
    ids: Ids,
    forwarded: Option<Request>,
}

impl OnTheWay {
    fn begin(service: &dyn Service, message: &Request, commands: &mut Vec<Command>) -> Self {
        let mut ids = Ids::new("rel".to_owned());
        let leg = ids.next_leg();
        let mut new = Self {
            instance: service.start(),
            hears_completed: service.hears_completed(),
            ids,
            forwarded: None,
        };
        let request = message.clone();
        new.handle(Event::Incoming { leg, request }, commands);
        for command in commands.drain(..) {
            if let Command::Open { request, .. } = command {
                new.forwarded = Some(request);
            }
        }
        new
    }

    /// The receiver answers.
    fn end(mut self, commands: &mut Vec<Command>) {
        let (caller, callee) = (LegId::new(1), LegId::new(2));
        let Some(request) = self.forwarded.take() else {
            return;
        };
        let response = Response::to(&request, StatusCode::OK);
        let response = Event::Response {
            leg: callee,
            to: RequestId::new(1),
            response,
        };
        let cause = EndCause::Completed;
        let ends = [callee, caller].map(|leg| Event::Ended { leg, cause });
        let hears = self.hears_completed;
        let ends = ends.into_iter().filter(|_| hears);
        for event in std::iter::once(response).chain(ends) {
            self.handle(event, commands);
            commands.clear();
        }
    }

    fn handle(&mut self, event: Event, commands: &mut Vec<Command>) {
        let facts = Facts {
            now: Duration::ZERO,
            service: "relay",
            own_hosts: &[],
        };
        self.instance
            .handle(event, &mut Context::new(&mut self.ids, &facts, commands));
    }
}
