//! `strowger replay`: plays a recorded call again.

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use strowger::config::{Config, Overrides};
use strowger::replay::{self, Report, Source, Walk};
use strowger_journal::Journal;
use strowger_node::Registry;

/// Exit code of a journal that cannot be read or played.
const UNREADABLE: u8 = 2;

/// What to play, and with which services.
#[derive(Debug, Args)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub(in crate::cli) struct Arguments {
    /// The journal of a call, in either form.
    file: PathBuf,
    /// Play it with another version of a service: a component (`hunt=new.wasm`), or what is compiled in (`hunt=built-in`).
    #[arg(long, value_name = "NAME=FILE", value_parser = service)]
    service: Vec<(String, Source)>,
    /// The configuration file whose tables the built-in services go by; without it the built-in defaults hold.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Stop after each event and show the state of every machine; Enter goes on.
    #[arg(long)]
    step: bool,
    /// Tell what the service did about each event, too.
    #[arg(long)]
    events: bool,
    /// Write the call as a scenario file instead of playing it.
    #[arg(long, conflicts_with_all = ["step", "service", "to_text"])]
    to_scenario: bool,
    /// Write the journal in the form that people read instead of playing it.
    #[arg(long, conflicts_with_all = ["step", "service"])]
    to_text: bool,
}

fn service(text: &str) -> Result<(String, Source), String> {
    let (name, source) = text
        .split_once('=')
        .ok_or("a name, `=`, and a file or `built-in` belong here")?;
    let source = match source {
        "built-in" => Source::BuiltIn,
        file => Source::File(PathBuf::from(file)),
    };
    Ok((name.to_owned(), source))
}

pub(in crate::cli) fn run(arguments: Arguments) -> ExitCode {
    match play(arguments) {
        Ok(code) => code,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(UNREADABLE)
        }
    }
}

fn play(arguments: Arguments) -> Result<ExitCode, String> {
    let journal = replay::read(&arguments.file).map_err(|fault| fault.to_string())?;
    if arguments.to_text {
        print!("{}", journal.to_text());
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.to_scenario {
        let scenario = strowger_journal::to_scenario(&journal).map_err(|fault| fault.to_string())?;
        print!("{scenario}");
        return Ok(ExitCode::SUCCESS);
    }
    let config = match &arguments.config {
        Some(file) => Config::load_with(Some(file), &Overrides::of_environment()),
        None => Ok(Config::default()),
    };
    let config = config.map_err(|error| error.to_string())?;
    let others: BTreeMap<String, Source> = arguments.service.into_iter().collect();
    let registry = replay::registry(&config, &others).map_err(|fault| fault.to_string())?;
    if arguments.step {
        walk(&journal, &registry)?;
    }
    let report = Report::play(&journal, &registry).map_err(|error| error.to_string())?;
    if !arguments.step {
        println!("{}\n\n{}", report.title(), report.ladder());
    }
    if arguments.events {
        println!("{}", report.events());
    }
    if !report.differs() {
        println!("same: everything that followed is what was recorded");
        return Ok(ExitCode::SUCCESS);
    }
    println!("{}", report.differences());
    let steps = report.steps.iter().filter(|step| step.differs()).count();
    println!("differs: after {steps} events; `-` is what was recorded, `+` what follows now");
    Ok(ExitCode::FAILURE)
}

/// Shows one event after the other. Without a terminal nobody is asked to press a key; whatever ends the input ends the walk.
fn walk(journal: &Journal, registry: &Registry) -> Result<(), String> {
    let mut walk = Walk::new(journal, registry).map_err(|error| error.to_string())?;
    let mut keys = std::io::stdin().lock();
    let asks = keys.is_terminal();
    while let Some(event) = walk.go_on() {
        println!("{event}");
        if asks {
            print!("Enter goes on: ");
            let _ = std::io::stdout().flush();
        }
        let mut line = String::new();
        // Without a terminal what is typed may have ended, and everything is shown.
        let read = keys.read_line(&mut line);
        if asks && (read.is_err() || read.is_ok_and(|bytes| bytes == 0)) {
            break;
        }
    }
    Ok(())
}
