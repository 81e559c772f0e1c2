//! Nodes under faults, in virtual time, from a seed.
//!
//! Users who know only JSON and WebSocket talk through one to three nodes of one to three shards, joined by links:
//! messages, calls, transfers, chat rooms, conferences and devices, through every service of ours and some that fail; an endpoint
//! says over HTTP what becomes of some calls, an operator orders others. The seed chooses what they do and what is done to them: drops, half-open sockets, takeovers, delays, slow readers, reloads (frames acknowledged and then lost by the
//! application), duplicated sends, shards that stall; links that are cut, stall, are refused or fail for good; outboxes and
//! limits so small that they are hit; nodes that are drained in the middle of it all and come back as another process, or
//! never. A user agent does what any user agent does: it keeps its unanswered requests and sends them again on a new
//! socket, and answers repeated requests from memory.
//!
//! What must hold:
//!
//! - a MESSAGE or INFO answered 2xx was applied exactly once, one that failed at most once, and each gets a final
//!   response as long as its sender's channel lives;
//! - a request has one final response, however often it is repeated;
//! - what the sender was told has failed is not written to a socket later, for the first time or once more;
//! - a message does not time out unseen whose receiver has a socket in time and nothing wrong with it;
//! - messages of one user to another through the relay are first seen in the order in which they were sent;
//! - nobody sees traffic of somebody else's dialog, and a CSeq means one request;
//! - responses and ACKs that a socket lost are written again to the next, in their order, unless the channel is lost: on
//!   users' channels and on links, in both directions;
//! - what a chat room has accepted is seen by every member who stayed, unless he is told that he missed something: first
//!   in the order of its writer, and once where nothing is broken and he answers in time;
//! - no leg of a call stays up alone, also after a transfer, and each leg that a node keeps belongs to an instance;
//! - an order of a call has one answer, and its callback is told its states in their order;
//! - no outbox is above its bounds in messages, bytes or age, no shard above its number of instances;
//! - a node that drains answers new dialogs 503 with `Retry-After`; where it closes a socket with 1012 and was not out of
//!   time, it has answered everything that it took before;
//! - no shard panics, and after all have left nothing is left on any node: no channel, record, instance or timer.
//!
//! Where this is weaker, because somebody on the way has lost his memory while the one before him has not:
//!
//! - who sends again what was unanswered on a channel that was lost (some users here do) may have it applied once more;
//! - a message that has no 2xx when the accepting node of a link loses its channel (bound hit, retention over), or when the
//!   process of a node on its way ends, is sent again by the other node and may be applied once more for each such loss,
//!   and out of order;
//! - a BYE or CANCEL that nobody answered in time is repeated until it is acknowledged, not until it is answered: a page
//!   that was handed it and reloaded keeps its end of the call until its own timer ends it;
//! - a request that a limit refuses with 503, or that gets 481 for a dialog of which nothing is left, leaves nothing behind:
//!   a copy of it that is still on its way may get another answer;
//! - a room sends again what a member did not answer in time, so where something is broken he may see it twice;
//! - rooms and conferences end with the process of their node;
//! - a request of a user whose channel is lost has no final response; that the channel is lost is what he learns.
//!
//! Three things are left out, since they end the guarantee by design: more lingering transactions than
//! `limits.lingering_per_channel`, clients that send but answer no Ping, and repeats later than `timers.linger`.
//!
//! [`Sabotage`] breaks the driver on purpose, and `cargo xtask mutate` the product, to show that each of these can fail.

use std::fmt;
use std::ops::AddAssign;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

mod agent;
mod answering;
mod books;
mod calls;
mod chance;
mod checks;
mod ladder;
mod network;
mod replaying;
mod rooms;
mod sabotage;
mod schedule;
mod services;
mod setup;
mod trace;
mod world;

use books::Fault;
pub use replaying::{Replays, replay};
pub use sabotage::Sabotage;

/// What happened in a run, or in many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figures {
    /// Runs.
    pub runs: u64,
    /// Of these, of several nodes.
    pub joined: u64,
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
    /// Calls handed on, the referrer told so.
    pub transfers: u64,
    /// What was said in chat rooms and accepted.
    pub posts: u64,
    /// How many members saw it, together.
    pub seen: u64,
    /// Calls ordered over HTTP.
    pub orders: u64,
    /// Of these, taken.
    pub ordered: u64,
    /// What services asked over HTTP and had answered.
    pub asked: u64,
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
    /// Links cut.
    pub link_cuts: u64,
    /// Dials that failed.
    pub refused_dials: u64,
    /// Links that failed for good.
    pub links_failed: u64,
    /// Channels lost at a bound of their outbox.
    pub outboxes_full: u64,
    /// New dialogs answered 503.
    pub unavailable: u64,
    /// Drains begun.
    pub drains: u64,
    /// Drains that were over in time.
    pub drained: u64,
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
        self.transfers += other.transfers;
        self.posts += other.posts;
        self.seen += other.seen;
        self.orders += other.orders;
        self.ordered += other.ordered;
        self.asked += other.asked;
        self.cuts += other.cuts;
        self.lost += other.lost;
        self.takeovers += other.takeovers;
        self.reloads += other.reloads;
        self.channels_lost += other.channels_lost;
        self.joined += other.joined;
        self.link_cuts += other.link_cuts;
        self.refused_dials += other.refused_dials;
        self.links_failed += other.links_failed;
        self.outboxes_full += other.outboxes_full;
        self.unavailable += other.unavailable;
        self.drains += other.drains;
        self.drained += other.drained;
        self.digest ^= other.digest;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} runs, {} of several nodes; {} frames, {} lost by sockets",
            self.runs, self.joined, self.frames, self.lost
        )?;
        writeln!(
            f,
            "{} messages, {} accepted; {} calls, {} answered, {} handed on; {} new dialogs refused with 503",
            self.messages, self.accepted, self.calls, self.answered, self.transfers, self.unavailable
        )?;
        writeln!(
            f,
            "{} posts in rooms, seen by {} members together; {} calls ordered over HTTP, {} taken; {} questions answered",
            self.posts, self.seen, self.orders, self.ordered, self.asked
        )?;
        writeln!(
            f,
            "{} cuts, {} takeovers, {} reloads; {} channels lost, {} outboxes full",
            self.cuts, self.takeovers, self.reloads, self.channels_lost, self.outboxes_full
        )?;
        write!(
            f,
            "{} link cuts, {} dials in vain, {} links failed for good; {} drains, {} in time",
            self.link_cuts, self.refused_dials, self.links_failed, self.drains, self.drained
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
    /// The messages that it is about, on all legs, and what was done to the network meanwhile.
    pub ladder: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Each leg of a dialog has an id of its own (its end is shown); m7 is message 7, c7 call 7; * marks what was done.\n\n\
             {}\n\nseed {} fails at {:.3} s: {}\nagain: cargo xtask simulate --seeds 1 --from {}",
            self.ladder,
            self.seed,
            self.at.as_secs_f64(),
            self.fault,
            self.seed
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
            Fault::of_run(format!("a shard panicked: {}", text.unwrap_or_default()))
        }
    };
    Err(Box::new(Failure {
        seed,
        at: world.elapsed(),
        ladder: world.ladder(&fault),
        fault: fault.text,
    }))
}
