//! `strowger health`: whether a server is well, for machines that have no other HTTP client.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use http::Method;
use strowger::operator::{Operator, OperatorError, Sent};

/// How long a server that is well may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whom to ask, and what.
#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The server's admin interface.
    #[arg(
        long,
        value_name = "URL",
        env = "STROWGER_ADMIN",
        default_value = "http://127.0.0.1:2539"
    )]
    admin: String,
    /// Whether it admits new users: not while it drains.
    #[arg(long)]
    ready: bool,
}

pub(in crate::cli) async fn run(arguments: Arguments) -> ExitCode {
    let path = if arguments.ready { "/readyz" } else { "/healthz" };
    let asked = tokio::time::timeout(PATIENCE, ask(&arguments.admin, path));
    match asked.await.unwrap_or(Err(OperatorError::Late)) {
        Ok((is_well, said)) => {
            println!("{said}");
            if is_well {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn ask(admin: &str, path: &str) -> Result<(bool, String), OperatorError> {
    let operator = Operator::new(admin, None)?;
    let (status, body) = operator.answer(Method::GET, path, Sent::default()).await?;
    Ok((
        status.is_success(),
        String::from_utf8_lossy(&body).trim().to_owned(),
    ))
}
