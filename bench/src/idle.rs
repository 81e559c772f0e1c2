//! Memory of idle channels: before traffic, after traffic, after all have left, after many have come and gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::bars::judge;
use crate::client::{User, Witness, connect_many, leave_all, name_of};
use crate::report::{Column, Table, column};
use crate::requests::{self, partner};
use crate::server::{KINDS, Kind, Settings};

/// How many messages each channel sends and receives between the first two figures.
const MESSAGES: u64 = 10;
/// One pair in so many makes a call as well.
const CALLS: u64 = 10;
/// A safety net: how long the traffic may take.
const PATIENCE: Duration = Duration::from_secs(120);

const COLUMNS: [Column; 9] = [
    column("server", "server", 0),
    column("start_kb", "start", 0),
    column("connected_kb", "connected", 0),
    column("used_kb", "used", 0),
    column("left_kb", "left", 0),
    column("churned_kb", "churned", 0),
    column("connected_kb_each", "KB each, connected", 2),
    column("used_kb_each", "KB each, used", 2),
    column("connect_cpu_us", "CPU us to connect and leave", 0),
];

/// Counts answers.
#[derive(Debug, Default)]
struct Answers(AtomicU64);

impl Witness for Answers {
    fn answered(&self, _: &str, _: u16) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Measures one server after the other.
pub(crate) async fn run(channels: u64, churns: u64, shards: usize) -> Result<Table, String> {
    let about = format!(
        "{channels} channels; the server's resident memory in KB: at the start, with all connected, after {MESSAGES} messages each \
         way and a call by one pair in {CALLS}, after all have left, and after {churns} more rounds of coming and going"
    );
    let mut table = Table::new("idle", about, &COLUMNS);
    for kind in KINDS {
        let server = kind.start(Settings::shards(shards)).await?;
        let start = server.settled().await?;
        let answers = Arc::new(Answers::default());
        let witness = Arc::clone(&answers) as Arc<dyn Witness>;
        let users = connect_many(server.address(), channels, &witness).await?;
        let connected = server.settled().await?;
        traffic(&users, &answers).await?;
        let used = server.settled().await?;
        leave_all(users).await;
        let left = server.settled().await?;
        let cpu = server.cpu()?;
        for _ in 0..churns {
            leave_all(connect_many(server.address(), channels, &witness).await?).await;
        }
        let cpu = server.cpu()? - cpu;
        let churned = server.settled().await?;
        let each = |kb: u64| kb.saturating_sub(start) as f64 / channels.max(1) as f64;
        table.rows.push(vec![
            kind.name().into(),
            start.into(),
            connected.into(),
            used.into(),
            left.into(),
            churned.into(),
            each(connected).into(),
            each(used).into(),
            (cpu.as_secs_f64() * 1e6 / (channels * churns).max(1) as f64).into(),
        ]);
        if kind == Kind::Strowger {
            let kept = churned as f64 / left.max(1) as f64;
            table.verdicts.extend([
                judge("idle_kb", each(used)).unless(channels != 15_000, "another number of channels"),
                judge("idle_churned", kept).unless(churns < 10, "fewer rounds"),
            ]);
        }
    }
    Ok(table)
}

/// Each user sends messages to its partner and answers the partner's; some call.
async fn traffic(users: &[User], answers: &Answers) -> Result<(), String> {
    let mut expected = 0;
    for round in 0..MESSAGES {
        for (number, user) in (0..).zip(users).take(users.len() / 2 * 2) {
            let from = name_of(number);
            let dialog = format!("m{number}-{round}");
            user.send(requests::message(&from, &partner(&from), &dialog, 104));
            expected += 1;
            if round == 0 && number.is_multiple_of(2 * CALLS) {
                let dialog = format!("c{number}");
                user.send(requests::invite(&from, &partner(&from), &dialog));
                expected += 1;
            }
        }
        // One round after the other: a burst of all would measure the client's queues.
        let started = Instant::now();
        while answers.0.load(Ordering::Relaxed) < expected {
            if started.elapsed() > PATIENCE {
                let answered = answers.0.load(Ordering::Relaxed);
                return Err(format!("{answered} of {expected} answers came"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(())
}
