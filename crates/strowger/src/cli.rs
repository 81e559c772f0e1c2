//! The command line.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line talks to people"
)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use strowger::config::default_config;
use strowger::settings;
use tokio::signal::unix::{Signal, SignalKind, signal};

mod operate;
mod play;
mod serve;

use operate::{health, service, top, trace};
use play::{replay, scenario, user_agent};

/// A programmable signalling server for real-time communication.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(serve::Arguments),
    /// Read a configuration file and say what is wrong with it.
    CheckConfig {
        /// The file.
        file: PathBuf,
    },
    /// Print the configuration file of the built-in defaults, with explanations.
    DefaultConfig,
    /// Ask a running server whether it is well; ends with 0 if so.
    Health(health::Arguments),
    /// Play a recorded call again, with the same service or another version of it; ends with 0 if everything follows as it did, 1
    /// if not, 2 if the journal cannot be played.
    Replay(replay::Arguments),
    /// Play scenario files against a server; print a ladder and the first difference of each that fails.
    Scenario(scenario::Arguments),
    /// Load, list and change the services of a running server.
    Service(service::Arguments),
    /// Show what a running server does: a table that is drawn again and again; `q` ends it.
    Top(top::Arguments),
    /// Show the calls of a user, message by message, while they happen.
    Trace(trace::Arguments),
    /// Be a user in the terminal: call, answer, message, hang up.
    Ua(user_agent::Arguments),
}

pub(crate) fn run() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(arguments) => serve::run(arguments),
        Command::CheckConfig { file } => serve::check_config(&file),
        Command::DefaultConfig => {
            print!("{}", default_config());
            ExitCode::SUCCESS
        }
        Command::Health(arguments) => on_runtime(health::run(arguments)),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Scenario(arguments) => on_runtime(scenario::run(arguments)),
        Command::Service(arguments) => on_runtime(service::run(arguments)),
        Command::Top(arguments) => on_runtime(top::run(arguments)),
        Command::Trace(arguments) => on_runtime(trace::run(arguments)),
        Command::Ua(arguments) => on_runtime(user_agent::run(arguments)),
    }
}

fn on_runtime(work: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => {
            let code = runtime.block_on(work);
            // A thread that waits for a key cannot be stopped; the process ends all the same.
            runtime.shutdown_background();
            code
        }
        Err(error) => {
            eprintln!("cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}

/// How a command ends that says in a line why it could not go on.
fn ended(done: Result<(), String>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn either(a: &mut Signal, b: &mut Signal) {
    tokio::select! {
        _ = a.recv() => {}
        _ = b.recv() => {}
    }
}

/// Resolves when a signal tells the program to end.
async fn told_to_end() {
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    match signals {
        (Ok(mut terminate), Ok(mut interrupt)) => either(&mut terminate, &mut interrupt).await,
        // Then it ends as programs do.
        _ => std::future::pending().await,
    }
}

/// What this program was called as.
pub(crate) fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "strowger".to_owned())
}

/// The token of the admin interface in the environment.
fn token() -> Option<String> {
    std::env::var(settings::TOKEN_VARIABLE).ok()
}
