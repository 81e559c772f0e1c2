//! One run: users and network together, from the first connect to the check that nothing is left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jsip::UserId;
use strowger_channel::ConnId;
use strowger_node::{Config, Registry};
use strowger_scenario::Ladder;
use strowger_service::Service;
use strowger_time::Instant;

use super::agent::{Act, Agent, Deed, Desk};
use super::books::Books;
use super::calls::{Call, State};
use super::chance::Chance;
use super::network::{Arrival, Cut, Happening, Network};
use super::services::{Fragile, Room};
use super::trace::Trace;
use super::{Figures, Sabotage};

/// After the last deed of a user, everything that can come of it comes within this time.
const SETTLING: Duration = Duration::from_secs(1_200);

/// After a reload, a user has this long to send its requests again and to hear the answers.
const TENDER: Duration = Duration::from_secs(15);

/// What a run is made of.
#[derive(Debug)]
pub(super) struct World {
    pub(super) chance: Chance,
    pub(super) network: Network,
    pub(super) agents: Vec<Agent>,
    pub(super) books: Books,
    pub(super) trace: Trace,
    pub(super) retention: Duration,
    /// How much the network is worth, in percent of the schedule's turns that break something.
    pub(super) faults: usize,
    /// Users who reload, until their socket ends or they have another.
    pub(super) reloading: BTreeSet<usize>,
    /// Sockets of pages that were left: what comes on them is acknowledged, and nobody sees it.
    pub(super) left: BTreeSet<ConnId>,
    /// Until when a user's socket neither hangs nor is half-open, after a reload.
    pub(super) tender: Vec<Instant>,
    pub(super) acting: bool,
}

impl World {
    pub(super) fn new(seed: u64, sabotage: Option<Sabotage>, drawing: bool) -> Self {
        let mut chance = Chance::new(seed);
        let users = 2 + chance.below(4);
        let shards = 1 + chance.below(3) as u16;
        let names: Vec<String> = (0..users).map(|user| format!("user{user}@sim.example")).collect();
        let mut config = Config {
            realm: vec!["sim.example".to_owned()],
            ..Config::default()
        };
        config.channel.retention = Duration::from_secs(chance.pick(&[15, 40, 120]));
        config.channel.ping_interval = Duration::from_secs(chance.pick(&[3, 10, 25]));
        config.stack.session = Duration::from_secs(chance.pick(&[20, 90, 600]));
        let retention = config.channel.retention;
        let network = Network::new(config, registry(), shards, users, chance.fork(), sabotage);
        let faults = chance.pick(&[0, 10, 25, 40]);
        let agents = names
            .iter()
            .enumerate()
            .map(|(number, name)| Agent::new(number, user_id(name)))
            .collect();
        Self {
            chance,
            network,
            agents,
            books: Books::default(),
            trace: Trace::new(names, drawing),
            retention,
            faults,
            reloading: BTreeSet::new(),
            left: BTreeSet::new(),
            tender: vec![Instant::ZERO; users],
            acting: true,
        }
    }

    pub(super) fn figures(&self) -> Figures {
        let accepted = self
            .books
            .items
            .iter()
            .filter(|item| item.result.is_some_and(|code| code < 300))
            .count();
        Figures {
            runs: 1,
            messages: self.books.items.len() as u64,
            accepted: accepted as u64,
            calls: self.books.calls as u64,
            answered: self.books.answered,
            digest: self.trace.digest,
            ..self.network.figures
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.network.now.since(Instant::ZERO)
    }

    pub(super) fn ladder(&self) -> Ladder {
        self.trace.ladder()
    }

    /// Plays the run to its end.
    pub(super) fn play(&mut self) -> Result<(), String> {
        for user in 0..self.agents.len() {
            let delay = self.chance.millis(0, 2_000);
            self.network.after(delay, Happening::Deed(user, Deed::Connect));
        }
        self.network.after(Duration::from_millis(1), Happening::Turn);
        let busy = self.chance.millis(10_000, 150_000);
        self.run_until(self.network.now + busy)?;
        self.acting = false;
        // Some leave for good, in form or without a word; the others stay, and come back if they are away.
        for user in 0..self.agents.len() {
            if self.chance.percent(30) {
                self.leave(user);
            } else {
                let delay = self.chance.millis(0, 5_000);
                self.network.after(delay, Happening::Deed(user, Deed::Connect));
            }
        }
        self.run_until(self.network.now + SETTLING)?;
        self.check_settled()?;
        self.check_quiet()?;
        for user in 0..self.agents.len() {
            self.leave(user);
        }
        self.run_until(self.network.now + SETTLING)?;
        self.check_empty()
    }

    fn run_until(&mut self, until: Instant) -> Result<(), String> {
        while let Some(arrivals) = self.network.step(until) {
            for arrival in arrivals {
                self.arrive(arrival);
            }
            if let Some(fault) = self.books.fault.take().or_else(|| self.network.fault.take()) {
                return Err(fault);
            }
        }
        self.network.now = self.network.now.max(until);
        Ok(())
    }

    fn arrive(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Turn => self.turn(),
            Arrival::Deed(user, Deed::Connect) => {
                if !self.agents[user].gone && self.agents[user].conn.is_none() {
                    self.connect(user);
                }
            }
            // A second copy that a hanging client sends much later would be more than lingering is for.
            Arrival::Deed(user, Deed::Again { .. }) if self.hangs(user) => {}
            Arrival::Deed(user, deed) => {
                if !self.agents[user].gone {
                    self.with(user, |agent, desk| agent.act(deed, desk));
                }
            }
            Arrival::Text { user, conn, text } => {
                let seen = !self.agents[user].gone && !self.left.contains(&conn);
                self.trace.received(self.elapsed(), user, &text, seen);
                if seen {
                    self.with(user, |agent, desk| agent.receive(&text, desk));
                } else {
                    self.agents[user].loses(&text);
                }
            }
            Arrival::Ended { user, conn, code } => self.ended(user, conn, code),
        }
    }

    fn ended(&mut self, user: usize, conn: ConnId, code: Option<u16>) {
        if self.agents[user].conn != Some(conn) {
            return;
        }
        self.trace.note(
            self.elapsed(),
            user,
            &code.map_or("socket gone".to_owned(), |code| format!("closed {code}")),
        );
        self.agents[user].conn = None;
        self.agents[user].reloaded |= self.reloading.remove(&user);
        if self.agents[user].gone {
            return;
        }
        let longest = self.retention.as_millis() as u64;
        let delay = match self.chance.below(if self.acting { 20 } else { 1 }) {
            0..=14 => self.chance.millis(50, 4_000),
            15..=18 => self.chance.millis(4_000, longest),
            _ => self.chance.millis(longest, longest * 2),
        };
        self.network.after(delay, Happening::Deed(user, Deed::Connect));
    }

    /// The user opens a socket; one that it has is replaced.
    pub(super) fn connect(&mut self, user: usize) {
        let name = self.agents[user].name.clone();
        let (conn, lost) = self.network.connect(user, &name);
        self.network.figures.channels_lost += u64::from(lost);
        if self.reloading.remove(&user) || self.agents[user].reloaded {
            // Lingering, which is what absorbs the repeats of this user, counts on while a socket is silent.
            self.agents[user].reloaded = false;
            self.tender[user] = self.network.now + TENDER;
        }
        self.trace.note(
            self.elapsed(),
            user,
            if lost {
                "connects, the channel was lost"
            } else {
                "connects"
            },
        );
        self.with(user, |agent, desk| agent.connected(conn, lost, desk));
    }

    /// The user leaves and does not come back.
    pub(super) fn leave(&mut self, user: usize) {
        if std::mem::replace(&mut self.agents[user].gone, true) {
            return;
        }
        self.network.forget_channel(user);
        self.trace.note(self.elapsed(), user, "leaves for good");
        if let Some(conn) = self.agents[user].conn.take() {
            let cut = self
                .chance
                .pick(&[Cut::Close(1000), Cut::Close(1001), Cut::Reset, Cut::HalfOpen]);
            self.network.cut(conn, cut);
        }
    }

    /// Lets a user agent work, and carries out what it wants.
    pub(super) fn with(&mut self, user: usize, work: impl FnOnce(&mut Agent, &mut Desk<'_>)) {
        let mut desk = Desk {
            books: &mut self.books,
            chance: &mut self.chance,
            acts: Vec::new(),
        };
        work(&mut self.agents[user], &mut desk);
        let acts = desk.acts;
        for act in acts {
            match act {
                Act::Send(text) => {
                    // Without a socket it goes nowhere; what matters is sent again on the next.
                    if let Some(conn) = self.agents[user].conn {
                        self.trace.sent(self.elapsed(), user, &text);
                        self.network.send(conn, text);
                    }
                }
                Act::Later(delay, deed) => self.network.after(delay, Happening::Deed(user, deed)),
            }
        }
    }

    fn hangs(&self, user: usize) -> bool {
        self.agents[user]
            .conn
            .is_some_and(|conn| self.network.hangs(conn))
    }

    /// Everybody who stays has been online for long.
    fn check_settled(&self) -> Result<(), String> {
        for agent in self.agents.iter().filter(|agent| !agent.gone) {
            if let Some(pending) = agent.pending.first() {
                let (method, dialog) = (pending.method, &pending.dialog);
                return Err(format!(
                    "user {} never got a final response to {method} in {dialog}",
                    agent.number
                ));
            }
        }
        for (number, item) in self.books.items.iter().enumerate() {
            let left = self.agents[item.from].gone || item.given_up;
            if item.result.is_none() && !left {
                return Err(format!(
                    "user {} never learned what became of message {number}",
                    item.from
                ));
            }
        }
        let mut ends: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for agent in self.agents.iter().filter(|agent| !agent.gone) {
            let open = |call: &&Call| call.state != State::Over && !call.bye_lost;
            for call in agent.calls.iter().filter(open) {
                ends.entry(call.number).or_default().push(agent.number);
            }
        }
        for (call, users) in ends {
            if users.len() != 2 && !self.is_with_a_service(call) {
                return Err(format!("call {call} is up at {users:?} only"));
            }
        }
        Ok(())
    }

    /// After a long quiet time with sockets only live dialogs are left, and nothing waits in an outbox but a refresh.
    fn check_quiet(&self) -> Result<(), String> {
        let mut live = 0;
        for (number, shard) in self.network.shards.iter().enumerate() {
            let stack = shard.stack();
            live += stack.live();
            if stack.len() > stack.live() {
                return Err(format!(
                    "shard {number} keeps {} records of {} live dialogs",
                    stack.len(),
                    stack.live()
                ));
            }
        }
        let channels = self
            .network
            .shards
            .iter()
            .flat_map(|shard| shard.channels().iter());
        let waiting: Vec<_> = channels.filter(|channel| channel.outbox_messages > 0).collect();
        if waiting
            .iter()
            .map(|channel| channel.outbox_messages)
            .sum::<usize>()
            > live
        {
            return Err(format!(
                "{live} live dialogs, but these channels still owe something: {waiting:?}"
            ));
        }
        Ok(())
    }

    /// Whether the other end of a call is the echo service.
    fn is_with_a_service(&self, number: usize) -> bool {
        let calls = self.agents.iter().flat_map(|agent| &agent.calls);
        calls
            .filter(|call| call.number == number)
            .any(|call| call.is_to_echo())
    }

    /// Everybody has left for good.
    fn check_empty(&self) -> Result<(), String> {
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
                return Err(format!("shard {number} has {count} {what} left"));
            }
            if let Some(at) = shard.poll_timeout() {
                return Err(format!("shard {number} still waits for {at:?}"));
            }
        }
        Ok(())
    }
}

fn user_id(name: &str) -> UserId {
    UserId::new(name).expect("the names of users are valid")
}

fn registry() -> Registry {
    let services: Vec<(String, Arc<dyn Service>)> = vec![
        ("relay".to_owned(), Arc::new(strowger_relay::Relay)),
        ("echo".to_owned(), Arc::new(strowger_echo::Echo)),
        ("hunt".to_owned(), Arc::new(strowger_hunt::Hunt::default())),
        ("fragile".to_owned(), Arc::new(Fragile)),
        ("room".to_owned(), Arc::new(Room)),
    ];
    Registry::new(services, "relay").expect("the services have different names")
}
