//! Runs that are written down, and every call of them played again.

use std::fmt;
use std::ops::AddAssign;

use strowger_node::{Replay, Step, Taken};

use super::world::World;

/// What became of the calls of a run, or of many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replays {
    /// Calls that were played again.
    pub calls: u64,
    /// What their shards were told, together.
    pub inputs: u64,
    /// What they did.
    pub outputs: u64,
    /// Bytes of all journals.
    pub bytes: u64,
    /// Calls that were not whole.
    pub cut: u64,
    /// Calls that did something else, the first of them with where it did.
    pub differing: u64,
    /// What the first of these differed in.
    pub first: Option<String>,
}

impl AddAssign for Replays {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.inputs += other.inputs;
        self.outputs += other.outputs;
        self.bytes += other.bytes;
        self.cut += other.cut;
        self.differing += other.differing;
        self.first = self.first.take().or(other.first);
    }
}

impl fmt::Display for Replays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} calls played again, {} not whole, {} differ; {} inputs, {} outputs, {} bytes",
            self.calls, self.cut, self.differing, self.inputs, self.outputs, self.bytes
        )?;
        match &self.first {
            Some(first) => write!(f, "\n{first}"),
            None => Ok(()),
        }
    }
}

/// Runs one seed with everything written down, and plays each call again.
pub fn replay(seed: u64) -> Replays {
    let mut world = World::recording(seed);
    // What is wrong with the run itself is for `run` to say.
    let _ = world.play();
    let mut replays = Replays::default();
    for (taken, registry) in &world.network.journals {
        replays += replay_all(taken, registry, seed);
    }
    replays
}

fn replay_all(taken: &Taken, registry: &strowger_node::Registry, seed: u64) -> Replays {
    let mut replays = Replays::default();
    let journals = taken.journals().expect("what a shard writes can be read");
    for journal in journals {
        if !journal.is_whole() {
            replays.cut += 1;
            continue;
        }
        replays.calls += 1;
        replays.bytes += journal.to_binary().len() as u64;
        let mut replay = Replay::new(&journal, registry).expect("it is whole, and its service is there");
        let mut differs = false;
        while let Some(step) = replay.step() {
            replays.inputs += 1;
            replays.outputs += step.actual.len() as u64;
            if step.differs() && !std::mem::replace(&mut differs, true) {
                let text = || format!("seed {seed}: {}\n{}\n{}", show(&step), "in:", journal.to_text());
                replays.first.get_or_insert_with(text);
            }
        }
        replays.differing += u64::from(differs);
    }
    replays
}

fn show(step: &Step) -> String {
    format!(
        "step {} at {:?}: {:?}\nthen: {:#?}\nnow: {:#?}\n{:?}",
        step.number, step.at, step.input, step.expected, step.actual, step.remarks
    )
}
