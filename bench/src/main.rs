//! Strowger beside a bare WebSocket relay on the same library, in one run, as ratios.
//!
//! `cargo run --release -p bench` starts both servers in turn as processes of their own, drives them over loopback with
//! the same load, and prints operations per second and server CPU per operation (from `/proc`) with the ratio to the
//! floor. The floor forwards each frame to the partner of the sender and does nothing else: what the wire demands.
//!
//! One module per command ([`compare`], [`idle`], [`resume`], [`service`], [`stalled`]), each of which makes a [`report::Table`].
//! Below them: [`closed`] loops of pairs, [`client`]s with a task each, the [`requests`], and the [`server`] under test.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints what it measured"
)]

mod client;
mod closed;
mod compare;
mod floor;
mod idle;
mod latency;
mod report;
mod requests;
mod resume;
mod server;
mod service;
mod stalled;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::closed::Work;
use crate::report::Table;

/// Measures Strowger beside a bare WebSocket relay. Build both first: cargo build --release -p strowger -p bench
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Rounds of each measurement; the median is printed.
    #[arg(long, default_value_t = 5, global = true, value_parser = clap::value_parser!(u64).range(1..=50))]
    rounds: u64,
    /// Seconds per round.
    #[arg(long, default_value_t = 2, global = true, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Pairs of users; each pair is two channels.
    #[arg(long, default_value_t = 50, global = true, value_parser = clap::value_parser!(u64).range(1..=5000))]
    pairs: u64,
    /// Shards of the server; 0 is one per core.
    #[arg(long, default_value_t = 0, global = true)]
    shards: usize,
    /// Print JSON instead of a table.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Messages, one in flight per pair and 32 in flight per pair.
    Message,
    /// Calls: INVITE with 2 KB of SDP, 180, 200, ACK, BYE, 200.
    Call,
    /// Memory of idle channels: before traffic, after traffic, after all left, after rounds of coming and going.
    Idle {
        /// How many channels.
        #[arg(default_value_t = 15_000, value_parser = clap::value_parser!(u64).range(2..=19_000))]
        channels: u64,
        /// How many more rounds of coming and going.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=1000))]
        churns: u64,
    },
    /// Whether a reader that stalls is felt by the others: their latency at a fixed rate, with and without it.
    Stalled {
        /// How many other users.
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(2..=10_000))]
        users: u64,
        /// Messages per second among them.
        #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
        rate: u64,
        /// Messages per second to the one that stalls.
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
        flood: u64,
    },
    /// Many users drop at once and come back to messages that wait for them; nothing may be lost or come twice.
    Resume {
        /// How many users.
        #[arg(default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=19_000))]
        channels: u64,
        /// Messages that wait for each of them.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1000))]
        messages: u64,
    },
    /// A service as a component, from Rust and from JavaScript, beside the same service native: messages per second, events, instances,
    /// memory, loading; and what others wait while services load and fail.
    Service {
        /// Where `cargo xtask guests` has put the modules.
        #[arg(default_value = "target/guests/wasm32-unknown-unknown/release")]
        guests: PathBuf,
    },
    /// Run the bare relay on this address until killed; used by the other commands.
    Floor {
        /// Where to listen.
        address: SocketAddr,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(Command::Floor { address }) = cli.command {
        return floor::run(address);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(&cli)),
        Err(error) => Err(format!("cannot start: {error}")),
    };
    match outcome {
        Ok(tables) if cli.json => tables.iter().for_each(|table| println!("{}", table.json())),
        Ok(tables) => {
            let tables: Vec<String> = tables.iter().map(Table::to_string).collect();
            println!("{}", tables.join("\n\n"));
        }
        Err(error) => {
            eprintln!("bench: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

async fn run(cli: &Cli) -> Result<Vec<Table>, String> {
    let (rounds, span) = (cli.rounds as usize, Duration::from_secs(cli.seconds));
    let compared: &[Work] = match &cli.command {
        None => &[Work::Message(1), Work::Message(32), Work::Call],
        Some(Command::Message) => &[Work::Message(1), Work::Message(32)],
        Some(Command::Call) => &[Work::Call],
        Some(Command::Idle { channels, churns }) => {
            return idle::run(*channels, *churns, cli.shards).await.map(one);
        }
        Some(Command::Resume { channels, messages }) => {
            return resume::run(*channels, *messages, cli.shards).await.map(one);
        }
        Some(Command::Stalled { users, rate, flood }) => {
            let extent = stalled::Extent {
                rounds,
                span,
                users: *users,
                rate: *rate,
                flood: *flood,
                shards: cli.shards,
            };
            return stalled::run(extent).await.map(one);
        }
        Some(Command::Service { guests }) => {
            let extent = service::Extent {
                rounds,
                span,
                pairs: cli.pairs,
                shards: cli.shards,
                guests,
            };
            return service::run(extent).await;
        }
        Some(Command::Floor { .. }) => return Err("the floor is no measurement".to_owned()),
    };
    let extent = compare::Extent {
        rounds,
        span,
        pairs: cli.pairs,
        shards: cli.shards,
    };
    compare::run(compared, extent).await.map(one)
}

fn one(table: Table) -> Vec<Table> {
    vec![table]
}
