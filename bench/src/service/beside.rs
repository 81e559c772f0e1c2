//! Whether others wait while components are loaded, and while instances of a component fail.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use hdrhistogram::Histogram;
use jsip::{Message, Method, Request, UserId};
use strowger_channel::net::{DialSettings, Listener, ListenerSettings, SocketSettings};
use strowger_host::{Limits, Settings};
use strowger_node::driver::{DriverSettings, Node, WebSettings};
use strowger_node::{Config, Registry};
use strowger_service::Service;
use tokio_websockets::Message as Frame;

use super::host;
use crate::bars::judge;
use crate::client::{Socket, connect};
use crate::report::{Cell, Column, Table, column};
use crate::requests;

const USERS: u64 = 10;
/// Between two messages of one user: 1,000 per second in all.
const PAUSE: Duration = Duration::from_millis(10);
const SPAN: Duration = Duration::from_secs(4);
/// Rounds alone and beside components that are compiled, in turn: one round that meets something else on the machine decides nothing.
const ROUNDS: u64 = 5;
/// Between two requests that fail: 100 per second.
const PAUSE_OF_FAILURES: Duration = Duration::from_millis(10);
/// What the probe is told to do: trap, never return, take all memory, flood the node with commands, overflow its stack.
const FAILURES: [&str; 5] = ["panic", "spin", "eat", "flood", "sink"];

const COLUMNS: [Column; 5] = [
    column("beside", "beside", 0),
    column("p50_us", "p50, us", 0),
    column("p99_us", "p99, us", 0),
    column("p999_us", "p99.9, us", 0),
    column("greatest_us", "greatest, us", 0),
];

pub(super) async fn measure(component: Vec<u8>, probe: &[u8]) -> Result<Table, String> {
    let host_of_probe = host(Settings::default())?;
    let bad = host_of_probe.load(probe, Limits::default());
    let node = Arc::new(start(Arc::new(bad.map_err(|error| error.to_string())?))?);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = Listener::bind(address, ListenerSettings::default()).map_err(|error| error.to_string())?;
    let server = listener.local_addr().map_err(|error| error.to_string())?;
    let listening = tokio::spawn(listener.run(node.admission(), std::future::pending()));

    let mut table = Table::new("neighbours", String::new(), &COLUMNS);
    let mut first = (0..).step_by(USERS as usize);
    let mut next = || first.next().unwrap_or_default();
    let (mut alone, mut loading, mut versions) = (Vec::new(), Vec::new(), 0);
    for _ in 0..ROUNDS {
        alone.push(latency(server, next()).await?);
        let loader = Loader::start(Arc::clone(&node), component.clone())?;
        let beside = latency(server, next()).await;
        versions += loader.stop()?;
        loading.push(beside?);
    }
    table.rows.push(row("nothing", &alone));
    table.rows.push(row("components that are compiled", &loading));
    let greatest = at(&loading, 1.0) as f64 / 1e3;
    table.verdicts.push(judge("service_wait", greatest));
    let over = Arc::new(AtomicBool::new(false));
    let failures = tokio::spawn(fail(server, Arc::clone(&over)));
    let beside = latency(server, next()).await;
    over.store(true, Ordering::Release);
    let [failed, refused] = failures.await.map_err(|error| error.to_string())??;
    table.rows.push(row("instances that fail", &[beside?]));

    listening.abort();
    let stopped = tokio::task::spawn_blocking(move || node.stop());
    stopped.await.map_err(|error| error.to_string())?;
    if versions == 0 || failed == 0 {
        return Err("nothing was loaded, or nothing failed".to_owned());
    }
    table.about = format!(
        "what {USERS} users wait who send 1,000 messages per second to a native service, for {} s each: {versions} components were \
         compiled meanwhile in {ROUNDS} rounds, of which the medians are shown; of 100 requests per second to a service that {}, {failed} failed and {refused} were refused in its pauses",
        SPAN.as_secs(),
        "panics, never returns, takes all memory, floods the node with commands or overflows its stack"
    );
    Ok(table)
}

fn row(beside: &str, rounds: &[Histogram<u64>]) -> Vec<Cell> {
    let at = |quantile| Cell::from(at(rounds, quantile));
    vec![beside.into(), at(0.5), at(0.99), at(0.999), at(1.0)]
}

/// The median of the rounds, in microseconds.
fn at(rounds: &[Histogram<u64>], quantile: f64) -> u64 {
    let mut values: Vec<_> = rounds
        .iter()
        .map(|latency| latency.value_at_quantile(quantile))
        .collect();
    values.sort_unstable();
    values[values.len() / 2]
}

fn start(bad: Arc<dyn Service>) -> Result<Node, String> {
    let driver = DriverSettings {
        shards: 0,
        socket: SocketSettings::default(),
        dial: DialSettings::default(),
        link_path: "/rtc".to_owned(),
        link_name: UserId::new("bench@bench.example").map_err(|error| error.to_string())?,
        link_credentials: Default::default(),
        auth: None,
        handshakes_per_second: 1000,
        onlooker: None,
        journal: None,
        web: WebSettings::default(),
        store: None,
        seed: 7,
    };
    let echo: Arc<dyn Service> = Arc::new(strowger_echo::Echo);
    let services = vec![("echo".to_owned(), echo), ("bad".to_owned(), bad)];
    let registry = Registry::new(services, "echo").map_err(|error| error.to_string())?;
    Node::start(Config::default(), registry, &driver).map_err(|error| error.to_string())
}

/// Has instances fail in turn in each way; how many did, and how many were refused.
async fn fail(server: SocketAddr, over: Arc<AtomicBool>) -> Result<[u64; 2], String> {
    let name = requests::name('f', 0);
    let mut socket = connect(server, &name, u64::MAX).await?;
    let mut clock = tokio::time::interval(PAUSE_OF_FAILURES);
    let (mut codes, mut sent) = ([0, 0], 0);
    while !over.load(Ordering::Acquire) {
        tokio::select! {
            _ = clock.tick() => {
                let what = FAILURES[sent % FAILURES.len()];
                sent += 1;
                let mut request = Request::new(Method::Message, "x@bench.example", &name, "x@bench.example");
                request.set_dialog_id(&format!("f{sent}"));
                request.set_route("node;type=bad");
                request.set_body_str(what);
                let frame = Frame::text(Message::Request(request).encode());
                socket.send(frame).await.map_err(|error| error.to_string())?;
            }
            frame = socket.next() => {
                let frame = frame.ok_or("the server closed")?.map_err(|error| error.to_string())?;
                if let Some(Message::Response(response)) = frame.as_text().and_then(requests::decode) {
                    match response.code().as_u16() {
                        500 => codes[0] += 1,
                        503 => codes[1] += 1,
                        other => return Err(format!("a request that should fail got {other}")),
                    }
                }
            }
        }
    }
    Ok(codes)
}

/// Loads versions one after another, on a thread of its own.
struct Loader {
    over: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Result<u64, String>>,
}

impl Loader {
    fn start(node: Arc<Node>, component: Vec<u8>) -> Result<Self, String> {
        let over = Arc::new(AtomicBool::new(false));
        let host = host(Settings::default())?;
        let until = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let mut versions = 0;
            while !until.load(Ordering::Acquire) {
                let service = host.load(&component, Limits::default());
                let service = Arc::new(service.map_err(|error| error.to_string())?);
                node.change_services(|services| services.with("rooms", "next", service))
                    .map_err(|error| error.to_string())?;
                versions += 1;
            }
            Ok(versions)
        });
        Ok(Self { over, thread })
    }

    fn stop(self) -> Result<u64, String> {
        self.over.store(true, Ordering::Release);
        self.thread.join().map_err(|_| "the loader failed".to_owned())?
    }
}

/// Microseconds from a message to its answer.
async fn latency(server: SocketAddr, first: u64) -> Result<Histogram<u64>, String> {
    let mut users = tokio::task::JoinSet::new();
    for user in first..first + USERS {
        let name = requests::name('a', user);
        let socket = connect(server, &name, user).await?;
        users.spawn(ask(socket, name));
    }
    let mut sum = Histogram::new(3).map_err(|error| error.to_string())?;
    while let Some(one) = users.join_next().await {
        let one: Histogram<u64> = one.map_err(|error| error.to_string())??;
        sum.add(&one).map_err(|error| error.to_string())?;
    }
    Ok(sum)
}

async fn ask(mut socket: Socket, name: String) -> Result<Histogram<u64>, String> {
    let mut latency = Histogram::new(3).map_err(|error| error.to_string())?;
    let start = Instant::now();
    let mut clock = tokio::time::interval(PAUSE);
    let mut number = 0;
    while start.elapsed() < SPAN {
        clock.tick().await;
        number += 1;
        let message = requests::message(&name, "x@bench.example", &format!("m{number}"), 104);
        let sent = Instant::now();
        socket
            .send(Frame::text(message))
            .await
            .map_err(|error| error.to_string())?;
        loop {
            let frame = socket.next().await.ok_or("the server closed")?;
            if frame.map_err(|error| error.to_string())?.is_text() {
                break;
            }
        }
        latency
            .record(u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX))
            .map_err(|error| error.to_string())?;
    }
    Ok(latency)
}
