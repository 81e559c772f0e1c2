//! Whether one reader that stalls is felt by anybody else.
//!
//! Many users exchange messages at a fixed rate, open loop: a message is due at its time whether or not earlier ones were
//! answered, and its latency counts from that time. Rounds of three kinds alternate on one server: nobody else is there;
//! a few senders also send to one user who reads; they send as much to one who never does, whose outbox fills up, who is
//! lost, and who comes back to stall again.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::client::{User, Witness, connect_many, connect_stalled, leave_all, name_of};
use crate::latency;
use crate::pace::pace;
use crate::report::{Cell, Column, Table, column, median, spread};
use crate::requests::{self, partner};
use crate::server::{Server, Settings};

const TARGET: &str = "target@bench.example";
/// How many users send to the target.
const FLOODERS: u64 = 4;
/// How much each of their messages carries.
const FLOOD_BYTES: usize = 1024;
/// A safety net: how long the last answers of a round may take.
const PATIENCE: Duration = Duration::from_secs(30);

const COLUMNS: [Column; 8] = [
    column("round", "round", 0),
    column("p50_us", "p50 us", 0),
    column("p99_us", "p99 us", 0),
    column("p999_us", "p99.9 us", 0),
    column("p99_spread_us", "p99 spread us", 0),
    column("messages", "messages", 0),
    column("server_cpu_s", "server CPU s", 2),
    column("times_lost", "target lost", 0),
];

#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    /// Rounds of each kind.
    pub(crate) rounds: usize,
    pub(crate) span: Duration,
    pub(crate) users: u64,
    /// Messages per second of all users together.
    pub(crate) rate: u64,
    /// Messages per second to the target.
    pub(crate) flood: u64,
    pub(crate) shards: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Alone,
    Reading,
    Stalled,
}

const KINDS: [Kind; 3] = [Kind::Alone, Kind::Reading, Kind::Stalled];

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Alone => "alone",
            Self::Reading => "beside one that reads",
            Self::Stalled => "beside one that stalls",
        }
    }
}

/// What the answers tell.
struct Watch {
    base: Instant,
    latency: Mutex<Histogram<u64>>,
    answered: AtomicU64,
    refused: AtomicU64,
    /// How often the target connected; floods carry it in their dialog.
    generation: AtomicU64,
    /// The target of this generation is lost.
    lost: AtomicBool,
}

impl Watch {
    fn micros(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.base).as_micros()).unwrap_or(u64::MAX)
    }

    /// Takes out what was measured since the last time.
    fn take(&self) -> Histogram<u64> {
        let mut latency = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = latency.clone();
        latency.reset();
        taken
    }
}

impl Witness for Watch {
    fn answered(&self, dialog: &str, code: u16) {
        if let Some(due) = dialog
            .strip_prefix('m')
            .and_then(|rest| rest.split_once('-'))
            .and_then(|(_, due)| due.parse::<u64>().ok())
        {
            let took = Duration::from_micros(self.micros(Instant::now()).saturating_sub(due));
            let mut latency = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
            latency::record(&mut latency, took);
            self.answered.fetch_add(1, Ordering::Relaxed);
            if code != 200 {
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
        } else if code == 480
            && let Some(generation) = dialog
                .strip_prefix('f')
                .and_then(|rest| rest.split_once('-'))
                .and_then(|(generation, _)| generation.parse::<u64>().ok())
            && generation == self.generation.load(Ordering::Acquire)
        {
            self.lost.store(true, Ordering::Release);
        }
    }
}

/// One round as it was measured.
struct Round {
    kind: Kind,
    latency: Histogram<u64>,
    cpu: Duration,
    lost: u64,
}

pub(crate) async fn run(extent: Extent) -> Result<Table, String> {
    let server = Server::strowger(Settings::shards(extent.shards))?;
    server.wait_until_ready().await?;
    let watch = Arc::new(Watch {
        base: Instant::now(),
        latency: Mutex::new(latency::empty()),
        answered: AtomicU64::new(0),
        refused: AtomicU64::new(0),
        generation: AtomicU64::new(0),
        lost: AtomicBool::new(false),
    });
    let witness = Arc::clone(&watch) as Arc<dyn Witness>;
    let users = Arc::new(connect_many(server.address(), extent.users, &witness).await?);
    let mut flooders = Vec::new();
    for number in extent.users..extent.users + FLOODERS {
        let witness = Arc::clone(&witness);
        flooders.push(User::connect(server.address(), name_of(number), number, witness).await?);
    }
    let bench = Bench {
        server,
        watch,
        users,
        flooders: Arc::new(flooders),
        extent,
    };
    // Warm; not counted.
    bench.round(Kind::Reading).await?;
    let mut rounds = Vec::new();
    for round in 0..extent.rounds {
        for turn in 0..KINDS.len() {
            // Each kind is first in its turn.
            rounds.push(bench.round(KINDS[(round + turn) % KINDS.len()]).await?);
        }
    }
    let refused = bench.watch.refused.load(Ordering::Relaxed);
    if let Ok(users) = Arc::try_unwrap(bench.users) {
        leave_all(users).await;
    }
    if refused > 0 {
        return Err(format!("{refused} messages between the users were refused"));
    }
    table(extent, &rounds)
}

struct Bench {
    server: Server,
    watch: Arc<Watch>,
    users: Arc<Vec<User>>,
    flooders: Arc<Vec<User>>,
    extent: Extent,
}

impl Bench {
    async fn round(&self, kind: Kind) -> Result<Round, String> {
        let target = self.target(kind).await?;
        let (cpu, before) = (self.server.cpu()?, self.watch.answered.load(Ordering::Relaxed));
        let start = Instant::now() + Duration::from_millis(10);
        let users = self.exchange(start);
        let flood = (kind != Kind::Alone).then(|| self.flood(start));
        let sent = users.await.map_err(|error| error.to_string())?;
        if let Some(flood) = flood {
            flood.await.map_err(|error| error.to_string())?;
        }
        let started = Instant::now();
        while self.watch.answered.load(Ordering::Relaxed) < before + sent {
            if started.elapsed() > PATIENCE {
                return Err("messages between the users were not answered".to_owned());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let cpu = self.server.cpu()? - cpu;
        let lost = target.end().await;
        // What the end of the target made the server do is not measured in the next round.
        tokio::time::sleep(Duration::from_millis(500)).await;
        Ok(Round {
            kind,
            latency: self.watch.take(),
            cpu,
            lost,
        })
    }

    /// Sends, at a fixed rate, from each user in turn to its partner; resolves to how many were sent.
    fn exchange(&self, start: Instant) -> JoinHandle<u64> {
        let (users, watch) = (Arc::clone(&self.users), Arc::clone(&self.watch));
        let Extent { rate, span, .. } = self.extent;
        tokio::task::spawn_blocking(move || {
            pace(start, span, rate as f64, |number, due| {
                let user = number % users.len().max(1) as u64;
                let (from, dialog) = (name_of(user), format!("m{number}-{}", watch.micros(due)));
                if let Some(sender) = users.get(user as usize) {
                    sender.send(requests::message(&from, &partner(&from), &dialog, 104));
                }
            })
        })
    }

    fn flood(&self, start: Instant) -> JoinHandle<u64> {
        let (flooders, watch) = (Arc::clone(&self.flooders), Arc::clone(&self.watch));
        let Extent {
            flood, span, users, ..
        } = self.extent;
        tokio::task::spawn_blocking(move || {
            pace(start, span, flood as f64, |number, due| {
                let generation = watch.generation.load(Ordering::Acquire);
                let (sender, due) = (number % FLOODERS, watch.micros(due));
                let from = name_of(users + sender);
                let dialog = format!("f{generation}-{number}-{due}");
                if let Some(sender) = flooders.get(sender as usize) {
                    sender.send(requests::message(&from, TARGET, &dialog, FLOOD_BYTES));
                }
            })
        })
    }

    async fn target(&self, kind: Kind) -> Result<Target, String> {
        let address = self.server.address();
        match kind {
            Kind::Alone => Ok(Target::None),
            Kind::Reading => {
                let witness = Arc::clone(&self.watch) as Arc<dyn Witness>;
                let user = User::connect(address, TARGET.to_owned(), self.extent.users + FLOODERS, witness);
                Ok(Target::Reading(user.await?))
            }
            Kind::Stalled => {
                let over = Arc::new(AtomicBool::new(false));
                let first = come_to_stall(&self.server, &self.watch).await?;
                let task = stall(address, Arc::clone(&self.watch), Arc::clone(&over), first);
                Ok(Target::Stalled(over, tokio::spawn(task)))
            }
        }
    }
}

async fn come_to_stall(server: &Server, watch: &Watch) -> Result<TcpStream, String> {
    let tcp = connect_stalled(server.address(), TARGET).await?;
    watch.generation.fetch_add(1, Ordering::AcqRel);
    watch.lost.store(false, Ordering::Release);
    Ok(tcp)
}

/// Never reads; comes back each time the channel is lost. Resolves to how often that was.
async fn stall(
    address: std::net::SocketAddr,
    watch: Arc<Watch>,
    over: Arc<AtomicBool>,
    first: TcpStream,
) -> u64 {
    let mut lost = 0;
    let mut socket = Some(first);
    while !over.load(Ordering::Acquire) {
        tokio::time::sleep(Duration::from_millis(5)).await;
        if socket.is_none() || watch.lost.load(Ordering::Acquire) {
            lost += u64::from(socket.is_some());
            drop(socket.take());
            socket = connect_stalled(address, TARGET).await.ok();
            watch.generation.fetch_add(1, Ordering::AcqRel);
            watch.lost.store(false, Ordering::Release);
        }
    }
    lost
}

enum Target {
    None,
    Reading(User),
    Stalled(Arc<AtomicBool>, JoinHandle<u64>),
}

impl Target {
    /// Resolves to how often it was lost.
    async fn end(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Reading(user) => {
                user.leave().await;
                0
            }
            Self::Stalled(over, task) => {
                over.store(true, Ordering::Release);
                task.await.unwrap_or_default()
            }
        }
    }
}

fn table(extent: Extent, rounds: &[Round]) -> Result<Table, String> {
    let about = format!(
        "{} users, {} messages/s among them, open loop, {} rounds of {} s of each kind; medians of the rounds, \
         microseconds from when a message was due to its 200; beside them {FLOODERS} users send {} messages/s of {FLOOD_BYTES} B to one",
        extent.users,
        extent.rate,
        extent.rounds,
        extent.span.as_secs(),
        extent.flood
    );
    let mut table = Table::new("stalled", about, &COLUMNS);
    let mut p99s = Vec::new();
    for kind in KINDS {
        let rounds: Vec<&Round> = rounds.iter().filter(|round| round.kind == kind).collect();
        let quantiles = |at: f64| -> Vec<f64> {
            rounds
                .iter()
                .map(|round| round.latency.value_at_quantile(at) as f64)
                .collect()
        };
        let p99 = quantiles(0.99);
        table.rows.push(vec![
            kind.name().into(),
            median(quantiles(0.5)).into(),
            median(p99.clone()).into(),
            median(quantiles(0.999)).into(),
            spread(&p99).into(),
            rounds.iter().map(|round| round.latency.len()).sum::<u64>().into(),
            rounds
                .iter()
                .map(|round| round.cpu.as_secs_f64())
                .sum::<f64>()
                .into(),
            match kind {
                Kind::Stalled => rounds.iter().map(|round| round.lost).sum::<u64>().into(),
                Kind::Alone | Kind::Reading => Cell::None,
            },
        ]);
        p99s.push(p99);
    }
    let [alone, reading, stalled] = p99s.as_slice() else {
        return Err("a kind of round is missing".to_owned());
    };
    for (name, baseline) in [("alone", alone), ("beside one that reads", reading)] {
        let moved = median(stalled.clone()) - median(baseline.clone());
        let noise = spread(baseline);
        let verdict = if moved <= noise { "within" } else { "more than" };
        table.notes.push(format!(
            "against {name}: the stalled one moves p99 by {moved:.0} us, {verdict} the noise of {noise:.0} us"
        ));
    }
    Ok(table)
}
