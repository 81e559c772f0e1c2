//! A restart under a thousand users: what is drained, what is owed, and how long they take to come back.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;
mod user;

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use support::Running;
use tokio::sync::watch;
use tokio::task::JoinSet;
use user::{Count, Ledger, Phase, User};

const USERS: usize = 1_000;
/// Every second one rings when the server is told to stop.
const CALLS: usize = USERS / 10;
const DRAIN: Duration = Duration::from_secs(60);
/// How many come in per second after the restart; the others are told when to try again.
const HANDSHAKES: usize = 250;
/// Nothing takes so long unless it never comes.
const PATIENCE: Duration = Duration::from_secs(120);

fn config(handshakes: usize) -> String {
    // A machine that is slow for a while is no reason for a 408.
    format!(
        "[drain]\ntimeout = \"{}s\"\n[timers]\ntransaction = \"60s\"\n[limits]\nhandshakes_per_second = {handshakes}\n\
         [log]\nlevel = \"warn\"\n",
        DRAIN.as_secs()
    )
}

/// Waits until a count has come so far.
async fn until(count: &AtomicUsize, wanted: usize, what: &str) {
    let end = Instant::now() + PATIENCE;
    while count.load(Ordering::Relaxed) < wanted {
        assert!(
            Instant::now() < end,
            "{what}: {} of {wanted}",
            count.load(Ordering::Relaxed)
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_under_a_thousand_users_owes_nobody_an_answer() {
    let mut server = Running::start(&config(10_000));
    let authority = server.authority().to_owned();
    let count = Arc::new(Count::default());
    let (phase, phases) = watch::channel(Phase::Connect);
    let mut users = JoinSet::new();
    for number in 0..USERS {
        let user = User::new(number, server.server(), Arc::clone(&count));
        let phases = phases.clone();
        users.spawn(async move { (number, user.run(phases).await) });
    }
    until(&count.connected, USERS, "users are connected").await;
    phase.send_replace(Phase::Play);
    until(&count.answered, 2 * USERS, "messages are answered").await;
    until(&count.up, CALLS / 2, "calls are up").await;

    server.signal("TERM");
    let told = Instant::now();
    let up = count.up.load(Ordering::Relaxed);
    phase.send_replace(Phase::HangUp);
    let status = tokio::task::block_in_place(|| server.wait());
    let drained = told.elapsed();
    assert!(status.success(), "{status}");
    assert!(drained < DRAIN, "{drained:?}");
    let server = Running::start_on(&authority, &config(HANDSHAKES), &[]);
    let listening = Instant::now();
    until(&count.back, USERS, "users are back").await;
    let (storm, cpu) = (listening.elapsed(), server.cpu());
    count.content.store(0, Ordering::Relaxed);
    phase.send_replace(Phase::PlayAgain);
    until(&count.content, USERS, "users are content").await;
    phase.send_replace(Phase::Leave);

    let mut ledgers: Vec<[Ledger; 2]> = Vec::new();
    ledgers.resize_with(USERS, Default::default);
    while let Some(user) = users.join_next().await {
        let (number, seen) = user.unwrap();
        ledgers[number] = seen;
    }
    let sums = compare(&ledgers);
    // Written past the test harness, which keeps to itself what a test that passes prints.
    let mut out = std::io::stdout();
    writeln!(
        out,
        "drained in {:.1} s: {} messages answered, {} told 503, {} sent and never accepted; {up} of {CALLS} calls up at \
         SIGTERM; answers owed and not sent: {}",
        drained.as_secs_f64(),
        sums.answered,
        sums.refused,
        sums.unaccepted,
        sums.owed
    )
    .unwrap();
    writeln!(
        out,
        "restarted: {USERS} users back after {:.1} s and {:.2} s of the server's CPU, {} attempts without a server, 503 \
         {} times from the one that drained and {} times above {HANDSHAKES} handshakes per second",
        storm.as_secs_f64(),
        cpu.as_secs_f64(),
        count.unreachable.load(Ordering::Relaxed),
        count.draining.load(Ordering::Relaxed),
        count.too_many.load(Ordering::Relaxed)
    )
    .unwrap();
    assert_eq!(sums.owed, 0);
}

#[derive(Debug, Default)]
struct Sums {
    answered: usize,
    refused: usize,
    /// Sent, not answered, and seen by nobody: the close with 1012 says so.
    unaccepted: usize,
    /// Seen by the receiver, and the sender was not told.
    owed: usize,
}

fn compare(ledgers: &[[Ledger; 2]]) -> Sums {
    let mut sums = Sums::default();
    for (number, [first, second]) in ledgers.iter().enumerate() {
        let [partner_first, partner_second] = &ledgers[number ^ 1];
        let applied = |ledger: &Ledger, id: &str| ledger.applied.get(id).copied().unwrap_or(0);
        assert_eq!(first.closed, Some(1012), "user {number}");
        assert!(!first.call_is_up, "user {number}'s call is still up");
        for (id, code) in &first.sent {
            match (code, applied(partner_first, id)) {
                (Some(200), 1) => sums.answered += 1,
                (Some(503), 0) => sums.refused += 1,
                (None, 0) => sums.unaccepted += 1,
                (None, _) => sums.owed += 1,
                (code, times) => panic!("message {id} was answered {code:?} and applied {times} times"),
            }
        }
        for (id, code) in &second.sent {
            let times = applied(partner_first, id) + applied(partner_second, id);
            // What is new and sent while the partner leaves is refused, or has no answer.
            let late = times == 0 && *code != Some(200) && !first.sent.contains_key(id);
            assert!(
                times == 1 || late,
                "message {id} was answered {code:?} and applied {times} times over the restart"
            );
        }
    }
    sums
}
