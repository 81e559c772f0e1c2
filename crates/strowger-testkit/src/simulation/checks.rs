//! What must hold at the end of a run, and while it lasts.

use std::collections::BTreeMap;
use std::time::Duration;

use strowger_channel::ConnId;

use super::agent::Agent;
use super::books::{About, Fault};
use super::calls::{Call, State};
use super::world::World;

/// How late a shard that is stalled may be.
const SLACK: Duration = Duration::from_secs(5);

impl World {
    /// No outbox is above its bounds, and no shard has more instances than it may.
    pub(super) fn check_bounds(&mut self) {
        let settings = &self.setup.config.channel;
        let instances = self.setup.config.limits.instances;
        let now = self.network.now;
        for (number, shard) in self.network.shards.iter().enumerate() {
            if shard.instances() > instances {
                let fault = format!("shard {number} has {} instances", shard.instances());
                return self.books.fault(About::Run, fault);
            }
            for channel in shard.channels().iter() {
                let old = channel
                    .oldest_unacknowledged
                    .is_some_and(|at| at + settings.retention + SLACK <= now);
                if channel.is_link && channel.conn.is_none() && self.network.is_given_up(number, channel.id) {
                    let fault = format!("a link is not dialled again: {channel:?}");
                    return self.books.fault(About::Run, fault);
                }
                let empty = channel.outbox_messages == 0 && channel.outbox_bytes > 0;
                if empty
                    || channel.outbox_messages > settings.outbox_messages
                    || channel.outbox_bytes > settings.outbox_bytes
                    || old
                {
                    let fault = format!("an outbox is not within its bounds: {channel:?}");
                    return self.books.fault(About::Run, fault);
                }
            }
        }
    }

    /// A node that has drained in time closes a socket with 1012: it has answered everything that it took.
    pub(super) fn check_answered(&mut self, user: usize, conn: ConnId) {
        let agent = &self.agents[user];
        let owed = agent
            .pending
            .iter()
            .find(|pending| self.network.was_owed(user, agent.site, conn, &pending.text));
        if let Some(pending) = owed {
            let fault = format!(
                "user {user} was closed 1012 by a node that had drained, without an answer to {}",
                pending.text
            );
            let about = agent.about(&pending.dialog);
            self.books.fault(about, fault);
        }
    }

    /// Everybody who stays has been online for long.
    pub(super) fn check_settled(&self) -> Result<(), Fault> {
        for agent in self.agents.iter().filter(|agent| !agent.gone) {
            if let Some(pending) = agent.pending.first() {
                let (method, dialog) = (pending.method, &pending.dialog);
                return Err(Fault {
                    about: agent.about(dialog),
                    text: format!(
                        "user {} never got a final response to {method} in {dialog}",
                        agent.number
                    ),
                });
            }
        }
        for (number, item) in self.books.items.iter().enumerate() {
            let left = self.agents[item.from].gone || item.given_up;
            if item.result.is_none() && !left {
                return Err(Fault {
                    about: About::Message(number),
                    text: format!("user {} never learned what became of message {number}", item.from),
                });
            }
        }
        if self.network.open_orders() > 0 {
            return Err(Fault::of_run("an order of a call was never answered"));
        }
        self.check_rooms()?;
        self.check_calls()
    }

    /// Whoever stayed in a room has seen what was said there.
    fn check_rooms(&self) -> Result<(), Fault> {
        match self.books.rooms.missed(|user| !self.agents[user].gone) {
            None => Ok(()),
            Some((post, user)) => Err(Fault {
                about: About::Post(post),
                text: format!("user {user} stayed in the room and never saw post {post}"),
            }),
        }
    }

    /// No call is up at one end only.
    fn check_calls(&self) -> Result<(), Fault> {
        let mut ends: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for agent in self.agents.iter().filter(|agent| !agent.gone) {
            let open = |call: &&Call| call.state != State::Over && !agent.lost_ends.contains(&call.dialog);
            for call in agent.calls.iter().filter(open) {
                ends.entry(call.number).or_default().push(agent.number);
            }
        }
        for (call, users) in ends {
            if users.len() != 2 && !self.is_with_a_service(call) {
                return Err(Fault {
                    about: About::Call(call),
                    text: format!("call {call} is up at {users:?} only"),
                });
            }
        }
        Ok(())
    }

    /// After a long quiet time with sockets only live dialogs are left, and nothing waits in an outbox but a refresh.
    pub(super) fn check_quiet(&self) -> Result<(), Fault> {
        let mut live = 0;
        for (number, shard) in self.network.shards.iter().enumerate() {
            let stack = shard.stack();
            live += stack.live();
            if shard.legs() != stack.live() {
                return Err(Fault::of_run(format!(
                    "shard {number} has {} live dialogs and {} legs of instances",
                    stack.live(),
                    shard.legs()
                )));
            }
            if stack.len() > stack.live() {
                return Err(Fault::of_run(format!(
                    "shard {number} keeps {} records of {} live dialogs",
                    stack.len(),
                    stack.live()
                )));
            }
        }
        let channels = self
            .network
            .shards
            .iter()
            .flat_map(|shard| shard.channels().iter());
        let waiting: Vec<_> = channels.filter(|channel| channel.outbox_messages > 0).collect();
        let messages: usize = waiting.iter().map(|channel| channel.outbox_messages).sum();
        if messages > live {
            return Err(Fault::of_run(format!(
                "{live} live dialogs, but these channels still owe something: {waiting:?}"
            )));
        }
        Ok(())
    }

    /// Whether the other end of a call is a service.
    fn is_with_a_service(&self, number: usize) -> bool {
        let calls = self.agents.iter().flat_map(|agent: &Agent| &agent.calls);
        calls
            .filter(|call| call.number == number)
            .any(|call| call.is_to_service())
    }

    /// Everybody has left for good, and no node reaches another.
    pub(super) fn check_empty(&self) -> Result<(), Fault> {
        for (number, shard) in self.network.shards.iter().enumerate() {
            let left = [
                ("channels", shard.channels().len()),
                ("dialog records", shard.stack().len()),
                ("timers of the stack", shard.stack().timers()),
                ("instances", shard.instances()),
                ("timers of instances", shard.instance_timers()),
                ("dialogs elsewhere", shard.dialogs_elsewhere()),
            ];
            if let Some((what, count)) = left.iter().find(|(_, count)| *count > 0) {
                return Err(Fault::of_run(format!("shard {number} has {count} {what} left")));
            }
            if let Some(at) = shard.poll_timeout() {
                return Err(Fault::of_run(format!("shard {number} still waits for {at:?}")));
            }
        }
        Ok(())
    }
}
