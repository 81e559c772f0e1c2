//! Many users drop at once and come back to what was sent to them meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jsip::Request;
use tokio::task::JoinSet;

use crate::bars::judge;
use crate::client::{User, Witness, connect_many, leave_all, name_of};
use crate::meter::{Calls, Meter, Spent};
use crate::report::{Cell, Column, Table, column};
use crate::requests;
use crate::server::{Kind, Server, Settings};

/// How many users send while the others are away.
const SENDERS: u64 = 20;
/// A safety net: how long the answers may take.
const PATIENCE: Duration = Duration::from_secs(180);

const COLUMNS: [Column; 7] = [
    column("what", "what", 0),
    column("seconds", "s", 2),
    column("server_cpu_s", "server CPU s", 2),
    column("cpu_us_per_channel", "CPU us per channel", 1),
    column("lost", "lost", 0),
    column("twice", "twice", 0),
    column("resident_kb", "resident KB", 0),
];

/// How often each message came, and what its sender was told.
struct Ledger {
    came: Vec<AtomicU8>,
    delivered: AtomicU64,
    failed: AtomicU64,
}

impl Ledger {
    fn new(messages: u64) -> Self {
        Self {
            came: (0..messages).map(|_| AtomicU8::new(0)).collect(),
            delivered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    fn count(&self, times: impl Fn(u8) -> bool) -> u64 {
        let came = self.came.iter().map(|came| came.load(Ordering::Relaxed));
        came.filter(|came| times(*came)).count() as u64
    }

    fn done(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed) + self.failed.load(Ordering::Relaxed)
    }
}

impl Witness for Ledger {
    fn asked(&self, _: u64, request: &Request) {
        let body = request.body_str().unwrap_or_default();
        let dialog = body.split(' ').next().unwrap_or_default();
        let number = dialog.strip_prefix('r').and_then(|number| number.parse().ok());
        if let Some(came) = number.and_then(|number: usize| self.came.get(number)) {
            came.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn answered(&self, _: &str, code: u16) {
        let answers = if code == 200 {
            &self.delivered
        } else {
            &self.failed
        };
        answers.fetch_add(1, Ordering::Relaxed);
    }
}

pub(crate) async fn run(channels: u64, messages: u64, shards: usize) -> Result<Table, String> {
    let about = format!(
        "{channels} users connect, drop at once, and come back to {messages} messages each; lost and twice are messages \
         their user saw never or more than once"
    );
    let mut table = Table::new("resume", about, &COLUMNS);
    let server = Server::strowger(Settings {
        transaction: PATIENCE,
        ..Settings::shards(shards)
    })?;
    server.wait_until_ready().await?;
    let ledger = Arc::new(Ledger::new(channels * messages));
    let witness = Arc::clone(&ledger) as Arc<dyn Witness>;
    let mut row = |what: &str, spent: &Spent, counts: Option<(u64, u64)>| {
        table.rows.push(row(what, spent, channels, counts));
    };
    row("connect, floor", &floor(channels).await?, None);

    let start = || Meter::start(server.process(), Calls::Leave);
    let meter = start()?;
    let users = connect_many(server.address(), channels, &witness).await?;
    row("connect", &meter.stop()?, None);

    let dropping: JoinSet<_> = users.into_iter().map(User::drop_connection).collect();
    dropping.join_all().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let meter = start()?;
    let senders = senders(&server, channels, &witness).await?;
    fill(&senders, channels, messages);
    arrived(&senders, channels, &ledger).await?;
    row("messages for those away", &meter.stop()?, None);

    let meter = start()?;
    let users = connect_many(server.address(), channels, &witness).await?;
    wait(&ledger, channels * messages + SENDERS).await?;
    let counts = (ledger.count(|came| came == 0), ledger.count(|came| came > 1));
    let spent = meter.stop()?;
    row("resume", &spent, Some(counts));
    leave_all(users).await;
    leave_all(senders).await;
    let failed = ledger.failed.load(Ordering::Relaxed);
    table.notes.push(format!("{failed} senders' requests failed"));
    let other = (channels, messages) != (10_000, 10);
    table.verdicts.extend([
        judge("resume_cpu", spent.cpu.as_secs_f64()).unless(other, "another number of channels or messages"),
        judge("resume_lost", (counts.0 + counts.1) as f64),
    ]);
    if counts != (0, 0) || failed > 0 {
        println!("{table}");
        return Err("not every message came exactly once".to_owned());
    }
    Ok(table)
}

fn row(what: &str, spent: &Spent, channels: u64, counts: Option<(u64, u64)>) -> Vec<Cell> {
    let cpu = spent.cpu.as_secs_f64();
    let cell = |count: Option<u64>| count.map_or(Cell::None, Into::into);
    vec![
        what.into(),
        spent.span.as_secs_f64().into(),
        cpu.into(),
        (cpu * 1e6 / channels.max(1) as f64).into(),
        cell(counts.map(|(lost, _)| lost)),
        cell(counts.map(|(_, twice)| twice)),
        spent.resident.into(),
    ]
}

/// What connecting costs where nothing is kept for anybody; a floor has nothing to come back to.
async fn floor(channels: u64) -> Result<Spent, String> {
    let server = Kind::Floor.start(Settings::shards(0)).await?;
    let witness: Arc<dyn Witness> = Arc::new(Ledger::new(0));
    let meter = Meter::start(server.process(), Calls::Leave)?;
    let users = connect_many(server.address(), channels, &witness).await?;
    let spent = meter.stop()?;
    leave_all(users).await;
    Ok(spent)
}

/// Users beyond those who drop, so that their names differ.
async fn senders(server: &Server, channels: u64, witness: &Arc<dyn Witness>) -> Result<Vec<User>, String> {
    let mut senders = Vec::new();
    for number in channels..channels + SENDERS {
        let user = User::connect(server.address(), name_of(number), number, Arc::clone(witness));
        senders.push(user.await?);
    }
    Ok(senders)
}

fn fill(senders: &[User], channels: u64, messages: u64) {
    for number in 0..channels * messages {
        let (sender, to) = (number % SENDERS, number % channels.max(1));
        let (from, to) = (name_of(channels + sender), name_of(to));
        if let Some(sender) = senders.get(sender as usize) {
            sender.send(requests::message(&from, &to, &format!("r{number}"), 104));
        }
    }
}

/// Waits until the server has read what the senders sent: a message to one who is there is answered behind it.
async fn arrived(senders: &[User], channels: u64, ledger: &Ledger) -> Result<(), String> {
    for (number, sender) in (channels..).zip(senders) {
        let name = name_of(number);
        sender.send(requests::message(&name, &name, &format!("last{number}"), 104));
    }
    wait(ledger, SENDERS).await
}

async fn wait(ledger: &Ledger, answers: u64) -> Result<(), String> {
    let started = Instant::now();
    while ledger.done() < answers {
        if started.elapsed() > PATIENCE {
            return Err(format!("{} of {answers} answers came", ledger.done()));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
