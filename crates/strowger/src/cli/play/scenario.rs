//! `strowger scenario`: plays files against a server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use strowger::client::Server;
use strowger::operator::Operator;
use strowger::play::{Web, play};
use strowger::settings::TOKEN_VARIABLE;
use strowger::sign_in::SignIn;
use strowger_scenario::{Options, Scenario};

/// What to play, and against which server.
#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The server.
    #[arg(long, default_value = "ws://127.0.0.1:8080/rtc")]
    url: String,
    /// Where the server's admin interface is, for scenarios that ask services over HTTP.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:2539")]
    admin: String,
    /// Where services ask the web peer of scenarios that have one: what the server's configuration grants.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2540")]
    web: SocketAddr,
    /// The token that every user shows, where the server asks for one.
    #[arg(long, env = "STROWGER_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// A file with tokens: one for everybody, or lines with a userid and that user's token, as `auth.users` has them.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Print the ladder of scenarios that pass, too.
    #[arg(long)]
    ladder: bool,
    /// Put this into every user name, so that runs at the same time do not meet.
    #[arg(long, value_name = "TEXT", default_value = "")]
    suffix: String,
}

pub(in crate::cli) async fn run(arguments: Arguments) -> ExitCode {
    let server = match Server::parse(&arguments.url) {
        Ok(server) => server,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    // What was asked for goes before what the environment happens to have.
    let tokens = match &arguments.token_file {
        Some(file) => SignIn::load(file),
        None => Ok(SignIn::with(arguments.token.clone())),
    };
    let server = match tokens {
        Ok(tokens) => server.signing_in(tokens),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let operator = match Operator::new(&arguments.admin, std::env::var(TOKEN_VARIABLE).ok()) {
        Ok(operator) => operator,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let mut failed = 0;
    for file in &arguments.files {
        let scenario = match Scenario::load(file) {
            Ok(scenario) => scenario,
            Err(error) => {
                println!("{error}");
                failed += 1;
                continue;
            }
        };
        let options = Options::real_time().with_suffix(arguments.suffix.as_str());
        let mut web = Web::default().asking(operator.clone());
        let mut scenario = scenario;
        if scenario.web().is_some() {
            web = match web.listening(arguments.web).await {
                Ok(web) => web,
                Err(error) => {
                    println!(
                        "{}: nobody can listen on {}: {error}",
                        scenario.name(),
                        arguments.web
                    );
                    failed += 1;
                    continue;
                }
            };
            scenario = scenario.with_web_at(&format!("http://{}", arguments.web));
        }
        let outcome = play(&scenario, options, &server, web).await;
        if !outcome.is_success() {
            failed += 1;
            println!("{outcome}");
        } else if arguments.ladder {
            println!("{}: passed\n{}", scenario.name(), outcome.ladder);
        } else {
            println!("{}: passed", scenario.name());
        }
    }
    println!("{} played, {failed} failed", arguments.files.len());
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
