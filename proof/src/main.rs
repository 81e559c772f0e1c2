//! Proves over real sockets that no message is lost or applied twice.
//!
//! `cargo xtask lossless` builds and runs it: the real server, a proxy that breaks connections, and clients in Rust,
//! Python and Node that know JSON and RFC 6455 and nothing else. Each client keeps a ledger; at the end the ledgers are
//! compared. See `docs/delivery.md`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a proof prints what it found"
)]

mod client;
mod clients;
mod ledger;
mod plan;
mod proxy;
mod run;
mod server;
mod summary;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::clients::LANGUAGES;
use crate::ledger::{Fault, Verdict};
use crate::run::Run;

/// How many faults are shown.
const SHOWN: usize = 20;

#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    size: Size,
}

#[derive(Debug, Args)]
struct Size {
    /// Chooses what the proxy does to each connection.
    #[arg(long, global = true, default_value_t = 1)]
    seed: u64,
    /// Messages in all, at least.
    #[arg(long, global = true, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(100..=100_000_000))]
    messages: u64,
    /// Connections ended by the proxy in all, at least.
    #[arg(long, global = true, default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    cuts: u64,
    /// Users per language.
    #[arg(long, global = true, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    users: u64,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Command {
    /// Runs clients that are broken on purpose; the comparison has to notice.
    Control,
    /// Be the client in Rust; used by the other commands.
    #[command(hide = true)]
    Client,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match (runtime, cli.command) {
        (Err(error), _) => Err(error.to_string()),
        (Ok(runtime), Some(Command::Client)) => runtime.block_on(client::run()),
        (Ok(runtime), Some(Command::Control)) => runtime.block_on(control(cli.size.seed)),
        (Ok(runtime), None) => runtime.block_on(prove(&cli.size)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

async fn prove(size: &Size) -> Result<(), String> {
    let run = Run {
        seed: size.seed,
        messages: size.messages as usize,
        calls: size.messages as usize / 50,
        cuts: size.cuts as usize,
        users: size.users as usize,
        resend: true,
        absorb: true,
    };
    let (verdict, summary) = run.play().await?;
    print!("{summary}");
    print_verdict(&verdict);
    if !verdict.is_good() {
        return Err(format!("the run of seed {} failed", size.seed));
    }
    if summary.ended < run.cuts {
        return Err(format!(
            "only {} connections were ended: raise --cuts",
            summary.ended
        ));
    }
    Ok(())
}

fn print_verdict(verdict: &Verdict) {
    println!(
        "{} messages, {} delivered once; {} lost, {} applied twice, {} refused, {} out of order within {} pairs of users",
        verdict.messages,
        verdict.delivered,
        verdict.count(|fault| matches!(fault, Fault::Lost(_) | Fault::Unanswered(_))),
        verdict.count(|fault| matches!(fault, Fault::Twice(..))),
        verdict.count(|fault| matches!(fault, Fault::Refused(..) | Fault::TwoAnswers(..))),
        verdict.count(|fault| matches!(fault, Fault::OutOfOrder(..))),
        verdict.pairs,
    );
    println!(
        "{} calls, {} not over at both ends",
        verdict.calls,
        verdict.count(|fault| matches!(fault, Fault::Disagreed(..)))
    );
    for fault in verdict.faults.iter().take(SHOWN) {
        println!("  {fault}");
    }
    if verdict.faults.len() > SHOWN {
        println!("  and {} more", verdict.faults.len() - SHOWN);
    }
    if verdict.stuck {
        println!("  nothing moved any more");
    }
    if let Some(left_over) = &verdict.left_over {
        println!("  {left_over}");
    }
}

/// Each of the two duties of a client, left out in turn: messages have to be missed and seen twice, in each language.
async fn control(seed: u64) -> Result<(), String> {
    for (what, resend) in [("does not send again", false), ("does not absorb", true)] {
        let run = Run {
            seed,
            messages: 3_000,
            calls: 0,
            cuts: 30,
            users: 4,
            resend,
            absorb: !resend,
        };
        let (verdict, summary) = run.play().await?;
        print!("{summary}");
        for language in LANGUAGES {
            // The sender's language is at fault for what is missing, the receiver's for what is seen twice.
            let of_language = |id: &str| id.starts_with(language.name());
            let found = verdict.count(|fault| match fault {
                Fault::Unanswered(id) => !resend && of_language(id),
                Fault::Twice(_, user, _) => resend && of_language(user),
                _ => false,
            });
            println!(
                "a {} client that {what}: {found} faults over {} cuts",
                language.name(),
                summary.ended
            );
            if found == 0 {
                return Err(format!("seed {seed}: the comparison does not notice"));
            }
        }
    }
    Ok(())
}
