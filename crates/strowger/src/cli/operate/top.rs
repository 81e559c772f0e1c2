//! `strowger top`: what a running server does, as a table that is drawn again and again.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use http::Method;
use serde_json::Value;
use strowger::events::Events;
use strowger::operator::{Operator, OperatorError, Sent};
use strowger_admin::view::ServiceView;

use self::sample::{Lately, Sample};
use self::screen::Screen;
use super::server::Server;

mod sample;
mod screen;
mod table;

/// After how long a server that is gone is asked for again.
const PAUSE: Duration = Duration::from_secs(1);

/// How to show it.
#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    server: Server,
    /// How many seconds lie between two tables.
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    every: f64,
    /// Print one table, of one second, and end.
    #[arg(long)]
    once: bool,
    /// Print JSON, an object a line.
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) async fn run(arguments: Arguments) -> ExitCode {
    crate::cli::ended(top(&arguments).await)
}

async fn top(arguments: &Arguments) -> Result<(), String> {
    if !(0.2..=60.0).contains(&arguments.every) {
        return Err("--every must be from 0.2 to 60 seconds".to_owned());
    }
    let operator = arguments.server.operator()?;
    let every = if arguments.once { 1.0 } else { arguments.every };
    let path = format!("/v1/figures/stream?every_ms={}", (every * 1000.0).round());
    // Whoever asks learns at once where nobody answers.
    let events = operator.follow(&path).await.map_err(|error| error.to_string())?;
    let is_drawn = io::stdout().is_terminal() && !arguments.once && !arguments.json;
    let screen = is_drawn.then(Screen::open);
    let shown = show(&operator, &path, events, arguments, screen.as_ref());
    tokio::select! {
        shown = shown => shown,
        () = screen::quit(screen.as_ref()) => Ok(()),
        // It is how it ends, and the terminal must be as before.
        () = crate::cli::told_to_end() => Ok(()),
    }
}

async fn show(
    operator: &Operator,
    path: &str,
    mut events: Events,
    arguments: &Arguments,
    screen: Option<&Screen>,
) -> Result<(), String> {
    loop {
        let fault = match follow(operator, &mut events, arguments, screen).await {
            Ok(true) => return Ok(()),
            Ok(false) => None,
            Err(error) => Some(error),
        };
        let mut told = false;
        events = loop {
            match operator.follow(path).await {
                Ok(events) => break events,
                Err(error @ (OperatorError::Unreachable { .. } | OperatorError::Http(_))) => {
                    if !std::mem::replace(&mut told, true) {
                        let why = fault.as_ref().unwrap_or(&error);
                        eprintln!("the server is gone, trying again: {why}");
                    }
                }
                Err(error) => return Err(error.to_string()),
            }
            tokio::time::sleep(PAUSE).await;
        };
    }
}

/// Shows what comes; `true`: all that was wanted.
async fn follow(
    operator: &Operator,
    events: &mut Events,
    arguments: &Arguments,
    screen: Option<&Screen>,
) -> Result<bool, OperatorError> {
    let mut before: Option<Sample> = None;
    while let Some(event) = events.next().await? {
        if event.name != "figures" {
            continue;
        }
        let Ok(figures) = serde_json::from_str::<Value>(&event.data) else {
            continue;
        };
        let services: Vec<ServiceView> = operator.ask(Method::GET, "/v1/services", Sent::default()).await?;
        let sample = Sample { figures, services };
        let lately = before.as_ref().map(|before| Lately::between(before, &sample));
        before = Some(sample);
        // Rates need two looks.
        let Some(lately) = lately else { continue };
        let shown = match screen {
            Some(screen) => screen.draw(|width, height| table::table(operator, &lately, width, height)),
            None if arguments.json => print(&format!("{}\n", lately.json())),
            None => print(&format!(
                "{}\n",
                table::table(operator, &lately, usize::MAX, usize::MAX)
            )),
        };
        if arguments.once || shown.is_err() {
            // Once, or nobody reads any more.
            return Ok(true);
        }
    }
    Ok(false)
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
