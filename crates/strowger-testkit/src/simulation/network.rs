//! The node's shards and the sockets between them and the users: a driver in virtual time, with faults.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jsip::UserId;
use strowger_channel::{ChannelId, ConnId, Frame};
use strowger_node::{Config, Effect, Mail, Registry, Shard};
use strowger_time::Instant;

use super::agent::Deed;
use super::chance::Chance;
use super::{Figures, Sabotage};

mod sockets;

pub(super) use sockets::Cut;
use sockets::Socket;

/// What a client's WebSocket layer sends.
#[derive(Debug)]
pub(super) enum Up {
    Text(String),
    Pong(Vec<u8>),
    Closed(Option<u16>),
}

/// What is going to happen.
#[derive(Debug)]
pub(super) enum Happening {
    /// Mail reaches a shard.
    Mail { to: u16, mail: Mail },
    /// The task of a socket looks what there is to write.
    Write(ConnId),
    /// A batch is flushed.
    Written(ConnId),
    /// The oldest frame on its way to a client arrives.
    Down(ConnId),
    /// The client learns that its socket is gone.
    Ended(ConnId, Option<u16>),
    /// Something reaches the node.
    Up(ConnId, Up),
    /// A client reads again.
    Reads(ConnId),
    /// A socket ends.
    Cut(ConnId, Cut),
    /// A user does something.
    Deed(usize, Deed),
    /// The seed chooses what happens next.
    Turn,
}

/// What a client gets.
#[derive(Debug)]
pub(super) enum Arrival {
    Text {
        user: usize,
        conn: ConnId,
        text: String,
    },
    Ended {
        user: usize,
        conn: ConnId,
        code: Option<u16>,
    },
    Deed(usize, Deed),
    Turn,
}

/// Shards, sockets, and what is on its way.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) now: Instant,
    queue: BTreeMap<(Instant, u64), Happening>,
    serial: u64,
    pub(super) shards: Vec<Shard>,
    sockets: BTreeMap<ConnId, Socket>,
    /// When the latest mail from one shard to another arrives.
    mail: BTreeMap<(u16, u16), Instant>,
    /// Until when a shard is not called.
    stalled: Vec<Instant>,
    /// What a user's last socket lost and the next must carry, and the channel.
    owed: Vec<VecDeque<String>>,
    channels: Vec<Option<ChannelId>>,
    chance: Chance,
    sabotage: Option<Sabotage>,
    pub(super) fault: Option<String>,
    pub(super) figures: Figures,
    /// The slowest the network gets, in milliseconds.
    latency: u64,
}

impl Network {
    pub(super) fn new(
        config: Config,
        registry: Registry,
        shards: u16,
        users: usize,
        mut chance: Chance,
        sabotage: Option<Sabotage>,
    ) -> Self {
        let (config, registry) = (Arc::new(config), Arc::new(registry));
        let seed = chance.draw();
        let shard = |number| {
            let seed = seed.wrapping_add(u64::from(number) << 32);
            Shard::new(
                Arc::clone(&config),
                Arc::clone(&registry),
                1,
                number,
                shards,
                seed,
            )
        };
        Self {
            now: Instant::ZERO,
            queue: BTreeMap::new(),
            serial: 0,
            shards: (0..shards).map(shard).collect(),
            sockets: BTreeMap::new(),
            mail: BTreeMap::new(),
            stalled: vec![Instant::ZERO; usize::from(shards)],
            owed: vec![VecDeque::new(); users],
            channels: vec![None; users],
            latency: chance.pick(&[5, 30, 200]),
            chance,
            sabotage,
            fault: None,
            figures: Figures::default(),
        }
    }

    /// Makes something happen later.
    pub(super) fn after(&mut self, delay: Duration, happening: Happening) {
        self.at(self.now + delay, happening);
    }

    fn at(&mut self, at: Instant, happening: Happening) {
        self.serial += 1;
        self.queue.insert((at, self.serial), happening);
    }

    /// Does the next thing that is due until then. What it brings to the users; `None` if nothing is left to do.
    pub(super) fn step(&mut self, until: Instant) -> Option<Vec<Arrival>> {
        let due = (0..self.shards.len())
            .filter_map(|shard| Some((self.deadline(shard)?, shard)))
            .min();
        let next = self.queue.first_key_value().map(|(key, _)| *key);
        if let Some((at, shard)) = due.filter(|(at, _)| next.is_none_or(|(next, _)| *at <= next)) {
            if at > until {
                return None;
            }
            self.now = self.now.max(at);
            self.shards[shard].handle_timeout(self.now);
            self.settle(shard);
            return Some(Vec::new());
        }
        let (at, serial) = next.filter(|(at, _)| *at <= until)?;
        let happening = self.queue.remove(&(at, serial))?;
        self.now = self.now.max(at);
        if let Some(shard) = self.shard_of(&happening)
            && self.stalled[shard] > self.now
        {
            // Under its old number, so that the order stays.
            self.queue.insert((self.stalled[shard], serial), happening);
            return Some(Vec::new());
        }
        let mut arrivals = Vec::new();
        self.happen(happening, &mut arrivals);
        Some(arrivals)
    }

    /// When a shard wants to be called, or can be.
    fn deadline(&self, shard: usize) -> Option<Instant> {
        let at = self.shards[shard].poll_timeout()?;
        if self.sabotage == Some(Sabotage::OversleepsTimers)
            && shard == 0
            && self.now.as_micros() > 20_000_000
        {
            return None;
        }
        Some(at.max(self.stalled[shard]))
    }

    /// The shard that something happens to.
    fn shard_of(&self, happening: &Happening) -> Option<usize> {
        let home = |conn: &ConnId| self.sockets.get(conn).map(|socket| usize::from(socket.home));
        match happening {
            Happening::Mail { to, .. } => Some(usize::from(*to)),
            Happening::Write(conn) | Happening::Written(conn) | Happening::Up(conn, _) => home(conn),
            Happening::Down(_)
            | Happening::Ended(..)
            | Happening::Reads(_)
            | Happening::Cut(..)
            | Happening::Deed(..)
            | Happening::Turn => None,
        }
    }

    fn happen(&mut self, happening: Happening, arrivals: &mut Vec<Arrival>) {
        match happening {
            Happening::Mail { to, mail } => {
                self.shards[usize::from(to)].receive_mail(mail);
                self.settle(usize::from(to));
            }
            Happening::Write(conn) => self.write(conn),
            Happening::Written(conn) => self.written(conn),
            Happening::Down(conn) => self.arrive(conn, arrivals),
            Happening::Ended(conn, code) => self.ended(conn, code, arrivals),
            Happening::Up(conn, up) => self.receive(conn, &up),
            Happening::Reads(conn) => self.read_again(conn, arrivals),
            Happening::Cut(conn, cut) => self.cut(conn, cut),
            Happening::Deed(user, deed) => arrivals.push(Arrival::Deed(user, deed)),
            Happening::Turn => arrivals.push(Arrival::Turn),
        }
    }

    /// A shard is not called for a while.
    pub(super) fn stall(&mut self, shard: usize, span: Duration) {
        self.stalled[shard] = self.stalled[shard].max(self.now + span);
    }

    /// Opens a socket for a user. Whether it found another channel than the user's last, so that what was open is lost.
    pub(super) fn connect(&mut self, user: usize, name: &UserId) -> (ConnId, bool) {
        let home = Shard::home(name, self.shards.len() as u16);
        let conn = self.open(user, home);
        let channel = self.shards[usize::from(home)].connect(self.now, name.clone(), conn);
        let before = self.channels[user].replace(channel);
        let lost = before.is_some_and(|before| before != channel);
        if before != Some(channel) {
            self.owed[user].clear();
        }
        self.settle(usize::from(home));
        (conn, lost)
    }

    /// Whether the user has something that its channel will lose: for the schedule's end.
    pub(super) fn forget_channel(&mut self, user: usize) {
        self.owed[user].clear();
        self.channels[user] = None;
    }

    fn settle(&mut self, shard: usize) {
        self.shards[shard].settle(self.now);
        while let Some(effect) = self.shards[shard].poll_effect() {
            self.carry_out(shard as u16, effect);
        }
    }

    fn carry_out(&mut self, shard: u16, effect: Effect) {
        match effect {
            Effect::Mail { to, mail } => self.post(shard, to, mail),
            Effect::Wake(conn) => self.wake(conn),
            Effect::Close { conn, code, .. } => self.close(conn, code),
            Effect::Dial { channel, .. } => self.shards[usize::from(shard)].dial_failed(self.now, channel),
            Effect::Log(_) => {}
        }
    }

    fn post(&mut self, from: u16, to: u16, mail: Mail) {
        let withheld = match self.sabotage {
            Some(Sabotage::WithholdsDropped) => matches!(mail, Mail::ChannelDown(_)),
            Some(Sabotage::WithholdsLost) => matches!(mail, Mail::ChannelLost(_)),
            Some(Sabotage::LosesReleases) => matches!(mail, Mail::Released(_)) && self.chance.percent(30),
            _ => false,
        };
        if withheld {
            return;
        }
        let mut at = self.now + self.chance.millis(0, 2);
        if self.sabotage == Some(Sabotage::ReordersMail) {
            at = at + self.chance.millis(0, 40);
        } else {
            let latest = self.mail.entry((from, to)).or_insert(at);
            *latest = at.max(*latest);
            at = *latest;
        }
        self.at(at, Happening::Mail { to, mail });
    }
}

/// Splits a batch: its texts and the payload of its Ping.
fn parts(frames: Vec<Frame>) -> (Vec<String>, Option<Vec<u8>>) {
    let (mut texts, mut ping) = (Vec::new(), None);
    for frame in frames {
        match frame {
            Frame::Text(text) => texts.push(String::from_utf8_lossy(&text).into_owned()),
            Frame::Ping(payload) => ping = Some(payload.to_vec()),
            Frame::Binary(_) => unreachable!("no outbox makes a binary frame"),
        }
    }
    (texts, ping)
}
