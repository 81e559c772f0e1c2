//! `strowger trace`: the calls of a user, message by message, while they happen.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use strowger::events::{Events, ServerEvent};
use strowger::operator::{Operator, OperatorError, part};

use super::plain::plain;
use super::server::Server;

mod line;

/// After how long a server that is gone is asked for again.
const PAUSE: Duration = Duration::from_secs(1);
/// How many calls are told apart at a time; of more, what was printed may be printed again after a broken connection.
const CALLS: usize = 10_000;

/// Whose calls to show.
#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    server: Server,
    /// The user, such as `alice@example.com`; without an `@`, all whose names begin so.
    user: String,
    /// Calls of this service only.
    #[arg(long, value_name = "SERVICE")]
    service: Option<String>,
    /// Show the bodies of messages, where the server keeps them (`calls.bodies`) and the token may do more than `read`.
    #[arg(long)]
    bodies: bool,
    /// End when so many calls have ended.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    calls: Option<u64>,
}

pub(in crate::cli) async fn run(arguments: Arguments) -> ExitCode {
    let done = match arguments.server.operator() {
        Ok(operator) => {
            let traced = trace(&operator, &arguments);
            tokio::select! {
                done = traced => done,
                // It is how it ends.
                () = crate::cli::told_to_end() => Ok(()),
            }
        }
        Err(error) => Err(error),
    };
    crate::cli::ended(done)
}

/// What was printed so far.
struct Trace<'a> {
    arguments: &'a Arguments,
    /// The calls that live, by their names: their numbers here, and their last event.
    calls: BTreeMap<String, (u64, u64)>,
    numbers: u64,
    ended: u64,
}

async fn trace(operator: &Operator, arguments: &Arguments) -> Result<(), String> {
    let service = arguments.service.as_deref().map(part);
    let service = service.map_or_else(String::new, |service| format!("&service={service}"));
    let path = format!(
        "/v1/calls/stream?backlog=true&user={}{service}",
        part(&arguments.user)
    );
    let mut events = operator.follow(&path).await.map_err(|error| error.to_string())?;
    eprintln!(
        "Waiting for calls of {}; Ctrl-C ends this",
        plain(&arguments.user, 80)
    );
    let mut trace = Trace {
        arguments,
        calls: BTreeMap::new(),
        numbers: 0,
        ended: 0,
    };
    loop {
        let broken = trace.follow(&mut events).await;
        match broken {
            Ok(true) => return Ok(()),
            // A stream ends after a while, and is asked for again.
            Ok(false) => {}
            Err(error) => eprintln!("{error}"),
        }
        events = again(operator, &path).await?;
    }
}

/// Asks until somebody answers; a server that refuses is not asked again.
async fn again(operator: &Operator, path: &str) -> Result<Events, String> {
    let mut told = false;
    loop {
        match operator.follow(path).await {
            Ok(events) => {
                if told {
                    eprintln!("the server is back");
                }
                return Ok(events);
            }
            Err(error @ (OperatorError::Unreachable { .. } | OperatorError::Http(_))) => {
                if !std::mem::replace(&mut told, true) {
                    eprintln!("the server is gone, trying again: {error}");
                }
            }
            Err(OperatorError::Refused(problem)) if problem.status == 503 => {}
            Err(error) => return Err(error.to_string()),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl Trace<'_> {
    /// Prints what comes; `true`: as many calls have ended as were wanted.
    async fn follow(&mut self, events: &mut Events) -> Result<bool, String> {
        while let Some(event) = events.next().await.map_err(|error| error.to_string())? {
            let text = self.told(&event);
            let mut out = io::stdout().lock();
            if !text.is_empty() && out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
                // Nobody reads any more.
                return Ok(true);
            }
            if self.arguments.calls.is_some_and(|calls| self.ended >= calls) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What is printed of an event: nothing, or lines.
    fn told(&mut self, event: &ServerEvent) -> String {
        let Ok(data) = serde_json::from_str::<Value>(&event.data) else {
            return String::new();
        };
        match event.name.as_str() {
            "event" => self.happened(&data),
            "call" => self.changed(&data),
            "gap" => format!(
                "({} events were left out: they came too fast)\n",
                data["left_out"]
            ),
            _ => String::new(),
        }
    }

    fn happened(&mut self, event: &Value) -> String {
        let (Some(call), Some(seq)) = (event["call"].as_str(), event["seq"].as_u64()) else {
            return String::new();
        };
        let Some((number, last)) = self.calls.get_mut(call) else {
            return String::new();
        };
        if seq <= *last {
            // It was printed before the connection broke.
            return String::new();
        }
        *last = seq;
        line::of_event(*number, event, self.arguments.bodies)
    }

    fn changed(&mut self, call: &Value) -> String {
        let Some(name) = call["call"].as_str() else {
            return String::new();
        };
        let mut text = String::new();
        if !self.calls.contains_key(name) && self.calls.len() < CALLS {
            self.numbers += 1;
            self.calls.insert(name.to_owned(), (self.numbers, 0));
            text = line::of_begin(self.numbers, call);
        }
        // Nothing comes behind that.
        if !call["ended_ms"].is_null()
            && let Some((number, _)) = self.calls.remove(name)
        {
            self.ended += 1;
            text.push_str(&line::of_end(number, call));
        }
        text
    }
}
