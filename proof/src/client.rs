//! The client in Rust: users as tasks of one process. `client.py` and `client.cjs` in `clients/` are the same in their languages.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader, stdin};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::plan::{Line, Plan, UserReport};

mod agent;
mod socket;
mod user;

use user::User;

/// How often the process says how far it is.
const EVERY: Duration = Duration::from_millis(250);

/// How far the run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Connect,
    Play,
    Leave,
}

/// What the users of the process have in common.
#[derive(Debug, Default)]
struct Progress {
    connected: AtomicUsize,
    answered: AtomicUsize,
    done: AtomicUsize,
}

/// Plays the plan from standard input, and reports on standard output.
pub(crate) async fn run() -> Result<(), String> {
    let mut lines = BufReader::new(stdin()).lines();
    let plan = lines.next_line().await.map_err(|error| error.to_string())?;
    let plan: Plan =
        serde_json::from_str(&plan.ok_or("there is no plan")?).map_err(|error| error.to_string())?;
    let (stage, stages) = watch::channel(Stage::Connect);
    let progress = Arc::new(Progress::default());
    let mut users = JoinSet::new();
    for name in &plan.users {
        users.spawn(User::new(name, &plan, Arc::clone(&progress)).run(stages.clone()));
    }
    let (mut ready, mut done) = (false, false);
    loop {
        tokio::select! {
            line = lines.next_line() => match line {
                Ok(Some(line)) if line == "go" => drop(stage.send_replace(Stage::Play)),
                // The end of the input stops as well: whoever started this process is gone.
                _ => break,
            },
            () = tokio::time::sleep(EVERY) => {}
        }
        let all = |count: &AtomicUsize| count.load(Ordering::Relaxed) == plan.users.len();
        if !ready && all(&progress.connected) {
            ready = true;
            say(&Line::Ready(true));
        }
        say(&Line::Answered(progress.answered.load(Ordering::Relaxed)));
        if !done && all(&progress.done) {
            done = true;
            say(&Line::Done(true));
        }
    }
    stage.send_replace(Stage::Leave);
    let mut reports: Vec<UserReport> = Vec::new();
    while let Some(report) = users.join_next().await {
        reports.push(report.map_err(|error| error.to_string())?);
    }
    reports.sort_by(|a, b| a.name.cmp(&b.name));
    say(&Line::Report(reports));
    Ok(())
}

fn say(line: &Line) {
    if let Ok(text) = serde_json::to_string(line) {
        println!("{text}");
    }
}
