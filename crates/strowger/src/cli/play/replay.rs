//! `strowger replay`: plays a recorded call again.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use strowger::config::{Config, Overrides};
use strowger::replay::{self, Other, Report, Services, Source, Walk};
use strowger_journal::Journal;

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
    /// Play it with another version of a service: a component (`hunt=new.wasm`), or what is compiled in (`hunt=built-in`). A
    /// version that the call went over to while it ran is named behind its label (`hunt@1.4=new.wasm`).
    #[arg(long, value_name = "NAME[@VERSION]=FILE", value_parser = service)]
    service: Vec<Other>,
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

fn service(text: &str) -> Result<Other, String> {
    let (name, source) = text
        .split_once('=')
        .ok_or("a name, `=`, and a file or `built-in` belong here")?;
    let (name, version) = match name.split_once('@') {
        Some((name, version)) => (name, Some(version.to_owned())),
        None => (name, None),
    };
    let source = match source {
        "built-in" => Source::BuiltIn,
        file => Source::File(PathBuf::from(file)),
    };
    Ok(Other {
        name: name.to_owned(),
        version,
        source,
    })
}

pub(in crate::cli) fn run(arguments: &Arguments) -> ExitCode {
    match play(arguments) {
        Ok(code) => code,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(UNREADABLE)
        }
    }
}

fn play(arguments: &Arguments) -> Result<ExitCode, String> {
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
    let services = replay::services(&config, &arguments.service).map_err(|fault| fault.to_string())?;
    if arguments.step {
        walk(&journal, &services)?;
    }
    let report = Report::play(&journal, &services).map_err(|error| error.to_string())?;
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
fn walk(journal: &Journal, services: &Services) -> Result<(), String> {
    let mut walk = Walk::new(journal, services).map_err(|error| error.to_string())?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_may_be_named_with_a_version() {
        let read = |text: &str| service(text).map(|other| (other.name, other.version, other.source));
        let file = |file: &str| Source::File(PathBuf::from(file));
        assert_eq!(
            read("hunt=new.wasm"),
            Ok(("hunt".to_owned(), None, file("new.wasm")))
        );
        assert_eq!(
            read("hunt@1.4=a=b@c.wasm"),
            Ok(("hunt".to_owned(), Some("1.4".to_owned()), file("a=b@c.wasm")))
        );
        assert_eq!(
            read("hunt@v2=built-in"),
            Ok(("hunt".to_owned(), Some("v2".to_owned()), Source::BuiltIn))
        );
        assert!(read("hunt").is_err());
    }
}
