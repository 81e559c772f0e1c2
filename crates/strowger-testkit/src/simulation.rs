//! A node under faults, in virtual time, from a seed.
//!
//! Users who know only JSON and WebSocket talk through a node of one to three shards: messages, calls, through relay,
//! echo, hunt and services that fail. The seed chooses what they do and what the network does to them: drops, half-open
//! sockets, takeovers, delays, slow readers, reloads (frames acknowledged and then lost by the application), duplicated
//! sends, shards that stall. A user agent does what any user agent does: it keeps its unanswered requests and sends them
//! again on a new socket, and answers repeated requests from memory.
//!
//! What must hold:
//!
//! - a MESSAGE or INFO answered 2xx was applied exactly once, one that failed at most once, and each gets a final
//!   response as long as its sender's channel lives;
//! - a request has one final response, however often it is repeated;
//! - messages of one user to another through the relay are first seen in the order in which they were sent;
//! - nobody sees traffic of somebody else's dialog, and a CSeq means one request;
//! - responses and ACKs that a socket lost are written again to the next, in their order, unless the channel is lost;
//! - no leg of a call stays up alone;
//! - no shard panics, and after all have left nothing is left: no channel, record, instance or timer.
//!
//! [`Sabotage`] breaks the driver on purpose, to show that each of these can fail.

use std::fmt;
use std::ops::AddAssign;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use strowger_scenario::Ladder;

mod agent;
mod answering;
mod books;
mod calls;
mod chance;
mod network;
mod sabotage;
mod schedule;
mod services;
mod trace;
mod world;

pub use sabotage::Sabotage;

/// What happened in a run, or in many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figures {
    /// Runs.
    pub runs: u64,
    /// Frames of text that sockets carried, both ways.
    pub frames: u64,
    /// Messages sent by users, INFO included.
    pub messages: u64,
    /// Of these, answered 2xx.
    pub accepted: u64,
    /// Calls begun.
    pub calls: u64,
    /// Calls answered.
    pub answered: u64,
    /// Sockets that ended otherwise than by their user's wish.
    pub cuts: u64,
    /// Frames that sockets lost on the way to a client.
    pub lost: u64,
    /// Sockets taken over by another.
    pub takeovers: u64,
    /// Reloads: frames acknowledged and then lost.
    pub reloads: u64,
    /// Channels lost while their user meant to stay.
    pub channels_lost: u64,
    /// A sum over everything that users saw: equal runs have equal sums.
    pub digest: u64,
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.frames += other.frames;
        self.messages += other.messages;
        self.accepted += other.accepted;
        self.calls += other.calls;
        self.answered += other.answered;
        self.cuts += other.cuts;
        self.lost += other.lost;
        self.takeovers += other.takeovers;
        self.reloads += other.reloads;
        self.channels_lost += other.channels_lost;
        self.digest ^= other.digest;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} runs, {} frames; {} messages, {} accepted; {} calls, {} answered; {} cuts, {} frames lost, {} takeovers, \
             {} reloads, {} channels lost",
            self.runs,
            self.frames,
            self.messages,
            self.accepted,
            self.calls,
            self.answered,
            self.cuts,
            self.lost,
            self.takeovers,
            self.reloads,
            self.channels_lost,
        )
    }
}

/// An invariant that did not hold.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed; it gives the same run again.
    pub seed: u64,
    /// When it showed.
    pub at: Duration,
    /// Which one, and where.
    pub fault: String,
    /// The last of what the users saw.
    pub ladder: Ladder,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.ladder)?;
        write!(
            f,
            "seed {}, at {:.3} s: {}",
            self.seed,
            self.at.as_secs_f64(),
            self.fault
        )
    }
}

impl std::error::Error for Failure {}

/// Runs one seed.
///
/// # Errors
///
/// [`Failure`] with the first invariant that did not hold.
pub fn run(seed: u64, sabotage: Option<Sabotage>) -> Result<Figures, Box<Failure>> {
    // The ladder is drawn only where somebody will read it: the same seed gives the same run.
    play(seed, sabotage, false).or_else(|_| play(seed, sabotage, true))
}

fn play(seed: u64, sabotage: Option<Sabotage>, drawing: bool) -> Result<Figures, Box<Failure>> {
    let mut world = world::World::new(seed, sabotage, drawing);
    let outcome = catch_unwind(AssertUnwindSafe(|| world.play()));
    let fault = match outcome {
        Ok(Ok(())) => return Ok(world.figures()),
        Ok(Err(fault)) => fault,
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            format!("a shard panicked: {}", text.unwrap_or_default())
        }
    };
    Err(Box::new(Failure {
        seed,
        at: world.elapsed(),
        fault,
        ladder: world.ladder(),
    }))
}
