//! One message to all members of a room: processor time per member, and the time until the last has it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use jsip::{Method, Request};
use tokio::sync::Notify;

use crate::bars::judge;
use crate::client::{User, Witness, connect_named, leave_all};
use crate::figures::{Round, Rounds, row};
use crate::latency;
use crate::meter::{Calls, Meter};
use crate::report::{Table, median};
use crate::requests;
use crate::server::{KINDS, Kind, Server, Settings};

/// A safety net: how long one message, or all who join, may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// So many messages are not counted.
const WARM: u64 = 3;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) rounds: usize,
    pub(crate) span: Duration,
    pub(crate) members: u64,
    pub(crate) shards: usize,
}

/// Counts what members got and what was answered.
#[derive(Debug, Default)]
struct Room {
    reached: AtomicU64,
    answered: AtomicU64,
    refused: AtomicU64,
    /// Rings when `awaited` is reached.
    full: Notify,
    awaited: AtomicU64,
}

impl Room {
    fn count(&self, counter: &AtomicU64) {
        if counter.fetch_add(1, Ordering::AcqRel) + 1 == self.awaited.load(Ordering::Acquire) {
            self.full.notify_one();
        }
    }

    async fn full(&self) -> Result<(), String> {
        let full = tokio::time::timeout(PATIENCE, self.full.notified()).await;
        full.map_err(|_| {
            let (reached, awaited) = (&self.reached, &self.awaited);
            format!(
                "{} of {} members were reached",
                reached.load(Ordering::Acquire),
                awaited.load(Ordering::Acquire)
            )
        })
    }
}

impl Witness for Room {
    fn asked(&self, _: u64, request: &Request) {
        if request.method() == Method::Message {
            self.count(&self.reached);
        }
    }

    fn answered(&self, dialog: &str, code: u16) {
        if code != 200 {
            self.refused.fetch_add(1, Ordering::AcqRel);
        }
        if dialog.starts_with('j') {
            self.count(&self.answered);
        }
    }
}

/// A member's name; the first of all speaks.
fn name_of(number: u64) -> String {
    requests::name(if number == 0 { 's' } else { 'm' }, number)
}

pub(crate) async fn run(extent: Extent) -> Result<Table, String> {
    let mut measured = [Rounds::default(), Rounds::default()];
    let timed = std::iter::repeat_n(Calls::Leave, extent.rounds);
    for calls in timed.chain([Calls::Count]) {
        for (kind, rounds) in KINDS.into_iter().zip(&mut measured) {
            let round = round(kind, extent, calls).await;
            let round = round.map_err(|error| format!("{}: {error}", kind.name()))?;
            match calls {
                Calls::Leave => rounds.timed.push(round),
                Calls::Count => rounds.counted.push(round),
            }
        }
    }
    Ok(table(extent, &measured))
}

/// The speaker says one thing after the other, each when all members have the last.
async fn round(kind: Kind, extent: Extent, calls: Calls) -> Result<Round, String> {
    let server = kind.start(Settings {
        members: extent.members + 1,
        ..Settings::shards(extent.shards)
    });
    let server = server.await?;
    let room = Arc::new(Room::default());
    let witness = Arc::clone(&room) as Arc<dyn Witness>;
    let users = connect_named(server.address(), 0..extent.members + 1, name_of, &witness).await?;
    if kind == Kind::Strowger {
        enter(&users, &room).await?;
    }
    let mut latency = latency::empty();
    let speaker = users.first().ok_or("nobody is there")?;
    for number in 0..WARM {
        say(speaker, number, extent.members, &room).await?;
    }
    let measured = measure(&server, speaker, extent, &room, calls, &mut latency).await;
    leave_all(users).await;
    let (operations, spent) = measured?;
    match room.refused.load(Ordering::Acquire) {
        0 => Ok(Round {
            operations,
            spent,
            latency,
        }),
        refused => Err(format!("{refused} requests were refused")),
    }
}

async fn measure(
    server: &Server,
    speaker: &User,
    extent: Extent,
    room: &Room,
    calls: Calls,
    latency: &mut Histogram<u64>,
) -> Result<(u64, crate::meter::Spent), String> {
    let meter = Meter::start(server.process(), calls)?;
    let (started, mut number) = (Instant::now(), WARM);
    while started.elapsed() < extent.span {
        let took = say(speaker, number, extent.members, room).await?;
        latency::record(latency, took);
        number += 1;
    }
    Ok((number - WARM, meter.stop()?))
}

async fn enter(users: &[User], room: &Room) -> Result<(), String> {
    room.awaited.store(users.len() as u64, Ordering::Release);
    for (number, user) in (0..).zip(users) {
        user.send(requests::join(&name_of(number), &format!("j{number}")));
    }
    room.full().await
}

/// Says something; resolves to how long it took until the last member had it.
async fn say(speaker: &User, number: u64, members: u64, room: &Room) -> Result<Duration, String> {
    room.reached.store(0, Ordering::Release);
    room.awaited.store(members, Ordering::Release);
    let started = Instant::now();
    speaker.send(requests::say(&name_of(0), &format!("w{number}"), 104));
    room.full().await?;
    Ok(started.elapsed())
}

fn table(extent: Extent, measured: &[Rounds; 2]) -> Table {
    let about = format!(
        "one message to {} members of a room, the next when all have it: {} rounds of {} s; medians, and the greatest less the least. \
         The floor sends each frame of the speaker to all and drops their answers",
        extent.members,
        extent.rounds,
        extent.span.as_secs()
    );
    let mut table = Table::new("fanout", about, &crate::figures::COLUMNS);
    let members = extent.members as f64;
    let values = |figure: &dyn Fn(&Round) -> f64| {
        measured
            .each_ref()
            .map(|rounds| rounds.timed.iter().map(figure).collect::<Vec<_>>())
    };
    let cpu = values(&|round| round.cpu() / members);
    let figure = median(cpu[1].clone());
    let ms = |quantile: f64| values(&move |round| round.quantile(quantile) / 1e3);
    let calls = measured.each_ref().map(|rounds| {
        let counted = rounds.counted.iter();
        let each = |round: &Round, calls: u64| calls as f64 / round.operations.max(1) as f64 / members;
        counted
            .filter_map(|round| round.spent.calls.map(|calls| each(round, calls)))
            .collect()
    });
    table.rows.extend([
        row("messages per second", 1, values(&Round::rate)),
        row("server CPU per member, us", 3, cpu),
        row("of it user, us", 3, values(&|round| round.user() / members)),
        row("until the last has it, p50, ms", 2, ms(0.5)),
        row("until the last has it, p99, ms", 2, ms(0.99)),
        row("system calls per member", 3, calls),
        row(
            "bytes in per member",
            0,
            values(&|round| round.spent.traffic.into as f64 / round.operations.max(1) as f64 / members),
        ),
        row(
            "bytes out per member",
            0,
            values(&|round| round.spent.traffic.out as f64 / round.operations.max(1) as f64 / members),
        ),
        row("resident, KB", 0, values(&|round| round.spent.resident as f64)),
    ]);
    let verdict = judge("fanout_cpu", figure).of_rounds(extent.rounds);
    table
        .verdicts
        .push(verdict.unless(extent.members != 1000, "another number of members"));
    table
}
