//! Strowger beside a bare WebSocket relay on the same library, in one run, as ratios.
//!
//! `cargo run --release -p bench` starts both servers in turn as processes of their own, drives them over loopback with
//! the same load, and prints operations per second and server CPU per operation (from `/proc`) with the ratio to the
//! floor. The floor forwards each frame to the partner of the sender and does nothing else: what the wire demands.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints what it measured"
)]

mod floor;
mod load;
mod process;
mod report;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::load::Work;
use crate::process::Server;
use crate::report::{Measured, Row};

#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Rounds of each measurement; the median is printed.
    #[arg(long, default_value_t = 5, global = true)]
    rounds: usize,
    /// Seconds per round.
    #[arg(long, default_value_t = 2, global = true, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Pairs of users; each pair is two channels.
    #[arg(long, default_value_t = 50, global = true, value_parser = clap::value_parser!(u64).range(1..=5000))]
    pairs: u64,
    /// Shards of the server; 0 is one per core.
    #[arg(long, default_value_t = 0, global = true)]
    shards: usize,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Messages, one in flight per pair and 32 in flight per pair.
    Message,
    /// Calls: INVITE with 2 KB of SDP, 180, 200, ACK, BYE, 200.
    Call,
    /// Memory of idle channels: connects many, then lets them go.
    Idle {
        /// How many channels.
        #[arg(default_value_t = 15_000, value_parser = clap::value_parser!(u64).range(1..=19_000))]
        channels: u64,
    },
    /// Run the bare relay on this address until killed; used by the other commands.
    Floor {
        /// Where to listen.
        address: SocketAddr,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let works: &[Work] = match &cli.command {
        Some(Command::Floor { address }) => return floor::run(*address),
        Some(Command::Message) => &[Work::Message(1), Work::Message(32)],
        Some(Command::Call) => &[Work::Call],
        Some(Command::Idle { .. }) => &[],
        None => &[Work::Message(1), Work::Message(32), Work::Call],
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    if let Some(Command::Idle { channels }) = cli.command {
        return exit(runtime.block_on(idle(channels, cli.shards)));
    }
    println!(
        "{} pairs, {} rounds of {} s; medians; CPU is the server's, from /proc",
        cli.pairs, cli.rounds, cli.seconds
    );
    println!("{}", Row::HEAD);
    for work in works {
        match runtime.block_on(compare(*work, &cli)) {
            Ok(row) => println!("{row}"),
            Err(error) => {
                eprintln!("{work}: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn exit(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Server memory before, with and after so many idle channels.
async fn idle(channels: u64, shards: usize) -> Result<(), String> {
    println!("{channels} idle channels; resident memory of the server in KB");
    println!("server     before      with     after  KB per channel");
    for (name, server) in [
        ("floor", Server::floor()?),
        ("strowger", Server::strowger(shards)?),
    ] {
        server.wait_until_ready().await?;
        let before = server.resident()?;
        let sockets = load::connect_idle(&server, channels).await?;
        let with = server.resident()?;
        load::leave(sockets).await;
        let after = server.resident()?;
        let each = with.saturating_sub(before) as f64 / channels as f64;
        println!("{name:<8} {before:>8}  {with:>8}  {after:>8}  {each:>14.2}");
    }
    Ok(())
}

/// Measures both servers in turn, round by round, so that a drift of the machine meets both.
async fn compare(work: Work, cli: &Cli) -> Result<Row, String> {
    let (mut floor, mut strowger) = (Vec::new(), Vec::new());
    for _ in 0..cli.rounds.clamp(1, 50) {
        floor.push(measure(Server::floor()?, work, cli).await?);
        strowger.push(measure(Server::strowger(cli.shards)?, work, cli).await?);
    }
    Ok(Row::new(work.to_string(), &floor, &strowger))
}

async fn measure(server: Server, work: Work, cli: &Cli) -> Result<Measured, String> {
    server.wait_until_ready().await?;
    let span = Duration::from_secs(cli.seconds);
    load::drive(&server, work, cli.pairs, span).await
}
