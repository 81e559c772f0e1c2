//! What a shard shows of itself, and the room it gives back.

use std::collections::VecDeque;

use jsip_stack::Stack;
use strowger_channel::Channels;
use strowger_service::{Command, Event};

use crate::instances::InstanceKey;
use crate::{Counters, Effect, Mail, Shard};

/// A queue with room for more than this gives it back when it is empty.
const KEPT_IN_QUEUE: usize = 256;

impl Shard {
    /// What was counted.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The dialogs of this shard, for figures.
    pub const fn stack(&self) -> &Stack {
        &self.stack
    }

    /// The channels of this shard, for figures.
    pub const fn channels(&self) -> &Channels {
        &self.channels
    }

    /// How many instances run.
    pub fn instances(&self) -> usize {
        self.instances.len()
    }

    /// How many legs the instances have. Costs a pass over the instances.
    pub fn legs(&self) -> usize {
        self.instances.iter().map(|running| running.legs.len()).sum()
    }

    /// How many timers of instances run.
    pub fn instance_timers(&self) -> usize {
        self.deadlines.len()
    }

    /// How many dialogs of channels of this shard are known to live on another one. Costs a pass over these channels.
    pub fn dialogs_elsewhere(&self) -> usize {
        self.elsewhere.len()
    }

    /// How many bytes the tables and queues take, used or not; what channels, dialogs and instances own themselves is not
    /// in it. Follows what is in them, down as well as up.
    pub fn footprint(&self) -> usize {
        self.stack.footprint()
            + self.channels.footprint()
            + self.instances.footprint()
            + self.elsewhere.footprint()
            + self.effects.capacity() * size_of::<Effect>()
            + self.mail.capacity() * size_of::<Mail>()
            + self.pending.capacity() * size_of::<(InstanceKey, Event)>()
            + self.commands.capacity() * size_of::<Command>()
    }

    /// Gives back the room of queues that are empty now and were long.
    pub(crate) fn give_back(&mut self) {
        if self.effects.is_empty() && self.effects.capacity() > KEPT_IN_QUEUE {
            self.effects = VecDeque::new();
        }
        if self.mail.is_empty() && self.mail.capacity() > KEPT_IN_QUEUE {
            self.mail = VecDeque::new();
        }
        if self.pending.is_empty() && self.pending.capacity() > KEPT_IN_QUEUE {
            self.pending = VecDeque::new();
        }
        if self.commands.is_empty() && self.commands.capacity() > KEPT_IN_QUEUE {
            self.commands = Vec::new();
        }
    }
}
