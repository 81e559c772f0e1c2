//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use serde_json::{Value, json};

/// Measures Strowger beside a bare WebSocket relay. Build both first: cargo build --release -p strowger -p bench
#[derive(Debug, Parser)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Rounds of each measurement; the median is printed. A verdict needs five.
    #[arg(long, default_value_t = 5, global = true, value_parser = clap::value_parser!(u64).range(1..=50))]
    pub(crate) rounds: u64,
    /// Seconds per round.
    #[arg(long, default_value_t = 2, global = true, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(crate) seconds: u64,
    /// Pairs of users; each pair is two channels. Default: 50, for calls 100.
    #[arg(long, global = true, value_parser = clap::value_parser!(u64).range(1..=5000))]
    pub(crate) pairs: Option<u64>,
    /// Shards of the server; 0 is one per core.
    #[arg(long, default_value_t = 0, global = true)]
    pub(crate) shards: usize,
    /// Print one JSON document (machine, date, settings, tables) instead of tables.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Write the plot to this file, as SVG; for `load`, `growth` and `soak`.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Messages, one in flight per pair and 32 in flight per pair.
    Message {
        /// An open loop too, at so many messages per second.
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
        rate: Option<u64>,
    },
    /// Calls: INVITE with 2 KB of SDP, 180, 200, ACK, BYE, 200; and the time to set one up at half load.
    Call {
        /// An open loop too, at so many calls per second.
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
        rate: Option<u64>,
    },
    /// Latency and processor time from 10 to 90 percent of the floor's closed-loop rate, open loop.
    Load {
        /// What is done.
        #[arg(long, value_enum, default_value_t = Operation::Message)]
        work: Operation,
        /// Messages in flight per pair in the closed loop that is 100 percent.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
        in_flight: u32,
    },
    /// One message to all members of a room.
    Fanout {
        /// How many members.
        #[arg(default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=15_000))]
        members: u64,
    },
    /// Users who connect, send a message and leave, over and over.
    Churn,
    /// Memory of idle channels: before traffic, after traffic, after all left, after rounds of coming and going.
    Idle {
        /// How many channels.
        #[arg(default_value_t = 15_000, value_parser = clap::value_parser!(u64).range(2..=19_000))]
        channels: u64,
        /// How many more rounds of coming and going.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=1000))]
        churns: u64,
    },
    /// Processor time per message with many live dialogs and channels against few, and memory per live call.
    Growth {
        /// Live dialogs at the end, two for each call; it begins with 1,000.
        #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1000..=1_000_000))]
        dialogs: u64,
        /// Channels at the end; it begins with 100.
        #[arg(long, default_value_t = 15_000, value_parser = clap::value_parser!(u64).range(100..=19_000))]
        channels: u64,
        /// How many of the channels messages go round on; the small server has 100. With more, each message finds a channel that was quiet.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(2..=19_000))]
        active: u64,
    },
    /// Processor time per message with two shards against one.
    Cores,
    /// Time until the server listens, and its size.
    Start,
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
    /// Messages, calls, rooms, comings and goings for long: whether memory, descriptors, tables and latency stay.
    Soak {
        /// For how long.
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=10_000))]
        minutes: u64,
        /// Messages per second; calls are a tenth of them.
        #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(10..=100_000))]
        rate: u64,
    },
    /// A service as a component, from Rust and from JavaScript, beside the same service native: messages per second, events, instances,
    /// memory, loading; and what others wait while services load and fail.
    Service {
        /// Where `cargo xtask guests` has put the modules.
        #[arg(default_value = "target/guests/wasm32-unknown-unknown/release")]
        guests: PathBuf,
    },
    /// What it costs to write calls down: messages and calls with the journal off, in memory, and in memory and files.
    Journal,
    /// What is to be reached, and what earlier runs said of it.
    Bars {
        /// Documents that were printed with --json.
        documents: Vec<PathBuf>,
    },
    /// Run the bare relay on this address until killed; used by the other commands.
    Floor {
        /// Where to listen.
        address: SocketAddr,
        /// One room: what a speaker says goes to all others.
        #[arg(long)]
        room: bool,
    },
}

/// What `load` does.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Operation {
    Message,
    Call,
}

impl Cli {
    /// For the document.
    pub(crate) fn settings(&self) -> Value {
        json!({
            "rounds": self.rounds,
            "seconds": self.seconds,
            "pairs": self.pairs,
            "shards": self.shards,
            "command": self.command.as_ref().map(|command| format!("{command:?}")),
        })
    }
}
