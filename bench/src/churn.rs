//! Users who connect, send one message and leave, over and over: what a cycle costs, and what is left of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use hdrhistogram::Histogram;
use jsip::Message;
use tokio::task::JoinSet;
use tokio_websockets::Message as Frame;

use crate::client::connect;
use crate::figures::{self, ALL, COLUMNS, Round, Rounds, row};
use crate::latency;
use crate::meter::{Calls, Meter};
use crate::report::Table;
use crate::requests;
use crate::server::{KINDS, Server, Settings};

/// How many users come and go at a time.
const AT_A_TIME: u64 = 32;
/// More than the users of one round.
const NAMES: u64 = 1_000_000;
/// A safety net for one cycle.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) rounds: usize,
    pub(crate) span: Duration,
    pub(crate) shards: usize,
}

/// Comings and goings, on tasks of their own until they are stopped.
#[derive(Debug)]
pub(crate) struct Churn {
    over: Arc<AtomicBool>,
    cycles: Arc<AtomicU64>,
    tasks: JoinSet<Result<Histogram<u64>, String>>,
}

impl Churn {
    /// So many users at a time; each cycle is a user of his own, numbered from `first`. With a pause each waits before he
    /// begins again.
    pub(crate) fn start(server: &Server, at_a_time: u64, first: u64, pause: Duration) -> Self {
        let (over, cycles) = (Arc::default(), Arc::default());
        let mut tasks = JoinSet::new();
        let next = Arc::new(AtomicU64::new(first));
        for _ in 0..at_a_time {
            let (over, cycles, next) = (Arc::clone(&over), Arc::clone(&cycles), Arc::clone(&next));
            tasks.spawn(come_and_go(server.address(), over, cycles, next, pause));
        }
        Self { over, cycles, tasks }
    }

    /// How many cycles there were.
    pub(crate) fn cycles(&self) -> u64 {
        self.cycles.load(Ordering::Acquire)
    }

    /// Ends it; the latency of all cycles, in microseconds.
    pub(crate) async fn stop(mut self) -> Result<Histogram<u64>, String> {
        self.over.store(true, Ordering::Release);
        let mut latency = latency::empty();
        while let Some(one) = self.tasks.join_next().await {
            let one = one.map_err(|error| error.to_string())??;
            latency.add(&one).map_err(|error| error.to_string())?;
        }
        Ok(latency)
    }
}

async fn come_and_go(
    server: std::net::SocketAddr,
    over: Arc<AtomicBool>,
    cycles: Arc<AtomicU64>,
    next: Arc<AtomicU64>,
    pause: Duration,
) -> Result<Histogram<u64>, String> {
    let mut latency = latency::empty();
    while !over.load(Ordering::Acquire) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let started = Instant::now();
        let cycle = tokio::time::timeout(PATIENCE, cycle(server, number)).await;
        cycle.map_err(|_| "a cycle does not end".to_owned())??;
        latency::record(&mut latency, started.elapsed());
        cycles.fetch_add(1, Ordering::Release);
        tokio::time::sleep(pause).await;
    }
    Ok(latency)
}

/// Connects, sends a message to oneself, answers it, gets the answer, leaves.
async fn cycle(server: std::net::SocketAddr, number: u64) -> Result<(), String> {
    let failed = |error: tokio_websockets::Error| error.to_string();
    let name = requests::name('c', number);
    let mut socket = connect(server, &name, number).await?;
    let message = requests::message(&name, &requests::partner(&name), "m1", 104);
    socket.send(Frame::text(message)).await.map_err(failed)?;
    loop {
        let frame = socket.next().await.ok_or("the server closed")?.map_err(failed)?;
        match frame.as_text().and_then(requests::decode) {
            Some(Message::Request(request)) => {
                for answer in requests::answers(&request) {
                    socket.send(Frame::text(answer)).await.map_err(failed)?;
                }
            }
            Some(Message::Response(response)) if response.code().is_success() => break,
            Some(Message::Response(response)) => return Err(format!("{}", response.code().as_u16())),
            None => {}
        }
    }
    // The server may have closed the connection already.
    let _ = socket.close().await;
    Ok(())
}

/// Both servers live through all rounds, so that what is left of a user would add up.
pub(crate) async fn run(extent: Extent) -> Result<Table, String> {
    let mut servers = Vec::new();
    let mut first = Vec::new();
    for kind in KINDS {
        let server = kind.start(Settings::shards(extent.shards)).await?;
        // What the first users make it allocate is no growth.
        round(&server, extent, 0, Calls::Leave).await?;
        first.push(server.settled().await?);
        servers.push(server);
    }
    let mut measured = [Rounds::default(), Rounds::default()];
    let mut names = NAMES;
    let timed = std::iter::repeat_n(Calls::Leave, extent.rounds);
    for calls in timed.chain([Calls::Count]) {
        for (server, rounds) in servers.iter().zip(&mut measured) {
            let round = round(server, extent, names, calls).await?;
            names += NAMES;
            match calls {
                Calls::Leave => rounds.timed.push(round),
                Calls::Count => rounds.counted.push(round),
            }
        }
    }
    let [floor, own] = &measured;
    let about = format!(
        "connect, one message to oneself and its answer, leave; {AT_A_TIME} users at a time, {} rounds of {} s on one server; medians, and \
         the greatest less the least; latency is that of a whole cycle",
        extent.rounds,
        extent.span.as_secs()
    );
    let mut table = Table::new("churn", about, &COLUMNS);
    table.rows = figures::table("churn", String::new(), &ALL, floor, own).rows;
    let mut last = Vec::new();
    for server in &servers {
        last.push(server.settled().await?);
    }
    for (name, kb) in [
        ("settled after the first round, KB", first),
        ("settled after all rounds, KB", last),
    ] {
        let [floor, own] = [0, 1].map(|at| kb.get(at).map(|kb| *kb as f64).into_iter().collect());
        table.rows.push(row(name, 0, [floor, own]));
    }
    let users = |rounds: &Rounds| rounds.timed.iter().map(|round| round.operations).sum::<u64>();
    table.notes.push(format!(
        "users who came and left in the measured rounds: {} of the floor, {} of Strowger",
        users(floor),
        users(own)
    ));
    Ok(table)
}

async fn round(server: &Server, extent: Extent, first: u64, calls: Calls) -> Result<Round, String> {
    let churn = Churn::start(server, AT_A_TIME, first, Duration::ZERO);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (meter, before) = (Meter::start(server.process(), calls)?, churn.cycles());
    tokio::time::sleep(extent.span).await;
    let operations = churn.cycles() - before;
    let spent = meter.stop()?;
    let latency = churn.stop().await?;
    Ok(Round {
        operations,
        spent,
        latency,
    })
}
