//! Strowger beside a bare WebSocket relay on the same library, in one run, as ratios.
//!
//! `cargo run --release -p bench` starts both servers in turn as processes of their own, drives them over loopback with
//! the same load, and prints operations per second and server CPU per operation (from `/proc`) with the ratio to the
//! floor. The floor forwards each frame to the partner of the sender and does nothing else: what the wire demands.
//!
//! One module per command, each of which makes [`report::Table`]s: [`compare`] for messages and calls, [`load`], [`fanout`], [`churn`],
//! [`idle`], [`growth`], [`cores`], [`start`], [`stalled`], [`resume`], [`soak`], [`service`],
//! [`journal`]. Below them: [`closed`] and [`open`] loops of
//! pairs, [`client`]s with a task each, the [`requests`], the [`server`] under test and the [`meter`] of its process. What is to be
//! reached stands in [`bars`].
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints what it measured"
)]

mod bars;
mod churn;
mod cli;
mod client;
mod closed;
mod compare;
mod cores;
mod document;
mod fanout;
mod figures;
mod floor;
mod growth;
mod idle;
mod journal;
mod latency;
mod load;
mod meter;
mod open;
mod pace;
mod plot;
mod report;
mod requests;
mod resume;
mod server;
mod service;
mod soak;
mod stalled;
mod start;
mod syscalls;
mod traffic;
mod ways;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use serde_json::Value;

use crate::cli::{Cli, Command, Operation};
use crate::closed::Work;
use crate::report::Table;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(Command::Floor { address, room }) = cli.command {
        return floor::run(address, room);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(&cli)),
        Err(error) => Err(format!("cannot start: {error}")),
    };
    match outcome.and_then(|tables| print(&cli, &tables)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print(cli: &Cli, tables: &[Table]) -> Result<(), String> {
    if cli.json {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        println!("{:#}", document::of(tables, &arguments, &cli.settings()));
    } else {
        let tables: Vec<String> = tables.iter().map(Table::to_string).collect();
        println!("{}", tables.join("\n\n"));
    }
    let Some(file) = &cli.svg else { return Ok(()) };
    let plot = tables.iter().find_map(|table| table.plot.as_ref());
    let plot = plot.ok_or("this command makes no plot")?;
    std::fs::write(file, plot.svg()).map_err(|error| format!("{}: {error}", file.display()))
}

async fn run(cli: &Cli) -> Result<Vec<Table>, String> {
    let plots = matches!(
        cli.command,
        Some(Command::Load { .. } | Command::Growth { .. } | Command::Soak { .. })
    );
    if cli.svg.is_some() && !plots {
        return Err("this command makes no plot: load, growth and soak do".to_owned());
    }
    let (rounds, span, shards) = (cli.rounds as usize, Duration::from_secs(cli.seconds), cli.shards);
    let extent = |rate: Option<u64>| compare::Extent {
        rounds,
        span,
        pairs: cli.pairs,
        shards,
        rate,
    };
    let messages = [Work::Message(1), Work::Message(32)];
    let ways = ways::Extent {
        rounds,
        span,
        pairs: extent(None).pairs(Work::Message(32)),
        shards,
    };
    let table = match cli.command.clone() {
        None => {
            let mut tables = compare::run(&messages, extent(None)).await?;
            tables.extend(compare::run(&[Work::Call], extent(None)).await?);
            return Ok(tables);
        }
        Some(Command::Message { rate }) => return compare::run(&messages, extent(rate)).await,
        Some(Command::Call { rate }) => return compare::run(&[Work::Call], extent(rate)).await,
        Some(Command::Load { work, in_flight }) => {
            let work = match work {
                Operation::Message => Work::Message(in_flight),
                Operation::Call => Work::Call,
            };
            load::run(work, extent(None)).await
        }
        Some(Command::Fanout { members }) => {
            let extent = fanout::Extent {
                rounds,
                span,
                members,
                shards,
            };
            fanout::run(extent).await
        }
        Some(Command::Churn) => {
            let extent = churn::Extent { rounds, span, shards };
            churn::run(extent).await
        }
        Some(Command::Idle { channels, churns }) => idle::run(channels, churns, shards).await,
        Some(Command::Growth {
            dialogs,
            channels,
            active,
        }) => {
            let extent = growth::Extent {
                rounds,
                span,
                dialogs,
                channels,
                active,
                shards,
            };
            growth::run(extent).await
        }
        Some(Command::Cores) => cores::run(extent(None)).await,
        Some(Command::Start) => start::run(shards),
        Some(Command::Resume { channels, messages }) => resume::run(channels, messages, shards).await,
        Some(Command::Stalled { users, rate, flood }) => {
            let extent = stalled::Extent {
                rounds,
                span,
                users,
                rate,
                flood,
                shards,
            };
            stalled::run(extent).await
        }
        Some(Command::Soak { minutes, rate }) => {
            let extent = soak::Extent {
                minutes,
                rate,
                shards,
            };
            soak::run(extent).await
        }
        Some(Command::Service { guests }) => {
            return service::run(ways, &guests).await;
        }
        Some(Command::Journal) => journal::run(ways).await,
        Some(Command::Bars { documents }) => read(&documents).map(|documents| bars::table(&documents)),
        Some(Command::Floor { .. }) => Err("the floor is no measurement".to_owned()),
    };
    table.map(|table| vec![table])
}

fn read(documents: &[PathBuf]) -> Result<Vec<Value>, String> {
    let read = |file: &Path| -> Result<Value, String> {
        let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
        serde_json::from_str(&text).map_err(|error| error.to_string())
    };
    let read = |file: &PathBuf| read(file).map_err(|error| format!("{}: {error}", file.display()));
    documents.iter().map(read).collect()
}
